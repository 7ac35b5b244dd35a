"""Digests against openssl, transfers against curl, and two hundred assets through a bad network and fifty kills."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._run import PREFLIGHT, table
from pipeline.digest import content_md5
from pipeline.sandbox.faults import Faults
from tests import upload_world as made

GIB = 1 << 30


def _file(path: Path, size: int) -> Path:
    """A file of bytes that do not repeat within a block."""
    block = random.Random(7).randbytes(64 << 20)  # noqa: S311  reproducible is what is wanted
    with path.open("wb") as out:
        for _ in range(size // len(block)):
            out.write(block)
    return path


def _seconds(words: list[str | Path]) -> float:
    started = time.perf_counter()
    subprocess.run([str(w) for w in words], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def digests(folder: Path, size: int) -> None:
    """`content_md5` and `openssl md5` on one file, by turns, the file in the page cache."""
    path = _file(folder / "big.bin", size)
    ours, theirs = [], []
    for _ in range(3):
        theirs.append(_seconds(["openssl", "md5", path]))
        started = time.perf_counter()
        content_md5(path)
        ours.append(time.perf_counter() - started)
    path.unlink()
    rows = [("", "s, three turns", "best GiB/s")]
    for name, taken in (("openssl md5", theirs), ("content_md5", ours)):
        rows.append((name, " ".join(f"{s:.2f}" for s in taken), f"{size / GIB / min(taken):.3f}"))
    table(rows)
    print(f"speed of openssl reached (best against best): {min(theirs) / min(ours):.3f}\n")


def transfers(folder: Path, size: int) -> None:
    """One file to the sandbox: the PUT of this tool, the whole verb's work on it, and curl, by turns."""
    with made.sandbox(folder / "far") as running:
        path = _file(folder / "one.mp4", size)
        running.world.account.quota = 100 * GIB
        md5, curl, put, whole = content_md5(path), [], [], []
        from pipeline.sandbox.world import Url

        place = made.library(running)
        for turn in range(4):

            def url(name: str, turn: int = turn) -> str:
                world = running.world
                return world.presign(running.url, Url(f"{name}{turn}", world.now() + 3600, "video/mp4", md5))

            words = ["curl", "-s", "-f", "-T", path, "-H", f"Content-MD5: {md5}", "-H", "Content-Type: video/mp4"]
            curl.append(_seconds([*words, url("curl")]))
            started = time.perf_counter()
            from pipeline.upload.transfer import Body

            place.api.put(
                url("ours"), "video/mp4", md5, lambda: Body(path, 0, size, lambda _: None, None), etag=None, what="PUT"
            )
            put.append(time.perf_counter() - started)
            near = folder / f"near{turn}"
            near.mkdir()
            name = f"one{turn}.mp4"
            os.link(path, near / name)
            one = {"path": name, "category": "MAIN", "size": size, "md5": md5, "findings": [], "text": None}
            manifest = made.write(near, "metastudio/asset-library", [made.asset("video", "video", [one])])
            started = time.perf_counter()
            assert made.statuses(made.deliver(place, manifest, wait=60, keep=True)) == {"sent": 1}
            whole.append(time.perf_counter() - started)
            for stored in (*running.world.objects.values(),):
                stored.path.unlink(missing_ok=True)
        place.close()
        path.unlink()
    rows = [("", "s, four turns", "best MB/s")]
    for name, taken in (("curl -T", curl), ("PUT", put), ("digest again, create, PUT, confirm, verdict", whole)):
        rows.append((name, " ".join(f"{s:.2f}" for s in taken), f"{size / 1e6 / min(taken):.0f}"))
    table(rows)
    print(f"time against curl (best against best): PUT {min(put) / min(curl):.2f}, all {min(whole) / min(curl):.2f}\n")


def _state(kind: str, running: Any, manifest: Path) -> str:
    world = running.world
    if kind == "metastudio":
        equal = made.held(world) == made.wanted(manifest)
        return f"{len(made.live(world))} assets ({len(world.assets)} ever made), bytes equal: {equal}"
    names = [name.rsplit("/", 1)[1] for name in world.objects]
    held = {n.rsplit("/", 1)[1]: made.md5(o.path.read_bytes()) for n, o in world.objects.items()}
    return f"{len(set(names))} objects of {len(names)} keys, bytes equal: {held == made.wanted(manifest)}"


def _killed(process: subprocess.Popen[bytes], running: Any, calls: int) -> bool:
    """Kill -9 once it has made so many calls; whether it lived that long without ending."""
    before = len(running.world.calls)
    while len(running.world.calls) < before + calls and process.poll() is None:
        time.sleep(0.001)
    ended = process.poll() is not None
    process.kill()
    process.communicate()
    return not ended


def hardship(folder: Path, count: int, kills: int) -> None:
    """`preflight upload` against a sandbox where one call in ten goes wrong; then killed at random
    moments as well, each some calls after its start."""
    dice = random.Random(11)  # noqa: S311  reproducible is what is wanted
    for kind in ("metastudio", "tencent"):
        for killed in (0, kills):
            near = folder / f"{kind}-{killed}"
            near.mkdir()
            manifest = (made.mixed if kind == "metastudio" else made.photos)(near, count)
            faults = Faults(rate=0.1, seed=killed)
            with made.sandbox(folder / f"{kind}-{killed}-far", faults=faults) as running:
                env = os.environ | running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "100"}
                words = [*PREFLIGHT, "upload", str(manifest), "--to", kind, "--json", "-j", "8"]
                started, runs, deaths = time.perf_counter(), 0, 0
                while True:
                    runs += 1
                    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                    if deaths < killed and _killed(process, running, dice.randint(1, 60)):
                        deaths += 1
                        continue
                    out, _ = process.communicate()
                    # While kills are left to give, an end reached early is run again: that must change nothing.
                    if deaths >= killed and process.returncode in (0, 5):
                        told = json.loads(out)
                        if process.returncode == 0 or runs > killed + 5:
                            break
                taken = time.perf_counter() - started
                print(f"{kind}: {count} outputs, {sum(faults.injected.values())} faults {faults.injected}")
                print(f"  {deaths} kills, {runs} runs, {taken:.0f} s, last run {told['summary']}")
                twice = sum(times > 1 for times in running.world.stored.values())
                print(f"  {_state(kind, running, manifest)}; bodies stored more than once: {twice}\n")


def main() -> None:
    """Print the figures."""
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as scratch:
        folder = Path(scratch)
        if shutil.which("openssl"):
            digests(folder, int(4 * scale) * GIB or GIB)
        if shutil.which("curl"):
            transfers(folder, GIB)
        hardship(folder, int(200 * scale), int(50 * scale))
    sys.stdout.flush()
