"""What every destination offers, and what the sender tells it. Small on purpose: a new destination is one module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from pipeline.documents.upload import Delivery
from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.items import File, Item
from pipeline.upload.journal import UploadJournal
from pipeline.upload.multipart import Parts, Stretch, UploadPart
from pipeline.upload.order import Order
from pipeline.upload.rate_limit import Bucket
from pipeline.upload.transfer import Body, late


class Target(Struct, frozen=True):
    """Where an upload is to go, as it was asked for."""

    where: str  # what --to says
    preset: str  # id of the manifest's preset; empty where it has none
    order: Order = msgspec.field(default_factory=dict)
    region: str | None = None  # of the platform; None leaves it to settings
    project: str | None = None  # id at the platform; None leaves it to settings
    also: tuple[str, ...] = ()  # presets of the other manifests of the same run
    dry: bool = False  # nothing will be sent: neither project nor keys are needed


class Unit(Struct, frozen=True):
    """What is delivered or fails as one: an asset of the library, or all files of a training job."""

    key: str
    name: str
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.items)


@dataclass(slots=True)
class Receipt:
    """What became of a unit."""

    status: Delivery
    message: Text = field(default_factory=lambda: Text("", ""))
    ids: Fields = field(default_factory=dict)  # given by the far end
    verified: list[Fields] = field(default_factory=list)  # per file: what the far end says it holds
    abandoned: list[Fields] = field(default_factory=list)  # begun at the far end and marked as given up


# Ids that the far end gave -> how each thing stands there, in its own word and in words; empty where nothing is known
Look = Callable[[Mapping[str, Any]], list[tuple[str, Text]]]


class Action(Struct, frozen=True):
    """Something that a far end does with what is there already, or tells."""

    takes: str  # its arguments, as a line of help shows them
    does: Text
    table: str = ""  # of an order, without which it means nothing
    most: int | None = 1  # arguments; None for as many as there are
    least: int = 1


class ActionInput(Struct, frozen=True):
    """What an action is given."""

    what: tuple[str, ...]  # ids, files or words, as the action takes them
    order: Mapping[str, Any]  # its table of the order
    name: str | None  # what a person says that the thing is called
    for_good: bool
    into: str | None  # another region
    wait: float  # seconds for what takes its time


# What was done about each argument: it, how it stands in the far end's own word, in words
Done = list[tuple[str, str, Text]]
Do = Callable[[str, ActionInput], Done]


class Stopped(BaseException):
    """The run is being interrupted; a thread that is sending stops at the next chunk."""


class Tools(Struct, frozen=True):
    """What the sender gives a destination: the journal, a counter of sent bytes, the bandwidth limit, patience."""

    journal: UploadJournal
    sent: Callable[[int], None]
    bandwidth: Bucket | None
    wait: float  # seconds to wait for the far end's verdict
    told: Callable[[str, Text], None]  # how far something is that takes long: its name, words

    def body(self, file: File) -> Body:
        """A whole file to send. What was too large to be digested before is digested on its way."""
        md5 = file.md5 if late(file.size) else None
        return Body(file.path, 0, file.size, self.sent, self.bandwidth, md5)

    def part(self, file: File, part: UploadPart) -> Body:
        """A part of a file to send."""
        return Body(file.path, part.start, part.length, self.sent, self.bandwidth)

    def parts(self, file: File, stretches: Sequence[Stretch]) -> Parts:
        """The parts of a file, digested as they are needed."""
        return Parts(file, stretches, lambda: self.sent(0))


class Destination(Protocol):
    """A place to deliver to. Threads share it."""

    place: str  # names the account and place, without secrets: the journal's key

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """How the items go together. Raises UploadError, UsageError when they cannot go there at all."""

    def plan(self, unit: Unit) -> list[str]:
        """Every call that sending would make, in order, for people to read. Touches nothing."""

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """Deliver, and prove it. Continues what the journal knows. Raises UploadError."""

    def close(self) -> None:
        """Let connections go."""


def single(items: Sequence[Item]) -> list[Unit]:
    """Every item on its own."""
    return [Unit(item.key, item.name, (item,)) for item in items]


def together(name: str, items: Sequence[Item], *asked: object, keys: Sequence[str] | None = None) -> Unit:
    """All items as one. Its key, by which it is known again, is made from theirs (or `keys`) and what is asked for."""
    facts = [*(sorted(item.key for item in items) if keys is None else keys), *map(repr, asked)]
    return Unit(hashlib.sha256("\0".join(facts).encode()).hexdigest(), name, tuple(items))


class GaveUp(UploadError):
    """Ended for good; what had been begun at the far end was marked as given up there."""

    def __init__(self, error: UploadError, abandoned: list[Fields]) -> None:
        super().__init__(error.text.en, error.text.zh)
        self.abandoned = abandoned
