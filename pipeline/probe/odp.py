"""Facts about an OpenDocument presentation. Element names: OpenDocument 1.3 part 3."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from pipeline.errors import CeilingExceeded
from pipeline.model import Embedded, SlidesInfo, Text
from pipeline.probe.opc import Package
from pipeline.probe.safexml import Place
from pipeline.probe.zipsafe import Zip
from pipeline.tools.ceilings import MAX_PAGES
from pipeline.tools.fonts import swaps

_POINTS: Final = {
    "cm": Fraction(7200, 254),
    "mm": Fraction(720, 254),
    "in": Fraction(72),
    "pt": Fraction(1),
    "pc": Fraction(12),
}
_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(cm|mm|in|pt|pc)")
_FONTS: Final = ("style:font-name", "style:font-name-asian", "style:font-name-complex")
_OUTSIDE: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:|\.\./|/)", re.IGNORECASE)
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
_CLICKED: Final = frozenset({"text:a", "draw:a", "presentation:event-listener", "script:event-listener"})


def _points(raw: str | None) -> Fraction | None:
    found = _LENGTH.fullmatch(raw or "")
    return Fraction(found[1]) * _POINTS[found[2]] if found else None


@dataclass(slots=True)
class _Page:
    style: str
    effects: bool = False
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Content:
    """Handlers for content.xml."""

    def __init__(self) -> None:
        self.pages: list[_Page] = []
        self.hidden: set[str] = set()  # names of page styles
        self.moving: set[str] = set()
        self.faces: dict[str, str] = {}  # font name to family
        self.used: dict[str, None] = {}
        self.style = ""
        self.path: list[str] = []
        self.media: dict[str, int] = {}  # name or address, and the page it is on
        self.carried: set[str] = set()  # fonts that come with the deck
        self.face = ""
        self.outside: set[str] = set()
        self.gifs: set[str] = set()

    def start(self, name: str, attributes: dict[str, str], _: Place) -> None:
        self.path.append(name)
        if name == "style:style":
            self.style = attributes.get("style:name", "")
        elif name == "style:font-face":
            family = attributes.get("svg:font-family", "").strip("'\"")
            self.faces[attributes.get("style:name", "")] = self.face = family
        elif name == "svg:font-face-uri":
            self.carried.add(self.face)
        elif name == "style:drawing-page-properties":
            if attributes.get("presentation:visibility") == "hidden":
                self.hidden.add(self.style)
            if "smil:type" in attributes or attributes.get("presentation:transition-style", "none") != "none":
                self.moving.add(self.style)
        elif name == "style:text-properties":
            self.used.update((attributes[key], None) for key in _FONTS if key in attributes)
        elif name == "draw:page":
            self.pages.append(_Page(attributes.get("draw:style-name", "")))
        elif self.pages and attributes.get("presentation:preset-class") in {
            "entrance",
            "exit",
            "emphasis",
            "motion-path",
        }:
            self.pages[-1].effects = True
        target = attributes.get("xlink:href", "")
        if name == "draw:plugin":
            self.media.setdefault(target.removeprefix("./"), len(self.pages))
        if target and _OUTSIDE.match(target) and name not in _CLICKED:
            self.outside.add(target)
        elif name == "draw:image" and target.lower().endswith(".gif"):
            self.gifs.add(target.removeprefix("./"))

    def end(self, name: str) -> None:
        self.path.pop()
        if name in {"text:p", "text:h"} and self.pages:
            self._into().append("\n")

    def text(self, words: str) -> None:
        if self.path[-1] not in _FIELDS and self.pages and ("text:p" in self.path or "text:h" in self.path):
            self._into().append(words)

    def _into(self) -> list[str]:
        page = self.pages[-1]
        return page.notes if "presentation:notes" in self.path else page.words


def _said(words: list[str]) -> str:
    return "\n".join(line for line in "".join(words).split("\n") if line.strip())


def _style_facts(package: Package) -> tuple[list[Fraction], str | None]:
    """Page size from styles.xml and the program from meta.xml; what is missing stays unknown."""
    size: list[Fraction] = []
    layouts: dict[str, list[Fraction]] = {}
    layout, producer, inside = "", [], False

    def start(name: str, attributes: dict[str, str], _: Place) -> None:
        nonlocal layout
        if name == "style:page-layout":
            layout = attributes.get("style:name", "")
        elif name == "style:page-layout-properties":
            sides = [_points(attributes.get(f"fo:page-{side}")) for side in ("width", "height")]
            layouts[layout] = [side for side in sides if side is not None]
        elif name == "style:master-page" and not size:
            size.extend(layouts.get(attributes.get("style:page-layout-name", ""), []))

    def begin(name: str, _: dict[str, str], __: Place) -> None:
        nonlocal inside
        inside = name == "meta:generator"

    def words(run: str) -> None:
        if inside:
            producer.append(run)

    if package.has("styles.xml"):
        package.xml("styles.xml", start)
    if package.has("meta.xml"):
        package.xml("meta.xml", begin, words=words)
    return size, "".join(producer).strip() or None


def _encrypted(package: Package) -> bool:
    """A manifest that tells how to decrypt (OpenDocument 1.3 part 2, 4.4)."""
    found = False

    def start(name: str, _: dict[str, str], __: Place) -> None:
        nonlocal found
        found = found or name.endswith("encryption-data")

    if package.has("META-INF/manifest.xml"):
        package.xml("META-INF/manifest.xml", start)
    return found


def read_odp(archive: Zip) -> tuple[SlidesInfo, list[Text]]:
    """Facts about an open .odp.

    Raises BadZip or BadXml when content.xml cannot be read, CeilingExceeded above MAX_PAGES pages.
    """
    package = Package(archive)
    if _encrypted(package):
        return SlidesInfo(format="odp", encrypted=True), []
    content = _Content()
    package.xml("content.xml", content.start, content.end, content.text)
    if len(content.pages) > MAX_PAGES:
        raise CeilingExceeded(
            f"{archive.name} has {len(content.pages)} slides, above the ceiling of {MAX_PAGES}. Split the deck.",
            f"{archive.name} 有 {len(content.pages)} 页，超过上限 {MAX_PAGES}。请拆分演示文稿。",
        )
    shown = [page for page in content.pages if page.style not in content.hidden]
    texts = tuple(_said(page.notes) or _said(page.words) for page in shown)
    fonts = dict.fromkeys(content.faces.get(name, name) for name in content.used)
    size, producer = _style_facts(package)
    packed = sum(member.packed for member in archive.members)
    used = tuple(font for font in fonts if font)
    macros = [n for n in package.parts if n.startswith("basic/") and not n.endswith(("-lc.xml", "-lb.xml"))]
    return (
        SlidesInfo(
            format="odp",
            pages=len(shown),
            hidden=len(content.pages) - len(shown),
            page_size=(size[0], size[1]) if len(size) == 2 else None,
            encrypted=False,
            restricted=False,
            valid=True,
            fonts=used,
            embedded_fonts=tuple(sorted(font for font in content.carried if font)),
            swaps=swaps(used, content.carried),
            animations=sum(page.effects for page in shown),
            transitions=sum(page.style in content.moving for page in shown),
            media=len(content.media),
            embedded=tuple(Embedded(page, part) for part, page in content.media.items() if package.has(part)),
            animated_pictures=sum(package.moving_gif(name) for name in content.gifs),
            external_links=len(content.outside),
            macros=bool(macros),
            compression_ratio=Fraction(sum(m.size for m in archive.members), packed) if packed else None,
            longest_page_text=max(map(len, texts), default=0),
            page_texts=texts,
            producer=producer,
        ),
        [],
    )
