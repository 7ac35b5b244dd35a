"""A contact sheet: all pages of a deck at a glance, numbered."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from pipeline.model.facts import Size
from pipeline.plots.still import DAMAGE
from pipeline.probe.image.read import guard

CELL: Final = Size(320, 240)  # pixels at most for one page
_GAP: Final = 12
_LABEL: Final = 20  # pixels below each page, for its number
MOST: Final = 400  # pages; beyond that nobody looks
_BACK, _INK, _EDGE = (245, 245, 245), (60, 60, 60), (200, 200, 200)


def contact(pages: Sequence[Path]) -> bytes | None:
    """One PNG with the page pictures (PNG or JPEG) in their order, row by row; None when none can be read.

    A page that cannot be read leaves its place empty. At most 400 pages are shown.
    """
    small: list[Image.Image | None] = [_small(path) for path in pages[:MOST]]
    shown = [page for page in small if page is not None]
    if not shown:
        return None
    cell = Size(max(page.width for page in shown), max(page.height for page in shown))
    # About as wide as a screen: 16 to 9.
    columns = max(1, min(len(small), round(sqrt(len(small) * 16 / 9 * cell.height / cell.width))))
    rows = ceil(len(small) / columns)
    step = Size(cell.width + _GAP, cell.height + _LABEL + _GAP)
    sheet = Image.new("RGB", (columns * step.width + _GAP, rows * step.height + _GAP), _BACK)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, page in enumerate(small):
        left, top = _GAP + number % columns * step.width, _GAP + number // columns * step.height
        if page is not None:
            at = (left + (cell.width - page.width) // 2, top + (cell.height - page.height) // 2)
            sheet.paste(page, at)
            draw.rectangle((at[0] - 1, at[1] - 1, at[0] + page.width, at[1] + page.height), outline=_EDGE)
        middle = (left + cell.width // 2, top + cell.height + _LABEL // 2 + 2)
        draw.text(middle, str(number + 1), fill=_INK, font=font, anchor="mm")
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _small(path: Path) -> Image.Image | None:
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as page:
            guard(path.name, Size(*page.size))
            page.thumbnail(CELL, Image.Resampling.LANCZOS, reducing_gap=2.0)
            return page.convert("RGB")
    except (*DAMAGE, Image.DecompressionBombError):  # this page stays empty; the findings name the damage
        return None
