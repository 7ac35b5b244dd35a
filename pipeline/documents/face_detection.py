"""A face in the words of a photo platform's own face detection, so that its answer and ours lie side by side.

The names are those of its answer; what a box is made of is ours, because the documents print only the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from pipeline.model.facts import Face


def _number(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _box(sides: Sequence[Fraction | int] | None) -> dict[str, float] | None:
    if sides is None:
        return None
    return {name: float(side) for name, side in zip(("X", "Y", "Width", "Height"), sides, strict=True)}


def detection(face: Face) -> dict[str, Any]:
    """Boxes in pixels of the picture as shown, angles in degrees, the rest from 0 to 1; None where not known."""
    return {
        "Box": _box(face.box),
        "Rotation": _number(face.roll),
        "Score": _number(face.score),
        "AreaRatio": _number(face.share),
        "FaceRadio": _number(face.occlusion),
        "FeatureRadio": _number(face.feature_occlusion),
        "Yaw": _number(face.yaw),
        "Pitch": _number(face.pitch),
        "MaxCrop": _box(face.max_crop),
        "MinCrop": _box(face.min_crop),
    }
