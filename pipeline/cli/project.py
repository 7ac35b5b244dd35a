"""`preflight.toml`: which files below its folder are for which scenario, and what may be done with them.

It is found upwards from the sources, where no preset was named. Like every file it may come from anybody: it is small,
read in bounded time, and what it names lies in its own folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.model.repairs import Repairs
from pipeline.rules import toml
from pipeline.storage import beneath, paths, urls
from pipeline.storage.inputs import PROJECT, matches

S = TypeVar("S", bound="Settings")
_PATTERNS: Final = 1000  # of one file, and of one entry
_KINDS: Final = {
    "str": Text("text in quotes", "带引号的文本"),
    "bool": Text("true or false", "true 或 false"),
    "array": Text("a list, [...]", "列表 [...]"),
    "object": Text("a table", "表"),
}
_FALSE: Final = re.compile(r"Expected `(\w+)(?: \| null)?`(?:, got `\w+`)?(?: - at `\$\.?([\w.\[\]]*)`)?")

_NUMBER: Final = re.compile(r"\[(\d+)\]")


class Settings(Repairs, frozen=True, kw_only=True):
    """What may be said of all files, or of those that patterns match; None is not said."""

    preset: str | None = None
    role: str | None = None
    deep: bool | None = None
    company: str | None = None  # to whom letters grant


class Defaults(Settings, frozen=True, kw_only=True):
    """Of all files that no entry says otherwise of."""

    out: str | None = None  # the output folder of `prepare`, below the folder of the file
    ignore: tuple[str, ...] = ()  # patterns of files that are no material


class PathMatch(Settings, frozen=True, kw_only=True):
    """Of the files that one of these patterns matches. The first entry that does counts."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """A file that was read."""

    path: Path
    defaults: Defaults
    matches: tuple[PathMatch, ...]

    @property
    def out(self) -> str | None:
        """The output folder that it names."""
        return None if self.defaults.out is None else str(self.path.parent / self.defaults.out)

    def ignores(self, relative: str) -> bool:
        """Whether this file, named from its folder, is no material."""
        return matches(relative, self.defaults.ignore)

    def settings(self, relative: str) -> tuple[Settings, str]:
        """What holds for this file, named from its folder, and why: the entry that says so. Raises UsageError."""
        number, one = next(((n, m) for n, m in enumerate(self.matches, 1) if matches(relative, m.files)), (0, None))
        own = {name: getattr(one, name, None) for name in Settings.__struct_fields__}
        held = {name: getattr(self.defaults, name) if value is None else value for name, value in own.items()}
        if one is not None and one.preset is not None:  # a role is one of its scenario
            held["role"] = one.role
        if held["preset"] is None:
            raise UsageError(
                f"{self.path}: no entry takes {relative}, and there is no preset in [defaults]; add a [[match]] for it "
                'or name it in `ignore = ["..."]` of [defaults]',
                f"{self.path}：没有条目匹配 {relative}，[defaults] 中也没有 preset；请为其添加 [[match]]，"
                '或在 [defaults] 的 `ignore = ["..."]` 中列出',
            )
        if held["preset"].endswith(".toml"):
            held["preset"] = str(self.path.parent / held["preset"])
        why = f"[[match]] {number}: {', '.join(one.files[:3])}{', …' if one.files[3:] else ''}" if one else "[defaults]"
        return Settings(**held), f"{why}: {said(Settings(**(held | {'preset': None})))}".removesuffix(": ")


def said(one: Settings) -> str:
    """What is said of these files, as the file has it."""
    told = msgspec.structs.asdict(one)
    first = {name: told.pop(name) for name in ("preset", "role", "deep", "company")}
    held = {name: value for name, value in (first | told).items() if value not in (None, ())}
    return ", ".join(f"{name} = {msgspec.json.encode(value).decode()}" for name, value in held.items())


def near(path: str) -> Project | None:
    """The nearest one above this file or folder, or None. Raises UsageError for one that is wrong."""
    if urls.is_url(path):
        return None
    place = os.path.abspath(path)  # noqa: PTH100  Path.absolute keeps ".."
    return above(place if os.path.isdir(place) else os.path.dirname(place))  # noqa: PTH112, PTH120  as above


@cache
def above(folder: str) -> Project | None:
    """The nearest one in this folder or above."""
    path = Path(folder, PROJECT)
    if os.path.lexists(path):
        return read(path)
    parent = os.path.dirname(folder)  # noqa: PTH120  ten thousand files
    return None if parent == folder else above(parent)


def read(path: Path) -> Project:
    """The file. Raises UsageError naming it, the table and the key."""
    try:
        tables = toml.parsed(beneath.whole(path, toml.MOST))
    except toml.NoToml as error:
        raise UsageError(f"{path}: {error.text.en}", f"{path}：{error.text.zh}") from None
    _known(path, Text.same("top level"), tables, ("defaults", "match"))
    listed = tables.get("match", [])
    if not isinstance(listed, list) or len(listed) > _PATTERNS or not isinstance(tables.get("defaults", {}), dict):
        raise _wrong(path, Text.same("match"), Text("is written as [[match]]", "应写作 [[match]]"))
    defaults = _typed(path, Text.same("[defaults]"), tables.get("defaults", {}), Defaults)
    entries = tuple(
        _typed(path, Text.same(f"[[match]] {number}"), table, PathMatch) for number, table in enumerate(listed, 1)
    )
    for key, value in (("out", defaults.out), *((("preset"), one.preset) for one in (defaults, *entries))):
        odd = paths.odd(value) if value is not None else None
        if odd is not None:
            raise _wrong(path, Text.same(key), Text(f"{value!r}: {odd.en}", f"{value!r}：{odd.zh}"))
        inside = path.parent / value if value and (key == "out" or value.endswith(".toml")) else path.parent
        if not Path(os.path.realpath(inside)).is_relative_to(os.path.realpath(path.parent)):
            raise _wrong(
                path, Text.same(key), Text(f"{value!r} leads out of its folder", f"{value!r} 指向所在文件夹之外")
            )
    return Project(path, defaults, entries)


def _typed(path: Path, place: Text, table: object, type_: type[S]) -> S:
    if not isinstance(table, dict):
        raise _wrong(path, place, Text("is no table", "不是表"))
    _known(path, place, table, type_.__struct_fields__)
    try:
        one = msgspec.convert(table, type_)
    except msgspec.ValidationError as error:
        raise _wrong(path, place, _said(str(error))) from None
    if isinstance(one, PathMatch) and not one.files:
        raise _wrong(path, place, Text("files: names no pattern", "files：没有任何模式"))
    for pattern in (*getattr(one, "files", ()), *getattr(one, "ignore", ())):
        if not pattern or len(pattern) > _PATTERNS or ".." in pattern.split("/") or pattern.startswith("/"):
            said = f"{pattern[:80]!r}"
            raise _wrong(
                path,
                place,
                Text(
                    f"pattern {said}: patterns name files below this folder, as in 'portraits/**' or '*.mp4'",
                    f"模式 {said}：模式应指向本文件夹之下的文件，例如 'portraits/**' 或 '*.mp4'",
                ),
            )
    return one


def _known(path: Path, place: Text, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            hint = nearest_word(key, known)
            raise _wrong(
                path,
                place,
                Text(
                    f"unknown key {key!r}.{hint.en} Known: {', '.join(known)}",
                    f"未知的键 {key!r}。{hint.zh}可用：{', '.join(known)}",
                ),
            )


def _said(error: str) -> Text:
    """What the reader of types says, in words."""
    if error.startswith("Object missing required field"):
        return Text("files: is missing", "files：缺失")
    found = _FALSE.match(error)
    key = (
        _NUMBER.sub(lambda at: f" {int(at[1]) + 1}", found[2] or "") if found else error.rpartition("$.")[2].strip("`")
    )
    wanted = _KINDS.get(found[1]) if found else Text('"lossless" or "lossy"', '"lossless" 或 "lossy"')
    wanted = wanted or Text("another kind of value", "其他类型的值")
    return Text(f"{key}: needs {wanted.en}", f"{key}：需要{wanted.zh}")


def _wrong(path: Path, place: Text, said: Text) -> UsageError:
    return UsageError(f"{path}: {place.en}: {said.en}", f"{path}：{place.zh}：{said.zh}")
