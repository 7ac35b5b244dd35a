"""Limits: a set of acceptable values that knows its own nearest acceptable one.

For every limit and value `nearest(value)` is None or accepted, and an accepted value is its own nearest.
The fix of a rule falls out of its limit, so most checks need no code of their own for repairing.
"""

from __future__ import annotations

import re
from fractions import Fraction

from msgspec import Struct

from pipeline.model.facts import Size, Value
from pipeline.model.units import bare, show


def _number(value: Value) -> int | Fraction | None:
    return value if isinstance(value, int | Fraction) and not isinstance(value, bool) else None


_AND = {"en": " and ", "zh": " 且 "}
_OR = {"en": " or ", "zh": " 或 "}


def _said(en: str, zh: str, lang: str) -> str:
    return zh if lang == "zh" else f"{en} "


def _written(value: Value, type_: str, lang: str, units: bool) -> str:
    return show(value, type_, lang) if units else bare(value)


def _listed(values: tuple[Value, ...], type_: str, lang: str, units: bool) -> str:
    between = "、" if type_ == "word" and lang == "zh" else ", "
    return between.join(_written(v, type_, lang, units) for v in values)


class OneOf(Struct, frozen=True):
    """One of a closed list. The first entry is the nearest to everything outside it."""

    values: tuple[Value, ...]
    type: str = "text"

    def accepts(self, value: Value) -> bool:
        return value in self.values and not (isinstance(value, bool) ^ isinstance(self.values[0], bool))

    def nearest(self, value: Value) -> Value | None:
        if self.accepts(value):
            return value
        number = _number(value)
        numbers = [n for v in self.values if (n := _number(v)) is not None]
        if number is not None and numbers:
            return min(numbers, key=lambda n: (abs(n - number), n))
        return self.values[0]

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return _listed(self.values, self.type, lang, units)


class NoneOf(Struct, frozen=True):
    """Anything but these."""

    values: tuple[Value, ...]
    type: str = "text"

    def accepts(self, value: Value) -> bool:
        return value not in self.values

    def nearest(self, value: Value) -> Value | None:
        if self.accepts(value):
            return value
        if not isinstance(value, bool):
            return None
        return not value if self.accepts(not value) else None

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return _said("anything but", "除此之外均可：", lang) + _listed(self.values, self.type, lang, units)


class Without(Struct, frozen=True):
    """Text in which none of these words stands, in small letters or capitals."""

    words: tuple[str, ...]

    def accepts(self, value: Value) -> bool:
        return not any(word.casefold() in str(value).casefold() for word in self.words)

    def nearest(self, value: Value) -> Value | None:
        return value if self.accepts(value) else None

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return _said("without", "不含：", lang) + _listed(self.words, "text", lang, units)


class Between(Struct, frozen=True):
    """A number between two bounds, either of which may be missing or exclusive."""

    low: int | Fraction | None = None
    high: int | Fraction | None = None
    above: bool = False  # low itself is not acceptable
    below: bool = False  # high itself is not acceptable
    type: str = "number"

    def accepts(self, value: Value) -> bool:
        number = _number(value)
        if number is None:
            return False
        if self.low is not None and (number <= self.low if self.above else number < self.low):
            return False
        return not (self.high is not None and (number >= self.high if self.below else number > self.high))

    def nearest(self, value: Value) -> Value | None:
        number = _number(value)
        if number is None:
            return None
        if self.accepts(number):
            return number
        too_low = self.low is not None and (number < self.low or (self.above and number == self.low))
        bound, open_, sign = (self.low, self.above, 1) if too_low else (self.high, self.below, -1)
        if bound is None:
            return None
        # An exclusive bound has no nearest value among the fractions; a thousandth of the bound inside is
        # near enough for media and far enough from rounding.
        step = 1 if isinstance(number, int) and bound == int(bound) else abs(Fraction(bound)) / 1000
        candidate = bound + sign * step if open_ else bound
        if isinstance(number, int) and Fraction(candidate).denominator == 1:
            candidate = int(candidate)
        return candidate if self.accepts(candidate) else None

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        parts = []
        if self.low is not None:
            parts.append(f"{'>' if self.above else '>='} {_written(self.low, self.type, lang, units)}")
        if self.high is not None:
            parts.append(f"{'<' if self.below else '<='} {_written(self.high, self.type, lang, units)}")
        return _AND[lang].join(parts)


