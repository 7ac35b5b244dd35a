"""From whatever numbers a file stores to eight bits a channel, without a palette.

Only for workers: Pillow is imported at the top.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

_BITS, _PHOTOMETRIC, _PLANES, _SAMPLES = 258, 262, 284, 339  # tags of TIFF 6
_WHITE_IS_ZERO: Final = 0


def plain(picture: Image.Image, png: dict[bytes, bytes]) -> Image.Image:
    """Decoded, eight bits a channel, no palette: L, LA, RGB, RGBA or CMYK. `png`: its chunks, empty for others.

    Raises ValueError for numbers that do not say what their brightest is.
    """
    _planes(picture)
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return _deep(picture)
    _clear(picture, png)
    if mode in {"P", "PA"} or "transparency" in picture.info:
        clear = mode == "PA" or "transparency" in picture.info
        return picture.convert("RGBA" if clear else "RGB")
    if mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        picture.load()
        return picture.copy() if getattr(picture, "is_animated", False) else picture
    if mode == "LAB":
        return _from_lab(picture)
    return picture.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))


def _from_lab(pixels: Image.Image) -> Image.Image:
    """CIE L*a*b* of the D50 white as sRGB."""
    converted = ImageCms.profileToProfile(
        pixels,
        ImageCms.createProfile("LAB"),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    if converted is None:
        raise ValueError("its colours cannot be converted")
    return converted


def _deep(picture: Image.Image) -> Image.Image:
    """Grey of 9 to 32 bits, scaled; Pillow's own conversion cuts off everything above 255 instead."""
    tags: Any = getattr(picture, "tag_v2", {})
    bits, samples, meaning = (_first(tags.get(*tag)) for tag in ((_BITS, 16), (_SAMPLES, 1), (_PHOTOMETRIC, 1)))
    if picture.mode == "F" or samples != 1:
        raise ValueError("samples do not say what their brightest value is")
    stored = np.asarray(picture)
    values = stored.view(np.uint32).astype(np.float64) if stored.dtype == np.int32 else stored.astype(np.float64)
    most = float((1 << bits) - 1)
    grey = np.round((most - values if meaning == _WHITE_IS_ZERO else values) * (255 / most)).astype(np.uint8)
    pixels = Image.fromarray(grey)
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        pixels.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return pixels


def _planes(picture: Image.Image) -> None:
    """Let planes of 16 bits, one after the other and not compressed, be read as such: Pillow sees 8."""
    tags: Any = getattr(picture, "tag_v2", {})
    if tags.get(_PLANES, 1) != 2 or _first(tags.get(_BITS, 1)) != 16 or picture.mode not in {"RGB", "RGBA", "CMYK"}:
        return
    order = "L" if tags.prefix == b"II" else "B"
    layers: Any = picture
    layers.tile = [
        tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
        if tile.codec_name == "raw" and isinstance(tile.args, tuple) and tile.args[0] in tuple("RGBACMYK")
        else tile
        for tile in layers.tile
    ]


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)


def _clear(picture: Image.Image, png: dict[bytes, bytes]) -> None:
    """The transparent colour of a PNG as its decoded pixels have it: tRNS counts in the file's depth (PNG 11.3.1)."""
    clear, head = picture.info.get("transparency"), png.get(b"IHDR", b"")
    if len(head) != 13 or picture.mode not in {"L", "RGB"}:
        return
    bits = head[8]
    del png[b"IHDR"]  # the frames of an animation share it
    if isinstance(clear, int):
        picture.info["transparency"] = min(255, clear * 255 // ((1 << bits) - 1))
    elif isinstance(clear, tuple) and bits == 16:
        picture.info["transparency"] = tuple(value >> 8 for value in clear)
