"""A platform's protocol as data: what its documents say of every call, and whether a body keeps to it.

The tables are TOML files beside each platform, table by table as the documents have them. Three parties read the same
ones: the client checks what it sends and reads answers through them (`Reply`), the emulator checks what it gets and
shapes what it answers, and tests walk the documents' own samples through both.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.retry import Retryable
from pipeline.upload.transfer import Unknown

Side = Literal["query", "body", "answer"]
_WHOLE: Final = re.compile("-?[0-9]{1,18}")
_NOTHING: Final[Mapping[str, ApiField]] = {}


class ApiField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a table of the documents."""

    type: str  # of the documents; [T] is an array of it, {T} a map from texts to it
    needed: bool = False
    values: tuple[str, ...] = ()  # the only words; empty where none are listed
    length: tuple[int, int] | None = None  # characters, of each text where there are several
    range: tuple[float, float] | None = None  # both allowed
    count: int | None = None  # most entries of an array

    @property
    def inner(self) -> str:
        """The type of a value, or of each entry."""
        return self.type.strip("[]{}")


class ApiType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table that other tables name as a type."""

    table: str
    fields: dict[str, ApiField]


class ApiCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call."""

    section: str
    path: str
    method: str = "POST"
    rate: tuple[float, ...] = ()  # calls a second, by region
    project_header: bool = False
    status: int = 200
    tables: dict[str, str] = {}  # side -> number of its table
    query: dict[str, ApiField] = {}
    body: dict[str, ApiField] = {}
    answer: dict[str, ApiField] = {}

    def side(self, side: Side) -> tuple[Mapping[str, ApiField], str]:
        """The rows of one side, and where they are written."""
        fields = {"query": self.query, "body": self.body, "answer": self.answer}[side]
        table = self.tables.get(side)
        return fields, f"Table {table}" if table else self.section


class Wrong(Struct, frozen=True):
    """One place where a body does not keep to its table."""

    place: str  # like shoot_scripts[0].sequence_no
    table: str
    found: str
    wanted: Text

    @property
    def text(self) -> Text:
        """In words."""
        return Text(
            f"{self.place} is {self.found}; {self.table} wants {self.wanted.en}",
            f"{self.place} 为 {self.found}；{self.table} 要求 {self.wanted.zh}",
        )


class Unexpected(UploadError):
    """An answer is not what the documents say; what it was to tell counts as not told."""


class ApiTables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that one platform's documents say."""

    calls: dict[str, ApiCall] = {}
    types: dict[str, ApiType] = {}
    hosts: dict[str, str] = {}

    def wrong(self, call: str, side: Side, value: object) -> list[Wrong]:
        """Every place where a query, a body or an answer does not keep to its table; empty when it does."""
        fields, table = self.calls[call].side(side)
        return list(self._object(fields, value, "", table))

    def fits(self, kind: str, value: object) -> list[Wrong]:
        """Every place where a value does not keep to the table of this type; empty when it does."""
        fields, table = self.rows(kind)
        return list(self._object(fields, value, "", table))

    def rows(self, kind: str) -> tuple[Mapping[str, ApiField], str]:
        """The rows of a type, and where they are written; none of a type that is not spelled out."""
        found = self.types.get(kind)
        return (found.fields, f"Table {found.table}") if found else (_NOTHING, kind)

    def _object(self, fields: Mapping[str, ApiField], value: object, place: str, table: str) -> Iterator[Wrong]:
        if not isinstance(value, dict):
            yield Wrong(place or "-", table, _shown(value), Text("an object", "对象"))
            return
        dot = f"{place}." if place else ""
        for name, field in fields.items():
            if name in value:
                yield from self._value(field, value[name], f"{dot}{name}", table)
            elif field.needed:
                yield Wrong(f"{dot}{name}", table, "missing", Text("it", "必填"))
        for name in value:
            if name not in fields:
                yield Wrong(f"{dot}{name}", table, _shown(value[name]), Text("no such field", "没有此字段"))

    def _value(self, field: ApiField, value: object, place: str, table: str) -> Iterator[Wrong]:
        if field.type.startswith("["):
            if not isinstance(value, list):
                yield Wrong(place, table, _shown(value), Text("an array", "数组"))
                return
            if field.count is not None and len(value) > field.count:
                yield Wrong(place, table, f"{len(value)}", Text(f"at most {field.count}", f"最多 {field.count} 个"))
            for number, one in enumerate(value):
                yield from self._one(field, one, f"{place}[{number}]", table)
        elif field.type.startswith("{"):
            if not isinstance(value, dict):
                yield Wrong(place, table, _shown(value), Text("an object", "对象"))
                return
            for key, one in value.items():
                yield from self._one(field, one, f"{place}.{key}", table)
        else:
            yield from self._one(field, value, place, table)

    def _one(self, field: ApiField, value: object, place: str, table: str) -> Iterator[Wrong]:
        kind = field.inner
        accepted = _KINDS.get(kind)
        if accepted is None:
            fields, its = self.rows(kind)
            if fields:
                yield from self._object(fields, value, place, its)
            return
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            yield Wrong(place, table, _shown(value), Text(kind, kind))
            return
        wanted = _limits(field, value)
        if wanted:
            yield Wrong(place, table, _shown(value), wanted)


# type of the documents -> what JSON makes of it
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "String": (str,),
    "Integer": (int,),
    "Long": (int,),
    "Float": (int, float),
    "Double": (int, float),
    "Boolean": (bool,),
}


