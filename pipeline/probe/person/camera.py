"""Whether the camera moves: where what is behind the person goes from one picture to the next.

A background without anything on it, as a screen that is to be keyed, cannot be followed, and nothing is said then. The
thresholds are ours. What they find and miss: `python -m benchmarks shaking`.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from pipeline.probe.face.models import PERSON_CELLS, PERSON_SIDE, Numbers, Pixels, person

MOVED: Final = 0.004  # of the longer side of the picture: 8 pixels of 1920
_MAYBE: Final = 0.1  # how surely a cell belongs to the person for it to be left out
_MARGIN: Final = np.ones((7, 7), np.uint8)  # cells around the person that are left out too: hair, hands, shadow
_CORNERS: Final = 200  # that are followed at most
_APART: Final = 8  # pixels between two of them
_CLEAR: Final = 0.002  # least eigenvalue of a corner that is more than noise, as OpenCV has it for 0 to 1
_BACK: Final = 0.5  # pixels that a corner may be off when it is followed back
_FEW: Final = 12  # corners that have to agree
_AGREE: Final = 0.6  # ... and of all that are followed
_FIELDS: Final = (4, 3)  # parts of the picture, in three of which they have to lie
_SPREAD: Final = 3
_NEAR: Final = 1.0  # pixels within which they agree


def moved(one: Pixels, other: Pixels) -> float | None:
    """How far the background of an RGB picture went until the other, in shares of its longer side.

    None where nothing on it can be followed, or what can does not go one way.
    """
    height, width = one.shape[:2]
    grey, later = (np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8) for pixels in (one, other))
    corners = _corners(one, grey)
    if len(corners) < _FEW:
        return None
    follow: Any = cv2.calcOpticalFlowPyrLK  # its places are made by itself, which its stubs do not know
    there, found, _ = follow(grey, later, corners, None)
    back, again, _ = follow(later, grey, there, None)
    sure = (found[:, 0] == 1) & (again[:, 0] == 1) & (np.hypot(*(back - corners).reshape(-1, 2).T) < _BACK)
    start, end = corners.reshape(-1, 2)[sure], there.reshape(-1, 2)[sure]
    if len(start) < _FEW:
        return None
    _, agreeing = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=_NEAR)
    kept = agreeing[:, 0] == 1 if agreeing is not None else np.zeros(len(start), bool)
    if kept.sum() < max(_FEW, _AGREE * len(start)) or _fields(start[kept], width, height) < _SPREAD:
        return None
    return float(np.median(np.hypot(*(end - start)[kept].T)) / max(width, height))


def _corners(pixels: Pixels, grey: Pixels) -> Any:
    """What can be followed outside the person, as OpenCV wants it."""
    sure = person(np.asarray(cv2.resize(pixels, (PERSON_SIDE, PERSON_SIDE), interpolation=cv2.INTER_AREA), np.uint8))
    cells = cv2.dilate((sure >= _MAYBE).astype(np.uint8), _MARGIN) == 0
    size = (pixels.shape[1], pixels.shape[0])
    outside = cv2.resize(
        cells.astype(np.uint8).reshape(PERSON_CELLS, PERSON_CELLS), size, interpolation=cv2.INTER_NEAREST
    )
    clear = cv2.cornerMinEigenVal(grey.astype(np.float32) / 255, 5) >= _CLEAR
    mask = np.asarray(outside * clear.astype(np.uint8) * 255, np.uint8)
    found = cv2.goodFeaturesToTrack(grey, _CORNERS, 0.001, _APART, mask=mask)
    return np.zeros((0, 1, 2), np.float32) if found is None else found


def _fields(points: Numbers, width: int, height: int) -> int:
    """In how many parts of the picture points lie."""
    across, down = _FIELDS
    columns = (points[:, 0] * across / width).astype(int)
    return len(
        {(x, y) for x, y in zip(columns.tolist(), (points[:, 1] * down / height).astype(int).tolist(), strict=True)}
    )
