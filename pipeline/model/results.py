"""All nouns: the facts of `pipeline.model.facts`, and what is said about them. Every value is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import NamedTuple, Protocol

from pipeline.model.facts import (
    ArchiveInfo,
    AudioStream,
    Embedded,
    Entry,
    Face,
    FontSwap,
    ImageInfo,
    Kind,
    Mark,
    MediaInfo,
    OnSlide,
    Size,
    SlidesInfo,
    Speech,
    Text,
    TextInfo,
    Value,
    VideoStream,
)

__all__ = [
    "ArchiveInfo",
    "AudioStream",
    "Category",
    "Check",
    "Condition",
    "Embedded",
    "Entry",
    "Face",
    "Finding",
    "Fix",
    "FontSwap",
    "ImageInfo",
    "Kind",
    "Level",
    "Limit",
    "Made",
    "Mark",
    "MediaInfo",
    "Note",
    "OnSlide",
    "Outcome",
    "Output",
    "Part",
    "Plan",
    "Preset",
    "Problem",
    "Proof",
    "Reading",
    "Report",
    "Role",
    "Rule",
    "Safety",
    "Size",
    "SlidesInfo",
    "Source",
    "Speech",
    "Status",
    "Step",
    "Text",
    "TextInfo",
    "Value",
    "Verdict",
    "VideoStream",
]


class Level(StrEnum):
    """What a failed rule means: rejected, advised against, worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Verdict(StrEnum):
    """The three answers of a rule."""

    PASS = "pass"  # noqa: S105  not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


class Safety(IntEnum):
    """What a fix costs, ordered so that a caller can state the least it accepts."""

    MANUAL = 0
    LOSSY = 1
    LOSSLESS = 2


class Status(StrEnum):
    """Where an asset stands. The first four are answers of `check`, the last four of `prepare`."""

    PASS = "pass"  # noqa: S105  not a password
    FIXABLE = "fixable"
    BLOCKED = "blocked"
    ERROR = "error"
    READY = "ready"
    FIXED = "fixed"
    FAILED = "failed"


class Category(StrEnum):
    """What an output is to the asset it belongs to (the platforms' own words)."""

    MAIN = "MAIN"
    COVER = "COVER"
    PAGE = "PAGE"
    OTHER = "OTHER"


# --- rules ------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """One value a check read, and where: a stream index, or words such as "line 3, column 7"."""

    value: Value | None
    stream: int | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Code that reads one fact."""

    name: str
    title: Text
    type: str  # how presets write its values; a key of `pipeline.model.units.PARSERS`
    read: Callable[[MediaInfo], Iterable[Reading]]
    kinds: frozenset[Kind]  # the kinds of file it can read
    needs: frozenset[str] = frozenset()  # costly measurements: decode, faces, speech
    unit: str = ""
    safety: Callable[[Value, Value], Safety] | None = None  # (actual, wanted); None: nothing can be done
    repairs: frozenset[Kind] = frozenset()  # the kinds of file for which a converter can do it
    help: Text | None = None  # what a person can do when it fails
    untold: Text | None = None  # why it may be unknown although all it needs was measured
    advise: Callable[[MediaInfo, Limit], Text | None] | None = None  # ... with the figures of this file
    says: Callable[[Value, Value], Text] | None = None  # (actual, wanted): the repair in words, where figures mislead
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


class Source(NamedTuple):
    """Where a limit is written."""

    document: str
    section: str
    date: str  # as printed, YYYY-MM-DD


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A rule holds only where every value this check reads is accepted."""

    check: str
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something the documents say about a scenario that no file can break."""

    id: str
    text: Text
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
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


# --- judgements -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """An edit to the desired file, not a command."""

    check: str
    stream: int | None
    actual: Value
    value: Value
    safety: Safety


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says about one value."""

    rule: Rule
    verdict: Verdict
    actual: Value | None
    stream: int | None = None
    where: str | None = None
    fix: Fix | None = None
    reason: Text | None = None  # why the answer is unknown
    advice: Text | None = None  # what a person can do, with the figures of this file

    @property
    def blocks(self) -> bool:
        """Whether it keeps the asset from passing as it is."""
        if self.rule.level is not Level.ERROR:
            return False
        return self.verdict is Verdict.FAIL or (self.verdict is Verdict.UNKNOWN and self.rule.unknown_blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an asset has no answer."""

    type: str  # the name of the error class
    message: Text
    trace: str | None = None  # for `-v`, and only when nobody expected the error


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The facts of one asset against the rules of its role."""

    source: str  # as given on the command line
    kind: Kind
    role: str | None
    status: Status
    facts: MediaInfo | None
    findings: tuple[Finding, ...] = ()
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the files that an asset too long for its limit is split into."""

    number: int  # from 1, in order
    of: int
    start: Fraction | None = None  # seconds from the start of a recording; None: of a deck
    length: Fraction | None = None  # seconds; None: to the end
    frames: int | None = None  # pictures of the source that are shown in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done to make an asset comply; empty when nothing need be."""

    fixes: tuple[Fix, ...] = ()
    advised: tuple[Fix, ...] = ()  # taken along only because the stream is made anew anyway
    blocked: tuple[Finding, ...] = ()  # nothing here can be done by this tool
    split: bool = False  # a recording that is too long goes on in parts; else it is cut off at the limit
    parts: tuple[Part, ...] = ()  # ... which are known once its frames are; see `pipeline.convert.av.split`
    recut: bool = False  # ... and begin where decoding cannot: the picture is encoded for their sake
    allowed: frozenset[str] = frozenset()  # what is done on request only, and was asked for

    @property
    def empty(self) -> bool:
        """Nothing to do and nothing in the way."""
        return not self.fixes and not self.blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that is done to make an output, and why."""

    does: Text
    command: tuple[str, ...] = ()  # the outside program and its arguments; empty when done in process


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A file a converter made, still under its working name."""

    path: str
    category: Category = Category.MAIN
    name: str = ""  # wanted file name below the asset's output folder
    text: str | None = None  # text that belongs to a page
    proof: tuple[Proof, ...] = ()  # what only its maker could compare
    part: Part | None = None  # of an asset that was split
    peak_memory: int | None = None  # bytes, of the program that made it


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A finished, proven and published file."""

    path: str  # relative to the manifest
    category: Category
    size: int
    md5: str  # base64 of the raw 16 bytes (RFC 1864)
    content_type: str
    facts: MediaInfo
    findings: tuple[Finding, ...] = ()
    text: str | None = None
    part: Part | None = None  # of an asset that was split
    peak_memory: int | None = None  # bytes, of the program that made it


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One thing that was compared between a source and its output."""

    name: str
    expected: str
    found: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one asset. Never an exception across a process boundary."""

    source: str
    source_md5: str | None
    kind: Kind
    role: str | None
    status: Status
    facts: MediaInfo | None = None
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    outputs: tuple[Output, ...] = ()
    proof: tuple[Proof, ...] = ()
    seconds: float = 0.0
    error: Problem | None = None
    blocked: tuple[Finding, ...] = ()  # what keeps it from being repaired
    inside: Embedded | None = None  # where in a deck it was; `source` begins with the deck then
    receipt: str = ""  # folder below the output folder that says what was given a name; see `pipeline.storage.publish`
