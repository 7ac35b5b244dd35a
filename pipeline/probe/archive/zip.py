"""Zip archives read without extracting and without trusting what they say about themselves.

The central directory is read by us and not by `zipfile`: raw names, flags and offsets are needed to see
overlaps, links and names in GBK, and a stated size must never decide how much is unpacked.
Field layouts: APPNOTE.TXT 6.3.10, sections in brackets.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_ENTRIES, MAX_ENTRY, MAX_RATIO, MAX_UNPACKED, MiB
from pipeline.probe.opened import Damaged, Opened
from pipeline.probe.text.encoding import decode

STORED: Final = 0
DEFLATED: Final = 8
CHUNK: Final = 1 << 16

_TAIL: Final = 65557  # end record and the longest comment [4.3.16]
_MAX_DIRECTORY: Final = 16 * MiB  # MAX_ENTRIES with names of 1.6 kB each
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")  # [4.3.12]
_LOCAL: Final = struct.Struct("<4s5H3I2H")  # [4.3.7]
_END: Final = struct.Struct("<4s4H2IH")  # [4.3.16]
_END64: Final = struct.Struct("<4sQ2H2I4Q")  # [4.3.14]
_NAMES: Final = 1 << 16  # bytes of names that are looked at for their encoding
_UTF8: Final = 0x800  # bit 11: the name is in UTF-8 [4.4.4]
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")  # turn the direction of writing
_LINK: Final = 0o120000  # file type of a symbolic link in a Unix mode


class BadZip(Damaged):
    """It does not open, or a part of it does not agree with another. `text` says which."""


class Member(Struct, frozen=True):
    """One entry of the directory, as stated there."""

    raw: bytes  # the name as stored
    name: str  # decoded, for showing
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int  # Unix file mode; 0 when made elsewhere

    @property
    def directory(self) -> bool:
        """A folder: its name ends in a slash."""
        return self.name.endswith(("/", "\\"))

    @property
    def encrypted(self) -> bool:
        """Needs a password [4.4.4, bit 0]."""
        return bool(self.flags & 1)

    @property
    def unsafe(self) -> bool:
        """A name that leads elsewhere or is written to mislead, or a link."""
        name = self.name
        return (
            name.startswith(("/", "\\"))
            or "\\" in name
            or "\0" in name
            or _DRIVE.match(name) is not None
            or ".." in name.split("/")
            or _TURNS.search(name) is not None
            or self.mode & 0o170000 == _LINK
        )


def _name(raw: bytes, codecs: tuple[str, ...]) -> str:
    """A name in the first of these that it decodes in; [D.1] has CP437, which takes every byte, for all others."""
    for codec in codecs:
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:  # the next one
            continue
    return raw.decode("cp437")


def _codecs(unmarked: list[bytes], said: str | None) -> tuple[str, ...]:
    """What names without a mark of their own are in.

    What is `said`; else that of all of them together; else as Chinese Windows writes.
    """
    if said:
        return (said, "utf-8")
    sure = decode(b"\n".join(unmarked)[:_NAMES]).encoding if unmarked else None
    return ("utf-8", sure or "gbk", "gbk")


def _wide(extra: bytes, values: list[int]) -> list[int]:
    """Stated and offset with those that did not fit taken from the ZIP64 field [4.5.3]."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            field, out, here = extra[at + 4 : at + 4 + length], [], 0
            for value in values:
                if value == 0xFFFFFFFF and here + 8 <= len(field):
                    out.append(int.from_bytes(field[here : here + 8], "little"))
                    here += 8
                else:
                    out.append(value)
            return out
        at += 4 + length
    return values


