"""How many tags a sound file has in front of its sound, and what they unpack to; none of them is read.

FFmpeg compares each tag with all before it, and unpacks what is packed, before anybody can ask how much that is.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

_COMMENTS: Final = 4  # type of the metadata block (RFC 9639, 8.1)
_PACKED: Final = {3: 0x80, 4: 0x08}  # flag of a packed frame, by version (id3.org, 2.3: 3.3.1, 2.4: 4.1.2)


class Tags(NamedTuple):
    """What is claimed."""

    number: int
    unpacked: int  # bytes that packed tags say they unpack to


def tags_of(path: Path) -> Tags:
    """The tags of an MP3, AAC or FLAC: frames of ID3v2.3 and 2.4, comments of FLAC; none of what is cut short."""
    with path.open("rb") as file:
        try:
            head = file.read(10)
            if head[:3] == b"ID3" and len(head) == 10:
                return _frames(file, head)
            if head[:4] == b"fLaC":
                file.seek(4)
                return Tags(_comments(file), 0)
        except (struct.error, IndexError):  # cut short: whoever opens it says so
            pass
    return Tags(0, 0)


def _seven(raw: bytes) -> int:
    """A number with seven bits in each byte (id3.org, 2.4: 6.2)."""
    return raw[0] << 21 | raw[1] << 14 | raw[2] << 7 | raw[3]


def _frames(file: BinaryIO, head: bytes) -> Tags:
    version, at, end = head[3], 10, 10 + _seven(head[6:10])
    count = unpacked = 0
    while version in _PACKED and at + 10 <= end:
        file.seek(at)
        frame = file.read(14)
        if not frame[:1].strip(b"\0"):  # padding
            break
        length = _seven(frame[4:8]) if version == 4 else int.from_bytes(frame[4:8], "big")
        if frame[9] & _PACKED[version]:
            unpacked += _seven(frame[10:14]) if version == 4 else int.from_bytes(frame[10:14], "big")
        count += 1
        at += 10 + length
    return Tags(count, unpacked)


def _comments(file: BinaryIO) -> int:
    """Of all blocks of comments, which state their number behind the name of the program that wrote them."""
    count, last = 0, False
    while not last:
        kind, length = struct.unpack(">B3s", file.read(4))
        size, last = int.from_bytes(length, "big"), bool(kind & 0x80)
        start = file.tell()
        if kind & 0x7F == _COMMENTS:
            file.seek(int(struct.unpack("<I", file.read(4))[0]), 1)
            count += struct.unpack("<I", file.read(4))[0]
        file.seek(start + size)
    return count
