"""Local worker processes. What happens in one costs the asset it held and nothing else.

Native decoders (PyAV, Pillow, OpenCV, pdfium) run only in here. A worker that dies takes one job with it;
that job is tried once more in a fresh worker: it may have been innocent (memory had run out, say).

Jobs with a weight share the machine: the heaviest begin first, no more run at once than memory has room for, and
each worker keeps to its share of the processors, which is all of them for the last job. Programs count the
processors they may use, so their threads follow without a word on their command lines.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from pipeline import publish
from pipeline.errors import AssetError, TimedOut, WorkerLost
from pipeline.tools import launch
from pipeline.tools.ceilings import WORKER_MEMORY, GiB

J = TypeVar("J")
R = TypeVar("R")

Progress = Callable[[float], None]
Work = Callable[[J, Progress], R]

_ATTEMPTS: Final = 2
_SOCKET: Final = 45  # characters of a folder; 60 more are ours and the socket's, and 107 are all there may be
_SHORT: Final = Path("/tmp")  # noqa: S108  the folder made in it is private
_PRELOADED: Final = (
    "__main__",
    "pipeline.run",
    "pipeline.probe.av",
    "pipeline.convert.video",
    "pipeline.probe.timeline",
)
_AHEAD: Final = 4  # light jobs a worker may hold, so that it never waits for the next one


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


def _limit(writes: tuple[str, ...] | None) -> None:
    """What a worker may use and where it may write; see `pipeline.tools.launch`."""
    launch.limit(cpu=1 << 40, memory=WORKER_MEMORY, file_size=64 * GiB)
    launch.alone()
    if writes is not None:
        launch.fence(None, (*writes, "/dev/null"))


def _end_with_parent() -> None:
    """However the run ends, nothing of it goes on.

    On Linux the kernel sees to it (`launch.alone`): the server that forked us is our parent, and it ends when the
    run does, provided that we do not hold the pipe by which it knows. A thread does the same elsewhere.
    """
    server = getattr(forkserver, "_forkserver", None)
    pipe = getattr(server, "_forkserver_alive_fd", None)
    if pipe is not None:
        os.close(pipe)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True, name="parent").start()


def _serve(pipe: Connection, work: Work[Any, Any], writes: tuple[str, ...] | None, home: str) -> None:
    """A worker's life: take a job, send what became of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    tempfile.tempdir = home
    _limit(writes)
    _end_with_parent()
    while True:
        try:
            index, job, processors = pipe.recv()
        except EOFError:
            return
        if processors and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, processors)
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
    place: int  # among the workers, from 0; a new worker takes the place of the one that was lost
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


def warm() -> None:
    """Start the server that forks workers: it loads what all of them need, once, while we do other things.

    Only code is loaded there; no file is opened before a worker has limited itself.
    """
    if not sys.platform.startswith("linux"):
        return
    _temporary()
    forkserver.set_forkserver_preload(list(_PRELOADED))
    main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main_thread else None  # what it starts with, it keeps
    try:
        forkserver.ensure_running()
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


@cache
def _temporary() -> Path:
    """Where workers have their private folders. What earlier runs left there is removed.

    multiprocessing keeps its socket in a folder that a killed run would leave behind; ours is known by its name.
    """
    top = Path(tempfile.gettempdir())
    publish.sweep(top)
    # The name of a socket is short by law (108 bytes on Linux): a long TMPDIR leaves it no room.
    place = top if len(str(top)) < _SOCKET else _SHORT
    folder = publish.private(place)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    multiprocessing.current_process()._config.setdefault("tempdir", str(folder))  # type: ignore[attr-defined]  # noqa: SLF001  it has no other way
    if place is not top:
        publish.sweep(place)
    return top


