"""Cards and letters with what is wrong on them. Of a card neither words nor portrait can be made out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from pipeline.convert.slides.pages import drawn
from pipeline.convert.slides.pages import opened as document_of
from pipeline.model.facts import MediaInfo, Size, Text
from pipeline.model.measured import Letter, PagePart
from pipeline.plots.still import DAMAGE, webp
from pipeline.probe.face.pixels import READABLE, picture_of
from pipeline.probe.papers import card as cards

# Pixels on the longer side that are left of a picture of a card: a figure of its number is then less than one wide. A
# softer blur could be undone, the letters being known.
_BLURRED: Final = 32
_CARD: Final = (240, 160)
_PAGE: Final = Size(480, 640)
_PAGES: Final = 3  # that are shown: the first with something wrong, else the first
_GLARE, _EDGE, _WRONG = "#ff3030", "#00c2ff", "#ff7a00"


def blurred(path: Path, info: MediaInfo) -> bytes | None:
    """A card, small and blurred, its edges (blue) and glare (red) drawn; None where it cannot be decoded."""
    image = info.image
    if image is None or image.format not in READABLE:
        return None
    try:
        pixels = picture_of(path, image, 2 * max(_CARD))
    except DAMAGE:  # no picture; the findings name the damage
        return None
    height, width = pixels.shape[:2]
    scale = min(_CARD[0] / width, _CARD[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    less = _BLURRED / max(width, height)
    small = cv2.resize(
        pixels, (max(1, round(width * less)), max(1, round(height * less))), interpolation=cv2.INTER_AREA
    )
    picture = Image.fromarray(np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8))
    pen = ImageDraw.Draw(picture)
    corners = cards.find(pixels)
    if corners is not None:
        ring = [(float(x) * scale, float(y) * scale) for x, y in corners]
        pen.line([*ring, ring[0]], fill=_EDGE, width=2)
    for left, top, wide, tall in cards.burnt(pixels, corners):
        pen.rectangle((left * scale, top * scale, (left + wide) * scale, (top + tall) * scale), outline=_GLARE, width=2)
    return webp(picture, _CARD)


def pages(path: Path, info: MediaInfo, letter: Letter) -> Iterator[tuple[bytes, Text]]:
    """The pages of a letter on which something is wrong, else the first, each with what it is."""
    wrong = sorted({*letter.blank, *(one.page for one in (*letter.unsigned, *letter.unread))})[:_PAGES] or [1]
    try:
        if info.image is not None and info.image.format in READABLE:
            yield _marked(Image.fromarray(picture_of(path, info.image, max(_PAGE))), letter, 1)
        elif info.slides is not None and info.slides.format == "pdf":
            with document_of(path, path.name) as document:
                for number in wrong:
                    yield _marked(drawn(document, number - 1, _PAGE, path.name).convert("RGB"), letter, number)
    except DAMAGE:  # the pages so far; the findings name the damage
        return


def _marked(page: Image.Image, letter: Letter, number: int) -> tuple[bytes, Text]:
    page.thumbnail(_PAGE)
    pen = ImageDraw.Draw(page)
    unsigned = _drawn(pen, page, letter.unsigned, number, _GLARE)
    unread = _drawn(pen, page, letter.unread, number, _WRONG)
    if number in letter.blank:
        pen.rectangle((0, 0, page.width - 1, page.height - 1), outline=_GLARE, width=4)
    said = [Text(f"page {number}", f"第 {number} 页")]
    said += [Text("blank", "空白")] * (number in letter.blank)
    said += [Text("not signed (red)", "未签字（红框）")] * unsigned
    said += [Text("not to be read (orange)", "无法识读（橙框）")] * unread
    return webp(page, _PAGE), Text(", ".join(one.en for one in said), "，".join(one.zh for one in said))


def _drawn(pen: ImageDraw.ImageDraw, page: Image.Image, places: tuple[PagePart, ...], number: int, colour: str) -> bool:
    mine = [place for place in places if place.page == number]
    for place in mine:
        sides = (place.left * page.width, place.top * page.height, place.right * page.width, place.bottom * page.height)
        pen.rectangle([float(side) for side in sides], outline=colour, width=3)
    return bool(mine)
