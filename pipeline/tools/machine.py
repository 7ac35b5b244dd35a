"""What this machine, or the container around us, has of memory, and what processor time a process has used.

Limits of containers: Linux, Documentation/admin-guide/cgroup-v2.rst (`memory.max`, `memory.high`) and
cgroup-v1/memory.rst. A group is inside others, and the tightest of them holds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from pipeline.model.ceilings import GiB

_PROC: Final = Path("/proc")
_GROUPS: Final = Path("/sys/fs/cgroup")
_UNTOLD: Final = 64 * GiB  # where the system does not tell, the limit of each worker is what protects it
_UNLIMITED: Final = 1 << 60  # version 1 writes a number near 2^63 for no limit


class Memory(NamedTuple):
    """Bytes."""

    all: int  # that may be used here at most
    free: int  # of them now


def memory(proc: Path = _PROC, groups: Path = _GROUPS) -> Memory:
    """Of the machine, or of the tightest of the control groups that we are in."""
    all_ = free = _UNTOLD
    with contextlib.suppress(OSError, ValueError, KeyError):  # no Linux
        told = dict(line.split(":") for line in (proc / "meminfo").read_text("ascii").splitlines())
        all_, free = (int(told[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    for folder in _folders(proc, groups):
        for limit, used, kept in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.high", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with contextlib.suppress(OSError, ValueError):  # no such file in this version, or "max"
                most = int((folder / limit).read_text("ascii"))
                if most < _UNLIMITED:
                    now = int((folder / used).read_text("ascii")) - _kept(folder, kept)
                    all_, free = min(all_, most), min(free, most - now)
    return Memory(all_, max(free, 0))


def _kept(folder: Path, name: str) -> int:
    """Bytes of files that a group holds and gives back when asked; 0 where that is not told."""
    with contextlib.suppress(OSError, ValueError):  # older kernels
        for line in (folder / "memory.stat").read_text("ascii").splitlines():
            word, _, number = line.partition(" ")
            if word == name:
                return int(number)
    return 0


def _folders(proc: Path, groups: Path) -> Iterator[Path]:
    """Those of our memory group and of all around it. A path that is not there is one outside of our container."""
    try:
        lines = (proc / "self" / "cgroup").read_text("utf-8", "replace").splitlines()
    except OSError:  # no Linux, or no control groups
        return
    for line in lines:
        number, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if number == "0" and not kinds:
            tops = [groups, groups / "unified"]
        elif "memory" in kinds.split(","):
            tops = [groups / "memory", groups / kinds]
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for top in dict.fromkeys(tops):
            for one in (inside, *inside.parents):
                if ".." not in one.parts and (top / one).is_dir():
                    yield top / one


def processor_seconds(process: int, proc: Path = _PROC) -> float | None:
    """What a process has used so far, all threads together; None: not told."""
    try:
        text = (proc / str(process) / "stat").read_text("utf-8", "replace")
        # proc_pid_stat(5): fields 14 and 15 are its own; its name, field 2, may hold anything
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):  # it ended, or no Linux
        return None
