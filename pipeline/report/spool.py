"""Entries of a run, kept on disk so that ten thousand assets need no more memory than ten."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, Any, Self

Entry = dict[str, Any]


class Spool:
    """Entries in the order of the inputs, whatever order they came in. Iterate as often as you like."""

    def __init__(self, count: int) -> None:
        self._places: list[tuple[int, int] | None] = [None] * count
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="preflight-")  # noqa: SIM115  closed by __exit__
        self.statuses: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, index: int, entry: Entry) -> None:
        """Keep the entry of the asset with this index."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        self._file.seek(0, 2)
        self._places[index] = (self._file.tell(), len(line))
        self._file.write(line)
        self.statuses[entry.get("status", "")] += 1

    def lines(self) -> Iterator[str]:
        """Each entry as one line of JSON."""
        for place in self._places:
            if place is not None:
                self._file.seek(place[0])
                yield self._file.read(place[1]).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[Entry]:
        return (json.loads(line) for line in self.lines())

    def __len__(self) -> int:
        return sum(self.statuses.values())

    def summary(self, statuses: tuple[str, ...]) -> dict[str, int]:
        """How many assets stand where."""
        return {status: self.statuses[status] for status in statuses}


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
