"""Start one outside program safely: the only place in this package that does.

Argument list, never a shell; environment built from nothing; no standard input; both pipes drained and only
their tails kept; limits on wall time, processor time, memory and file size; a watchdog on progress; its own
session, killed as a whole. The exit code is handed back as a hint: callers look at what was made.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from pipeline.errors import TimedOut, ToolFailed
from pipeline.model.ceilings import READABLE, WRITABLE, Ceiling
from pipeline.tools import launch

_KEPT: Final = 64 * 1024  # bytes of each pipe
_LONGEST_LINE: Final = 4096
_BLOCK: Final = 1 << 20
_GRACE: Final = 2.0  # seconds between asking and killing
_LAUNCH: Final = str(Path(launch.__file__))


class Completed(Struct, frozen=True):
    """How a program ended."""

    code: int  # a hint, not evidence
    seconds: float
    stdout: str  # the last 64 KiB
    stderr: str  # the last 64 KiB
    peak_memory: int | None  # bytes, resident; None where it cannot be told, or not from that of this process

    def last_words(self) -> str:
        """The end of its complaints, for people."""
        return " | ".join(line for line in self.stderr.strip().splitlines()[-3:] if line.strip())


class _Watch:
    """When the program last got on with its work."""

    def __init__(self, pulse: Callable[[str], str | None] | None) -> None:
        self._pulse = pulse
        self._last: str | None = None
        self.since = time.monotonic()

    def see(self, line: str) -> None:
        token = self._pulse(line) if self._pulse else line
        if token is not None and token != self._last:
            self._last, self.since = token, time.monotonic()


class _Drain(threading.Thread):
    """Reads one pipe to its end so that the program never waits for us."""

    def __init__(self, pipe: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        super().__init__(daemon=True)
        self._pipe, self._on_line = pipe, on_line
        self._kept: deque[bytes] = deque()
        self._size = 0
        self.failure: BaseException | None = None
        self.working = False  # it has what it read in hand, and is not waiting for more
        self.read = 0  # bytes

    def run(self) -> None:
        with self._pipe:
            self._drain()

    def _drain(self) -> None:
        while line := self._pipe.readline(_LONGEST_LINE):
            self._kept.append(line)
            self._size += len(line)
            while self._size > _KEPT:
                self._size -= len(self._kept.popleft())
            if self._on_line and self.failure is None:
                try:
                    self._on_line(line.decode("utf-8", "replace").rstrip("\r\n"))
                except BaseException as error:  # noqa: BLE001  handed to the caller's thread below
                    self.failure = error

    def text(self) -> str:
        return b"".join(self._kept).decode("utf-8", "replace")


class _Pour(_Drain):
    """As `_Drain`, for bytes that are no text: handed on in blocks, none kept."""

    def __init__(self, pipe: IO[bytes], sink: Callable[[bytes], None], watch: _Watch) -> None:
        super().__init__(pipe, None)
        self._sink, self._watch = sink, watch
        _widen(pipe)

    def _drain(self) -> None:
        while block := os.read(self._pipe.fileno(), _BLOCK):
            self._watch.since = time.monotonic()
            self.working, self.read = True, self.read + len(block)
            if self.failure is None:
                try:
                    self._sink(block)
                except BaseException as error:  # noqa: BLE001  handed to the caller's thread below
                    self.failure = error
            self._watch.since = time.monotonic()  # our own time with a block is none of its silence
            self.working = False


def _widen(pipe: IO[bytes]) -> None:
    """Let a program write ahead while we work at its last block: 1 MiB, where the system can (64 KiB is usual)."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # the usual size is slower, no more
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _BLOCK)


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program may know: nothing of ours. Secrets in the environment would be one document away."""
    clean = {
        "PATH": os.defpath if os.name == "nt" else "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    if os.name == "nt":
        clean["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", "")
    return clean | dict(extra or {})


def _readable(program: str, cwd: Path) -> list[str]:
    """What a program needs to read: itself with its libraries, this Python, and the files linked into its folder."""
    folders = {os.path.dirname(program), os.path.dirname(os.path.realpath(program))}  # noqa: PTH120  names may be bytes that are no text
    libraries = [f"{folder}/../lib" for folder in folders if folder.endswith("/bin")]
    ours = (sys.prefix, sys.base_prefix, os.path.dirname(_LAUNCH))  # noqa: PTH120  as above
    return [*READABLE, *ours, *sorted(folders), *libraries, *_linked(cwd)]


def _linked(cwd: Path) -> list[str]:
    """What is linked into the folder. A program of root has no more rights than root's name gives: see `_plain`."""
    linked: list[str] = []
    # A folder that is not there is told when the program starts in it; what was read of one that changes stays.
    with contextlib.suppress(OSError), os.scandir(cwd) as entries:
        for entry in [entry for entry in entries if entry.is_symlink()]:
            source = os.path.realpath(entry.path)
            if sys.platform.startswith("linux") and os.geteuid() == 0 and os.path.isfile(source) and not _plain(source):  # noqa: PTH113  as above
                shutil.copyfile(source, f"{entry.path}.copy")
                os.replace(f"{entry.path}.copy", entry.path)  # noqa: PTH105  as above
            linked.append(source)
    return linked


