"""Facts about a .pptx, from its parts. Element names: ECMA-376 part 1, chapters 19 and 20."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.facts import Embedded, OnSlide, SlidesInfo, Text
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.slides.opc import CLICKED, MOVING, Link, Package
from pipeline.probe.slides.reflow import TextBox, reflows, scripts, undrawable
from pipeline.probe.text.xml_safe import BadXml, Position, local
from pipeline.tools.fonts import swaps

EMU: Final = 12700  # English metric units in a point (20.1.2.1)
_EFFECTS: Final = frozenset({"entr", "exit", "emph", "path"})  # preset classes of effects (19.7.15)
# Animation behaviours, for effects without a preset class (19.5).
_BEHAVIOURS: Final = frozenset({"anim", "animClr", "animEffect", "animMotion", "animRot", "animScale"})
_FACES: Final = ("latin", "ea", "cs")
# What a deck of the family is, by the content type of its main part (ECMA-376 part 1, 13.3.6; [MS-OFFMACRO2] 2.2.1).
_FAMILY: Final = {
    "slideshow.main": "ppsx",
    "template.main": "potx",
    "presentation.macroenabled.main": "pptm",
    "slideshow.macroenabled.main": "ppsm",
    "template.macroenabled.main": "potm",
}
# Parts beside the slide whose words are shown on it.
_SHOWN: Final = frozenset({"chart", "diagramDrawing", "chartEx"})
_SHOWN_TARGET: Final = 200  # letters of an address that are kept


@dataclass(slots=True)
class Page:
    """What one slide part holds."""

    hidden: bool = False
    effects: bool = False
    transition: bool = False
    faces: set[str] = field(default_factory=set)  # typefaces as written; "+mn-lt" means the theme's
    boxes: list[tuple[frozenset[str], str]] = field(default_factory=list)  # faces and words of each shape with text
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its words, one paragraph a line."""
        return "\n".join(line for line in self.lines if line.strip())


def _is_effect(name: str, attributes: dict[str, str]) -> bool:
    return name in _BEHAVIOURS or (name == "cTn" and attributes.get("presetClass") in _EFFECTS)


class _SlideReader:
    """Handlers for one slide, notes or chart part."""

    def __init__(self, only: str | None) -> None:
        self.only = only  # the placeholder type whose words count; None: all but those of the layout
        self.page = Page()
        self.path: list[str] = []
        self.run: dict[str, str] = {}  # faces of the run being read
        self.box: set[str] = set()  # faces of the shape being read
        self.said: list[str] = []  # in the shape being read
        self.words: list[str] = []
        self.line: list[str] = []
        self.kind: str | None = None  # placeholder type of the shape being read
        self.skip = 0  # depth inside the fallback of alternative content, which repeats what was read

    def start(self, element: str, attributes: dict[str, str], _: Position) -> None:
        name = local(element)
        self.path.append(name)
        if name == "Fallback" or self.skip:
            self.skip += 1
            return
        parent = self.path[-2] if len(self.path) > 1 else ""
        page = self.page
        if len(self.path) == 1:
            page.hidden = attributes.get("show", "1") in {"0", "false"}
        elif parent == "transition" and name not in {"sndAc", "extLst"}:
            page.transition = True
        elif _is_effect(name, attributes):
            page.effects = True
        elif name in {"r", "fld"}:
            self.run, self.words = {}, []
        elif name in _FACES and parent == "rPr" and attributes.get("typeface"):
            self.run[name] = attributes["typeface"]
        elif name in _FACES and parent == "defRPr" and attributes.get("typeface"):
            page.faces.add(attributes["typeface"])
        elif name == "br":
            self.line.append("\n")
        elif name == "ph":
            self.kind = attributes.get("type", "obj")

    def text(self, words: str) -> None:
        if not self.skip and self.path and self.path[-1] == "t":
            self.words.append(words)

    def end(self, element: str) -> None:
        self.path.pop()
        if self.skip:
            self.skip -= 1
            return
        name = local(element)
        if name in {"r", "fld"}:
            words = "".join(self.words)
            self.line.append(words)
            if words.strip():
                faces = _drawn_with(words, self.run)
                self.said.append(words)
                self.page.faces.update(faces)
                self.box.update(faces)
        elif name == "p":
            # Numbers, dates and footers come from the layout; they are not what a page says.
            if self.kind == self.only if self.only else self.kind not in {"sldNum", "dt", "ftr", "hdr"}:
                self.page.lines.append("".join(self.line))
            self.line = []
        elif name in {"sp", "graphicFrame"}:
            self.kind = None
            if self.box:
                self.page.boxes.append((frozenset(self.box), "".join(self.said)))
            self.box, self.said = set(), []


def _drawn_with(words: str, run: dict[str, str]) -> set[str]:
    """The faces of a run that its letters need: a Latin one, an East Asian one, or both (21.1.2.3.1, 21.1.2.3.3).

    What the run does not name comes from the master, thus from the theme.
    """
    latin = run.get("latin", "+mn-lt")
    return {run.get(script, latin) for script in scripts(words)}


