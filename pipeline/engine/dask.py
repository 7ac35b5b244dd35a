"""The same work on a Dask cluster: paths go out, results come back, safety is that of the local pool.

A Dask worker runs no decoder itself. Each of its tasks goes to a local pool of one, so that a hostile file costs a
process of ours and not the Dask worker with everything it holds, and so that limits, namespaces and the time of
one job are the same on every host. What a lost host held is given to another one.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, Self, TypeVar

from pipeline.engine import staging as moving
from pipeline.engine.pool import Pool, Work, WorkerEvent
from pipeline.errors import AssetError, UsageError, WorkerLost
from pipeline.model.ceilings import JobTime
from pipeline.model.job import Job
from pipeline.storage import publish, urls

J = TypeVar("J")
R = TypeVar("R")

RESOURCE: Final = "preflight"  # asked for, one a task, where any worker offers it
_RETRIES: Final = 2
_PATIENCE: Final = 30.0  # seconds to reach the scheduler
_DESERTED: Final = 120.0  # seconds without any worker before the rest is given up
_LOOK: Final = 2.0

_held = threading.local()


def remote(work: Work[Any, Any], job: Any, patience: JobTime) -> tuple[Any, AssetError | None]:
    """One job on a Dask worker: what became of it."""
    if isinstance(job, Job) and urls.away(job):
        return _around(work, job, patience)
    return _done(_pool(work, patience, job), job)


def _pool(work: Work[Any, Any], patience: JobTime, job: Any) -> Pool[Any, Any]:
    """The pool of this thread, kept from one job to the next that does the same below the same folder."""
    writes = None if not isinstance(job, Job) else (job.out,) if job.out else ()
    asked, pool = (work, writes), getattr(_held, "pool", None)
    if pool is None or _held.asked != asked:
        if pool is not None:
            pool.__exit__()
            atexit.unregister(pool.__exit__)
        pool = Pool(work, 1, patience, writes=writes)
        _held.pool, _held.asked = pool, asked
        atexit.register(pool.__exit__)
    return pool


def _done(pool: Pool[Any, Any], job: Any) -> tuple[Any, AssetError | None]:
    ended = next(event for event in pool.run([job]) if event.ended)
    return ended.result, ended.error


def _around(work: Work[Any, Any], job: Job, patience: JobTime) -> tuple[Any, AssetError | None]:
    """What is elsewhere is fetched by this host and delivered by it."""
    try:
        with publish.scratched() as home:
            here, _ = moving.begin(job, home)
            result, error = _done(_pool(work, patience, here), here)
            return (None if result is None else moving.end(job, here, result)), error
    except AssetError as error:
        return None, error


class Cluster(Generic[J, R]):
    """As `pipeline.engine.pool.Pool`, on the workers of the Dask scheduler at `address` (tcp://host:8786).

    Every host needs this package in the same version, and the paths of sources and outputs. Jobs with a weight
    need a share of a resource called "preflight" where workers offer one: start them with one thread and
    `--resources preflight=1`. Raises UsageError when there is no scheduler.
    """

    def __init__(self, work: Work[J, R], address: str | None, patience: JobTime) -> None:
        self._work, self._address, self._patience = work, address, patience
        self._client: Any = None

    def __enter__(self) -> Self:
        if not self._address:
            raise UsageError(
                "--executor dask needs --scheduler ADDR, such as tcp://host:8786",
                "--executor dask 需要 --scheduler 地址，例如 tcp://host:8786",
            )
        try:
            import distributed
        except ImportError:
            raise UsageError(
                "Dask is not installed here. Install it with: pip install 'media-preflight[cluster]'",
                "未安装 Dask。安装命令：pip install 'media-preflight[cluster]'",
            ) from None
        try:
            connect: Any = distributed.Client  # untyped
            self._client = connect(self._address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"no Dask scheduler answers at {self._address}: {error}",
                f"Dask 调度器 {self._address} 没有响应：{error}",
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def busy(self) -> list[tuple[int, int]]:
        """Nothing: which host is at which job is shown by Dask's own dashboard."""
        return []

    def _resources(self) -> dict[str, float] | None:
        offered = [worker.get("resources", {}) for worker in self._workers().values()]
        return {RESOURCE: 1} if any(RESOURCE in one for one in offered) else None

    def _workers(self) -> dict[str, Any]:
        workers: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return workers

    def run(self, jobs: Sequence[J]) -> Iterator[WorkerEvent[R]]:
        """One event for each job, as they end."""
        executor = self._client.get_executor(pure=False, retries=_RETRIES, resources=self._resources())
        waiting = {executor.submit(remote, self._work, job, self._patience): index for index, job in enumerate(jobs)}
        seen = time.monotonic()
        try:
            while waiting:
                ended, _ = concurrent.futures.wait(
                    waiting, timeout=_LOOK, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for future in ended:
                    yield _told(waiting.pop(future), future)
                if ended or self._workers():
                    seen = time.monotonic()
                elif time.monotonic() - seen > _DESERTED:
                    for index in waiting.values():
                        yield WorkerEvent(index, error=_lost("the cluster has no workers left", "集群中已没有工作进程"))
                    waiting.clear()
        finally:
            for future in waiting:
                future.cancel()


def _told(index: int, future: concurrent.futures.Future[tuple[Any, AssetError | None]]) -> WorkerEvent[Any]:
    try:
        result, error = future.result()
    except (Exception, concurrent.futures.CancelledError) as problem:  # noqa: BLE001  Dask's own ways of losing a task
        how = f"{type(problem).__name__}: {problem}"
        return WorkerEvent(index, error=_lost(f"the cluster lost this file ({how})", f"集群丢失了该文件（{how}）"))
    return WorkerEvent(index, result=result, error=error)


def _lost(en: str, zh: str) -> WorkerLost:
    return WorkerLost(f"{en}; run the same command again", f"{zh}；请重新运行相同的命令")
