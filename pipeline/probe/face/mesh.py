"""The 468-point mesh, the irises and the expression of one face, in pixels of the picture."""

from __future__ import annotations

from math import atan2, cos, sin
from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.probe.face.detect import DetectedFace
from pipeline.probe.face.models import MESH_SIDE, POINTS_SIDE, Numbers, Pixels, Points, expression, mesh, points

# Rows of the mesh (MediaPipe face mesh topology). Right and left are the person's; rings run in order.
OUTLINE: Final = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
]
RIGHT_EYE: Final = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
LEFT_EYE: Final = [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
LIPS: Final = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
INNER_LIPS: Final = [
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
]
NOSE: Final = [168, 417, 465, 343, 437, 420, 279, 331, 294, 460, 2, 240, 64, 102, 49, 198, 217, 114, 245, 193]
_CORNERS: Final = ((33, 133), (263, 362))  # of each eye
# Among the 52 coefficients of the expression (kBlendshapeNames of MediaPipe's face_blendshapes_graph.cc).
_BLINK, _JAW_OPEN, _LIPS_SHUT, _LOWER_DOWN, _SMILE, _UPPER_UP = (9, 10), 25, 27, (34, 35), (44, 45), (48, 49)
_JAW: Final = 2.0
# A smile draws the lips apart sideways and thin: a gap between them, in widths of the mouth, is then teeth.
_TEETH: Final = 4.5
_MIDDLE, _ENDS = (13, 14), (61, 291)  # of the lips: upper and lower edge of the gap, corners of the mouth
_ROOM: Final = 1.5  # side of the square the networks get / longer side of the face (MediaPipe's)
_DIAGONAL: Final = 1.4143  # of a square, in sides
_PASSES: Final = 2  # the first places the square by the detector's box, the second by the mesh


class Mesh(NamedTuple):
    """A fitted face; x and y in pixels of the picture, depth in the same unit, growing away from the camera."""

    presence: float  # how sure the network is that it is a face, 0 to 1
    points: Numbers  # (468, 3)


class Square(NamedTuple):
    """A turned square in the picture."""

    middle: Numbers  # (2,)
    side: float  # pixels
    turn: float  # radians clockwise, as seen

    def to_picture(self, side: int) -> Numbers:
        """2x3 matrix from a square of `side` pixels to the picture."""
        scale = self.side / side
        c, s = cos(self.turn) * scale, sin(self.turn) * scale
        rotation = np.array([[c, -s], [s, c]])
        shift = self.middle - rotation @ np.array([side / 2, side / 2])
        return np.column_stack([rotation, shift])

    def view(self, picture: Pixels, side: int) -> Pixels:
        """What is in it, upright, `side` pixels a side; black where the picture ends."""
        matrix = self.to_picture(side)
        # Sampling every n-th pixel would alias: what is much larger than wanted is first made smaller.
        if self.side > 2 * side:
            factor = 1 / int(self.side / side)
            reach = self.side * _DIAGONAL / 2 + 1 / factor
            low = np.clip(np.floor(self.middle - reach), 0, None).astype(int)
            high = np.clip(np.ceil(self.middle + reach), 0, None).astype(int)
            part = picture[low[1] : high[1], low[0] : high[0]]
            if part.size:
                small = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
                matrix = (matrix - np.column_stack([np.zeros((2, 2)), low])) * factor
                picture = np.asarray(small, np.uint8)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=flags), np.uint8)


def _of_found(found: DetectedFace) -> Square:
    right, left = found.points[0], found.points[1]
    size = float((found.box[2:] - found.box[:2]).max())
    middle = (found.box[:2] + found.box[2:]) / 2
    return Square(middle, size * _ROOM, atan2(left[1] - right[1], left[0] - right[0]))


def square_of(placed: Numbers) -> Square:
    flat = placed[:, :2]
    right, left = flat[33], flat[263]
    turn = atan2(left[1] - right[1], left[0] - right[0])
    c, s = cos(turn), sin(turn)
    upright = flat @ np.array([[c, -s], [s, c]])  # turned back by `turn`
    low, high = upright.min(axis=0), upright.max(axis=0)
    middle = np.array([[c, -s], [s, c]]) @ ((low + high) / 2)
    return Square(middle, float((high - low).max()) * _ROOM, turn)


def fit(picture: Pixels, found: DetectedFace) -> Mesh:
    """The mesh of the face that was found. `picture` is RGB (height, width, 3)."""
    square = _of_found(found)
    result = Mesh(0.0, np.zeros((468, 3)))
    for _ in range(_PASSES):
        presence, local = mesh(square.view(picture, MESH_SIDE))
        matrix = square.to_picture(MESH_SIDE)
        flat = local[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        result = Mesh(presence, np.column_stack([flat, local[:, 2] * square.side / MESH_SIDE]))
        square = square_of(result.points)
    return result


class Expression(NamedTuple):
    """What a trained network reads off the finer points of a face."""

    points: Points
    placed: Numbers  # (478, 2): the points in the picture
    irises: tuple[Numbers, Numbers]  # right and left: five points (x, y) each, the middle, then four on the rim
    mouth_open: float  # 0 closed, to 1: by the jaw, by lips drawn off the teeth, or by the gap in a smile
    eyes_open: float  # 0 closed, to 1: of the eye that is less open


def express(picture: Pixels, fitted: Mesh) -> Expression:
    """The expression of the face in the picture that the mesh was fitted to."""
    square = square_of(fitted.points)
    found = points(square.view(picture, POINTS_SIDE))
    told = expression(found.places)
    matrix = square.to_picture(POINTS_SIDE)
    placed = found.places @ matrix[:, :2].T + matrix[:, 2]
    irises = (placed[-10:-5], placed[-5:])
    return Expression(found, placed, irises, mouth_open(told, found.places), 1 - float(told[list(_BLINK)].max()))


def mouth_open(told: Numbers, found: Numbers) -> float:
    """0 closed, to 1, of the 52 coefficients and the 478 points of a face: the most of what jaw, lips and teeth say."""
    # A jaw may be down with the lips still closed over it. A little jaw shows as much as a good part of the lips.
    jaw = _JAW * (told[_JAW_OPEN] - told[_LIPS_SHUT])
    lips = max(told[list(pair)].mean() for pair in (_LOWER_DOWN, _UPPER_UP))
    teeth = _TEETH * told[list(_SMILE)].mean() * _apart(found, _MIDDLE) / _apart(found, _ENDS)
    return float(np.clip(max(jaw, lips, teeth), 0, 1))


def _apart(found: Numbers, ends: tuple[int, int]) -> float:
    return float(np.hypot(*(found[ends[0]] - found[ends[1]])))


def gaze(placed: Numbers, eyes: tuple[Numbers, Numbers]) -> float:
    """How far the irises are beside the middle of the eyes, in half widths of the eye.

    Positive to the right of the picture; averaged over both eyes, so that a squint does not count.
    """
    shifts = []
    for ring, corners in zip(eyes, _CORNERS, strict=True):
        ends = placed[list(corners), :2]
        first, last = ends[np.argsort(ends[:, 0])]
        along = (last - first) / np.hypot(*(last - first))
        half = float(np.hypot(*(last - first))) / 2
        shifts.append(float((ring[0] - (first + last) / 2) @ along) / half)
    return sum(shifts) / len(shifts)
