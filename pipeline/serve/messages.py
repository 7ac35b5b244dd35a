"""What goes over the wire between the server and programs: each as its JSON has it."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from pipeline.documents.types import Frozen
from pipeline.documents.upload import Delivery
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.model.repairs import Repairs
from pipeline.model.results import Category, Status

API: Final = "/api/v1"  # where programs ask
BUSY: Final = frozenset({"waiting", "running", "reporting"})  # states of a batch whose run has not ended


class Asked(msgspec.Struct, frozen=True):
    """What is asked for when a run begins."""

    verb: Literal["check", "prepare", "fit"]
    preset: str = ""  # of `fit` none: every scenario is tried
    role: str | None = None
    lang: Literal["en", "zh"] = "en"
    repairs: Repairs = Repairs()
    cuts: dict[int, str] = {}  # by the numbers of files: lists of cuts that somebody looked through, as CSV


class Sending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for when a batch is sent on."""

    to: str  # one of the destinations that are offered for it
    order: str = ""  # as the file of `preflight upload --order` has it: TOML
    lang: Literal["en", "zh"] = "en"


class FieldForm(Frozen, frozen=True, kw_only=True):
    """One field of an order."""

    name: str
    kind: Literal["text", "number", "choice", "toml"]
    values: tuple[str, ...]  # of a choice, as TOML has them
    wants: Text
    example: str  # a value of it, as TOML has it
    needed: bool  # where the table is written at all


class TableForm(Frozen, frozen=True, kw_only=True):
    """One table of an order."""

    name: str
    fields: tuple[FieldForm, ...]
    notes: tuple[Text, ...]  # what must hold between its fields


class OrderForm(Frozen, frozen=True, kw_only=True):
    """A destination that a batch may be sent to, and what an order may say there."""

    to: str
    tables: tuple[TableForm, ...]


class PlannedLine(Frozen, frozen=True, kw_only=True):
    """What is sent as one, with the calls that would be made."""

    sources: tuple[str, ...]
    bytes: int
    calls: tuple[str, ...]


class KeptLine(Frozen, frozen=True, kw_only=True):
    """What would not be sent, and why."""

    source: str
    why: Text


class SendPlan(Frozen, frozen=True, kw_only=True):
    """What sending would do; nothing was sent."""

    destination: str
    units: tuple[PlannedLine, ...]
    refused: tuple[KeptLine, ...]


class SentLine(Frozen, frozen=True, kw_only=True):
    """What became of an asset that was sent."""

    source: str
    status: Delivery
    message: str
    ids: Fields  # given by the far end
    fetched: tuple[str, ...] = ()  # what the far end made and shows: `fetched/N` of the batch, counted over all lines


class SendState(Frozen, frozen=True, kw_only=True):
    """How far a batch is on its way to a platform."""

    to: str
    state: Literal["sending", "done", "failed", "stopped"]
    bytes: int  # that went out; less than the total at the end where some were there already
    total: int
    entries: tuple[SentLine, ...]  # of what has ended
    error: Text | None


class FitLine(Frozen, frozen=True, kw_only=True):
    """A scenario and role that takes a file, and how the file stands to it."""

    preset: str
    role: str
    title: Text
    status: Status


class Chosen(msgspec.Struct, frozen=True):
    """Files of a batch, by their numbers."""

    files: tuple[int, ...]


class FileState(Frozen, frozen=True, kw_only=True):
    """How far one file is."""

    number: int  # of its folder: what it is called by when it is taken out
    name: str
    size: int
    fraction: float  # 0 to 1
    status: str | None
    fits: tuple[FitLine, ...]  # best first, once `fit` was asked for
    cuts: str | None  # of a video that was not cut by page: the list to look through, as CSV


class OutputState(Frozen, frozen=True, kw_only=True):
    """One output that can be fetched."""

    name: str
    size: int
    category: Category


class BatchLine(Frozen, frozen=True, kw_only=True):
    """A batch in the list of a person's own."""

    id: str
    made: float
    state: str
    files: int
    names: tuple[str, ...]  # of the first of them
    summary: dict[Status, int] | None


class BatchState(Frozen, frozen=True, kw_only=True):
    """A batch as the page shows it."""

    id: str
    made: float  # seconds since 1970
    state: str
    place: int | None  # how many batches have a turn before it; None: it waits for none
    asked: Asked | None
    error: Text | None
    files: tuple[FileState, ...]
    summary: dict[Status, int] | None
    outputs: tuple[OutputState, ...]
    sent: SendState | None  # once it was sent on


def going(state: BatchState) -> bool:
    """Whether a batch is worked on, or on its way to a platform."""
    return state.state in BUSY or (state.sent is not None and state.sent.state == "sending")


class RoleLine(Frozen, frozen=True, kw_only=True):
    """A role of a scenario, by name."""

    name: str
    title: Text


class PresetLine(Frozen, frozen=True, kw_only=True):
    """A scenario that can be asked for."""

    id: str
    title: Text
    roles: tuple[RoleLine, ...]


class OpenedBatch(Frozen, frozen=True, kw_only=True):
    """A new batch."""

    id: str


class StoredFile(Frozen, frozen=True, kw_only=True):
    """A file that arrived, under the name it is kept by."""

    name: str
    size: int
    number: int


class Refusal(Frozen, frozen=True, kw_only=True):
    """Why something was not done."""

    error: Text
