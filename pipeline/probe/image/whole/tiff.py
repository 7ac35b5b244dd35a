"""Whether the strips and tiles of a TIFF are whole, each looked at by itself."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from PIL import Image, TiffImagePlugin

from pipeline.model.ceilings import MAX_FRAMES_IMAGE, MAX_PIXELS
from pipeline.probe.image.damage import DAMAGE
from pipeline.probe.image.whole import jpeg, raw
from pipeline.probe.image.whole.harm import CUT, SPOILED, Harm, cut

# Tags of TIFF 6.
_WIDTH, _HEIGHT, _BITS, _PACKING, _SAMPLES, _ROWS, _PLANES = 256, 257, 258, 259, 277, 278, 284
_PHOTOMETRIC, _YCC = 262, 6
_STRIPS, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _TABLES = 273, 279, 322, 323, 324, 325, 347
_NONE, _OLD_JPEG, _JPEG, _PACKBITS = 1, 6, 7, 32773
_DEFLATE: Final = frozenset({8, 32946})
_BLOCK: Final = 1 << 20  # bytes inflated at a time


class _Segment(NamedTuple):
    """A strip or tile."""

    at: int
    length: int  # bytes in the file
    wanted: int  # bytes once unpacked
    line: int  # bytes of a line, unpacked
    size: tuple[int, int]


def short(file: BinaryIO, size: int) -> Harm | None:
    """What is missing at its end: its list of pages, where that stands last."""
    head = file.read(16)
    order: Any = "little" if head[:2] == b"II" else "big"
    wide = int.from_bytes(head[2:4], order) == 43
    at = int.from_bytes(head[8:16] if wide else head[4:8], order)
    return cut(size, at) if len(head) == 16 else None


def tiff(path: Path) -> Harm | None:
    """By the length of what its segments unpack to, by their checksums, and by a strict decoder of JPEG."""
    total, page, lost, said = 0, 0, Fraction(0), SPOILED
    size = path.stat().st_size
    with path.open("rb") as file, Image.open(path, formats=("TIFF",)) as picture:
        while page < MAX_FRAMES_IMAGE:
            try:
                picture.seek(page)
                tags: Any = picture.tag_v2  # type: ignore[attr-defined]
                segments = list(_segments(tags))
            except DAMAGE:  # the end of the list, or a page that whoever decodes it will stumble over
                break
            whole = sum(segment.wanted for segment in segments)
            missing = sum(segment.wanted * _missing(file, segment, tags) for segment in segments)
            if any(segment.at + segment.length > size for segment in segments):
                said = CUT
            elif not missing and tags.get(_PACKING, _NONE) == _NONE:
                missing = whole * _emptied(file, segments, tags)
            total, lost, page = total + whole, lost + missing, page + 1
    return Harm(said, Fraction(lost, total)) if lost and total else None


def _segments(tags: Any) -> Iterator[_Segment]:
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    bits = tags.get(_BITS, (1,))
    apart = tags.get(_PLANES, 1) == 2
    bits = (bits[0],) if apart else bits
    planes = int(tags.get(_SAMPLES, 1)) if apart else 1
    tiled = _TILES in tags
    across = int(tags[_TILE_WIDTH]) if tiled else width
    down = min(height, int(tags.get(_ROWS, height))) if not tiled else int(tags[_TILE_HEIGHT])
    if width * height > MAX_PIXELS or across * down > MAX_PIXELS or across * down == 0:
        raise ValueError("too large")
    line = (across * sum(bits) + 7) // 8
    places = tags[_TILES if tiled else _STRIPS]
    lengths = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES)
    one = -(-height // down) * (-(-width // across) if tiled else 1)
    for number in range(min(one * planes, len(places))):
        rows = down if tiled else min(down, height - number % one * down)
        length = lengths[number] if lengths and number < len(lengths) else rows * line
        if not length and not places[number]:  # never written, which stands for zeros
            continue
        if tags.get(_PACKING, _NONE) == _NONE:
            length = min(length, rows * line)
        yield _Segment(places[number], length, rows * line, line, (across, rows))


def _missing(file: BinaryIO, segment: _Segment, tags: Any) -> Fraction:
    """The part of a segment that is lost; 0 also where that cannot be told."""
    file.seek(segment.at)
    data = file.read(segment.length)
    packing = tags.get(_PACKING, _NONE)
    if packing == _NONE:
        return Fraction(segment.length - len(data), max(1, segment.length))
    if len(data) < segment.length:
        return Fraction(1)
    if packing in _DEFLATE:
        return Fraction(0) if _inflates(data, segment.wanted) else Fraction(1)
    if packing == _JPEG:
        tables = bytes(tags.get(_TABLES, b""))
        harm = jpeg.stream(tables[:-2] + data[2:] if len(tables) > 4 else data)
        return (harm.lost or Fraction(1)) if harm else Fraction(0)
    if packing == _PACKBITS:
        return Fraction(max(0, segment.wanted - _unpacked(data)), segment.wanted)
    if packing == _OLD_JPEG or tags.get(_PLANES, 1) == 2:  # which no segment is of alone
        return Fraction(0)
    return Fraction(0) if _decodes(data, segment, tags) else Fraction(1)


def _emptied(file: BinaryIO, segments: list[_Segment], tags: Any) -> Fraction:
    """The part of a page that is stored as it is and was overwritten with zeros."""
    if _TILES in tags or tags.get(_PHOTOMETRIC) == _YCC or len({segment.line for segment in segments}) != 1:
        return Fraction(0)
    data = b""
    for segment in segments:
        file.seek(segment.at)
        data += file.read(segment.length)
    return raw.emptied(data, segments[0].line) or Fraction(0)


def _inflates(data: bytes, wanted: int) -> bool:
    inflater, found = zlib.decompressobj(), 0
    try:
        while data and found <= wanted and not inflater.eof:
            found += len(inflater.decompress(data, _BLOCK))
            data = inflater.unconsumed_tail
    except zlib.error:  # that is the answer
        return False
    return found >= wanted


def _unpacked(data: bytes) -> int:
    """Bytes that PackBits stand for (TIFF 6, 9)."""
    at = total = 0
    while at < len(data):
        code = data[at]
        if code < 128:
            total += min(code + 1, len(data) - at - 1)
            at += code + 2
        else:
            total += 257 - code if code > 128 and at + 1 < len(data) else 0
            at += 1 if code == 128 else 2
    return total


# What a reader has to know of the segment of a page, to read it as a page of its own.
_KEPT: Final = (_PACKING, _PHOTOMETRIC, 266, 292, 293, 317, 320, 338, 339, _TABLES)


def _decodes(data: bytes, segment: _Segment, tags: Any) -> bool:
    """Whether Pillow reads the segment as a page of its own."""
    bits = tags.get(_BITS, (1,))
    order: Any = "little" if tags.prefix == b"II" else "big"
    head = tags.prefix + (42).to_bytes(2, order) + (8).to_bytes(4, order)
    ifd = TiffImagePlugin.ImageFileDirectory_v2(ifh=head)
    for tag in _KEPT:
        if tag in tags:
            ifd[tag] = tags[tag]
    ifd[_WIDTH], ifd[_HEIGHT] = segment.size
    # Pillow counts the place of the strip from the end of what it writes here.
    ifd[_ROWS], ifd[_STRIP_BYTES], ifd[_STRIPS] = segment.size[1], len(data), 0
    ifd[_BITS], ifd[_SAMPLES] = bits, len(bits)
    try:
        with Image.open(io.BytesIO(head + ifd.tobytes(8) + data), formats=("TIFF",)) as alone:
            alone.load()
    except DAMAGE:  # that is the answer
        return False
    return True
