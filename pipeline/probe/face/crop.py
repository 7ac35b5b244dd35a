"""The crops a photographer would make of a portrait: the whole head, some shoulder. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from msgspec import Struct

from pipeline.model.facts import Size
from pipeline.model.measured import LEAST_PORTRAIT

CropBox = tuple[int, int, int, int]  # left, top, width, height in pixels


class Framing(Struct, frozen=True, kw_only=True):
    """How much of the picture stays around a head, in heights and widths of the head with its hair."""

    tall: float
    wide: float


# Head and shoulders as on a portrait; and the head with as much air as keeps it from touching the edges.
PORTRAIT: Final = Framing(tall=1.9, wide=1.6)
TIGHT: Final = Framing(tall=1.2, wide=1.15)
# Proportions (width / height) in the order of preference, before those of the picture: portraits stand.
SHAPES: Final = (Fraction(3, 4), Fraction(4, 5), Fraction(1))
_ROOM: Final = 1.04  # sides of the head that a crop has at least
_ABOVE: Final = 0.25  # of the height that is free, over the hair; the rest is below the chin
_LOOSE: Final = 0.6  # of the picture: a crop that would keep more than this is not worth making


def portrait(
    size: Size, head: CropBox, frame: Framing = PORTRAIT, shapes: Iterable[Fraction] = SHAPES
) -> CropBox | None:
    """The crop around the head, in the first of the shapes that leaves it whole; None where none does."""
    return next((crop for shape in shapes if (crop := _framed(size, head, frame, float(shape)))), None)


def loose(size: Size, crop: CropBox | None) -> bool:
    """Whether the picture shows so much besides the portrait in it that cropping would help."""
    return crop is not None and crop[2] * crop[3] < _LOOSE * size.width * size.height


def _framed(size: Size, head: CropBox, frame: Framing, ratio: float) -> CropBox | None:
    left, top, width, height = head
    tall = max(height * frame.tall, width * frame.wide / ratio, LEAST_PORTRAIT * max(1.0, 1 / ratio))
    tall = min(tall, size.height, size.width / ratio)
    wide = tall * ratio
    # What touches the edge of the picture already has no room there to lose.
    free_x = left > 0 and left + width < size.width
    if wide < width * (_ROOM if free_x else 1) or tall < height * (_ROOM if top > 0 else 1):
        return None
    across, down = max(1, round(wide)), max(1, round(tall))
    across, down = min(max(across, width), size.width), min(max(down, height), size.height)
    corner_x = min(max(round(left + width / 2 - across / 2), 0), size.width - across)
    corner_y = min(max(round(top - _ABOVE * (down - height)), 0), size.height - down)
    return corner_x, corner_y, across, down


def around(size: Size, head: CropBox, ratio: Fraction) -> CropBox | None:
    """The largest part of that proportion, moved towards the head; None where it would cut the head."""
    wide = min(size.width, max(1, round(size.height * ratio)))
    tall = min(size.height, max(1, round(wide / ratio)))
    left, top, width, height = head
    if width > wide or height > tall:
        return None
    corner_x = min(max(round(left + width / 2 - wide / 2), 0), size.width - wide)
    corner_y = min(max(round(top + height / 2 - tall / 2), 0), size.height - tall)
    return corner_x, corner_y, wide, tall
