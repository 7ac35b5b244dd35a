"""What one picture of footage shows: light, whether it stands still, and who is in it.

The thresholds are ours. What they find and miss: `python -m benchmarks footage`.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from msgspec.structs import replace

from pipeline.model.facts import Size
from pipeline.model.measured import Face
from pipeline.probe.face.measure import measured
from pipeline.probe.face.models import Numbers, Pixels

_DARK, _BRIGHT = 26, 250  # of 255: ffmpeg's blackdetect takes a tenth for black
_ALL: Final = 0.98  # of the picture: black, as ffmpeg's blackdetect takes it
_MOST: Final = 0.9  # of the picture: white; a person before a white wall leaves more
_GRID: Final = (16, 9)  # blocks that are compared: a moving mouth shows in one of them
STILL: Final = 0.75  # of 255, mean of a block: noise and breathing of filmed people are more
CHANGED: Final = 24.0  # of 255, mean of a block: somebody may have come or gone
LYING: Final = 45.0  # degrees of roll
TURNED: Final = 30.0  # degrees of yaw or pitch, which are a few degrees off themselves
_QUARTERS: Final = (1, 3, 2)  # turns that are tried where nobody is found; they cost no sharpness
_SURE: Final = 0.7  # score of a face found so
_JUDGED: Final = 80  # pixels across, from which on it is told whether a face is sharp: smaller ones never are
_SHARP: Final = 0.3  # as for photos; real footage is told as 0.34 and more
_DIM, _GLARING = 0.15, 0.9  # mean luminance of the skin, as for photos
_BURNT: Final = 0.2  # of the skin, that is over-exposed
_SHUT: Final = 0.3  # opening of the eyes
_LEAST: Final = 0.002  # of the picture: a smaller face is a picture on a wall, or none


class Sight(StrEnum):
    """What can be said of a picture."""

    BLACK = "black"
    WHITE = "white"
    NOBODY = "nobody"
    SEVERAL = "several"
    LYING = "lying"
    TURNED = "turned"
    CUT_OFF = "cut_off"
    COVERED = "covered"
    ILL_LIT = "ill_lit"
    BLURRED = "blurred"
    EYES_SHUT = "eyes_shut"


def grey(pixels: Pixels) -> Pixels:
    """Lightness of RGB pixels."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def light(lightness: Pixels) -> frozenset[Sight]:
    """Whether there is nothing but black or white to see."""
    if float((lightness < _DARK).mean()) >= _ALL:
        return frozenset({Sight.BLACK})
    if float((lightness >= _BRIGHT).mean()) >= _MOST:
        return frozenset({Sight.WHITE})
    return frozenset()


def change(one: Pixels, other: Pixels) -> float:
    """How much the most different block of two pictures differs in the mean, 0 to 255."""
    apart = cv2.absdiff(one, other).astype(np.float32)
    blocks: Numbers = np.asarray(cv2.resize(apart, _GRID, interpolation=cv2.INTER_AREA), np.float64)
    return float(blocks.max())


def people(pixels: Pixels, *, briefly: bool) -> tuple[Face, ...]:
    """The faces in a picture, largest first, without tiny ones; with `briefly` those that are found at once.

    Where there is none the picture is turned by quarters: lying faces are not always found by the detectors' own turns.
    """
    found = _faces(pixels, briefly=briefly)
    for quarters in () if found or briefly else _QUARTERS:
        found = tuple(
            replace(face, roll=_wrapped(face.roll + 90 * quarters))
            for face in _faces(np.rot90(pixels, quarters).copy(), briefly=True)
            if face.roll is not None and face.score >= _SURE
        )
        if found:
            break
    return found


def _faces(pixels: Pixels, *, briefly: bool) -> tuple[Face, ...]:
    height, width = pixels.shape[:2]
    found = measured(pixels, Size(width, height), briefly=briefly)
    return tuple(face for face in found if (face.share or 0) >= _LEAST)


def _wrapped(degrees: Fraction) -> Fraction:
    return (degrees + 180) % 360 - 180


def told(faces: tuple[Face, ...]) -> frozenset[Sight]:
    """What is wrong with who is seen."""
    if not faces:
        return frozenset({Sight.NOBODY})
    first = faces[0]
    wrong = {
        Sight.SEVERAL: len(faces) > 1,
        Sight.LYING: first.roll is not None and abs(first.roll) > LYING,
        Sight.TURNED: any(angle is not None and abs(angle) > TURNED for angle in (first.yaw, first.pitch)),
        Sight.CUT_OFF: first.complete is False,
        Sight.ILL_LIT: _ill_lit(first),
        Sight.BLURRED: first.sharpness is not None and first.box[2] >= _JUDGED and first.sharpness < _SHARP,
    }
    if not (wrong[Sight.LYING] or wrong[Sight.TURNED] or wrong[Sight.CUT_OFF]):
        wrong[Sight.COVERED] = bool(first.covered)
        wrong[Sight.EYES_SHUT] = not first.covered and first.eyes_open is not None and first.eyes_open < _SHUT
    return frozenset(sight for sight, true in wrong.items() if true)


def _ill_lit(face: Face) -> bool:
    if face.brightness is None:
        return False
    return not _DIM <= face.brightness <= _GLARING or (face.over_exposed or 0) > _BURNT
