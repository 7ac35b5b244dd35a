"""Facts about a PowerPoint 97 to 2003 deck, from its records. Names and section numbers: [MS-PPT]."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Final, NamedTuple

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.facts import OnSlide, SlidesInfo, Text
from pipeline.probe.slides import ppt_sounds, ppt_text
from pipeline.probe.slides.ole import BadOle, Ole
from pipeline.probe.slides.ppt_records import DOCUMENT, USER, PptRecord, Records, listed, persisted, sealed
from pipeline.probe.slides.reflow import TextBox, reflows, undrawable
from pipeline.tools.fonts import swaps

# Record types (2.13.24).
_DOCUMENT, _DOCUMENT_ATOM, _SLIDE, _SLIDE_ATOM, _NOTES = 0x03E8, 0x03E9, 0x03EE, 0x03EF, 0x03F0
_MASTER, _SHOW_INFO, _FONT, _VBA_ATOM = 0x03F8, 0x03F9, 0x0FB7, 0x0400
# Sounds and films elsewhere or on a disc (2.10.5 to 2.10.10); those inside are in the list of sounds.
_MEDIA: Final = frozenset({0x1006, 0x1007, 0x100D, 0x100E, 0x1010})
_OLE_LINK, _CONTROL = 0x0FCE, 0x0FEE
# Those of the above that are only pointed to: films always are.
_LINKED: Final = frozenset({_OLE_LINK, 0x1006, 0x1007, 0x100D, 0x1010})
_SHAPE: Final = 0xF00B  # properties of a shape ([MS-ODRAW] 2.2.9)
_PICTURE_FLAGS, _LINKED_PICTURE = 0x0106, 8  # property and its bit: the picture is a file elsewhere (2.3.23.11)
# An effect of PowerPoint 97, and the behaviours that effects are made of since 2002 (2.8.28 on).
_EFFECTS: Final = frozenset({0x1014, *range(0xF12B, 0xF132)})
_ENCRYPTED: Final = 0xF3D1C4DF  # header token of the Current User stream (2.3.2)
_OLD, _DUAL = "PersistentStorage Directory", "PP97_DUALSTORAGE"  # of PowerPoint 95; of both, for either to read
_NOTES_BODY: Final = 2  # text type (2.13.33)
_MASTER_UNIT: Final = 8  # master units in a point: 576 to the inch (1.1)
_HIDDEN: Final = 4  # bit of the slide show flags (2.6.6)


def _said(parts: list[str]) -> str:
    return "\n".join(line for part in parts for line in part.split("\n") if line.strip())


class _Slide(NamedTuple):
    hidden: bool
    transition: bool
    effects: bool
    notes: int  # number of its notes page, 0 for none
    pieces: list[ppt_text.Piece]
    links: int  # pictures outside
    sounds: set[int]  # numbers of those it names

    @property
    def text(self) -> str:
        return _said([piece.words for piece in self.pieces])


def _slide(records: Records, offset: int, outline: list[PptRecord], objects: dict[int, int]) -> _Slide:
    slide = records.at(offset)
    if slide.type != _SLIDE:
        raise BadOle("a slide is not where the list says", "幻灯片不在目录所述位置")
    hidden = transition = effects = False
    notes = links = 0
    inside = list(records.walk(slide))
    for record in inside:
        if record.type == _SHOW_INFO:
            hidden = bool(records.number(record, 10, 2) & _HIDDEN)
            transition = records.number(record, 9, 1) != 0  # effect type 0 is a plain cut
        elif record.type == _SLIDE_ATOM:
            notes = records.number(record, 16)
        elif record.type == _SHAPE:
            links += bool(records.properties(record).get(_PICTURE_FLAGS, (0, 0))[0] & _LINKED_PICTURE)
        effects = effects or record.type in _EFFECTS
    pieces = ppt_text.pieces(records, outline) + ppt_text.pieces(records, inside)
    sounds = ppt_sounds.named(records, inside, objects)
    return _Slide(hidden, transition, effects, notes, pieces, links, sounds)


def _places(slides: list[_Slide]) -> tuple[OnSlide, ...]:
    places = []
    for number, slide in enumerate(slides, 1):
        places += [OnSlide(number, "link")] * slide.links
        if not slide.hidden:
            places += [OnSlide(number, "animation")] if slide.effects else []
            places += [OnSlide(number, "transition")] if slide.transition else []
    return tuple(places)


def _notes(records: Records, offset: int | None) -> str:
    if offset is None or records.at(offset).type != _NOTES:
        return ""
    found = ppt_text.pieces(records, records.walk(records.at(offset)))
    return _said([piece.words for piece in found if piece.kind == _NOTES_BODY])


def _boxes(records: Records, slides: list[_Slide], names: list[str], styles: list[PptRecord]) -> list[TextBox] | None:
    """The texts that are shown, with the names of the fonts that their letters take; None where a look is damaged."""
    try:
        inherited = ppt_text.masters(records, styles)
    except BadOle:  # not known, which the docstring and the facts say
        return None
    if any(piece.runs is None for slide in slides if not slide.hidden for piece in slide.pieces):
        return None
    return [
        TextBox(number, frozenset(names[face] for face in used if face < len(names) and names[face]), piece.words)
        for number, slide in enumerate(slides, 1)
        if not slide.hidden
        for piece in slide.pieces
        if (used := ppt_text.faces(piece, inherited))
    ]


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
    except struct.error:  # a property set cut short: not known
        return None
    return None


def read_ppt(ole: Ole) -> tuple[SlidesInfo, list[Text]]:
    """Facts about an open .ppt. Whether its GIFs move is not known.

    A record inside its document or a slide that cannot be followed is a remark, and what it may hide is not known.
    Raises BadOle when the lists of slides or a whole slide cannot be, CeilingExceeded above MAX_PAGES slides.
    """
    if _OLD in ole.names and _DUAL not in ole.names:
        raise BadOle("it is of PowerPoint 95 or older", "由 PowerPoint 95 或更早版本生成")
    for name in (USER, DOCUMENT):
        if name not in ole.streams:
            raise BadOle(f"the stream {name!r} is missing", f"缺少流 {name!r}")
    current = ole.read(USER)
    if len(current) >= 16 and int.from_bytes(current[12:16], "little") == _ENCRYPTED:
        return SlidesInfo(format="ppt", encrypted=True, producer=_producer(ole)), []
    records = Records(ole.read(DOCUMENT))
    if sealed(records, current):
        return SlidesInfo(format="ppt", encrypted=True, producer=_producer(ole)), []
    places, number = persisted(records, current)
    if number not in places or records.at(places[number]).type != _DOCUMENT:
        raise BadOle("its document part is missing", "缺少文档部件")
    document = records.at(places[number])
    entries = listed(records, document, 0)
    if len(entries) > MAX_PAGES:
        raise CeilingExceeded(
            f"{ole.name} has {len(entries)} slides, above the ceiling of {MAX_PAGES}. Split the deck.",
            f"{ole.name} 有 {len(entries)} 页，超过上限 {MAX_PAGES}。请拆分演示文稿。",
        )
    notes = {entry.id: places.get(entry.persist) for entry in listed(records, document, 2)}
    size, names, media, links, macros = None, list[str](), 0, 0, False
    styles = [record for entry in listed(records, document, 1) for record in _master(records, places, entry.persist)]
    whole = list(records.walk(document))
    followed = not records.torn
    remarks = [] if followed else [_torn(ole.name, Text("its document part", "文档部分"))]
    for record in whole:
        if record.type == _DOCUMENT_ATOM:
            size = tuple(Fraction(records.number(record, at), _MASTER_UNIT) for at in (0, 4))
        elif record.type == _FONT:
            names.append(records.content(record)[:64].decode("utf-16-le", "replace").partition("\0")[0])
        elif record.type == _VBA_ATOM:
            macros = bool(records.number(record, 4))
        elif record.type == ppt_text.MASTER_STYLE:
            styles.append(record)
        media += record.type in _MEDIA
        links += record.type in _LINKED
    missing = [n for n, entry in enumerate(entries, 1) if entry.persist not in places]
    if missing:  # an office draws an empty page for it
        raise BadOle(f"slide {missing[0]} is missing", f"缺少第 {missing[0]} 页")
    objects = ppt_sounds.objects(records, whole)
    slides = []
    for n, entry in enumerate(entries, 1):
        before = records.torn
        slides.append(_slide(records, places[entry.persist], entry.outline, objects))
        if records.torn > before:
            remarks.append(_torn(ole.name, Text(f"slide {n}", f"第 {n} 页")))
    embedded = ppt_sounds.embedded(ppt_sounds.sounds(records, whole), [slide.sounds for slide in slides])
    shown = [slide for slide in slides if not slide.hidden]
    texts = tuple(_notes(records, notes.get(slide.notes)) or slide.text for slide in shown)
    boxes = _boxes(records, slides, names, styles)
    used = None if boxes is None else tuple(sorted(set[str]().union(*(box.fonts for box in boxes))))
    replaced = None if used is None else swaps(used)
    reflowing = reflows(boxes or (), replaced)
    return (
        SlidesInfo(
            format="ppt",
            pages=len(shown),
            hidden=len(slides) - len(shown),
            page_size=(size[0], size[1]) if size else None,
            page_sizes=1,  # the format knows one for all slides
            encrypted=False,
            restricted=False,
            valid=None if remarks else True,
            fonts=used if not remarks else None,
            swaps=replaced if not remarks else None,
            reflowing=len(reflowing) if reflowing is not None and not remarks else None,
            animations=sum(slide.effects for slide in shown) if not remarks else None,
            transitions=sum(slide.transition for slide in shown) if not remarks else None,
            media=media + len(embedded) if not remarks else None,
            embedded=embedded,
            external_links=links + sum(slide.links for slide in slides) if not remarks else None,
            places=(
                *_places(slides),
                *(OnSlide(one.slide, "media") for one in embedded),
                *(reflowing or ()),
                *undrawable(boxes or ()),
            ),
            macros=macros if followed else None,
            controls=any(record.type == _CONTROL for record in whole) if followed else None,
            longest_page_text=max(map(len, texts), default=0),
            page_texts=texts,
            producer=_producer(ole),
        ),
        remarks,
    )


def _torn(name: str, part: Text) -> Text:
    return Text(
        f"{name}: {part.en} holds a record that cannot be followed; what comes after it there is not known.",
        f"{name}：{part.zh}中有无法解析的记录，其后的内容未知。",
    )


def _master(records: Records, places: dict[int, int], persist: int) -> list[PptRecord]:
    """What is right inside a main master; nothing of another kind of master."""
    if persist not in places or records.at(places[persist]).type != _MASTER:
        return []
    return list(records.children(records.at(places[persist])))
