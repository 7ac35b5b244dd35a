"""A picture decoded upright and in RGB, no larger than asked for."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from pipeline.errors import Unreadable
from pipeline.model.facts import ImageInfo
from pipeline.probe.face.models import Pixels
from pipeline.probe.heic import ready
from pipeline.probe.image.damage import DAMAGE, damage, oversize
from pipeline.probe.image.depth import plain
from pipeline.probe.image.exif import UPRIGHT, left_to_turn
from pipeline.probe.image.read import PILLOW, guard

READABLE: Final = frozenset({"jpeg", "png", "gif", "bmp", "webp", "tiff", "avif", "heif"})


def picture_of(path: Path, image: ImageInfo, side: int) -> Pixels:
    """RGB (height, width, 3) with a longer side of at least `side` where the picture has that much.

    A JPEG is decoded at the smallest of its scales (1/8, 1/4, 1/2) that suffices and stays that large; anything
    else is scaled down to `side`. Transparency is laid over white; of an animation the first frame is taken.
    Raises Unreadable, CeilingExceeded, and ToolMissing for a HEIC where no decoder is installed.
    """
    ready(image.format, path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata, which is judged elsewhere
            with Image.open(path, formats=PILLOW[image.format]) as file:
                guard(path.name, image.stored)
                scale = side / max(file.size)
                if scale < 1:
                    file.draft("RGB", (max(1, round(file.width * scale)), max(1, round(file.height * scale))))
                pixels = _rgb(file)
                if image.format != "jpeg" and max(pixels.size) > side:
                    scale = side / max(pixels.size)
                    small = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
                    pixels = pixels.resize(small, Image.Resampling.BOX, reducing_gap=2.0)
    except Image.DecompressionBombError as error:
        raise oversize(path.name, error) from error
    except DAMAGE as error:
        raise Unreadable(
            f"{path.name} cannot be decoded ({damage(error).en}), so no face can be measured. Export it anew.",
            f"{path.name} 无法解码（{damage(error).zh}），因此无法测量人脸。请重新导出。",
        ) from error
    if (orientation := left_to_turn(image)) in UPRIGHT:
        pixels = pixels.transpose(UPRIGHT[orientation])
    return np.asarray(pixels, np.uint8)


def _rgb(file: Image.Image) -> Image.Image:
    file = plain(file, {})
    if file.has_transparency_data:
        over = Image.new("RGBA", file.size, "white")
        over.alpha_composite(file.convert("RGBA"))
        return over.convert("RGB")
    return file.convert("RGB")
