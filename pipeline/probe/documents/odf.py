"""The words of OpenDocument texts and sheets (ODF 1.3 part 3), cut where a page or a chapter begins."""

from __future__ import annotations

from typing import Final

from pipeline.probe.archive.zip import Zip
from pipeline.probe.documents.sections import BREAK, Sections
from pipeline.probe.slides.opc import Package
from pipeline.probe.text.xml_safe import Position, local

# What is not shown with the words: the reading above a word, what was deleted, notes, remarks, lists of chapters.
_UNSEEN: Final = frozenset(
    {"ruby-text", "tracked-changes", "note", "annotation", "table-of-content", "alphabetical-index", "desc", "title"}
)
_TABLES: Final = {"table": "tbl", "table-row": "tr", "table-cell": "tc", "covered-table-cell": "tc"}
_MOST: Final = 100  # blanks or empty cells that one element stands for


def read_odf(archive: Zip) -> Sections:
    """Its words. Raises BadZip, BadXml, CeilingExceeded."""
    package = Package(archive)
    reader = _Content()
    package.xml("content.xml", reader.start, reader.end, reader.text)
    return reader.sections


class _Content:
    """Handlers for the content part."""

    def __init__(self) -> None:
        self.sections = Sections()
        self.path: list[str] = []
        self.open: list[list[str]] = []  # paragraphs: they stand in frames inside paragraphs
        self.unseen = 0
        self.style = ""  # that is being declared
        self.breaks: dict[str, tuple[bool, bool]] = {}  # by style: a page ends before it, after it
        self.after: list[bool] = []

    def start(self, element: str, attributes: dict[str, str], _place: Position) -> None:
        name = local(element)
        self.path.append(name)
        given = {local(key): value for key, value in attributes.items()}
        if self.unseen or name in _UNSEEN or given.get("display") == "none" or given.get("visibility") == "collapse":
            self.unseen += 1
            if self.unseen == 1 and name == "note":
                self.sections.notes += 1
            return
        if name == "style":
            self.style = given.get("name", "")
        elif name == "paragraph-properties":
            before, after = (given.get(f"break-{where}") == "page" for where in ("before", "after"))
            self.breaks[self.style] = (before, after)
        elif name in _TABLES:
            for _ in range(_number(given.get("number-columns-repeated")) if _TABLES[name] == "tc" else 1):
                self.sections.opened(_TABLES[name])
        elif name in {"p", "h"}:
            before, after = self.breaks.get(given.get("style-name", ""), (False, False))
            self.open.append([BREAK] if before and not self.sections.in_table else [])
            self.after.append(after)
        elif self.open:
            self.open[-1].append({"line-break": "\n", "tab": "\t", "s": " " * _number(given.get("c"))}.get(name, ""))

    def text(self, words: str) -> None:
        if self.open and not self.unseen:
            self.open[-1].append(words)

    def end(self, _: str) -> None:
        name = self.path.pop()
        if self.unseen:
            self.unseen -= 1
            return
        if name in _TABLES:
            self.sections.closed(_TABLES[name])
        elif name in {"p", "h"}:
            words = "".join(self.open.pop())
            if name == "h" and words.strip():
                self.sections.heading(words)
            else:
                self.sections.paragraph(words)
            if self.after.pop():
                self.sections.page()


def _number(raw: str | None) -> int:
    return min(int(raw), _MOST) if raw and raw.isdecimal() else 1
