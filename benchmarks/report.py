"""What a report costs: writing it against making its pictures alone, and opening it in a browser."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._run import PREFLIGHT, table
from pipeline.engine.pool import Pool, cores
from pipeline.model.ceilings import CHECK
from pipeline.model.job import Progress
from pipeline.report.card import card_entry
from pipeline.report.figures import CardJob, Pictures
from pipeline.report.html import jobs, write
from pipeline.report.summary import LocatedDocument
from samples import build

PRESET = "metastudio/video-production"
ASSETS = 1000
ROUNDS = 3
FEW = 200  # cards of which processor time is taken, which other work on the machine does not change
# Eight sources, in the mix of a small production: pictures mostly, then clips, sound and scripts.
NAMES = (
    "images/good-1080p.jpg", "images/good-1080p.png", "images/4k.jpg", "images/progressive.jpg",
    "video/good-1080p25.mp4", "video/60fps.mp4", "audio/speech-48k.wav", "texts/over-10000.txt",
)  # fmt: skip


def pictures_alone(job: CardJob, _: Progress) -> int:
    """The pictures of one card and nothing else."""
    made = Pictures(job)
    shown = list(made.all())
    made.wave()
    return len(shown)


def in_workers(function: Callable[[CardJob, Progress], Any], todo: list[CardJob]) -> float:
    """Seconds for all cards in the workers of this machine."""
    started = time.perf_counter()
    with Pool(function, cores(), CHECK) as pool:
        ended = sum(event.ended for event in pool.run(todo))
    assert ended == len(todo)
    return time.perf_counter() - started


def processor(todo: list[CardJob]) -> tuple[float, float]:
    """Processor seconds in this process for the pictures of some cards, and for the whole cards."""
    spent = []
    for function in (pictures_alone, card_entry):
        started = time.process_time()
        for job in todo:
            function(job, lambda _: None)
        spent.append(time.process_time() - started)
    return spent[0], spent[1]


def in_browser(page: Path) -> tuple[str, str]:
    """Milliseconds to the first view and to the end of loading, in headless Chromium."""
    try:
        from tests.browser import CHROMIUM, DRIVER, browser
    except ImportError:
        return "-", "-"
    if not (CHROMIUM and DRIVER):
        return "-", "-"
    with browser() as driver:
        driver.get("about:blank")
        driver.get(page.as_uri())
        paint = driver.execute_script("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
        load = driver.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    return f"{paint:.0f}", f"{load:.0f}"


def main() -> None:
    """Print the table."""
    import subprocess

    with tempfile.TemporaryDirectory() as work:
        sources = list(build(NAMES, Path(work, "samples")).values())
        folder = Path(work, "media")
        folder.mkdir()
        for number in range(ASSETS):
            source = sources[number % len(sources)]
            shutil.copyfile(source, folder / f"{number:04}{source.suffix}")
        checked = subprocess.run(
            [*PREFLIGHT, "check", str(folder), "-p", PRESET, "--json"], capture_output=True, check=False
        )
        source = LocatedDocument(json.loads(checked.stdout), Path(work))
        todo = jobs([source], {}, pictures=True)
        in_workers(pictures_alone, todo[:16])  # libraries and files are warm in every measurement
        rounds = []
        for _ in range(ROUNDS):
            alone = in_workers(pictures_alone, todo)
            cards = in_workers(card_entry, todo)
            page = Path(work, "report.html")
            started = time.perf_counter()
            with page.open("w", encoding="utf-8") as out:
                write(out, [source], "en", cores())
            rounds.append((alone, cards, time.perf_counter() - started))
        alone, cards, whole = sorted(rounds, key=lambda r: r[2] / r[0])[len(rounds) // 2]
        ratios = sorted(r[2] / r[0] for r in rounds)
        few = todo[:: len(todo) // FEW]
        processor(few[:8])
        spent = processor(few)
        first, loaded = in_browser(page)
        table(
            [
                (f"report of {ASSETS} assets, {cores()} workers", "s", "ratio"),
                ("its pictures alone", f"{alone:.2f}", "1"),
                ("its cards (pictures and text)", f"{cards:.2f}", f"{cards / alone:.2f}"),
                ("the whole report", f"{whole:.2f}", f"{whole / alone:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"),
                (f"processor: pictures of {len(few)} cards", f"{spent[0]:.2f}", "1"),
                (f"processor: {len(few)} cards", f"{spent[1]:.2f}", f"{spent[1] / spent[0]:.2f}"),
            ]
        )
        print(f"\n{page.stat().st_size / 1e6:.1f} MB; headless Chromium: first view {first} ms, loaded {loaded} ms")
