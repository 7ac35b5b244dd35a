"""Whose files are worked on now: each person in turn, a few files at a time.

A run uses every processor, so there is one at a time. Where several people wait, a turn is as many files as there are
workers; a person's own batches follow each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from pipeline.engine.fork_server import warmed
from pipeline.serve.batches import DroppedBatch

_ALONE: Final = 4  # turns in one, where nobody else waits
Slice = Callable[[], int]
"""How many files may be done before somebody else has a turn."""


class Turns:
    """The queue of a server. `begin` is the run of a batch, resting after each slice; `saved` is told of its end."""

    def __init__(
        self,
        begin: Callable[[DroppedBatch, Slice], Iterator[None]],
        saved: Callable[[DroppedBatch], None],
        workers: int,
    ) -> None:
        self._begin, self._saved, self._workers = begin, saved, workers
        self._queue: list[DroppedBatch] = []
        self._runs: dict[str, Iterator[None]] = {}
        self._served: dict[str, int] = {}  # person -> number of the last turn
        self._turn = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, batch: DroppedBatch) -> None:
        """Its run begins when it is its turn."""
        batch.state = "waiting"
        self._saved(batch)
        with self._lock:
            self._queue.append(batch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, daemon=True)
                self._thread.start()

    def place(self, batch: DroppedBatch) -> int | None:
        """How many batches have a turn before this one does; None when it waits for none."""
        with self._lock:
            order = self._order()
        return order.index(batch) if batch in order else None

    def _order(self) -> list[DroppedBatch]:
        """The queue as turns come: the first of each person, whose turn is longest ago first, then the second ones."""
        own: dict[str, int] = {}
        ranked = []
        for batch in self._queue:
            rank = own[batch.person] = own.get(batch.person, -1) + 1
            ranked.append((rank, self._served.get(batch.person, 0), batch))
        return [batch for *_, batch in sorted(ranked, key=lambda one: one[:2])]

    def _slice(self) -> int:
        with self._lock:
            alone = len({batch.person for batch in self._queue}) < 2
        return self._workers * (_ALONE if alone else 1)

    def _loop(self) -> None:
        with warmed():
            while True:
                with self._lock:
                    if not self._queue:
                        self._thread = None
                        return
                    batch = self._order()[0]
                    self._turn += 1
                    self._served[batch.person] = self._turn
                run = self._runs.setdefault(batch.id, self._begin(batch, self._slice))
                if next(run, self) is self:  # it has ended
                    del self._runs[batch.id]
                    with self._lock:
                        self._queue.remove(batch)
                    self._saved(batch)
