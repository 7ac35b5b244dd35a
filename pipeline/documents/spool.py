"""Entries of a run, kept on disk so that ten thousand assets need no more memory than ten."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import IO, Final, Generic, NamedTuple, Self, TypeVar

import msgspec

from pipeline.documents.facts import encode
from pipeline.documents.read import entry
from pipeline.documents.types import (
    AssetEntry,
    FindingEntry,
    FittedAsset,
    Frozen,
    ProbedAsset,
    Reason,
    Tail,
    VerifiedOutput,
)
from pipeline.model.results import Status

_BUFFER: Final = 1 << 20
_TRACES: Final = 10  # different ones that are kept
_IN_ORDER: Final = frozenset({Status.PASS, Status.READY, Status.FIXED})
Entry = AssetEntry | ProbedAsset | FittedAsset | VerifiedOutput
E = TypeVar("E", bound=Entry)
Why = tuple[str, str | None, str | None, str | None]  # status, rule, code, type of the error


class Line(NamedTuple):
    """An entry as one line of JSON, and what is asked of it so often that it must not be read again for that."""

    text: bytes
    status: str
    kind: str
    error: str | None  # its type
    trace: str | None  # of an error that nobody expected; not in the text
    reasons: tuple[Why, ...]
    rules: str = ""  # name of the rules it was judged by; see `pipeline.engine.cache`
    began: int = 0  # when its file was first looked at, in nanoseconds of the system's clock


def line(one: Entry) -> Line:
    """The entry as it is kept and printed."""
    error = one.error
    trace = error.trace if error and error.trace else None
    if error and trace:
        one = msgspec.structs.replace(one, error=msgspec.structs.replace(error, trace=msgspec.UNSET))
    status = "" if isinstance(one, ProbedAsset) else str(one.status)
    kind = str(one.kind) if isinstance(one, AssetEntry) else ""
    return Line(encode(one), status, kind, error.type if error else None, trace, _why(one, status))


def with_trace(one: Line, type_: type[E]) -> Line:
    """The line as those see it who asked where unexpected errors happened."""
    if one.trace is None:
        return one
    read = entry(one.text, type_)
    assert read.error is not None  # noqa: S101  what has a trace has an error
    shown = msgspec.structs.replace(read, error=msgspec.structs.replace(read.error, trace=one.trace))
    return one._replace(text=encode(shown))


class Spool(Generic[E]):
    """Entries in the order of the inputs, whatever order they came in. Iterate as often as you like."""

    def __init__(self, count: int, type_: type[E]) -> None:
        self._places: list[tuple[int, int, str] | None] = [None] * count
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="preflight-", buffering=_BUFFER)  # noqa: SIM115  closed by __exit__
        self._end = 0
        self.type = type_
        self.expected = count
        self.statuses: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.traces: Counter[str] = Counter()  # of errors that nobody expected
        self._reasons: Counter[Why] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, index: int, one: Line) -> None:
        """Keep the entry of the asset with this index, in place of an earlier one that was in order."""
        while index >= len(self._places):  # found inside another one
            self._places.append(None)
            self.expected += 1
        earlier = self._places[index]
        if earlier:
            self.statuses[earlier[2]] -= 1
        self._places[index] = (self._end, len(one.text), one.status)
        self._end += self._file.write(one.text)
        self.statuses[one.status] += 1
        if one.error:
            self.errors[one.error] += 1
        if one.trace and (one.trace in self.traces or len(self.traces) < _TRACES):
            self.traces[one.trace] += 1
        if one.reasons:
            self._reasons.update(one.reasons)

    def lines(self, leaving: frozenset[str] = frozenset()) -> Iterator[bytes]:
        """Each entry as one line of JSON, those that stand at one of these statuses left out."""
        self._file.flush()
        number = self._file.fileno()
        for place in self._places:
            if place is not None and place[2] not in leaving:
                yield os.pread(number, place[1], place[0])

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """As `lines`, each with its index."""
        kept = [index for index, place in enumerate(self._places) if place is not None]
        return zip(kept, self.lines(), strict=True)

    def __iter__(self) -> Iterator[E]:
        return self.entries()

    def entries(self, leaving: frozenset[str] = frozenset()) -> Iterator[E]:
        """As `lines`, read."""
        return (entry(text, self.type) for text in self.lines(leaving))

    def at(self, statuses: frozenset[str]) -> list[int]:
        """The numbers of the assets that stand at one of these statuses."""
        return [index for index, place in enumerate(self._places) if place is not None and place[2] in statuses]

    def __len__(self) -> int:
        return sum(self.statuses.values())

    def summary(self, statuses: tuple[Status, ...]) -> dict[Status, int]:
        """How many assets stand where."""
        return {status: self.statuses[status] for status in statuses}

    def reasons(self) -> tuple[Reason, ...]:
        """How many assets do not comply or could not be done, by status, rule and code; the most frequent first."""
        ordered = sorted(self._reasons.items(), key=lambda pair: (-pair[1], str(pair[0])))
        return tuple(
            Reason(status=Status(status), rule=rule, code=code, error=error, count=count)
            for (status, rule, code, error), count in ordered
        )

    def tail(self, statuses: tuple[Status, ...], batch: tuple[FindingEntry, ...]) -> Tail:
        """What a document says below the assets; `batch` is about all of them."""
        return Tail(batch=batch, summary=self.summary(statuses), reasons=self.reasons())


def _why(one: Entry, status: str) -> tuple[Why, ...]:
    """Status, rule, code and kind of error of an asset that is not in order; each rule once."""
    if not isinstance(one, AssetEntry):
        return ()
    if one.error:
        return ((status, None, None, one.error.type),)
    if one.status in _IN_ORDER:
        return ()
    return tuple({(status, f.rule, f.code, None) for f in one.findings if f.blocks})


def write_document(out: IO[str], head: Frozen, key: str, spool: Spool[E], tail: Frozen) -> None:
    """One JSON document, in UTF-8: the head, the entries under `key` one a line, the tail."""
    out.write(f'{_members(head)},\n "{key}": [')
    out.flush()
    raw: IO[bytes] = out.buffer  # type: ignore[attr-defined]  # text files and standard output have one
    between = b"\n  "
    for text in spool.lines():
        raw.write(between)
        raw.write(text)
        between = b",\n  "
    raw.flush()
    out.write("\n ]")
    for name in tail.__struct_fields__:
        out.write(f',\n "{name}": {encode(getattr(tail, name)).decode()}')
    out.write("\n}\n")


def _members(head: Frozen) -> str:
    return msgspec.json.format(encode(head), indent=1).decode().removesuffix("\n}")
