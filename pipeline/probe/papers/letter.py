"""A letter by which somebody grants something: whether it is written, can be read, is signed, and to whom it grants.

The words of a PDF that holds them are taken from it; those of a picture are read where something can
(`pipeline.probe.papers.words`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from msgspec.structs import replace

from pipeline.errors import Unreadable
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.measured import Letter, PagePart
from pipeline.probe.face.models import Pixels
from pipeline.probe.face.pixels import READABLE, picture_of
from pipeline.probe.papers import words
from pipeline.probe.papers.rows import rows
from pipeline.probe.papers.words import ReadLine, ReadPage
from pipeline.tools.pdfium import opened

_SIDE: Final = 1600  # pixels of the longer side of a page: letters of 10 points are 19 pixels tall on A4
_PAGES: Final = 8  # pages that are looked at: the first ones and the last
_MOST: Final = 80  # lines of a page that are read
_ROWS: Final = 2  # stretches of text that a written page has at least
_TYPED: Final = 20  # characters in a PDF, from which on its words need not be read from the picture
_SURE: Final = 0.8  # score of a line that counts as read
_LEGIBLE: Final = 0.75  # of the characters of a letter, that have to be in such lines
_LONGEST: Final = 60  # characters of a name that are kept

# Who is granted something: behind a label, else in a sentence. Blanks and lines to write on are taken out before.
_LABELS: Final = (
    re.compile(r"被授权(?:人|方|单位|公司|企业|机构|者)?(?:[(（][^)）签章]{0,20}[)）])?(?:名称|全称)?[)）]?[:：](.*)"),
    re.compile(r"\b(?:grantee|licensee|authori[sz]ed\s*(?:party|company))\b[^:：]{0,20}[:：](.*)", re.IGNORECASE),
)
_SENTENCES: Final = (
    re.compile(r"(?<!被)授权(?:给|予|于|与)?([^，,。；;：:、]{2,40}?公司)"),
    re.compile(
        r"(?<!被)授权(?:给|予|于|与)?([^，,。；;：:、]{2,40}?(?:集团|研究院|研究所|中心|大学|学院|学校|医院|电视台))"
    ),
    re.compile(r"(?<!被)授权(?:给|予|于|与)?([^，,。；;：:、]{1,20}?云)(?:使用|对|将|以|，|,|。|$)"),
    *(
        re.compile(rf"(?:(?<!被)授权(?:给|予|于|与)?|(?:authori[sz]es?|grants?(?:\s+to)?)\s)\s*({name})", re.IGNORECASE)
        for name in (r"[A-Za-z].{1,60}?(?:Ltd|Limited|Inc|Corp|LLC|GmbH)(?![A-Za-z])", r"[A-Za-z ]{2,40}?\bCloud\b")
    ),
)
_BEHIND: Final = re.compile(
    r"[(（]?(?:以下|下称|统一社会信用|证件号|身份证|地址|电话|hereinafter|address)", re.IGNORECASE
)
_SIGN: Final = re.compile(r"签字|签名|签章|签署|盖章|公章|signature|signed\s*by", re.IGNORECASE)
_DATE: Final = re.compile(r"日期|date|\d{4}\s*[年./-]", re.IGNORECASE)
_FILLER: Final = " \t_＿—–-.．…:：/年月日()（）"

# The place to sign, from its label, in heights of the label's line.
_RIGHT: Final = 10.0
_UP: Final = 1.0
_DOWN: Final = 0.9
_INK: Final = 60  # 8-bit steps that a stroke differs from the paper in its darkest colour
_THIN: Final = (
    0.2  # of the height of a line of text: what is no thicker, and longer than the next, is a line to sign on
)
_LONG: Final = 0.6
_MARKED: Final = 100  # lines that are marked for not being read
_SIGNED: Final = 0.006  # share of the place that strokes fill where somebody signed


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of a letter with what its pages hold; where they cannot be looked at, with a remark that says why.

    Raises CeilingExceeded for a picture that must not be decoded.
    """
    try:
        letter = measure(path, info)
    except Unreadable as error:  # it is said, and what it holds stays unknown
        return replace(info, remarks=(*info.remarks, error.text))
    if letter is None:
        return replace(info, remarks=(*info.remarks, _UNSEEN))
    return replace(info, letter=letter)


_UNSEEN: Final = Text(
    "Letters are looked at in PDF files and pictures. Export it as PDF.",
    "仅能检测 PDF 或图片形式的授权书。请导出为 PDF。",
)


