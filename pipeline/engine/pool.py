"""Local worker processes. What happens in one costs the asset it held and nothing else.

Native decoders (PyAV, Pillow, OpenCV, pdfium) run only in here. A worker that dies takes one job with it; that job
is tried once more when all others are done, in a fresh worker and alone on the machine: it may have been innocent
(memory had run out, say).

All jobs share the memory of the machine, or of its container: each is begun with an equal part of our share of it.
One whose file claims more ends at once, and is begun again when the others are done and as soon as there is room for
it; what needs more than our share runs alone. Time is counted in processor seconds, as the kernel counts them, and by
the clock well above: a busy machine ends no innocent.

Jobs with a weight share the processors too: the heaviest begin first, and each worker keeps to its share of the
processors, which is all of them for the last job. Programs count the processors they may use, so their threads follow
without a word on their command lines.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from msgspec import Struct

from pipeline.engine import fork_server
from pipeline.engine.worker import Message, More, heard, serve
from pipeline.errors import AssetError, TimedOut, WorkerLost
from pipeline.model.ceilings import LEAST_MEMORY, MEMORY_SHARE, WORKER_MEMORY, JobTime
from pipeline.model.facts import Text
from pipeline.model.job import Progress
from pipeline.storage import publish
from pipeline.tools import machine
from pipeline.tools.ffmpeg import Share

J = TypeVar("J")
R = TypeVar("R")

Work = Callable[[J, Progress], R]

_AHEAD: Final = 16  # light jobs a worker may hold, so that it never waits for the next one
_LOOK: Final = 1.0  # seconds after which a job is long, and its processor time looked at, as often
_QUEUED: Final = 64 * 1024  # bytes of jobs on their way to a worker: what its socket holds whatever it is doing


class WorkerEvent(Struct, Generic[R], frozen=True):
    """News of one job: how far it is, which step of it begins, or how it ended."""

    index: int
    fraction: float | None = None  # 0 to 1, while running
    step: str | None = None  # "check", "convert", "prove", "publish"
    result: R | None = None
    error: AssetError | None = None
    said: str = ""  # what native libraries printed meanwhile, at its end
    speed: float | None = None  # times faster than it plays, while sound or pictures are converted

    @property
    def ended(self) -> bool:
        """Whether this is the job's last event."""
        return self.fraction is None and self.step is None


@dataclass(eq=False)
class _Worker:
    process: Any  # of the server, or of multiprocessing
    pipe: Connection
    said: Connection  # what its libraries print
    place: int  # among the workers, from 0; a new worker takes the place of the one that was lost
    held: deque[int] = field(default_factory=deque)
    weight: int = 0  # bytes of memory that the greediest of them may use
    since: float = 0.0  # when the first of them was begun
    before: float | None = None  # processor seconds used before that job, looked at once it is long

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.said.close()


@dataclass
class _Queue:
    """What is still to be done of a run."""

    waiting: deque[int]
    weights: dict[int, int] = field(default_factory=dict)  # bytes of memory of those that asked for more than a part
    suspects: deque[int] = field(default_factory=deque)  # a worker died with them; they are tried alone in the end
    alone: set[int] = field(default_factory=set)  # ... and have been

    def __bool__(self) -> bool:
        return bool(self.waiting or self.suspects)


def _spawned(words: tuple[Any, ...]) -> Any:
    """A worker on a system without a server. Daemonic processes may start one too: it ends with the pool."""
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001  multiprocessing has no other way
    daemonic = config.pop("daemon", None)
    try:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=words, daemon=True)
        process.start()
    finally:
        if daemonic is not None:
            config["daemon"] = daemonic
    return process


