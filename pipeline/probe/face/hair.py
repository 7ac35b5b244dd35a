"""The whole head of a face, hair and chin: a network tells the person from what is behind."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from pipeline.model.facts import Size
from pipeline.probe.face.crop import CropBox
from pipeline.probe.face.models import PERSON_CELLS, PERSON_SIDE, Numbers, Pixels, person

# Parts of the height of the face (hair line to chin) and of its width, around the face: what is looked at, how far
# hair is followed, and what a head has at least, whatever the network says.
_LOOK_ABOVE, _LOOK_BELOW, _LOOK_BESIDE = 1.3, 1.1, 1.3
_HAIR_ABOVE, _HAIR_BESIDE = 0.9, 0.6
_LEAST_ABOVE, _LEAST_BESIDE = 0.22, 0.08
_CHIN: Final = 0.05  # the outline ends on the chin, not below it
_JAW: Final = 0.75  # of the height of the face, above which the width of head and hair is read: below are shoulders
_LIKELY: Final = 0.5  # of being a person
_WISP: Final = 0.12  # of the width of the face: a row with less of it is the end of a hair, or noise


def whole_head(picture: Pixels, face: Numbers, scale: float, size: Size) -> CropBox:
    """Bounds of head and hair in pixels of the whole picture, none of it outside.

    `face` is left, top, right, bottom in pixels of `picture`, one of which is `scale` of the whole one of `size`.
    """
    wide, tall = face[2:] - face[:2]
    least = np.array([-_LEAST_BESIDE * wide, -_LEAST_ABOVE * tall, _LEAST_BESIDE * wide, _CHIN * tall]) + face
    found = _person(picture, face)
    bounds = np.concatenate([np.minimum(least[:2], found[:2]), np.maximum(least[2:], found[2:])]) * scale
    left, top = (max(0, int(side)) for side in bounds[:2])
    right, bottom = min(size.width, int(np.ceil(bounds[2]))), min(size.height, int(np.ceil(bounds[3])))
    return left, top, max(1, right - left), max(1, bottom - top)


def _person(picture: Pixels, face: Numbers) -> Numbers:
    """Bounds of the person above the jaw, as far as hair reaches; those of the face where nobody is made out."""
    height, width = picture.shape[:2]
    wide, tall = face[2:] - face[:2]
    reach = np.array([_LOOK_BESIDE * wide, _LOOK_ABOVE * tall, _LOOK_BESIDE * wide, _LOOK_BELOW * tall])
    corner = np.clip(face[:2] - reach[:2], 0, None).astype(int)
    end = np.minimum(face[2:] + reach[2:], [width, height]).astype(int)
    part = picture[corner[1] : end[1], corner[0] : end[0]]
    if min(part.shape[:2]) < 2:
        return face
    small = cv2.resize(part, (PERSON_SIDE, PERSON_SIDE), interpolation=cv2.INTER_AREA)
    sure = person(np.asarray(small, np.uint8))
    cell = (end - corner) / PERSON_CELLS  # pixels of the picture
    box = (face - np.tile(corner, 2)) / np.tile(cell, 2)  # the face in cells
    side, above = _HAIR_BESIDE * wide / cell[0], _HAIR_ABOVE * tall / cell[1]
    mask = (sure >= _LIKELY).astype(np.uint8)
    mask[: max(0, round(box[1] - above))] = 0
    mask[max(0, round(box[1] + _JAW * (box[3] - box[1]))) :] = 0
    mask[:, : max(0, round(box[0] - side))] = 0
    mask[:, max(0, round(box[2] + side)) :] = 0
    _, parts = cv2.connectedComponents(mask)
    inside = parts[max(0, round(box[1])) : round(box[3]), max(0, round(box[0])) : round(box[2])]
    names, counts = np.unique(inside[inside > 0], return_counts=True)
    if not len(names):
        return face
    head = parts == names[counts.argmax()]
    rows = np.flatnonzero(head.sum(axis=1) >= _WISP * (box[2] - box[0]))
    columns = np.flatnonzero(head.sum(axis=0) >= 1)
    if not len(rows):
        return face
    ends = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
    found = ends * np.tile(cell, 2) + np.tile(corner, 2)
    return np.array([found[0], found[1], found[2], face[3]])
