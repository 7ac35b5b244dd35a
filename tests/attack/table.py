"""What an attack is: the promise it is against, how it is made, and what may come of it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from samples import build

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "out"
JUDGED = frozenset({0, 1, 4})  # exit codes: looked at, whatever came of it
UNREAD = frozenset({1, 4})  # nothing here complies
REFUSED = frozenset({2, 4})  # it is no file of media at all


@dataclass(frozen=True)
class Ground:
    """Where an attack is made: its own folder, and a server on loopback that nobody may call."""

    folder: Path
    url: str  # of the server
    victim: Path  # another person's file

    def file(self, name: str | bytes, data: bytes) -> str:
        """A file with this content, by its path as text."""
        path = os.path.join(os.fsencode(self.folder), name if isinstance(name, bytes) else os.fsencode(name))  # noqa: PTH118
        with open(path, "wb") as file:  # noqa: PTH123  names that are no text
            file.write(data)
        return os.fsdecode(path)


@dataclass(frozen=True)
class Attack:
    """One hostile thing."""

    promise: str  # as the table that is printed names it
    name: str
    make: Callable[[Ground], str]  # returns what is named on the command line
    preset: str = "metastudio/asset-library"
    codes: frozenset[int] = JUDGED
    complies: bool = True  # whether `pass`, `ready` and `fixed` are right answers
    steady: bool = True  # whether the source lies still, so that it can be compared
    named: bool = True  # whether a plain list can name it beside others
    quick: bool = True  # whether it is made and looked at in a moment


def sample(name: str) -> bytes:
    """A good file to start from."""
    return build([name], SAMPLES)[name].read_bytes()


def boxes(*parts: tuple[bytes, bytes]) -> bytes:
    """Boxes of an MP4."""
    return b"".join(struct.pack(">I4s", 8 + len(body), kind) + body for kind, body in parts)


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A picture of this claim, with these chunks after its header."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    told = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in body
    )
    return b"\x89PNG\r\n\x1a\n" + told


def wav(
    channels: int = 1, rate: int = 16000, bits: int = 16, data: bytes = bytes(3200), claims: int | None = None
) -> bytes:
    """A recording whose header says this, true or not."""
    align = channels * bits // 8
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    size = len(data) if claims is None else claims
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def packed(entries: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return held.getvalue()


def repacked(data: bytes, change: Callable[[str, bytes], bytes | None], *more: tuple[str, bytes]) -> bytes:
    """A package of an office with parts changed, left out, or added."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [(name, change(name, archive.read(name))) for name in archive.namelist()]
    return packed([(name, body) for name, body in parts if body is not None] + list(more))
