"""What the documents hold, one frozen type for each part; `docs/json.md` is the promise made to readers.

Values of the model that JSON can hold as they are (Text, Source, Part, Proof, Embedded) stand here as they are.
Fractions in them are exact and become strings: "25", "30000/1001". The facts of a file have a module of their own.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from pipeline.model.facts import Embedded, Kind, Text
from pipeline.model.fields import Fields
from pipeline.model.results import Category, Part, Proof, Status, Verdict
from pipeline.model.rules import Level, Source

REPORT: Final = "media-preflight/report/2"
MANIFEST: Final = "media-preflight/manifest/2"
REPORTS: Final = "media-preflight/reports/1"  # several reports or manifests
FACTS: Final = "media-preflight/facts/2"
FITTING: Final = "media-preflight/fit/1"
VERIFICATION: Final = "media-preflight/verification/1"
SCENES: Final = "media-preflight/scenes/1"
PACKAGE: Final = "media-preflight/package/1"
CUTS: Final = "media-preflight/cuts/1"
CHECKED: Final = (Status.PASS, Status.FIXABLE, Status.BLOCKED, Status.ERROR)
PREPARED: Final = (Status.READY, Status.FIXED, Status.BLOCKED, Status.FAILED)
Md5 = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]{21}[AQgw]==$", max_length=24)]
"""Base64 of the raw 16 bytes (RFC 1864)."""
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
"""What every reader of JSON keeps exactly."""
RelativePath = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
"""Below the folder of the document, with "/" between names; see `pipeline.storage.paths`."""


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document."""


class Tool(Frozen, frozen=True, kw_only=True):
    """What wrote the document."""

    version: str
    ffmpeg: str | None


class PresetName(Frozen, frozen=True, kw_only=True):
    """The rules that were asked: the preset, and the digest of its text and of what it extends."""

    id: str
    sha256: str


class Head(Frozen, frozen=True, kw_only=True):
    """What stands above the assets."""

    schema: str
    tool: Tool
    preset: PresetName | None


class Told(Frozen, frozen=True, kw_only=True):
    """A finding in parts, for whoever shows it as more than one sentence."""

    title: Text
    found: Text  # the value with its unit
    limit: Text | None  # None: the rest says it in words
    rest: Text | None  # note, advice, reason


class FixEntry(Frozen, frozen=True, kw_only=True):
    """A repair in words."""

    does: str
    safety: Literal["manual", "lossy", "lossless"]
    said: Text


class FindingEntry(Frozen, frozen=True, kw_only=True):
    """What one rule says about one value. `said` and `told` are there where somebody may have to act."""

    rule: str
    check: str
    stream: int | None
    where: Text | None
    verdict: Verdict
    blocks: bool
    level: Level
    actual: str | int | float | bool | None  # rates, times and ratios exact, as strings; a share of 1
    limit: str  # bare figures in `unit`
    unit: str
    message: str
    said: Text | None
    told: Told | None
    fix: FixEntry | None
    source: Source
    also: tuple[Source, ...]
    code: str | None

    @property
    def place(self) -> tuple[str, int | None, Text | None]:
        """What it is about: the rule, and where it looked."""
        return self.rule, self.stream, self.where


class ErrorEntry(Frozen, frozen=True, kw_only=True):
    """Why an asset has no answer; the trace only for `-v`, and only where nobody expected the error."""

    type: str
    message: str
    said: Text
    trace: str | msgspec.UnsetType = msgspec.UNSET


class StepEntry(Frozen, frozen=True, kw_only=True):
    """One thing done or to do."""

    does: str
    said: Text
    command: tuple[str, ...]


class AssetEntry(Frozen, frozen=True, kw_only=True):
    """One asset of a report (`check`)."""

    source: str
    id: str  # stable over runs: see `pipeline.documents.entry.id_of`
    kind: Kind
    role: str | None
    status: Status
    facts: msgspec.Raw  # see `pipeline.documents.facts`
    findings: tuple[FindingEntry, ...]
    error: ErrorEntry | None


class PlannedAsset(AssetEntry, frozen=True, kw_only=True):
    """One asset of a report (`plan`)."""

    parts: tuple[Part, ...]
    steps: tuple[StepEntry, ...]
    blocked: tuple[FindingEntry, ...]


class OutputEntry(Frozen, frozen=True, kw_only=True):
    """A finished, proven and published file."""

    path: RelativePath
    category: Category
    size: Count
    md5: Md5
    content_type: str
    facts: msgspec.Raw
    findings: tuple[FindingEntry, ...]
    text: str | None
    part: Part | None
    peak_memory: Count | None


class PreparedAsset(AssetEntry, frozen=True, kw_only=True):
    """One asset of a manifest."""

    source_md5: Md5 | None
    steps: tuple[StepEntry, ...]
    outputs: tuple[OutputEntry, ...]
    proof: tuple[Proof, ...]
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    blocked: tuple[FindingEntry, ...]
    inside: Embedded | msgspec.UnsetType = msgspec.UNSET
    stem: str | msgspec.UnsetType = msgspec.UNSET  # what its outputs are called after; unset: found inside another one


class ProbedAsset(Frozen, frozen=True, kw_only=True):
    """One file of `probe`: facts, no rules."""

    source: str
    id: str
    facts: msgspec.Raw
    error: ErrorEntry | None


class FitEntry(Frozen, frozen=True, kw_only=True):
    """A role of a scenario, and how a file stands to it."""

    preset: str
    role: str
    title: Text
    status: Status
    repairs: tuple[FixEntry, ...]  # that would be made; none where it is blocked
    blocked: tuple[FindingEntry, ...]  # what no repair mends
    warnings: Count  # that it does not heed


