"""What is behind the person: one colour that can be keyed, or a place.

The thresholds are ours. What they tell rightly and wrongly: `python -m benchmarks footage`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.probe.face.models import PERSON_CELLS, PERSON_SIDE, Pixels, person

_MAYBE: Final = 0.1  # how surely a cell belongs to the person for it to be left out
_MARGIN: Final = np.ones((9, 9), np.uint8)  # cells around the person that are left out too: hair, motion, spill
_ENOUGH: Final = 0.05  # of the picture, that has to be left
_ONE: Final = 0.9  # of what is left, that one colour fills
# Hue (0 to 180), saturation and lightness (0 to 255), as OpenCV has them: the least and the greatest of each colour.
_COLOURS: Final = {
    "green": ((35, 80, 40), (88, 255, 255)),
    "blue": ((95, 80, 40), (130, 255, 255)),
    "white": ((0, 0, 165), (180, 50, 255)),
}
MIXED: Final = "mixed"


class Behind(NamedTuple):
    """What is behind the person in one picture."""

    colour: str  # green, blue, white or mixed
    evenness: float  # 1: one lightness


def behind(pixels: Pixels) -> Behind | None:
    """What is behind the person in a picture; None where the person leaves too little of it."""
    sure = person(np.asarray(cv2.resize(pixels, (PERSON_SIDE, PERSON_SIDE), interpolation=cv2.INTER_AREA), np.uint8))
    left = cv2.dilate((sure >= _MAYBE).astype(np.uint8), _MARGIN) == 0
    if float(left.mean()) < _ENOUGH:
        return None
    small = cv2.resize(pixels, (PERSON_CELLS, PERSON_CELLS), interpolation=cv2.INTER_AREA)
    tints = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    shares = {name: float((cv2.inRange(tints, *ends)[left] > 0).mean()) for name, ends in _COLOURS.items()}
    most = max(shares, key=lambda name: shares[name])
    dark, light = np.percentile(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[left], (5, 95))
    return Behind(most if shares[most] >= _ONE else MIXED, 1 - float(light - dark) / 255)
