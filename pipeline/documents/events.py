"""The lines of `--jsonl`, each a typed event."""

from __future__ import annotations

import msgspec

from pipeline.documents.types import (
    AssetEntry,
    Count,
    FindingEntry,
    FittedAsset,
    Frozen,
    Head,
    PlannedAsset,
    PreparedAsset,
    ProbedAsset,
    Reason,
    VerificationHead,
    VerifiedOutput,
)
from pipeline.model.results import Status


class StartedEvent(Frozen, frozen=True, kw_only=True, tag_field="event", tag="started"):
    """Work on an asset that begins: before any other event of it. What an earlier run finished has none."""

    index: int  # of the asset in this run, as all its events have it
    source: str
    id: str


class StepEvent(Frozen, frozen=True, kw_only=True, tag_field="event", tag="step"):
    """The step of a job that begins."""

    index: int
    step: str  # check, convert, prove, publish: what a job says of itself


class ProgressEvent(Frozen, frozen=True, kw_only=True, tag_field="event", tag="progress"):
    """How far a job is."""

    index: int
    fraction: float  # 0 to 1, and never less than before
    speed: float | None  # times faster than it plays


class CheckedEvent(AssetEntry, frozen=True, kw_only=True, tag_field="event", tag="checked"):
    """An asset that has been checked."""

    index: int
    preset: str | msgspec.UnsetType = msgspec.UNSET  # where there are several


class PlannedEvent(PlannedAsset, frozen=True, kw_only=True, tag_field="event", tag="planned"):
    """An asset that has been planned."""

    index: int
    preset: str | msgspec.UnsetType = msgspec.UNSET  # where there are several


class PreparedEvent(PreparedAsset, frozen=True, kw_only=True, tag_field="event", tag="prepared"):
    """An asset that has been prepared."""

    index: int
    preset: str | msgspec.UnsetType = msgspec.UNSET  # where there are several


class ProbedEvent(ProbedAsset, frozen=True, kw_only=True, tag_field="event", tag="probed"):
    """A file that has been probed."""

    index: int


class FittedEvent(FittedAsset, frozen=True, kw_only=True, tag_field="event", tag="fitted"):
    """A file that has been held against every scenario."""

    index: int


class VerifiedEvent(VerifiedOutput, frozen=True, kw_only=True, tag_field="event", tag="verified"):
    """An output that has been verified."""

    index: int


class SummaryEvent(Head, frozen=True, kw_only=True, tag_field="event", tag="summary"):
    """The last event of a run over assets."""

    batch: tuple[FindingEntry, ...]
    summary: dict[Status, Count]
    reasons: tuple[Reason, ...]


class VerifiedSummary(VerificationHead, frozen=True, kw_only=True, tag_field="event", tag="summary"):
    """The last event of `verify`."""

    summary: dict[str, int]


Event = (
    StartedEvent
    | StepEvent
    | ProgressEvent
    | CheckedEvent
    | PlannedEvent
    | PreparedEvent
    | ProbedEvent
    | FittedEvent
    | VerifiedEvent
    | SummaryEvent
)
