"""Put limits on this process, then become the program. Run as a script; nothing here imports the package.

`python -I -S launch.py '{"memory": ..., ...}' program argument...`

A separate process between us and the program, because code run after a fork in a process that has threads can
deadlock, and because a limit set before the program starts cannot be raced. What the kernel refuses is left
off; `preflight doctor` tells which layers work here.
"""

from __future__ import annotations

import json
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIGKILL = 9
NOT_STARTED = 127  # the shell's code for it


def limit(wanted: dict[str, int]) -> None:
    """Processor seconds, address space, file size; no core files (they would hold the user's media)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, amount in (
        ("RLIMIT_CPU", wanted["cpu"]),
        ("RLIMIT_AS", wanted["memory"]),
        ("RLIMIT_FSIZE", wanted["file_size"]),
        ("RLIMIT_NOFILE", 1024),
        ("RLIMIT_CORE", 0),
    ):
        which = getattr(resource, name)
        _, hard = resource.getrlimit(which)
        value = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (ValueError, OSError):  # macOS has no working address-space limit
            continue


def alone() -> None:
    """Die with the parent, gain no rights, see no network. Linux only."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        os._exit(1)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) == 0:  # root
        return
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
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


def cannot_start(program: str) -> str:
    """How the complaint begins when the program could not be started."""
    return f"cannot start {program}: "


def main() -> None:
    """Entry point."""
    wanted = json.loads(sys.argv[1])
    limit(wanted)
    alone()
    try:
        os.execve(sys.argv[2], sys.argv[2:], dict(os.environ))  # noqa: S606  the point of this file
    except OSError as error:
        sys.stderr.write(f"{cannot_start(sys.argv[2])}{error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_STARTED)


if __name__ == "__main__":
    main()
