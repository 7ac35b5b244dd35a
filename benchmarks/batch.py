"""Batches: 10,000 small files checked, two workers against one, a second run, and kills at random moments.

`python -m benchmarks.batch check`, `workers`, `kills 100` do only one part, the last with so many kills.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._run import PREFLIGHT, command, peak_memory, table
from samples import build

PRESET = "metastudio/asset-library"
FILES = 10_000
CLIPS = 48
SMALL = (
    "images/good.jpeg",
    "images/gray.png",
    "images/cmyk.jpg",
    "audio/mono.wav",
    "audio/good.mp3",
    "video/good-1080p25.mp4",
    "texts/good.txt",
    "texts/good.srt",
)


def _several(names: tuple[str, ...], folder: Path) -> list[Path]:
    """The samples of these names, less those whose tools are missing here."""
    return list(build(names, folder).values())


def fill(folder: Path, sources: list[Path], count: int) -> None:
    """`count` files, each with bytes of its own behind the end where its format does not mind."""
    folder.mkdir(parents=True)
    for number in range(count):
        source = sources[number % len(sources)]
        shutil.copyfile(source, folder / f"{number:05}{source.suffix}")


def check_many(top: Path) -> None:
    """The whole command on many mixed files against the sum of what each of them costs alone, past start-up."""
    from pipeline.engine.pool import cores
    from pipeline.engine.tasks import check_line
    from pipeline.model.job import Job

    sources = _several(SMALL, top / "samples")
    fill(top / "many", sources, FILES)
    jobs = [Job(path=str(path), stem="x", preset=PRESET) for path in sorted((top / "many").iterdir())[:600]]
    for job in jobs[: len(sources)]:
        check_line(job, lambda _: None)
    started = time.perf_counter()
    for job in jobs:
        check_line(job, lambda _: None)
    each = (time.perf_counter() - started) / len(jobs)
    ideal = each * FILES / cores()
    words = [*PREFLIGHT, "check", top / "many", "-p", PRESET, "--json"]
    whole = command(words)
    rows = [("10,000 small mixed files, check", "s", "ratio")]
    rows.append((f"sum of single costs / {cores()} cores ({len(jobs)} timed in process)", f"{ideal:.2f}", "1"))
    rows.append(("whole command, start-up included", f"{whole:.2f}", f"{whole / ideal:.2f}"))
    again = command(words)
    rows.append(("second run", f"{again:.2f}", f"{again / whole:.3f} of the first"))
    table(rows)
    ours, worker = peak_memory([*words, "--no-resume"])
    table([("memory", "MB"), ("main process", f"{ours / 1e6:.0f}"), ("largest worker", f"{worker / 1e6:.0f}")])


def workers(top: Path) -> None:
    """Conversions by one worker on one processor and by two on two, and the same command once more."""
    sources = _several(("video/60fps.mp4", "video/hevc8.mp4", "video/variable-rate.mp4"), top / "samples")
    fill(top / "clips", sources, CLIPS)
    for clip in (top / "clips").iterdir():  # no two alike: equal files would be done once
        with clip.open("ab") as file:
            file.write(struct.pack(">I4s", 8 + len(clip.name), b"free") + clip.name.encode())
    rows = [(f"{CLIPS} conversions of short clips, no two alike", "s", "ratio")]
    processors = sorted(os.sched_getaffinity(0))
    taken = {}
    for count in (1, 2):
        words = [
            *PREFLIGHT,
            "prepare",
            top / "clips",
            "-p",
            "convert/h264-1080p",
            "-o",
            top / f"out{count}",
            "-j",
            count,
        ]
        pinned = ["taskset", "-c", ",".join(map(str, processors[:count])), *words]
        taken[count] = command(pinned)
        what = "one worker on one processor" if count == 1 else "two workers on two"
        rows.append((what, f"{taken[count]:.2f}", f"{taken[1] / taken[count]:.2f} times as fast"))
    again = command(words)
    rows.append(("the latter again", f"{again:.2f}", f"{again / taken[2]:.3f} of the first"))
    table(rows)


# --- kills ------------------------------------------------------------------------------------------


def digests(folder: Path) -> dict[str, str]:
    """What is in every visible file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in {"manifest.json", "quarantine.list"}
    }


