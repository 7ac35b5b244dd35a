"""The person in footage: faults at known times and clean clips, found or not; and what looking takes of time.

60 clips of ten seconds with one fault each and 20 without: the portrait, cut out, before green, blue, white and a
landscape, near and farther away (`samples/_footage.py`); and in about half of them a head of MakeHuman's before grey
(`benchmarks/_people.py`). `python -m benchmarks.footage N HEIGHT` draws each N-th clip only, enlarged to so many
rows (270).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from benchmarks._people import Person as Head
from benchmarks._people import draw, people
from benchmarks._run import table
from pipeline.model.measured import Person
from pipeline.probe import probe
from samples._footage import BLUE, GREEN, SIZE, WHITE, Pixels, Shot, film, masked, person, plain
from samples._pictures import scene
from samples.heads import View

SECONDS: Final = 10
HEADS: Final = 8  # MakeHuman's
SPANS: Final = (
    "black",
    "white",
    "frozen",
    "nobody",
    "several",
    "lying",
    "turned",
    "cut_off",
    "covered",
    "ill_lit",
    "blurred",
)
OF_HEADS: Final = {"turned", "covered", "ill_lit", "blurred"}  # shown by MakeHuman's heads alone
NEAR: Final = 1.0  # seconds that a time may be off
Ground = tuple[int, int, int] | Pixels


class Clip(NamedTuple):
    """A clip: its fault and when it begins and ends; none has no fault."""

    fault: str
    start: float
    end: float
    ground: str
    shot: Shot


def grounds() -> dict[str, Ground]:
    """What is behind the person, by what is to be told of it."""
    return {"green": GREEN, "blue": BLUE, "white": WHITE, "mixed": np.asarray(scene(*SIZE), np.uint8)}


def made(t: float, head: int, yaw: float = 0.0) -> Pixels:
    """A head of MakeHuman's, swaying, filmed with the noise of a camera."""
    picture = np.roll(_head(head, yaw), round(SIZE[0] * 0.008 * np.sin(2 * t)), axis=1)
    noise = np.random.default_rng(round(t * 1000)).normal(0, 2, (SIZE[1], SIZE[0], 1))
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


@cache
def _head(number: int, yaw: float) -> Pixels:
    one = _heads()[number % HEADS]
    return np.asarray(draw(one, View(size=SIZE, eye_width=SIZE[1] * 0.3, yaw=yaw)).picture, np.uint8)


@cache
def _heads() -> list[Head]:
    return people(HEADS, 2100)


def faulty(fault: str, ground: Ground, tall: float, number: int) -> Callable[[float], Pixels]:
    """What is seen while the fault lasts."""
    shots: dict[str, Callable[[float], Pixels]] = {
        "black": lambda _: plain(0),
        "white": lambda _: plain(255),
        "frozen": lambda _: person(3.0, ground=ground, tall=tall),
        "nobody": lambda t: person(t, ground=ground, middles=()),
        "several": lambda t: person(t, ground=ground, tall=tall, middles=(0.25, 0.75)),
        "lying": lambda t: person(t, ground=ground, tall=tall, turns=(1, 3, 2)[number % 3]),
        "turned": lambda t: made(t, number, (40.0, -40.0, 45.0, -45.0)[number % 4]),
        "cut_off": lambda t: person(t, ground=ground, tall=0.9, middles=(0.05,)),
        "covered": lambda t: masked(made(t, number)),
        "ill_lit": lambda t: np.asarray(made(t, number) * (0.13, 0.15)[number % 2], np.uint8),
        "blurred": lambda t: np.asarray(cv2.GaussianBlur(made(t, number), (0, 0), (2, 3)[number % 2]), np.uint8),
    }
    return shots[fault]


def clips() -> Iterator[Clip]:
    """All 80, the same ones each time."""
    rng = np.random.default_rng(21)
    every = list(grounds().items())
    for number in range(60):
        fault, (name, ground) = SPANS[number % len(SPANS)], every[number // len(SPANS) % len(every)]
        tall = (0.9, 0.6)[number // 3 % 2]
        start, lasts = float(rng.uniform(1.5, 4.5)), float(rng.uniform(2.5, 4.5))
        then, drawn = faulty(fault, ground, tall, number), number if number % 3 == 2 or fault in OF_HEADS else None

        def shot(
            t: float,
            *,
            a: float = start,
            b: float = start + lasts,
            g: Ground = ground,
            h: float = tall,
            f: Shot = then,
            head: int | None = drawn,
        ) -> Pixels:
            if a <= t < b:
                return f(t)
            return person(t, ground=g, tall=h) if head is None else made(t, head)

        yield Clip(fault, start, start + lasts, name if drawn is None else "white", shot)
    for number in range(20):
        name, ground = every[number % len(every)]

        def clean(
            t: float, *, g: Ground = ground, h: float = (0.9, 0.75, 0.6, 0.5)[number // 5], m: int = number
        ) -> Pixels:
            return made(t, m) if m % 3 == 2 else person(t, ground=g, tall=h, middles=(0.4 + 0.01 * m,))

        yield Clip("none", 0, 0, "white" if number % 3 == 2 else name, clean)


def verdict(clip: Clip, found: Person) -> tuple[bool, set[str]]:
    """Whether the fault is told with its times, and what is told beside it."""
    others = {name for name in SPANS if getattr(found, name) and name != clip.fault}
    if clip.fault == "none":
        return True, others
    spans = getattr(found, clip.fault)
    right = any(abs(float(one.start) - clip.start) <= NEAR and abs(float(one.end) - clip.end) <= NEAR for one in spans)
    return right, others


def main() -> None:
    """Entry point."""
    given = [int(word) for word in sys.argv[1:] if word.isdigit()]
    every, height = (*given, 1, SIZE[1])[:2] if len(given) != 1 else (given[0], SIZE[1])
    larger = ("-vf", f"scale=-2:{height}:flags=lanczos")
    counts: dict[str, list[int]] = {name: [0, 0, 0] for name in (*SPANS, "none")}
    grounds_right = grounds_told = 0
    spent = watched = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(clips()):
            if number % every:
                continue
            path = film(Path(folder) / f"{number}.mp4", clip.shot, SECONDS, rate=5, options=larger)
            began = time.process_time()
            found = probe(path, frozenset({"person"})).person
            spent, watched = spent + time.process_time() - began, watched + SECONDS
            assert found is not None
            right, others = verdict(clip, found)
            counts[clip.fault][0] += 1
            counts[clip.fault][1] += right
            counts[clip.fault][2] += bool(others)
            grounds_told += 1
            grounds_right += found.background == clip.ground
            if not right or others or found.background != clip.ground:
                told = {name: [(float(a), float(b)) for a, b in getattr(found, name)] for name in SPANS}
                print(number, clip[:4], found.background, {name: at for name, at in told.items() if at}, flush=True)
            path.unlink()
    head = ("fault", "clips", f"told within {NEAR:g} s", "something else told")
    table([head, *((name, *map(str, told)) for name, told in counts.items() if told[0])])
    print(f"background right in {grounds_right} of {grounds_told}")
    print(f"processor time of ours, without ffmpeg: {spent / watched:.3f} of the length")


if __name__ == "__main__":
    main()