def _plain(source: str) -> bool:
    """Whether owner, group and mode let us read it without the rights of root, which reads what belongs to others."""

    def lets(path: str | Path, wanted: int) -> bool:
        found = os.stat(path)  # noqa: PTH116  as above
        place = 6 if found.st_uid == os.geteuid() else 3 if found.st_gid in (os.getegid(), *os.getgroups()) else 0
        return found.st_mode >> place & wanted == wanted

    return lets(source, 4) and all(lets(folder, 1) for folder in Path(source).parents)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program and everything it started, politely first."""
    if os.name == "nt":
        process.kill()
        return
    for kind, wait in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, 0.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(process.pid, kind)
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and _reap(process, block=False) is None:
            time.sleep(0.02)


def _reap(process: subprocess.Popen[bytes], *, block: bool) -> int | None:
    """Peak resident memory in bytes once the program has ended (-1 where not told), else None."""
    if process.returncode is not None:
        return -1
    if not hasattr(os, "wait4"):
        if block:
            process.wait()
        return None if process.poll() is None else -1
    pid, status, usage = os.wait4(process.pid, 0 if block else os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return _own_peak(usage.ru_maxrss)


def _own_peak(told: int) -> int:
    """The peak of an ended program in bytes, from `ru_maxrss`; -1 where it cannot be told from ours.

    Until a program is executed its process has the memory of the one that started it, and the kernel counts that in
    (`exec_mmap` keeps the greater of both). What is not above our own peak may therefore be ours.
    """
    peak = told * (1 if sys.platform == "darwin" else 1024)
    return peak if peak > _ours() else -1


def _ours() -> int:
    """The peak of our own memory in bytes. `ru_maxrss` would count that of our starter in, for the same reason."""
    with contextlib.suppress(OSError):  # no /proc: asked another way below
        for line in Path("/proc/self/status").read_text("utf-8", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # not on Windows, which has no wait4 either

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Ending:
    """Wakes its waiter as soon as a process has ended, where the kernel tells (Linux 5.3)."""

    def __init__(self, pid: int) -> None:
        self._handle: int | None = None
        self._poll: select.poll | None = None
        with contextlib.suppress(AttributeError, OSError):  # an older kernel: `wait` looks again and again
            self._handle = os.pidfd_open(pid)
            self._poll = select.poll()
            self._poll.register(self._handle, select.POLLIN)
        self._pause = 0.001

    def wait(self, seconds: float) -> None:
        """So long at most."""
        if self._poll is not None:
            self._poll.poll(seconds * 1000)
            return
        time.sleep(min(self._pause, seconds))
        self._pause *= 1.5

    def close(self) -> None:
        """Let go of the process."""
        if self._handle is not None:
            os.close(self._handle)


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    ceiling: Ceiling,
    on_line: Callable[[str], None] | None = None,
    pulse: Callable[[str], str | None] | None = None,
    env: Mapping[str, str] | None = None,
    sink: Callable[[bytes], None] | None = None,
    writable: Sequence[str] = (),
) -> Completed:
    """Run `command` (absolute program first) in `cwd` and wait for it. It may change `cwd` and `writable` only.

    `on_line` gets every line of its standard output. With `ceiling.quiet`, the program is killed when no new
    progress was seen for so many seconds; `pulse` turns a line into what must change (None: says nothing).
    `sink` gets its standard output as bytes instead, every block in order, the last one before this returns;
    each block counts as progress, and nothing of it is in the result.

    Raises TimedOut when it was killed for time or silence, ToolFailed when it could not be started; whatever
    `on_line` or `sink` raises is raised here after the program was killed.
    """
    name = Path(command[0]).name
    watch = _Watch(pulse)
    cwd = cwd.resolve()  # the fence is set from inside it, where a relative name would mean something else

    def seen(line: str) -> None:
        watch.see(line)
        if on_line:
            on_line(line)

    started = time.monotonic()
    process = _started(command, cwd, ceiling, env, writable)
    assert process.stdout is not None  # noqa: S101  PIPE was asked for
    assert process.stderr is not None  # noqa: S101  as above
    out = _Pour(process.stdout, sink, watch) if sink else _Drain(process.stdout, seen)
    drains = (out, _Drain(process.stderr, None))
    for drain in drains:
        drain.start()
    try:
        peak, late = _watched(process, name, drains, watch, ceiling, started)
    finally:
        _wound_up(process, drains)
    for drain in drains:
        if drain.failure:
            raise drain.failure
    if late:
        raise late
    if any(drain.is_alive() for drain in drains):
        raise ToolFailed(
            f"{name} ended, but something it started goes on and holds its output, which is incomplete.",
            f"{name} 已结束，但它启动的进程仍在运行并占用其输出，输出不完整。",
        )
    stderr = drains[1].text()
    if process.returncode == launch.NOT_STARTED and stderr.startswith(launch.cannot_start(command[0])):
        raise _not_started(name, stderr.strip())
    return Completed(
        code=process.returncode if process.returncode is not None else -1,
        seconds=time.monotonic() - started,
        stdout=drains[0].text(),
        stderr=stderr,
        peak_memory=peak if peak and peak > 0 else None,
    )


def _started(
    command: Sequence[str], cwd: Path, ceiling: Ceiling, env: Mapping[str, str] | None, writable: Sequence[str]
) -> subprocess.Popen[bytes]:
    """The launcher, which limits itself and becomes the program. Raises ToolFailed."""
    limits = launch.words(
        ceiling.cpu,
        ceiling.memory,
        ceiling.file_size,
        _readable(command[0], cwd),
        [str(cwd), *WRITABLE, *(os.path.realpath(path) for path in writable)],
    )
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", launch.BOOT, _LAUNCH, *limits, *command],
            cwd=cwd,
            env=environment(cwd, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            close_fds=True,
        )
    except OSError as error:
        raise _not_started(Path(command[0]).name, error) from None


def _not_started(name: str, why: object) -> ToolFailed:
    return ToolFailed(f"{name} could not be started: {why}", f"无法启动 {name}：{why}")


def _watched(
    process: subprocess.Popen[bytes],
    name: str,
    drains: Sequence[_Drain],
    watch: _Watch,
    ceiling: Ceiling,
    started: float,
) -> tuple[int | None, TimedOut | None]:
    """Its peak of memory when it has ended, as `_reap` tells it, or why it must be killed; neither: a drain failed."""
    end = _Ending(process.pid)
    try:
        while (peak := _reap(process, block=False)) is None:
            now = time.monotonic()
            late = _late(name, now - started, now - watch.since, ceiling)
            if late or any(drain.failure for drain in drains):
                return None, late
            end.wait(0.05)
        return peak, None
    finally:
        end.close()


def _wound_up(process: subprocess.Popen[bytes], drains: Sequence[_Drain]) -> None:
    """End all of it, also after a normal end: what it left running in its session is an orphan."""
    _kill(process)
    if process.returncode is None:
        _reap(process, block=True)
    # A process that fled its session may hold the pipes for ever; the threads close them, not we.
    # What lay in a pipe at the end is worked on for as long as that takes.
    deadline = time.monotonic() + _GRACE
    for drain in drains:
        left = drain.read + _BLOCK
        while drain.is_alive() and (time.monotonic() < deadline or (drain.working and drain.read <= left)):
            if drain.working:
                deadline = time.monotonic() + _GRACE
            drain.join(0.02)


def _late(name: str, running: float, silent: float, ceiling: Ceiling) -> TimedOut | None:
    if running > ceiling.wall:
        return TimedOut(
            f"{name} was stopped after {ceiling.wall:.0f} s, the time limit for this file.",
            f"{name} 超过该文件的时间限制 {ceiling.wall:.0f} 秒，已终止。",
        )
    if ceiling.quiet is not None and silent > ceiling.quiet:
        return TimedOut(
            f"{name} was stopped: no progress for {ceiling.quiet:.0f} s.",
            f"{name} 已终止：{ceiling.quiet:.0f} 秒没有进展。",
        )
    return None
