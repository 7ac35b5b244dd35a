"""The small process that forks workers (Linux): it has no threads and no open file of ours, and is cheap to ask again.

multiprocessing has such a server too, of which there is one for a whole program. This one belongs to us alone, for the
sake of programs that import us:

- it ends with the last pool that needs it; the other stays, with a tracker beside it, until the program ends
- no `__main__` is run again in it: a script needs no guard, and what a program loads is not loaded in its workers
- a daemonic process may start it, as a worker of Celery is one, to which multiprocessing allows no children
- any thread may start it: no signal handler is touched

A request is a byte with four open files; what is to be done comes through the first of them. The last one tells the
number of the new process and then how it ended.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from multiprocessing import spawn, util
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from pipeline.engine.worker import environment, serve
from pipeline.errors import WorkerLost

# What workers need, by what they do: loaded once, before the first of them is forked.
LOOKING: Final = ("pipeline.engine.tasks", "pipeline.probe.av.read", "pipeline.probe.av.timeline")
REPAIRING: Final = (*LOOKING, "pipeline.stages.plan", "pipeline.convert.av.video")
_FILES: Final = 4  # of a request: jobs, both ends of what libraries print, the news of the process
_NUMBER: Final = struct.Struct("=q")
_GONE: Final = -signal.SIGKILL  # how a worker ended whose server can no longer tell: the kernel killed it then


class Worker:
    """A process that the server forked, as much like multiprocessing's as a pool needs."""

    def __init__(self, news: int) -> None:
        """`news` is our end of what tells of it. Raises WorkerLost when it could not be forked."""
        self._news = news
        self._code: int | None = None
        first = self._read()
        if first is None:
            os.close(news)
            raise WorkerLost(
                "no worker process could be started; standard error says why (memory, or the number of processes)",
                "无法启动工作进程；原因见标准错误输出（内存或进程数）",
            )
        self.pid = first

    def _read(self) -> int | None:
        data = os.read(self._news, _NUMBER.size)
        return _NUMBER.unpack(data)[0] if data else None

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most so many seconds."""
        if self._code is not None:
            return
        waiting = select.poll()  # select knows no number above 1023, and a web service has more files open
        waiting.register(self._news, select.POLLIN)
        if waiting.poll(None if timeout is None else timeout * 1000):
            code = self._read()
            self._code = _GONE if code is None else code
            os.close(self._news)

    @property
    def exitcode(self) -> int | None:
        """Its exit code, the number of the signal below zero, or None while it runs."""
        self.join(0)
        return self._code

    def kill(self) -> None:
        """End it, whatever it does."""
        if self.exitcode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(self.pid, signal.SIGKILL)


class _Server:
    """The server of this process, there while somebody holds it. Threads may share it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a new process: the server of the one that we were forked from is not ours."""
        control: socket.socket | None = getattr(self, "_control", None)
        if control is not None:
            control.close()  # else it would outlive that process as long as we live
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._pid = 0
        self._holders = 0
        self._preload: Sequence[str] = ()

    def hold(self, preload: Sequence[str]) -> None:
        """Let it be there, with these modules loaded; it is not waited for."""
        with self._lock:
            self._holders += 1
            self._preload = preload
            self._start()

    def release(self) -> None:
        """It is no longer needed; the last one who says so ends it."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._control is not None:
                self._end(self._control)

    def _start(self) -> socket.socket:
        """Unless it lives; one that was killed took its workers along, and another one takes its place."""
        if self._control is not None:
            with contextlib.suppress(ChildProcessError):  # collected by a caller who collects every child
                if os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                    return self._control
            self._control.close()
        self._control, theirs = socket.socketpair()
        program, number = os.fsdecode(spawn.get_executable()), 3 + (theirs.fileno() == 3)
        start = f"from {__name__} import main; main({number}, {list(self._preload)!r})"
        code = f"import sys; sys.path[:] = {sys.path!r}; {start}"
        words = [program, *util._args_from_interpreter_flags(), "-c", code]  # type: ignore[attr-defined]  # noqa: SLF001  multiprocessing's own way
        with theirs:
            # Ctrl-C reaches everyone at a terminal: what the server is started with, it keeps until it can ignore it.
            self._pid = os.posix_spawn(
                program,
                words,
                environment(os.environ),
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), number)],
                setsigmask=[signal.SIGINT],
            )
        return self._control

    def _end(self, control: socket.socket) -> None:
        """It holds nothing that would have to be put away."""
        control.close()
        self._control = None
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it died, or was collected, before
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def fork(self, words: object, ours: Connection, theirs: Connection, said: tuple[Connection, Connection]) -> Worker:
        """A new worker at the other end of `ours`, to do what the words say (see `serve`). Raises WorkerLost."""
        news, told = os.pipe()
        try:
            ours.send((str(Path.cwd()), words))
            with self._lock, contextlib.suppress(BrokenPipeError):  # it died right now: nobody tells the number then
                files = [theirs.fileno(), said[0].fileno(), said[1].fileno(), told]
                socket.send_fds(self._start(), [b"+"], files)
        finally:
            os.close(told)
        return Worker(news)


