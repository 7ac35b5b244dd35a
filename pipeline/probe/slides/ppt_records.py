"""The records of a PowerPoint 97 to 2003 document. Names and section numbers: [MS-PPT]."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.probe.slides.ole import BadOle

DOCUMENT: Final = "PowerPoint Document"  # the stream
USER: Final = "Current User"
_USER_EDIT, _PERSIST_DIRECTORY, _SLIDE_LIST, _SLIDE_PERSIST = 0x0FF5, 0x1772, 0x0FF0, 0x03F3
_TEXT_CHARS: Final = 0x0FA0
_TAG_BLOB: Final = 0x138B  # an atom by its header that holds records (2.5.21)
# Atoms of what PowerPoint 2007 and later keep for themselves (2.11): XML in a zip, with the version of a container.
_ROUND_TRIP: Final = frozenset({0x040E, 0x040F, *range(0x041C, 0x0421), *range(0x0422, 0x0429)})
_SEALED: Final = 32  # bytes of an edit that names the keys of an encrypted document; others have 28 (2.3.3)
_MAX_RECORDS: Final = 2_000_000
_MAX_DEPTH: Final = 64


class PptRecord(NamedTuple):
    """A record: an atom, or a container of others."""

    type: int
    instance: int
    start: int  # of its content
    end: int
    container: bool


class Records:
    """The document stream, walked with a count so that no nesting can make it long."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.seen = 0
        self.torn = 0  # containers that `walk` met and could not follow to their end

    def at(self, offset: int) -> PptRecord:
        """The record whose header is there. Raises BadOle."""
        if not 0 <= offset <= len(self.data) - 8:
            raise BadOle("a record lies outside the document", "记录位于文档之外")
        first, type_, length = struct.unpack_from("<HHI", self.data, offset)
        end = offset + 8 + length
        if end > len(self.data):
            raise BadOle("a record reaches beyond the document", "记录超出文档")
        return PptRecord(type_, first >> 4, offset + 8, end, first & 15 == 15 and type_ not in _ROUND_TRIP)

    def children(self, parent: PptRecord) -> Iterator[PptRecord]:
        """The records right inside `parent`. Raises BadOle."""
        at = parent.start
        while at + 8 <= parent.end:
            self.seen += 1
            if self.seen > _MAX_RECORDS:
                raise BadOle("it holds too many records", "记录过多")
            record = self.at(at)
            if record.end > parent.end:
                raise BadOle("a record reaches beyond its container", "记录超出其容器")
            yield record
            at = record.end

    def walk(self, parent: PptRecord, depth: int = 0) -> Iterator[PptRecord]:
        """All records inside `parent`, each before what it holds.

        What a container holds after a record that cannot be followed is left out and counted in `torn`: an office may
        do without it. Raises BadOle for `parent` itself, and for too many records.
        """
        for record in self.children(parent):
            yield record
            if (record.container or record.type == _TAG_BLOB) and depth < _MAX_DEPTH:
                try:
                    yield from self.walk(record, depth + 1)
                except BadOle:
                    if self.seen > _MAX_RECORDS:
                        raise
                    self.torn += 1

    def number(self, record: PptRecord, offset: int, size: int = 4) -> int:
        """An unsigned number of `size` bytes in an atom. Raises BadOle."""
        if record.start + offset + size > record.end:
            raise BadOle("a record is too short", "记录过短")
        at = record.start + offset
        return int.from_bytes(self.data[at : at + size], "little")

    def content(self, record: PptRecord) -> bytes:
        """The bytes of an atom."""
        return self.data[record.start : record.end]

    def words(self, record: PptRecord) -> str:
        """The text of an atom of text, one paragraph or line break a line."""
        data = self.content(record)
        text = data.decode("utf-16-le" if record.type == _TEXT_CHARS else "latin-1", "replace")
        return text.replace("\r", "\n").replace("\v", "\n")

    def properties(self, shape: PptRecord) -> dict[int, tuple[int, int]]:
        """Of a shape's property table: number -> value and where it stands in the stream ([MS-ODRAW] 2.2.7)."""
        count = min(shape.instance, (shape.end - shape.start) // 6)
        pairs = (shape.start + 6 * n for n in range(count))
        return {
            int.from_bytes(self.data[at : at + 2], "little") & 0x3FFF: (
                int.from_bytes(self.data[at + 2 : at + 6], "little"),
                at + 2,
            )
            for at in pairs
        }


def sealed(records: Records, current: bytes) -> bool:
    """Whether the newest edit names the keys of an encrypted document (2.3.3). Raises BadOle."""
    edit = records.at(int.from_bytes(current[16:20], "little"))
    return edit.type == _USER_EDIT and edit.end - edit.start >= _SEALED and records.number(edit, 28) != 0


def persisted(records: Records, current: bytes) -> tuple[dict[int, int], int]:
    """Where each persistent object lives, and the number of the document's: newest edits first (2.1.2)."""
    if len(current) < 20:
        raise BadOle("its Current User stream is too short", "Current User 流过短")
    offset = int.from_bytes(current[16:20], "little")
    places: dict[int, int] = {}
    document, seen = 0, set[int]()
    while offset and offset not in seen:
        seen.add(offset)
        edit = records.at(offset)
        if edit.type != _USER_EDIT:
            raise BadOle("its list of edits is damaged", "编辑记录已损坏")
        document = document or records.number(edit, 16)
        directory = records.at(records.number(edit, 12))
        if directory.type != _PERSIST_DIRECTORY:
            raise BadOle("its list of parts is damaged", "部件目录已损坏")
        at = 0
        while at + 4 <= directory.end - directory.start:
            packed = records.number(directory, at)
            first, count = packed & 0xFFFFF, packed >> 20
            for n in range(count):
                places.setdefault(first + n, records.number(directory, at + 4 + 4 * n))
            at += 4 + 4 * count
        offset = records.number(edit, 8)
    return places, document


class Listed(NamedTuple):
    """One entry of a slide list: where the slide lives, its own number, the records of its outline's texts."""

    persist: int
    id: int
    outline: list[PptRecord]


def listed(records: Records, document: PptRecord, instance: int) -> list[Listed]:
    """The entries of a list: of slides (0), masters (1) or notes (2)."""
    out: list[Listed] = []
    for part in records.children(document):
        if part.type != _SLIDE_LIST or part.instance != instance:
            continue
        for record in records.children(part):
            if record.type == _SLIDE_PERSIST:
                out.append(Listed(records.number(record, 0), records.number(record, 12), []))
            elif out:
                out[-1].outline.append(record)
    return out
