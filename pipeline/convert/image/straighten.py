"""A photo turned so that the head in it is upright, without anything being made up at its edges. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil, cos, floor, radians, sin
from typing import NamedTuple

from msgspec.structs import replace

from pipeline.errors import AssetError
from pipeline.model.facts import MediaInfo, Size
from pipeline.model.measured import Face
from pipeline.model.rules import Level, Role


class Upright(NamedTuple):
    """How a picture is turned and what is left of it."""

    degrees: Fraction  # anticlockwise as seen, about the middle of the picture: the roll of the head
    size: Size  # of the largest picture of the same proportions in the middle of the turned one


def upright(info: MediaInfo, role: Role) -> tuple[Upright, MediaInfo]:
    """How the largest face comes upright, and what is then known of the picture and of that face alone.

    Raises AssetError where there is nothing to go by, where the face would not stay whole, or where too little of the
    picture is left around it for the role.
    """
    face = info.faces[0] if info.faces else None
    if info.image is None or face is None or face.roll is None:
        raise AssetError(
            f"{info.name} cannot be straightened: no face in it is clear enough to tell how far it is tilted.",
            f"{info.name} 无法转正：没有足够清晰的人脸可供判断倾斜角度。",
        )
    whole = info.image.size
    angle = radians(float(face.roll))
    c, s = abs(cos(angle)), abs(sin(angle))
    kept = min(whole.width / (whole.width * c + whole.height * s), whole.height / (whole.width * s + whole.height * c))
    # Half a pixel of each edge is mixed with what lies beyond it.
    size = Size(*(max(1, floor(side * kept) - 1) for side in whole))
    turned = _turned(face, angle, whole, size)
    left, top, width, height = turned.box
    if left < 0 or top < 0 or left + width > size.width or top + height > size.height:
        raise AssetError(
            f"{info.name} cannot be straightened by {float(face.roll):.0f}° without cutting the face: it lies too near "
            "the edge. Take the picture again with the head upright and in the middle.",
            f"{info.name} 无法转正 {float(face.roll):.0f}°：人脸过于靠边，会被裁掉。请将头摆正、置于画面中央后重拍。",
        )
    if turned.share is not None and turned.share > _most(role):
        raise AssetError(
            f"{info.name} cannot be straightened: {size} would be left of it, of which the face fills "
            f"{float(turned.share) * 100:.3g} %, more than is allowed. Take the picture again with the head upright.",
            f"{info.name} 无法转正：转正后仅剩 {size}，人脸占 {float(turned.share) * 100:.3g}%，"
            "超过上限。请将头摆正后重拍。",
        )
    image = replace(info.image, size=size, stored=size, orientation=1)
    return Upright(face.roll, size), replace(info, image=image, faces=(turned,))


def _most(role: Role) -> Fraction:
    """The largest share of the picture that a face may fill."""
    bounds = [
        Fraction(nearest)
        for rule in role.rules
        if rule.check == "face.share" and rule.level is Level.ERROR
        if isinstance(nearest := rule.limit.nearest(Fraction(1)), int | Fraction)
    ]
    return min(bounds, default=Fraction(1))


def _turned(face: Face, angle: float, whole: Size, size: Size) -> Face:
    """The face in the turned picture: its outline, else the corners of its box, go along, and those of the head."""
    low, high = _bounds(face.outline or _corners(face.box), angle, whole, size)
    box = tuple(Fraction(round(v * 10), 10) for v in (*low, high[0] - low[0], high[1] - low[1]))
    share = box[2] * box[3] / (size.width * size.height)
    head = None
    if face.head:
        low, high = _bounds(_corners(face.head), angle, whole, size)
        left, top = (max(0, floor(side)) for side in low)
        head = left, top, min(size.width, ceil(high[0])) - left, min(size.height, ceil(high[1])) - top
    return replace(face, box=(box[0], box[1], box[2], box[3]), share=share, roll=Fraction(0), outline=None, head=head)


def _corners(box: Sequence[Fraction | int]) -> list[tuple[float, float]]:
    left, top, width, height = (float(side) for side in box)
    return [(left, top), (left + width, top), (left, top + height), (left + width, top + height)]


def _bounds(
    spots: Iterable[tuple[float, float]], angle: float, whole: Size, size: Size
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Least and greatest coordinates of the spots of the whole picture in the turned one."""
    places = []
    for x, y in spots:
        across, down = x - whole.width / 2, y - whole.height / 2
        places.append(
            (
                cos(angle) * across + sin(angle) * down + size.width / 2,
                -sin(angle) * across + cos(angle) * down + size.height / 2,
            )
        )
    columns, rows = zip(*places, strict=True)
    return (min(columns), min(rows)), (max(columns), max(rows))
