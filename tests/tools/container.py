"""Becomes the root of a container as they usually are, then starts `tries.py` the way we start programs.

`python -m tests.tools.container WAY LAUNCHER FOLDER GIVEN`; the way is "container" or "as it is".
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Final

from pipeline.model.ceilings import ASK
from pipeline.tools import launch, process

# What Docker leaves to root (moby, daemon/pkg/oci/caps/defaults.go), by number: CHOWN, DAC_OVERRIDE, FOWNER, FSETID,
# KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
LEFT: Final = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))


def become_root() -> None:
    """With the capabilities of a container's root and no further namespaces to be had."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    launch.give_up(keep=LEFT)
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert [int(status[of], 16) for of in ("CapEff", "CapPrm", "CapBnd", "CapInh")] == [LEFT, LEFT, LEFT, 0]
    assert os.getuid() == 0
    for spaces in (0x10000000, 0x40000000, 0x20000000, 0x00020000):
        assert libc.unshare(spaces) == -1, "not as in a container"


def main() -> None:
    """Entry point."""
    way, launcher, folder, given = sys.argv[1:]
    if way == "container":
        become_root()
    launch.unseen()
    process._LAUNCH = launcher  # type: ignore[misc]
    told = json.dumps({**json.loads(given), "starter": os.getpid()})
    done = process.run([sys.executable, "-I", "-S", f"{folder}/tries.py", told], cwd=Path(folder), ceiling=ASK)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)


if __name__ == "__main__":
    main()
