"""How far something covers a face: an estimate from the flat picture of the face (`face_unwrap`).

For each feature (eyes, nose, mouth) eight figures are read: how alike it is to the mean face, to its mirror
image, how much of it has a colour that skin, lips and eyes do not have, how flat, rough, spread, dark and bright
it is against the skin of the same face. A logistic model weighs them. Its weights come from
`benchmarks/_face_data.py`: drawn heads, clean and with patches. The face as a whole: the share of
its cells that belong to a covered feature, lie outside the photo or have a colour or lightness far from the skin.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.probe.face.models import Numbers, Pixels
from pipeline.probe.face.texture import Mask, features, inside, look, skin

# Distance in Lab, beside the line from grey to 1.6 times the saturation of the skin, that is another colour.
_FOREIGN: Final = 16.0
_RICHEST: Final = 1.6
_FLAT: Final = 0.35  # lightness steps (0 to 100) a cell below which there is no texture
_FAR: Final = 0.45  # share of the skin's lightness by which a cell is far darker or brighter
COVERED: Final = 0.5  # from which on a feature counts as covered
# Intercept, then one weight per figure of `figures`.
WEIGHTS: Final[dict[str, tuple[float, ...]]] = {
    "right eye": (-5.83, -2.04, -0.03, 1.31, 4.16, -0.48, -1.80, 6.29, 8.89),
    "left eye": (-5.83, -2.04, -0.03, 1.31, 4.16, -0.48, -1.80, 6.29, 8.89),
    "nose": (-5.03, -2.31, 1.52, 3.27, 9.07, 4.15, -6.85, 15.79, 36.77),
    "mouth": (-4.54, -3.43, 1.60, 2.06, 13.44, 5.95, -8.90, 12.60, 21.50),
}


class Cover(NamedTuple):
    """Shares from 0 (free) to 1 (covered)."""

    face: float
    features: dict[str, float]

    @property
    def worst(self) -> float:
        """Of the feature that is covered most."""
        return max(self.features.values())


def _alike(one: Numbers, other: Numbers) -> float:
    """Normalised cross-correlation, -1 to 1; 0 when either is flat."""
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1.0))


class _Reading(NamedTuple):
    light: Numbers  # L*, 0 to 100
    foreign: Mask
    step: Numbers  # L* a cell
    tone: float  # L* of the skin


def _read(flat: Pixels, known: Mask) -> _Reading:
    lab = cv2.cvtColor((flat / 255).astype(np.float32), cv2.COLOR_RGB2LAB).astype(float)
    bare = skin() & known
    tone = np.median(lab[bare], axis=0) if bare.any() else np.array([50.0, 0.0, 0.0])
    colour, light = lab[..., 1:], lab[..., 0]
    along = np.clip((colour @ tone[1:]) / (tone[1:] @ tone[1:] + 1e-6), 0, _RICHEST)
    beside = np.linalg.norm(colour - along[..., None] * tone[1:], axis=-1)
    plane = light.astype(np.float32)
    step = np.hypot(cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)) / 8
    return _Reading(light, np.asarray(beside > _FOREIGN), np.asarray(step, float), max(1.0, float(tone[0])))


def figures(flat: Pixels, known: Mask) -> dict[str, Numbers]:
    """The eight figures of each feature, in the order of the weights after the intercept."""
    reading = _read(flat, known)
    made = {}
    for name, cells in features().items():
        light = reading.light[cells]
        other = reading.light[:, ::-1][cells]  # of the other eye; of nose and mouth the other half
        depth = (float(np.median(light)) - reading.tone) / reading.tone
        made[name] = np.array(
            [
                _alike(light, look()[cells]),
                _alike(light, other),
                float(reading.foreign[cells].mean()),
                float((reading.step[cells] < _FLAT).mean()),
                float(np.log((reading.step[cells].mean() + 0.1) / reading.tone)),
                float(np.log((light.std() + 0.3) / reading.tone)),
                max(0.0, -depth - 0.15),
                max(0.0, depth - 0.05),
            ]
        )
    return made


def cover(flat: Pixels, known: Mask) -> Cover:
    """How far the face in the flat picture is covered; `known` are the cells inside the photo."""
    shares = {}
    for name, values in figures(flat, known).items():
        weights = np.array(WEIGHTS[name])
        seen = 1 / (1 + np.exp(-float(np.clip(weights[0] + weights[1:] @ values, -30, 30))))
        cut = 1 - float(known[features()[name]].mean())
        shares[name] = max(float(seen), cut)
    return Cover(_whole(flat, known, shares), shares)


def _whole(flat: Pixels, known: Mask, shares: dict[str, float]) -> float:
    reading = _read(flat, known)
    odd = reading.foreign | (abs(reading.light - reading.tone) > _FAR * reading.tone)
    # A few odd cells are shadows, brows and lips; what covers a face comes in one piece.
    odd = cv2.morphologyEx(odd.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    covered = odd | ~known
    for name, cells in features().items():
        covered = np.where(cells, shares[name] > COVERED, covered)
    return float(covered[inside()].mean())
