"""What a preset says: checks, limits, rules, roles. Every value is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from pipeline.model.facts import Kind, MediaInfo, Text, Value


class Level(StrEnum):
    """What a failed rule means: rejected, advised against, worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Safety(IntEnum):
    """What a fix costs, ordered so that a caller can state the least it accepts."""

    MANUAL = 0
    LOSSY = 1
    LOSSLESS = 2


class Reading(NamedTuple):
    """One value a check read, and where: a stream index, or words such as "line 3, column 7" / "第 3 行第 7 列"."""

    value: Value | None
    stream: int | None = None
    where: Text | None = None


class Check(Struct, frozen=True, kw_only=True):
    """Code that reads one fact."""

    name: str
    title: Text
    type: str  # how presets write its values; a key of `pipeline.model.units.PARSERS`
    read: Callable[[MediaInfo], Iterable[Reading]]
    kinds: frozenset[Kind]  # the kinds of file it can read
    needs: frozenset[str] = frozenset()  # costly measurements: keys of `pipeline.model.facts.MEASURES`
    unit: str = ""
    together: bool = False  # what fails of many values is one finding, which names each of their places
    safety: Callable[[Value, Value], Safety] | None = None  # (actual, target); None: nothing can be done
    repairs: frozenset[Kind] = frozenset()  # the kinds of file for which a converter can do it
    help: Text | None = None  # what a person can do when it fails
    untold: Text | None = None  # why it may be unknown although all it needs was measured
    advise: Callable[[MediaInfo, Limit], Text | None] | None = None  # ... with the figures of this file
    says: Callable[[Value, Value], Text] | None = None  # (actual, target): the repair in words, where figures mislead
    # (file, reading, nearest, obeys): a value that costs less than the nearest; see `pipeline.checks.preferences`
    prefer: Callable[[MediaInfo, Reading, Value, Callable[[MediaInfo, frozenset[str]], bool]], Value] | None = None


class Limit(Protocol):
    """A set of acceptable values."""

    def accepts(self, value: Value) -> bool:
        """Whether `value` is acceptable."""

    def nearest(self, value: Value) -> Value | None:
        """The acceptable value nearest to `value`, or None when there is none; always accepted."""

    def describe(self, lang: str = "en", *, units: bool = True) -> str:
        """The limit in signs and figures: "<= 30 fps", or "<= 30" without units."""


class Source(Struct, frozen=True):
    """Where a limit is written."""

    document: str
    section: str
    date: str  # as printed, YYYY-MM-DD


class Condition(Struct, frozen=True, kw_only=True):
    """A rule holds only where every value this check reads is accepted."""

    check: str
    limit: Limit


class Rule(Struct, frozen=True, kw_only=True):
    """Data that puts a limit on a fact."""

    id: str
    check: str
    limit: Limit
    level: Level
    sources: tuple[Source, ...]
    code: str | None = None  # the platform's own error code; "~" in front: nearest by meaning
    note: Text | None = None
    when: Condition | None = None
    optional: bool = False  # a file without such a stream is not asked
    unknown_blocks: bool = True  # an unknown answer at level error keeps the asset from passing
    batch: bool = False  # the limit is on the sum over all assets of the run in this role


class Role(Struct, frozen=True, kw_only=True):
    """What an asset is used for in a scenario, and what a new file for it looks like."""

    name: str
    title: Text
    kinds: frozenset[Kind]
    rules: tuple[Rule, ...]
    deliver: tuple[tuple[str, Value], ...] = ()  # sorted pairs, see `pipeline.rules.presets.DELIVER`
    folder: str | None = None  # where the far end keeps such files
    asset_type: str | None = None  # the far end's word for it

    def wants(self, key: str) -> Value | None:
        """The `deliver` value under `key`, or None."""
        return dict(self.deliver).get(key)


class Note(Struct, frozen=True, kw_only=True):
    """Something the documents say about a scenario that no file can break."""

    id: str
    text: Text
    sources: tuple[Source, ...]


class Preset(Struct, frozen=True, kw_only=True):
    """One platform scenario."""

    id: str
    title: Text
    roles: tuple[Role, ...]
    notes: tuple[Note, ...]
    sha256: str  # of the preset's text and of what it extends

    def role(self, name: str) -> Role | None:
        """The role called `name`, or None."""
        return next((role for role in self.roles if role.name == name), None)

    def role_for(self, kind: Kind) -> Role | None:
        """The first role that takes this kind of file, or None."""
        return next((role for role in self.roles if kind in role.kinds), None)