def measure(path: Path, info: MediaInfo) -> Letter | None:
    """The letter in a PDF or picture; None where it is neither. Raises Unreadable and CeilingExceeded."""
    readable = words.readable()
    if info.image is not None:
        if info.image.format not in READABLE:
            return None
        return told([_seen(picture_of(path, info.image, _SIDE), readable=readable)], readable=readable)
    if info.slides is None or info.slides.format != "pdf" or info.slides.encrypted:
        return None
    numbered = list(_pages(path, info.name, readable=readable))
    return told([page for _, page in numbered], readable=readable, numbers=[number for number, _ in numbered])


def _seen(pixels: Pixels, *, readable: bool) -> ReadPage:
    return words.read(pixels, _MOST) if readable else ReadPage(pixels, ())


def _pages(path: Path, name: str, *, readable: bool) -> Iterator[tuple[int, ReadPage]]:
    """The pages of a PDF, from 1, with their lines. Raises Unreadable."""
    import pypdfium2

    try:
        document = opened(path)
        try:
            count = len(document)
            for number in range(count):
                if number < _PAGES - 1 or number == count - 1:
                    yield number + 1, _page(document[number], readable=readable)
        finally:
            document.close()
    except (pypdfium2.PdfiumError, OSError) as error:
        raise Unreadable(
            f"{name}: its pages cannot be drawn. Export the PDF again.", f"{name}：页面无法渲染。请重新导出 PDF。"
        ) from error


def _page(page: Any, *, readable: bool) -> ReadPage:
    try:
        wide, tall = (max(1.0, side) for side in page.get_size())
        scale = _SIDE / max(wide, tall) * (1 - 1e-6)
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=True)
        pixels = np.array(bitmap.to_numpy()[:, :, :3], np.uint8)
        bitmap.close()
        typed = page.get_textpage()
        try:
            lines = _typed(typed, scale, tall)
        finally:
            typed.close()
    finally:
        page.close()
    if sum(len(line.words.strip()) for line in lines) >= _TYPED:
        return ReadPage(pixels, lines)
    return _seen(pixels, readable=readable)


def _typed(typed: Any, scale: float, tall: float) -> tuple[ReadLine, ...]:
    """The lines that a PDF holds as text."""
    found = []
    for number in range(min(typed.count_rects(), _MOST * 10)):
        left, bottom, right, top = typed.get_rect(number)
        said = typed.get_text_bounded(left, bottom, right, top).strip()
        box = (left * scale, (tall - top) * scale, right * scale, (tall - bottom) * scale)
        found += [ReadLine(box, said, 1.0)] if said else []
    return tuple(sorted(found, key=lambda line: line.box[1]))


def told(pages: Sequence[ReadPage], *, readable: bool, numbers: Sequence[int] = ()) -> Letter:
    """What the pages of a letter tell; `numbers` are those of the pages, from 1, where some were passed over."""
    lines = [line for page in pages for line in page.lines]
    written = [len(page.lines) >= _ROWS or (not readable and rows(page.pixels).stretches >= _ROWS) for page in pages]
    named = numbers or range(1, len(pages) + 1)
    legible = _legible(lines) if lines else None
    places = [
        (_where(number, page, _behind(page, line)), _filled(page, line))
        for number, page in zip(named, pages, strict=True)
        for line in page.lines
        if _SIGN.search(line.words)
    ]
    signed = any(filled for _, filled in places) if places else None
    unread = (
        _where(number, page, line.box)
        for number, page in zip(named, pages, strict=True)
        for line in page.lines
        if line.score < _SURE
    )
    rowed = [row for page in pages for row in _rowed(page.lines)]
    return Letter(
        pages=len(pages),
        written=sum(written),
        legible=legible,
        signed=signed,
        grantee=_grantee(["".join(line.words for line in row) for row in rowed]),
        blank=tuple(number for number, one in zip(named, written, strict=True) if not one),
        unsigned=tuple(place for place, _ in places) if signed is False else (),
        unread=tuple(islice(unread, _MARKED)) if legible is False else (),
    )


def _legible(lines: Sequence[ReadLine]) -> bool:
    """Whether nearly all of it could be read for sure."""
    sure = sum(len(line.words) for line in lines if line.score >= _SURE)
    # A line that nothing was made of counts as long as it looks.
    total = sum(len(line.words) if line.score >= _SURE else max(len(line.words), _guessed(line)) for line in lines)
    return sure >= _LEGIBLE * total


def _guessed(line: ReadLine) -> int:
    left, top, right, bottom = line.box
    return round((right - left) / max(1.0, bottom - top))


