"""How far something covers a face: read off what a trained network saw where eyes, nose and mouth are.

The network that places the 478 points has to know an eye when it sees one. Where it puts the points of a feature, the
320 figures of three of its inner layers are taken, each the mean over the points, and a logistic model weighs them.
Its weights (`covers.csv`: a row for each feature, the intercept first) come from `benchmarks/_face_covers.py`: public
photos of people with and without masks and dark glasses, as they are and with lenses, hands, cloth and hair over them.
The face as a whole: the share of its cells that belong to a covered feature, lie outside the photo or have a colour or
lightness far from the skin.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Final

import cv2
import numpy as np

from pipeline.probe.face.mesh import LEFT_EYE, LIPS, RIGHT_EYE
from pipeline.probe.face.models import POINTS_SIDE, Numbers, Pixels, Points
from pipeline.probe.face.texture import Mask, features, inside, skin

# Distance in Lab, beside the line from grey to 1.6 times the saturation of the skin, that is another colour.
_FOREIGN: Final = 16.0
_RICHEST: Final = 1.6
_FAR: Final = 0.45  # share of the skin's lightness by which a cell is far darker or brighter
COVERED: Final = 0.5  # from which on a feature counts as covered
_NOSE: Final = [1, 2, 4, 5, 195, 197, 98, 327, 64, 294]  # tip, bridge and wings
PLACES: Final = {"right eye": RIGHT_EYE, "left eye": LEFT_EYE, "nose": _NOSE, "mouth": LIPS}


@cache
def _weights() -> Numbers:
    with (files("pipeline.probe.face") / "covers.csv").open(encoding="ascii") as file:
        return np.array([[float(cell) for cell in row] for row in csv.reader(file)])


def _mean_at(seen: Numbers, places: Numbers) -> Numbers:
    """The mean of a map (figures, cells, cells) at places (n, 2), shares of its sides, between cells in proportion."""
    cells = seen.shape[1]
    at = np.clip(places * cells - 0.5, 0, cells - 1.001)
    low = at.astype(int)
    x, y = (at - low).T
    left, top = low.T
    above = seen[:, top, left] * (1 - x) + seen[:, top, left + 1] * x
    below = seen[:, top + 1, left] * (1 - x) + seen[:, top + 1, left + 1] * x
    return np.asarray((above * (1 - y) + below * y).mean(axis=1))


def figures(found: Points) -> Numbers:
    """What was seen at each feature, in the order of `PLACES`: (4, 320)."""
    return np.array(
        [
            np.concatenate([_mean_at(seen, found.places[rows] / POINTS_SIDE) for seen in found.seen])
            for rows in PLACES.values()
        ]
    )


def covers(found: Points) -> dict[str, float]:
    """How surely each feature is covered, 0 to 1."""
    weights = _weights()
    told = weights[:, 0] + (weights[:, 1:] * figures(found)).sum(axis=1)
    return dict(zip(PLACES, (1 / (1 + np.exp(-np.clip(told, -30, 30)))).tolist(), strict=True))


def covered_share(flat: Pixels, known: Mask, shares: dict[str, float]) -> float:
    """The share of the face that is covered or outside the photo.

    `flat` is the face laid flat, `known` are the cells of it inside the photo, `shares` is what `covers` says.
    """
    lab = cv2.cvtColor((flat / 255).astype(np.float32), cv2.COLOR_RGB2LAB).astype(float)
    bare = skin() & known
    tone = np.median(lab[bare], axis=0) if bare.any() else np.array([50.0, 0.0, 0.0])
    colour, light = lab[..., 1:], lab[..., 0]
    along = np.clip((colour @ tone[1:]) / (tone[1:] @ tone[1:] + 1e-6), 0, _RICHEST)
    foreign = np.linalg.norm(colour - along[..., None] * tone[1:], axis=-1) > _FOREIGN
    odd = foreign | (abs(light - tone[0]) > _FAR * max(1.0, float(tone[0])))
    # A few odd cells are shadows, brows and lips; what covers a face comes in one piece.
    odd = cv2.morphologyEx(odd.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    covered = odd | ~known
    for name, cells in features().items():
        covered = np.where(cells, shares[name] > COVERED, covered)
    return float(covered[inside()].mean())