class FitsBox(Struct, frozen=True):
    """A picture that fits one of these boxes, lying or standing. Only ever scaled down, aspect kept."""

    boxes: tuple[Size, ...]

    def _turned(self) -> list[Size]:
        return [turn for box in self.boxes for turn in (box, Size(box.height, box.width))]

    def accepts(self, value: Value) -> bool:
        return isinstance(value, Size) and any(
            0 < value.width <= box.width and 0 < value.height <= box.height for box in self._turned()
        )

    def nearest(self, value: Value) -> Value | None:
        if not isinstance(value, Size) or min(value) < 1:
            return None
        if self.accepts(value):
            return value
        scale = max(min(Fraction(box.width, value.width), Fraction(box.height, value.height)) for box in self._turned())
        # Even numbers, rounded down: every 4:2:0 encoder takes them and the box still holds.
        fitted = Size(*(max(2, int(side * scale) // 2 * 2) for side in value))
        shrunk = fitted.width <= value.width and fitted.height <= value.height
        return fitted if shrunk and self.accepts(fitted) else None

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        boxes = _OR[lang].join(str(box) for box in self.boxes)
        return f"{boxes} 以内（横竖均可）" if lang == "zh" else f"within {boxes} (either way up)"


class AtLeastBox(Struct, frozen=True):
    """A picture with both sides at least these."""

    low: Size

    def accepts(self, value: Value) -> bool:
        return isinstance(value, Size) and value.width >= self.low.width and value.height >= self.low.height

    def nearest(self, value: Value) -> Value | None:
        if not isinstance(value, Size):
            return None
        return value if self.accepts(value) else Size(*(max(a, b) for a, b in zip(value, self.low, strict=True)))

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return _said("at least", "至少", lang) + str(self.low)


class OneSize(Struct, frozen=True):
    """Exactly one of these pixel sizes; the nearest is the largest that the picture can be shrunk to."""

    sizes: tuple[Size, ...]

    def accepts(self, value: Value) -> bool:
        return value in self.sizes and isinstance(value, Size)

    def nearest(self, value: Value) -> Value | None:
        if not isinstance(value, Size) or min(value) < 1:
            return None
        if self.accepts(value):
            return value
        ratio = Fraction(value.width, value.height)
        below = [s for s in self.sizes if s.width <= value.width and s.height <= value.height]

        def rank(size: Size) -> tuple[Fraction, int]:
            other = Fraction(size.width, size.height)
            return max(ratio / other, other / ratio), -size.width * size.height

        return min(below or self.sizes, key=rank)

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return ", ".join(str(size) for size in self.sizes)


class Aspect(Struct, frozen=True):
    """Width:height is one of these within a relative tolerance (the documents give none; ours is 1 %)."""

    ratios: tuple[Fraction, ...]
    tolerance: Fraction = Fraction(1, 100)

    def accepts(self, value: Value) -> bool:
        number = _number(value)
        return number is not None and any(abs(number / r - 1) <= self.tolerance for r in self.ratios)

    def nearest(self, value: Value) -> Value | None:
        number = _number(value)
        if number is None or number <= 0:
            return None
        if self.accepts(number):
            return number
        return min(self.ratios, key=lambda r: max(number / r, r / number))

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return ", ".join(show(r, "ratio") for r in self.ratios)


class Pattern(Struct, frozen=True):
    """Text that matches a regular expression from end to end."""

    expression: str

    def accepts(self, value: Value) -> bool:
        return isinstance(value, str) and re.fullmatch(self.expression, value) is not None

    def nearest(self, value: Value) -> Value | None:
        return value if self.accepts(value) else None

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return f"/{self.expression}/"


class Characters(Struct, frozen=True):
    """Text made of one class of characters, written as in a regular expression without the brackets.

    The nearest replaces what does not fit by "_" where that fits, else drops it.
    """

    allowed: str

    def _one(self, character: str) -> bool:
        return re.fullmatch(f"[{self.allowed}]", character) is not None

    def accepts(self, value: Value) -> bool:
        return isinstance(value, str) and value != "" and all(map(self._one, value))

    def nearest(self, value: Value) -> Value | None:
        if not isinstance(value, str):
            return None
        if self.accepts(value):
            return value
        instead = "_" if self._one("_") else ""
        kept = "".join(c if self._one(c) else instead for c in value)
        return kept or None

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        return _said("only", "仅限", lang) + f"[{self.allowed}]"
