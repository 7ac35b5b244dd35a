"""The person in footage: faults at known times and clean clips, found or not; and what looking takes of time.

60 clips of ten seconds with one fault each and 20 without, 480x270, drawn by `samples/_footage.py`: the portrait, cut
out, before green, blue, white and a landscape, near and farther away. `python -m benchmarks.footage N` draws each N-th
clip only.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks._run import table
from pipeline.model.measured import Person
from pipeline.probe import probe
from samples._footage import BLUE, GREEN, SIZE, WHITE, Pixels, Shot, film, person, plain
from samples._pictures import scene

SECONDS: Final = 10
SPANS: Final = ("black", "white", "frozen", "nobody", "several", "lying", "turned", "cut_off")
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


def faulty(fault: str, ground: Ground, tall: float, number: int) -> Callable[[float], Pixels]:
    """What is seen while the fault lasts."""
    shots: dict[str, Callable[[float], Pixels]] = {
        "black": lambda _: plain(0),
        "white": lambda _: plain(255),
        "frozen": lambda _: person(3.0, ground=ground, tall=tall),
        "nobody": lambda t: person(t, ground=ground, middles=()),
        "several": lambda t: person(t, ground=ground, tall=tall, middles=(0.25, 0.75)),
        "lying": lambda t: person(t, ground=ground, tall=tall, turns=(1, 3, 2)[number % 3]),
        "turned": lambda t: person(t, yaw=(40.0, -40.0, 45.0, -45.0)[number % 4]),
        "cut_off": lambda t: person(t, ground=ground, tall=0.9, middles=(0.05,)),
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
        then = faulty(fault, ground, tall, number)

        def shot(
            t: float,
            *,
            a: float = start,
            b: float = start + lasts,
            g: Ground = ground,
            h: float = tall,
            f: Shot = then,
        ) -> Pixels:
            return f(t) if a <= t < b else person(t, ground=g, tall=h)

        yield Clip(fault, start, start + lasts, name, shot)
    for number in range(20):
        name, ground = every[number % len(every)]

        def clean(
            t: float, *, g: Ground = ground, h: float = (0.9, 0.75, 0.6, 0.5)[number // 5], m: int = number
        ) -> Pixels:
            return person(t, ground=g, tall=h, middles=(0.4 + 0.01 * m,))

        yield Clip("none", 0, 0, name, clean)


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
    every = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1
    counts: dict[str, list[int]] = {name: [0, 0, 0] for name in (*SPANS, "none")}
    grounds_right = grounds_told = 0
    spent = watched = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(clips()):
            if number % every:
                continue
            path = film(Path(folder) / f"{number}.mp4", clip.shot, SECONDS, rate=5)
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
