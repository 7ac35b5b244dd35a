"""Batches: 10,000 small files checked, two workers against one, a second run, and kills at random moments.

`python -m benchmarks.batch kills 100` does only the last part, with so many kills.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._run import PREFLIGHT, command, peak_memory, table
from samples import build

PRESET = "metastudio/asset-library"
FILES = 10_000
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
    from pipeline.checking import Job
    from pipeline.pool import cores
    from pipeline.run import check_entry

    sources = _several(SMALL, top / "samples")
    fill(top / "many", sources, FILES)
    jobs = [Job(path=str(path), stem="x", preset=PRESET) for path in sorted((top / "many").iterdir())[:600]]
    for job in jobs[: len(sources)]:
        check_entry(job, lambda _: None)
    started = time.perf_counter()
    for job in jobs:
        check_entry(job, lambda _: None)
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
    ours, worker = peak_memory(words)
    table([("memory", "MB"), ("main process", f"{ours / 1e6:.0f}"), ("largest worker", f"{worker / 1e6:.0f}")])


def workers(top: Path) -> None:
    """Conversions by one worker and by two, and the same command once more."""
    sources = _several(("video/60fps.mp4", "video/hevc8.mp4", "video/variable-rate.mp4"), top / "samples")
    rows = [("8 conversions of video", "s", "ratio")]
    fill(top / "clips", sources, 8)
    taken = {}
    for count in (1, 2):
        out = top / f"out{count}"
        words = [*PREFLIGHT, "prepare", top / "clips", "-p", "convert/h264-1080p", "-o", out, "-j", count]
        taken[count] = command(words)
        rows.append((f"{count} workers", f"{taken[count]:.2f}", f"{taken[1] / taken[count]:.2f}"))
    again = command(words)
    rows.append(("second run", f"{again:.2f}", f"{again / taken[2]:.3f} of the first"))
    table(rows)


# --- kills ------------------------------------------------------------------------------------------


def digests(folder: Path) -> dict[str, str]:
    """What is in every visible file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in {"manifest.json", "quarantine.list"}
    }


def kills(top: Path, count: int, seed: int = 8) -> None:
    """Kill the main process `count` times at random moments, then let it end: what is lost, left or touched?"""
    rng = random.Random(seed)  # noqa: S311  moments, not secrets
    images, sounds = (
        ("images/good.jpeg", "images/scan.tiff", "images/photo.avif"),
        ("audio/other.flac", "audio/good.mp3"),
    )
    sources = _several((*images, *sounds, "video/av1.mp4", "decks/good.odp"), top / "samples")
    source, out = top / "in", top / "out"
    fill(source, sources, 5 * len(sources))
    for path in source.iterdir():  # no two alike: equal files would be done once
        if path.suffix in {".jpeg", ".mp3", ".flac", ".tiff"}:
            with path.open("ab") as file:
                file.write(path.name.encode())
    before = digests(source)
    words = [str(w) for w in (*PREFLIGHT, "prepare", source, "-p", PRESET, "-o", out, "--json", "-j", 2)]
    done, redone = 0, 0
    verdicts: list[tuple[int, ...]] = []
    known: dict[str, str] = {}
    killed = 0
    while killed < count:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait = rng.uniform(0.1, 3.0)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            redone += sum(journaled(out).get(slot) != entry for slot, entry in known.items())
            known = journaled(out)
        if process.returncode != -signal.SIGKILL or len(known) == len(before):  # nothing left to interrupt: begin anew
            done += 1
            verdicts.append(finish(words, source, out, before))
            shutil.rmtree(out)
            known = {}
    verdicts.append(finish(words, source, out, before))
    sums = [sum(column) for column in zip(*verdicts, strict=True)]
    told = (
        "assets not ready or fixed in the end",
        "outputs that verify found changed",
        "outputs without an entry in the manifest, or the reverse",
        "private folders left",
        "sources changed",
    )
    head = (f"{killed} kills, seed {seed}, {len(before)} files a batch, {done + 1} batches", "count")
    rows = [head, ("assets done again after they were journaled", str(redone))]
    table([*rows, *((what, str(count)) for what, count in zip(told, sums, strict=True))])


def finish(words: list[str], source: Path, out: Path, before: dict[str, str]) -> tuple[int, ...]:
    """Let the run come to its end: what is wrong then?"""
    final = subprocess.run(words, capture_output=True, text=True, check=False)
    document = json.loads(final.stdout)
    wrong = [asset["source"] for asset in document["assets"] if asset["status"] not in {"ready", "fixed"}]
    named = {o["path"] for asset in document["assets"] for o in asset["outputs"]}
    verified = subprocess.run(
        [*PREFLIGHT, "verify", str(out / "manifest.json"), "--json"], capture_output=True, text=True, check=False
    )
    left = [path.name for path in out.iterdir() if path.name.startswith(".preflight-work")]
    private = [path.name for path in Path(tempfile.gettempdir()).glob(".preflight-work-*") if _dead(path)]
    return (
        len(wrong),
        json.loads(verified.stdout)["summary"]["changed"],
        len(named ^ set(digests(out))),
        len(left) + len(private),
        sum(before[name] != now for name, now in digests(source).items()),
    )


def _dead(folder: Path) -> bool:
    from pipeline import publish

    return publish._dead(folder)  # noqa: SLF001  what a sweep would remove


def journaled(out: Path) -> dict[str, str]:
    """Slot -> entry of the journal, read beside whoever writes it."""
    import sqlite3

    from pipeline.journal import NAME

    if not (out / NAME).exists():
        return {}
    with sqlite3.connect(f"file:{out / NAME}?mode=ro", uri=True) as db:
        try:
            return {slot: hashlib.sha256(entry.encode()).hexdigest() for slot, entry in db.execute(_ENTRIES)}
        except sqlite3.OperationalError:  # killed before its tables were made
            return {}
        finally:
            db.commit()


_ENTRIES = "SELECT slot, entry FROM assets"


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        if sys.argv[1:2] == ["kills"]:
            kills(top, int(sys.argv[2]))
            return
        check_many(top)
        workers(top)
        kills(top, 20)


if __name__ == "__main__":
    main()