SERVER: Final = _Server()


def forking() -> bool:
    """Whether a server forks the workers; elsewhere each is a Python of its own."""
    return sys.platform.startswith("linux")


@contextlib.contextmanager
def warmed(preload: Sequence[str] = REPAIRING) -> Iterator[None]:
    """With the server that forks workers. It loads what all of them need, once, while we do other things.

    Only code is loaded there; no file is opened before a worker has limited itself.
    """
    if not forking():
        yield
        return
    owner = os.getpid()
    SERVER.hold(preload)
    try:
        yield
    finally:
        if os.getpid() == owner:  # else a copy of us, which has none
            SERVER.release()


def warm(preload: Sequence[str] = REPAIRING) -> None:
    """As `warmed`, for as long as this process lives."""
    lasting = contextlib.ExitStack()
    lasting.enter_context(warmed(preload))
    atexit.register(lasting.close)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SERVER.forget)


# --- in the server ------------------------------------------------------------------------------------


def main(control: int, preload: Sequence[str]) -> None:
    """Fork a worker for every request until the other end is closed. In a worker: do its work, then return."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nothing, stream)
    os.close(nothing)
    for number in [int(place.name) for place in Path("/proc/self/fd").glob("*")]:
        if number not in (0, 1, 2, control):
            with contextlib.suppress(OSError):  # the one that they were listed by
                os.close(number)
    for name in preload:
        with contextlib.suppress(ImportError):  # whoever needs it says what is missing
            import_module(name)
    files = _next(socket.socket(fileno=control))
    if files:
        _work(*files)


def _next(asked: socket.socket) -> tuple[int, int, int] | None:
    """In a worker: its open files. In the server: None, at its end."""
    wakes, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    living: dict[int, int] = {}
    while True:
        ready = select.select([asked.fileno(), wakes], [], [])[0]
        if wakes in ready:
            os.read(wakes, 4096)
            _tell_of_ended(living)
        if asked.fileno() not in ready:
            continue
        word, files, _, _ = socket.recv_fds(asked, 1, _FILES)
        if not word:
            return None
        *theirs, told = files
        try:
            process = os.fork()
        except OSError as error:  # no memory, or too many processes: our parent reads that there is none
            sys.stderr.write(f"preflight: {error}\n")
            process = -1
        if process == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked.close()
            for number in (wakes, woken, told, *living.values()):
                os.close(number)
            pipe, reader, writer = theirs
            return pipe, reader, writer
        for number in theirs:
            os.close(number)
        if process < 0:
            os.close(told)
            continue
        living[process] = told
        _tell(told, process)


def _tell(told: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(told, _NUMBER.pack(number))


def _tell_of_ended(living: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):  # all have ended
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            told = living.pop(ended[0])
            _tell(told, os.waitstatus_to_exitcode(ended[1]))
            os.close(told)


def _work(pipe: int, reader: int, writer: int) -> None:
    jobs: Connection[Any, Any] = Connection(pipe)
    folder, words = jobs.recv()
    with contextlib.suppress(OSError):  # it is gone: only relative paths mean something in it
        os.chdir(folder)
    serve(jobs, (Connection(reader), Connection(writer)), *words)
