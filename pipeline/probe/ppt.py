"""Facts about a PowerPoint 97 to 2003 deck, from its records. Names and section numbers: [MS-PPT]."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

from pipeline.errors import CeilingExceeded
from pipeline.model import OnSlide, SlidesInfo, Text
from pipeline.probe.ole import BadOle, Ole
from pipeline.tools.ceilings import MAX_PAGES
from pipeline.tools.fonts import swaps

# Record types (2.13.24).
_DOCUMENT, _DOCUMENT_ATOM, _SLIDE, _SLIDE_ATOM, _NOTES = 0x03E8, 0x03E9, 0x03EE, 0x03EF, 0x03F0
_SLIDE_LIST, _SLIDE_PERSIST, _SHOW_INFO = 0x0FF0, 0x03F3, 0x03F9
_USER_EDIT, _PERSIST_DIRECTORY, _FONT, _VBA_ATOM = 0x0FF5, 0x1772, 0x0FB7, 0x0400
_TEXT_HEADER, _TEXT_CHARS, _TEXT_BYTES = 0x0F9F, 0x0FA0, 0x0FA8
_TAG_BLOB: Final = 0x138B  # an atom by its header that holds records (2.5.21)
# Sounds and films, embedded or linked (2.10.5 to 2.10.10).
_MEDIA: Final = frozenset({0x1006, 0x1007, 0x100D, 0x100E, 0x100F, 0x1010})
_OLE_LINK: Final = 0x0FCE
# Those of the above that are only pointed to: films always are.
_LINKED: Final = frozenset({_OLE_LINK, 0x1006, 0x1007, 0x100D, 0x1010})
_SHAPE: Final = 0xF00B  # properties of a shape ([MS-ODRAW] 2.2.9)
_PICTURE_FLAGS, _LINKED_PICTURE = 0x0106, 8  # property and its bit: the picture is a file elsewhere (2.3.23.11)
# An effect of PowerPoint 97, and the behaviours that effects are made of since 2002 (2.8.28 on).
_EFFECTS: Final = frozenset({0x1014, *range(0xF12B, 0xF132)})
_ENCRYPTED: Final = 0xF3D1C4DF  # header token of the Current User stream (2.3.2)
_NOTES_BODY: Final = 2  # text type (2.13.33)
_MASTER_UNIT: Final = 8  # master units in a point: 576 to the inch (1.1)
_HIDDEN: Final = 4  # bit of the slide show flags (2.6.6)
_MAX_RECORDS: Final = 2_000_000
_MAX_DEPTH: Final = 64


class _Record(NamedTuple):
    type: int
    instance: int
    start: int  # of its content
    end: int
    container: bool


class _Records:
    """The document stream, walked with a count so that no nesting can make it long."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.seen = 0

    def at(self, offset: int) -> _Record:
        if not 0 <= offset <= len(self.data) - 8:
            raise BadOle("a record lies outside the document", "记录位于文档之外")
        first, type_, length = struct.unpack_from("<HHI", self.data, offset)
        end = offset + 8 + length
        if end > len(self.data):
            raise BadOle("a record reaches beyond the document", "记录超出文档")
        return _Record(type_, first >> 4, offset + 8, end, first & 15 == 15)

    def children(self, parent: _Record) -> Iterator[_Record]:
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

    def walk(self, parent: _Record, depth: int = 0) -> Iterator[_Record]:
        """All records inside `parent`, each before what it holds."""
        for record in self.children(parent):
            yield record
            if (record.container or record.type == _TAG_BLOB) and depth < _MAX_DEPTH:
                yield from self.walk(record, depth + 1)

    def number(self, record: _Record, offset: int, size: int = 4) -> int:
        if record.start + offset + size > record.end:
            raise BadOle("a record is too short", "记录过短")
        at = record.start + offset
        return int.from_bytes(self.data[at : at + size], "little")

    def words(self, record: _Record) -> str:
        data = self.data[record.start : record.end]
        text = data.decode("utf-16-le" if record.type == _TEXT_CHARS else "latin-1", "replace")
        return text.replace("\r", "\n").replace("\v", "\n")


def _persisted(records: _Records, current: bytes) -> tuple[dict[int, int], int]:
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


class _Listed(NamedTuple):
    """One entry of a slide list: where the slide lives, its own number, the texts of its outline."""

    persist: int
    id: int
    outline: list[str]


def _listed(records: _Records, document: _Record, instance: int) -> list[_Listed]:
    out: list[_Listed] = []
    for part in records.children(document):
        if part.type != _SLIDE_LIST or part.instance != instance:
            continue
        for record in records.children(part):
            if record.type == _SLIDE_PERSIST:
                out.append(_Listed(records.number(record, 0), records.number(record, 12), []))
            elif record.type in {_TEXT_CHARS, _TEXT_BYTES} and out:
                out[-1].outline.append(records.words(record))
    return out


def _said(parts: list[str]) -> str:
    return "\n".join(line for part in parts for line in part.split("\n") if line.strip())


class _Slide(NamedTuple):
    hidden: bool
    transition: bool
    effects: bool
    notes: int  # number of its notes page, 0 for none
    text: str
    links: int  # pictures outside


def _slide(records: _Records, offset: int, outline: list[str]) -> _Slide:
    slide = records.at(offset)
    if slide.type != _SLIDE:
        raise BadOle("a slide is not where the list says", "幻灯片不在目录所述位置")
    hidden = transition = effects = False
    notes, links, parts = 0, 0, list(outline)
    for record in records.walk(slide):
        if record.type == _SHOW_INFO:
            hidden = bool(records.number(record, 10, 2) & _HIDDEN)
            transition = records.number(record, 9, 1) != 0  # effect type 0 is a plain cut
        elif record.type == _SLIDE_ATOM:
            notes = records.number(record, 16)
        elif record.type in {_TEXT_CHARS, _TEXT_BYTES}:
            parts.append(records.words(record))
        elif record.type == _SHAPE:
            links += _linked_pictures(records, record)
        effects = effects or record.type in _EFFECTS
    return _Slide(hidden, transition, effects, notes, _said(parts), links)


