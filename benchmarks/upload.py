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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._run import PREFLIGHT, table
from pipeline.storage.digest import content_md5
from pipeline.upload.emulator.faults import KINDS, LASTING, Faults
from tests.upload import made

GIB = 1 << 30


def _file(path: Path, size: int) -> Path:
    """A file of bytes that do not repeat within a block."""
    block = random.Random(7).randbytes(64 << 20)  # noqa: S311  reproducible is what is wanted
    with path.open("wb") as out:
        while size > 0:
            size -= out.write(block[:size])
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
from pipeline.upload.client import Caller
from pipeline.upload.credentials import Secrets
from pipeline.upload.retry import Patience
from pipeline.upload.transfer import Body
url, md5, path = sys.argv[1:]
caller, size = Caller(Secrets(environment={}), Patience()), Path(path).stat().st_size
headers = {"Content-Type": "video/mp4", "Content-MD5": md5}
started = time.perf_counter()
caller.put(url, headers, lambda: Body(Path(path), 0, size, lambda _: None, None, md5), expected=None, what="PUT")
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


@contextmanager
def _far(folder: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """An emulator in a process of its own: its interface, and the settings that lead there."""
    from pipeline.upload.credentials import Secrets
    from pipeline.upload.metastudio.api import Api

    words = [*PREFLIGHT, "sandbox", "--json", "--quota", "1000G", "--pace", "100", "--folder", str(folder)]
    with _ended(subprocess.Popen(words, stdout=subprocess.PIPE, text=True)) as running:
        assert running.stdout is not None
        settings = json.loads(running.stdout.readline())["environment"] | {"PREFLIGHT_METASTUDIO_PACE": "100"}
        api = Api(Secrets(environment=settings), made.QUICK, None, None)
        yield api, settings
        api.caller.close()


def _url(api: Any, name: str, md5: str, size: int) -> str:
    """A pre-signed URL for a file of this size."""
    asset = {"asset_name": name, "asset_type": "VIDEO"}
    asset_id = api.call("create_digital_asset", asset, what="create").must("asset_id")
    file = {"file_name": "a.mp4", "file_md5": md5, "file_size": size, "asset_file_category": "MAIN"}
    file |= {"asset_id": asset_id, "file_type": "mp4"}
    return api.call("create_file", file, what="file").must("upload_url")


def _verb(near: Path, files: list[Path], md5: str, settings: dict[str, str], *more: str) -> float:
    """Seconds of `preflight upload` for these files, which have the same bytes, from its start to its end."""
    near.mkdir()
    entries = []
    for number, path in enumerate(files):
        os.link(path, near / f"{near.name}-{number}.mp4")
        one = made.entry(f"{near.name}-{number}.mp4", path.stat().st_size, md5)
        entries.append(made.asset("video", "video", [one]))
    manifest = made.write(near, "metastudio/asset-library", entries)
    started = time.perf_counter()
    again = [*PREFLIGHT, "upload", str(manifest), "--to", "metastudio", "-q", *more]
    subprocess.run(again, env=os.environ | settings, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _told(words: list[str]) -> float:
    """The seconds that a program prints."""
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def transfers(folder: Path, size: int, count: int, turns: int = 5) -> None:
    """One file of `size` bytes, then `count` files of together as much, by curl and by this tool in turns.

    curl only sends. This tool digests the bytes and compares them with the manifest as well, and the verb starts,
    creates asset and file, confirms, and asks for the verdict.
    """
    whole = _file(folder / "one.mp4", size)
    small = _file(folder / "small.mp4", size // count)
    head = ["-H", "Content-Type: video/mp4"]
    taken: dict[str, list[float]] = {name: [] for name in ("curl", "put", "verb", "curl batch", "verb batch", "start")}
    whole_md5, small_md5 = content_md5(whole), content_md5(small)
    for turn in range(turns):
        with _far(folder / "far") as (api, settings):
            more = ["-H", f"Content-MD5: {whole_md5}"]
            one = ["curl", "-s", "-f", "-T", str(whole), *head, *more, _url(api, "curl", whole_md5, size)]
            words = [sys.executable, "-c", _PUT, _url(api, "ours", whole_md5, size), whole_md5, str(whole)]
            urls = [_url(api, f"batch{n}", small_md5, small.stat().st_size) for n in range(count)]
            sends = [word for url in urls for word in ("-T", str(small), url)]
            batch = ["curl", "-s", "-f", *head, "-H", f"Content-MD5: {small_md5}", *sends]
            near, nears, none = (folder / f"{kind}{turn}" for kind in ("near", "batch", "none"))
            actions: dict[str, Callable[[], float]] = {
                "curl": partial(_seconds, one),
                "put": partial(_told, words),
                "verb": partial(_verb, near, [whole], whole_md5, settings),
                "curl batch": partial(_seconds, batch),
                "verb batch": partial(_verb, nears, [small] * count, small_md5, settings),
                "start": partial(_verb, none, [small], small_md5, settings, "--dry-run"),
            }
            for name in [*actions][turn % 6 :] + [*actions][: turn % 6]:  # nobody is always the first
                taken[name].append(actions[name]())
                for kept in (folder / "far").glob("*"):  # the emulator needs the bytes no more; their memory is reused
                    if kept.is_file():
                        kept.unlink()
        shutil.rmtree(folder / "far")
    whole.unlink()
    small.unlink()
    rows = [("", f"s, {turns} turns", "best MB/s", "against curl")]
    names = {
        "curl": "curl -T, one file",
        "put": "PUT with digest",
        "verb": "the whole verb",
        "curl batch": f"curl -T, {count} files, one connection",
        "verb batch": f"the whole verb, {count} files",
        "start": "the verb with --dry-run: its start",
    }
    start = min(taken["start"])
    for name, seconds in taken.items():
        peer, best = min(taken["curl batch" if "batch" in name else "curl"]), min(seconds)
        listed = " ".join(f"{s:.2f}" for s in seconds)
        less = f", {(best - start) / peer:.2f} without its start" if name.startswith("verb") else ""
        rate = "" if name == "start" else f"{size / 1e6 / best:.0f}"
        rows.append((names[name], listed, rate, f"{best / peer:.2f}{less}"))
    table(rows)
    print()


def _state(kind: str, running: Any, manifest: Path) -> str:
    backend = running.backend
    if kind == "metastudio":
        equal = made.held(backend) == made.wanted(manifest)
        return f"{len(made.live(backend))} assets ({len(backend.assets)} ever made), bytes equal: {equal}"
    names = [name.rsplit("/", 1)[1] for name in backend.objects]
    held = {n.rsplit("/", 1)[1]: made.md5(o.path.read_bytes()) for n, o in backend.objects.items()}
    return f"{len(set(names))} objects of {len(names)} keys, bytes equal: {held == made.wanted(manifest)}"


def _again(backend: Any) -> str:
    """How many bodies the far end stored a further time, and whether its own wrong ETag had asked for that."""
    asked = other = 0
    for name, times in backend.stored.items():
        wrong = sum("(wrong-etag)" in call and name in call for call in backend.calls)
        asked += min(times - 1, wrong)
        other += max(0, times - 1 - wrong)
    return f"bodies sent again because the store named another ETag: {asked}, for any other reason: {other}"


def _killed(process: subprocess.Popen[bytes], running: Any, calls: int) -> bool:
    """Kill -9 once it has made so many calls; whether it lived that long without ending."""
    before = len(running.backend.calls)
    while len(running.backend.calls) < before + calls and process.poll() is None:
        time.sleep(0.001)
    ended = process.poll() is not None
    process.kill()
    process.communicate()
    return not ended


def hardship(folder: Path, count: int, kills: int, kinds: tuple[str, ...] = ("metastudio", "tencent")) -> None:
    """`preflight upload` against an emulator where one call in ten goes wrong, the kinds of fault in turns; then killed
    at random moments as well, each some calls after its start. Rights, quota and disk that are missing make an asset
    fail; after the first run that ends somebody sees to those, and the command is run again until all are there."""
    dice = random.Random(11)  # noqa: S311  reproducible is what is wanted
    for kind in kinds:
        for killed in (0, kills):
            near = folder / f"{kind}-{killed}"
            near.mkdir()
            manifest = (made.mixed if kind == "metastudio" else made.photos)(near, count)
            faults = Faults(rate=0.1, seed=killed, kinds=tuple(KINDS))
            if kind == "tencent":  # few calls are dated or make something there: chance alone may leave these two out
                for rare in ("clock-skew", "no-quota"):
                    faults.order("getuploadcredentials", rare)
            with made.emulator(folder / f"{kind}-{killed}-far", faults=faults) as running:
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
                        faults.kinds = tuple(kind for kind in KINDS if kind not in LASTING)  # somebody saw to those
                taken = time.perf_counter() - started
                print(f"{kind}: {count} outputs, {sum(faults.injected.values())} faults {faults.injected}")
                print(f"  kinds that did not come: {sorted(KINDS.keys() - faults.injected.keys()) or 'none'}")
                print(f"  {deaths} kills, {runs} runs, {taken:.0f} s, last run {told['summary']}")
                print(f"  {_state(kind, running, manifest)}; {_again(running.backend)}\n")


def main() -> None:
    """Print the figures."""
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as scratch:
        folder = Path(scratch)
        if shutil.which("openssl"):
            digests(folder, int(4 * scale) * GIB or GIB)
        if shutil.which("curl"):
            transfers(folder, int(2 * scale) * GIB or GIB // 4, 32)
        hardship(folder, int(200 * scale), int(50 * scale))
    sys.stdout.flush()
