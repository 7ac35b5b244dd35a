"""Files that come into a folder: which of them are whole."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.model.job import Job
from pipeline.storage import regular
from pipeline.storage.digest import file_state


class Coming:
    """Which files of the folder have come whole and were not prepared yet."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._seen: dict[str, tuple[str, float]] = {}  # path -> state, and since when (seconds) it has been that
        self._done: dict[str, str] = {}
        self.waiting = False  # whether any is still to settle

    def settled(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that have stayed as they are, and that nobody writes to."""
        now, seen, done, ready = time.monotonic(), {}, {}, []
        for job in jobs:
            try:
                state = file_state(Path(job.path))
            except OSError:  # it went away again
                continue
            if self._done.get(job.path) == state:
                done[job.path] = state
                continue
            known, since = self._seen.get(job.path, ("", now))
            seen[job.path] = (state, since if known == state else now)
            if known == state and now - since >= self._settle and not written(job.path):
                ready.append(job)
        self._seen, self._done = seen, done
        self.waiting = len(ready) < len(seen)
        return ready

    def done(self, jobs: Sequence[Job]) -> None:
        """These were prepared as they were when they had settled."""
        for job in jobs:
            self._done[job.path] = self._seen.pop(job.path)[0]


def written(path: str) -> bool:
    """Whether somebody has this file open for writing, as far as this system tells.

    A lease on reading is given by Linux only where nobody has (fcntl(2)), to the owner of the file. Elsewhere
    all that is known is that the file has stayed as it is. Who asks ignores SIGIO: a writer that comes meanwhile
    sends it.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        file = regular.opened(path)
    except OSError:  # told where it is read
        return False
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN  # else: not ours, or a file system without leases
    finally:
        os.close(file)  # which ends the lease
    return False
