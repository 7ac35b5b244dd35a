"""Facts about an OpenDocument presentation. Element names: OpenDocument 1.3 part 3."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.facts import Embedded, OnSlide, SlidesInfo, Text
from pipeline.probe.archive.zip import Zip
from pipeline.probe.slides.odp_fonts import Style, Styles
from pipeline.probe.slides.opc import Package
from pipeline.probe.slides.reflow import TextBox, reflows, undrawable
from pipeline.probe.text.xml_safe import Position
from pipeline.tools.fonts import swaps

_POINTS: Final = {
    "cm": Fraction(7200, 254),
    "mm": Fraction(720, 254),
    "in": Fraction(72),
    "pt": Fraction(1),
    "pc": Fraction(12),
}
_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(cm|mm|in|pt|pc)")
_SHOWN_TARGET: Final = 200  # letters of an address that are kept
_INSIDE: Final = "vnd.sun.star.Package:"  # LibreOffice's way to name a part of the package
_PLAYED: Final = frozenset({"draw:plugin", "anim:audio", "presentation:sound"})
_OUTSIDE: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:|\.\./|/)", re.IGNORECASE)


def outside(address: str) -> bool:
    """Whether an address leads out of the package."""
    return _OUTSIDE.match(address.removeprefix(_INSIDE)) is not None


# What a renderer fills in; not what a page says.
_FIELDS: Final = frozenset(
    {
        "text:page-number",
        "text:date",
        "text:time",
        "presentation:header",
        "presentation:footer",
        "presentation:date-time",
    }
)
_INNER: Final = {"text:p": "paragraph", "text:h": "paragraph", "text:span": "text"}
FOLLOWED_BY_PEOPLE: Final = frozenset({"text:a", "draw:a", "presentation:event-listener", "script:event-listener"})


def _points(raw: str | None) -> Fraction | None:
    found = _LENGTH.fullmatch(raw or "")
    return Fraction(found[1]) * _POINTS[found[2]] if found else None


Sides = tuple[Fraction, Fraction]  # width and height in points


@dataclass(slots=True)
class _Page:
    style: str
    master: str
    effects: bool = False
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fonts: set[str] = field(default_factory=set)
    boxes: list[tuple[frozenset[str], str]] = field(default_factory=list)


# What holds a text box, and the attributes that name its style and those inside it, by family.
_HOLDERS: Final = frozenset(
    {"draw:frame", "draw:custom-shape", "draw:rect", "draw:ellipse", "draw:polygon", "draw:path"}
)
_STYLED: Final = {
    "presentation:style-name": "presentation",
    "draw:style-name": "graphic",
    "draw:text-style-name": "paragraph",
}


class _Content:
    """Handlers for content.xml."""

    def __init__(self, styles: Styles) -> None:
        self.pages: list[_Page] = []
        self.hidden: set[str] = set()  # names of page styles
        self.moving: set[str] = set()
        self.styles = styles
        self.holders: list[list[Style]] = []  # styles of the shapes that are open, the innermost last
        self.inner: list[list[Style]] = []  # of the paragraphs and spans that are open
        self.box: tuple[set[str], list[str]] = (set(), [])  # fonts and words of the shape being read
        self.style = ""
        self.path: list[str] = []
        self.media: dict[str, int] = {}  # name or address, and the page it is on
        self.sounds: dict[str, str] = {}  # by style of page
        self.outside: dict[str, int] = {}
        self.gifs: dict[str, int] = {}
        self.controls = False

    def start(self, name: str, attributes: dict[str, str], _: Position) -> None:
        self.path.append(name)
        self.styles.start(name, attributes)
        if name == "style:style":
            self.style = attributes.get("style:name", "")
        elif name == "style:drawing-page-properties":
            if attributes.get("presentation:visibility") == "hidden":
                self.hidden.add(self.style)
            if "smil:type" in attributes or attributes.get("presentation:transition-style", "none") != "none":
                self.moving.add(self.style)
        elif name == "draw:page":
            self.pages.append(_Page(attributes.get("draw:style-name", ""), attributes.get("draw:master-page-name", "")))
            if self.pages[-1].style in self.sounds:
                self.media.setdefault(self.sounds[self.pages[-1].style].removeprefix("./"), len(self.pages))
        elif name == "draw:control":
            self.controls = True
        elif name in _HOLDERS:
            self.holders.append([(family, attributes[key]) for key, family in _STYLED.items() if key in attributes])
        elif name in _INNER:
            style = attributes.get("text:style-name")
            self.inner.append([(_INNER[name], style)] if style else [])
        elif self.pages and attributes.get("presentation:preset-class") in {
            "entrance",
            "exit",
            "emphasis",
            "motion-path",
        }:
            self.pages[-1].effects = True
        target = attributes.get("xlink:href", "").removeprefix(_INSIDE)
        if name in _PLAYED and target and self.pages:
            self.media.setdefault(target.removeprefix("./"), len(self.pages))
        elif name == "presentation:sound" and target:  # of a transition, in the style of its pages
            self.sounds[self.style] = target
        if outside(target) and name not in FOLLOWED_BY_PEOPLE:
            self.outside.setdefault(target, len(self.pages))
        elif name == "draw:image" and target.lower().endswith(".gif"):
            self.gifs.setdefault(target.removeprefix("./"), len(self.pages))

    def end(self, name: str) -> None:
        self.path.pop()
        self.styles.end(name)
        if name in _HOLDERS and self.holders:
            self.holders.pop()
            fonts, words = self.box
            if fonts and self.pages:
                self.pages[-1].boxes.append((frozenset(fonts), "".join(words)))
            self.box = (set(), [])
        elif name in _INNER and self.inner:
            self.inner.pop()
        if name in {"text:p", "text:h"} and self.pages:
            self._into().append("\n")

    def text(self, words: str) -> None:
        if self.path[-1] not in _FIELDS and self.pages and ("text:p" in self.path or "text:h" in self.path):
            self._into().append(words)
            if words.strip() and "presentation:notes" not in self.path:
                chain = [style for group in (*self.inner[::-1], *self.holders[::-1]) for style in group]
                fonts = self.styles.used(words, chain)
                self.pages[-1].fonts |= fonts
                self.box[0].update(fonts)
                self.box[1].append(words)

    def _into(self) -> list[str]:
        page = self.pages[-1]
        return page.notes if "presentation:notes" in self.path else page.words


def _said(words: list[str]) -> str:
    return "\n".join(line for line in "".join(words).split("\n") if line.strip())


def _style_facts(package: Package, styles: Styles) -> tuple[dict[str, Sides], str | None]:
    """Named styles and page sizes by master from styles.xml, the program from meta.xml; what is missing is unknown."""
    masters: dict[str, Sides] = {}
    layouts: dict[str, Sides] = {}
    layout, producer, inside = "", [], False

    def start(name: str, attributes: dict[str, str], _: Position) -> None:
        nonlocal layout
        styles.start(name, attributes)
        if name == "style:page-layout":
            layout = attributes.get("style:name", "")
        elif name == "style:page-layout-properties":
            width, height = (_points(attributes.get(f"fo:page-{side}")) for side in ("width", "height"))
            if width is not None and height is not None:
                layouts[layout] = width, height
        elif name == "style:master-page" and attributes.get("style:page-layout-name") in layouts:
            masters[attributes.get("style:name", "")] = layouts[attributes["style:page-layout-name"]]

    def begin(name: str, _: dict[str, str], __: Position) -> None:
        nonlocal inside
        inside = name == "meta:generator"

    def words(run: str) -> None:
        if inside:
            producer.append(run)

    if package.has("styles.xml"):
        package.xml("styles.xml", start, styles.end)
    if package.has("meta.xml"):
        package.xml("meta.xml", begin, words=words)
    return masters, "".join(producer).strip() or None


def encrypted(package: Package) -> bool:
    """A manifest that tells how to decrypt (OpenDocument 1.3 part 2, 4.4)."""
    found = False

    def start(name: str, _: dict[str, str], __: Position) -> None:
        nonlocal found
        found = found or name.endswith("encryption-data")

    if package.has("META-INF/manifest.xml"):
        package.xml("META-INF/manifest.xml", start)
    return found


def _places(content: _Content, moving: dict[str, int]) -> list[OnSlide]:
    """Where things are, hidden pages left out except for what is in the file whatever is shown."""
    places = [OnSlide(slide, "media") for slide in content.media.values()]
    places += [OnSlide(slide, "link", Text.same(target[:_SHOWN_TARGET])) for target, slide in content.outside.items()]
    places += [OnSlide(slide, "gif") for slide in moving.values()]
    for number, page in enumerate(content.pages, 1):
        if page.style not in content.hidden:
            places += [OnSlide(number, "animation")] if page.effects else []
            places += [OnSlide(number, "transition")] if page.style in content.moving else []
    return places


def read_odp(archive: Zip) -> tuple[SlidesInfo, list[Text]]:
    """Facts about an open .odp.

    Raises BadZip or BadXml when content.xml cannot be read, CeilingExceeded above MAX_PAGES pages.
    """
    package = Package(archive)
    if encrypted(package):
        return SlidesInfo(format="odp", encrypted=True), []
    styles = Styles()
    masters, producer = _style_facts(package, styles)
    content = _Content(styles)
    package.xml("content.xml", content.start, content.end, content.text)
    if len(content.pages) > MAX_PAGES:
        raise CeilingExceeded(
            f"{archive.name} has {len(content.pages)} slides, above the ceiling of {MAX_PAGES}. Split the deck.",
            f"{archive.name} 有 {len(content.pages)} 页，超过上限 {MAX_PAGES}。请拆分演示文稿。",
        )
    shown = [page for page in content.pages if page.style not in content.hidden]
    texts = tuple(_said(page.notes) or _said(page.words) for page in shown)
    sizes = list(dict.fromkeys(masters[page.master] for page in content.pages if page.master in masters))
    used = tuple(sorted(set[str]().union(*(page.fonts for page in shown))))
    replaced = swaps(used, styles.carried)
    boxes = [
        TextBox(number, *box)
        for number, page in enumerate(content.pages, 1)
        if page.style not in content.hidden
        for box in page.boxes
    ]
    reflowing = reflows(boxes, replaced)
    moving = {part: slide for part, slide in content.gifs.items() if package.moving_gif(part)}
    packed = sum(member.packed for member in archive.members)
    macros = [n for n in package.parts if n.startswith("basic/") and not n.endswith(("-lc.xml", "-lb.xml"))]
    return (
        SlidesInfo(
            format="odp",
            pages=len(shown),
            hidden=len(content.pages) - len(shown),
            page_size=sizes[0] if sizes else None,
            page_sizes=len(sizes) or None,
            encrypted=False,
            restricted=False,
            valid=True,
            fonts=used,
            embedded_fonts=tuple(sorted(font for font in styles.carried if font)),
            swaps=replaced,
            reflowing=len(reflowing) if reflowing is not None else None,
            places=(*_places(content, moving), *(reflowing or ()), *undrawable(boxes)),
            animations=sum(page.effects for page in shown),
            transitions=sum(page.style in content.moving for page in shown),
            media=len(content.media),
            embedded=tuple(Embedded(page, part) for part, page in content.media.items() if package.has(part)),
            animated_pictures=len(moving),
            external_links=len(content.outside),
            macros=bool(macros),
            controls=content.controls,
            compression_ratio=Fraction(sum(m.size for m in archive.members), packed) if packed else None,
            longest_page_text=max(map(len, texts), default=0),
            page_texts=texts,
            producer=producer,
        ),
        [],
    )
