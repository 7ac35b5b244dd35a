"""Frames that an encoder was given, kept in the same run so that what it made of them can be proven. Pure.

Pairs of neighbours, since measures of quality follow motion, spread evenly over the whole length and chosen by number:
neither clocks nor entry points have a say, and nothing is decoded twice.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Final

from pipeline.convert.av.recipe import Recipe

CODEC: Final = "ffvhuff"  # without loss, in every pixel format that is encoded here; a quarter of FFV1's time
MUXER: Final = "matroska"
OPTIONS: Final = {"f": MUXER, "c:v": CODEC}

_LEAST: Final = 12  # pairs, of what has as many
_OFTEN: Final = Fraction(9, 10)  # seconds from one pair to the next: no second is left out
_SELDOM: Final = Fraction(10)  # seconds, however long it is
_UNKNOWN: Final = Fraction(2)  # seconds, where nothing tells how long it is
_MOST: Final = 1_250_000_000  # pixels of all pairs, each counted once: nine minutes of 1080p at their closest
_USUAL: Final = 1920 * 1080  # pixels of a picture whose size is not known


def every(recipe: Recipe) -> int:
    """How many frames of the new picture lie between the beginnings of two pairs, 2 or more."""
    made = recipe.picture
    if made is None:
        raise ValueError("only an encoded picture is compared with what its encoder was given")
    rate = made.playing or Fraction(25)
    length = _length(recipe)
    if length is None:
        step = int(_UNKNOWN * rate)
    else:
        frames = length * rate
        most = max(_LEAST, _MOST // (made.shown.width * made.shown.height if made.shown else _USUAL))
        step = int(min(max(_OFTEN * rate, frames / most), frames / _LEAST, _SELDOM * rate))
    # Some frames are better than their neighbours: entry points, and every second or fourth of those between. An odd
    # step meets each kind as often as it comes.
    while step > 2 and (step % 2 == 0 or (made.group and gcd(step, made.group) > 2)):
        step -= 1
    return max(2, step)


def _length(recipe: Recipe) -> Fraction | None:
    """Seconds that the new picture plays for, as far as the source tells."""
    whole = recipe.picture.lasts if recipe.picture else None
    if part := recipe.part:
        whole = part.length or (whole - (part.start or 0) if whole is not None else None)
    if recipe.length is not None:
        whole = recipe.length if whole is None else min(whole, recipe.length)
    return whole if whole is None or whole > 0 else None


def selection(step: int) -> str:
    """The expression that ffmpeg's `select` keeps pairs by."""
    return f"lt(mod(n,{step}),2)"


def name(recipe: Recipe) -> str:
    """The working name of the frames kept."""
    return f"kept{recipe.part.number if recipe.part else ''}.mkv"
