"""Take location, camera and comments out of a picture without touching what is seen.

The compressed picture data goes over byte for byte. Kept: colour profile, JFIF and Adobe headers, and the
orientation when it says anything.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pipeline.errors import Unreadable

Bytes = mmap.mmap | bytes

# A marker inside scan data: not a stuffed zero, not a restart marker, not fill (ITU-T T.81, B.1.1).
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
_PNG_DROPPED: Final = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags in the VP8X chunk


def _orientation_only(orientation: int) -> bytes:
    """A TIFF block that holds the orientation and nothing else (Exif 2.32, 4.6.2)."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _jpeg(data: Bytes, orientation: int) -> Iterator[bytes]:
    if data[:2] != b"\xff\xd8":
        raise ValueError("no start of image")
    yield b"\xff\xd8"
    head, at = True, 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if at + 4 > len(data) and data[at : at + 2] != b"\xff\xd9":
            raise ValueError("ends before the end of the picture")
        if data[at] != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xD9:  # what follows is no part of this picture: previews, a motion clip, other views
            yield b"\xff\xd9"
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            raise ValueError(f"impossible segment length at byte {at}")
        body = data[at + 4 : at + 18]
        keep = (
            body.startswith(b"JFIF\0")
            if marker == 0xE0
            else body.startswith(b"ICC_PROFILE\0")
            if marker == 0xE2
            else body.startswith(b"Adobe")
            if marker == 0xEE
            else not (0xE0 <= marker <= 0xEF or marker == 0xFE)
        )
        if head and marker != 0xE0:
            head = False
            if orientation != 1:
                block = b"Exif\0\0" + _orientation_only(orientation)
                yield b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
        end = at + 2 + length
        if marker == 0xDA:  # a scan: to the next marker
            found = _NEXT_MARKER.search(data, end)
            if not found:
                raise ValueError("ends inside a scan")
            end = found.start()
        if keep:
            yield data[at:end]
        at = end


def _png(data: Bytes, orientation: int) -> Iterator[bytes]:
    if data[:8] != _PNG_HEAD:
        raise ValueError("no PNG signature")
    yield _PNG_HEAD
    at = 8
    while True:
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + length
        if end > len(data):
            raise ValueError("ends inside a chunk")
        if kind not in _PNG_DROPPED:
            yield data[at:end]
        if kind == b"IHDR" and orientation != 1:
            import zlib

            body = b"eXIf" + _orientation_only(orientation)
            yield struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        if kind == b"IEND":
            return
        at = end


def _webp(data: Bytes, orientation: int) -> Iterator[bytes]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("no WebP header")
    total = min(len(data), int.from_bytes(data[4:8], "little") + 8)
    chunks: list[bytes] = []
    at = 12
    while at + 8 <= total:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if at + 8 + length > total:
            raise ValueError("ends inside a chunk")
        chunk = bytes(data[at:end])
        if kind == b"VP8X":
            flags = chunk[8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if orientation != 1 else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind not in {b"EXIF", b"XMP "}:
            chunks.append(chunk)
        at = end
    if orientation != 1:
        block = _orientation_only(orientation)
        chunks.append(b"EXIF" + struct.pack("<I", len(block)) + block)
    yield b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP"
    yield from chunks


_STRIPPERS: Final[dict[str, Callable[[Bytes, int], Iterator[bytes]]]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
}
STRIPPABLE: Final = frozenset(_STRIPPERS)


def strip(source: Path, target: Path, format_: str, orientation: int) -> None:
    """Write `source` without its metadata to `target`. `format_` is one of STRIPPABLE.

    Raises Unreadable when the file is not built as its format says.
    """
    try:
        with (
            source.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            target.open("wb") as out,
        ):
            for piece in _STRIPPERS[format_](data, orientation):
                out.write(piece)
    except (ValueError, IndexError, struct.error):
        raise Unreadable(
            f"the {format_} picture is damaged. Open it in an image program and save it again.",
            f"{format_} 图片已损坏。请用图片软件打开并重新保存。",
        ) from None
