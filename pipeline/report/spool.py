"""Entries of a run, kept on disk so that ten thousand assets need no more memory than ten."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, Any, Final, Self

Entry = dict[str, Any]
_BYTES: Final = re.compile("[\udc80-\udcff]")
_IN_ORDER: Final = frozenset({"pass", "ready", "fixed", "ok"})


class Spool:
    """Entries in the order of the inputs, whatever order they came in. Iterate as often as you like."""

    def __init__(self, count: int) -> None:
        self._places: list[tuple[int, int] | None] = [None] * count
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="preflight-")  # noqa: SIM115  closed by __exit__
        self.expected = count
        self.statuses: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str | None, str | None, str | None]] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, index: int, entry: Entry) -> str:
        """Keep the entry of the asset with this index; returns it as one line of JSON."""
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        # A name may be bytes that are no text; Python holds them as these, which nothing can print.
        text = _BYTES.sub(lambda found: f"\\\\x{ord(found[0]) & 0xFF:02x}", text)
        line = text.encode("utf-8", "backslashreplace")
        self._file.seek(0, 2)
        while index >= len(self._places):  # found inside another one
            self._places.append(None)
            self.expected += 1
        self._places[index] = (self._file.tell(), len(line))
        self._file.write(line)
        self.statuses[entry.get("status", "")] += 1
        self._reasons.update(_why(entry))
        return line.decode("utf-8")

    def lines(self) -> Iterator[str]:
        """Each entry as one line of JSON."""
        for place in self._places:
            if place is not None:
                self._file.seek(place[0])
                yield self._file.read(place[1]).decode("utf-8")

    def __iter__(self) -> Iterator[Entry]:
        return (json.loads(line) for line in self.lines())

    def numbered(self) -> Iterator[tuple[int, Entry]]:
        """Each entry with the number of its asset."""
        numbers = [index for index, place in enumerate(self._places) if place is not None]
        return zip(numbers, self, strict=True)

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


def _why(entry: Entry) -> set[tuple[str, str | None, str | None, str | None]]:
    """Status, rule, code and kind of error of an asset that is not in order; each rule once."""
    status = entry.get("status", "")
    if entry.get("error"):
        return {(status, None, None, entry["error"]["type"])}
    if status in _IN_ORDER:
        return set()
    return {(status, f["rule"], f["code"], None) for f in entry.get("findings", ()) if f["blocks"]}


def write_document(out: IO[str], head: Mapping[str, Any], key: str, spool: Spool, tail: Mapping[str, Any]) -> None:
    """One JSON document: the head, the entries under `key` one a line, the tail."""
    opening = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    out.write(f'{opening},\n "{key}": [')
    for number, line in enumerate(spool.lines()):
        out.write((",\n  " if number else "\n  ") + line)
    out.write("\n ]")
    for name, value in tail.items():
        out.write(f",\n {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    out.write("\n}\n")