def _page(package: Package, name: str, only: str | None = None) -> Page:
    reader = _SlideReader(only)
    package.xml(name, reader.start, reader.end, reader.text)
    return reader.page


@dataclass(slots=True)
class _Deck:
    """What is collected over all slides."""

    fonts: dict[str, None] = field(default_factory=dict)  # an ordered set
    boxes: list[TextBox] = field(default_factory=list)  # those that are shown
    places: list[OnSlide] = field(default_factory=list)
    media: dict[str, int | None] = field(default_factory=dict)  # part or address, and the slide it is on
    outside: set[tuple[str, str]] = field(default_factory=set)
    gifs: dict[str, int] = field(default_factory=dict)  # part, and the first slide it is on
    texts: list[str] = field(default_factory=list)
    hidden: int = 0
    animations: int = 0
    transitions: int = 0
    remarks: list[Text] = field(default_factory=list)


def _theme_fonts(package: Package, slide: str, known: dict[str, dict[str, str]]) -> dict[str, str]:
    """What "+mj-lt" and its like mean for a slide: its layout's master's theme (20.1.4.1.16, 21.1.2.3.7)."""
    part = slide
    for step in ("slideLayout", "slideMaster", "theme"):
        part = next((link.target for link in package.links(part) if link.type == step), "")
        if not part:
            return {}
    if part not in known:
        fonts: dict[str, str] = {}
        inside = ""

        def start(element: str, attributes: dict[str, str], _: Position) -> None:
            nonlocal inside
            name = local(element)
            if name in {"majorFont", "minorFont"}:
                inside = "+mj-" if name == "majorFont" else "+mn-"
            elif inside and name in _FACES and f"{inside}{_short(name)}" not in fonts:
                fonts[f"{inside}{_short(name)}"] = attributes.get("typeface", "")

        def end(element: str) -> None:
            nonlocal inside
            if local(element) in {"majorFont", "minorFont"}:
                inside = ""

        package.xml(part, start, end)
        known[part] = fonts
    return known[part]


def _short(face: str) -> str:
    return "lt" if face == "latin" else face


def _links(package: Package, name: str, deck: _Deck, slide: int | None = None) -> tuple[Link, ...]:
    links = package.links(name)
    for link in links:
        if link.type in MOVING:
            if link.target not in deck.media:
                deck.places.append(OnSlide(slide or 0, "media"))
            deck.media.setdefault(link.target, None if link.external else slide)
        if link.external and link.type not in CLICKED:
            deck.outside.add((link.type, link.target))
            deck.places.append(OnSlide(slide or 0, "link", Text.same(link.target[:_SHOWN_TARGET])))
        if link.type == "image" and not link.external and link.target.lower().endswith(".gif"):
            deck.gifs.setdefault(link.target, slide or 0)
    return links


def _notes(package: Package, links: tuple[Link, ...]) -> str:
    """Speaker notes: the words of the body placeholder of the notes part."""
    name = next((link.target for link in links if link.type == "notesSlide" and not link.external), None)
    return _page(package, name, "body").text if name and package.has(name) else ""


def _slide(package: Package, name: str, number: int, deck: _Deck, themes: dict[str, dict[str, str]]) -> None:
    page = _page(package, name)
    links = _links(package, name, deck, number)
    if page.hidden:
        deck.hidden += 1
        return
    deck.animations += page.effects
    deck.transitions += page.transition
    deck.places += [
        OnSlide(number, what) for what, there in (("animation", page.effects), ("transition", page.transition)) if there
    ]
    deck.texts.append(_notes(package, links) or page.text)
    faces = set(page.faces)
    for link in links:
        if link.type in _SHOWN and not link.external and package.has(link.target):
            faces |= _page(package, link.target).faces
    theme = _theme_fonts(package, name, themes)

    def named(written: set[str] | frozenset[str]) -> set[str]:
        fonts = {theme.get(face, "") if face.startswith("+") else face for face in written}
        return {font for font in fonts if font}

    deck.fonts.update(dict.fromkeys(sorted(named(faces))))
    deck.boxes.extend(TextBox(number, frozenset(named(faces)), words) for faces, words in page.boxes)


def _main_part(package: Package) -> str:
    for link in package.links(""):
        if link.type == "officeDocument" and not link.external:
            return link.target
    raise BadXml(Text("there is no presentation part", "缺少演示文稿部分"))


def _family(package: Package, main: str) -> str:
    """Whether it is a deck, a show or a template, and whether macros may be in it; a deck where nothing says so."""
    said = "pptx"

    def start(element: str, attributes: dict[str, str], _: Position) -> None:
        nonlocal said
        if local(element) == "Override" and attributes.get("PartName", "").lstrip("/").lower() == main.lower():
            word = attributes.get("ContentType", "").lower().removesuffix("+xml")
            said = next((family for type_, family in _FAMILY.items() if word.endswith("." + type_)), said)

    if package.has("[Content_Types].xml"):
        package.xml("[Content_Types].xml", start)
    return said


