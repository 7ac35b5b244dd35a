"""Where faces are: both detectors over the whole picture, then turned, then in tiles; each find confirmed.

Coordinates are pixels of the picture given. A find is only kept when the mesh network, which never saw the
detector's answer, also takes the place for a face.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.probe.face.models import FULL, SHORT, Detector, Numbers, Pixels, detect

_LEAST: Final = 0.5  # MediaPipe's own threshold
_SAME: Final = 0.3  # overlap (intersection / union) from which two finds are one face
_TILE: Final = 0.5  # of the picture's sides; neighbours overlap by half
# Faces upside down or on their side are found as well, badly placed and with low scores. Below this score, and where
# the eyes lie steeper than so many degrees, the picture is looked at turned as well.
_SURE, _STEEP = 0.8, 45
# Score a find in a turned picture has at least, and by how much the best of them has to be above what is found upright:
# half a face at the edge is found about as well turned as upright, a whole one the wrong way up much worse.
_TURNED, _CLEARER = 0.6, 0.1
_TURNS: Final = (90, -90, 180, 45, -45, 135, -135)  # degrees
_LARGE: Final = 0.2  # of the shorter side: where a face this wide is found, nobody looks for tiny ones


class DetectedFace(NamedTuple):
    """A face as the detectors see it; points in pixels."""

    score: float
    box: Numbers  # left, top, right, bottom
    points: Numbers  # (6, 2): right eye, left eye, nose tip, mouth, right ear, left ear
    turned: bool = False  # seen only once the picture was turned


def _letterbox(picture: Pixels, side: int) -> tuple[Pixels, float, Numbers]:
    """The picture inside a square of `side`, how much smaller it became, and where its corner lies."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((side, side, 3), np.uint8)
    left, top = (side - small[0]) // 2, (side - small[1]) // 2
    square[top : top + small[1], left : left + small[0]] = cv2.resize(picture, small, interpolation=way)
    return square, scale, np.array([left, top], float)


def _look(detector: Detector, picture: Pixels) -> list[DetectedFace]:
    square, scale, corner = _letterbox(picture, detector.side)
    found = []
    for score, points in zip(*detect(detector, square, _LEAST), strict=True):
        half = points[1] * detector.side / scale / 2
        middle = (points[0] * detector.side - corner) / scale
        marks = (points[2:] * detector.side - corner) / scale
        if half.min() > 0:
            found.append(DetectedFace(float(score), np.concatenate([middle - half, middle + half]), marks))
    return found


def _moved(found: DetectedFace, by: Numbers) -> DetectedFace:
    return found._replace(box=found.box + np.tile(by, 2), points=found.points + by)


def _turned_back(found: DetectedFace, matrix: Numbers) -> DetectedFace:
    """A find in a turned picture, in the picture as it was."""
    points = found.points @ matrix[:, :2].T + matrix[:, 2]
    middle = (found.box[:2] + found.box[2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (found.box[2:] - found.box[:2]) / 2
    return DetectedFace(found.score, np.concatenate([middle - half, middle + half]), points, turned=True)


def overlap(one: Numbers, other: Numbers) -> float:
    """Intersection over union, or 1 where one box lies mostly inside the other."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    if common > 0.7 * min(areas):
        return 1.0
    return common / (sum(areas) - common)


def merged(finds: list[DetectedFace]) -> list[DetectedFace]:
    """One find per face: the surest, weighed with those that overlap it."""
    left = sorted(finds, key=lambda f: (-f.score, f.box[0], f.box[1]))
    faces = []
    while left:
        best = left[0]
        same = [f for f in left if overlap(best.box, f.box) > _SAME]
        left = [f for f in left if overlap(best.box, f.box) <= _SAME]
        weights = np.array([f.score for f in same])
        weights /= weights.sum()
        faces.append(
            DetectedFace(
                best.score,
                np.einsum("n,nk->k", weights, np.stack([f.box for f in same])),
                np.einsum("n,nkj->kj", weights, np.stack([f.points for f in same])),
                best.turned,
            )
        )
    return faces


def _tiles(picture: Pixels) -> list[DetectedFace]:
    height, width = picture.shape[:2]
    tall, wide = max(1, round(height * _TILE)), max(1, round(width * _TILE))
    finds = []
    for top in (0, (height - tall) // 2, height - tall):
        for left in (0, (width - wide) // 2, width - wide):
            by = np.array([left, top], float)
            tile = np.ascontiguousarray(picture[top : top + tall, left : left + wide])
            finds += [_moved(f, by) for f in _look(FULL, tile) if _whole(f, wide, tall, left, top, picture)]
    return finds


def _whole(found: DetectedFace, wide: int, tall: int, left: int, top: int, picture: Pixels) -> bool:
    """Whether a find is not cut by a tile's edge that is not also the picture's."""
    height, width = picture.shape[:2]
    return bool(
        (found.box[0] >= 0 or left == 0)
        and (found.box[1] >= 0 or top == 0)
        and (found.box[2] <= wide or left + wide == width)
        and (found.box[3] <= tall or top + tall == height)
    )


def _turned(picture: Pixels, degrees: float) -> list[DetectedFace]:
    height, width = picture.shape[:2]
    middle = (width / 2, height / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (round(width * cos + height * sin), round(width * sin + height * cos))
    matrix[:, 2] += np.array(size) / 2 - np.array(middle)
    view = np.asarray(cv2.warpAffine(picture, matrix, size), np.uint8)
    back = np.asarray(cv2.invertAffineTransform(matrix), float)
    return [_turned_back(f, back) for f in (*_look(FULL, view), *_look(SHORT, view))]


def _surest(finds: list[DetectedFace]) -> float:
    return max((found.score for found in finds), default=0.0)


def _steepness(found: DetectedFace) -> float:
    """Degrees between the line of the eyes and the horizontal, 0 to 180 where the right eye is on the right."""
    across, down = found.points[1] - found.points[0]
    return abs(float(np.degrees(np.arctan2(down, across))))


def candidates(picture: Pixels, *, briefly: bool = False) -> list[DetectedFace]:
    """Where faces may be, surest first; one face may be in it twice, turned and as it is.

    `picture` is RGB (height, width, 3), a few hundred pixels a side.

    The detectors know upright faces: a picture in which they are sure of none is turned by quarters and eighths,
    and the finds of the turn that makes them surest come first: upside down a face may pass for an upright one. Where
    the largest face is small, the picture is also searched in nine overlapping tiles. With `briefly` neither is done.
    """
    finds = [*_look(FULL, picture), *_look(SHORT, picture)]
    if briefly:
        return merged(finds)
    turned: list[DetectedFace] = []
    upright = _surest([found for found in finds if _steepness(found) <= _STEEP])
    if upright < _SURE:
        best = max((_turned(picture, degrees) for degrees in _TURNS), key=_surest)
        if _surest(best) > (max(_SURE, upright + _CLEARER) if upright else _TURNED):
            turned = merged([found for found in best if found.score >= _TURNED])
    widest = max((float(f.box[2] - f.box[0]) for f in finds), default=0.0)
    if widest < _LARGE * min(picture.shape[:2]):
        finds += _tiles(picture)
    return [*turned, *merged(finds)]
