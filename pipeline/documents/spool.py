"""Entries of a run, kept on disk so that ten thousand assets need no more memory than ten."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self

Entry = dict[str, Any]
_BYTES: Final = re.compile("[\udc80-\udcff]")
_BUFFER: Final = 1 << 20
_IN_ORDER: Final = frozenset({"pass", "ready", "fixed", "ok"})


Reason = tuple[str, str | None, str | None, str | None]  # status, rule, code, type of the error


class Line(NamedTuple):
    """An entry as one line of JSON, and what is asked of it so often that it must not be read again for that."""

    text: bytes
    status: str
    kind: str
    error: str | None  # its type
    trace: str | None  # of an error that nobody expected; not in the text
    reasons: tuple[Reason, ...]
    rules: str = ""  # name of the rules it was judged by; see `pipeline.engine.cache`
    began: int = 0  # when its file was first looked at, in nanoseconds of the system's clock


def line(entry: Entry) -> Line:
    """The entry as it is kept and printed."""
    error = entry.get("error") or {}
    trace = error.get("trace")
    if trace:
        entry = entry | {"error": {key: value for key, value in error.items() if key != "trace"}}
    status = entry.get("status", "")
    return Line(_text(entry), status, entry.get("kind", ""), error.get("type"), trace, _why(entry))


def with_trace(one: Line) -> Line:
    """The line as those see it who asked where unexpected errors happened."""
    if one.trace is None:
        return one
    entry = json.loads(one.text)
    entry["error"]["trace"] = one.trace
    return one._replace(text=_text(entry))


def _text(entry: Entry) -> bytes:
    text = _encode(entry)
    if not text.isascii():  # a name may be bytes that are no text; Python holds them as these, which nothing can print
        text = _BYTES.sub(lambda found: f"\\\\x{ord(found[0]) & 0xFF:02x}", text)
    return text.encode("utf-8", "backslashreplace")


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Spool:
    """Entries in the order of the inputs, whatever order they came in. Iterate as often as you like."""

    def __init__(self, count: int) -> None:
        self._places: list[tuple[int, int, str] | None] = [None] * count
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="preflight-", buffering=_BUFFER)  # noqa: SIM115  closed by __exit__
        self._end = 0
        self.expected = count
        self.statuses: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._reasons: Counter[Reason] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, index: int, one: Line) -> None:
        """Keep the entry of the asset with this index."""
        while index >= len(self._places):  # found inside another one
            self._places.append(None)
            self.expected += 1
        self._places[index] = (self._end, len(one.text), one.status)
        self._end += self._file.write(one.text)
        self.statuses[one.status] += 1
        if one.error:
            self.errors[one.error] += 1
        if one.reasons:
            self._reasons.update(one.reasons)

    def lines(self, leaving: frozenset[str] = frozenset()) -> Iterator[bytes]:
        """Each entry as one line of JSON, those that stand at one of these statuses left out."""
        self._file.flush()
        number = self._file.fileno()
        for place in self._places:
            if place is not None and place[2] not in leaving:
                yield os.pread(number, place[1], place[0])

    def __iter__(self) -> Iterator[Entry]:
        return self.entries()

    def entries(self, leaving: frozenset[str] = frozenset()) -> Iterator[Entry]:
        """As `lines`, read."""
        return (json.loads(text) for text in self.lines(leaving))

    def at(self, statuses: frozenset[str]) -> list[int]:
        """The numbers of the assets that stand at one of these statuses."""
        return [index for index, place in enumerate(self._places) if place is not None and place[2] in statuses]

    def __len__(self) -> int:
        return sum(self.statuses.values())

    def summary(self, statuses: tuple[str, ...]) -> dict[str, int]:
        """How many assets stand where."""
        return {status: self.statuses[status] for status in statuses}

    def reasons(self) -> list[dict[str, Any]]:
        """How many assets do not comply or could not be done, by status, rule and code; the most frequent first."""
        ordered = sorted(self._reasons.items(), key=lambda pair: (-pair[1], str(pair[0])))
        return [
            {"status": status, "rule": rule, "code": code, "error": error, "count": count}
            for (status, rule, code, error), count in ordered
        ]


def _why(entry: Entry) -> tuple[Reason, ...]:
    """Status, rule, code and kind of error of an asset that is not in order; each rule once."""
    status = entry.get("status", "")
    if entry.get("error"):
        return ((status, None, None, entry["error"]["type"]),)
    if status in _IN_ORDER:
        return ()
    return tuple({(status, f["rule"], f["code"], None) for f in entry.get("findings", ()) if f["blocks"]})


def write_document(out: IO[str], head: Mapping[str, Any], key: str, spool: Spool, tail: Mapping[str, Any]) -> None:
    """One JSON document, in UTF-8: the head, the entries under `key` one a line, the tail."""
    opening = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    out.write(f'{opening},\n "{key}": [')
    out.flush()
    raw: IO[bytes] = out.buffer  # type: ignore[attr-defined]  # text files and standard output have one
    between = b"\n  "
    for text in spool.lines():
        raw.write(between)
        raw.write(text)
        between = b",\n  "
    raw.flush()
    out.write("\n ]")
    for name, value in tail.items():
        out.write(f",\n {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    out.write("\n}\n")
