"""The record of an upload, the plan of one, and the lines of `upload --jsonl`; `docs/schema/upload.json` holds them."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from pipeline.documents.types import Frozen, PresetName
from pipeline.model.fields import Fields

UPLOAD: Final = "media-preflight/upload/1"
Delivery = Literal[
    "sent", "skipped", "pending", "waiting", "refused", "failed"
]  # pending: their review; waiting: for a person
STATUSES: Final[tuple[Delivery, ...]] = get_args(Delivery)


class Writer(Frozen, frozen=True, kw_only=True):
    """What wrote the record."""

    version: str


class UploadFile(Frozen, frozen=True, kw_only=True):
    """A file that was sent, or was to be."""

    path: str  # as the manifest has it
    category: str  # MAIN, COVER, PAGE, OTHER
    size: int  # bytes
    md5: str  # base64


class UploadFault(Frozen, frozen=True, kw_only=True):
    """Why an asset failed."""

    type: str
    message: str


class UploadEntry(Frozen, frozen=True, kw_only=True):
    """What became of one asset."""

    source: str
    role: str | None
    status: Delivery
    message: str
    files: tuple[UploadFile, ...] = ()
    ids: Fields = msgspec.field(default_factory=dict)  # given by the far end
    verified: tuple[Fields, ...] = ()  # per file: what the far end says it holds
    abandoned: tuple[Fields, ...] = ()  # begun at the far end and marked as given up
    forced: tuple[str, ...] = ()  # what our own rules had against it
    error: UploadFault | None = None


class UploadRecord(Frozen, frozen=True, kw_only=True):
    """What was delivered, and what was not: upload.json."""

    schema: Literal["media-preflight/upload/1"] = UPLOAD
    tool: Writer
    preset: PresetName | None  # as the manifest has it
    manifest: str
    manifests: tuple[str, ...]  # all that were sent together; the record lies beside the first
    destination: str
    forced: bool
    assets: tuple[UploadEntry, ...]
    summary: dict[str, int]


class RefusedAsset(Frozen, frozen=True, kw_only=True):
    """What would not be sent."""

    source: str
    why: str


class PlannedUnit(Frozen, frozen=True, kw_only=True):
    """What sending a unit would call."""

    sources: tuple[str, ...]
    bytes: int
    calls: tuple[str, ...]


class UploadPlan(Frozen, frozen=True, kw_only=True):
    """Of `--dry-run`: every call that would be made."""

    schema: Literal["media-preflight/upload/1"] = UPLOAD
    dry_run: Literal[True] = True
    destination: str
    units: tuple[PlannedUnit, ...]
    refused: tuple[RefusedAsset, ...]


class UploadedEvent(UploadEntry, frozen=True, kw_only=True, tag_field="event", tag="uploaded"):
    """An asset whose sending has ended."""

    index: int


class LongTaskEvent(Frozen, frozen=True, kw_only=True, tag_field="event", tag="progress"):
    """How far something is that takes the far end long."""

    name: str
    message: str


class UploadSummary(Frozen, frozen=True, kw_only=True, tag_field="event", tag="summary"):
    """The last event of a run."""

    schema: Literal["media-preflight/upload/1"] = UPLOAD
    destination: str
    summary: dict[str, int]


LINES: Final = (UploadedEvent, LongTaskEvent, UploadSummary)


def event(index: int, entry: UploadEntry) -> UploadedEvent:
    """The entry as a line of `--jsonl`."""
    return UploadedEvent(index=index, **msgspec.structs.asdict(entry))