class FittedAsset(Frozen, frozen=True, kw_only=True):
    """One file of `fit`. Its status is that of the best."""

    source: str
    id: str
    kind: Kind
    status: Status
    fits: tuple[FitEntry, ...]  # best first
    advice: Text | None  # where no scenario takes such a file
    error: ErrorEntry | None


class FittedTail(Frozen, frozen=True, kw_only=True):
    """What stands below the files of `fit`: how many stand where to what fits them best."""

    summary: dict[Status, Count]


class VerifiedOutput(Frozen, frozen=True, kw_only=True):
    """One output of a manifest, looked at again."""

    path: str
    status: Literal["ok", "changed", "error"]
    message: str
    said: Text | None
    error: ErrorEntry | None


class VerificationHead(Frozen, frozen=True, kw_only=True):
    """What stands above the outputs of `verify`."""

    schema: str
    manifest: str


class VerificationTail(Frozen, frozen=True, kw_only=True):
    """What stands below them: how many stand where."""

    summary: dict[str, int]


class Reason(Frozen, frozen=True, kw_only=True):
    """How many assets do not comply or could not be done for one and the same reason."""

    status: Status
    rule: str | None
    code: str | None
    error: str | None  # the type of the error, where there is no rule
    count: Count


class Tail(Frozen, frozen=True, kw_only=True):
    """What stands below the assets: findings about all of them, how many stand where, and why."""

    batch: tuple[FindingEntry, ...]
    summary: dict[Status, Count]
    reasons: tuple[Reason, ...]


class CheckDocument(Head, frozen=True, kw_only=True):
    """A report of `check`."""

    assets: tuple[AssetEntry, ...]
    batch: tuple[FindingEntry, ...]
    summary: dict[Status, Count]
    reasons: tuple[Reason, ...] = ()


class PlanDocument(Head, frozen=True, kw_only=True):
    """A report of `plan`."""

    assets: tuple[PlannedAsset, ...]
    batch: tuple[FindingEntry, ...]
    summary: dict[Status, Count]
    reasons: tuple[Reason, ...] = ()


class ManifestDocument(Head, frozen=True, kw_only=True):
    """A manifest of `prepare`."""

    assets: tuple[PreparedAsset, ...]
    batch: tuple[FindingEntry, ...]
    summary: dict[Status, Count]
    reasons: tuple[Reason, ...] = ()


Document = CheckDocument | PlanDocument | ManifestDocument


# --- what is built ------------------------------------------------------------------------------------


class FileEntry(Frozen, frozen=True, kw_only=True):
    """A file that was written."""

    path: str  # relative to the output folder
    size: Count
    md5: Md5


class PackageEntry(Frozen, frozen=True, kw_only=True):
    """One package of `package`, or why there is none."""

    source: str
    cuts: str | None  # where the cuts of a take are listed, relative to the output folder
    outputs: tuple[FileEntry, ...]
    findings: tuple[FindingEntry, ...]
    error: ErrorEntry | None
    status: Status


class PackageDocument(Head, frozen=True, kw_only=True):
    """All that `package` says: its entry below a head."""

    source: str
    cuts: str | None
    outputs: tuple[FileEntry, ...]
    findings: tuple[FindingEntry, ...]
    error: ErrorEntry | None
    status: Status


class CutEntry(Frozen, frozen=True, kw_only=True):
    """One showing of a page in a video of the deck, in the order of the columns of the list as CSV."""

    page: int | None  # from 1; None: nothing of the deck is shown, and no clip is made
    start: float  # seconds from the start of the video
    end: float
    seconds: float  # that it is shown
    spoken: float | None  # seconds that its text takes to speak; None: not known
    clip: str  # what its file is called behind the name of the deck; "": none is made
    doubts: tuple[str, ...]  # what somebody has to look at before it is cut


class CutsDocument(Head, frozen=True, kw_only=True):
    """What `cut-slides` found, or was given."""

    deck: str | None
    video: str
    cuts: tuple[CutEntry, ...]
    doubts: tuple[str, ...]  # about the whole


class SceneText(Frozen, frozen=True, kw_only=True):
    """What a scene speaks, as a request holds it."""

    text: str


class Background(FileEntry, frozen=True, kw_only=True):
    """The picture of a scene."""

    content_type: str


class Scene(Frozen, frozen=True, kw_only=True):
    """One scene: the words of the request, then what is known about them."""

    sequence_no: int  # from 0
    title: str
    text_config: SceneText
    subtitle: str
    characters: int | None
    spoken: int
    seconds: float
    background: Background | None
    findings: tuple[FindingEntry, ...]
    page: int | msgspec.UnsetType = msgspec.UNSET  # of a deck, from 1, or as a mark in the script says


class SumFinding(Frozen, frozen=True, kw_only=True):
    """What a limit says about all scenes together."""

    check: str
    rule: str | msgspec.UnsetType = msgspec.UNSET  # unset: the number of scenes, which the role itself limits
    verdict: Verdict
    actual: int
    limit: str


class ScenesSummary(Frozen, frozen=True, kw_only=True):
    """Sums over all scenes."""

    scenes: int
    characters: int  # spoken
    seconds: float


class ScenesDocument(Head, frozen=True, kw_only=True):
    """All that `scenes` says."""

    source: str
    role: str
    request: Fields | None  # the body of the request that makes them, ready to send; None: it would be refused
    scenes: tuple[Scene, ...]
    findings: tuple[SumFinding, ...]
    summary: ScenesSummary
