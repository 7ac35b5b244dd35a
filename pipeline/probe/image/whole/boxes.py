"""Whether the pictures of an AVIF or HEIC are whole: arithmetic decoders take any bytes for a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from pipeline.errors import Unreadable
from pipeline.model.ceilings import MAX_PIXELS
from pipeline.probe.image.headers import associations, boxes, heif_meta
from pipeline.probe.image.whole.harm import SPOILED, Harm, cut, of_parts, zeroed
from pipeline.probe.image.whole.webp import spent

_MOST_BOXES: Final = 1000
_OWN: Final = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})  # what else follows may be litter
_MOST_EXTENTS: Final = 10_000
_MOST_PIXELS: Final = 2 * MAX_PIXELS  # of all that is stored beside each other: the tiles, the transparency, thumbnails
_FORBIDDEN: Final = re.compile(rb"\0\0[\0-\2]")  # within a unit of HEVC (ITU-T H.265, 7.4.2)
_TAIL: Final = 48  # bytes at the end of which some have to matter: cameras fill up as many as two dozen


def short(file: BinaryIO, size: int) -> Harm | None:
    """What is missing at its end, by the length of its boxes."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if len(head) < 8 or length < 8 or head[4:8] not in _OWN:
            return None
        at += length
        if at > size:
            return cut(size, at)
    return None


def avif(path: Path) -> Harm | None:
    """By dav1d where it is strict: with symbols that do not end with their tile it refuses a picture."""
    from pipeline.probe.av.open import BROKEN, FULL, opened, packets_of

    spoiled = parts = 0
    try:
        with opened(path, "mov", FULL) as container:
            streams = [stream for stream in container.streams.video if stream.codec_context]
            for stream in streams:
                context: Any = stream.codec_context
                context.options = {"strict": "1", "err_detect": "explode"}
            for packet in packets_of(container, streams):
                parts += bool(packet.size)
                try:
                    packet.decode()
                except BROKEN:  # counted
                    spoiled += 1
    except Unreadable:  # by this reader; Pillow's is asked for it
        return None
    harm = of_parts(spoiled, parts)
    if harm and (nothing := zeroed(path.read_bytes())):
        harm = Harm(SPOILED, max(nothing, harm.lost or Fraction(0)))
    return harm


class _Item(NamedTuple):
    """A coded picture of a HEIC: the whole, a tile of it, or its transparency."""

    parameters: bytes  # of its decoder, with start codes
    units: tuple[bytes, ...]


def heic(path: Path) -> Harm | None:
    """By where the decoder of each tile stops reading, and by bytes that no unit of HEVC holds."""
    items = list(_items(path))
    spoiled = [item for item in items if not _sound(item)]
    harm = of_parts(len(spoiled), len(items))
    return harm and harm._replace(lost=harm.lost or zeroed(b"".join(spoiled[0].units)) or None)


def _sound(item: _Item) -> bool:
    if any(_FORBIDDEN.search(unit.rstrip(b"\0")) for unit in item.units):
        return False
    start = b"\0\0\0\1"
    slices = [unit for unit in item.units if unit and (unit[0] >> 1 & 63) < 32]
    if len(slices) != 1:  # of several, each would have to be tried
        return True
    head = item.parameters + b"".join(start + unit for unit in item.units if unit is not slices[0]) + start
    return spent(lambda data: _pixels(head + data), slices[0], [len(slices[0])], _TAIL)


def _pixels(data: bytes) -> bytes | None:
    """Decoded by FFmpeg; None where it refuses."""
    import av

    context: Any = av.CodecContext.create("hevc", "r")
    context.thread_count = 1
    context.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.error.FFmpegError, ValueError):  # as good an answer as any
        return None
    return b"".join(bytes(plane) for frame in frames for plane in frame.planes) or None


def _items(path: Path) -> Iterator[_Item]:
    """The HEVC pictures of a file (ISO/IEC 23008-12). Ends where its tables do not hold together."""
    with path.open("rb") as file:
        meta = heif_meta(file) or b""
        properties: list[tuple[bytes, bytes]] = []
        links: dict[int, list[int]] = {}
        places: dict[int, tuple[int, list[tuple[int, int]]]] = {}
        inner, pixels, stored = b"", 0, 0
        try:
            for kind, content in boxes(meta, 4):
                if kind == b"iloc":
                    places = _places(content)
                elif kind == b"idat":
                    inner = content
                elif kind == b"iprp":
                    for name, data in boxes(content):
                        if name == b"ipco":
                            properties = list(boxes(data))
                        elif name == b"ipma":
                            links.update(associations(data))
        except IndexError:  # whoever opens it says so
            return
        for item, numbers in links.items():
            mine = [properties[n - 1] for n in numbers if 0 < n <= len(properties)]
            config = next((data for kind, data in mine if kind == b"hvcC"), None)
            if config is None or len(config) < 23 or item not in places:
                continue
            size = next((data for kind, data in mine if kind == b"ispe" and len(data) >= 12), bytes(12))
            where, extents = places[item]
            pixels += int.from_bytes(size[4:8], "big") * int.from_bytes(size[8:12], "big")
            stored += sum(length for _, length in extents)
            if pixels > _MOST_PIXELS or stored > 2 * path.stat().st_size:  # nothing is laid twice by programs
                return
            data = b""
            for offset, length in extents:
                if where == 1:
                    data += inner[offset : offset + length]
                else:
                    file.seek(offset)
                    data += file.read(length)
            yield _Item(_parameters(config), tuple(_units(data, (config[21] & 3) + 1)))


def _parameters(config: bytes) -> bytes:
    """ISO/IEC 14496-15, 8.3.3.1."""
    made, at = b"", 23
    for _ in range(config[22]):
        count, at = int.from_bytes(config[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            length = int.from_bytes(config[at : at + 2], "big")
            made += b"\0\0\0\1" + config[at + 2 : at + 2 + length]
            at += 2 + length
    return made


def _units(data: bytes, wide: int) -> Iterator[bytes]:
    at = 0
    while at + wide <= len(data):
        length = int.from_bytes(data[at : at + wide], "big")
        yield data[at + wide : at + wide + length]
        at += wide + length


def _places(data: bytes) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Item to how its place is meant and its extents (ISO/IEC 14496-12, 8.11.3)."""
    version, sizes, base_size = data[0], data[4], data[5] >> 4
    of_offset, of_length, of_index = sizes >> 4, sizes & 15, data[5] & 15 if version else 0
    at = 6

    def number(wide: int) -> int:
        nonlocal at
        at += wide
        if at > len(data):
            raise IndexError
        return int.from_bytes(data[at - wide : at], "big")

    found, total = {}, 0
    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        where = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        extents = []
        count = number(2)
        total += count
        if total > _MOST_EXTENTS:
            raise IndexError
        for _ in range(count):
            number(of_index)
            offset = base + number(of_offset)
            extents.append((offset, number(of_length)))
        found[item] = where, extents
    return found
