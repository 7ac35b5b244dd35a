"""How the text of a .ppt looks: fonts and sizes of its runs, and those of its masters. Section numbers: [MS-PPT]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pipeline.probe.slides.ole import BadOle
from pipeline.probe.slides.ppt_records import PptRecord, Records
from pipeline.probe.slides.reflow import scripts

HEADER, CHARS, BYTES, STYLE, MASTER_STYLE = 0x0F9F, 0x0FA0, 0x0FA8, 0x0FA1, 0x0FA3
_OTHER: Final = 4  # kind of text in boxes that are no placeholders (2.13.33)
# Kinds of text that take after another where they say nothing themselves (2.9.36).
_BASE: Final = {5: 1, 6: 0, 7: 1, 8: 1}
_LEVELLED: Final = 5  # kinds from here on write the level before its look
# Fields of a paragraph's look in their order: the bits of the mask that say it is there, and its bytes (2.9.20).
_PARAGRAPH: Final = (
    (0b1111, 2),
    (1 << 7, 2),
    (1 << 4, 2),
    (1 << 6, 2),
    (1 << 5, 4),
    (1 << 11, 2),
    (1 << 12, 2),
    (1 << 13, 2),
    (1 << 14, 2),
    (1 << 8, 2),
    (1 << 10, 2),
    (1 << 15, 2),
    (1 << 20, -1),  # tab stops: a count, and four bytes each
    (1 << 16, 2),
    (0b111 << 17, 2),
    (1 << 21, 2),
)
# The same of a character's (2.9.13): style, font, East Asian font, ANSI font, symbol font, size, colour, position.
_CHARACTER: Final = (
    (0x3EB7, 2),
    (1 << 16, 2),
    (1 << 21, 2),
    (1 << 22, 2),
    (1 << 23, 2),
    (1 << 17, 2),
    (1 << 18, 4),
    (1 << 19, 2),
)
_FONT, _EAST, _SIZE = 1 << 16, 1 << 21, 1 << 17


class Look(NamedTuple):
    """What a run or a master says; None: it takes what comes before."""

    font: int | None = None  # place in the list of fonts
    east: int | None = None  # ... for East Asian letters
    size: int | None = None  # points

    def over(self, other: Look) -> Look:
        """This look where it says something, else the other one."""
        return Look(*(mine if mine is not None else theirs for mine, theirs in zip(self, other, strict=True)))


class Piece(NamedTuple):
    """One text: what kind it is, its words, and its runs as letters and look; None where they cannot be read."""

    kind: int
    words: str
    runs: tuple[tuple[int, Look], ...] | None

    def parts(self) -> Iterator[tuple[str, Look]]:
        """The words of each run; what no run covers has a look that says nothing."""
        at = 0
        for letters, look in self.runs or ():
            yield self.words[at : at + letters], look
            at += letters
        yield self.words[at:], Look()


def _field(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise BadOle("the look of a text is cut short", "文本样式被截断")
    return int.from_bytes(data[at : at + size], "little")


def _fields(data: bytes, at: int, fields: Iterable[tuple[int, int]]) -> tuple[dict[int, int], int]:
    mask = _field(data, at, 4)
    at += 4
    found: dict[int, int] = {}
    for bits, size in fields:
        if mask & bits:
            length = size if size > 0 else 2 + 4 * _field(data, at, 2)
            found[bits] = _field(data, at, length)
            at += length
    return found, at


def _look(data: bytes, at: int) -> tuple[Look, int]:
    found, at = _fields(data, at, _CHARACTER)
    return Look(found.get(_FONT), found.get(_EAST), found.get(_SIZE)), at


def _runs(data: bytes, letters: int) -> tuple[tuple[int, Look], ...]:
    """The character runs of a text of so many letters and its end mark (2.9.44). Raises BadOle."""
    at = covered = 0
    while covered <= letters:
        count = _field(data, at, 4)
        _, at = _fields(data, at + 6, _PARAGRAPH)
        covered += max(count, 1)
    out: list[tuple[int, Look]] = []
    covered = 0
    while covered <= letters:
        count = _field(data, at, 4)
        look, at = _look(data, at + 4)
        out.append((count, look))
        covered += max(count, 1)
    if at != len(data):
        raise BadOle("the look of a text does not end with it", "文本样式与文本长度不符")
    return tuple(out)


def pieces(records: Records, found: Iterable[PptRecord]) -> list[Piece]:
    """The texts among these records, in their order. Raises BadOle for a damaged header."""
    out: list[Piece] = []
    kind = _OTHER
    for record in found:
        if record.type == HEADER:
            kind = records.number(record, 0)
        elif record.type in {CHARS, BYTES}:
            out.append(Piece(kind, records.words(record), ()))
        elif record.type == STYLE and out and not out[-1].runs:
            last = out[-1]
            # Letters beyond the basic plane count twice there, as two halves.
            letters = len(last.words.encode("utf-16-le")) // 2
            try:
                out[-1] = last._replace(runs=_runs(records.content(record), letters))
            except BadOle:  # the words are known all the same
                out[-1] = last._replace(runs=None)
    return out


def masters(records: Records, found: Iterable[PptRecord]) -> dict[int, list[Look]]:
    """Of each kind of text, its look at the first level in every master among these records. Raises BadOle."""
    out: dict[int, list[Look]] = {}
    for record in found:
        if record.type != MASTER_STYLE:
            continue
        data = records.content(record)
        if _field(data, 0, 2) == 0:
            continue
        _, at = _fields(data, 4 if record.instance >= _LEVELLED else 2, _PARAGRAPH)
        out.setdefault(record.instance, []).append(_look(data, at)[0])
    return out


def looks(look: Look, kind: int, inherited: dict[int, list[Look]]) -> list[Look]:
    """How a run may look, once what it leaves open is taken from each master."""
    own = inherited.get(kind) or [Look()]
    base = inherited.get(_BASE[kind]) if kind in _BASE else None
    return [look.over(one).over(two) for one in own for two in base or [Look()]]


def faces(piece: Piece, inherited: dict[int, list[Look]]) -> set[int]:
    """Places in the list of fonts that its letters are drawn with."""
    used: set[int | None] = set()
    for words, look in piece.parts():
        wanted = scripts(words)
        for one in looks(look, piece.kind, inherited) if wanted else ():
            if "ea" in wanted:
                used.add(one.east if one.east is not None else one.font)
            if wanted - {"ea"}:
                used.add(one.font)
    return {face for face in used if face is not None}
