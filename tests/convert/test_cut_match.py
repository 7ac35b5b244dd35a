"""Which page a stretch shows, from pictures that were drawn: no video is made."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.convert.cut import match
from pipeline.convert.cut.stretches import SMALL, Stretch
from samples.deck_video import Page, drawn, page

SHAPE = (960, 540)


def pages(count: int) -> list[Page]:
    chance = random.Random(11)  # noqa: S311  the same pages every time
    return [page(number + 1, chance) for number in range(count)]


def seen(looks: Sequence[Page], mark: bool = False) -> list[Stretch]:
    """Stretches of 50 frames that show these, in type 1.5 % larger, as another program sets it."""
    found = []
    for number, look in enumerate(looks):
        picture = drawn(look, SHAPE, off=0.015)
        if mark:
            ImageDraw.Draw(picture).rectangle((760, 30, 940, 120), fill="#d01010", outline="#000000", width=6)
        small = picture.convert("L").resize((SMALL.width, SMALL.height), Image.Resampling.BOX)
        found.append(Stretch(50 * number, np.asarray(small)))
    return found


def shown(looks: Sequence[Page], deck: Sequence[Page], mark: bool = False) -> match.Found:
    times = [Fraction(number, 25) for number in range(50 * len(looks))]
    pictures = [drawn(one, SHAPE).convert("L") for one in deck]
    return match.showings(seen(looks, mark), pictures, SHAPE, times, Fraction(2 * len(looks)))


def other(look: Page) -> Page:
    """The same page with one line, or one bar, that is another."""
    if look.bars:
        return replace(look, bars=(*look.bars[:2], 1.0 - look.bars[2] / 2, *look.bars[3:]))
    return replace(look, lines=(*look.lines[:-1], "another line of quite other words"))


def test_every_page_is_told_and_nothing_is_doubtful() -> None:
    looks = pages(12)
    found = shown(looks, looks)
    assert [one.page for one in found.showings] == list(range(1, 13))
    assert [one for one in found.showings if one.doubts] == []


@pytest.mark.every(3)
@pytest.mark.parametrize("gone", range(1, 13))
def test_a_page_that_the_deck_lacks_is_never_another_in_silence(gone: int) -> None:
    looks = pages(12)
    found = shown(looks, [look for number, look in enumerate(looks, 1) if number != gone])
    (there,) = [one for one in found.showings if one.start <= 2 * gone - 1 < one.end]
    assert there.page is None or there.doubts
    rest = [one.page for one in found.showings if one is not there]
    assert rest == [number for number in range(1, 12) if number != there.page]


@pytest.mark.parametrize("number", range(6))
def test_a_hidden_page_like_its_neighbour_but_for_one_line_is_doubtful(number: int) -> None:
    looks = pages(6)
    hidden = [*looks[: number + 1], other(looks[number]), *looks[number + 1 :]]
    found = shown(hidden, looks)
    (there,) = [one for one in found.showings if one.start <= 2 * number + 3 < one.end]
    assert there.doubts


def test_a_mark_that_stands_on_every_picture_makes_nothing_doubtful() -> None:
    looks = pages(8)
    found = shown(looks, looks, mark=True)
    assert [one.page for one in found.showings] == list(range(1, 9))
    assert [one for one in found.showings if one.doubts] == []
