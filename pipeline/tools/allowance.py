"""What the job at hand may use of memory, in a worker: a share of the machine, unless it says that it needs more.

A job is begun with the share of any other. Where what its file claims needs more, it ends at once, and begins again
when there is room for so much. Elsewhere than in a worker nothing is limited here.
"""

from __future__ import annotations

import sys
from typing import Final

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MiB

EVERYTHING: Final = 1 << 62  # bytes: as much as one file may ever have


class NeedsMore(BaseException):
    """The job is to be begun again with `memory` bytes. No error: nobody but the worker may catch it."""

    def __init__(self, memory: int) -> None:
        super().__init__(memory)
        self.memory = memory


class _Allowance:
    """Of the job at hand."""

    def __init__(self) -> None:
        self.memory = EVERYTHING
        self.last = True  # it is as much as there is for one file


_NOW: Final = _Allowance()


def begin(memory: int, *, last: bool) -> None:
    """A job of this worker may use so many bytes; with `last` that is all there is for one file."""
    _NOW.memory, _NOW.last = memory, last
    if not sys.platform.startswith("linux"):  # others count something else, or nothing
        return
    import resource

    # What a process writes to, and what the programs that it starts write to (setrlimit(2), RLIMIT_DATA since
    # Linux 4.7). Address space would count code, and what threads reserve and never touch, too.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def ask(name: str, memory: int) -> None:
    """Before `memory` bytes are used for the file called `name`. Raises NeedsMore, or CeilingExceeded for too much."""
    if memory <= _NOW.memory:
        return
    if not _NOW.last:
        raise NeedsMore(memory)
    raise CeilingExceeded(
        f"{name} would take about {memory // MiB} MiB of memory; one file may use {_NOW.memory // MiB} MiB here. "
        "Make it smaller, or give the machine or container more memory.",
        f"{name} 约需 {memory // MiB} MiB 内存，此处单个文件最多可用 {_NOW.memory // MiB} MiB。"
        "请缩小文件，或为机器（容器）增加内存。",
    )


def exhausted() -> None:
    """Memory ran out: nobody knew how much is needed. Raises NeedsMore unless this was all there is."""
    if not _NOW.last:
        raise NeedsMore(EVERYTHING)
