"""Which stretches of a long take are which lines of its script. Pure; a doubtful match is named, never hidden.

Sentences end in pauses and last about as long as their lines have syllables. Both are weighed together: the best
way through take and script is found by dynamic programming, and every cut is compared with its best alternative.

That proves where sentences are, how many there are, and that none was left out, added or begun late. Which sentence
is which it proves only for lines whose lengths differ enough: `Cut.alike` names the others, which only their order
tells apart. Somebody must then say that they were read in order, or hear them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from math import exp, inf, log, log1p
from statistics import median
from typing import Final

from msgspec import Struct

from pipeline.errors import AssetError
from pipeline.model.facts import Text

Run = tuple[float, float]  # seconds: start and end of a stretch of speech

_PAUSE: Final = 0.33  # seconds: a pause is as likely within a sentence as between two
_SHARP: Final = 0.05  # seconds: how sharply it parts the two
_SPREAD: Final = 0.22  # of the logarithm of a line's length about what its syllables give
_ODD: Final = log(1.7)  # a line this much longer or shorter than it should be is doubtful
_NEAR: Final = 3.0  # nats by which the second best place of a cut must be worse
_INSIDE: Final = 0.38  # seconds: a pause within a line that would do between two lines
_SWAPPED: Final = 1.0  # nats: two neighbours that fit so much better the other way round
_SHIFTED: Final = 2.0  # nats: lines that fit so much better one line on
_TOLD: Final = 3.0  # nats that exchanging two lines must cost for lengths to tell them apart
_PAD: Final = 0.25  # seconds of pause that stay at either end of a clip
_EDGE: Final = 0.12  # seconds that every line takes beyond its syllables
_RATES: Final = (1.8, 10.0)  # syllables a second between which people read
_VOWELS: Final = re.compile("[aeiouyàâäáãåæéèêëíìîïóòôöõøœúùûüýÿ]+")


class Cut(Struct, frozen=True):
    """One line and where it is in the take."""

    line: str
    start: float  # seconds
    end: float
    doubts: tuple[Text, ...] = ()
    alike: tuple[int, ...] = ()  # numbers of other lines, from 0, that could be here as far as lengths tell


def syllables(line: str) -> float:
    """About how many syllables it takes to say `line`: characters of Chinese, vowels of the others."""
    count = 0.0
    for word in re.findall(r"\w+", unicodedata.normalize("NFC", line).lower()):
        wide = sum(unicodedata.east_asian_width(letter) == "W" for letter in word)
        digits = sum(letter.isdigit() for letter in word)
        rest = "".join(letter for letter in word if unicodedata.east_asian_width(letter) != "W")
        count += wide + 1.5 * digits
        if rest and not rest.isdigit():
            vowels = len(_VOWELS.findall(rest)) - (rest.endswith("e") and len(_VOWELS.findall(rest)) > 1)
            count += max(1, vowels)
    return count


def _cost(odds: float) -> float:
    """Negative logarithm of the logistic function of `odds`."""
    return log1p(exp(-odds)) if odds > -30 else -odds


def match(runs: Sequence[Run], lines: Sequence[str], name: str) -> tuple[Cut, ...]:
    """The cut for each line, in order. Every stretch of speech belongs to one line.

    Raises AssetError when there are fewer stretches than lines, or a line has nothing to say.
    """
    weights = [syllables(line) for line in lines]
    if not lines or min(weights) == 0:
        empty = weights.index(0) + 1 if lines else 0
        raise AssetError(
            f"{name}: line {empty} of the script has no words. One line of the script is one sentence.",
            f"{name}：脚本第 {empty} 行没有文字。脚本每行应为一句。",
        )
    if len(runs) < len(lines):
        raise AssetError(
            f"{name}: {len(runs)} sentences are heard and the script has {len(lines)} lines. Pause for half a "
            "second between sentences, read every line once, and record again.",
            f"{name}：听到 {len(runs)} 句，而脚本有 {len(lines)} 行。请逐行朗读，句间停顿至少半秒后重录。",
        )
    spoken = sum(end - start for start, end in runs) - _EDGE * len(lines)
    rate = sum(weights) / max(0.1, spoken)
    for _ in range(2):  # again at the rate of the middle line, which no single mistake can shift
        wanted = [_EDGE + weight / rate for weight in weights]
        forward, back = _table(runs, wanted), _backward(runs, wanted)
        whole, ends = forward[-1][-1], _path(runs, wanted, forward)
        firsts = [0, *(end + 1 for end in ends)]
        taken = [runs[last][1] - runs[first][0] for first, last in zip(firsts, ends, strict=False)]
        rate = median(weight / max(_EDGE, seconds - _EDGE) for weight, seconds in zip(weights, taken, strict=True))
    elsewhere = _elsewhere(taken, wanted)
    cuts = []
    first = 0
    for number, (line, last) in enumerate(zip(lines, ends, strict=True)):
        doubts = list(_doubts(runs[first : last + 1], wanted[number]))
        for end, edge in ((number - 1, first - 1), (number, last)):
            if not 0 <= end < len(lines) - 1:
                continue
            others = [forward[end][at] + back[end + 1][at + 1] for at in range(len(runs) - 1) if at != edge]
            if min(others, default=inf) - whole < _NEAR:
                doubts.append(Text("another cut fits nearly as well", "另一处切分同样合适"))
                break
        if number in elsewhere:
            doubts.append(
                Text("its length suits another line better", "其时长与另一行更相符"),
            )
        if not _RATES[0] <= rate <= _RATES[1]:
            doubts.append(
                Text(
                    f"{rate:.1f} syllables a second is no reading speed: is it the right script?",
                    f"语速为每秒 {rate:.1f} 音节，不合常理：脚本是否正确？",
                )
            )
        cuts.append(Cut(line, *_padded(runs, first, last), tuple(doubts), _alike(number, lines, taken, wanted)))
        first = last + 1
    return tuple(cuts)


def _padded(runs: Sequence[Run], first: int, last: int) -> Run:
    """With a little of the pauses around it, in which faint beginnings and ends lie."""
    start, end = runs[first][0], runs[last][1]
    before = start - (runs[first - 1][1] if first else 0.0)
    after = runs[last + 1][0] - end if last + 1 < len(runs) else _PAD
    return start - min(_PAD, before / 2), end + min(_PAD, after / 2)


def _off(taken: float, wanted: float) -> float:
    """What it costs, in nats, that a line took `taken` seconds where `wanted` were expected."""
    return (log(taken / wanted) / _SPREAD) ** 2 / 2


def _exchanged(one: int, other: int, taken: Sequence[float], wanted: Sequence[float]) -> float:
    """What it costs, in nats, to exchange two lines; below nought they fit better so."""
    crossed = _off(taken[one], wanted[other]) + _off(taken[other], wanted[one])
    return crossed - _off(taken[one], wanted[one]) - _off(taken[other], wanted[other])


def _alike(number: int, lines: Sequence[str], taken: Sequence[float], wanted: Sequence[float]) -> tuple[int, ...]:
    """Other lines with other words that could be in the place of line `number` without its length telling."""
    return tuple(
        other
        for other in range(len(lines))
        if lines[other] != lines[number] and _exchanged(number, other, taken, wanted) < _TOLD
    )


def _elsewhere(taken: Sequence[float], wanted: Sequence[float]) -> set[int]:
    """Lines that may have been left out, added, or read in another order, by their lengths alone."""

    def off(at: int, line: int) -> float:
        return _off(taken[at], wanted[line])

    found: set[int] = set()
    count = len(wanted)
    for one in range(count - 1):
        if _exchanged(one, one + 1, taken, wanted) < -_SWAPPED:
            found |= {one, one + 1}
    for step in (-1, 1):
        # A stretch of lines that all fit better one line on (Kadane's largest sum).
        gain, begin = 0.0, 0
        for line in range(max(0, -step), count - max(0, step)):
            if gain <= 0:
                gain, begin = 0.0, line
            gain += off(line, line) - off(line, line + step)
            if gain > _SHIFTED:
                found |= set(range(begin, line + 1))
    return found


def _doubts(runs: Sequence[Run], wanted: float) -> list[Text]:
    found = []
    length = runs[-1][1] - runs[0][0]
    if abs(log(length / wanted)) > _ODD:
        found.append(
            Text(
                f"lasts {length:.1f} s where its words take about {wanted:.1f} s",
                f"时长 {length:.1f} 秒，按文字约需 {wanted:.1f} 秒",
            )
        )
    pause = max((b[0] - a[1] for a, b in pairwise(runs)), default=0.0)
    if pause > _INSIDE:
        found.append(Text(f"holds a pause of {pause:.2f} s", f"句中有 {pause:.2f} 秒停顿"))
    return found


def _group(runs: Sequence[Run], first: int, last: int, wanted: float) -> float:
    """What it costs to take runs `first` to `last` for one line that should last `wanted` seconds."""
    off = log((runs[last][1] - runs[first][0]) / wanted) / _SPREAD
    inside = sum(_cost((_PAUSE - runs[i + 1][0] + runs[i][1]) / _SHARP) for i in range(first, last))
    return off * off / 2 + inside


def _between(runs: Sequence[Run], last: int) -> float:
    """What it costs to cut after run `last`."""
    return _cost((runs[last + 1][0] - runs[last][1] - _PAUSE) / _SHARP) if last + 1 < len(runs) else 0.0


_WIDEST: Final = 12  # runs of one line at most


def _table(runs: Sequence[Run], wanted: Sequence[float]) -> list[list[float]]:
    """Least cost of the lines up to j when line j ends with run i."""
    table: list[list[float]] = []
    for number, seconds in enumerate(wanted):
        row = [inf] * len(runs)
        for last in range(number, len(runs)):
            for first in range(max(number, last - _WIDEST + 1), last + 1):
                before = (0.0 if first == 0 else inf) if number == 0 else table[-1][first - 1]
                if before < inf:
                    total = before + _group(runs, first, last, seconds) + _between(runs, last)
                    row[last] = min(row[last], total)
        table.append(row)
    return table


def _backward(runs: Sequence[Run], wanted: Sequence[float]) -> list[list[float]]:
    """Least cost of the lines from j on when line j begins with run i."""
    turned = [(-end, -start) for start, end in reversed(runs)]
    mirrored = _table(turned, wanted[::-1])
    out = []
    for number in range(len(wanted)):
        row = mirrored[len(wanted) - 1 - number][::-1]
        # The mirrored table counts the cut in front of line j as its own; the forward table has it already.
        out.append([value - (_between(runs, at - 1) if at and value < inf else 0.0) for at, value in enumerate(row)])
    return out


def _path(runs: Sequence[Run], wanted: Sequence[float], table: list[list[float]]) -> list[int]:
    """The last run of each line on the cheapest way."""
    ends = [len(runs) - 1]
    for number in range(len(wanted) - 1, 0, -1):
        last = ends[0]
        firsts = range(max(number, last - _WIDEST + 1), last + 1)
        best = min(firsts, key=lambda first: table[number - 1][first - 1] + _group(runs, first, last, wanted[number]))
        ends.insert(0, best - 1)
    return ends
