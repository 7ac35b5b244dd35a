"""Whether the compressed pixels of a JPEG are whole: Pillow's reader passes over much that is wrong there."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Final

from pipeline.probe.image.damage import damage
from pipeline.probe.image.whole.harm import Harm, zeroed

# Of libjpeg-turbo's warnings those after which every pixel is as it was made (jerror.h): they speak of headers, and of
# padding that some cameras put before a marker.
_HARMLESS: Final = re.compile(r"unknown (JFIF|Adobe)|bad ICC|Invalid SOS|Inconsistent progression")
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_HARM: Final = re.compile(
    r"Corrupt JPEG data|Premature end|too many scanlines|Invalid JPEG file structure|Bogus|was not defined",
    re.IGNORECASE,
)
_PADDED: Final = re.compile(rb"[\0\xff]*\xff\xd9")


def jpeg(path: Path) -> Harm | None:
    """Of the file at `path`."""
    return stream(path.read_bytes())


def stream(data: bytes) -> Harm | None:
    """Of one picture, in a file or inside of a TIFF.

    By libjpeg-turbo's own warnings, at an eighth of the size: every code is still read.
    """
    from simplejpeg import decode_jpeg, decode_jpeg_header

    try:
        space = decode_jpeg_header(data, strict=False)[2]
    except (ValueError, KeyError):  # no header of a picture: whoever opens it says so
        return None
    try:
        decode_jpeg(data, "CMYK" if space in {"CMYK", "YCCK"} else "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        said = str(error)
    else:
        return None
    if not _HARM.search(said) or _HARMLESS.search(said) or _padding(data, said):
        return None  # what this decoder does not take at all, Pillow's is asked for
    start = max(data.find(b"\xff\xda"), 0)
    return Harm(damage(said), max(_grey(data, space), zeroed(data, start)))


def _padding(data: bytes, said: str) -> bool:
    """Whether the bytes too many before the end are filling."""
    count = _EXTRANEOUS.search(said)
    end = data.rfind(b"\xff\xd9")
    return count is not None and bool(_PADDED.fullmatch(data, max(0, end - int(count[1])), end + 2))


def _grey(data: bytes, space: str) -> Fraction:
    """The part at the lower end that has no data: libjpeg paints it in its middle grey."""
    from simplejpeg import decode_jpeg

    if space in {"CMYK", "YCCK"}:
        return Fraction(0)
    try:
        small = decode_jpeg(data, "GRAY", min_height=1, min_width=1, min_factor=8, strict=False)[..., 0]
    except ValueError:  # not even the lenient reading has pixels
        return Fraction(1)
    drawn = (small != 128).any(axis=1).nonzero()[0]
    last = int(drawn[-1]) + 1 if len(drawn) else 0
    return 1 - Fraction(last, len(small))