def _rowed(lines: Sequence[ReadLine]) -> Iterator[list[ReadLine]]:
    """Lines that stand side by side, as rows from left to right."""
    row: list[ReadLine] = []
    for line in sorted(lines, key=lambda line: line.box[1] + line.box[3]):
        middle = (line.box[1] + line.box[3]) / 2
        if row and middle > row[0].box[3] - 0.25 * (row[0].box[3] - row[0].box[1]):
            yield sorted(row, key=lambda one: one.box[0])
            row = []
        row.append(line)
    if row:
        yield sorted(row, key=lambda one: one.box[0])


def _grantee(texts: Sequence[str]) -> str | None:
    """To whom it grants, as it says; None where no such line is found."""
    for number, text in enumerate(texts):
        for label in _LABELS:
            found = label.search(_squeezed(text))
            if found is None:
                continue
            name = _name(found[1])
            below = texts[number + 1] if number + 1 < len(texts) else ""
            if not name and not re.search("[:：]", below):
                name = _name(_squeezed(below))
            if name:
                return name
    whole = _squeezed(" ".join(texts))
    found = next((found for sentence in _SENTENCES if (found := sentence.search(whole))), None)
    return _name(found[1]) or None if found else None


def _squeezed(text: str) -> str:
    """Without the blanks and lines that people fill in; blanks between Latin words stay."""
    text = re.sub(r"[_＿\u3000]+", " ", text)
    return re.sub(r"(?<![A-Za-z.,])\s+|\s+(?![A-Za-z&(])", "", text)


def _name(text: str) -> str:
    return _BEHIND.split(text)[0].strip(_FILLER)[:_LONGEST]


# The place to sign


def _where(number: int, page: ReadPage, box: tuple[float, float, float, float]) -> PagePart:
    height, width = page.pixels.shape[:2]
    shares = (side / whole for side, whole in zip(box, (width, height, width, height), strict=True))
    return PagePart(number, *(Fraction(round(min(1.0, max(0.0, share)) * 1000), 1000) for share in shares))


def _behind(page: ReadPage, label: ReadLine) -> tuple[int, int, int, int]:
    """Where something has to stand behind a label for it to be signed, in pixels."""
    left, top, right, bottom = label.box
    tall = bottom - top
    # The box of a label may hold the line to sign on: what is behind its words is part of the place.
    said = len(re.sub(r"[_＿]+", "", label.words)) / max(1, len(label.words))
    start = left + (right - left) * said if said < 1 else right
    height, width = page.pixels.shape[:2]
    return (
        int(max(0, start)),
        int(max(0, top - _UP * tall)),
        int(min(width, start + _RIGHT * tall)),
        int(min(height, bottom + _DOWN * tall)),
    )


def _filled(page: ReadPage, label: ReadLine) -> bool:
    """Whether somebody signed behind a label: as words, or as strokes."""
    behind = _SIGN.split(label.words)[-1]
    if len(behind.strip(_FILLER + "处")) > 1 and not _DATE.search(behind) and len(label.words) < _LONGEST:
        return True
    x0, y0, x1, y1 = _behind(page, label)
    part = page.pixels[y0:y1, x0:x1]
    if min(part.shape[:2]) < 3:
        return False
    ink = _strokes(part, label.box[3] - label.box[1])
    for other in page.lines:
        known = _DATE.search(other.words) or _SIGN.search(other.words) or _beside(other, label)
        if other is not label and other.score >= _SURE and known:
            a, b, c, d = (int(side) for side in other.box)
            ink[max(0, b - y0) : max(0, d - y0), max(0, a - x0) : max(0, c - x0)] = 0
    return float(ink.mean()) > _SIGNED


def _beside(other: ReadLine, label: ReadLine) -> bool:
    """Whether another line stands above or below a label rather than behind it."""
    middle = (other.box[1] + other.box[3]) / 2
    return not label.box[1] <= middle <= label.box[3]


def _strokes(part: Pixels, tall: float) -> Any:
    """Where a pen or a seal left something: darker or more coloured than the paper. A line to sign on is none; `tall`
    is how tall a line of text is there.
    """
    darkest = part.min(axis=2)
    ink = (darkest.astype(np.int16) < float(np.percentile(darkest, 90)) - _INK).astype(np.uint8)
    for outline in cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        _, sides, _ = cv2.minAreaRect(outline)
        if min(sides) <= _THIN * tall and max(sides) >= _LONG * tall:
            cv2.drawContours(ink, [outline], -1, 0, cv2.FILLED)
    return ink
