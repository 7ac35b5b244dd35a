"""A face laid flat: every face becomes the same 64x64 picture, whatever its place, size and pose.

Each cell of the flat picture belongs to a triangle of the mean head; where that triangle is in the photo, its
colour is taken.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.probe.face.mesh import LEFT_EYE, LIPS, NOSE, OUTLINE, RIGHT_EYE
from pipeline.probe.face.models import Numbers, Pixels
from pipeline.probe.face.pose import head

SIDE: Final = 64  # cells
_EYE_CELLS: Final = SIDE / 1.53  # the outline of the mean head is 1.53 eye widths wide

Mask = NDArray[np.bool_]

# Features as (rows of the mesh, cells by which their hull grows).
_FEATURES: Final[dict[str, tuple[list[int], int]]] = {
    "right eye": (RIGHT_EYE, 4),
    "left eye": (LEFT_EYE, 4),
    "nose": (NOSE, 1),
    "mouth": (LIPS, 3),
}


def triangles(flat: Numbers) -> NDArray[np.int64]:
    """A Delaunay triangulation (m, 3) of points (n, 2)."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    scaled = ((flat - low) / (high - low).max() * 1000 + 10).astype(np.float32)
    plane = cv2.Subdiv2D((0, 0, 1100, 1100))
    names: dict[tuple[float, float], int] = {}
    for number, (x, y) in enumerate(scaled):
        plane.insert((float(x), float(y)))
        names[float(x), float(y)] = number
    rows = [[names.get((float(t[i]), float(t[i + 1])), -1) for i in (0, 2, 4)] for t in plane.getTriangleList()]
    return np.array([row for row in rows if min(row) >= 0])


def _frame() -> tuple[Numbers, Numbers]:
    outline = head()[OUTLINE, :2]
    return outline.min(axis=0), outline.max(axis=0)


def _cells(rows: list[int]) -> NDArray[np.int32]:
    """Points of the mean head in cells of the flat picture."""
    low, high = _frame()
    return np.asarray(np.round((head()[rows, :2] - low) / (high - low) * SIDE - 0.5), np.int32)


@cache
def inside() -> Mask:
    """The cells inside the outline of the face."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [_cells(OUTLINE)], 1)
    return np.asarray(mask > 0) & (_places()[0][..., 0] >= 0)


@cache
def features() -> dict[str, Mask]:
    """The cells of each feature."""
    masks = {}
    for name, (rows, grown) in _FEATURES.items():
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(_cells(rows)), 1)
        masks[name] = np.asarray(cv2.dilate(mask, np.ones((2 * grown + 1, 2 * grown + 1), np.uint8)) > 0)
    return masks


@cache
def skin() -> Mask:
    """Cells that are bare skin on any face: cheeks, bridge of the nose, chin; not brows, not under a fringe."""
    mask = inside().copy()
    for feature in features().values():
        mask &= ~cv2.dilate(feature.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    mask[: SIDE // 3] = False
    kernel = np.ones((7, 7), np.uint8)
    return mask & (cv2.erode(inside().astype(np.uint8), kernel, borderValue=0) > 0)


@cache
def _places() -> tuple[NDArray[np.int64], Numbers]:
    """For each cell the rows of its triangle (64, 64, 3), -1 outside, and the weights of the corners."""
    low, high = _frame()
    middle = (np.arange(SIDE) + 0.5) / SIDE
    across, down = np.meshgrid(low[0] + middle * (high - low)[0], low[1] + middle * (high - low)[1])
    rows = np.full((SIDE, SIDE, 3), -1, np.int64)
    weights = np.zeros((SIDE, SIDE, 3))
    flat = head()[:, :2]
    for triangle in triangles(flat):
        a, b, c = flat[triangle]
        twice = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if abs(twice) < 1e-12:
            continue
        first = ((b[1] - c[1]) * (across - c[0]) + (c[0] - b[0]) * (down - c[1])) / twice
        second = ((c[1] - a[1]) * (across - c[0]) + (a[0] - c[0]) * (down - c[1])) / twice
        share = np.stack([first, second, 1 - first - second], axis=-1)
        within = (share >= -1e-9).all(axis=-1)
        rows[within] = triangle
        weights[within] = share[within]
    return rows, weights


def unwrapped(picture: Pixels, points: Numbers) -> tuple[Pixels, Mask]:
    """The flat picture (64, 64, 3) and which of its cells lie inside both the face and the photo."""
    rows, weights = _places()
    places = (points[np.clip(rows, 0, None), :2] * weights[..., None]).sum(axis=2)
    height, width = picture.shape[:2]
    known = inside() & (places >= 0).all(axis=-1) & (places[..., 0] < width) & (places[..., 1] < height)
    factor = _EYE_CELLS / float(np.linalg.norm(points[33] - points[263]))
    if factor < 0.7:  # a cell is the mean of what it covers, not one pixel of it
        low = np.clip(np.floor(places[inside()].min(axis=0)).astype(int) - 8, 0, None)
        high = np.ceil(places[inside()].max(axis=0)).astype(int) + 8
        part = picture[low[1] : max(high[1], low[1] + 1), low[0] : max(high[0], low[0] + 1)]
        if part.size:
            small = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            picture, places = np.asarray(small, np.uint8), (places - low) * factor
    flat = cv2.remap(
        picture,
        places[..., 0].astype(np.float32),
        places[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(flat, np.uint8), known
