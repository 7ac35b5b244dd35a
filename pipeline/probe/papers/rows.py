"""Rows of text, seen without reading them: what tells a paper from a picture, and a written page from a blank one."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.probe.face.models import Pixels

_SIDE: Final = 640  # pixels of the longer side that it is looked at
_CONTRAST: Final = 24  # 8-bit steps that ink differs from the paper around it
# Of a row, in shares of the longer side: how tall it is at least and at the most; and how much longer than tall.
_TALL: Final = (0.006, 0.09)
_LONG: Final = 3.0
_FULL: Final = 0.45  # of its box: letters nearly fill it once they are closed to a band, edges of things do not


class Rows(NamedTuple):
    """What looks like text in a picture."""

    stretches: int
    share: (
        float  # of all that is darker than what is around it: on a paper most of it is text, in a photo next to nothing
    )


def rows(pixels: Pixels) -> Rows:
    """Stretches of what looks like text in an RGB picture, darker than what is around them."""
    scale = _SIDE / max(pixels.shape[:2])
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    # Strokes are thinner than letters are tall: what is left when everything wider is taken away.
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, around)
    ink = (dark > _CONTRAST).astype(np.uint8)
    band = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, 13), np.uint8))
    band = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, text = 0, np.zeros_like(ink)
    for contour in cv2.findContours(band, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        _, (across, down), _ = cv2.minAreaRect(contour)
        long, tall = max(across, down) + 1, min(across, down) + 1
        fits = _TALL[0] * _SIDE <= tall <= _TALL[1] * _SIDE and long >= _LONG * tall
        if fits and cv2.contourArea(contour) >= _FULL * long * tall:
            count += 1
            cv2.drawContours(text, [contour], -1, 1, cv2.FILLED)
    return Rows(count, float((ink & text).sum()) / max(1, int(ink.sum())))
