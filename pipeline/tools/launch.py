"""Put limits on this process, then become the program. Runs on its own; nothing here imports the package.

`python -I -S -c BOOT launch.py LIMITS... program argument...`, with the limits as `words` writes them. Started for
every outside program, so it imports little, and as a module, whose compiled form is kept.

A separate process between us and the program, because code run after a fork in a process that has threads can
deadlock, and because a limit set before the program starts cannot be raced. Where the kernel allows, the program
runs in a process namespace: whatever it starts ends with it, and this process stays to hand on how it ended.
What the kernel refuses is left off; `preflight doctor` tells which layers work here.

A worker calls the same functions, in the same order: `limit`, `alone`, `Fence`, `give_up`, `deny`. Each layer holds
without the others: where no namespace can be had, as in most containers, rights, fence and filter still stand.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Sequence

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
MS_NOSUID_NODEV_NOEXEC = 0b1110
MS_REC_SLAVE = 1 << 14 | 1 << 19
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
SIGKILL = 9
NOT_STARTED = 127  # the shell's code for it
PROCESSES = 2048  # of a program, threads included: what the kernel counts in a user namespace

# linux/capability.h: version 3 of the header, two words of 32 capabilities each. The one that a worker of root keeps
# lets it read and write what belongs to others, which is what root is asked for.
_CAPABILITIES = 0x20080522
FILES_OF_OTHERS = 1 << 1  # CAP_DAC_OVERRIDE

# linux/landlock.h; system calls have these numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_CHANGE_FOLDER = 0b1_1111_1111_0000  # remove and make, of every kind
_SOCKETS = 1 << 5 | 1 << 9  # remove a file, make a socket
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
    """Die with the parent, gain no rights, see no network and nobody's mounts to come. Linux only.

    With `contained`, what this process starts from now on is in a process namespace of its own, and nobody there has
    a name in the user namespace, so that nothing in it can make another one; returns whether the kernel allowed that.
    Without, root stays root where it can (see `give_up`), and everybody else keeps the name.
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
    process = CLONE_NEWPID if contained else 0
    for spaces in (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | process, CLONE_NEWNET):
        for user in (CLONE_NEWUSER, 0) if contained else (0, CLONE_NEWUSER):
            if libc.unshare(user | spaces) == 0:
                if user:
                    _set("RLIMIT_NPROC", PROCESSES)
                if user and not contained:
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


# --- files ------------------------------------------------------------------------------------------


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


class Fence:
    """Landlock: once `shut`, only what was `allow`ed to be written can be changed, and only what was allowed be read.

    With `reading` everything can be read. No TCP, no signals to anybody outside where the kernel knows how. Paths are
    opened when they are allowed: what this process may find then, before it gives up its rights, counts.
    """

    def __init__(self, *, reading: bool) -> None:
        self._rules = -1
        self._change = self._handled = 0
        if not sys.platform.startswith("linux"):
            return
        self._libc = ctypes.CDLL(None, use_errno=True)
        version = self._libc.syscall(_CREATE_RULESET, None, 0, 1)
        if version < 1:
            return
        self._change = _WRITE_FILE | _CHANGE_FOLDER
        for since, right in ((2, _REFER), (3, _TRUNCATE)):
            self._change |= right if version >= since else 0
        self._handled = self._change | (0 if reading else _READ)
        rules = _Ruleset(self._handled, _TCP, _SCOPES)
        size = 8 if version < 4 else 16 if version < 6 else 24
        self._rules = self._libc.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0)

    def allow(self, read: Iterable[str] = (), write: Iterable[str] = (), sockets: Iterable[str] = ()) -> None:
        """Files, and folders with all below. Below `sockets` files may be removed and sockets made.

        Paths that do not exist are passed over.
        """
        if self.stands:
            for paths, access in ((read, _READ), (write, self._change | _READ), (sockets, _SOCKETS)):
                for path in paths:
                    self._allow(path, access & self._handled)

    def _allow(self, path: str, access: int) -> None:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # what is not there needs no permission
            return
        if not os.path.isdir(path):  # noqa: PTH112  as above
            access &= _OF_A_FILE
        beneath = _Beneath(access, handle)
        self._libc.syscall(_ADD_RULE, self._rules, 1, ctypes.byref(beneath), 0)
        os.close(handle)

    @property
    def stands(self) -> bool:
        """Whether the kernel can do it."""
        return self._rules >= 0

    def shut(self) -> None:
        """From now on, for this process and all that it starts; needs `alone` before."""
        if self.stands:
            self._libc.syscall(_RESTRICT_SELF, self._rules, 0)
            os.close(self._rules)


# --- rights -----------------------------------------------------------------------------------------


def give_up(keep: int = 0) -> None:
    """All capabilities but those of `keep`, a set of bits, in every set that the kernel has; for root too.

    The bounding set stays where the right to narrow it is not ours: without new privileges nothing comes of it.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    number = 0
    while keep >> number & 1 or libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1  # until there is none of that number
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    left = [number & (keep >> 32 * (place // 3)) & 0xFFFF_FFFF for place, number in enumerate(sets)]
    left[2] = left[5] = 0  # of both words effective, permitted, inheritable: nothing is handed on
    libc.capset(header, (ctypes.c_uint32 * 6)(*left))


def unseen() -> None:
    """Memory and environment of this process: for no other of the same user to read. No core file either."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


# --- system calls -----------------------------------------------------------------------------------

