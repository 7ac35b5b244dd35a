"""What a deck's text needs of fonts, whatever the format: scripts of letters, boxes whose lines will move, and letters
that no font here has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pipeline.model.facts import FontSwap, OnSlide, Text
from pipeline.tools.fonts import undrawn

EAST: Final = 0x2E80  # the first of the CJK radicals; what comes before is not drawn with an East Asian face
_COMPLEX: Final = (0x0590, 0x1000)  # Hebrew to Tibetan: scripts that take the complex face
_LETTERS: Final = 5  # that are named, of a slide
_QUOTED: Final = 24  # letters of a box that are quoted


class TextBox(NamedTuple):
    """A text box that is shown."""

    slide: int  # from 1, hidden ones counted
    fonts: frozenset[str]
    words: str


def scripts(words: str) -> frozenset[str]:
    """Which faces letters take in office formats: of "latin", "ea" (East Asian) and "cs" (complex scripts)."""
    found = set()
    for letter in words:
        if ord(letter) >= EAST:
            found.add("ea")
        elif _COMPLEX[0] <= ord(letter) < _COMPLEX[1]:
            found.add("cs")
        elif not letter.isspace():
            found.add("latin")
    return frozenset(found)


def _named(words: str, fonts: str) -> Text:
    return Text(f"“{words}” in {fonts}", f"“{words}”，字体为 {fonts}")


def reflows(boxes: Iterable[TextBox], swaps: Sequence[FontSwap] | None) -> tuple[OnSlide, ...] | None:
    """The boxes whose text is drawn with a font of other widths; None where replacements are not known."""
    if swaps is None:
        return None
    strangers = {swap.font for swap in swaps if swap.by is None}
    found = []
    for box in boxes:
        lost = sorted(box.fonts & strangers)
        if lost:
            words = " ".join(box.words.split())
            quoted = words if len(words) <= _QUOTED else words[: _QUOTED - 1] + "…"
            found.append(OnSlide(box.slide, "reflow", _named(quoted, ", ".join(lost))))
    return tuple(found)


def undrawable(boxes: Iterable[TextBox]) -> tuple[OnSlide, ...]:
    """The slides with characters that no font here can draw, with those."""
    words: dict[int, str] = {}
    for box in boxes:
        words[box.slide] = words.get(box.slide, "") + box.words
    found = {slide: undrawn(said) for slide, said in words.items()}
    return tuple(
        OnSlide(slide, "glyph", Text.same(" ".join(f"{letter} (U+{ord(letter):04X})" for letter in lost[:_LETTERS])))
        for slide, lost in found.items()
        if lost
    )