WRONG = (
    "assets not ready or fixed in the end",
    "outputs that verify found changed",
    "outputs without an entry in the manifest, or the reverse",
    "private folders left",
    "sources changed",
)


def kills(top: Path, count: int, seed: int = 8, *, each: int = 5) -> dict[str, int]:
    """Kill the main process `count` times at random moments of unfinished batches, each then brought to its end.

    A batch holds `each` files of seven kinds.

    Returns what was lost, left, touched or done twice, all batches together.
    """
    rng = random.Random(seed)  # noqa: S311  moments, not secrets
    images, sounds = (
        ("images/good.jpeg", "images/scan.tiff", "images/photo.avif"),
        ("audio/other.flac", "audio/good.mp3"),
    )
    sources = _several((*images, *sounds, "video/av1.mp4", "decks/good.odp"), top / "samples")
    source, out = top / "in", top / "out"
    fill(source, sources, each * len(sources))
    (top / "tmp").mkdir()
    for path in source.iterdir():  # no two alike: equal files would be done once
        if path.suffix in {".jpeg", ".mp3", ".tiff"}:
            with path.open("ab") as file:
                file.write(path.name.encode())
    before = digests(source)
    words = [str(w) for w in (*PREFLIGHT, "prepare", source, "-p", PRESET, "-o", out, "--json", "-j", 2)]
    killed, batches, redone = 0, 0, 0
    wrong = dict.fromkeys(WRONG, 0)
    known: dict[str, str] = {}
    while killed < count or known:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_env(top))
        try:
            process.wait(rng.uniform(0.1, 6.0))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            now = journaled(out)
            redone += sum(now.get(slot) != entry for slot, entry in known.items())
            known = now
        if killed >= count or process.returncode != -signal.SIGKILL or len(known) == len(before):
            batches += 1
            for what, number in zip(WRONG, _finish(top, words, before), strict=True):
                wrong[what] += number
            shutil.rmtree(out)
            known = {}
    return {"kills": killed, "batches": batches, "done again after they were journaled": redone} | wrong


def _env(top: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(top / "tmp")}


def _finish(top: Path, words: list[str], before: dict[str, str]) -> tuple[int, ...]:
    """Let the run come to its end: what is wrong then?"""
    source, out = top / "in", top / "out"
    final = subprocess.run(words, capture_output=True, text=True, check=False, env=_env(top))
    document = json.loads(final.stdout)
    wrong = [asset for asset in document["assets"] if asset["status"] not in {"ready", "fixed"}]
    for asset in wrong:
        sys.stderr.write(f"{asset['source']}: {asset['status']}: {asset['error']}\n")
    named = {o["path"] for asset in document["assets"] for o in asset["outputs"]}
    verify = [*PREFLIGHT, "verify", str(out / "manifest.json"), "--json"]
    verified = subprocess.run(verify, capture_output=True, text=True, check=False, env=_env(top))
    left = [*out.glob(".preflight-work*"), *(top / "tmp").iterdir()]
    return (
        len(wrong),
        json.loads(verified.stdout)["summary"]["changed"],
        len(named ^ set(digests(out))),
        len(left),
        sum(before[name] != now for name, now in digests(source).items()),
    )


def journaled(out: Path) -> dict[str, str]:
    """Slot -> entry of the journal, read beside whoever writes it."""
    import sqlite3

    from pipeline.engine.journal import NAME

    if not (out / NAME).exists():
        return {}
    with contextlib.closing(sqlite3.connect(f"file:{out / NAME}?mode=ro", uri=True)) as db:
        try:
            return {slot: hashlib.sha256(entry.encode()).hexdigest() for slot, entry in db.execute(_ENTRIES)}
        except sqlite3.OperationalError:  # killed before its tables were made
            return {}


_ENTRIES = "SELECT slot, entry FROM assets"


def _tell_kills(top: Path, count: int) -> None:
    found = kills(top, count)
    table([("kill -9 of the main process", "count"), *((what, str(number)) for what, number in found.items())])


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        os.environ["PREFLIGHT_CACHE"] = str(top / "cache")  # nothing is remembered from before
        match sys.argv[1:]:
            case ["check"]:
                check_many(top)
            case ["workers"]:
                workers(top)
            case ["kills", count]:
                _tell_kills(top, int(count))
            case _:
                check_many(top)
                workers(top)
                _tell_kills(top, 20)


if __name__ == "__main__":
    main()
