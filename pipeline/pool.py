"""Local worker processes. What happens in one costs the asset it held and nothing else.

Native decoders (PyAV, Pillow, OpenCV, pdfium) run only in here. A worker that dies takes one job with it;
that job is tried once more in a fresh worker: it may have been innocent (memory had run out, say).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Generic, Self, TypeVar

from pipeline.errors import AssetError, TimedOut, WorkerLost
from pipeline.tools import launch
from pipeline.tools.ceilings import WORKER_MEMORY, GiB

J = TypeVar("J")
R = TypeVar("R")

Progress = Callable[[float], None]
Work = Callable[[J, Progress], R]

_ATTEMPTS: Final = 2
_AHEAD: Final = 4  # jobs a worker may hold, so that it never waits for the next one


@dataclass(frozen=True, slots=True)
class Event(Generic[R]):
    """News of one job: how far it is, or how it ended."""

    index: int
    fraction: float | None = None  # 0 to 1, while running
    result: R | None = None
    error: AssetError | None = None

    @property
    def ended(self) -> bool:
        """Whether this is the job's last event."""
        return self.fraction is None


def _limit() -> None:
    """What a worker may use; see `pipeline.tools.launch`."""
    launch.limit({"cpu": 1 << 40, "memory": WORKER_MEMORY, "file_size": 64 * GiB})
    launch.alone()


def _serve(pipe: Connection, work: Work[Any, Any]) -> None:
    """A worker's life: take a job, send what became of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    _limit()
    while True:
        try:
            index, job = pipe.recv()
        except EOFError:
            return
        last = 0.0

        def progress(fraction: float, index: int = index) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= 0.1:
                last = now
                told: Event[Any] = Event(index, fraction=fraction)
                pipe.send(told)

        pipe.send(Event(index, result=work(job, progress)))


@dataclass(eq=False)
class _Worker:
    process: Any  # a context's own Process class
    pipe: Connection
    held: deque[int] = field(default_factory=deque)
    since: float = 0.0  # when the first of them was begun

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _context() -> Any:
    """A clean server process forks the workers: no threads, no open pipes of ours, and cheap to repeat."""
    method = "forkserver" if sys.platform.startswith("linux") else "spawn"
    return multiprocessing.get_context(method)


class Pool(Generic[J, R]):
    """Runs `work(job, progress)` in worker processes. `wall` is the time limit of one job in seconds."""

    def __init__(self, work: Work[J, R], workers: int, wall: float) -> None:
        self._work, self._count, self._wall = work, workers, wall
        self._context = _context()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def run(self, jobs: Sequence[J]) -> Iterator[Event[R]]:
        """Events of all jobs as they come; exactly one of each job's events has `ended`."""
        waiting = deque(range(len(jobs)))
        attempts: dict[int, int] = {}
        ahead = _AHEAD if len(jobs) >= self._count * _AHEAD else 1
        while len(self._workers) < min(self._count, len(jobs)):
            self._start()
        while waiting or any(worker.held for worker in self._workers):
            for worker in self._workers:
                while waiting and len(worker.held) < ahead:
                    self._give(worker, waiting.popleft(), jobs)
            busy = [worker for worker in self._workers if worker.held]
            ready = wait([w.pipe for w in busy], timeout=self._patience(busy))
            for worker in busy:
                if worker.pipe in ready:
                    yield from self._hear(worker, waiting, attempts)
                elif time.monotonic() - worker.since > self._wall:
                    yield self._overdue(worker, waiting)
            while len(self._workers) < self._count and waiting:
                self._start()

    def _give(self, worker: _Worker, index: int, jobs: Sequence[J]) -> None:
        if not worker.held:
            worker.since = time.monotonic()
        worker.held.append(index)
        with contextlib.suppress(BrokenPipeError):  # its death is noticed where its answers are read
            worker.pipe.send((index, jobs[index]))

    def _patience(self, busy: Sequence[_Worker]) -> float:
        now = time.monotonic()
        return max(0.0, min(worker.since + self._wall - now for worker in busy)) + 0.01

    def _hear(self, worker: _Worker, waiting: deque[int], attempts: dict[int, int]) -> Iterator[Event[R]]:
        try:
            event: Event[R] = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            event_or_none = self._lost(worker, waiting, attempts)
            if event_or_none:
                yield event_or_none
            return
        if event.ended:
            worker.held.popleft()
            worker.since = time.monotonic()
        yield event

    def _drop(self, worker: _Worker, waiting: deque[int]) -> tuple[int, int | None]:
        """End a worker; its first job is the suspect, the others go back to the front of the queue."""
        worker.process.join(1.0)
        code = worker.process.exitcode
        worker.end()
        self._workers.remove(worker)
        suspect = worker.held.popleft()
        waiting.extendleft(reversed(worker.held))
        return suspect, code

    def _lost(self, worker: _Worker, waiting: deque[int], attempts: dict[int, int]) -> Event[R] | None:
        suspect, code = self._drop(worker, waiting)
        attempts[suspect] = attempts.get(suspect, 0) + 1
        if attempts[suspect] < _ATTEMPTS:
            waiting.appendleft(suspect)
            return None
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return Event(
            suspect,
            error=WorkerLost(
                f"the process reading this file died twice ({how}): a hostile file, or memory ran out",
                f"读取该文件的进程两次崩溃（{how}）；文件可能有问题，或内存不足",
            ),
        )

    def _overdue(self, worker: _Worker, waiting: deque[int]) -> Event[R]:
        worker.process.kill()
        suspect, _ = self._drop(worker, waiting)
        return Event(
            suspect,
            error=TimedOut(
                f"stopped after {self._wall:.0f} s, the time limit for one file",
                f"超过单个文件的时间限制 {self._wall:.0f} 秒，已终止",
            ),
        )


def cores() -> int:
    """How many workers this process may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
