"""Tries what the layers of isolation should forbid and tells which of them hold. Nothing it tries does any harm.

`python -I -S attempts.py GIVEN` as an outside program, or `held` in a worker; nothing here imports the package.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable
from typing import TypedDict

_GET_NO_NEW_PRIVS, _AMBIENT, _AMBIENT_IS_SET = 39, 47, 1  # of prctl
_CAPABILITIES = 0x20080522  # linux/capability.h
_REFUSED = (errno.EACCES, errno.EPERM)
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_PTRACE = {"x86_64": 101, "aarch64": 117}


class Given(TypedDict):
    """What can only be known outside."""

    starter: int  # a process to be out of reach
    spaces: dict[str, int]  # its namespaces, by kind
    canary: str  # a name in its environment
    beside: str  # a file outside the fence
    keep: int  # capabilities that may be left, a set of bits
    reads: bool  # whether everything may be read


def spaces() -> dict[str, int]:
    """The namespaces of this process, by kind."""
    return {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in ("mnt", "pid")}  # noqa: PTH116  pathlib costs start-up


def held(given: Given) -> dict[str, bool]:
    """Layer -> whether it held. Linux only."""
    mine, starter = spaces(), f"/proc/{given['starter']}"
    libc = ctypes.CDLL(None, use_errno=True)
    return {
        "memory limit": _limited(),
        "no new privileges": libc.prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
        "no capabilities": _capabilities(libc) & ~given["keep"] == 0 and _fails(lambda: os.chroot("/"), *_REFUSED),
        "no network": _no_network(),
        "mount namespace": mine["mnt"] != given["spaces"]["mnt"],
        "process namespace": mine["pid"] != given["spaces"]["pid"],
        "file fence": _fenced(given),
        "system call filter": _filtered(libc),
        "no foreign environment": given["canary"] not in os.environ and _fails(lambda: _open(f"{starter}/environ")),
        "others out of reach": _fails(lambda: os.kill(given["starter"], 0)) and _fails(lambda: _open(f"{starter}/mem")),
    }


def _fails(attempt: Callable[[], object], *codes: int) -> bool:
    """Whether the system refuses it, for one of these reasons where any are named."""
    try:
        attempt()
    except OSError as error:
        return not codes or error.errno in codes
    return False


def _open(path: str, flags: int = os.O_RDONLY) -> None:
    os.close(os.open(path, flags))


def _limited() -> bool:
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return most != resource.RLIM_INFINITY and _fails(lambda: mmap.mmap(-1, most), errno.ENOMEM)


def _capabilities(libc: ctypes.CDLL) -> int:
    """Those in any set that counts: a bounding set gives nothing where no privileges can be gained."""
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    found = (sets[0] | sets[1] | sets[2]) | (sets[3] | sets[4] | sets[5]) << 32
    return found | sum(1 << n for n in range(64) if libc.prctl(_AMBIENT, _AMBIENT_IS_SET, n, 0, 0) == 1)


def _no_network() -> bool:
    """To an address of this machine: whoever answers, or refuses, has been reached."""

    def send(kind: socket.SocketKind) -> None:
        with socket.socket(socket.AF_INET, kind) as out:
            out.settimeout(5)
            out.connect(("127.0.0.1", 9))  # "discard" (RFC 863)
            out.send(b"x")

    codes = (*_REFUSED, errno.ENETUNREACH)
    return all(_fails(lambda kind=kind: send(kind), *codes) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))  # type: ignore[misc]


def _fenced(given: Given) -> bool:
    ways = (os.O_WRONLY,) if given["reads"] else (os.O_RDONLY, os.O_WRONLY)
    return all(_fails(lambda way=way: _open(given["beside"], way), *_REFUSED) for way in ways)  # type: ignore[misc]


def _filtered(libc: ctypes.CDLL) -> bool:
    """Sockets in the file system, keys of the session, tracing: nothing but the filter refuses these three."""

    def find() -> None:
        with socket.socket(socket.AF_UNIX) as out:
            out.connect("/nobody/listens")

    def call(number: int, *words: int) -> bool:
        return bool(libc.syscall(number, *words, 0) == -1 and ctypes.get_errno() in _REFUSED)

    keyctl, ptrace = (calls.get(os.uname().machine) for calls in (_KEYCTL, _PTRACE))
    if keyctl is None or ptrace is None:
        return False
    return _fails(find, *_REFUSED) and call(keyctl, 0, -3, 0) and call(ptrace, 0, 0, 0)  # which keyring; trace me


if __name__ == "__main__":
    sys.stdout.write(json.dumps(held(json.loads(sys.argv[1]))))
