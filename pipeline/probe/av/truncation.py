"""Whether a file ends before it should: what containers say about their own length, without decoding.

A raw stream (ADTS, MPEG transport stream, AMR) cut between two frames cannot be told from a whole one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.probe.av.matroska import number
from pipeline.probe.sniff.mpeg_audio import after_id3

_UNKNOWN_32: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE})  # written by live recorders
_ASF_FILE: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # ASF_File_Properties_Object
_SEGMENT: Final = b"\x18\x53\x80\x67"
_TAIL: Final = 65536 + 307  # the longest Ogg page is 65,307 bytes


def missing_bytes(path: Path, size: int, format_: str) -> int | None:
    """How many bytes fewer than it announces the file has; 0 when it is whole, None when it does not say.

    Some containers tell only that something is missing, not how much: then the answer is 1.
    """
    look = _LOOKS.get(format_)
    if look is None:
        return None
    with path.open("rb", buffering=4096) as file:
        try:
            return look(file, size)
        except (struct.error, IndexError):  # too short to hold its own header
            return None


def _short(announced: int, size: int) -> int:
    return max(0, announced - size)


def _riff(file: BinaryIO, size: int) -> int | None:
    """RIFF: size at byte 4; RF64 and BW64: in the `ds64` chunk (EBU Tech 3306). A pad byte may be missing."""
    head = file.read(28)
    announced = int(struct.unpack_from("<I", head, 4)[0])
    if head[:4] != b"RIFF" and head[12:16] == b"ds64":
        announced = int(struct.unpack_from("<Q", head, 20)[0])
    if announced in _UNKNOWN_32:
        return None
    short = _short(announced + 8, size)
    return short if short > 1 else 0


def _aiff(file: BinaryIO, size: int) -> int | None:
    short = _short(int(struct.unpack_from(">I", file.read(8), 4)[0]) + 8, size)
    return short if short > 1 else 0


def _matroska(file: BinaryIO, size: int) -> int | None:
    """The Segment element's length (RFC 8794, RFC 9559); all ones: unknown, written by browsers."""
    head = file.read(4096)
    at = head.find(_SEGMENT)
    if at < 0:
        return None
    found = number(head, at + 4, marked=False)
    if found is None or found[0] == (1 << 7 * (found[1] - at - 4)) - 1:
        return None
    return _short(sum(found), size)


def _asf(file: BinaryIO, size: int) -> int | None:
    """ASF specification 3.2: file size, unless the broadcast flag is set."""
    head = file.read(4096)
    at = head.find(_ASF_FILE)
    if at < 0:
        return None
    announced, flags = struct.unpack_from("<Q", head, at + 40)[0], struct.unpack_from("<I", head, at + 88)[0]
    return None if flags & 1 or not announced else _short(int(announced), size)


def _flv(file: BinaryIO, size: int) -> int | None:
    """The last four bytes are the length of the last tag (FLV 10.1, E.3); not so where a tag was cut."""
    if size < 32:
        return None
    file.seek(size - 4)
    length = int.from_bytes(file.read(4), "big")
    if not 11 <= length <= size - 13:
        return 1
    file.seek(size - 4 - length)
    tag = file.read(4)
    return 0 if tag[0] & 0x1F in {8, 9, 18} and int.from_bytes(tag[1:4], "big") == length - 11 else 1


def _ogg(file: BinaryIO, size: int) -> int | None:
    """The last page must end where the file does (RFC 3533, 6)."""
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    at = tail.rfind(b"OggS\0")
    if at < 0 or len(tail) < at + 27:
        return 1
    count = tail[at + 26]
    table = tail[at + 27 : at + 27 + count]
    return 1 if len(table) < count else _short(at + 27 + count + sum(table), len(tail))


def _xing(file: BinaryIO) -> tuple[int, bytes] | None:
    """Where the first frame of an MP3 begins, and its Xing or Info header from the flags on."""
    at = after_id3(file.read(10))
    file.seek(at)
    frame = file.read(4096)
    start = len(frame) - len(frame.lstrip(b"\0"))
    tags = (frame.find(word, start, start + 200) for word in (b"Xing", b"Info"))
    return next(((at + start, frame[tag + 4 :]) for tag in tags if tag >= 0), None)


def _mp3(file: BinaryIO, size: int) -> int | None:
    """The byte count in a Xing or Info header, counted from the first frame."""
    found = _xing(file)
    if found is None or not (flags := int.from_bytes(found[1][:4], "big")) & 2:
        return None
    return _short(found[0] + int(struct.unpack_from(">I", found[1], 8 if flags & 1 else 4)[0]), size)


def mp3_padding(path: Path) -> int:
    """Samples at both ends of an MP3 that its encoder added, by the header that LAME and FFmpeg write; else 0."""
    with path.open("rb") as file:
        found = _xing(file)
    if found is None:
        return 0
    flags = int.from_bytes(found[1][:4], "big")
    # Frames, bytes, table of contents and quality, as flagged; then the encoder's name and 12 bytes of its settings.
    at = 4 + sum(length for bit, length in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit) + 21
    added = int.from_bytes(found[1][at : at + 3], "big")
    return (added >> 12) + (added & 0xFFF)


def _mpegts(file: BinaryIO, size: int) -> int | None:
    """A transport stream is a whole number of packets of 188 bytes, or of 192 in cameras' files."""
    return -size % (188 if file.read(1) == b"\x47" else 192)


_LOOKS: Final[dict[str, Callable[[BinaryIO, int], int | None]]] = {
    "wav": _riff,
    "avi": _riff,
    "aiff": _aiff,
    "mkv": _matroska,
    "webm": _matroska,
    "asf": _asf,
    "flv": _flv,
    "ogg": _ogg,
    "mp3": _mp3,
    "mpegts": _mpegts,
}
