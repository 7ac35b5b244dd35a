"""Facts about a PDF. Nothing is rendered, no form or script is enabled.

pdfium is not safe in threads; like every reader this one belongs in a worker process.
"""

from __future__ import annotations

import ctypes
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium
from msgspec.structs import replace

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_DRAWN, MAX_LETTERS, MAX_PAGE_POINTS, MAX_PAGES
from pipeline.model.facts import Kind, MediaInfo, SlidesInfo, Text
from pipeline.probe.unopened import unopened
from pipeline.tools.pdfium import opened

# Annotations that play something (PDF 2.0, table 171).
_MEDIA: Final = frozenset(
    {
        pdfium.FPDF_ANNOT_SOUND,
        pdfium.FPDF_ANNOT_MOVIE,
        pdfium.FPDF_ANNOT_SCREEN,
        pdfium.FPDF_ANNOT_RICHMEDIA,
        pdfium.FPDF_ANNOT_THREED,
    }
)
_MAX_CHARACTERS: Final = 1_000_000  # of one page's text
_MAX_OBJECTS: Final = 200_000  # looked at in one document, for its fonts and pictures
_MAX_DEPTH: Final = 8  # of forms inside forms
_SCAN: Final = 0.8  # of the page: a picture as large as that, without text, is a scanned page
# What a reader may do, by bits (PDF 1.7, table 22): print, change, copy, add notes.
_RIGHTS: Final = 0b111100
_WITHOUT_PASSWORD: Final = pdfium.FPDF_ERR_PASSWORD


