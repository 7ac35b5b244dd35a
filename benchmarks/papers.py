"""Cards and letters drawn by `samples/_papers.py`: which side, legible or not, glare, grantee, signature.

Without `rapidocr` only what needs no reading is told. `python -m benchmarks.papers N` draws each N-th only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from benchmarks._run import table
from pipeline.model.measured import Card
from pipeline.probe.papers import card, letter, words
from samples import _papers as papers
from samples._pictures import picture_file, scene

OWN: Final = ("无名数字科技有限公司", "示例文化传媒（虚构）有限公司", "样例教育集团", "Nowhere Media Co., Ltd")
PLATFORM: Final = (
    "华为云计算技术有限公司",
    "华为云",
    "Huawei Cloud Computing Technologies Co., Ltd",
    "华为技术有限公司",
)
NO_CARDS: Final = ("coffee.png", "chelsea.png", "astronaut.png", "rocket.jpg", "page.png", "text.png", "coins.png")


class Case(NamedTuple):
    """A picture of a card and what is true of it."""

    what: str
    pixels: papers.Pixels
    side: str
    legible: bool
    number: bool | None  # whether its last figure is right; None: it has none, or nobody could know


def _card(number: int) -> Case:
    rng = papers.seeded(number)
    side = ("front", "back", "front", "wrong")[number % 4]
    drawn = papers.SIDES[side](rng, family=papers.FONTS[number % 3])
    width = rng.choice((1280, 1600, 2400))
    share = rng.uniform(0.55, 0.85)
    angle = rng.uniform(-12, 12) + rng.choice((0, 0, 0, 90, 180, -90))
    if abs(abs(angle) - 90) < 15:
        share *= 0.7
    tall = width * share / 1400  # pixels of the photo for one of the drawing
    shown = {"size": (width, width * 3 // 4), "share": share, "angle": angle, "aslant": rng.uniform(0, 0.08)}
    shown["noise"] = rng.uniform(1, 6)
    fault = ("none", "blur", "none", "glare", "none", "small")[number // 4 % 6]
    if fault == "none":
        pixels = papers.photographed(drawn, rng, **shown, blur=rng.uniform(0, 4) * tall)
    elif fault == "blur":
        pixels = papers.photographed(drawn, rng, **shown, blur=rng.uniform(14, 26) * tall)
    elif fault == "glare":
        spot = ((0.64, 0.83), (0.62, 0.82))[side == "back"]
        pixels = papers.photographed(drawn, rng, **shown, glare=(*spot, rng.uniform(0.08, 0.16)))
    else:
        shown |= {"size": (400, 300), "share": rng.uniform(0.4, 0.5)}
        pixels = papers.photographed(drawn, rng, **shown)
    legible = fault == "none"
    right = side == "front" if side != "back" and legible else None
    return Case(fault, pixels, "back" if side == "back" else "front", legible, right)


def _cards(every: int) -> Iterator[Case]:
    for number in range(0, 200, every):
        yield _card(number)


def _no_cards() -> Iterator[tuple[str, papers.Pixels]]:
    for name in NO_CARDS:
        yield name, np.asarray(Image.open(picture_file(name)).convert("RGB"), np.uint8)
    yield "landscape", np.asarray(scene(1200, 900), np.uint8)
    yield "white", np.full((900, 1200, 3), 255, np.uint8)
    yield "grey 40x25", np.full((25, 40, 3), 128, np.uint8)


def main() -> None:
    """Entry point."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1
    read = words.readable()
    counts: dict[str, list[int]] = {}
    sides = numbers = numbered = 0
    widths: list[float] = []
    spent = time.process_time()
    for case in _cards(every):
        found = card.look(case.pixels)
        right = found.legible is case.legible
        row = counts.setdefault(case.what, [0, 0, 0, 0])
        row[0] += 1
        row[1] += right
        row[2] += found.side == case.side
        row[3] += found.edges
        sides += found.side == case.side
        if case.number is not None:
            numbered += 1
            numbers += found.number is case.number
        if read and not right:
            print("  ", case.what, case.side, case.legible, _said(found), flush=True)
        widths.append(float(found.glare or 0) if case.what == "glare" else 0.0)
    spent = time.process_time() - spent
    total = sum(row[0] for row in counts.values())
    rows = [(name, *map(str, row)) for name, row in counts.items()]
    table([("cards", "drawn", "legible or not, right", "side right", "all edges seen"), *rows])
    print(f"number right or wrong: {numbers} of {numbered}; {spent / max(1, total):.1f} s of processor each")
    wrong = {name: _said(found) for name, px in _no_cards() if (found := card.look(px)).side != card.NO_CARD}
    print(f"no cards: {len(NO_CARDS) + 3}, taken for one or not told: {wrong or 'none'}")
    if read:
        _letters(every)


def _said(found: Card) -> str:
    return f"{found.side} legible={found.legible} number={found.number} glare={float(found.glare or 0):.3f}"


def _letters(every: int) -> None:
    grantees = legible = signed = total = 0
    spent = time.process_time()
    for number in range(0, 60, every):
        rng = papers.seeded(1000 + number)
        kind = list(papers.LETTERS)[number % len(papers.LETTERS)]
        to = (OWN, PLATFORM)[number // 4 % 2][number // 8 % 4]
        lines = papers.LETTERS[kind](papers.name(rng), to, "数字人形象" if kind != "english" else "digital humans")
        sign = rng.random() < 0.6
        page = papers.letter(lines, rng, signed=sign, family=papers.FONTS[number % 3])
        pixels = papers.scanned(page, rng, blur=rng.uniform(0, 1.2), noise=rng.uniform(1, 8), angle=rng.uniform(-2, 2))
        found = letter.told([words.read(pixels, 80)], readable=True)
        total += 1
        same = (found.grantee or "").replace(" ", "").strip(".") == to.replace(" ", "").strip(".")
        grantees, legible, signed = grantees + same, legible + bool(found.legible), signed + (found.signed is sign)
        if not same or found.signed is not sign or not found.legible:
            print("  ", kind, to, sign, found, flush=True)
    blurred = blank = 0
    for number in range(0, 20, every):
        rng = papers.seeded(2000 + number)
        lines = papers.LETTERS["labelled"](papers.name(rng), OWN[0], "数字人形象")
        page = papers.letter(lines, rng)
        blurred += (
            letter.told([words.read(papers.scanned(page, rng, blur=rng.uniform(9, 14)), 80)], readable=True).legible
            is not True
        )
        empty = papers.scanned(papers.letter([], rng), rng, blur=1, noise=rng.uniform(1, 8))
        blank += letter.told([words.read(empty, 80)], readable=True).written == 0
    each = (time.process_time() - spent) / max(1, total + 2 * len(range(0, 20, every)))
    few = len(range(0, 20, every))
    told = [("grantee", grantees, total), ("signed or not", signed, total), ("legible", legible, total)]
    told += [("blurred", blurred, few), ("blank", blank, few)]
    table([("letters", "right", "of"), *((name, str(right), str(of)) for name, right, of in told)])
    print(f"{each:.1f} s of processor each")


if __name__ == "__main__":
    main()
