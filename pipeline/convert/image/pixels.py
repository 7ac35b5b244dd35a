"""From stored pixels to pixels as they are to be seen: decoded, sRGB, 8 bits, cropped, scaled, upright.

Only for workers: Pillow is imported at the top.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path

from PIL import Image, ImageColor

from pipeline.convert.image.colour import png_profile, to_srgb
from pipeline.convert.image.straighten import Upright
from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_PIXELS, MAX_SIDE
from pipeline.model.facts import Size
from pipeline.probe.face.crop import CropBox
from pipeline.probe.heic import ready
from pipeline.probe.image.damage import DAMAGE, damage, oversize
from pipeline.probe.image.depth import plain
from pipeline.probe.image.exif import UPRIGHT, turned
from pipeline.probe.image.headers import png_colour
from pipeline.probe.image.read import PILLOW


@contextmanager
def opened(path: Path, name: str, format_: str) -> Iterator[Image.Image]:
    """The picture, its header read and within the ceilings, nothing decoded yet.

    `name` is for messages. Raises Unreadable and CeilingExceeded, also for what happens inside the block, and
    ToolMissing for a HEIC where no decoder is installed.
    """
    ready(format_, name)
    if format_ not in PILLOW:
        raise Unreadable(
            f"{name} is {format_}, which is not decoded here. Export it as PNG or JPEG.",
            f"{name} 为 {format_} 格式，此处无法解码。请导出为 PNG 或 JPEG。",
        )
    try:
        with warnings.catch_warnings():
            # Our own ceiling is the one that counts; damaged metadata is not wanted anyway.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=PILLOW[format_]) as picture:
                bounded(Size(*picture.size), name)
                if format_ == "png":
                    with path.open("rb") as file:
                        picture.info["png"] = png_colour(file)
                yield picture
    except Image.DecompressionBombError as error:
        raise oversize(name, error) from None
    except DAMAGE as error:
        said = damage(error)
        raise Unreadable(
            f"{name} cannot be decoded as {format_}: {said.en}. Open it in an image program and save it again.",
            f"{name} 无法按 {format_} 解码：{said.zh}。请用图片软件打开并重新保存。",
        ) from None


def bounded(size: Size, name: str) -> None:
    """Raise CeilingExceeded for a picture too large to decode safely."""
    if size.width * size.height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise CeilingExceeded(
            f"{name} is {size}; more than {MAX_PIXELS:,} pixels or {MAX_SIDE:,} on a side is not decoded. "
            "Scale it down first.",
            f"{name} 为 {size}；超过 {MAX_PIXELS:,} 像素或单边 {MAX_SIDE:,} 像素不予解码。请先缩小图片。",
        )


def seen(
    picture: Image.Image,
    size: Size,
    orientation: int,
    background: str | None,
    part: CropBox | None = None,
    straight: Upright | None = None,
) -> Image.Image:
    """The current frame upright, at `size`, in sRGB; mode L, LA, RGB or RGBA.

    Where the shape of `size` is another one, the middle is kept, or the `part` given in pixels as seen, after the
    picture was turned by `straight`. With a `background` ("#RRGGBB") nothing stays transparent.
    """
    if part or straight:
        return _upright_part(picture, size, orientation, background, part, straight)
    stored = turned(size, orientation)
    # A JPEG decodes at 1/2, 1/4 or 1/8 in a fraction of the time. With half as much again as is wanted left to
    # the filter, nobody can tell the result from that of the whole picture (54 dB, 24 megapixels to 1080p).
    if picture.format in {"JPEG", "MPO"}:
        cover = _covering(Size(*picture.size), stored)
        picture.draft(None, (cover.width * 3 // 2, cover.height * 3 // 2))
    profile = picture.info.get("icc_profile")
    pixels = plain(picture, _chunks(picture))
    if pixels.size != tuple(stored):
        left, top, right, bottom = centre(Size(*pixels.size), stored)
        if right - left == stored.width:  # nothing is scaled: keep whole pixels whole
            corner = (int(left), int(top))
            pixels = pixels.crop((*corner, corner[0] + stored.width, corner[1] + stored.height))
        else:
            box = (float(left), float(top), float(right), float(bottom))
            pixels = pixels.resize(stored, Image.Resampling.LANCZOS, box=box)
    if orientation in UPRIGHT:
        pixels = pixels.transpose(UPRIGHT[orientation])
    return _finished(picture, pixels, profile, background)


def _upright_part(
    picture: Image.Image,
    size: Size,
    orientation: int,
    background: str | None,
    part: CropBox | None,
    straight: Upright | None,
) -> Image.Image:
    """`part` of the picture as seen and straightened, scaled to `size`; otherwise as `seen`."""
    whole = turned(Size(*picture.size), orientation)
    if part is None:
        west, north, east, south = centre(straight.size if straight else whole, size)
        part = (round(west), round(north), round(east - west), round(south - north))
    scale = max(Fraction(size.width, part[2]), Fraction(size.height, part[3]))
    if picture.format in {"JPEG", "MPO"}:
        picture.draft(None, (ceil(picture.width * scale * 3 / 2), ceil(picture.height * scale * 3 / 2)))
    profile = picture.info.get("icc_profile")
    pixels = plain(picture, _chunks(picture))
    if orientation in UPRIGHT:
        pixels = pixels.transpose(UPRIGHT[orientation])
    if straight:
        pixels, whole = _straightened(pixels, straight, whole), straight.size
    left, top, width, height = part
    if pixels.size == whole and size == (width, height):
        pixels = pixels.crop((left, top, left + width, top + height))
    else:
        across, down = pixels.width / whole.width, pixels.height / whole.height
        box = (left * across, top * down, (left + width) * across, (top + height) * down)
        pixels = pixels.resize(size, Image.Resampling.LANCZOS, box=box)
    return _finished(picture, pixels, profile, background)


def _straightened(pixels: Image.Image, straight: Upright, whole: Size) -> Image.Image:
    """The picture turned, and of it the middle that nothing had to be made up for."""
    by = pixels.width / whole.width  # a JPEG may have been decoded smaller
    turned_ = pixels.rotate(float(straight.degrees), Image.Resampling.BICUBIC)
    width, height = (max(1, round(side * by)) for side in straight.size)
    left, top = (pixels.width - width) // 2, (pixels.height - height) // 2
    return turned_.crop((left, top, left + width, top + height))


def _finished(picture: Image.Image, pixels: Image.Image, profile: object, background: str | None) -> Image.Image:
    """In sRGB, laid over the background where there is one, and without anything a writer would pick up."""
    own = profile if isinstance(profile, bytes) else None
    if chunks := _chunks(picture):
        own = png_profile(chunks, own)
        if own and pixels.mode in {"L", "LA"} and own is not profile:  # a made one is of red, green and blue
            pixels = to_srgb(pixels.convert("RGBA" if pixels.mode == "LA" else "RGB"), own).convert(pixels.mode)
            own = None
    pixels = to_srgb(pixels, own)
    if background and pixels.mode in {"LA", "RGBA"}:
        pixels = _over(pixels, background)
    if pixels is picture:
        pixels = picture.copy()
    pixels.info = {}  # writers take profile and comment from here, unasked
    return pixels


def _chunks(picture: Image.Image) -> dict[bytes, bytes]:
    """Those of a PNG that say what its numbers mean; `opened` put them there."""
    chunks = picture.info.get("png")
    return chunks if isinstance(chunks, dict) else {}


def centre(size: Size, shape: Size) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """The largest box of the proportions of `shape` in the middle of `size`: left, top, right, bottom."""
    width = min(Fraction(size.width), Fraction(size.height * shape.width, shape.height))
    height = min(Fraction(size.height), Fraction(size.width * shape.height, shape.width))
    left, top = (size.width - width) / 2, (size.height - height) / 2
    return left, top, left + width, top + height


def _covering(size: Size, shape: Size) -> Size:
    """What the whole picture measures when its middle is scaled to `shape`."""
    scale = max(Fraction(shape.width, size.width), Fraction(shape.height, size.height))
    return Size(ceil(size.width * scale), ceil(size.height * scale))


def _over(pixels: Image.Image, background: str) -> Image.Image:
    under = Image.new("RGBA", pixels.size, background)
    under.alpha_composite(pixels.convert("RGBA"))
    red, green, blue = ImageColor.getrgb(background)[:3]
    return under.convert("L" if pixels.mode == "LA" and red == green == blue else "RGB")
