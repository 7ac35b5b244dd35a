"""Facts about a PDF. Nothing is rendered, no form or script is enabled.

pdfium is not safe in threads; like every reader this one belongs in a worker process.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model import Kind, MediaInfo, SlidesInfo, Text
from pipeline.tools.ceilings import MAX_PAGE_POINTS, MAX_PAGES

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
_WITHOUT_PASSWORD: Final = pdfium.FPDF_ERR_PASSWORD


def read(path: Path, size: int, format: str, needs: frozenset[str]) -> MediaInfo:  # noqa: A002, ARG001  the words of the interface; nothing here is costly
    """Facts about the PDF at `path`.

    `fonts` stays unknown: a PDF carries its own. `page_size` is the first page's. Raises Unreadable when
    pdfium cannot open it, CeilingExceeded above MAX_PAGES pages or MAX_PAGE_POINTS a side.
    """
    remarks: list[Text] = []
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) != _WITHOUT_PASSWORD:
            raise Unreadable(
                f"{path.name} cannot be opened as a PDF ({error}). Save it anew from PowerPoint.",
                f"{path.name} 无法作为 PDF 打开（{error}）。请从 PowerPoint 重新另存。",
            ) from error
        slides = SlidesInfo(format=format, encrypted=True)
    else:
        with document:
            slides = _facts(path.name, document, remarks)
    return MediaInfo(
        name=path.name,
        kind=Kind.SLIDES,
        size=size,
        extension=path.suffix.lower().lstrip("."),
        slides=slides,
        remarks=tuple(remarks),
    )


def _facts(name: str, document: Any, remarks: list[Text]) -> SlidesInfo:
    pages = len(document)
    if pages > MAX_PAGES:
        raise CeilingExceeded(
            f"{name} has {pages} pages, above the ceiling of {MAX_PAGES}. Split it.",
            f"{name} 有 {pages} 页，超过上限 {MAX_PAGES}。请拆分。",
        )
    texts: list[str] = []
    media, first = 0, None
    for number in range(pages):
        try:
            width, height, text, playing = _page(document, number)
        except pypdfium2.PdfiumError as error:
            remarks.append(
                Text(
                    f"{name}: page {number + 1} cannot be read: {error}.",
                    f"{name}：第 {number + 1} 页无法读取：{error}。",
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
        first = first or (_points(width), _points(height))
        texts.append(text)
        media += playing
    about = document.get_metadata_dict()
    version = document.get_version()
    whole = not remarks
    scripts = pdfium.FPDFDoc_GetJavaScriptActionCount(document) > 0
    return SlidesInfo(
        format="pdf",
        pages=pages,
        hidden=0,
        page_size=first,
        encrypted=pdfium.FPDF_GetSecurityHandlerRevision(document) != -1,
        valid=whole,
        animations=0,  # a PDF page does not move; what can play on it is counted as media
        animated_pictures=0,
        media=media if whole else None,
        macros=True if scripts else None,  # scripts may also hang on actions that pdfium does not list
        longest_page_text=max(map(len, texts), default=0) if whole else None,
        page_texts=tuple(texts) if whole else None,
        producer=(about.get("Producer") or "").strip() or None,
        version=f"{version // 10}.{version % 10}" if version else None,
    )


def _points(value: float) -> Fraction:
    """A length to a thousandth of a point; pdfium holds single-precision floats."""
    return Fraction(round(value * 1000), 1000)


def _page(document: Any, number: int) -> tuple[float, float, str, int]:
    """Width and height in points, text, and annotations that play something."""
    page = document[number]
    try:
        width, height = page.get_size()
        words = page.get_textpage()
        try:
            text = words.get_text_bounded() if words.count_chars() <= _MAX_CHARACTERS else ""
        finally:
            words.close()
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