def read(path: Path, size: int, format: str) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the PDF at `path`.

    `fonts` and `scanned` stay unknown for a document of more than _MAX_OBJECTS things drawn. `page_size` is the
    first page's. Raises Unreadable when
    pdfium cannot open it, CeilingExceeded above MAX_PAGES pages, MAX_PAGE_POINTS a side, and what
    MAX_DRAWN and MAX_LETTERS say of all pages.
    """
    remarks: list[Text] = []
    try:
        document = opened(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) != _WITHOUT_PASSWORD:
            raise Unreadable(
                f"{path.name} cannot be opened as a PDF: it is damaged, or cut short. Export it as PDF again.",
                f"{path.name} 无法作为 PDF 打开：已损坏或被截断。请重新导出为 PDF。",
            ) from error
        slides = SlidesInfo(format=format, encrypted=True)
    else:
        with document:
            slides = _facts(path.name, document, remarks)
    return replace(unopened(path, Kind.SLIDES, size), slides=slides, remarks=tuple(remarks))


def _facts(name: str, document: Any, remarks: list[Text]) -> SlidesInfo:
    pages = len(document)
    if pages > MAX_PAGES:
        raise CeilingExceeded(
            f"{name} has {pages} pages, above the ceiling of {MAX_PAGES}. Split it.",
            f"{name} 有 {pages} 页，超过上限 {MAX_PAGES}。请拆分。",
        )
    texts: list[str] = []
    media, sizes = 0, dict[tuple[Fraction, Fraction], None]()
    drawn = _Drawn()
    for number in range(pages):
        try:
            width, height, text, playing = _page(document, number, drawn)
        except pypdfium2.PdfiumError:  # the others are read; this one is told
            remarks.append(
                Text(
                    f"{name}: page {number + 1} cannot be read: it is damaged.",
                    f"{name}：第 {number + 1} 页无法读取：已损坏。",
                )
            )
            continue
        if max(width, height) > MAX_PAGE_POINTS:
            raise CeilingExceeded(
                f"{name}: page {number + 1} is {width:.0f} x {height:.0f} points, above the ceiling of "
                f"{MAX_PAGE_POINTS} a side. Use a smaller page.",
                f"{name}：第 {number + 1} 页为 {width:.0f} x {height:.0f} 点，"
                f"超过单边上限 {MAX_PAGE_POINTS}。请缩小页面。",
            )
        _within(name, number, drawn)
        sizes[_points(width), _points(height)] = None
        texts.append(text)
        media += playing
    version = document.get_version()
    whole = not remarks
    scripts = pdfium.FPDFDoc_GetJavaScriptActionCount(document) > 0
    return SlidesInfo(
        format="pdf",
        pages=pages,
        hidden=0,
        page_size=next(iter(sizes), None),
        page_sizes=len(sizes) if whole else None,
        encrypted=pdfium.FPDF_GetSecurityHandlerRevision(document) != -1,
        # Opened with the user's password, or none: what the owner allows is what counts.
        restricted=pdfium.FPDF_GetDocPermissions(document) & _RIGHTS != _RIGHTS,
        valid=whole,
        fonts=tuple(drawn.fonts) if whole and drawn.whole else None,
        embedded_fonts=tuple(font for font, inside in drawn.fonts.items() if inside) if whole and drawn.whole else None,
        scanned=drawn.scanned if whole and drawn.whole else None,
        animations=0,  # a PDF page does not move; what can play on it is counted as media
        animated_pictures=0,
        media=media if whole else None,
        macros=True if scripts else None,  # scripts may also hang on actions that pdfium does not list
        longest_page_text=max(map(len, texts), default=0) if whole else None,
        page_texts=tuple(texts) if whole else None,
        producer=_producer(document),
        version=f"{version // 10}.{version % 10}" if version else None,
    )


def _producer(document: Any) -> str | None:
    """Who made it, as the document says; pypdfium2 would refuse text that is not UTF-16."""
    length = pdfium.FPDF_GetMetaText(document, b"Producer", None, 0)
    said = ctypes.create_string_buffer(max(2, length))
    pdfium.FPDF_GetMetaText(document, b"Producer", said, length)
    return said.raw[: max(0, length - 2)].decode("utf-16-le", "replace").strip() or None


def _within(name: str, number: int, drawn: _Drawn) -> None:
    for found, ceiling, en, zh in (
        (drawn.things, MAX_DRAWN, "things drawn", "个绘制对象"),
        (drawn.letters, MAX_LETTERS, "characters", "个字符"),
    ):
        if found > ceiling:
            raise CeilingExceeded(
                f"{name} has {found} {en} on {number + 1} page(s), above the ceiling of {ceiling}. "
                "Split it, or print it to a new PDF.",
                f"{name} 在 {number + 1} 页中有 {found} {zh}，超过上限 {ceiling}。请拆分或重新打印为 PDF。",
            )


def _points(value: float) -> Fraction:
    """A length to a thousandth of a point; pdfium holds single-precision floats."""
    return Fraction(round(value * 1000), 1000)


class _Drawn:
    """What the pages are drawn with."""

    def __init__(self) -> None:
        self.fonts: dict[str, bool] = {}  # by name: whether the document carries it
        self.scanned = 0
        self.seen = 0
        self.things = 0  # as each page counts them, those inside forms not included
        self.letters = 0

    @property
    def whole(self) -> bool:
        """Whether everything could be looked at."""
        return self.seen <= _MAX_OBJECTS

    def page(self, page: Any, area: float, words: str) -> None:
        """Look at one page that says `words`."""
        pictures = self._objects(page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, area, 0)
        self.scanned += pictures and not words.strip()

    def _objects(self, holder: Any, count: Any, get: Any, area: float, depth: int) -> bool:
        """Note the fonts; whether a picture nearly fills the page."""
        filled = False
        for index in range(count(holder)):
            self.seen += 1
            if not self.whole:
                return False
            thing = get(holder, index)
            kind = pdfium.FPDFPageObj_GetType(thing)
            if kind == pdfium.FPDF_PAGEOBJ_TEXT:
                self._font(thing)
            elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
                filled = filled or _area(thing) >= _SCAN * area
            elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
                inner = self._objects(
                    thing, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, area, depth + 1
                )
                filled = filled or inner
        return filled

    def _font(self, text: Any) -> None:
        font = pdfium.FPDFTextObj_GetFont(text)
        if not font:
            return
        name = ctypes.create_string_buffer(256)
        pdfium.FPDFFont_GetBaseFontName(font, name, len(name))
        # A subset is named with six letters in front (PDF 1.7, 9.6.4).
        plain = re.sub(r"^[A-Z]{6}\+", "", name.value.decode("utf-8", "replace"))
        if not plain:  # drawn by procedures of the document itself (Type 3)
            return
        inside = pdfium.FPDFFont_GetIsEmbedded(font) == 1
        self.fonts[plain] = self.fonts.get(plain, True) and inside


def _area(thing: Any) -> float:
    """Of the box around a thing, in square points; inside a form that scales, of the form's own units."""
    sides = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(thing, *sides):
        return 0.0
    left, bottom, right, top = (side.value for side in sides)
    return abs((right - left) * (top - bottom))


def _page(document: Any, number: int, drawn: _Drawn) -> tuple[float, float, str, int]:
    """Width and height in points, text, and annotations that play something."""
    page = document[number]
    try:
        width, height = page.get_size()
        words = page.get_textpage()
        try:
            letters = words.count_chars()
            drawn.letters += letters
            text = words.get_text_bounded() if letters <= _MAX_CHARACTERS else ""
        finally:
            words.close()
        drawn.things += pdfium.FPDFPage_CountObjects(page)
        if drawn.whole:
            drawn.page(page, width * height, text)
        playing = 0
        for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), 10_000)):
            note = pdfium.FPDFPage_GetAnnot(page, index)
            if note:
                playing += pdfium.FPDFAnnot_GetSubtype(note) in _MEDIA
                pdfium.FPDFPage_CloseAnnot(note)
    finally:
        page.close()
    lines = (line.strip() for line in text.replace("\r", "\n").split("\n"))
    return width, height, "\n".join(line for line in lines if line), playing
