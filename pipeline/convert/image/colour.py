"""Colours of any profile in sRGB: by what the profile does, never by what it is called.

Only for workers: littleCMS is imported at the top.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
from PIL import Image, ImageCms

# A profile that moves no colour by more than this many levels of 255 is sRGB in all but rounding.
_SAME: Final = 2
# CIE xy of red, green, blue and white by their number in a cICP chunk (ITU-T H.273, table 2).
_PRIMARIES: Final = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
# Transfer functions by their number (H.273, table 3): an exponent, or None for the curve of sRGB, which screens show
# those of television with.
_TRANSFERS: Final = {1: None, 4: 2.2, 5: 2.8, 6: None, 8: 1.0, 13: None, 14: None, 15: None}
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50: Final = np.array([0.9642, 1.0, 0.8249])  # the white of every profile (ICC.1:2010, 7.2.16)


def to_srgb(pixels: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours in sRGB; mode L, LA, RGB or RGBA.

    Relative colorimetric with black-point compensation: every colour that sRGB has stays exact, where the
    perceptual intent would shift all of them to make room for the few it has not. White stays white.
    """
    if profile and pixels.mode in {"LA", "RGBA"}:
        alpha = pixels.getchannel("A")
        colour = to_srgb(pixels.convert(pixels.mode[:-1]), profile)
        colour.putalpha(alpha)
        return colour
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            change = ImageCms.buildTransform(
                own,
                ImageCms.createProfile("sRGB"),
                pixels.mode,
                "RGB",
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if _changes(change, pixels.mode):
                converted = ImageCms.applyTransform(pixels, change)
                if converted is not None:
                    return converted.convert("L") if pixels.mode == "L" else converted
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            # A profile that is broken, or of another colour model than the picture, is passed over by every
            # viewer; so it is here.
            pass
    return pixels.convert("RGB") if pixels.mode == "CMYK" else pixels


def _changes(change: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether any of the colours of a coarse cube is moved."""
    if mode == "L":
        probe = Image.frombytes("L", (256, 1), bytes(range(256)))
    elif mode == "RGB":
        steps = np.linspace(0, 255, 18).astype(np.uint8)
        probe = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(18, -1, 3))
    else:
        return True
    moved = ImageCms.applyTransform(probe, change)
    if moved is None:
        return True
    before = np.asarray(probe.convert("RGB"), np.int16)
    return int(np.abs(np.asarray(moved, np.int16) - before).max()) > _SAME


def png_profile(chunks: dict[bytes, bytes], embedded: bytes | None) -> bytes | None:
    """The profile that a PNG's colours are of, in the order of precedence of PNG 3, 4.3; None for sRGB.

    Raises ValueError for brightness of a screen with more range than sRGB has (PQ, HLG).
    """
    coded = chunks.get(b"cICP", b"")
    if len(coded) == 4 and coded[0] in _PRIMARIES and coded[2] == 0:
        if coded[1] in {16, 18}:
            raise ValueError("its colours are HDR")
        if coded[1] in _TRANSFERS:
            return _made(_PRIMARIES[coded[0]], _TRANSFERS[coded[1]])
    if embedded:
        return embedded
    gamma = int.from_bytes(chunks.get(b"gAMA", b"")[:4], "big")
    if b"sRGB" in chunks or not gamma:
        return None
    places: tuple[float, ...] = _PRIMARIES[1]
    if len(chunks.get(b"cHRM", b"")) == 32:
        white, *others = (struct.unpack_from(">II", chunks[b"cHRM"], 8 * n) for n in range(4))
        named = tuple(value / 100_000 for pair in (*others, white) for value in pair)
        if all(0 < value < 1 for value in named):
            places = named
    usual = abs(gamma - 45_455) <= 500  # 1/2.2, as programs write for sRGB
    if usual and max(abs(a - b) for a, b in zip(places, _PRIMARIES[1], strict=True)) < 0.002:
        return None
    return _made(places, None if usual else 100_000 / gamma)


def _made(places: tuple[float, ...], exponent: float | None) -> bytes:
    """A profile of three primaries and a curve (ICC.1:2010, 7 to 10). Raises ValueError for ones that span nothing."""
    xyz = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(places[::2], places[1::2], strict=True)]
    white = xyz.pop()
    try:
        matrix = np.array(xyz).T
        matrix = matrix * np.linalg.solve(matrix, white)
    except np.linalg.LinAlgError:
        raise ValueError("its colours cannot be converted") from None
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
    columns = (adapt @ matrix).T
    at = np.linspace(0, 1, 4096)
    curve = at**exponent if exponent else np.where(at <= 0.04045, at / 12.92, ((at + 0.055) / 1.055) ** 2.4)
    table = b"curv\0\0\0\0" + struct.pack(">I", 4096) + np.round(curve * 65535).astype(">u2").tobytes()

    def point(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))

    parts = [(b"wtpt", point(_D50)), *zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(point, columns), strict=True)]
    start = 132 + 12 * 7
    tags, body = b"", b""
    for name, data in parts:
        tags += name + struct.pack(">II", start + len(body), len(data))
        body += data
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        tags += name + struct.pack(">II", start + len(body), len(table))
    body += table
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sIIIQI3i4s44x",
        start + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"", b"acsp", b"", 0, 0, 0, 0, 0,
        *(round(value * 65536) for value in _D50.tolist()), b"",
    )  # fmt: skip
    return head + struct.pack(">I", 7) + tags + body
