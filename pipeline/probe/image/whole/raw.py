"""Whether pixels that are stored as they are are whole: they have no checks at all, and only two things show."""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.probe.image.whole.harm import SPOILED, Harm, cut

_PLAIN: Final = frozenset({0, 3, 6})  # BI_RGB, BI_BITFIELDS, BI_ALPHABITFIELDS
_LEAST: Final = 4096  # bytes, a block of most file systems


def short(file: BinaryIO, size: int) -> Harm | None:
    """What is missing of a BMP, by its header; of one that is packed that cannot be told."""
    place = _place(file.read(54))
    return cut(size, place[0] + place[1] * place[2]) if place else None


def bmp(path: Path) -> Harm | None:
    """By a stretch of zeros across its lines."""
    data = path.read_bytes()
    place = _place(data[:54])
    if place is None:
        return None
    start, line, lines = place
    lost = emptied(data[start : start + line * lines], line)
    return Harm(SPOILED, lost) if lost else None


def _place(head: bytes) -> tuple[int, int, int] | None:
    """Where the pixels begin, bytes of a line and how many lines (BITMAPINFOHEADER)."""
    if len(head) < 54:
        return None
    start, size, width, height, _, bits, packing = struct.unpack_from("<IIiiHHI", head, 10)
    if size < 40 or packing not in _PLAIN or width <= 0:
        return None
    return start, (width * bits + 31) // 32 * 4, abs(height)


def emptied(data: bytes, line: int) -> Fraction | None:
    """The part that was overwritten with zeros; None where there is nothing that only damage explains.

    Black that was drawn begins and ends with a line where it is as wide as the picture, or is there in other places
    too. One stretch over more than two lines that begins and ends within one, in a picture without black, was not.
    """
    stretches = list(re.compile(rb"\0{%d,}" % min(max(64, line // 8), 1 << 20)).finditer(data))
    if len(stretches) != 1:
        return None
    begin, end = stretches[0].span()
    if end - begin < max(_LEAST, 2 * line) or not _within(begin, line) or not _within(end, line):
        return None
    black = data.count(0) - (end - begin)
    return Fraction(end - begin, len(data)) if black < len(data) // 200 else None


def _within(at: int, line: int) -> bool:
    return 16 <= at % line <= line - 16
