"""Cues of Advanced SubStation Alpha (.ass, .ssa), as a player that shows no styles would show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

# Fields of a line of dialogue where no line says which they are (SubStation Alpha 4 and later).
_FIELDS: Final = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_TIME: Final = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2})[.:,](\d{1,3})")
_OVERRIDE: Final = re.compile(r"\{[^{}]*\}")
_DRAWS: Final = re.compile(r"\\p(\d+)")
_BREAK: Final = re.compile(r"\\[Nn]")


class Dialogue(NamedTuple):
    """A line of dialogue; times in seconds, None where they cannot be read. `line` counts from 1."""

    start: Fraction | None
    end: Fraction | None
    text: str
    line: int


def dialogue(text: str) -> Iterator[Dialogue]:
    """Every line of dialogue that has words, in the order of the file; comments, drawings and styles have none."""
    fields: tuple[str, ...] = _FIELDS
    inside = False
    for number, row in enumerate(text.split("\n"), 1):
        key, colon, rest = row.strip().partition(":")
        if row.strip().startswith("["):
            inside = row.strip().lower() == "[events]"
        elif inside and colon and key.lower() == "format":
            fields = tuple(name.strip().lower() for name in rest.split(","))
        elif inside and colon and key.lower() == "dialogue" and "text" in fields:
            given = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            words = _shown(given.get("text", ""))
            if words:
                yield Dialogue(_seconds(given.get("start", "")), _seconds(given.get("end", "")), words, number)


def _seconds(raw: str) -> Fraction | None:
    found = _TIME.fullmatch(raw.strip())
    if found is None:
        return None
    hours, minutes, seconds, part = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + Fraction(int(part), 10 ** len(part))


def _shown(raw: str) -> str:
    """The words of a line: without what changes their look, and without what is drawn with them as outlines."""
    out, at, draws = [], 0, False
    for found in _OVERRIDE.finditer(raw):
        if not draws:
            out.append(raw[at : found.start()])
        for drawing in _DRAWS.finditer(found[0]):
            draws = drawing[1] != "0"
        at = found.end()
    if not draws:
        out.append(raw[at:])
    words = _BREAK.sub("\n", "".join(out).replace("\\h", " "))
    return "\n".join(line.strip() for line in words.split("\n") if line.strip())
