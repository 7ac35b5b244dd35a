"""Thumbnails: of pictures, of a frame of a video, of the pages of a deck."""

from __future__ import annotations

import io
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from pipeline.errors import PreflightError
from pipeline.model.facts import Size
from pipeline.probe.av.open import FULL, MICROSECOND, OPENS, allowed, opened
from pipeline.probe.av.streams import ATTACHED_PICTURE, disposition, exact
from pipeline.probe.heic import readable
from pipeline.probe.image.read import PILLOW, guard

_QUALITY: Final = 62
_FURTHEST: Final = 600_000_000  # pixels decoded to come to a moment: eleven seconds of 1080p
_BACK: Final = (236, 236, 236)  # under transparency
# What Pillow and PyAV raise for damaged data; a report shows no picture then.
DAMAGE: Final = (
    PreflightError, OSError, ValueError, SyntaxError, TypeError, RuntimeError, LookupError, ArithmeticError,
)  # fmt: skip


def webp(picture: Image.Image, box: tuple[int, int]) -> bytes:
    """The picture inside `box`, on grey where it is transparent, as WebP."""
    picture.thumbnail(box, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if picture.mode not in {"RGB", "L"}:
        alpha = picture.convert("RGBA")
        flat = Image.new("RGB", alpha.size, _BACK)
        flat.paste(alpha, mask=alpha.getchannel("A"))
        picture = flat
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()


def picture(path: Path, format_: str, box: tuple[int, int]) -> bytes | None:
    """A thumbnail of the picture at `path`, upright; None for what Pillow does not read."""
    if format_ not in PILLOW or (format_ == "heif" and not readable()):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which `guard` judges, and of EXIF that is left out
            with Image.open(path, formats=PILLOW[format_]) as opened_:
                guard(path.name, Size(*opened_.size))
                opened_.draft("RGB", (box[0] * 2, box[1] * 2))
                upright = ImageOps.exif_transpose(opened_)
                if upright.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
                    upright = upright.convert("I").point(lambda v: v / 256).convert("L")
                return webp(upright.convert("RGBA") if upright.mode in {"P", "PA", "LA"} else upright, box)
    except (*DAMAGE, Image.DecompressionBombError):  # no picture; the findings name the damage
        return None


def frame(path: Path, container: str, at: Fraction, rotation: int, box: tuple[int, int]) -> bytes | None:
    """A thumbnail of the frame at `at` seconds, turned clockwise by `rotation`; None without one.

    Entered before it and decoded up to it, so that source and output show one moment; no further than _FURTHEST, where
    the frame that was come to is shown.
    """
    if container not in OPENS:
        return None
    try:
        with opened(path, container, FULL) as media:
            stream = next((s for s in media.streams.video if not disposition(s) & ATTACHED_PICTURE), None)
            clock = exact(stream.time_base) if stream else None
            if stream is None or not allowed(stream) or clock is None:
                return None
            stream.thread_type = "AUTO"
            tick = int((at + (media.start_time or 0) * MICROSECOND) / clock)
            if at > 0:
                media.seek(tick, stream=stream)
            shown, pixels = None, 0
            for decoded in media.decode(stream):
                guard(path.name, Size(decoded.width, decoded.height))
                shown, pixels = decoded, pixels + decoded.width * decoded.height
                if at <= 0 or decoded.pts is None or decoded.pts >= tick or pixels > _FURTHEST:
                    break
            if shown is None:
                return None
            small = shown.reformat(*_inside(shown.width, shown.height, box), format="rgb24", interpolation="AREA")
            still = Image.fromarray(small.to_ndarray())
            return webp(still.rotate(-rotation, expand=True) if rotation else still, box)
    except DAMAGE:  # as above
        return None


def _inside(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """Scaled while it is still YUV: a 4K frame is never made into 25 MB of RGB."""
    scale = min(1.0, max(box) / max(width, height, 1))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def from_png(data: bytes, box: tuple[int, int]) -> bytes:
    """A PNG of ours, smaller."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as drawing:
        return webp(drawing.convert("RGB"), box)


def pdf_pages(path: Path, work: Path, most: int) -> list[Path]:
    """The first pages of a PDF as small PNG inside `work`; none where it cannot be drawn."""
    from pipeline.convert.slides.pages import drawn
    from pipeline.convert.slides.pages import opened as document_of

    out = []
    try:
        with document_of(path, path.name) as document:
            for number in range(min(most, len(document))):
                target = work / f"{number}.png"
                drawn(document, number, Size(320, 240), path.name).save(target, "PNG", compress_level=1)
                out.append(target)
    except DAMAGE:  # the pages so far; the findings name the damage
        return out
    return out
