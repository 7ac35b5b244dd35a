"""How a preset writes limits: the key present chooses the limit. And how a fault in a preset is told.

Part of `pipeline.rules.presets`, which knows the rest of the format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from pipeline.errors import PresetError, nearest_word
from pipeline.model.facts import Size, Text, Value
from pipeline.model.limits import (
    Aspect,
    AtLeastBox,
    Between,
    Characters,
    FitsBox,
    NoneOf,
    OneOf,
    OneSize,
    Pattern,
    Without,
)
from pipeline.model.rules import Check, Limit
from pipeline.model.units import NotAValue, byte_readings, parse

BOUNDS: Final = {"min", "max", "above", "below"}


class Place:
    """Where in a file the reader is; every complaint names it. Its methods return a value or raise PresetError."""

    def __init__(self, file: str, table: str) -> None:
        self.file, self.table = file, table

    def wrong(self, en: str, zh: str) -> PresetError:
        return PresetError(f"{self.file}: {self.table}: {en}", f"{self.file}：{self.table}：{zh}")

    def unknown(self, what: Text, word: str, known: Iterable[str]) -> PresetError:
        hint = nearest_word(word, known)
        return self.wrong(f"unknown {what.en} {word!r}.{hint.en}", f"未知的{what.zh} {word!r}。{hint.zh}")

    def keys(self, table: Mapping[str, Any], known: Iterable[str]) -> None:
        allowed = set(known)
        for key in table:
            if key not in allowed:
                raise self.unknown(Text("key", "键"), key, allowed)

    def need(self, table: Mapping[str, Any], key: str) -> Any:
        if key not in table:
            raise self.wrong(f"key {key!r} is missing", f"缺少键 {key!r}")
        return table[key]

    def text(self, raw: object, key: str) -> Text:
        if isinstance(raw, dict) and set(raw) == {"en", "zh"} and all(isinstance(v, str) for v in raw.values()):
            return Text(raw["en"], raw["zh"])
        raise self.wrong(f"{key} needs text under en and zh", f"{key} 需要 en 与 zh 两种文本")

    def value(self, kind: str, raw: object, key: str) -> Value:
        try:
            return parse(kind, raw)
        except NotAValue as error:
            raise self.wrong(f"{key}: {error}", f"{key}：{error.text.zh}") from None

    def array(self, raw: object, key: str) -> list[Any]:
        if not isinstance(raw, list) or not raw:
            raise self.wrong(f"{key} needs a list with something in it", f"{key} 需要非空列表")
        return raw

    def word(self, raw: object, key: str, known: Iterable[str]) -> str:
        allowed = list(known)
        if not isinstance(raw, str) or raw not in allowed:
            raise self.unknown(Text(key, key), str(raw), allowed)
        return raw


def _bound(place: Place, table: Mapping[str, Any], type_: str, reading: int) -> Limit:
    """A number between bounds; `reading` picks the decimal (0) or binary (1) meaning of a size."""
    if {"min", "above"} <= table.keys() or {"max", "below"} <= table.keys():
        raise place.wrong("min with above, or max with below, contradict", "min 与 above（或 max 与 below）矛盾")

    def number(key: str) -> Any:
        if key not in table:
            return None
        if type_ == "bytes":
            try:
                return byte_readings(table[key])[reading]
            except NotAValue as error:
                raise place.wrong(f"{key}: {error}", f"{key}：{error.text.zh}") from None
        return place.value(type_, table[key], key)

    low, high = number("above" if "above" in table else "min"), number("below" if "below" in table else "max")
    if low is not None and high is not None and low > high:
        raise place.wrong("the lower bound is above the upper one", "下限大于上限")
    return Between(low, high, above="above" in table, below="below" in table, type=type_)


def _values(place: Place, table: Mapping[str, Any], key: str, type_: str) -> tuple[Value, ...]:
    return tuple(place.value(type_, raw, key) for raw in place.array(table[key], key))


def _sizes(place: Place, table: Mapping[str, Any], key: str) -> tuple[Size, ...]:
    raw = table[key] if isinstance(table[key], list) else [table[key]]
    return tuple(v for r in raw if isinstance(v := place.value("size", r, key), Size))


def _characters(place: Place, table: Mapping[str, Any]) -> Limit:
    raw = place.value("text", table["characters"], "characters")
    try:
        re.compile(f"[{raw}]")
    except re.error as error:
        raise place.wrong(f"characters: {error}", f"characters：{error}") from None
    return Characters(str(raw))


def _pattern(place: Place, table: Mapping[str, Any]) -> Limit:
    raw = str(place.value("text", table["matches"], "matches"))
    try:
        re.compile(raw)
    except re.error as error:
        raise place.wrong(f"matches: {error}", f"matches：{error}") from None
    return Pattern(raw)


# The key present chooses the limit.
_LIMITS: Final[dict[str, Callable[[Place, Mapping[str, Any], str], Limit]]] = {
    "in": lambda p, t, kind: OneOf(_values(p, t, "in", kind), kind),
    "not_in": lambda p, t, kind: NoneOf(_values(p, t, "not_in", kind), kind),
    "without": lambda p, t, _: Without(tuple(map(str, _values(p, t, "without", "text")))),
    "is": lambda p, t, kind: OneOf((p.value(kind, t["is"], "is"),), kind),
    "fits": lambda p, t, _: FitsBox(_sizes(p, t, "fits")),
    "at_least": lambda p, t, _: AtLeastBox(_sizes(p, t, "at_least")[0]),
    "sizes": lambda p, t, _: OneSize(_sizes(p, t, "sizes")),
    "aspect": lambda p, t, _: Aspect(tuple(v for v in _values(p, t, "aspect", "ratio") if isinstance(v, Fraction))),
    "matches": lambda p, t, _: _pattern(p, t),
    "characters": lambda p, t, _: _characters(p, t),
}
LIMIT_KEYS: Final = {*_LIMITS, *BOUNDS}


def limit(place: Place, table: Mapping[str, Any], check: Check, reading: int = 1) -> Limit:
    """The limit a table writes for a check; `reading` 0 is the decimal meaning of a size, 1 the binary one."""
    present = [key for key in _LIMITS if key in table] + (["min"] if BOUNDS & table.keys() else [])
    if len(present) != 1:
        known = ", ".join(sorted(LIMIT_KEYS))
        raise place.wrong(f"exactly one limit is needed, of {known}", f"需要且只需要一个限制：{known}")
    if present[0] == "min":
        return _bound(place, table, check.type, reading)
    return _LIMITS[present[0]](place, table, check.type)
