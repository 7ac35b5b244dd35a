"""Pixels to files, within a byte budget where there is one: quality goes first, size last.

Only for workers: Pillow is imported at the top.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, Final

from msgspec import Struct
from PIL import Image

from pipeline.errors import ToolFailed

WRITERS: Final = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF"}

# 95 is where Pillow's manual says that files grow and pictures do not get better; below 60 blocks are seen.
BEST: Final = 95
WORST: Final = 60
# Level 6, the default, takes three times as long for 7 % of a photo and nothing of a slide.
PNG_EFFORT: Final = 4
_FULL_CHROMA: Final = 90  # from this quality on, colour is kept at full resolution: text on slides stays crisp
_LEAST_SIDE: Final = 16  # pixels; a budget that asks for less is not about pictures


class FrameSet(Struct, frozen=True):
    """What is written: one picture, or several with the time each is shown (milliseconds)."""

    pictures: Sequence[Image.Image]
    durations: Sequence[int] = ()
    loop: int | None = None  # 0: for ever; None: once

    def scaled(self, factor: float) -> FrameSet:
        """All pictures smaller by `factor`."""
        width, height = self.pictures[0].size
        size = (max(1, int(width * factor)), max(1, int(height * factor)))
        return FrameSet(
            [picture.resize(size, Image.Resampling.LANCZOS) for picture in self.pictures],
            self.durations,
            self.loop,
        )


def encode(frames: FrameSet, format_: str, quality: int = BEST) -> bytes:
    """The file, without any metadata. The same pictures give the same bytes."""
    options: dict[str, Any] = {}
    if format_ == "jpeg":
        options = {"quality": quality, "subsampling": 0 if quality >= _FULL_CHROMA else 2, "optimize": True}
    elif format_ == "webp":
        options = {"quality": quality, "method": 4, "alpha_quality": 100}
    elif format_ == "png":
        options = {"compress_level": PNG_EFFORT}
    first, *rest = frames.pictures
    if rest:
        options |= {"save_all": True, "append_images": rest, "duration": list(frames.durations)}
        if format_ == "gif":
            options["disposal"] = 2 if first.mode == "RGBA" else 1
        if frames.loop is not None or format_ != "gif":
            options["loop"] = 1 if frames.loop is None else frames.loop
    out = io.BytesIO()
    first.save(out, format=WRITERS[format_], **options)
    return out.getvalue()


def encode_within(
    frames: FrameSet, format_: str, budget: int | None, name: str, progress: Callable[[float], None]
) -> bytes:
    """As `encode`, in at most `budget` bytes: the best quality that fits, else a smaller picture.

    Raises ToolFailed when no picture worth the name fits.
    """
    data = encode(frames, format_)
    progress(0.5)
    now, factor = frames, 1.0
    while budget is not None and len(data) > budget:
        least = data
        if format_ in {"jpeg", "webp"}:
            least = encode(now, format_, WORST)
            if len(least) <= budget:
                return _best_quality(now, format_, budget, least)
        # Bytes go with the number of pixels; two percent more, so that the next try usually fits.
        factor *= min(0.95, sqrt(budget / len(least)) * 0.98)
        if min(now.pictures[0].size) <= 1 or min(frames.pictures[0].size) * factor < _LEAST_SIDE:
            raise ToolFailed(
                f"{name} cannot be made as small as {budget} bytes and still be a picture. Check the limit.",
                f"{name} 无法压缩到 {budget} 字节以内。请检查该限制。",
            )
        now = frames.scaled(factor)
        data = encode(now, format_)
    return data


def _best_quality(frames: FrameSet, format_: str, budget: int, fits: bytes) -> bytes:
    low, high = WORST, BEST  # low fits, high does not
    while high - low > 1:
        middle = (low + high) // 2
        data = encode(frames, format_, middle)
        if len(data) <= budget:
            low, fits = middle, data
        else:
            high = middle
    return fits
