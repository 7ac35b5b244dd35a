"""A worker's life: it limits itself, then takes jobs and sends what became of them, until the run ends.

Only `pipeline.engine.pool` starts it, in a process of its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, Final, NamedTuple

from pipeline.model.ceilings import WORKER_MEMORY, GiB
from pipeline.model.job import Progress
from pipeline.tools import allowance, launch


class More(NamedTuple):
    """In place of a result: the job is to be begun again with so many bytes of memory."""

    memory: int


# A job's number; share done; step begun; result; what libraries said. The last message has neither share nor step.
Message = tuple[int, float | None, str | None, Any, str]

# What a worker may know of our environment: where things are and how to speak. Secrets have names of their own.
_KNOWN: Final = (
    *("HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ"),
    *("PREFLIGHT_CACHE", "PREFLIGHT_FFMPEG", "PREFLIGHT_LANG", "PREFLIGHT_SOFFICE", "XDG_CACHE_HOME"),
)
_KINDS: Final = ("LC_", "PYTHON")
_OFTEN: Final = 0.1  # seconds between two shares
_SAID: Final = 4_000  # characters of what libraries said


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a worker may know."""
    return {name: value for name, value in ours.items() if name.upper() in _KNOWN or name.startswith(_KINDS)}


def serve(
    pipe: Connection,
    said: tuple[Connection, Connection],
    work: Callable[[Any, Progress], Any],
    writes: tuple[str, ...] | None,
    home: str,
) -> None:
    """Take a job, send what became of it. `writes` names the only folders that may be written below; None: any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    tempfile.tempdir = home
    for name in os.environ.keys() - environment(os.environ).keys():  # where no server has seen to it
        del os.environ[name]
    _listen(*said)
    launch.limit(cpu=1 << 40, memory=WORKER_MEMORY, file_size=64 * GiB)
    launch.alone()
    if writes is not None:
        fence = launch.Fence(reading=True)
        fence.allow(write=(*writes, "/dev/null"))
        if len(writes) > 1:  # more than its own: it converts, and an office makes its socket there, see tools/office.py
            fence.allow(sockets=("/tmp",))  # noqa: S108  as above
        fence.shut()
    launch.give_up(keep=launch.FILES_OF_OTHERS)
    launch.deny()
    launch.unseen()
    _end_with_parent()
    while True:
        try:
            index, job, processors, memory, last = pipe.recv()
        except EOFError:  # the parent hung up: no more work
            return
        if processors and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, processors)
        allowance.begin(memory, last=last)
        try:
            result = work(job, _progress(pipe, index))
        except allowance.NeedsMore as more:
            result = More(more.memory)
        pipe.send((index, None, None, result, heard(said[0])))


def _progress(pipe: Connection, index: int) -> Progress:
    last = 0.0

    def progress(news: float | str) -> None:
        nonlocal last
        if isinstance(news, str):
            pipe.send((index, None, news, None, ""))
            return
        now = time.monotonic()
        if now - last >= _OFTEN:
            last = now
            pipe.send((index, news, None, None, ""))

    return progress


def _listen(reader: Connection, writer: Connection) -> None:
    """Native libraries print what they like to standard error and output, which are the user's: here to a pipe.

    What it cannot hold is dropped: nobody reads before the job has ended, and no disk fills.
    """
    if os.name != "posix":
        return
    os.set_blocking(reader.fileno(), False)
    os.set_blocking(writer.fileno(), False)
    for stream in (1, 2):
        os.dup2(writer.fileno(), stream)


def heard(reader: Connection) -> str:
    """The end of what libraries said since somebody last asked."""
    data = b""
    if os.name == "posix":
        with contextlib.suppress(OSError):  # nothing there
            data = os.read(reader.fileno(), 1 << 16)
    return data.decode("utf-8", "backslashreplace")[-_SAID:]


def _end_with_parent() -> None:
    """However the run ends, nothing of it goes on.

    On Linux the kernel sees to it (`launch.alone`): the server that forked us is our parent, and it ends when the
    run does. A thread does the same elsewhere.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True, name="parent").start()
