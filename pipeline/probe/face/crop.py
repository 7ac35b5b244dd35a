"""The crops that give a face the share of the picture that is wanted. Pure arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import Final

from pipeline.model.facts import Size

CropBox = tuple[int, int, int, int]  # left, top, width, height in pixels

# Shares by box of the widest and the tightest crop: inside 50 % to 70 %, with a point to spare for rounding and
# for another detector's idea of the box.
WIDEST: Final = Fraction(51, 100)
TIGHTEST: Final = Fraction(65, 100)
_ROOM: Final = Fraction(2, 100)  # of the side of the box, kept free around it


# Proportions (width / height) a suggested crop may have after those of the picture: the usual ones of photos.
_SHAPES: Final = tuple(Fraction(*pair) for pair in ((1, 1), (9, 16), (16, 9), (4, 3), (3, 4)))


def suggested(size: Size, box: tuple[Fraction, Fraction, Fraction, Fraction], share: Fraction) -> CropBox | None:
    """The crop in which `box` fills `share`: in the picture's own proportions, else square, else in usual ones."""
    shapes = (Fraction(size.width, size.height), *_SHAPES)
    return next((crop for shape in shapes if (crop := crop_for(size, box, share, shape))), None)


def crop_for(
    size: Size, box: tuple[Fraction, Fraction, Fraction, Fraction], share: Fraction, ratio: Fraction = Fraction(1)
) -> CropBox | None:
    """The crop in which `box` fills `share` of the picture, as centred on it as the edges allow.

    `ratio` is width / height. None when the crop would cut the box or leave the picture: nothing
    is ever enlarged or padded here.
    """
    left, top, width, height = box
    wanted = float(width * height / share)
    proportion = float(ratio)
    tall = round(sqrt(wanted / proportion))
    wide = round(tall * proportion)
    room_x, room_y = width * _ROOM, height * _ROOM
    if wide > size.width or tall > size.height or wide < width + room_x or tall < height + room_y:
        return None
    corner_x = min(max(round(left + width / 2 - Fraction(wide, 2)), 0), size.width - wide)
    corner_y = min(max(round(top + height / 2 - Fraction(tall, 2)), 0), size.height - tall)
    inside = corner_x <= left and corner_y <= top and left + width <= corner_x + wide
    if not inside or top + height > corner_y + tall:
        return None
    return corner_x, corner_y, wide, tall