# linux/seccomp.h, linux/filter.h, linux/audit.h, asm/unistd.h. For each machine: its number, then of system calls.
_MACHINES = {"x86_64": 0, "aarch64": 1}
_AUDIT = (0xC000_003E, 0xC000_00B7)
_SECCOMP = (317, 277)
_SOCKET, _SOCKETPAIR, _IOCTL_CALL = (41, 198), (53, 199), (16, 29)
_DENIED = (
    *((101, 117), (310, 270), (311, 271), (312, 272), (438, 438)),  # ptrace, process_vm_*, kcmp, pidfd_getfd
    *((248, 217), (249, 218), (250, 219)),  # add_key, request_key, keyctl: keys of the session outlive a fork
    *((321, 280), (298, 241), (323, 282)),  # bpf, perf_event_open, userfaultfd
    *((425, 425), (426, 426), (427, 427)),  # io_uring_*: its requests pass this filter by
    (42, 203),  # connect: to sockets in the file system, which no other layer closes
)
_TYPING = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into the user's terminal
_LOAD, _EQUAL, _ABOVE, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_AT, _SECOND_AT = 0, 4, 16, 24
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF_0000, 0x0005_000D, 0x0005_0026  # EACCES, ENOSYS


def _filter(machine: int) -> bytes:
    """A program of the kernel's for one machine: jumps are written as the names of where they lead."""
    lines: list[tuple[int, int, str, str]] = [
        (_LOAD, _MACHINE_AT, "", ""),
        (_EQUAL, _AUDIT[machine], "", "unknown"),
        (_LOAD, _NUMBER_AT, "", ""),
        (_ABOVE, 0x4000_0000, "unknown", ""),  # x32: other numbers for the same calls
        *((_EQUAL, call[machine], "refuse", "") for call in _DENIED),
        (_EQUAL, _SOCKET[machine], "socket", ""),
        (_EQUAL, _SOCKETPAIR[machine], "socket", ""),
        (_EQUAL, _IOCTL_CALL[machine], "", "allow"),
        (_LOAD, _SECOND_AT, "", ""),
        *((_EQUAL, what, "refuse", "") for what in _TYPING),
        (_EQUAL, 0, "allow", "allow"),
    ]
    places = {"socket": len(lines)}
    lines += [
        (_LOAD, _FIRST_AT, "", ""),
        (_EQUAL, 1, "", "refuse"),  # AF_UNIX, which an office makes to be found by ...
        (_LOAD, _SECOND_AT, "", ""),
        (_AND, 0xF, "", ""),
        (_EQUAL, 1, "allow", "refuse"),  # ... SOCK_STREAM, which sends nothing without connect
    ]
    for name, answer in (("allow", _ALLOW), ("refuse", _REFUSE), ("unknown", _UNKNOWN)):
        places[name] = len(lines)
        lines.append((_RETURN, answer, "", ""))
    return b"".join(
        struct.pack("=HBBI", code, *(places[name] - place - 1 if name else 0 for name in (yes, no)), value)
        for place, (code, value, yes, no) in enumerate(lines)
    )


def deny() -> None:
    """Seccomp: no sockets but nameless ones, no tracing, no keys, no calls that get round other layers.

    Needs `alone` before. Other machines than those of the table have no filter.
    """
    machine = _MACHINES.get(os.uname().machine) if sys.platform.startswith("linux") and sys.maxsize > 1 << 32 else None
    if machine is None:
        return
    lines = ctypes.create_string_buffer(code := _filter(machine))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(lines))
    # Mode filter; flag: what the kernel does against speculation costs decoders time and guards nothing here.
    ctypes.CDLL(None).syscall(_SECCOMP[machine], 1, 1 << 2, program)


# --- the program ------------------------------------------------------------------------------------


def cannot_start(program: str) -> str:
    """How the complaint begins when the program could not be started."""
    return f"cannot start {program}: "


def _become(command: list[str], program: int, fence: Fence, late: list[str]) -> None:
    fence.allow(late)
    fence.shut()
    give_up()
    deny()
    try:
        try:
            os.execve(command[0], command, dict(os.environ))  # noqa: S606  the point of this file
        except PermissionError:  # below a folder of others that only the rights of root lead into: by what was opened
            if program < 0:
                raise
            os.execve(program, command, dict(os.environ))  # noqa: S606  as above
    except OSError as error:
        sys.stderr.write(f"{cannot_start(command[0])}{error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_STARTED)


def _within(command: list[str], program: int, fence: Fence, late: list[str]) -> int:
    """Run the program as the second process of a namespace; returns its wait status.

    The first one collects whoever loses a parent, and when it ends the kernel ends all others.
    """
    told, tell = os.pipe()
    ours, theirs = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(theirs)
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        import select

        if select.select([ours], [], [], 0)[0]:  # the pipe ended: the parent died before the call above
            os._exit(1)
        if not fence.stands:  # then with a /proc of this namespace alone, which costs some 2 ms
            libc.mount(None, b"/", None, MS_REC_SLAVE, None)
            libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID_NODEV_NOEXEC, None)
        second = os.fork()
        if second == 0:
            _become(command, program, fence, late)
        while (ended := os.wait())[0] != second:
            continue
        os.write(tell, str(ended[1]).encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(first, 0)
    return int(os.read(told, 32) or SIGKILL)


def _opened(program: str) -> int:
    try:
        return os.open(program, os.O_PATH | os.O_CLOEXEC)
    except (OSError, AttributeError):  # said when it is started; or a system without O_PATH
        return -1


def main() -> None:
    """Entry point."""
    command = sys.argv[1:]
    limit(*(int(command.pop(0)) for _ in range(3)))
    read, write = _paths(command), _paths(command)
    late = [path for path in read if path.startswith("/proc/")]  # of the program, and of its own namespace
    fence = Fence(reading=False)
    fence.allow([path for path in read if path not in late], write)
    program = _opened(command[0])
    contained = alone(contained=True)
    if not contained:
        _become(command, program, fence, late)
    status = _within(command, program, fence, late)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != SIGKILL:
            import signal

            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
