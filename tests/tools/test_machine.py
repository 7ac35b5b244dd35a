"""What the machine tells of its memory, read from made-up files as the kernel writes them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.model.ceilings import GiB, MiB
from pipeline.tools import machine
from pipeline.tools.machine import Memory

NEVER = 9223372036854771712  # what version 1 writes for no limit, on machines of 4 KiB pages


def made(tmp_path: Path, cgroup: str, files: dict[str, object]) -> tuple[Path, Path]:
    """Folders like /proc of a machine with 24 GiB of which 20 are free, and like /sys/fs/cgroup."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(
        f"MemTotal: {24 * MiB} kB\nMemFree: 1 kB\nMemAvailable: {20 * MiB} kB\nHugePages_Total: 0\n"
    )
    (proc / "self" / "cgroup").write_text(cgroup)
    groups.mkdir()
    for name, content in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{content}\n")
    return proc, groups


@pytest.mark.parametrize(
    ("cgroup", "files", "wanted"),
    [
        ("0::/\n", {}, Memory(24 * GiB, 20 * GiB)),
        ("0::/\n", {"memory.max": 4 * GiB, "memory.current": GiB}, Memory(4 * GiB, 3 * GiB)),
        ("0::/\n", {"memory.max": "max", "memory.current": GiB}, Memory(24 * GiB, 20 * GiB)),
        ("0::/\n", {"memory.max": "max", "memory.high": 2 * GiB, "memory.current": GiB}, Memory(2 * GiB, GiB)),
        # the tightest of nested groups, wherever it is; free is what the fullest leaves
        (
            "0::/a/b\n",
            {
                "a/b/memory.max": 8 * GiB,
                "a/b/memory.current": GiB,
                "a/memory.max": 3 * GiB,
                "a/memory.current": 2 * GiB,
            },
            Memory(3 * GiB, GiB),
        ),
        (
            "0::/a/b\n",
            {
                "a/b/memory.max": 2 * GiB,
                "a/b/memory.current": 0,
                "a/memory.max": 3 * GiB,
                "a/memory.current": 3 * GiB - MiB,
            },
            Memory(2 * GiB, MiB),
        ),
        # files that are kept only as long as nobody needs the memory
        (
            "0::/\n",
            {"memory.max": 4 * GiB, "memory.current": 4 * GiB, "memory.stat": f"anon 5\ninactive_file {GiB}"},
            Memory(4 * GiB, GiB),
        ),
        (
            "4:memory:/x/y\n1:cpu:/\n0::/\n",
            {
                "memory/memory.limit_in_bytes": NEVER,
                "memory/x/memory.limit_in_bytes": 6 * GiB,
                "memory/x/memory.usage_in_bytes": 2 * GiB,
                "memory/x/memory.stat": f"total_inactive_file {GiB}",
                "memory/x/y/memory.limit_in_bytes": NEVER,
                "memory/x/y/memory.usage_in_bytes": 0,
            },
            Memory(6 * GiB, 5 * GiB),
        ),
        # the path is that of the host, and the container's own group is mounted in its place
        (
            "4:memory:/docker/0123\n",
            {"memory/memory.limit_in_bytes": GiB, "memory/memory.usage_in_bytes": 0},
            Memory(GiB, GiB),
        ),
        ("0::/../../outside\n", {"memory.max": GiB, "memory.current": 0}, Memory(GiB, GiB)),
        (
            "7:cpu,memory:/z\n",
            {"cpu,memory/z/memory.limit_in_bytes": GiB, "cpu,memory/z/memory.usage_in_bytes": 2 * GiB},
            Memory(GiB, 0),
        ),
        ("1:name=systemd:/memory\n:::\nrubbish\n", {"memory.max": "rubbish"}, Memory(24 * GiB, 20 * GiB)),
    ],
)
def test_the_tightest_group_holds(tmp_path: Path, cgroup: str, files: dict[str, object], wanted: Memory) -> None:
    assert machine.memory(*made(tmp_path, cgroup, files)) == wanted


def test_where_nothing_is_told_the_limit_of_each_worker_holds(tmp_path: Path) -> None:
    assert machine.memory(tmp_path, tmp_path) == Memory(64 * GiB, 64 * GiB)


def test_memory_of_this_machine_is_told() -> None:
    there = machine.memory()
    assert 0 < there.free <= there.all


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux's own")
def test_processor_time_is_that_of_the_process() -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    told = machine.processor_seconds(os.getpid())
    assert told == pytest.approx(time.process_time(), abs=0.1)


def test_a_name_with_brackets_and_spaces_is_no_field(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", *["1"] * 10, "250", "50", *["9"] * 30])
    (tmp_path / "7" / "stat").write_text(f"7 (a) 1 2 (b) {fields}\n")
    assert machine.processor_seconds(7, tmp_path) == 300 / os.sysconf("SC_CLK_TCK")
    assert machine.processor_seconds(8, tmp_path) is None