class Pool(Generic[J, R]):
    """Runs `work(job, progress)` in worker processes. `wall` is the time limit of one job in seconds.

    `weigh` says how many bytes of memory a job may need; jobs without a weight are light. `writes` names the
    only folders that workers may write below, beside their own temporary one; None leaves them free.
    """

    def __init__(
        self,
        work: Work[J, R],
        workers: int,
        wall: float,
        *,
        weigh: Callable[[J], int] | None = None,
        writes: tuple[str, ...] | None = None,
    ) -> None:
        self._work, self._count, self._wall = work, workers, wall
        self._weigh, self._writes = weigh, writes
        self._weights: list[int] = []
        self._room = memory()
        self._context = _context()
        self._workers: list[_Worker] = []
        self._home: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def busy(self) -> list[tuple[int, int]]:
        """Place of each worker that has something to do, and the number of the job it is at."""
        return sorted((worker.place, worker.held[0]) for worker in self._workers if worker.held)

    def _start(self) -> None:
        if self._home is None:  # private, and known to be ours should we be killed
            self._home = publish.private(_temporary())
        writes = None if self._writes is None else (*self._writes, str(self._home))
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work, writes, str(self._home)), daemon=True)
        process.start()
        theirs.close()
        taken = {worker.place for worker in self._workers}
        place = next(number for number in range(len(taken) + 1) if number not in taken)
        self._workers.append(_Worker(process, ours, place))

    def run(self, jobs: Sequence[J]) -> Iterator[Event[R]]:
        """Events of all jobs as they come; exactly one of each job's events has `ended`."""
        waiting = deque(range(len(jobs)))
        ahead = _AHEAD if len(jobs) >= self._count * _AHEAD else 1
        if self._weigh:
            self._weights = [self._weigh(job) for job in jobs]
            waiting = deque(sorted(waiting, key=lambda index: -self._weights[index]))
            ahead = 1
        attempts: dict[int, int] = {}
        while len(self._workers) < min(self._count, len(jobs)):
            self._start()
        while waiting or any(worker.held for worker in self._workers):
            for worker in self._workers:
                while waiting and len(worker.held) < ahead and (index := self._next(waiting)) is not None:
                    self._give(worker, index, len(waiting), jobs)
            busy = [worker for worker in self._workers if worker.held]
            ready = wait([w.pipe for w in busy], timeout=self._patience(busy))
            for worker in busy:
                if worker.pipe in ready:
                    yield from self._hear(worker, waiting, attempts)
                elif time.monotonic() - worker.since > self._wall:
                    yield self._overdue(worker, waiting)
            while len(self._workers) < self._count and waiting:
                self._start()

    def _next(self, waiting: deque[int]) -> int | None:
        """The next job that memory has room for; any job when nothing runs."""
        if not self._weigh:
            return waiting.popleft()
        held = [index for worker in self._workers for index in worker.held]
        room = self._room - sum(self._weights[index] for index in held)
        for index in waiting:
            if not held or self._weights[index] <= room:
                waiting.remove(index)
                return index
        return None

    def _give(self, worker: _Worker, index: int, left: int, jobs: Sequence[J]) -> None:
        if not worker.held:
            worker.since = time.monotonic()
        worker.held.append(index)
        with contextlib.suppress(BrokenPipeError):  # its death is noticed where its answers are read
            worker.pipe.send((index, jobs[index], self._share(worker, left) if self._weigh else None))

    def _share(self, worker: _Worker, left: int) -> set[int]:
        """The processors a job begun now may use, when `left` others still wait."""
        every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if not every:
            return set()
        rivals = min(self._count, left + sum(bool(w.held) for w in self._workers))
        share = max(1, len(every) // max(1, rivals))
        return {every[(worker.place * share + n) % len(every)] for n in range(share)}

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


def memory() -> int:
    """Bytes that jobs may use together: four fifths of what is free here, or in this container."""
    free = 64 * GiB  # where the system does not tell, the limit of each worker is what protects it
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
            free = min(free, int(Path(limit).read_text("ascii")) - int(Path(used).read_text("ascii")))
    return max(free, 0) * 4 // 5