def _producer(package: Package) -> str | None:
    # The strict form of the standard writes its relationships as one word.
    types = {"extended-properties", "extendedProperties"}
    name = next((link.target for link in package.links("") if link.type in types), "")
    if not package.has(name):
        return None
    inside, words = False, []

    def start(element: str, _: dict[str, str], __: Position) -> None:
        nonlocal inside
        inside = local(element) == "Application"

    def text(run: str) -> None:
        if inside:
            words.append(run)

    package.xml(name, start, words=text)
    return "".join(words).strip() or None


def read_pptx(archive: Zip) -> tuple[SlidesInfo, list[Text]]:
    """Facts about an open .pptx.

    Raises BadZip or BadXml when its list of slides cannot be read, CeilingExceeded above MAX_PAGES slides.
    Fonts are those that visible text names, the theme's where it names none; text is speaker notes where
    there are any, else what the slide says. The compression ratio is the one the zip states.
    """
    package, deck = Package(archive), _Deck()
    main = _main_part(package)
    order: list[str] = []
    size: list[Fraction] = []
    carried: list[str] = []
    path: list[str] = []

    def start(element: str, attributes: dict[str, str], _: Position) -> None:
        name = local(element)
        path.append(name)
        if name == "font":  # of the list of embedded fonts (19.2.1.13)
            carried.append(attributes.get("typeface", ""))
        elif path[1:] == ["sldIdLst", "sldId"]:  # sections list the same slides once more, inside an extension
            order.append(next((v for k, v in attributes.items() if ":" in k and local(k) == "id"), ""))
        elif name == "sldSz":
            size.extend(
                Fraction(int(attributes[side]), EMU) for side in ("cx", "cy") if attributes.get(side, "").isdecimal()
            )

    def end(_: str) -> None:
        path.pop()

    package.xml(main, start, end)
    if len(order) > MAX_PAGES:
        raise CeilingExceeded(
            f"{archive.name} has {len(order)} slides, above the ceiling of {MAX_PAGES}. Split the deck.",
            f"{archive.name} 有 {len(order)} 页，超过上限 {MAX_PAGES}。请拆分演示文稿。",
        )
    targets = {link.id: link.target for link in _links(package, main, deck) if not link.external}
    themes: dict[str, dict[str, str]] = {}
    broken = 0
    for number, key in enumerate(order, 1):
        try:
            _slide(package, targets.get(key, ""), number, deck, themes)
        except (BadXml, BadZip) as error:
            broken += 1
            deck.remarks.append(
                Text(
                    f"{archive.name}: slide {number} cannot be parsed: {error.text.en}.",
                    f"{archive.name}：第 {number} 页无法解析：{error.text.zh}。",
                )
            )
    for name in package.parts:
        if name.startswith(("ppt/slidelayouts/_rels/", "ppt/slidemasters/_rels/")) and name.endswith(".rels"):
            _links(package, name.replace("_rels/", "").removesuffix(".rels"), deck)
    packed = sum(member.packed for member in archive.members)
    # LibreOffice does not read the fonts a .pptx carries, so they do not count as being here.
    replaced = swaps(deck.fonts)
    reflowing = reflows(deck.boxes, replaced)
    moving = {part: slide for part, slide in deck.gifs.items() if package.moving_gif(part)}
    deck.places += [OnSlide(slide, "gif") for slide in moving.values()]
    return (
        SlidesInfo(
            format=_family(package, main),
            pages=len(order) - deck.hidden if not broken else None,
            hidden=deck.hidden if not broken else None,
            page_size=(size[0], size[1]) if len(size) == 2 else None,
            page_sizes=1,  # the format knows one for all slides
            encrypted=False,
            restricted=False,
            valid=not broken,
            fonts=tuple(deck.fonts) if not broken else None,
            embedded_fonts=tuple(font for font in carried if font),
            swaps=replaced if not broken else None,
            reflowing=len(reflowing) if reflowing is not None and not broken else None,
            places=(*deck.places, *(reflowing or ()), *undrawable(deck.boxes)),
            animations=deck.animations if not broken else None,
            transitions=deck.transitions if not broken else None,
            media=len(deck.media),
            embedded=tuple(Embedded(slide, part) for part, slide in deck.media.items() if slide and package.has(part)),
            animated_pictures=len(moving),
            external_links=len(deck.outside),
            macros=any(name.endswith("vbaproject.bin") for name in package.parts),
            controls=any("/activex/" in name for name in package.parts),
            compression_ratio=Fraction(sum(m.size for m in archive.members), packed) if packed else None,
            longest_page_text=max(map(len, deck.texts), default=0) if not broken else None,
            page_texts=tuple(deck.texts) if not broken else None,
            producer=_producer(package),
        ),
        deck.remarks,
    )
