"""Whether the compressed pixels of a JPEG or PNG are whole: Pillow's readers pass over much that is wrong there."""

from __future__ import annotations

import re
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.model.facts import Text
from pipeline.probe.image.damage import DAMAGE, damage
from pipeline.probe.image.headers import png_chunks

# Of libjpeg-turbo's warnings those after which every pixel is as it was made (jerror.h): they speak of headers, and of
# padding that some cameras put before a marker.
_HARMLESS: Final = re.compile(r"unknown (JFIF|Adobe)|bad ICC|Invalid SOS|Inconsistent progression")
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_HARM: Final = re.compile(r"Corrupt JPEG data|Premature end|too many scanlines", re.IGNORECASE)
_ZEROS: Final = re.compile(rb"\0{64,}")  # entropy-coded data has no such stretch: its padding is ones
_PADDED: Final = re.compile(rb"[\0\xff]*\xff\xd9")
_BLOCK: Final = 1 << 20  # bytes inflated at a time


class Harm(NamedTuple):
    """Damage of pixels."""

    what: Text
    lost: Fraction | None  # of the picture, at least; None: cannot be told

    def told(self, name: str) -> Text:
        """A sentence about the picture called `name`."""
        said = Text(
            f"{name} is damaged inside and cannot be decoded whole: {self.what.en}",
            f"{name} 内部已损坏，无法完整解码：{self.what.zh}",
        )
        if not self.lost:
            return said.plus(Text("; how much of it is lost cannot be told.", "；损失多少无法判断。"))
        share = max(1, round(float(self.lost) * 100))
        return said.plus(Text(f"; at least {share} % of it is lost.", f"；至少 {share}% 的画面已丢失。"))


def harm(path: Path, format_: str) -> Harm | None:
    """What is wrong with the pixels of the picture at `path`; None where nothing is, or its format is not one of these.

    To be asked only of what is within the ceilings.
    """
    if format_ == "jpeg":
        return _jpeg(path.read_bytes())
    return _png(path) if format_ == "png" else None


def _jpeg(data: bytes) -> Harm | None:
    """By libjpeg-turbo's own warnings, at an eighth of the size: every code is still read."""
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
    zeros = max((len(found[0]) for found in _ZEROS.finditer(data, start)), default=0)
    return Harm(damage(said), max(_grey(data, space), Fraction(zeros, len(data) - start)))


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


_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def _raw_bytes(head: bytes) -> int:
    """What the pixels of a PNG inflate to, by its IHDR (PNG 3, 7.3 and 8)."""
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    bits = head[8] * _CHANNELS[head[9]]
    total = 0
    for x, y, dx, dy in _PASSES if head[12] else ((0, 0, 1, 1),):
        across, down = -(-(width - x) // dx), -(-(height - y) // dy)
        if across > 0 and down > 0:
            total += down * (1 + (across * bits + 7) // 8)
    return total


def _png(path: Path) -> Harm | None:
    """By the checksums of its chunks and of the stream within them, which Pillow does not look at."""
    wanted, found, whole, said = 0, 0, True, "truncated"
    inflater = zlib.decompressobj()
    with path.open("rb") as file:
        try:
            for kind, content, sound in png_chunks(file):
                if kind == b"IHDR":
                    wanted = _raw_bytes(content)
                if kind in {b"IHDR", b"PLTE", b"IDAT", b"tRNS"} and not sound:
                    whole, said = False, "decompress"
                    break
                while kind == b"IDAT" and content and found <= wanted and not inflater.eof:
                    found += len(inflater.decompress(content, _BLOCK))
                    content = inflater.unconsumed_tail
        except DAMAGE as error:
            whole, said = False, str(error) and "decompress"
    if not wanted or (whole and found >= wanted):
        return None
    return Harm(damage(said), max(Fraction(0), 1 - Fraction(min(found, wanted), wanted)))