class Pool(Generic[J, R]):
    """Runs `work(job, progress)` in worker processes, each job within `patience`.

    `weigh` says how much work a job is, in any unit; jobs without a weight are light. `writes` names the only
    folders that workers may write below, beside their own temporary one; None leaves them free.
    """

    def __init__(
        self,
        work: Work[J, R],
        workers: int,
        patience: JobTime,
        *,
        weigh: Callable[[J], int] | None = None,
        writes: tuple[str, ...] | None = None,
    ) -> None:
        self._work, self._count, self._patience = work, workers, patience
        self._weigh, self._writes = weigh, writes
        self._ahead = 1
        self._share_memory(machine.memory())
        self._owner = os.getpid()
        self._workers: list[_Worker] = []
        self._ears = selectors.DefaultSelector()  # sockets of all workers; Windows has pipes, which it cannot hear
        self._home: Path | None = None

    def _share_memory(self, there: machine.Memory) -> None:
        """All jobs together may use `_room` bytes; one may use a `_part` of that, or `_most` when it is alone."""
        spare = there.free * 4 // 5
        self._room = min(int(there.all * MEMORY_SHARE), spare)
        self._part = min(WORKER_MEMORY, max(LEAST_MEMORY, self._room // self._count))
        self._most = max(self._part, min(WORKER_MEMORY, max(self._room, spare)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._owner:  # a copy, in a process that was forked meanwhile: nothing of it is ours
            return
        for worker in list(self._workers):
            self._end(worker)
        self._ears.close()
        if self._home:
            if fork_server.forking():
                fork_server.SERVER.release()
            publish.drop(self._home)
            self._home = None

    def allow(self, folder: Path) -> None:
        """A further folder that workers may write below, from before the first of them starts."""
        if self._writes is not None:
            self._writes = (*self._writes, str(folder))

    def busy(self) -> list[tuple[int, int]]:
        """Place of each worker that has something to do, and the number of the job it is at."""
        return sorted((worker.place, worker.held[0]) for worker in self._workers if worker.held)

    def _start(self) -> None:
        if self._home is None:  # private, and known to be ours should we be killed
            self._home = publish.scratch()
            if fork_server.forking():
                fork_server.SERVER.hold(fork_server.REPAIRING)
        writes = None if self._writes is None else (*self._writes, str(self._home))
        words = (self._work, writes, str(self._home))
        ours, theirs = multiprocessing.Pipe()
        said = multiprocessing.Pipe(duplex=False)
        process = (
            fork_server.SERVER.fork(words, ours, theirs, said)
            if fork_server.forking()
            else _spawned((theirs, said, *words))
        )
        theirs.close()
        said[1].close()
        taken = {worker.place for worker in self._workers}
        place = next(number for number in range(len(taken) + 1) if number not in taken)
        worker = _Worker(process, ours, said[0], place)
        self._workers.append(worker)
        if os.name == "posix":
            self._ears.register(ours, selectors.EVENT_READ, worker)

    def run(self, jobs: Sequence[J]) -> Iterator[WorkerEvent[R]]:
        """Events of all jobs as they come; exactly one of each job's events has `ended`."""
        queue = _Queue(deque(range(len(jobs))))
        self._ahead = 1 if self._weigh else max(1, min(_AHEAD, len(jobs) // (self._count * 4)))
        if self._weigh:
            work = [self._weigh(job) for job in jobs]
            queue.waiting = deque(sorted(queue.waiting, key=lambda index: -work[index]))
        self._begin(queue, jobs)
        while busy := [worker for worker in self._workers if worker.held]:
            ready = self._ready(busy)
            news = [event for worker in ready if (event := self._hear(worker, queue))]
            late = [(w, why) for w in busy if w not in ready and (why := self._late(w))]
            news += [self._overdue(worker, why, queue) for worker, why in late]
            self._begin(queue, jobs)  # first: whoever takes the news may write to the disk for a while
            yield from news

    def _ready(self, busy: Sequence[_Worker]) -> list[_Worker]:
        """Workers that have something to say, or have died, as soon as one has or is overdue."""
        now = time.monotonic()
        patience = max(0.01, min(min(worker.since + self._patience.wall - now, _LOOK) for worker in busy))
        if os.name != "posix":
            heard_of = wait([worker.pipe for worker in busy], patience)
            return [worker for worker in busy if worker.pipe in heard_of]
        return [key.data for key, _ in self._ears.select(patience) if self._alive(key.data)]

    def _late(self, worker: _Worker) -> Text | None:
        """What its job has used up of our patience; None while there is some left."""
        running = time.monotonic() - worker.since
        if running > self._patience.wall:
            return Text(f"{self._patience.wall:.0f} s", f"{self._patience.wall:.0f} 秒")
        if running < _LOOK:
            return None
        used = machine.processor_seconds(worker.process.pid)
        if worker.before is None:
            worker.before = used
        if used is not None and worker.before is not None and used - worker.before > self._patience.cpu:
            return Text(f"{self._patience.cpu:.0f} s of processor time", f"{self._patience.cpu:.0f} 秒处理器时间")
        return None

    def _alive(self, worker: _Worker) -> bool:
        """Whether it is at work. One that had nothing to do has nothing to say either: it died."""
        if not worker.held:
            self._end(worker)
        return bool(worker.held)

    def _end(self, worker: _Worker) -> None:
        if os.name == "posix":
            self._ears.unregister(worker.pipe)
        worker.end()
        self._workers.remove(worker)

    def _begin(self, queue: _Queue, jobs: Sequence[J]) -> None:
        """Give every worker something to do, while there is anything."""
        while len(self._workers) < min(self._count, len(queue.waiting)):
            self._start()
        for worker in self._workers:
            if len(worker.held) <= self._ahead // 2:  # several at a time: each interrupts us once
                while queue.waiting and len(worker.held) < self._ahead:
                    if not self._give(worker, queue, jobs, len(queue.waiting)):
                        break
        if queue.suspects and not queue.waiting and not any(worker.held for worker in self._workers):
            queue.alone.add(queue.suspects[0])
            for worker in tuple(self._workers):  # one may have died unnoticed, which is not the next job's fault
                self._end(worker)
            self._start()
            self._give(self._workers[0], queue, jobs, 1)

    def _give(self, worker: _Worker, queue: _Queue, jobs: Sequence[J], rivals: int) -> bool:
        """Send a worker the next job, one of so many that could begin now; whether there was one for it."""
        index = self._next(worker, queue)
        if index is None:
            return False
        waiting, weight = queue.waiting or queue.suspects, self._weight(index, queue)
        share = self._share(worker, rivals) if self._weigh else None
        message = ForkingPickler.dumps((index, jobs[index], share, weight, weight >= self._most))
        if len(worker.held) * len(message) > _QUEUED:
            return False
        waiting.remove(index)
        if not worker.held:
            worker.since, worker.before, worker.weight = time.monotonic(), None, 0
        worker.weight = max(worker.weight, weight)
        worker.held.append(index)
        with contextlib.suppress(BrokenPipeError):  # its death is noticed where its answers are read
            worker.pipe.send_bytes(message)
        return True

    def _weight(self, index: int, queue: _Queue) -> int:
        """Bytes of memory that a job may use: as much as it asked for; one that is tried alone, as much as there is."""
        return self._most if index in queue.alone else queue.weights.get(index, self._part)

    def _next(self, worker: _Worker, queue: _Queue) -> int | None:
        """The next job that memory has room for; any job when nothing runs."""
        others = sum(one.weight for one in self._workers if one.held and one is not worker)
        mine = worker.weight if worker.held else 0
        return next(
            (
                index
                for index in queue.waiting or queue.suspects
                if not (others or mine) or others + max(mine, self._weight(index, queue)) <= self._room
            ),
            None,
        )

    def _share(self, worker: _Worker, rivals: int) -> set[int]:
        """The processors that one of so many jobs may use, beside those that run."""
        every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if not every:
            return set()
        rivals = min(self._count, rivals + sum(bool(w.held) for w in self._workers))
        share = max(1, len(every) // rivals)
        return {every[(worker.place * share + n) % len(every)] for n in range(share)}

    def _hear(self, worker: _Worker, queue: _Queue) -> WorkerEvent[R] | None:
        try:
            message: Message = worker.pipe.recv()
        except (EOFError, ConnectionResetError):  # it died: its asset is tried alone, and lost the second time
            return self._lost(worker, queue)
        speed = message[1].speed if isinstance(message[1], Share) else None
        if isinstance(message[3], More):
            queue.weights[message[0]] = min(self._most, message[3].memory)
            queue.waiting.append(message[0])
            self._onward(worker)
            return None
        event: WorkerEvent[R] = WorkerEvent(message[0], message[1], message[2], message[3], None, message[4], speed)
        if event.ended:
            self._onward(worker)
        return event

    def _onward(self, worker: _Worker) -> None:
        """It has ended its first job."""
        worker.held.popleft()
        worker.since, worker.before = time.monotonic(), None

    def _drop(self, worker: _Worker, queue: _Queue) -> tuple[int, int | None, str]:
        """End a worker; its first job is the suspect, the others go back to the front of the queue."""
        worker.process.join(1.0)
        code, said = worker.process.exitcode, heard(worker.said)
        self._end(worker)
        suspect = worker.held.popleft()
        queue.waiting.extendleft(reversed(worker.held))
        return suspect, code, said

    def _lost(self, worker: _Worker, queue: _Queue) -> WorkerEvent[R] | None:
        suspect, code, said = self._drop(worker, queue)
        if suspect not in queue.alone:
            queue.suspects.append(suspect)
            return None
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return WorkerEvent(
            suspect,
            error=WorkerLost(
                f"the process reading this file died twice ({how}), the second time with nothing beside it: "
                "a hostile file, or one that needs more memory than there is",
                f"读取该文件的进程两次崩溃（{how}），第二次是单独运行的；文件可能有问题，或内存不足",
            ),
            said=said,
        )

    def _overdue(self, worker: _Worker, used: Text, queue: _Queue) -> WorkerEvent[R]:
        worker.process.kill()
        suspect, _, said = self._drop(worker, queue)
        return WorkerEvent(
            suspect,
            error=TimedOut(
                f"stopped after {used.en}, the time limit for one file",
                f"超过单个文件的时间限制 {used.zh}，已终止",
            ),
            said=said,
        )


def cores() -> int:
    """How many workers this process may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
