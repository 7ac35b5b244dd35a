"""Names inside zips and OLE compound files, read from their directories only and within bounds.

Nothing is unpacked. What is damaged yields the names found so far: the reader of that kind says what is
wrong.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

_TAIL: Final = 65557  # end record (22 bytes) and the longest comment (65,535): APPNOTE 4.3.16
_MAX_DIRECTORY: Final = 1 << 20  # bytes of a zip directory that are looked at; some 15,000 names
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how a compound file begins ([MS-CFB] 2.2)
LAST: Final = 0xFFFFFFFA  # sector numbers of one from here on are marks (2.1)
_MAX_SECTORS: Final = 64  # of an OLE directory; 256 names at the least


def zip_names(file: BinaryIO, size: int) -> frozenset[bytes] | None:
    """Names in the central directory, as stored; None when there is no directory (APPNOTE 4.3.12, 4.3.16)."""
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return None
    length, at = struct.unpack_from("<II", tail, end + 12)
    # Bytes put before a zip shift every offset; the directory always ends where the end record begins, save
    # for the ZIP64 records, and then the stated offset is the right one.
    real = size - len(tail) + end - length
    names: set[bytes] = set()
    for offset in (at, real):
        if not 0 <= offset < size:
            continue
        file.seek(offset)
        data = file.read(min(length, _MAX_DIRECTORY))
        if data.startswith(b"PK\x01\x02"):
            break
    else:
        return frozenset() if length == 0 else None
    at = 0
    while data.startswith(b"PK\x01\x02", at) and len(data) >= at + 46:
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        names.add(data[at + 46 : at + 46 + name])
        at += 46 + name + extra + comment
    return frozenset(names)


def ole_name(directory: bytes, at: int) -> str | None:
    """The name in the entry at `at` of an OLE directory; None where it names nothing ([MS-CFB] 2.6.1)."""
    length = int.from_bytes(directory[at + 64 : at + 66], "little")
    return directory[at : at + length - 2].decode("utf-16-le", "replace") if 2 <= length <= 64 else None


def ole_names(file: BinaryIO, head: bytes) -> frozenset[str]:
    """Names of streams and storages in a compound file; `head` is its beginning ([MS-CFB] 2.2, 2.3, 2.6)."""
    if len(head) < 512:
        return frozenset()
    shift = int.from_bytes(head[30:32], "little")
    if shift not in {9, 12}:
        return frozenset()
    sector = 1 << shift
    tables = struct.unpack_from("<109I", head, 76)

    def load(number: int) -> bytes:
        file.seek((number + 1) * sector)
        return file.read(sector)

    names: set[str] = set()
    number = int.from_bytes(head[48:52], "little")
    for _ in range(_MAX_SECTORS):
        data = load(number)
        for at in range(0, len(data) - 127, 128):
            if name := ole_name(data, at):
                names.add(name)
        table, slot = divmod(number, sector // 4)
        if table >= len(tables) or tables[table] >= LAST:
            break
        entry = load(tables[table])[slot * 4 : slot * 4 + 4]
        number = int.from_bytes(entry, "little") if len(entry) == 4 else 0xFFFFFFFE
        if number >= LAST:  # end of chain, free, or a table sector
            break
    return frozenset(names)
