"""What the workers of test_pool.py do: work as usual, and every way of not finishing it."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import JobTime
from pipeline.model.job import Progress
from pipeline.tools import allowance

Job = tuple[str, Any]
SOON = JobTime(cpu=30, wall=30)


def work(job: Job, progress: Progress) -> Any:
    """Do what the first word says to the second."""
    what, given = job
    match what:
        case "double":
            return given * 2
        case "nothing":
            return None
        case "process":
            return os.getpid()
        case "progress":
            for step in range(given):
                progress(step / given)
                time.sleep(0.12)
            return given
        case "raise":
            raise RuntimeError(given)
        case "exit":
            os._exit(given)
        case "crash":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(60)
        case "hang loudly":
            while True:
                progress(0.5)
                time.sleep(0.01)
        case "memory":
            return len(bytearray(given))
        case "allowed":  # what it may write to at last
            try:
                allowance.ask("the file", given)
            except CeilingExceeded as error:
                return str(error)
            import resource

            return resource.getrlimit(resource.RLIMIT_DATA)[0]
        case "asking span":
            allowance.ask("the file", given)
            began = time.monotonic()
            time.sleep(0.2)
            return began, time.monotonic()
        case "used up":
            try:
                return len(bytearray(given))
            except MemoryError:
                allowance.exhausted()
        case "burn":
            while True:
                pass
        case "sleep":
            time.sleep(given)
            return given
        case "unpicklable":
            return lambda: None
        case "large":
            return "x" * given
        case "say":  # as native libraries do, on both streams
            for stream in (1, 2):
                os.write(stream, given.encode())
            return "done"
        case "say and die":
            os.write(2, b"last words")
            os._exit(1)
        case "flood":
            for _ in range(given):
                try:
                    os.write(2, b"x" * 1024)
                except BlockingIOError:
                    return "held no more"
            return "all of it"
        case "alone":  # dies once, then tells who else runs
            folder, number = given
            mine = Path(folder, f"running-{number}")
            first = not Path(folder, f"tried-{number}").exists()
            Path(folder, f"tried-{number}").touch()
            mine.touch()
            time.sleep(0.05)
            if first and number == 0:
                os._exit(1)
            seen = sorted(path.name for path in Path(folder).glob("running-*"))
            mine.unlink()
            return seen
        case "once":  # dies the first time it is tried
            path = Path(given)
            if not path.exists():
                path.touch()
                os._exit(1)
            return "second time"
        case "processors":
            return sorted(os.sched_getaffinity(0))
        case "write":  # try to write there, and into the temporary folder
            import tempfile

            with tempfile.NamedTemporaryFile() as mine:
                mine.write(b"x")
            try:
                Path(given).write_bytes(b"x")
            except OSError as error:
                return type(error).__name__
            return "written"
        case "span":  # when it ran
            began = time.monotonic()
            time.sleep(0.2)
            return began, time.monotonic()
        case "read":
            return Path(given).read_text("utf-8")
        case "note":  # takes a moment and leaves a trace
            folder, number = given
            time.sleep(0.1)
            Path(folder, f"done-{number}").touch()
            return number
        case "network":  # try to reach whoever listens there
            try:
                socket.create_connection(("127.0.0.1", given), timeout=5).close()
            except OSError as error:
                return errno.errorcode[error.errno or 0]
            return "reached"
    raise AssertionError(what)
