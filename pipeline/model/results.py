"""What is said about a file and what becomes of it: findings, plans, outputs, outcomes. Every value is frozen."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from msgspec import Struct

from pipeline.model.facts import Embedded, Kind, MediaInfo, Text, Value
from pipeline.model.rules import Level, Rule, Safety


class Verdict(StrEnum):
    """The three answers of a rule."""

    PASS = "pass"  # noqa: S105  not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


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


class Fix(Struct, frozen=True, kw_only=True):
    """An edit to the desired file, not a command."""

    check: str
    stream: int | None
    actual: Value
    value: Value
    safety: Safety


class Finding(Struct, frozen=True, kw_only=True):
    """What one rule says about one value."""

    rule: Rule
    verdict: Verdict
    actual: Value | None
    stream: int | None = None
    where: Text | None = None
    fix: Fix | None = None
    reason: Text | None = None  # why the answer is unknown
    advice: Text | None = None  # what a person can do, with the figures of this file

    @property
    def blocks(self) -> bool:
        """Whether it keeps the asset from passing as it is."""
        if self.rule.level is not Level.ERROR:
            return False
        return self.verdict is Verdict.FAIL or (self.verdict is Verdict.UNKNOWN and self.rule.unknown_blocks)


class Problem(Struct, frozen=True, kw_only=True):
    """Why an asset has no answer."""

    type: str  # the name of the error class
    message: Text
    trace: str | None = None  # for `-v`, and only when nobody expected the error


class Report(Struct, frozen=True, kw_only=True):
    """The facts of one asset against the rules of its role."""

    source: str  # as given on the command line
    kind: Kind
    role: str | None
    status: Status
    facts: MediaInfo | None
    findings: tuple[Finding, ...] = ()
    error: Problem | None = None


class Part(Struct, frozen=True, kw_only=True):
    """One of the files that an asset is split into: one too long for its limit, or a video that shows a deck."""

    number: int  # from 1, in order
    of: int
    start: Fraction | None = None  # seconds from the start of a recording; None: of a deck
    length: Fraction | None = None  # seconds; None: to the end
    frames: int | None = None  # pictures of the source that are shown in it
    recut: bool = False  # it begins or ends where no copy can: the picture is encoded for its sake
    label: str = ""  # what its file is called behind the name of the asset; "": by its number

    @property
    def alone(self) -> bool:
        """Whether it is all that is made: what is left of a recording whose ends are cut off."""
        return self.of == 1 and not self.label


class Plan(Struct, frozen=True, kw_only=True):
    """What would be done to make an asset comply; empty when nothing need be."""

    fixes: tuple[Fix, ...] = ()
    advised: tuple[Fix, ...] = ()  # taken along only because the stream is made anew anyway
    blocked: tuple[Finding, ...] = ()  # nothing here can be done by this tool
    split: bool = False  # a recording that is too long goes on in parts; else it is cut off at the limit
    parts: tuple[Part, ...] = ()  # ... which are known once its frames are; see `pipeline.convert.av.split`
    slack: Fraction = Fraction(0)  # seconds that may stay at either end of a part where that saves encoding it
    allowed: frozenset[str] = frozenset()  # what is done on request only, and was asked for
    finer: bool = False  # pictures are encoded once more, for the first time fell short of what is aimed at
    encoded: bool = False  # ... or for, copied, they did not come out as they were

    @property
    def empty(self) -> bool:
        """Nothing to do and nothing in the way."""
        return not self.fixes and not self.blocked


class Step(Struct, frozen=True, kw_only=True):
    """One thing that is done to make an output, and why."""

    does: Text
    command: tuple[str, ...] = ()  # the outside program and its arguments; empty when done in process


class Reference(NamedTuple):
    """Frames that an encoder was given, kept to prove what it made of them: pairs of neighbours, the first of each a
    multiple of `every`, counted from 0."""

    path: str
    every: int


class Made(Struct, frozen=True, kw_only=True):
    """A file a converter made, still under its working name."""

    path: str
    category: Category = Category.MAIN
    name: str = ""  # wanted file name below the asset's output folder
    text: str | None = None  # text that belongs to a page
    proof: tuple[Proof, ...] = ()  # what only its maker could compare
    part: Part | None = None  # of an asset that was split
    peak_memory: int | None = None  # bytes, of the program that made it
    reference: Reference | None = None  # of a picture that was encoded


class Output(Struct, frozen=True, kw_only=True):
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


class Proof(Struct, frozen=True, kw_only=True):
    """One thing that was compared between a source and its output."""

    name: Text
    expected: Text
    found: Text
    passed: bool
    short: bool = False  # below what is aimed at, and encoding it finer may help


class Outcome(Struct, frozen=True, kw_only=True):
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
