"""The order file: a small TOML file with what no media file can say (names, sex, language, which make type).

Every platform has its own tables of it, in its package (`order.py`); here is what all tables share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.rules import toml
from pipeline.storage import beneath

Order = dict[str, Fields]  # table -> field -> value, as it was written
_SHOWN: Final = 120  # characters of a value that an error shows


class Field(Struct, frozen=True):
    """One field: what it accepts, in code and in words; where that is written stands beside its row."""

    accepts: Callable[[Any], bool]
    wants: Text
    example: str  # a value of it, as TOML has it
    needed: bool = False
    values: tuple[str, ...] = ()  # one of these alone, as TOML has them; none: anything that is accepted
    opens: bool = False  # its texts name files of the machine that sends
    wrong: Callable[[Any], Text | None] = lambda _: None  # what exactly it does not accept, where that can be said


class Relation(Struct, frozen=True):
    """What must hold between the fields of a table, and what to say where it does not."""

    holds: Callable[[Mapping[str, Any]], bool]
    text: Text


class Table(Struct, frozen=True):
    """One table of an order."""

    name: str
    fields: Mapping[str, Field]
    relations: tuple[Relation, ...] = ()

    def check(self, where: str, values: Mapping[str, Any]) -> None:
        """Whether every field is known and accepted; `where` names the file. Raises UsageError."""
        for key, value in values.items():
            if key not in self.fields:
                hint = nearest_word(key, self.fields)
                raise UsageError(
                    f"{where}: [{self.name}] has no field {key}.{hint.en}",
                    f"{where}：[{self.name}] 没有字段 {key}。{hint.zh}",
                )
            if not self.fields[key].accepts(value):
                raise self._refused(where, key, value)
        for key, one in self.fields.items():
            if one.needed and key not in values:
                raise UsageError(
                    f"{where}: [{self.name}] wants {key}: {one.wants.en}, like {one.example}",
                    f"{where}：[{self.name}] 缺少 {key}：{one.wants.zh}，例如 {one.example}",
                )
        for relation in self.relations:
            if not relation.holds(values):
                raise UsageError(
                    f"{where}: [{self.name}]: {relation.text.en}", f"{where}：[{self.name}]：{relation.text.zh}"
                )

    def _refused(self, where: str, key: str, value: Any) -> UsageError:
        field = self.fields[key]
        exactly, shown = field.wrong(value), repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        en, zh = (f": {exactly.en}", f"：{exactly.zh}") if exactly else ("", "")
        return UsageError(
            f"{where}: [{self.name}] {key} = {shown}{en}: wants {field.wants.en}, like {field.example}",
            f"{where}：[{self.name}] {key} = {shown}{zh}：应为{field.wants.zh}，例如 {field.example}",
        )


# --- fields that tables are made of ---------------------------------------------------------------------


def text(least: int, most: int, example: str = "text") -> Field:
    """A text of so many characters."""
    wants = Text(f"{least} to {most} characters", f" {least}–{most} 个字符")
    return Field(lambda v: isinstance(v, str) and least <= len(v) <= most, wants, f'"{example}"')


def one_of(*words: str | int, needed: bool = False) -> Field:
    """One of these values, of their very type: true is no 1."""
    shown = [f'"{word}"' if isinstance(word, str) else str(word).lower() for word in words]
    wants = Text(" or ".join(shown), f" {' 或 '.join(shown)}")
    kinds = {type(word) for word in words}
    return Field(lambda v: v in words and type(v) in kinds, wants, shown[0], needed, tuple(shown))


def number(least: float, most: float) -> Field:
    """A number within two bounds, both allowed."""

    def accepts(v: Any) -> bool:
        return isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most

    return Field(accepts, Text(f"a number of {least:g} to {most:g}", f" {least:g}–{most:g} 的数"), f"{most:g}")


def whole(least: int, most: int) -> Field:
    """A whole number within two bounds, both allowed."""

    def accepts(v: Any) -> bool:
        return isinstance(v, int) and not isinstance(v, bool) and least <= v <= most

    return Field(accepts, Text(f"a whole number of {least} to {most}", f" {least}–{most} 的整数"), f"{least}")


def url() -> Field:
    """An address that the far end can fetch from."""

    def accepts(v: Any) -> bool:
        return isinstance(v, str) and v.startswith("https://") and len(v) <= 2000

    return Field(accepts, Text("a URL of https", " https 的 URL"), '"https://example.com/file.mp4"')


_PLAIN: Final = re.compile(r"[0-9A-Za-z_\-\u3400-\u4dbf\u4e00-\u9fff]+")


def plain(least: int, most: int) -> Field:
    """A name without spaces and signs, always needed."""

    def accepts(v: Any) -> bool:
        return isinstance(v, str) and least <= len(v) <= most and _PLAIN.fullmatch(v) is not None

    wants = Text(
        f"{least} to {most} Chinese characters, letters, digits, underscores, hyphens",
        f" {least}–{most} 个汉字、字母、数字、下划线或连字符",
    )
    return Field(accepts, wants, '"name_01"', needed=True)


def words(*known: str) -> Field:
    """A list of texts; of these alone where any are named."""

    def accepts(v: Any) -> bool:
        return isinstance(v, list) and all(isinstance(w, str) and (not known or w in known) for w in v)

    of, shown = (f" of {', '.join(known)}", f"，可取 {'、'.join(known)}") if known else ("", "")
    listed = ", ".join(f'"{word}"' for word in known or ("one", "two"))
    return Field(accepts, Text(f"a list of texts{of}", f"文本列表{shown}"), f"[{listed}]")


def pairs(example: str) -> Field:
    """A table of texts; `example` is one, as TOML has it."""

    def accepts(v: Any) -> bool:
        return isinstance(v, dict) and all(isinstance(w, str) for w in v.values())

    return Field(accepts, Text("a table of texts", "文本表"), example)


YES: Final = one_of(True, False)


# --- the file -------------------------------------------------------------------------------------------


def read(file: Path | None, tables: Iterable[Table]) -> Order:
    """The order; every table that is not written is empty. Raises UsageError naming table, key and what it accepts."""
    return {} if file is None else parsed(beneath.whole(file, toml.MOST), str(file), tables)


def parsed(raw: bytes, where: str, tables: Iterable[Table]) -> Order:
    """The same of what a file held; `where` names it."""
    known = {table.name: table for table in tables}
    try:
        data = toml.parsed(raw)
    except toml.NoToml as error:
        raise UsageError(f"{where}: {error.text.en}", f"{where}：{error.text.zh}") from None
    for name, values in data.items():
        if name not in known or not isinstance(values, dict):
            hint = nearest_word(name, known)
            raise UsageError(
                f"{where}: no table [{name}] in an order.{hint.en}", f"{where}：没有表 [{name}]。{hint.zh}"
            )
        known[name].check(where, values)
    return data


def located(order: Order, tables: Iterable[Table], find: Callable[[str], str]) -> Order:
    """The order with the path that `find` has for every file that it names, and may refuse."""
    opening = {(table.name, name) for table in tables for name, field in table.fields.items() if field.opens}

    def found(value: Any) -> Any:
        return {key: found(one) for key, one in value.items()} if isinstance(value, dict) else find(str(value))

    return {
        name: {key: found(value) if (name, key) in opening else value for key, value in values.items()}
        for name, values in order.items()
    }


def fits(order: Order, where: str, tables: frozenset[str]) -> None:
    """Whether what is delivered takes every table of the order. Raises UsageError: nothing is ignored in silence."""
    for table in order:
        if table not in tables:
            takes = ", ".join(f"[{one}]" for one in sorted(tables)) or "no order"
            raise UsageError(
                f"order: [{table}] has no effect on {where}, which takes {takes}",
                f"订单：[{table}] 不适用于 {where}；可用：{takes}",
            )
