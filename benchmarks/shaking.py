"""Whether the camera moves: `python -m benchmarks shaking`, with `FOLDER=folder` also of footage of other people.

Drawn are clips of the portrait before a landscape and a room with a window, that shake by a known way, and ones that
stand still with noise; told is how far off the way is, and what of it counts as shaking. Of FOLDER it is listed what
is told.
"""

from __future__ import annotations

import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks._run import table
from pipeline.model.facts import Kind
from pipeline.probe import probe
from pipeline.probe.face import models
from pipeline.probe.person import camera, frames
from samples._footage import SIZE, Pixels, film, person
from samples._pictures import scene

WAYS: Final = (0.0, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02)  # of the longer side, within half a second
SECONDS: Final = 8
TALL: Final = (0.5, 0.9)


def room() -> Pixels:
    """A wall with shelves, a window and a picture on it."""
    wall = np.full((SIZE[1], SIZE[0], 3), (188, 178, 164), np.uint8)
    for left, top, right, bottom, colour in (
        (20, 20, 110, 120, (220, 230, 240)),
        (65, 20, 68, 120, (90, 80, 70)),
        (380, 30, 460, 90, (120, 60, 50)),
        (370, 140, 475, 146, (90, 70, 50)),
        (370, 200, 475, 206, (90, 70, 50)),
        (390, 165, 402, 200, (40, 60, 120)),
        (405, 160, 415, 200, (150, 120, 40)),
        (20, 170, 120, 176, (90, 70, 50)),
    ):
        cv2.rectangle(wall, (left, top), (right, bottom), colour, -1)
    return wall


def shaken(way: float, ground: Pixels, tall: float) -> list[Pixels]:
    """Pictures half a second apart, each so far from the one before, to another side each time."""
    rng = np.random.default_rng(round(way * 1e6) + round(tall * 10))
    place, pictures = np.zeros(2), []
    for number in range(2 * SECONDS):
        shot = person(number / 2, ground=ground, tall=tall)
        move = np.float64([[1, 0, place[0]], [0, 1, place[1]]])
        pictures.append(np.asarray(cv2.warpAffine(shot, move, SIZE, borderMode=cv2.BORDER_REFLECT), np.uint8))
        angle = rng.uniform(0, 2 * np.pi)
        step = way * max(SIZE) * np.array([np.cos(angle), np.sin(angle)])
        place = place + (step if np.hypot(*(place + step)) < 12 or (way * max(SIZE) > 6 and number % 2) else -step)
    return pictures


def told(path: Path) -> list[float | None]:
    """How far the background goes from picture to picture, half a second each."""
    stream = probe(path).video[0]
    assert stream.size is not None
    found: list[float | None] = []
    last: list[Pixels] = []

    def take(_: Fraction, pixels: Pixels) -> None:
        found.extend(camera.moved(before, pixels) for before in last)
        last[:] = [pixels]

    frames.watch(path, stream, frames.small(stream.size), Fraction(1, 2), take)
    return found


def main() -> None:
    """Print the tables."""
    models.load()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as work:
        for way in WAYS:
            ways: list[float | None] = []
            for number, ground in enumerate((np.asarray(scene(*SIZE), np.uint8), room())):
                for tall in TALL:
                    pictures = shaken(way, ground, tall)
                    path = film(
                        Path(work, f"{way}-{number}-{tall}.mp4"), lambda t, p=pictures: p[round(t * 2)], SECONDS, rate=2
                    )
                    ways += told(path)
            known = [one for one in ways if one is not None]
            off = float(np.median(np.abs(np.array(known) - way))) if known else float("nan")
            moves = sum(one >= camera.MOVED for one in known)
            rows.append([f"{100 * way:.1f} %", len(ways), len(known), f"{100 * off:.3f} %", moves])
    head = ("way in half a second", "places", "followed", "off in the median", "told as shaking")
    table([head, *(tuple(map(str, row)) for row in rows)])
    for path in sorted(Path(os.environ["FOLDER"]).iterdir()) if "FOLDER" in os.environ else ():
        if probe(path).kind is Kind.VIDEO:
            ways = told(path)
            known = [one for one in ways if one is not None]
            moves = sum(one >= camera.MOVED for one in known)
            most = f", at most {100 * max(known):.2f} %" if known else ""
            sys.stdout.write(f"{path.name}: {len(known)} of {len(ways)} followed, {moves} told as shaking{most}\n")


if __name__ == "__main__":
    main()
