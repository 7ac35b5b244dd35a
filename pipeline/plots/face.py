"""The picture of the verdict: a photo with what was measured on its faces drawn onto it."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw

from pipeline.model.facts import MediaInfo
from pipeline.model.measured import Face
from pipeline.plots.still import DAMAGE
from pipeline.probe.face.pixels import READABLE, picture_of
from pipeline.probe.face.pose import turn

if TYPE_CHECKING:
    from pathlib import Path

SIDE: Final = 1280  # pixels of the longer side
_BOX, _OUTLINE, _CROP, _OTHER = "#ffd400", "#ffffff", "#00c2ff", "#ff7a00"
_AXES: Final = (("#ff4040", (1, 0, 0)), ("#40d040", (0, -1, 0)), ("#5080ff", (0, 0, -1)))  # right, up, forward
_DASH: Final = 14  # pixels


def of_file(path: Path, info: MediaInfo, target: Path) -> bool:
    """Write the PNG `target` of a photo whose faces were measured; whether there was something to see."""
    drawing = verdict(path, info)
    if drawing:
        target.write_bytes(drawing)
    return drawing is not None


def verdict(path: Path, info: MediaInfo) -> bytes | None:
    """PNG of the photo: box (yellow), outline (white), axes of the head, suggested crop (blue, dashed).

    The axes are those of the head: to the right of the picture (red), up (green), out of the face (blue). Every
    further face gets an orange box. None for a picture without measured faces or that cannot be decoded.
    """
    if info.image is None or info.faces is None or info.image.format not in READABLE:
        return None
    try:
        pixels = picture_of(path, info.image, SIDE)
    except DAMAGE:  # no picture; the findings name the damage
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    scale = picture.width / info.image.size.width
    pen = ImageDraw.Draw(picture)
    for number, face in enumerate(info.faces):
        _draw(pen, face, scale, main=number == 0)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _draw(pen: ImageDraw.ImageDraw, face: Face, scale: float, *, main: bool) -> None:
    left, top, width, height = (float(side) * scale for side in face.box)
    pen.rectangle((left, top, left + width, top + height), outline=_BOX if main else _OTHER, width=3)
    if not main:
        return
    if face.outline:
        ring = [(x * scale, y * scale) for x, y in face.outline]
        pen.line([*ring, ring[0]], fill=_OUTLINE, width=2)
    crop = face.max_crop or face.min_crop
    if crop:
        _dashed(pen, *(side * scale for side in crop))
    if face.yaw is not None and face.pitch is not None and face.roll is not None:
        rotation = turn(float(face.yaw), float(face.pitch), float(face.roll))
        middle = np.array([left + width / 2, top + height / 2])
        for colour, axis in _AXES:
            end = middle + (rotation @ np.array(axis, float))[:2] * width / 2
            pen.line([tuple(middle), tuple(end)], fill=colour, width=5)
            pen.ellipse((*(end - 8), *(end + 8)), fill=colour)  # an axis that points into the camera is only its tip
        pen.ellipse((*(middle - 4), *(middle + 4)), fill=_OUTLINE)


def _dashed(pen: ImageDraw.ImageDraw, left: float, top: float, width: float, height: float) -> None:
    right, bottom = left + width - 1, top + height - 1
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for (ax, ay), (bx, by) in pairwise(corners):
        count = max(1, round(max(abs(bx - ax), abs(by - ay)) / _DASH / 2))
        for n in range(count):
            start, end = n / count, (n + 0.5) / count
            pen.line(
                [
                    (ax + (bx - ax) * start, ay + (by - ay) * start),
                    (ax + (bx - ax) * end, ay + (by - ay) * end),
                ],
                fill=_CROP,
                width=3,
            )
