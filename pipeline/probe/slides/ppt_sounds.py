"""Sounds inside a .ppt: one list for the whole deck, which slides refer to. Names and section numbers: [MS-PPT]."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from pipeline.model.facts import Embedded
from pipeline.probe.slides.ole import Ole
from pipeline.probe.slides.ppt_records import DOCUMENT, USER, PptRecord, Records, persisted

_SOUND, _STRING, _DATA = 0x07E6, 0x0FBA, 0x07E7  # SoundContainer and what it holds (2.4.16.3)
_EXTENSION, _ID = 1, 2  # instances of _STRING
_EMBEDDED, _OBJECT, _WAV = 0x100F, 0x1004, 0x1013  # an object that is a sound, its number, the sound's (2.10.6)
_REFERENCE: Final = 0x0BC1  # from a shape to an object (2.10.27)
# Records of a slide that name a sound: transition, effect, click (2.6.6, 2.8.6, 2.8.8); where the number stands.
_NAMES: Final = {0x03F9: 4, 0x0FF1: 8, 0x0FF3: 0}
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,5}")


def sounds(records: Records, inside: Iterable[PptRecord]) -> dict[int, tuple[str, PptRecord]]:
    """By number: name of the part and data of each sound that the deck carries. Raises BadOle."""
    out: dict[int, tuple[str, PptRecord]] = {}
    for record in inside:
        if record.type != _SOUND:
            continue
        parts = list(records.children(record))
        said = {
            part.instance: records.content(part).decode("utf-16-le", "replace")
            for part in parts
            if part.type == _STRING
        }
        data = next((part for part in parts if part.type == _DATA), None)
        number = said.get(_ID, "")
        if data is not None and number.isascii() and number.isdigit():
            suffix = _SUFFIX.fullmatch(said.get(_EXTENSION, "").lower())
            out[int(number)] = (f"sound{int(number)}{suffix[0] if suffix else ''}", data)
    return out


def objects(records: Records, inside: Iterable[PptRecord]) -> dict[int, int]:
    """Of each object that is an embedded sound: its number, and the sound's. Raises BadOle."""
    out: dict[int, int] = {}
    for record in inside:
        if record.type == _EMBEDDED:
            parts = {part.type: part for part in records.children(record)}
            if {_OBJECT, _WAV} <= parts.keys():
                out[records.number(parts[_OBJECT], 0)] = records.number(parts[_WAV], 0)
    return out


def named(records: Records, inside: Collection[PptRecord], objects_: dict[int, int]) -> set[int]:
    """Numbers of the sounds that the records of one slide refer to. Raises BadOle."""
    out = {records.number(record, _NAMES[record.type]) for record in inside if record.type in _NAMES}
    out |= {
        objects_[number]
        for record in inside
        if record.type == _REFERENCE and (number := records.number(record, 0)) in objects_
    }
    return out


def embedded(found: dict[int, tuple[str, PptRecord]], slides: Sequence[set[int]]) -> tuple[Embedded, ...]:
    """Each sound with the first slide that names it, from 1; 0 for one that none does."""
    first = {number: next((n for n, names in enumerate(slides, 1) if number in names), 0) for number in found}
    return tuple(Embedded(first[number], part) for number, (part, _) in sorted(found.items()))


def read_sounds(path: Path) -> dict[str, bytes]:
    """The data of every sound of a deck, by the name of its part. Raises BadOle."""
    with Ole(path) as ole:
        records = Records(ole.read(DOCUMENT))
        places, number = persisted(records, ole.read(USER))
        found = sounds(records, records.walk(records.at(places[number])))
        return {part: records.content(data) for part, data in found.values()}
