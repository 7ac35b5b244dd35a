"""Put limits on this process, then become the program. Runs on its own; nothing here imports the package.

`python -I -S -c BOOT launch.py LIMITS... program argument...`, with the limits as `words` writes them. Started for
every outside program, so it imports little, and as a module, whose compiled form is kept.

A separate process between us and the program, because code run after a fork in a process that has threads can
deadlock, and because a limit set before the program starts cannot be raced. Where the kernel allows, the program
runs in a process namespace: whatever it starts ends with it, and this process stays to hand on how it ended.
What the kernel refuses is left off; `preflight doctor` tells which layers work here.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Sequence

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
SIGKILL = 9
NOT_STARTED = 127  # the shell's code for it
PROCESSES = 2048  # of a program, threads included: what the kernel counts in a user namespace

# linux/landlock.h; system calls have these numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_CHANGE_FOLDER = 0b1_1111_1111_0000  # remove and make, of every kind
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15  # known since version 2, 3 and 5
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_TCP = 0b11  # bind and connect; since version 4
_SCOPES = 0b11  # abstract sockets of, and signals to, anybody outside; since version 6


# What `python -c` is given to run: this module, named by the word after it.
BOOT = "import os,sys;w=os.path.split(sys.argv.pop(1));sys.path.append(w[0]);__import__(w[1][:-3]).main()"


def words(cpu: int, memory: int, file_size: int, read: Sequence[str], write: Sequence[str]) -> list[str]:
    """Limits and fence as words of a command line; numbers as for `limit`, paths as for `fence`."""
    return [str(cpu), str(memory), str(file_size), str(len(read)), *read, str(len(write)), *write]


def _paths(given: list[str]) -> list[str]:
    """Take one list of paths from the front."""
    count = 1 + int(given[0])
    taken = given[1:count]
    del given[:count]
    return taken


def limit(cpu: int, memory: int, file_size: int) -> None:
    """Processor seconds, bytes of address space and of a file; no core files (they would hold the user's media)."""
    _set("RLIMIT_CPU", cpu)
    _set("RLIMIT_AS", memory)
    _set("RLIMIT_FSIZE", file_size)
    _set("RLIMIT_NOFILE", 1024)
    _set("RLIMIT_CORE", 0)


def _set(name: str, amount: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    which = getattr(resource, name)
    _, hard = resource.getrlimit(which)
    value = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    try:
        resource.setrlimit(which, (value, value))
    except (ValueError, OSError):  # macOS has no working address-space limit
        return


def alone(*, contained: bool = False) -> bool:
    """Die with the parent, gain no rights, see no network. Linux only.

    With `contained`, what this process starts from now on is in a process namespace of its own; returns whether
    the kernel allowed that.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        os._exit(1)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    uid, gid = os.getuid(), os.getgid()
    for spaces in (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID,) * contained + (CLONE_NEWNET,):
        if libc.unshare(spaces) == 0:  # root
            return bool(spaces & CLONE_NEWPID)
        if libc.unshare(CLONE_NEWUSER | spaces) == 0:
            _be(uid, gid)
            return bool(spaces & CLONE_NEWPID)
    return False


def _be(uid: int, gid: int) -> None:
    """Who we were, in the new user namespace too."""
    for path, text in (
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/uid_map", f"{uid} {uid} 1"),
        ("/proc/self/gid_map", f"{gid} {gid} 1"),
    ):
        try:
            with open(path, "w") as file:  # noqa: PTH123  pathlib costs 20 ms of start-up in every tool run
                file.write(text)
        except OSError:  # a security module allows the namespace but no names in it; the network is gone
            continue
    _set("RLIMIT_NPROC", PROCESSES)


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def fence(read: Iterable[str] | None, write: Iterable[str]) -> bool:
    """Landlock: from now on only `write` (and what is below) can be changed and only both can be read.

    With `read` None everything can be read. No TCP, no signals to anybody outside where the kernel knows how.
    Paths that do not exist are passed over. Returns whether the kernel did it; needs `alone` before.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    change = _WRITE_FILE | _CHANGE_FOLDER
    for since, right in ((2, _REFER), (3, _TRUNCATE)):
        change |= right if version >= since else 0
    handled = change | (_READ if read is not None else 0)
    rules = _Ruleset(handled, _TCP, _SCOPES)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    for paths, access in ((read or (), _READ), (write, change | _READ)):
        for path in paths:
            _allow(libc, ruleset, path, access & handled)
    done: bool = libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there needs no permission
        return
    if not os.path.isdir(path):  # noqa: PTH112  as above
        access &= _OF_A_FILE
    beneath = _Beneath(access, handle)
    libc.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(beneath), 0)
    os.close(handle)


def cannot_start(program: str) -> str:
    """How the complaint begins when the program could not be started."""
    return f"cannot start {program}: "


def _become(command: list[str]) -> None:
    try:
        os.execve(command[0], command, dict(os.environ))  # noqa: S606  the point of this file
    except OSError as error:
        sys.stderr.write(f"{cannot_start(command[0])}{error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_STARTED)


def _within(command: list[str]) -> int:
    """Run the program as the second process of a namespace; returns its wait status.

    The first one collects whoever loses a parent, and when it ends the kernel ends all others.
    """
    told, tell = os.pipe()
    ours, theirs = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(theirs)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        import select

        if select.select([ours], [], [], 0)[0]:  # the pipe ended: the parent died before the call above
            os._exit(1)
        program = os.fork()
        if program == 0:
            _become(command)
        while (ended := os.wait())[0] != program:
            continue
        os.write(tell, str(ended[1]).encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(first, 0)
    return int(os.read(told, 32) or SIGKILL)


def main() -> None:
    """Entry point."""
    command = sys.argv[1:]
    limit(*(int(command.pop(0)) for _ in range(3)))
    contained = alone(contained=True)
    read, write = _paths(command), _paths(command)
    fence(read, write)
    if not contained:
        _become(command)
    status = _within(command)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != SIGKILL:
            import signal

            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