class Zip(Opened):
    """An open archive, its names in the encoding that is `said` where they have no mark.

    Raises BadZip without a usable directory, CeilingExceeded for too many entries.
    """

    def __init__(self, path: Path, said: str | None = None) -> None:
        self.said = said
        super().__init__(path)

    def _read_tables(self) -> None:
        self.members, self.shift, self.start = self._directory()
        self.unpacked = 0  # bytes actually produced so far

    def _at(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(length)

    def _end(self) -> tuple[int, int, int, int]:
        """Entries, length of the directory, its stated offset, and where it must end."""
        base = max(0, self.size - _TAIL)
        tail = self._at(base, _TAIL)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + _END.size:
            raise BadZip(
                "the list of entries at the end is missing: the file was cut short",
                "末尾的条目目录缺失：文件被截断",
            )
        _, disk, _, _, count, length, offset, _ = _END.unpack_from(tail, at)
        end = base + at
        if disk not in {0, 0xFFFF}:
            raise BadZip("it is one part of an archive in several parts", "这是分卷压缩包的一部分")
        if 0xFFFF in {count, disk} or 0xFFFFFFFF in {length, offset}:
            locator = self._at(end - 20, 20) if end >= 20 else b""
            if locator[:4] == b"PK\x06\x07":
                where = int.from_bytes(locator[8:16], "little")
                record = self._at(where, _END64.size) if where < self.size else b""
                if len(record) < _END64.size or record[:4] != b"PK\x06\x06":
                    raise BadZip("its ZIP64 end record is missing", "缺少 ZIP64 结束记录")
                *_, count, length, offset = _END64.unpack(record)
                end = where
        return count, length, offset, end

    def _directory(self) -> tuple[tuple[Member, ...], int, int]:
        count, length, offset, end = self._end()
        if count > MAX_ENTRIES or length > _MAX_DIRECTORY:
            raise CeilingExceeded(
                f"{self.name} lists {count} entries in {length} bytes, above the ceiling of {MAX_ENTRIES}. "
                "Split it into smaller ones.",
                f"{self.name} 含 {count} 个条目（目录 {length} 字节），超过上限 {MAX_ENTRIES}。请拆分。",
            )
        start = end - length
        if start < 0:
            raise BadZip("its list of entries is longer than the file", "条目目录比文件还长")
        shift = start - offset  # bytes put before the archive move every offset alike
        data, members, at = self._at(start, length), [], 0
        for _ in range(count):
            if len(data) < at + _CENTRAL.size or data[at : at + 4] != b"PK\x01\x02":
                raise BadZip("its list of entries is damaged", "条目目录已损坏")
            head = _CENTRAL.unpack_from(data, at)
            (_, made, _, flags, method, _, _, crc, packed, size, *lengths, _, _, attributes, where) = head
            names, extras, comments = lengths
            at += _CENTRAL.size
            raw, extra = data[at : at + names], data[at + names : at + names + extras]
            at += names + extras + comments
            size, packed, where = _wide(extra, [size, packed, where])
            mode = attributes >> 16 if made >> 8 in {3, 19} else 0  # made on Unix or macOS [4.4.2]
            members.append(Member(raw, "", flags, method, crc, packed, size, where + shift, mode))
        if at != length:
            raise BadZip("its list of entries holds more than it says", "条目目录内容多于其声明")
        codecs = _codecs([one.raw for one in members if not one.flags & _UTF8], self.said)
        named = (replace(one, name=_name(one.raw, ("utf-8",) if one.flags & _UTF8 else codecs)) for one in members)
        return tuple(named), shift, start

    def data_start(self, member: Member) -> int:
        """Where the packed bytes begin. Raises BadZip when the local header disagrees with the directory."""
        head = self._at(member.offset, _LOCAL.size) if 0 <= member.offset < self.start else b""
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            raise BadZip(f"{member.name!r} does not begin where the list says", f"{member.name!r} 不在目录所述位置")
        _, _, flags, method, _, _, crc, packed, size, names, extras = _LOCAL.unpack(head)
        rest = self.file.read(names + extras)
        packed_, size_ = _wide(rest[names:], [size, packed])[::-1]
        agrees = rest[:names] == member.raw and method == member.method and not (flags ^ member.flags) & 1
        # With bit 3 the sizes follow the data and are nought or anything here [4.4.4].
        if not flags & 8:
            agrees = agrees and (crc, packed_, size_) == (member.crc, member.packed, member.size)
        if not agrees:
            raise BadZip(
                f"the header of {member.name!r} does not agree with the list of entries",
                f"{member.name!r} 的头部与目录不一致",
            )
        start: int = member.offset + _LOCAL.size + names + extras
        if start + member.packed > self.start:
            raise BadZip(f"{member.name!r} reaches into the list of entries", f"{member.name!r} 的数据伸入条目目录")
        return start

    def overlaps(self) -> frozenset[Member]:
        """Entries whose bytes belong to another entry as well."""
        spans = []
        for member in self.members:
            try:
                spans.append((member.offset, self.data_start(member) + member.packed, member))
            except BadZip:
                continue  # such a member has no bytes; `unpack` says why
        spans.sort(key=lambda span: span[:2])
        found, reach = set(), 0
        for begin, end, member in spans:
            if begin < reach:
                found.add(member)
            reach = max(reach, end)
        return frozenset(found)

    def packed(self, member: Member) -> Iterator[bytes]:
        """The packed bytes as they are, in pieces."""
        self.file.seek(self.data_start(member))
        left = member.packed
        while left:
            piece = self.file.read(min(CHUNK, left))
            if not piece:
                raise BadZip(f"{member.name!r} is cut short", f"{member.name!r} 被截断")
            left -= len(piece)
            yield piece

    def unpack(self, member: Member) -> Iterator[bytes]:
        """The member's bytes in pieces, counted against the ceilings, its size and CRC compared at the end.

        Raises BadZip for damage and for methods other than stored and deflated, CeilingExceeded for a bomb.
        """
        if member.method not in {STORED, DEFLATED} or member.encrypted:
            raise BadZip(
                f"{member.name!r} is encrypted or packed by a method other than deflate",
                f"{member.name!r} 已加密，或所用压缩方法不是 deflate",
            )
        total, eaten, crc = 0, 0, 0
        inflate = zlib.decompressobj(-15) if member.method == DEFLATED else None
        for piece in self.packed(member):
            eaten += len(piece)
            waiting = piece
            while waiting:
                if inflate is None:
                    out, waiting = waiting, b""
                else:
                    try:
                        out = inflate.decompress(waiting, CHUNK)
                    except zlib.error as error:
                        raise BadZip(
                            f"the bytes of {member.name!r} are damaged", f"{member.name!r} 的数据已损坏"
                        ) from error
                    waiting = inflate.unconsumed_tail
                    if inflate.eof and (inflate.unused_data or waiting):
                        raise BadZip(
                            f"{member.name!r} ends before its packed bytes do",
                            f"{member.name!r} 的压缩数据有多余字节",
                        )
                total += len(out)
                self.unpacked += len(out)
                self._within(member, total, eaten)
                crc = zlib.crc32(out, crc)
                if out:
                    yield out
        while inflate is not None and not inflate.eof:
            out = inflate.decompress(inflate.unconsumed_tail, CHUNK)
            if not out:
                raise BadZip(f"{member.name!r} is cut short", f"{member.name!r} 被截断")
            total += len(out)
            self.unpacked += len(out)
            self._within(member, total, eaten)
            crc = zlib.crc32(out, crc)
            yield out
        if total != member.size or crc != member.crc:
            raise BadZip(
                f"the bytes of {member.name!r} do not agree with their check sum or size",
                f"{member.name!r} 的数据与校验和或大小不符",
            )

    def _within(self, member: Member, total: int, eaten: int) -> None:
        bomb = total > MiB and total > MAX_RATIO * max(1, eaten)
        if bomb or total > MAX_ENTRY or self.unpacked > MAX_UNPACKED:
            raise CeilingExceeded(
                f"{self.name}: entry {member.name!r} unpacks to more than {total} bytes from {eaten}; "
                f"the ceilings are {MAX_RATIO} times its packed size, {MAX_ENTRY} bytes for one entry and "
                f"{MAX_UNPACKED} in all. No recording, picture or slide packs like that; split it or save it anew.",
                f"{self.name}：条目 {member.name!r} 由 {eaten} 字节解压出超过 {total} 字节；上限为压缩前后 "
                f"{MAX_RATIO} 倍、单个条目 {MAX_ENTRY} 字节、总计 {MAX_UNPACKED} 字节。"
                "真实的录音、图片或幻灯片不会如此；请拆分或重新保存。",
            )

    def content(self, member: Member, limit: int) -> bytes:
        """The whole member when it is at most `limit` bytes. Raises BadZip, CeilingExceeded."""
        out = bytearray()
        for piece in self.unpack(member):
            out += piece
            if len(out) > limit:
                raise CeilingExceeded(
                    f"{self.name}: part {member.name!r} is larger than {limit} bytes. Save the file anew.",
                    f"{self.name}：部件 {member.name!r} 超过 {limit} 字节。请重新保存该文件。",
                )
        return bytes(out)
