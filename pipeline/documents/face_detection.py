"""A face in the words of a photo platform's own face detection, so that its answer and ours lie side by side.

The names are those of its answer; what a box is made of is ours, because the documents print only the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from pipeline.model.measured import Face


class Box(msgspec.Struct, frozen=True, rename="pascal"):
    """Pixels of the picture as shown, from its left and upper edge."""

    x: float
    y: float
    width: float
    height: float


class Detection(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Angles in degrees, the rest from 0 to 1; None where not known."""

    box: Box | None
    rotation: float | None
    score: float | None
    area_ratio: float | None
    face_radio: float | None
    feature_radio: float | None
    yaw: float | None
    pitch: float | None
    max_crop: Box | None
    min_crop: Box | None


def _number(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _box(sides: Sequence[Fraction | int] | None) -> Box | None:
    return None if sides is None else Box(*(float(side) for side in sides))


def detection(face: Face) -> Detection:
    """What is known of the face."""
    return Detection(
        box=_box(face.box),
        rotation=_number(face.roll),
        score=_number(face.score),
        area_ratio=_number(face.share),
        face_radio=_number(face.occlusion),
        feature_radio=_number(face.feature_occlusion),
        yaw=_number(face.yaw),
        pitch=_number(face.pitch),
        max_crop=_box(face.max_crop),
        min_crop=_box(face.min_crop),
    )