def _limits(field: ApiField, value: Any) -> Text | None:
    """What the row wants where a value of the right type is outside of it."""
    if field.values and value not in field.values:
        words = ", ".join(field.values)
        return Text(f"one of {words}", f"取值 {words}")
    if field.length and isinstance(value, str) and not field.length[0] <= len(value) <= field.length[1]:
        least, most = field.length
        return Text(f"{least} to {most} characters", f"{least}–{most} 个字符")
    if field.range and not isinstance(value, str) and not field.range[0] <= value <= field.range[1]:
        low, high = (f"{one:.0f}" if one == int(one) else f"{one}" for one in field.range)
        return Text(f"{low} to {high}", f"{low}–{high}")
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class Reply:
    """An answer, read as the documents type it.

    What is not in the tables cannot be asked for (KeyError: a mistake of ours). A number that comes as a text, or a
    text that comes as a number, is read as what the table says it is; anything else of another type, a missing
    field that is needed and a word that is in no table raise Unexpected.
    """

    def __init__(self, tables: ApiTables, fields: Mapping[str, ApiField], data: object, where: str) -> None:
        self._tables, self._fields, self._where = tables, fields, where
        self.raw: Fields = data if isinstance(data, dict) else {}

    def __bool__(self) -> bool:
        return bool(self.raw)

    def _told(self, name: str) -> Any:
        self._fields[name]  # not in the documents: nobody may rely on it
        return self.raw.get(name)

    def _not(self, name: str, value: object, wanted: Text) -> Unexpected:
        said = Wrong(name, self._where, "missing" if value is None else _shown(value), wanted).text
        return Unexpected(
            f"the platform's answer is not what its documents say: {said.en}. Nothing counts as delivered by it; "
            f"run the same command again, and report it if it stays.",
            f"平台应答与文档不符：{said.zh}。不视为已送达；请重新运行，若仍如此请反馈。",
        )

    def _read(self, name: str, value: object) -> Any:
        """A value as its row types it; None stays None."""
        kind = self._fields[name].inner
        if value is None:
            return None
        if kind == "String":
            if isinstance(value, str):
                return value
            if isinstance(value, int | float) and not isinstance(value, bool):
                return str(value)
        elif kind in ("Integer", "Long"):
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, str) and _WHOLE.fullmatch(value):
                return int(value)
        elif kind == "Boolean":
            if isinstance(value, bool):
                return value
            if value in ("true", "false"):
                return value == "true"
        elif kind in ("Float", "Double"):
            found = _number(value)
            if found is not None:
                return found
        elif isinstance(value, dict):
            return value
        raise self._not(name, value, Text(kind, kind))

    def text(self, name: str) -> str:
        """A text; empty where there is none."""
        return str(self._read(name, self._told(name)) or "")

    def must(self, name: str) -> str:
        """A text without which the answer is none. Raises Unexpected."""
        found = self.text(name)
        if not found:
            raise self._not(name, self._told(name), Text("it", "该值"))
        return found

    def given(self, names: tuple[str, ...], what: str, *, again: bool) -> Reply:
        """This answer, if it holds the fields that it is for. One without is none: asked for again, or not known.

        `what` is the call, for who reads the message. Raises Retryable where `again` may be asked, else Unknown.
        """
        try:
            for name in names:
                (self.word if self._fields[name].values else self.must)(name)
        except Unexpected as error:
            unsure = Unknown(f"{what}: {error.text.en}", f"{what}：{error.text.zh}")
            raise (Retryable(unsure) if again else unsure) from None
        return self

    def word(self, name: str) -> str:
        """One of the words of the documents. Raises Unexpected for none and for any other."""
        found, words = self.text(name), self._fields[name].values
        if found not in words:
            raise self._not(name, self._told(name), Text(f"one of {', '.join(words)}", f"取值 {', '.join(words)}"))
        return found

    def number(self, name: str) -> float | None:
        """A number, or None."""
        found: float | None = self._read(name, self._told(name))
        return found

    def flag(self, name: str) -> bool | None:
        """Yes, no, or None where nothing is said."""
        found: bool | None = self._read(name, self._told(name))
        return found

    def one(self, name: str) -> Reply:
        """An object inside; an empty one where there is none."""
        return self._inside(name, self._read(name, self._told(name)) or {})

    def each(self, name: str) -> list[Any]:
        """The plain values of an array; one that comes alone is an array of one."""
        value = self._told(name)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        return [self._read(name, one) for one in listed if one is not None]

    def many(self, name: str) -> list[Reply]:
        """The objects of an array. Raises Unexpected where there is something else."""
        value = self._told(name)
        if value is not None and not isinstance(value, list):
            raise self._not(name, value, Text("an array", "数组"))
        return [self._inside(name, self._read(name, one)) for one in value or ()]

    def _inside(self, name: str, value: object) -> Reply:
        kind = self._fields[name].inner
        fields, where = self._tables.rows(kind)
        return Reply(self._tables, fields, value, where)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):  # a text that is no number: who called says so
        return None
    return found if math.isfinite(found) else None


@cache
def load(folder: Path) -> ApiTables:
    """The tables of a platform: every TOML file of a folder."""
    merged: dict[str, Fields] = {"calls": {}, "types": {}, "hosts": {}}
    for file in sorted(folder.glob("*.toml")):
        for part, rows in tomllib.loads(file.read_text(encoding="utf-8")).items():
            merged[part] |= rows
    return msgspec.convert(merged, ApiTables)
