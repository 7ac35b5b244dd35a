"""Light, sharpness and texture of a face and of what is behind it. Every figure is a share from 0 to 1."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.probe.face.models import Numbers, Pixels
from pipeline.probe.face.texture import SIDE, Mask, skin

_WHITE, _BLACK = 250, 12  # 8-bit luminance from which on, and down to which, nothing can be seen
_CROP: Final = 192  # pixels a side of the square around the face in which sharpness and texture are read
_WINDOW: Final = 9  # length of the blur that Crete et al. compare with
_STILL: Final = 1.0  # steps of luminance between neighbours that count as an even area, after stretching
_RANGE: Final = 128.0  # what the 5th to the 95th percentile of luminance is stretched to
# Shares of even area in the crop: photographs stay below the first, flat drawings lie above the second.
_PHOTO, _DRAWING = 0.45, 0.70
# A pupil that a flash lights up is redder than the skin around it; in warm light all of the face is red. The middle of
# the iris is looked at, where it is wide enough for a colour; what is dark has none.
_PUPIL: Final = 0.45  # of the radius of the iris
_WIDE: Final = 2.0  # pixels of that radius
_DARK: Final = 110.0  # 8-bit red below which redness counts less
_SKIN: Final = 0.25  # redness of the skin in plain light
_SPREAD: Final = 40.0  # standard deviation of 8-bit luminance of a background that is as uneven as can be


class Light(NamedTuple):
    """What the light on the skin is like."""

    brightness: float  # mean luminance
    contrast: float  # between the 5th and the 95th percentile of luminance
    over_exposed: float  # of the skin
    under_exposed: float  # of the skin
    evenness: float  # darker half / brighter half: 1 is even


def light(flat: Pixels, known: Mask) -> Light | None:
    """The light on the bare skin of the flat face; None when none of it is in the photo."""
    cells = skin() & known
    if not cells.any():
        return None
    tone = cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY).astype(float)
    seen = tone[cells]
    low, high = np.percentile(seen, [5, 95])
    left, right = np.zeros_like(cells), np.zeros_like(cells)
    left[:, : SIDE // 2] = cells[:, : SIDE // 2]
    right[:, SIDE // 2 :] = cells[:, SIDE // 2 :]
    halves = [float(tone[half].mean()) if half.any() else 0.0 for half in (left, right)]
    return Light(
        brightness=float(seen.mean()) / 255,
        contrast=float(high - low) / 255,
        over_exposed=float((seen >= _WHITE).mean()),
        under_exposed=float((seen <= _BLACK).mean()),
        evenness=min(halves) / max(1.0, *halves),
    )


def _red(colours: Pixels) -> float:
    """The median of how far red stands out, in shares of it; `colours` is (n, 3)."""
    most = colours.astype(float)
    return float(np.median((most[:, 0] - most[:, 1:].max(axis=1)) / np.maximum(most[:, 0], _DARK)))


def red_eyes(picture: Pixels, irises: tuple[Numbers, Numbers], flat: Pixels, known: Mask) -> float | None:
    """How red the redder pupil is, 0 to 1, less what the skin is redder than in plain light; None where too small.

    `irises` are the middle and four points on the rim of each, in pixels of the picture; `flat` is the face laid flat.
    """
    bare = flat[skin() & known]
    tinted = max(0.0, _red(bare) - _SKIN) if len(bare) else 0.0
    found = []
    for middle, *rim in irises:
        radius = float(np.hypot(*(np.array(rim) - middle).T).mean()) * _PUPIL
        low = np.clip(np.floor(middle - radius), 0, None).astype(int)
        part = picture[low[1] : int(middle[1] + radius) + 2, low[0] : int(middle[0] + radius) + 2]
        down, across = np.mgrid[: part.shape[0], : part.shape[1]]
        pupil = part[np.hypot(across + low[0] - middle[0], down + low[1] - middle[1]) <= radius]
        if radius >= _WIDE and len(pupil):
            found.append(_red(pupil))
    return min(1.0, max(0.0, max(found) - tinted)) if found else None


def crop(picture: Pixels, box: Numbers) -> Pixels:
    """The face in a square of 192 pixels; `box` is left, top, right, bottom."""
    height, width = picture.shape[:2]
    left, top = (max(0, int(value)) for value in box[:2])
    right, bottom = min(width, max(left + 1, int(box[2]))), min(height, max(top + 1, int(box[3])))
    part = picture[min(top, height - 1) : bottom, min(left, width - 1) : right]
    way = cv2.INTER_AREA if max(part.shape[:2]) > _CROP else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (_CROP, _CROP), interpolation=way), np.uint8)


def sharpness(face: Pixels) -> float:
    """1 for sharp, 0 for blurred: one minus the blur metric of Crete et al., "The blur effect", 2007.

    A picture that loses little when it is blurred again was blurred before. An enlarged small face counts as
    blurred, which it is.
    """
    tone = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    worst = 0.0
    for axis, size in ((0, (1, _WINDOW)), (1, (_WINDOW, 1))):
        again = cv2.blur(tone, size)
        before, after = abs(np.diff(tone, axis=axis)), abs(np.diff(again, axis=axis))
        total = float(before.sum())
        lost = float(np.clip(before - after, 0, None).sum())
        worst = max(worst, 1 - lost / total if total > 0 else 1.0)
    return 1 - worst


def drawing(face: Pixels) -> float:
    """Suspicion of a drawing: how much of the face is of one even colour, as no skin in a photo is.

    A figure to look at, not a verdict: shaded drawings and renders of skin are not found by it.
    """
    tone = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(float)
    low, high = np.percentile(tone, [5, 95])
    tone *= _RANGE / max(float(high - low), 16.0)  # under dim light everything looks even
    even = (abs(np.diff(tone, axis=0))[:, :-1] <= _STILL) & (abs(np.diff(tone, axis=1))[:-1] <= _STILL)
    return float(np.clip((even.mean() - _PHOTO) / (_DRAWING - _PHOTO), 0, 1))


def background_evenness(picture: Pixels, box: Numbers) -> float | None:
    """1 when what is beside and above the head has one lightness; None when nothing of it is seen.

    Left out: the head, taken as the box widened by half on each side and above, and everything below the chin,
    where the body is.
    """
    height, width = picture.shape[:2]
    wide, tall = box[2] - box[0], box[3] - box[1]
    seen = np.ones((height, width), bool)
    left, right = max(0, int(box[0] - wide / 2)), max(0, int(box[2] + wide / 2))
    seen[max(0, int(box[1] - tall / 2)) :, left:right] = False
    seen[max(0, int(box[3])) :] = False
    if seen.mean() < 0.02:
        return None
    tone = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[seen]
    return float(1 - min(1.0, float(tone.std()) / _SPREAD))
