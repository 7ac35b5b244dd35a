"""Which way a head is turned: the mesh against a mean head, by solvePnP.

Camera: a pinhole that looks at the middle of the face from `DISTANCE` eye widths (the outer corners of the eyes
are about 9 cm apart, so about 1.3 m away). Angles are therefore measured from the line of sight to the face; how
the photo was cropped, which nobody can know, does not change them.

Axes of the head and of the camera: x to the right of the picture, y down, z away from the camera. A head that
looks straight into the camera has no rotation; else rotation = Rz(roll) Ry(-yaw) Rx(-pitch).

The mean head (`face_head.csv`) is the mean of 32 heads of MakeHuman (CC0) at the points that the mesh network puts on
them, with the depth of the sculpture and not the network's; `benchmarks/_face_data.py` builds it. Its zero is the
head that looks ahead.

solvePnP alone reads turns and nods a tenth too small: the network draws every face a little more frontal, and
pulls its shape towards the people it knows. What is left of that in the places and depths of the points is taken out by
a linear function of them (`face_turn.csv`: degrees of yaw and pitch for each coordinate), learned by ridge regression
from MakeHuman's heads drawn at known angles, each of them and its mirror image, by the same script. How far a head is
turned aside the network of the 478 points tells too, with other errors: the mean of the two is taken.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from math import atan2, degrees, hypot
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.probe.face.mesh import INNER_LIPS, LIPS, OUTLINE
from pipeline.probe.face.models import Numbers

DISTANCE: Final = 14.0  # eye widths between camera and face
_FOCAL: Final = 1000.0  # pixels; any number, as the face is scaled to fit it
# What a smile, an open mouth or a chewing jaw moves does not tell where the head is turned, and the rim of the
# mesh is a guess under hair: lips, chin and outline are left out.
_LOWEST: Final = 0.55  # eye widths below the eyes; just above the lips


class Pose(NamedTuple):
    """Degrees. Positive: face turned to the picture's right, looking up, tilted clockwise as seen."""

    yaw: float
    pitch: float
    roll: float


def _table(name: str) -> Numbers:
    """A file of ours that holds thousandths."""
    with (files("pipeline.probe.face") / name).open(encoding="ascii") as file:
        return np.array([[int(cell) for cell in row] for row in csv.reader(file)], float) / 1000


@cache
def head() -> Numbers:
    """The mean head: 468 rows (x, y, z) in eye widths, looking into the camera."""
    return _table("head.csv")


def angles(rotation: Numbers) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation, by the convention above."""
    yaw = atan2(rotation[2, 0], hypot(rotation[0, 0], rotation[1, 0]))
    pitch = -atan2(rotation[2, 1], rotation[2, 2])
    roll = atan2(rotation[1, 0], rotation[0, 0])
    return degrees(yaw), degrees(pitch), degrees(roll)


def turn(yaw: float, pitch: float, roll: float) -> Numbers:
    """The rotation of these angles in degrees: the inverse of `angles`."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def pose(points: Numbers, finer: Numbers | None = None) -> Pose:
    """The pose of a head with this mesh (468 rows, x and y in pixels); yaw in the mean with that of the `finer` points
    (478 rows of x and y) of the other network, where they are there.
    """
    yaw, pitch, roll = turned(points)
    more = shape(points) @ _leaning()
    yaw += float(more[0])
    if finer is not None:
        yaw = (yaw + turned(np.column_stack([finer[: len(points)], points[:, 2]])).yaw) / 2
    return Pose(yaw, pitch + float(more[1]), roll)


def turned(points: Numbers) -> Pose:
    """The pose by solvePnP alone."""
    rows = steady()
    model = np.ascontiguousarray(head()[rows])
    flat = points[rows, :2]
    middle = flat.mean(axis=0)
    scale = (
        _FOCAL
        / DISTANCE
        * np.linalg.norm(model - model.mean(axis=0))
        / np.linalg.norm(points[rows] - points[rows].mean(axis=0))
    )
    seen = np.ascontiguousarray((flat - middle) * scale)
    camera = np.array([[_FOCAL, 0, 0], [0, _FOCAL, 0], [0, 0, 1]])
    start = aligned(model, points[rows])
    shift = np.array([[0.0], [0.0], [DISTANCE]]) - start @ model.mean(axis=0)[:, None]
    _, vector, _ = cv2.solvePnP(model, seen, camera, None, cv2.Rodrigues(start)[0], shift, True, cv2.SOLVEPNP_ITERATIVE)
    return Pose(*angles(np.asarray(cv2.Rodrigues(vector)[0])))


def shape(points: Numbers) -> Numbers:
    """The steady points without their place, size and roll, one row of x, y, z after another, and a one.

    Roll is that of the line through the outer corners of the eyes; size is such that a coordinate is about 0.6.
    """
    rows = steady()
    across = points[263, :2] - points[33, :2]
    c, s = across / np.linalg.norm(across)
    upright = points[rows] - points[rows].mean(axis=0)
    upright[:, :2] = upright[:, :2] @ np.array([[c, -s], [s, c]])
    return np.append(upright.ravel() * (np.sqrt(len(rows)) / np.linalg.norm(upright)), 1.0)


@cache
def _leaning() -> Numbers:
    """Degrees of yaw and pitch (columns) that each number of `shape` adds."""
    return _table("turn.csv")


def aligned(model: Numbers, points: Numbers) -> Numbers:
    """The rotation that best turns the model onto the mesh with its depths (Kabsch); where solvePnP starts."""
    cross = (points - points.mean(axis=0)).T @ (model - model.mean(axis=0))
    left, _, right = np.linalg.svd(cross)
    flip = np.diag([1, 1, np.sign(np.linalg.det(left @ right))])
    return np.asarray(left @ flip @ right)


@cache
def steady() -> NDArray[np.int64]:
    """The rows of the mesh that pose is measured by."""
    rim = set(OUTLINE)
    lips = set(LIPS) | set(INNER_LIPS)
    return np.array([n for n, point in enumerate(head()) if n not in rim | lips and point[1] < _LOWEST])
