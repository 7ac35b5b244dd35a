"""Whether the frames of a GIF are whole: no reader minds codes that end before their frame is full."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.model.facts import Text
from pipeline.probe.image.headers import gif_images
from pipeline.probe.image.whole.harm import SPOILED, Harm

_CUT: Final = Text("it is cut short, in the middle of a frame", "文件不完整，在某一帧中间中断")
_TABLE: Final = 4096  # codes of twelve bits at most (GIF89a, appendix F)


def gif(path: Path) -> Harm | None:
    """By how many pixels the codes of each frame stand for."""
    wanted = found = 0
    said = None
    with path.open("rb") as file:
        for image in gif_images(file, codes=True):
            filled = drawn(image.codes, image.least, image.pixels)
            over = filled - image.pixels > image.pixels // 1000
            wanted, found = wanted + image.pixels, found + min(filled, image.pixels)
            if not image.whole:
                # How many frames were to follow is said nowhere.
                alone = image.pixels == wanted > 0
                return Harm(_CUT, 1 - Fraction(found, wanted) if alone else None)
            said = SPOILED if filled < image.pixels or over else said
    return Harm(said, 1 - Fraction(found, wanted)) if said else None


def drawn(data: bytes, least: int, wanted: int) -> int:
    """Pixels that the codes stand for, up to the first that has no meaning, or twice as many as `wanted`.

    How wide a code is depends only on how many came since the table was emptied: all up to there are read at once.
    """
    if not 1 <= least <= 11:
        return 0
    clear = 1 << least
    count = np.arange(_TABLE)
    widths = np.minimum(12, np.ceil(np.log2(clear + 3 + np.maximum(count - 1, 0)))).astype(np.int64)
    places = np.concatenate([[0], np.cumsum(widths)])
    stored = np.concatenate([np.frombuffer(data, np.uint8), np.zeros(3, np.uint8)]).astype(np.uint32)
    end, at, total = len(data) * 8, 0, 0
    lengths: list[int] = []
    last = 0
    while total < 2 * wanted and at < end:
        if not lengths:
            lengths, last, place, width = [1] * clear + [0, 0], 0, places, widths
        spots = at + place[:-1]
        spots = spots[spots + width <= end]
        if not len(spots):
            break
        byte = spots >> 3
        window = stored[byte] | stored[byte + 1] << 8 | stored[byte + 2] << 16
        codes = (window >> (spots & 7).astype(np.uint32)) & ((1 << width[: len(spots)]) - 1).astype(np.uint32)
        special = np.flatnonzero((codes == clear) | (codes == clear + 1))
        until = int(special[0]) if len(special) else len(codes)
        for code in codes[:until].tolist():
            if code < len(lengths):
                length = lengths[code]
            elif code == len(lengths) and last:
                length = last + 1
            else:
                return total
            total += length
            if last and len(lengths) < _TABLE:
                lengths.append(last + 1)
            last = length
        if until == len(codes):  # the table is full and stays: every code is as wide as the last
            at += int(place[until])
            width = np.full(_TABLE, 12)
            place = np.arange(_TABLE + 1) * 12
        elif codes[until] == clear:
            at, lengths = at + int(place[until + 1]), []
        else:
            break
    return total
