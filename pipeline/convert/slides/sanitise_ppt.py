"""As `deck_copy`, for a .ppt: wrapping is a number in the property table of a shape, changed where it stands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.convert.slides.sanitise import ems
from pipeline.probe.slides import ppt_text
from pipeline.probe.slides.ole import BadOle, Ole
from pipeline.probe.slides.ppt_records import DOCUMENT, USER, PptRecord, Records, listed, persisted

# [MS-ODRAW]: a shape with its properties (2.2.14, 2.2.9); [MS-PPT]: where it is, and its text (2.7.1, 2.9.76).
_SHAPE, _PROPERTIES, _ANCHOR, _TEXT_BOX = 0xF004, 0xF00B, 0xF010, 0xF00D
_LEFT, _RIGHT, _WRAP, _FLOW = 0x0081, 0x0083, 0x0085, 0x0088  # numbers of properties (2.3.21)
_NONE, _SQUARE = 2, 0  # of _WRAP
_INSET: Final = 91440  # English metric units, where the shape does not say
_UNIT: Final = 914400 / 576  # of the anchor, in English metric units
_POINT: Final = 12700
_SMALL_ANCHOR: Final = 8  # bytes: top, left, right, bottom as 16-bit numbers


def for_office(source: Path, work: Path) -> Path:
    """`source` itself where nothing is to be changed, else a copy inside `work`. Raises CeilingExceeded."""
    try:
        with Ole(source) as ole:
            records = Records(ole.read(DOCUMENT))
            found, number = persisted(records, ole.read(USER))
            document = records.at(found[number])
            masters = [found[one.persist] for one in listed(records, document, 1) if one.persist in found]
            styles = [*records.walk(document), *(r for at in masters for r in records.children(records.at(at)))]
            inherited = ppt_text.masters(records, styles)
            slides = [records.at(found[one.persist]) for one in listed(records, document, 0) if one.persist in found]
            loose = [at for slide in slides for at in _loose(records, slide, inherited)]
            places = ole.places(DOCUMENT, loose)
    except BadOle:  # nothing is changed then, and the office says whether it can read it
        return source
    if not places:
        return source
    target = work / "office.ppt"
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        for place in places:  # the lowest byte; the number is 2, so the others are 0
            file.seek(place)
            file.write(bytes([_SQUARE]))
    return target


def _loose(records: Records, slide: PptRecord, inherited: dict[int, list[ppt_text.Look]]) -> Iterator[int]:
    """Where it says of a text box of this slide that it does not wrap, and all of its lines fit."""
    for shape in records.walk(slide):
        if shape.type != _SHAPE:
            continue
        parts = {record.type: record for record in records.children(shape)}
        if not {_PROPERTIES, _ANCHOR, _TEXT_BOX} <= parts.keys():
            continue
        says = records.properties(parts[_PROPERTIES])
        anchor = parts[_ANCHOR]
        wrap, place = says.get(_WRAP, (_SQUARE, 0))
        if wrap != _NONE or _FLOW in says or anchor.end - anchor.start != _SMALL_ANCHOR:
            continue
        left, right = records.number(anchor, 2, 2), records.number(anchor, 4, 2)
        room = (right - left) * _UNIT - sum(says.get(side, (_INSET, 0))[0] for side in (_LEFT, _RIGHT))
        pieces = ppt_text.pieces(records, records.children(parts[_TEXT_BOX]))
        if pieces and all(_longest(piece, inherited) <= room for piece in pieces):
            yield place


def _longest(piece: ppt_text.Piece, inherited: dict[int, list[ppt_text.Look]]) -> float:
    """How long its longest line is at most, in English metric units; without end where a size is not known."""
    sizes = [
        look.size
        for words, run in piece.parts()
        if words.strip()
        for look in ppt_text.looks(run, piece.kind, inherited)
    ]
    if piece.runs is None or None in sizes:
        return float("inf")
    largest = max((size for size in sizes if size is not None), default=0)
    return max(map(ems, piece.words.split("\n")), default=0.0) * largest * _POINT
