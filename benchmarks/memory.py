"""Peak memory of the whole process tree over small files that claim much, as `check -j 8` and `prepare -j 8` have it.

Proportional shares (`Pss`) of the command and all processes below it, so that what workers share is counted once.
Innocent files lie between them. What is said is counted and not judged: `tests/tools/test_bombs.py` does that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks._run import PREFLIGHT, environment, table
from pipeline.tools import machine
from samples import build
from tests.tools.bombs import BOMBS

PRESETS = ("metastudio/video-production", "metastudio/photo-avatar", "tencent/voice")
WORKERS = 8


def _tree(top: int) -> int:
    """Bytes of a process and all below it."""
    total, children = 0, {top}
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
    grown = True
    while grown:
        more = {process for process, parent in parents.items() if parent in children} - children
        children |= more
        grown = bool(more)
    for process in children:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def _run(words: list[str], out: Path) -> tuple[int, float, list[dict[str, object]]]:
    """Peak bytes, seconds, and what was said of each file."""
    began, peak = time.monotonic(), 0
    with out.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.DEVNULL, env=environment())
        while process.poll() is None:
            peak = max(peak, _tree(process.pid))
            time.sleep(0.05)
    return peak, time.monotonic() - began, json.loads(out.read_bytes())["assets"]


def main() -> None:
    """Measure all presets."""
    rows = [("files below 1 MiB that claim much, and 8 innocents", "s", "peak MiB", "of this machine", "said")]
    there = machine.memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        for bomb, make in BOMBS.items():
            (folder / bomb).write_bytes(make())
        clip = build(["video/good-1080p25.mp4"], Path(name) / "samples")["video/good-1080p25.mp4"]
        for number in range(WORKERS):
            shutil.copyfile(clip, folder / f"innocent-{number}.mp4")
        for verb in ("check", "prepare"):
            for preset in PRESETS:
                words = [*PREFLIGHT, verb, str(folder), "-p", preset, "-j", str(WORKERS), "--json"]
                words += ["-o", str(Path(name) / f"out-{preset.replace('/', '-')}")] if verb == "prepare" else []
                peak, seconds, assets = _run(words, Path(name) / "told.json")
                said = Counter(str(one["status"]) for one in assets)
                share = f"{peak / there.all:.0%}"
                rows.append((f"{verb} -p {preset}", f"{seconds:.0f}", str(peak >> 20), share, str(dict(said))))
    table(rows)
