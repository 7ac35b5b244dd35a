"""The words of a Word document (ECMA-376 part 1, chapter 17), as shown, cut where a page or a chapter begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pipeline.model.facts import Text
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.documents.sections import Sections
from pipeline.probe.slides.opc import Package
from pipeline.probe.text.xml_safe import BadXml, Position, local

_OFF: Final = frozenset({"0", "false", "off"})
# What is not shown: a copy of what was read, words that were moved away, the reading above a word, what a text
# says about itself, notes in the margin.
_UNSEEN: Final = frozenset({"Fallback", "moveFrom", "rt", "instrText", "delText", "delInstrText"})
_SIGNS: Final = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-"}


@dataclass(slots=True)
class _Style:
    """What a paragraph style says: its parent, whether it is a heading, whether it is of a table of contents."""

    parent: str = ""
    heading: bool | None = None  # None: as its parent
    contents: bool = False
    hidden: bool = False
    breaks: bool = False


@dataclass(slots=True)
class _Paragraph:
    """A paragraph that is being read."""

    words: list[str] = field(default_factory=list)
    heading: bool = False
    contents: bool = False
    section: bool = False  # a section of the document ends with it


def read_docx(archive: Zip) -> Sections:
    """Its words. Raises BadZip, BadXml, CeilingExceeded."""
    package = Package(archive)
    main = next((link.target for link in package.links("") if link.type == "officeDocument"), "word/document.xml")
    styles = next((link.target for link in package.links(main) if link.type == "styles"), "")
    reader = _Body(_styles(package, styles))
    package.xml(main, reader.start, reader.end, reader.text)
    return reader.sections


def _styles(package: Package, part: str) -> dict[str, _Style]:
    """The paragraph styles by their ids, each with what it has of its parents; none where they cannot be read."""
    found: dict[str, _Style] = {}
    open_: list[_Style] = []

    def start(element: str, attributes: dict[str, str], _: Position) -> None:
        name, value = local(element), _value(attributes)
        if name == "style":
            open_[:] = [_Style()]
            found[_attribute(attributes, "styleId")] = open_[0]
        elif not open_:
            return
        elif name == "name":
            known = value.lower()
            open_[0].contents = known.startswith("toc ") or known == "toc heading"
            if known.startswith("heading ") or known == "title":
                open_[0].heading = True
        elif name == "basedOn":
            open_[0].parent = value
        elif name == "outlineLvl":
            open_[0].heading = value < "9"  # 9 is body text (17.3.1.20)
        elif name == "vanish":
            open_[0].hidden = value not in _OFF
        elif name == "pageBreakBefore":
            open_[0].breaks = value not in _OFF

    def end(element: str) -> None:
        if local(element) == "style":
            open_.clear()

    if part and package.has(part):
        try:
            package.xml(part, start, end)
        except (BadXml, BadZip):
            return {}  # the words are whole without them
    for style in found.values():
        above, seen = style, 0
        while above.parent in found and seen < len(found):
            above, seen = found[above.parent], seen + 1
            style.heading = above.heading if style.heading is None else style.heading
            style.hidden |= above.hidden
            style.breaks |= above.breaks
    return found


def _attribute(attributes: dict[str, str], name: str) -> str:
    return next((value for key, value in attributes.items() if local(key) == name), "")


def _value(attributes: dict[str, str]) -> str:
    return _attribute(attributes, "val")


class _Body:
    """Handlers for the main part. Paragraphs stand in text boxes inside paragraphs, and tables inside tables."""

    def __init__(self, styles: dict[str, _Style]) -> None:
        self.sections = Sections()
        self.styles = styles
        self.path: list[str] = []
        self.open: list[_Paragraph] = []
        self.unseen = 0  # depth inside what is not shown
        self.hidden = False  # the run being read
        self.placeholder: list[bool] = []  # of each content control around: what stands in it only asks for words

    def start(self, element: str, attributes: dict[str, str], _: Position) -> None:
        name = local(element)
        self.path.append(name)
        if self.unseen or name in _UNSEEN:
            self.unseen += 1
            return
        match name:
            case "p":
                self.open.append(_Paragraph())
            case "r":
                self.hidden = False
            case "tbl" | "tr" | "tc":
                self.sections.opened(name)
            case "sdt":
                self.placeholder.append(False)
            case "showingPlcHdr" if self.placeholder:
                self.placeholder[-1] = _value(attributes) not in _OFF
            case "footnoteReference" | "endnoteReference":
                self.sections.notes += 1
        if self.open:
            self._inside(name, attributes)

    def _inside(self, name: str, attributes: dict[str, str]) -> None:
        here, value = self.open[-1], _value(attributes)
        within = self.path[-2] if len(self.path) > 1 else ""
        match name:
            case "pStyle":
                style = self.styles.get(value, _Style())
                here.heading, here.contents = bool(style.heading), style.contents
                if style.breaks:
                    self._broken(here)
            case "outlineLvl":
                here.heading = value < "9"
            case "pageBreakBefore" if value not in _OFF:
                self._broken(here)
            case "vanish" if within == "rPr":
                self.hidden = value not in _OFF and self.path[-3] == "r"
            case "rStyle":
                self.hidden |= self.styles.get(value, _Style()).hidden
            case "br" if _attribute(attributes, "type") == "page":
                self._broken(here)
            case "br":
                here.words.append("\n")
            case "sectPr":
                here.section = True
            case "type" if within == "sectPr":
                here.section = value not in {"continuous", "nextColumn"}
            case _ if within == "r" and name in _SIGNS:
                here.words.append(_SIGNS[name])

    def _broken(self, here: _Paragraph) -> None:
        """A page ends. In a table it only ends the row, which is a scene of its own."""
        if not self.sections.in_table:
            here.words.append("\f")

    def text(self, words: str) -> None:
        if self.unseen or self.hidden or any(self.placeholder) or not self.open or self.path[-1] != "t":
            return
        self.open[-1].words.append(words)

    def end(self, element: str) -> None:
        name = self.path.pop()
        if self.unseen:
            self.unseen -= 1
            return
        match name:
            case "p":
                self._said(self.open.pop())
            case "tbl" | "tr" | "tc":
                self.sections.closed(name)
            case "sdt":
                self.placeholder.pop()

    def _said(self, done: _Paragraph) -> None:
        words = "".join(done.words)
        if done.contents:
            self.sections.left_out(Text("the table of contents is not read", "未读取目录"))
        elif done.heading and words.strip():
            self.sections.heading(words)
        else:
            self.sections.paragraph(words)
        if done.section:
            self.sections.page()
