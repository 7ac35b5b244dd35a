"""What goes over the wire between the server and programs: each as its JSON has it."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from pipeline.documents.types import Frozen
from pipeline.model.facts import Text
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
