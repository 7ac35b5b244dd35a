"""Streams of an OLE compound file, read within bounds. Layout and section numbers: [MS-CFB]."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MiB
from pipeline.probe.opened import Damaged, Opened
from pipeline.probe.sniff.names import LAST, OLE, ole_name

MAX_STREAM: Final = 256 * MiB  # of one stream that is read whole
_MAX_DIRECTORY: Final = 16 * MiB
_STREAM, _ROOT = 2, 5  # object types (2.6.1)
_DUAL: Final = "PP97_DUALSTORAGE"  # the deck as PowerPoint 97 has it, beside what 95 reads ([MS-PPT] 2.1.5)


class BadOle(Damaged):
    """The compound file contradicts itself. `text` says how."""


class _Stream(NamedTuple):
    start: int
    size: int


class Ole(Opened):
    """An open compound file. Raises BadOle when its tables cannot be followed."""

    def _sector(self, number: int) -> bytes:
        self.file.seek((number + 1) * self.sector)
        return self.file.read(self.sector)

    def _read_tables(self) -> None:
        self.file.seek(0)
        head = self.file.read(512)
        if len(head) < 512 or head[:8] != OLE:
            raise BadOle("its header is damaged", "文件头已损坏")
        shift, mini_shift = struct.unpack_from("<HH", head, 30)
        if shift not in {9, 12} or mini_shift != 6:
            raise BadOle("its sector size is impossible", "扇区大小不可能")
        self.sector, self.mini = 1 << shift, 1 << mini_shift
        self.sectors = self.size // self.sector
        directory, _, self.cutoff, mini_fat, _, next_table, _ = struct.unpack_from("<7I", head, 48)
        tables = [n for n in struct.unpack_from("<109I", head, 76) if n < LAST]
        for _ in range(self.sectors):
            if next_table >= LAST:
                break
            *more, next_table = struct.unpack(f"<{self.sector // 4}I", self._full(next_table))
            tables += [n for n in more if n < LAST]
        # No more tables than sectors can exist; a file that lists more repeats itself.
        raw = b"".join(self._full(n) for n in tables[: self.sectors * 4 // self.sector + 1])
        self.next = memoryview(raw).cast("I")
        self.streams: dict[str, _Stream] = {}
        root = _Stream(LAST, 0)
        entries = self._chain(directory, _MAX_DIRECTORY)
        names: list[str] = []
        dual: dict[str, _Stream] = {}
        for at in range(0, len(entries) - 127, 128):
            entry = entries[at : at + 128]
            kind = entry[66]
            stream = self._stream(entry)
            if kind == _ROOT:  # some programs leave its name out
                root = stream
            if kind and (name := ole_name(entry, 0)):
                names.append(name)
                if kind == _STREAM:
                    self.streams.setdefault(name, stream)
                elif name == _DUAL:
                    dual = self._below(entries, int.from_bytes(entry[76:80], "little"))
        self.streams |= dual
        self.names = frozenset(names)
        self._mini_data: bytes | None = None
        self._mini_root, self._mini_fat = root, mini_fat

    def _stream(self, entry: bytes) -> _Stream:
        start, size = struct.unpack_from("<IQ", entry, 116)
        # Version 3 leaves the upper half of the size undefined (2.6.3).
        return _Stream(start, size if self.sector > 512 else size & 0xFFFFFFFF)

    def _below(self, entries: bytes, child: int) -> dict[str, _Stream]:
        """The streams of the storage whose tree of entries begins at `child` (2.6.4)."""
        found: dict[str, _Stream] = {}
        waiting, seen = [child], set[int]()
        while waiting:
            number = waiting.pop()
            entry = entries[number * 128 : number * 128 + 128]
            if number in seen or len(entry) < 128:
                continue
            seen.add(number)
            if entry[66] == _STREAM and (name := ole_name(entry, 0)):
                found[name] = self._stream(entry)
            waiting += struct.unpack_from("<II", entry, 68)
        return found

    def _full(self, number: int) -> bytes:
        data = self._sector(number)
        if len(data) < self.sector:
            raise BadOle("it was cut short", "文件被截断")
        return data

    def _chain(self, number: int, limit: int) -> bytes:
        """The sectors from `number` on, at most `limit` bytes; a chain longer than the file is a loop."""
        return b"".join(map(self._sector, self._numbers(number, limit)))[:limit]

    def _numbers(self, number: int, limit: int) -> list[int]:
        out: list[int] = []
        for _ in range(self.sectors + 1):
            if number >= LAST or len(out) * self.sector >= limit:
                return out
            if number >= len(self.next):
                raise BadOle("its allocation table is damaged", "分配表已损坏")
            out.append(number)
            number = self.next[number]
        raise BadOle("its allocation table has a loop", "分配表存在循环")

    def places(self, name: str, offsets: Iterable[int]) -> list[int]:
        """Where in the file these bytes of a stream stand, of one that is not small. Raises KeyError, BadOle."""
        start, size = self.streams[name]
        if size < self.cutoff:
            raise BadOle(f"stream {name!r} is too short for a document", f"流 {name!r} 过短")
        numbers = self._numbers(start, size)
        return [(numbers[at // self.sector] + 1) * self.sector + at % self.sector for at in offsets]

    def read(self, name: str) -> bytes:
        """A whole stream. Raises KeyError (absent), BadOle (damage), CeilingExceeded (above MAX_STREAM)."""
        start, size = self.streams[name]
        if size > MAX_STREAM:
            raise CeilingExceeded(
                f"{self.name}: stream {name!r} is {size} bytes, above the ceiling of {MAX_STREAM}. "
                "Save the deck as .pptx.",
                f"{self.name}：流 {name!r} 为 {size} 字节，超过上限 {MAX_STREAM}。请另存为 .pptx。",
            )
        data = self._chain(start, size) if size >= self.cutoff else self._small(start, size)
        if len(data) < size:
            raise BadOle(f"stream {name!r} is cut short", f"流 {name!r} 被截断")
        return data

    def _small(self, number: int, size: int) -> bytes:
        """A stream below the cutoff lives in 64-byte sectors inside the root's own stream (2.4)."""
        if self._mini_data is None:
            self._mini_data = self._chain(self._mini_root.start, min(self._mini_root.size, MAX_STREAM))
            table = self._chain(self._mini_fat, MAX_STREAM)
            self._mini_next = memoryview(table[: len(table) // 4 * 4]).cast("I")
        out = bytearray()
        while number < LAST and len(out) < size:
            if number >= len(self._mini_next):
                raise BadOle("its small allocation table is damaged", "小扇区分配表已损坏")
            out += self._mini_data[number * self.mini : (number + 1) * self.mini]
            number = self._mini_next[number]
        return bytes(out[:size])
