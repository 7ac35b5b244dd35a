"""Pictures that several makers start from."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from samples._tools import SampleError

Picture = Image.Image


def scene(width: int, height: int) -> Picture:
    """A landscape without anybody in it: sky, sun, hills, water, some grain."""
    down, across = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    sky = np.stack([0.55 + 0.35 * down, 0.70 + 0.15 * down, 0.95 - 0.15 * down], axis=-1)
    hills = 0.62 + 0.06 * np.sin(9 * across + 1) + 0.03 * np.sin(23 * across)
    sky[down > hills] = (0.25, 0.45, 0.22)
    sky[down > 0.8] = (0.20, 0.35, 0.50)
    sky[np.hypot((across - 0.8) * width, (down - 0.2) * height) < 0.07 * height] = (1.0, 0.95, 0.7)
    grain = np.random.default_rng(11).normal(0, 0.004, (height, width, 1))
    return Image.fromarray((np.clip(sky + grain, 0, 1) * 255).astype(np.uint8), "RGB")


@cache
def picture_file(name: str) -> Path:
    """A picture that comes with scikit-image, found without importing it (it would pull in scipy).

    Raises SampleError where the package is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    for folder in spec.submodule_search_locations or () if spec else ():
        found = Path(folder) / "data" / name
        if found.is_file():
            return found
    raise SampleError(f"the picture {name} comes with scikit-image, which is not installed: run `make setup`")
