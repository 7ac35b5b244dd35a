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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._run import PREFLIGHT, table
from pipeline.digest import content_md5
from pipeline.upload.sandbox.faults import Faults
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


_PUT = """
import sys, time
from pathlib import Path
from pipeline.upload.http import Caller
from pipeline.upload.secrets import Secrets
from pipeline.upload.transfer import Body, Patience
url, md5, path = sys.argv[1:]
caller, size = Caller(Secrets(environment={}), Patience()), Path(path).stat().st_size
headers = {"Content-Type": "video/mp4", "Content-MD5": md5}
started = time.perf_counter()
caller.put(url, headers, lambda: Body(Path(path), 0, size, lambda _: None, None), expected=None, what="PUT")
print(time.perf_counter() - started)
"""


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive what it is for."""
    with process:
        try:
            yield process
        finally:
            process.terminate()


def transfers(folder: Path, size: int) -> None:
    """One file to a sandbox in a process of its own: curl, the PUT of this tool, and the whole verb, by turns."""
    port = "18099"
    words = [*PREFLIGHT, "sandbox", "--json", "--port", port, "--folder", str(folder / "far")]
    with _ended(subprocess.Popen(words, stdout=subprocess.PIPE, text=True)) as running:
        assert running.stdout is not None
        settings = json.loads(running.stdout.readline())["environment"]
        path = _file(folder / "one.mp4", size)
        md5, curl, put, whole = content_md5(path), [], [], []
        with made.sandbox(folder / "unused") as here:  # only for its account
            settings |= {k: v for k, v in here.settings().items() if not v.startswith("http")}
        from pipeline.upload.huawei import Api
        from pipeline.upload.secrets import Secrets

        api = Api(Secrets(environment=settings), made.QUICK, None, None)
        for turn in range(4):

            def url(name: str, turn: int = turn) -> str:
                asset = {"asset_name": f"{name}{turn}", "asset_type": "VIDEO"}
                told = api.call("POST", "/digital-assets", asset, group="create asset", what="create")
                file = {"file_name": "a.mp4", "file_md5": md5, "file_size": size, "asset_file_category": "MAIN"}
                file |= {"asset_id": told["asset_id"], "file_type": "mp4"}
                return str(api.call("POST", "/files", file, group="file", what="file")["upload_url"])

            head = ["-H", f"Content-MD5: {md5}", "-H", "Content-Type: video/mp4"]
            curl.append(_seconds(["curl", "-s", "-f", "-T", path, *head, url("curl")]))
            done = subprocess.run(
                [sys.executable, "-c", _PUT, url("ours"), md5, str(path)], capture_output=True, text=True, check=True
            )
            put.append(float(done.stdout))
            near = folder / f"near{turn}"
            near.mkdir()
            os.link(path, near / f"one{turn}.mp4")
            one = {"path": f"one{turn}.mp4", "category": "MAIN", "size": size, "md5": md5, "findings": [], "text": None}
            manifest = made.write(near, "metastudio/asset-library", [made.asset("video", "video", [one])])
            started = time.perf_counter()
            again = [*PREFLIGHT, "upload", str(manifest), "--to", "metastudio", "-q"]
            subprocess.run(again, env=os.environ | settings, stdout=subprocess.DEVNULL, check=True)
            whole.append(time.perf_counter() - started)
        api.caller.close()
        path.unlink()
    rows = [("", "s, four turns", "best MB/s")]
    for name, taken in (("curl -T", curl), ("PUT", put), ("the verb: start, digest again, calls, PUT, verdict", whole)):
        rows.append((name, " ".join(f"{s:.2f}" for s in taken), f"{size / 1e6 / min(taken):.0f}"))
    table(rows)
    print(f"time against curl (best against best): PUT {min(put) / min(curl):.2f}, verb {min(whole) / min(curl):.2f}\n")


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


def hardship(folder: Path, count: int, kills: int, kinds: tuple[str, ...] = ("metastudio", "tencent")) -> None:
    """`preflight upload` against a sandbox where one call in ten goes wrong; then killed at random
    moments as well, each some calls after its start."""
    dice = random.Random(11)  # noqa: S311  reproducible is what is wanted
    for kind in kinds:
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
                    if deaths < killed and _killed(process, running, dice.randint(1, 30)):
                        deaths += 1
                        continue
                    out, _ = process.communicate()
                    if deaths < killed:  # done before its time: from here on as if from another machine
                        (near / ".preflight-upload.sqlite").unlink()
                        continue
                    if process.returncode in (0, 5):
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
            transfers(folder, GIB // 4)
        hardship(folder, int(200 * scale), int(50 * scale))
    sys.stdout.flush()
