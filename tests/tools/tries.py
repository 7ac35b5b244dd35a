"""A program that tries all that a program of ours must not: run as one, and called in a worker.

`python -I -S tries.py GIVEN` prints, as JSON, what it got: for each attempt what came of it, or why nothing did.
Numbers of system calls are those of asm/unistd.h, for x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

_ARM = os.uname().machine == "aarch64" if hasattr(os, "uname") else False
_CALLS = {
    "keyctl": (219 if _ARM else 250, (0, -3, 0)),
    "add_key": (217 if _ARM else 248, (b"user", b"x", b"y", 1, -3)),
    "bpf": (280 if _ARM else 321, (0, 0, 0)),
    "perf_event_open": (241 if _ARM else 298, (0, 0, -1, -1, 0)),
    "userfaultfd": (282 if _ARM else 323, (1,)),
    "io_uring_setup": (425, (1, ctypes.create_string_buffer(256))),
    "mknod": (33 if _ARM else 259, (-100, b"node", 0o20600, 0x103)),
    "chroot": (51 if _ARM else 161, (b".",)),
    "mount": (40 if _ARM else 165, (b"none", b".", b"tmpfs", 0, 0)),
    "user namespace": (97 if _ARM else 272, (0x10000000,)),
    "setuid": (146 if _ARM else 105, (1,)),
    "setgid": (144 if _ARM else 106, (1,)),
    "setgroups": (159 if _ARM else 116, (0, 0)),
    "sethostname": (161 if _ARM else 170, (b"x", 1)),
}


class Given(TypedDict):
    """What to try for; all of it is there, and whoever started this can reach it."""

    starter: int
    secret: str  # in the environment of the starter
    tcp: int
    udp: int
    path: str  # of a socket in the file system
    abstract: str
    files: list[str]  # to be read
    folders: list[str]  # to be written in
    calls: bool  # whether to make those system calls too that would change something if they were not refused


def tried(given: Given) -> dict[str, str]:
    """What each attempt got, "" where it was denied."""
    libc = ctypes.CDLL(None, use_errno=True)
    starter = given["starter"]

    def call(number: int, *words: Any) -> str:
        got = libc.syscall(number, *words)
        if got == -1:
            raise OSError(ctypes.get_errno(), "refused")
        return f"it returned {got}"

    def memory() -> str:
        with open(f"/proc/{starter}/maps") as maps:  # noqa: PTH123  as a program would
            start = int(maps.readline().split("-")[0], 16)
        with open(f"/proc/{starter}/mem", "rb") as memory:  # noqa: PTH123  as above
            memory.seek(start)
            return f"{memory.read(16)!r}"

    def send(family: int, kind: int, to: Any) -> str:
        with socket.socket(family, kind) as out:
            out.settimeout(5)
            if kind == socket.SOCK_STREAM:
                out.connect(to)
            else:
                out.sendto(b"x", to)
        return "sent"

    def pair(to: str) -> str:
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with one, other:
            one.sendto(b"x", to)
        return "sent"

    def write(folder: str) -> str:
        path = Path(folder, f"written-{os.getpid()}")
        path.write_bytes(b"x")
        return str(path)

    def environments() -> str:
        """Those of everybody it can see."""
        found = []
        for place in os.listdir("/proc"):  # noqa: PTH208  as a program would
            try:
                found += [place] if given["secret"].encode() in Path("/proc", place, "environ").read_bytes() else []
            except OSError:  # the next may be readable
                continue
        return " ".join(found)

    tcp, udp = (("127.0.0.1", given[kind]) for kind in ("tcp", "udp"))  # type: ignore[literal-required]
    attempts: dict[str, Callable[[], object]] = {
        "own environment": lambda: given["secret"] if given["secret"] in str(os.environ) else "",
        "environments": environments,
        "environment of the starter": lambda: Path(f"/proc/{starter}/environ").read_bytes(),
        "memory of the starter": memory,
        "open files of the starter": lambda: os.readlink(f"/proc/{starter}/fd/0"),  # noqa: PTH115  as above
        "signal": lambda: os.kill(starter, 0) or "sent",
        "ptrace": lambda: call(117 if _ARM else 101, 0x4206, starter, 0, 0),
        "tcp": lambda: send(socket.AF_INET, socket.SOCK_STREAM, tcp),
        "udp": lambda: send(socket.AF_INET, socket.SOCK_DGRAM, udp),
        "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "netlink": lambda: socket.socket(16, socket.SOCK_RAW, 0),
        "packet": lambda: socket.socket(17, socket.SOCK_RAW, 0),
        "socket in the file system": lambda: send(socket.AF_UNIX, socket.SOCK_STREAM, given["path"]),
        "datagrams to it": lambda: send(socket.AF_UNIX, socket.SOCK_DGRAM, given["path"] + ".datagrams"),
        "datagrams by a pair": lambda: pair(given["path"] + ".datagrams"),
        "abstract socket": lambda: send(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + given["abstract"]),
        **{f"read {file}": lambda file=file: Path(file).read_bytes() for file in given["files"]},
        **{f"write in {folder}": lambda folder=folder: write(folder) for folder in given["folders"]},
    }
    if given["calls"]:
        for name, (number, words) in _CALLS.items():
            attempts[name] = lambda number=number, words=words: call(number, *words)  # type: ignore[misc]
    got = {}
    for name, attempt in attempts.items():
        try:
            got[name] = str(attempt())
        except OSError:
            got[name] = ""
    return got


if __name__ == "__main__":
    sys.stdout.write(json.dumps(tried(json.loads(sys.argv[1]))))