def _linked_pictures(records: _Records, shape: _Record) -> int:
    """Whether the picture of a shape is a file elsewhere: its properties are pairs of number and value (2.2.7)."""
    count = min(shape.instance, (shape.end - shape.start) // 6)
    pairs = ((records.number(shape, 6 * n, 2) & 0x3FFF, records.number(shape, 6 * n + 2)) for n in range(count))
    return any(number == _PICTURE_FLAGS and value & _LINKED_PICTURE for number, value in pairs)


def _places(slides: list[_Slide]) -> tuple[OnSlide, ...]:
    places = []
    for number, slide in enumerate(slides, 1):
        places += [OnSlide(number, "link")] * slide.links
        if not slide.hidden:
            places += [OnSlide(number, "animation")] if slide.effects else []
            places += [OnSlide(number, "transition")] if slide.transition else []
    return tuple(places)


def _notes(records: _Records, offset: int | None) -> str:
    if offset is None or records.at(offset).type != _NOTES:
        return ""
    parts, body = [], False
    for record in records.walk(records.at(offset)):
        if record.type == _TEXT_HEADER:
            body = records.number(record, 0) == _NOTES_BODY
        elif body and record.type in {_TEXT_CHARS, _TEXT_BYTES}:
            parts.append(records.words(record))
    return _said(parts)


def _producer(ole: Ole) -> str | None:
    """The application name in the summary ([MS-OLEPS] 2.20, 3.1.4; property 0x12)."""
    if "\x05SummaryInformation" not in ole.streams:
        return None
    data = ole.read("\x05SummaryInformation")
    try:
        (section,) = struct.unpack_from("<I", data, 44)
        _, count = struct.unpack_from("<II", data, section)
        for n in range(min(count, 100)):
            property_, offset = struct.unpack_from("<II", data, section + 8 + 8 * n)
            if property_ == 0x12:
                type_, length = struct.unpack_from("<II", data, section + offset)
                if type_ == 0x1E:
                    raw = data[section + offset + 8 : section + offset + 8 + length]
                    return raw.rstrip(b"\0").decode("utf-8", "replace") or None
    except struct.error:
        return None
    return None


def read_ppt(ole: Ole) -> tuple[SlidesInfo, list[Text]]:
    """Facts about an open .ppt.

    Fonts are those the deck names, drawn with or not. Which boxes reflow and whether its GIFs move is not known.
    Raises BadOle when its records cannot be followed, CeilingExceeded above MAX_PAGES slides.
    """
    for name in ("Current User", "PowerPoint Document"):
        if name not in ole.streams:
            raise BadOle(f"the stream {name!r} is missing", f"缺少流 {name!r}")
    current = ole.read("Current User")
    if len(current) >= 16 and int.from_bytes(current[12:16], "little") == _ENCRYPTED:
        return SlidesInfo(format="ppt", encrypted=True, producer=_producer(ole)), []
    records = _Records(ole.read("PowerPoint Document"))
    places, number = _persisted(records, current)
    if number not in places or records.at(places[number]).type != _DOCUMENT:
        raise BadOle("its document part is missing", "缺少文档部件")
    document = records.at(places[number])
    listed = _listed(records, document, 0)
    if len(listed) > MAX_PAGES:
        raise CeilingExceeded(
            f"{ole.name} has {len(listed)} slides, above the ceiling of {MAX_PAGES}. Split the deck.",
            f"{ole.name} 有 {len(listed)} 页，超过上限 {MAX_PAGES}。请拆分演示文稿。",
        )
    notes = {entry.id: places.get(entry.persist) for entry in _listed(records, document, 2)}
    size, fonts, media, links, macros = None, dict[str, None](), 0, 0, False
    for record in records.walk(document):
        if record.type == _DOCUMENT_ATOM:
            size = tuple(Fraction(records.number(record, at), _MASTER_UNIT) for at in (0, 4))
        elif record.type == _FONT:
            face = records.data[record.start : record.start + 64].decode("utf-16-le", "replace")
            fonts[face.partition("\0")[0]] = None
        elif record.type == _VBA_ATOM:
            macros = bool(records.number(record, 4))
        media += record.type in _MEDIA
        links += record.type in _LINKED
    missing = [n for n, entry in enumerate(listed, 1) if entry.persist not in places]
    if missing:
        raise BadOle(f"slide {missing[0]} is missing", f"缺少第 {missing[0]} 页")
    slides = [_slide(records, places[entry.persist], entry.outline) for entry in listed]
    shown = [slide for slide in slides if not slide.hidden]
    used = tuple(face for face in fonts if face)
    texts = tuple(_notes(records, notes.get(slide.notes)) or slide.text for slide in shown)
    return (
        SlidesInfo(
            format="ppt",
            pages=len(shown),
            hidden=len(slides) - len(shown),
            page_size=(size[0], size[1]) if size else None,
            page_sizes=1,  # the format knows one for all slides
            encrypted=False,
            restricted=False,
            valid=True,
            fonts=used,
            swaps=swaps(used),
            animations=sum(slide.effects for slide in shown),
            transitions=sum(slide.transition for slide in shown),
            media=media,
            external_links=links + sum(slide.links for slide in slides),
            places=_places(slides),
            macros=macros,
            longest_page_text=max(map(len, texts), default=0),
            page_texts=texts,
            producer=_producer(ole),
        ),
        [],
    )
