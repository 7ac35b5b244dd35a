"""Videos of decks: page changes found within two frames, pages told wrong without a doubt, and how fast.

Each deck is drawn anew with a little other type than its video. Then each deck lacks one page after the other, as if
it were hidden: what the video shows of it must be called no page, or doubtful.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from benchmarks._run import table
from pipeline.convert.cut import match, stretches
from pipeline.convert.slides.pages import drawn as page_picture
from pipeline.convert.slides.pages import opened
from pipeline.model.facts import Size
from pipeline.probe import probe
from pipeline.probe.av import timeline
from samples.deck_video import Page, Scene, Video, deck, page

VIDEOS = 20
SHAPES = ((1280, 720), (1920, 1080), (1280, 720), (1920, 1080), (3840, 2160))
RATES = (25, 30, 50, 60)
CHANGES = ("cut", "cut", "fade", "black", "push")


def shown(seed: int) -> tuple[Video, list[Page], tuple[int, int]]:
    """A video of 5 to 40 pages: builds, fades, pages left out, hidden and again; every fourth deck is 4:3."""
    chance = random.Random(seed)  # noqa: S311  the same videos every time
    pages = [page(number + 1, chance) for number in range(chance.randint(5, 40))]
    scenes: list[Scene] = []
    for number, look in enumerate(pages, 1):
        if chance.random() < 0.06:
            continue
        change, takes = chance.choice(CHANGES), chance.uniform(0.2, 1)
        scenes.append(Scene(number, look, chance.uniform(2.5, 6), chance.choice((0, 0, 2, 9)), change, takes))
        if chance.random() < 0.08:
            scenes.append(Scene(None, page(90 + number, chance), chance.uniform(2.5, 5), 0, change, 0.4))
        if chance.random() < 0.08 and number > 3:
            scenes.append(Scene(number - 2, pages[number - 3], 3))
    four_to_three = seed % 4 == 0
    video = Video(
        SHAPES[seed % len(SHAPES)],
        Fraction(RATES[seed % len(RATES)]),
        scenes,
        shape=(960, 720) if four_to_three else None,
    )
    return video, pages, (960, 720) if four_to_three else (1280, 720)


def changes(truth: Sequence[tuple[int | None, int]]) -> list[tuple[int | None, int]]:
    """The truth without changes from a page to itself."""
    return [one for number, one in enumerate(truth) if not number or truth[number - 1][0] != one[0]]


def wrong(video: Video, found: match.Found, gone: int | None = None) -> int:
    """Showings of another page than the one shown in their middle, or of none, about which nothing is said."""
    count = 0
    for one in found.showings:
        middle = (one.start + one.end) / 2 * video.rate
        true = next(number for number, first in reversed(video.truth) if first <= middle)
        told = one.page if gone is None or one.page is None or one.page < gone else one.page + 1
        count += told != (None if true == gone else true) and not one.doubts
    return count


def main() -> None:
    """Entry point. PREFLIGHT_BENCH_VIDEOS says how many of the videos are made."""
    heads = (
        "video",
        "pages",
        "changes within 2 frames",
        "wrong in silence",
        "doubtful",
        "a page gone: wrong in silence",
    )
    rows = [(*heads, "times real time")]
    hits = every = silent = hidden = tries = 0
    for seed in range(int(os.environ.get("PREFLIGHT_BENCH_VIDEOS", VIDEOS))):
        video, pages, shape = shown(seed)
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            video.write(work / "deck.mp4")
            deck(pages, work / "deck.pdf", shape)
            info = probe(work / "deck.mp4")
            frames = timeline.frames(work / "deck.mp4", info.video[0].index)
            assert frames is not None
            with opened(work / "deck.pdf", "deck.pdf") as document:
                drawn = (page_picture(document, number, Size(960, 540), "deck.pdf") for number in range(len(document)))
                pictures = [picture.convert("L") for picture in drawn]
            started = time.perf_counter()
            still = stretches.find(work / "deck.mp4", info, frames, work, lambda _: None)
            origin = info.start or Fraction(0)
            times = [at * frames.base - origin for at in sorted(frames.times)]
            end = frames.end - origin
            found = match.showings(still, pictures, video.size, times, end)
            taken = time.perf_counter() - started
            lone = 0
            for gone in range(1, len(pages) + 1):
                rest = [picture for number, picture in enumerate(pictures, 1) if number != gone]
                lone += wrong(video, match.showings(still, rest, video.size, times, end), gone)
        true = changes(video.truth)
        near = sum(any(abs(one.start * video.rate - at) <= 2 for one in found.showings) for _, at in true)
        hits, every, silent = hits + near, every + len(true), silent + wrong(video, found)
        hidden, tries = hidden + lone, tries + len(pages)
        doubtful = sum(bool(one.doubts) for one in found.showings)
        rows.append(
            (
                f"{video.size[0]}x{video.size[1]}, {video.rate} fps, {float(end):.0f} s",
                str(len(pages)),
                f"{near} of {len(true)}",
                str(wrong(video, found)),
                f"{doubtful} of {len(found.showings)}",
                f"{lone} in {len(pages)} tries",
                f"{float(end) / taken:.1f}",
            )
        )
        sys.stderr.write(".")
    share = f"{hits} of {every} ({hits / every:.1%})"
    rows.append(("all", "", share, str(silent), "", f"{hidden} in {tries} tries", ""))
    table(rows)
