"""The way of an asset whose source or outputs are elsewhere: fetched to private scratch, worked on, delivered.

Whoever runs this decodes nothing; workers see local paths only.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from msgspec.structs import replace

from pipeline.documents.entry import named
from pipeline.documents.read import entry as read
from pipeline.documents.spool import Line, line
from pipeline.documents.types import AssetEntry, OutputEntry, PlannedAsset, ProbedAsset
from pipeline.engine.pool import Pool, WorkerEvent
from pipeline.engine.record import Worked
from pipeline.errors import AssetError
from pipeline.model.ceilings import GiB
from pipeline.model.job import Job
from pipeline.storage import publish, remote, urls
from pipeline.storage.digest import content_md5

Result = Line | ProbedAsset | Worked
_WAVE_BYTES: Final = 2 * GiB  # fetched ahead together, a larger one alone; three such waves may be on the disk
_WAVE_FILES: Final = 4  # for each worker
_MOVERS: Final = 8  # transfers at a time


def begin(job: Job, home: Path) -> tuple[Job, Path]:
    """The job with everything here, and the folder below `home` that it is in. Raises AssetError."""
    try:
        scratch = Path(tempfile.mkdtemp(dir=home))
    except OSError as error:
        raise publish.no_scratch(error) from None
    try:
        here = job
        if urls.is_url(job.path):
            (scratch / "in").mkdir()
            here = replace(here, path=str(remote.fetch(job.path, scratch / "in")))
        if job.far:
            (scratch / "out").mkdir()  # before a fence is drawn around it
            here = replace(here, out=str(scratch / "out"))
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise publish.no_scratch(error) from None
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return here, scratch


def end(job: Job, here: Job, result: Result) -> Result:
    """What became of `here` under the name of `job`, its outputs delivered. Raises AssetError."""
    if not isinstance(result, Worked):
        return _renamed(result, urls.shown(job.path)) if urls.is_url(job.path) else result
    record = result.record.named(urls.shown(job.path)) if urls.is_url(job.path) else result.record
    receipts = (deliver(job, Path(here.out), record.outputs),) if job.far and record.outputs else result.receipts
    return Worked(record, receipts, result.seen)


def _renamed(result: Line | ProbedAsset, source: str) -> Line | ProbedAsset:
    """Written out by a worker, who knows no other name than that of the copy."""
    if isinstance(result, ProbedAsset):
        return named(result, source)
    planned = b'"steps":' in result.text
    again = line(named(read(result.text, PlannedAsset if planned else AssetEntry), source))
    return again._replace(trace=result.trace)


def deliver(job: Job, folder: Path, outputs: Sequence[OutputEntry]) -> str:
    """All outputs of an asset to their place, or none; returns the name of the receipt, which stays.

    What is there already is replaced only when it was asked for or is ours. Raises AssetError.
    """
    name = f"{publish.WORK}{uuid.uuid4().hex}.json"
    promises = [(one.path, one.size, one.md5) for one in outputs]
    receipt = json.dumps(promises).encode()
    given: list[str] = []
    try:
        todo = [one for one in promises if not _there(job, *one)]
        note = folder / name
        note.write_bytes(receipt)
        remote.store(note, f"{job.far}/{name}", content_md5(note))
        for path, _, md5 in todo:
            url = f"{job.far}/{path}"
            if not remote.exists(url):
                given.append(url)
            remote.store(folder / path, url, md5)
    except BaseException:
        left = [url for url in given if not _removed(url)]
        if not left:
            _removed(f"{job.far}/{name}")
        raise
    return name


def _removed(url: str) -> bool:
    """Whether a file of a delivery that broke is gone. Where it is not, the receipt stays and the next run tries."""
    try:
        remote.remove(url)
    except Exception:  # noqa: BLE001  what broke the delivery is the error to tell
        return False
    return True


def _there(job: Job, path: str, length: int, md5: str) -> bool:
    """Whether exactly this is in its place already. Raises AssetError when something else is, and is not ours."""
    url = f"{job.far}/{path}"
    try:
        if not remote.exists(url):
            return False
        if remote.same(url, length, md5):
            return True
        if job.replace or any(name == path and remote.holds(url, known) for name, known in job.ours):
            return False
    except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
        raise remote.failed(AssetError, url, error) from None
    raise AssetError(
        f"{urls.shown(url)} exists and is not of this run. Pass --overwrite always, or choose another folder.",
        f"{urls.shown(url)} 已存在且不属于本次运行。请使用 --overwrite always 或更换输出目录。",
    )


class Mover:
    """A pool whose jobs may be elsewhere: while some are worked on, the next are fetched and the last delivered."""

    def __init__(self, pool: Pool[Any, Any], workers: int) -> None:
        self._pool, self._workers = pool, workers
        self._numbers: list[int] = []
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self._held.enter_context(self._pool)
        self._home = self._held.enter_context(publish.scratched())
        self._pool.allow(self._home)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def busy(self) -> list[tuple[int, int]]:
        """As the pool's, with the numbers of all jobs."""
        return [(place, self._numbers[at]) for place, at in self._pool.busy()]

    def run(self, jobs: Sequence[Job]) -> Iterator[WorkerEvent[Result]]:
        """Events of all jobs as they come; a job has ended when its outputs are delivered."""
        with _transfers() as movers:
            waves = _waves(jobs, self._workers * _WAVE_FILES)
            coming = {n: movers.submit(begin, jobs[n], self._home) for n in next(waves, [])}
            leaving: dict[Future[Result], int] = {}
            while coming:
                ahead = {n: movers.submit(begin, jobs[n], self._home) for n in next(waves, [])}
                yield from self._wave(jobs, coming, leaving, movers)
                coming = ahead
            for future, number in leaving.items():
                yield _ended(number, future)

    def _wave(
        self,
        jobs: Sequence[Job],
        coming: Mapping[int, Future[tuple[Job, Path]]],
        leaving: dict[Future[Result], int],
        movers: ThreadPoolExecutor,
    ) -> Iterator[WorkerEvent[Result]]:
        here: dict[int, tuple[Job, Path]] = {}
        for number, future in coming.items():
            try:
                here[number] = future.result()
            except AssetError as error:
                yield WorkerEvent(number, error=error)
        self._numbers = list(here)
        numbers = self._numbers
        for event in self._pool.run([here[number][0] for number in numbers]):
            number = numbers[event.index]
            if not event.ended:
                yield replace(event, index=number)
            elif event.result is None:
                shutil.rmtree(here[number][1], ignore_errors=True)
                yield replace(event, index=number)
            else:
                leaving[movers.submit(_left, jobs[number], *here[number], event.result)] = number
            for done in [future for future in leaving if future.done()]:
                yield _ended(leaving.pop(done), done)


@contextmanager
def _transfers() -> Iterator[ThreadPoolExecutor]:
    """Threads for transfers; what is not begun is dropped when the run is ended early."""
    movers = ThreadPoolExecutor(_MOVERS, thread_name_prefix="transfer")
    try:
        yield movers
    finally:
        movers.shutdown(wait=True, cancel_futures=True)


def _left(job: Job, here: Job, scratch: Path, result: Result) -> Result:
    try:
        return end(job, here, result)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _ended(number: int, future: Future[Result]) -> WorkerEvent[Result]:
    try:
        return WorkerEvent(number, result=future.result())
    except AssetError as error:
        return WorkerEvent(number, error=error)


def _waves(jobs: Sequence[Job], most: int) -> Iterator[list[int]]:
    """Numbers of jobs that are fetched together."""
    held = 0
    wave: list[int] = []
    for number, job in enumerate(jobs):
        if wave and (len(wave) >= most or held + job.known_size > _WAVE_BYTES):
            yield wave
            wave, held = [], 0
        wave.append(number)
        held += job.known_size
    if wave:
        yield wave
