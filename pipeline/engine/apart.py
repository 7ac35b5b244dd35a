"""One thing done in a worker of its own: it reads a file of strangers and gives back one answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pipeline.engine.pool import Pool
from pipeline.errors import AssetError
from pipeline.model.ceilings import PREPARE
from pipeline.model.job import Progress

J = TypeVar("J")
R = TypeVar("R")


def apart(make: Callable[[J, Progress], R], job: J, out: str) -> R:
    """What `make` makes of the job, in a worker that may write below `out`.

    Raises the AssetError that it raises, and WorkerLost or TimedOut where the worker ended without an answer.
    """
    with Pool(partial(_safely, make), 1, PREPARE, writes=(out,)) as pool:
        for event in pool.run([job]):
            if event.ended:
                if event.error is not None:
                    raise event.error
                if isinstance(event.result, AssetError):
                    raise event.result
                if event.result is not None:
                    return event.result
    raise AssetError("nothing came back", "没有结果")


def _safely(make: Callable[[J, Progress], R], job: J, progress: Progress) -> R | AssetError:
    try:
        return make(job, progress)
    except AssetError as error:  # not a fault of the worker: it is raised where it was asked for
        return error
