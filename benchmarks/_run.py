"""What the benchmarks share."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PREFLIGHT = (sys.executable, "-m", "pipeline")


def seconds(action: Callable[[], object], repeat: int = 5) -> float:
    """The median wall time of `action`."""
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def environment() -> dict[str, str]:
    """As users have it: code is compiled once and kept, whatever is set where the benchmark runs."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def command(words: Sequence[str | Path]) -> float:
    """Wall seconds of one command, its output thrown away; any exit code."""
    started = time.perf_counter()
    quiet = subprocess.DEVNULL
    subprocess.run([str(w) for w in words], stdout=quiet, stderr=quiet, env=environment(), check=False)
    return time.perf_counter() - started


def _same_session(entry: Path, main: int) -> bool:
    return os.getsid(int(entry.name)) == main


def peaks(words: Sequence[str | Path], belongs: Callable[[Path, int], bool]) -> tuple[int, dict[int, int]]:
    """Process number of one command, and the peak resident bytes of every process that `belongs` to it (Linux).

    `belongs` gets a folder of /proc and the command's own number. Read while it runs, twenty times a second or more.
    """
    process = subprocess.Popen(
        [str(w) for w in words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    found: dict[int, int] = {}
    while process.poll() is None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if not belongs(entry, process.pid):
                    continue
                status = (entry / "status").read_text()
            except (OSError, ValueError):
                continue
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    found[int(entry.name)] = int(line.split()[1]) * 1024
        time.sleep(0.02)
    return process.pid, found


def peak_memory(words: Sequence[str | Path]) -> tuple[int, int]:
    """Peak resident bytes of one command's main process and of its largest other process (Linux).

    Every process of its session counts: workers are children of a fork server, which the kernel's own account of
    children leaves out.
    """
    main, found = peaks(words, _same_session)
    return found.get(main, 0), max((v for k, v in found.items() if k != main), default=0)


def table(rows: Sequence[tuple[str, ...]]) -> None:
    """A Markdown table."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")
