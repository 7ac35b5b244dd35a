"""Whether the compressed pixels of a WebP are whole: its arithmetic decoder takes any bytes for a picture."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from PIL import Image

from pipeline.probe.image.damage import DAMAGE
from pipeline.probe.image.whole.harm import Harm, cut, of_parts, zeroed

# Bytes at the end of which some have to matter: arithmetic coders fill up the last ones. Prefix codes are
# read to the last byte, and where most of a picture is said by its last bits, other ones may say the same.
_TAILS: Final = {b"VP8 ": 16, b"VP8L": 6, b"ALPH": 6}
_LEAST: Final = 64  # bytes; of data shorter than this nothing is told
_NOISE: Final = bytes(range(1, 200))


def short(file: BinaryIO, size: int) -> Harm | None:
    """What is missing at its end, by its head."""
    head = file.read(8)
    return cut(size, int.from_bytes(head[4:], "little") + 8) if len(head) == 8 else None


class _Still(NamedTuple):
    """One picture of a file: its colours, as VP8 or VP8L, and its transparency where that is apart."""

    kind: bytes
    data: bytes
    alpha: bytes

    def pixels(self, data: bytes, alpha: bytes) -> bytes | None:
        """Decoded alone, with other bytes; None where that fails."""
        chunks = _chunk(self.kind, data)
        if alpha:
            width, height = struct.unpack_from("<HH", self.data, 6)
            side = ((width & 0x3FFF) - 1).to_bytes(3, "little") + ((height & 0x3FFF) - 1).to_bytes(3, "little")
            chunks = _chunk(b"VP8X", b"\x10\0\0\0" + side) + _chunk(b"ALPH", alpha) + chunks
        try:
            with Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)) as picture:
                return picture.tobytes()
        except (*DAMAGE, Image.DecompressionBombError):  # as good an answer as any
            return None


def webp(path: Path) -> Harm | None:
    """By where its decoder stops reading: of bytes that are not those of the picture that is nowhere near the end."""
    stills = list(_stills(path.read_bytes()))
    spoiled = [still for still in stills if not _sound(still)]
    harm = of_parts(len(spoiled), len(stills))
    return harm and harm._replace(lost=harm.lost or zeroed(spoiled[0].data) or None)


def _sound(still: _Still) -> bool:
    ends = [len(still.data)]
    if still.kind == b"VP8 " and len(still.data) >= 10:  # RFC 6386, 9.1: the first part ends where its head says
        ends.append(10 + (int.from_bytes(still.data[:3], "little") >> 5))
    seen = spent(lambda data: still.pixels(data, still.alpha), still.data, ends, _TAILS[still.kind])
    if not seen or len(still.alpha) < _LEAST:
        return seen
    return spent(lambda data: still.pixels(still.data, data), still.alpha, [len(still.alpha)], _TAILS[b"ALPH"])


def spent(decode: Callable[[bytes], bytes | None], data: bytes, ends: list[int], tail: int) -> bool:
    """Whether the decoder reads to each of the `ends` of a picture's parts, to the last `tail` bytes, and no further.

    Other bytes before an end have to make another picture, and what follows the data none.
    """
    whole = decode(data)
    if whole is None:
        return False
    if len(data) < _LEAST:
        return True
    begin = 0
    for end in sorted(ends):
        if end - begin >= _LEAST and decode(data[: end - tail] + _other(data[end - tail : end]) + data[end:]) == whole:
            return False
        begin = end
    return decode(data + _NOISE) == whole


def _other(data: bytes) -> bytes:
    """As many bytes, each another one and none of them zero."""
    return bytes((byte ^ 0x55) | 0x10 for byte in data)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


def _stills(data: bytes) -> Iterator[_Still]:
    """RFC 9649, 2.7."""
    at, alpha = 12, b""
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if kind == b"ANMF":
            at += 16  # what it holds are chunks again
            continue
        if kind == b"ALPH":
            alpha = data[at : at + length]
        elif kind in {b"VP8 ", b"VP8L"}:
            yield _Still(kind, data[at : at + length], alpha)
            alpha = b""
        at += length + (length & 1)
