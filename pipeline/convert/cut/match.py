"""Which page of a deck each still stretch of a video shows, and what is doubtful about it.

What a stretch shows may be part of a page (a build), never more than it. Pages come in order unless the pictures say
otherwise: they may be left out, come again or go back, at a price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from pipeline.convert.cut.stretches import SMALL, Stretch
from pipeline.model.facts import Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Plane = NDArray[np.float32]
    Scores = NDArray[np.float64]

Box = tuple[int, int, int, int]  # left, top, right, bottom of where the deck is in a small frame
_FAINT: Final = 2.0  # of 255, squared: a block with less contrast shows nothing
# Pixels by which another program sets the same type elsewhere: at the end of a line more than above or below it.
_DOWN, _ACROSS = 1, 3
_COARSE: Final = (80, 45)  # pixels that are enough to know which pages to look at closely
_LIKELY: Final = 8  # so many of them
# The score of "no page of this deck": so far below what pages of this video have, and within these bounds.
_BELOW: Final = 0.2
_NOTHING: Final = (0.5, 0.66)
_BLANK: Final = 0.85  # ... where nothing is shown
# Measured on two videos of 37 pages (docs/benchmarks.md): the right page has 0.70 and more, another one 0.61 at most;
# where letters are a few pixels high the right one may have 0.5.
_CLEAR: Final = 0.12  # of a score, by which a page must be ahead of the next
_SURE: Final = 0.66  # a score below is worth a doubt
_AHEAD: Final = 0.2  # ... unless it is so far ahead, in a video whose pages have no better ones
# Of 1: how far what is seen is on the page in its worst place (3 by 3 blocks), where one line is another, or a bar of
# another height. The right page has 0.41 and more, mostly above 0.55.
_AGREES: Final = 0.38
_SEEN: Final = 0.15  # of what is seen at the place that shows most: less is no place
_OWN: Final = 4  # stretches: a block that is off its page in more than half of them is the video's own
_INK: Final = 20  # of 255, between neighbours: what was drawn, not ground
_OTHER: Final = 40  # of 255: a pixel that is another, not the same encoded anew
_LINE: Final = 12  # pixels of ink that are others: a few letters. What a build adds stands on empty ground
_NEXT: Final = 0.02  # prices of going to the next page, leaving some out, going back, and to nothing
_LEFT_OUT: Final = (0.08, 0.01)
_BACK: Final = 0.15
_AWAY: Final = 0.05
_PASSING: Final = Fraction(2)  # seconds of blank that belong to the page that comes
_MOVES: Final = 0.3  # what a moving picture counts


class Showing(Struct, frozen=True):
    """One page from change to change. Times in seconds from the start of the video; no page: nothing of the deck."""

    page: int | None  # from 1
    start: Fraction
    end: Fraction
    doubts: tuple[Text, ...] = ()


def boxes(frame: tuple[int, int], page: tuple[int, int]) -> tuple[Box, ...]:
    """Where a page of such proportions may be in a frame: all of it, or fitted in between bars."""
    whole = (0, 0, SMALL.width, SMALL.height)
    wide = page[0] * frame[1] / (page[1] * frame[0])  # of the frame's width, at its height
    across, down = (SMALL.width * min(1.0, wide)), (SMALL.height * min(1.0, 1 / wide))
    left, top = round((SMALL.width - across) / 2), round((SMALL.height - down) / 2)
    fitted = (left, top, SMALL.width - left, SMALL.height - top)
    return (whole,) if fitted == whole else (whole, fitted)


class Found(Struct, frozen=True):
    """What is shown when, and what is doubtful about the whole."""

    showings: tuple[Showing, ...]
    doubts: tuple[Text, ...] = ()


def showings(
    stretches: Sequence[Stretch],
    pages: Sequence[Image],
    frame: tuple[int, int],
    times: Sequence[Fraction],
    end: Fraction,
) -> Found:
    """What is shown when; without pages, every still stretch is one of its own.

    `times` are those of all frames, `frame` the shape that is shown, `end` that of the video.
    """
    starts = [times[one.begin] if number else Fraction(0) for number, one in enumerate(stretches)]
    if not pages:
        return Found(tuple(_stills(stretches, starts, end)))
    supposed = [_Supposed(stretches, pages, box) for box in boxes(frame, pages[0].size)]
    deck = max(supposed, key=lambda one: one.fits)
    deck.look()
    return _listed(deck, starts, end)


def _stills(stretches: Sequence[Stretch], starts: Sequence[Fraction], end: Fraction) -> Iterator[Showing]:
    """The still stretches, each with the movement that leads to it; what moves for longer is doubtful."""
    bounds, begin, number = [*starts, end], Fraction(0), 0
    for at, one in enumerate(stretches):
        begin = begin if at and stretches[at - 1].moving else starts[at]
        if one.moving and at < len(stretches) - 1:
            continue
        number += 1
        long = one.moving or starts[at] - begin >= _PASSING
        yield Showing(number, begin, bounds[at + 1], (_NEVER_STILL,) if long else ())


class _Supposed:
    """The stretches against all pages, on the supposition that the deck is in this box."""

    near: list[dict[int, float]]  # of each stretch: the likeliest pages and their scores
    flat: list[bool]  # whether it shows nothing
    path: list[int]  # its page; one more than there are: none
    usual: float  # the score that the likeliest page has, in the middle of all
    agrees: list[float]  # how far it is on its page in its worst place

    def __init__(self, stretches: Sequence[Stretch], pages: Sequence[Image], box: Box) -> None:
        import numpy as np
        from PIL import Image as Pillow

        left, top, right, bottom = box
        size = (right - left, bottom - top)
        self.stretches, self.pages = stretches, len(pages)
        self._area = slice(top, bottom), slice(left, right)
        drawn = (np.asarray(p.convert("L").resize(size, Pillow.Resampling.BOX), dtype=np.float32) for p in pages)
        self._pages = [_Look(page) for page in drawn]
        # What stands on every page alike (a logo, a bar below the title) tells little.
        spread = np.std([page.detail for page in self._pages], axis=0) if len(pages) > 1 else np.ones(size[::-1])
        self._weight = _blocks(spread.astype(np.float32)) + 0.1
        self._roughly = self._rough()
        self.fits = float(self._roughly.max(axis=1).sum())

    def _rough(self) -> Scores:
        """How far what each stretch shows is on each page, from so few pixels that all pages can be tried."""
        import cv2
        import numpy as np

        pages = np.array([page.outline for page in self._pages])
        weight = cv2.resize(self._weight, _COARSE).ravel()
        rows = []
        for one in self.stretches:
            seen = self._seen(one).outline * weight
            rows.append(pages @ seen / max(float(seen @ (seen / weight)), 1.0))
        return np.array(rows)

    def _seen(self, one: Stretch) -> _Look:
        return _Look(one.picture[self._area].astype("float32"))

    def look(self) -> None:
        """Look closely at the likeliest pages of each stretch, and settle which one it shows."""
        import numpy as np

        self.near, self.flat = [], []
        places: list[dict[int, Plane]] = []
        scores = np.full((len(self.stretches), self.pages + 1), -1.0)
        for number, one in enumerate(self.stretches):
            seen = self._seen(one)
            likely = [int(n) for n in np.argsort(-self._roughly[number])[:_LIKELY]]
            places.append({page: self._alike(seen, self._pages[page]) for page in likely})
            self.near.append({page: self._score(seen, self._pages[page], alike) for page, alike in places[-1].items()})
            self.flat.append(seen.flat)
            scores[number, likely] = list(self.near[-1].values())
        told = [n for n, one in enumerate(self.stretches) if not (one.moving or self.flat[n])]
        self.usual = float(np.median(scores[told].max(axis=1))) if told else 0.0
        scores[:, -1] = np.where(self.flat, _BLANK, np.clip(self.usual - _BELOW, *_NOTHING))
        self.path = _path(scores, [_MOVES if one.moving else 1.0 for one in self.stretches])
        self.agrees = self._worst([alike.get(page) for alike, page in zip(places, self.path, strict=True)])

    def _alike(self, seen: _Look, page: _Look) -> Plane:
        """How far what is seen is on this page, block by block, of 1."""
        import numpy as np

        best = np.zeros_like(seen.strength)
        height, width = seen.detail.shape
        for (down, across), energy in page.moved.items():
            moved = page.padded[down : down + height, across : across + width]
            both = _blocks(seen.detail * moved) / np.sqrt((seen.energy + _FAINT) * (energy + _FAINT))
            np.maximum(best, both, out=best)
        return best

    def _score(self, seen: _Look, page: _Look, alike: Plane) -> float:
        """How far what is seen is on this page (four fifths), and the page in what is seen.

        Less where the ground is of another brightness: where a third of it is alike the rest may still come.
        """
        import numpy as np

        apart = float(np.quantile(np.abs(seen.ground - page.ground), 1 / 3)) / 64
        if seen.flat or page.flat:
            return float(seen.flat and page.flat) - apart
        one, other = seen.strength * self._weight, page.strength * self._weight
        same = 0.8 * float((alike * one).sum() / one.sum()) + 0.2 * float((alike * other).sum() / other.sum())
        return same - apart

    def _worst(self, alike: Sequence[Plane | None]) -> list[float]:
        """Of each stretch, how far it is on its page where it is least so; 1 where nothing is seen or meant."""
        import cv2
        import numpy as np

        shown = [self._seen(one).strength * self._weight for one in self.stretches]
        known = {n: one for n, one in enumerate(alike) if one is not None and not self.stretches[n].moving}
        seen = np.array([shown[n] > 0 for n in known])
        off = np.array([one < _AGREES for one in known.values()])
        ours = np.ones_like(self._weight)
        if len(known) >= _OWN:
            ours[(seen & off).sum(axis=0) * 2 > np.maximum(seen.sum(axis=0), _OWN)] = 0
        least = []
        for strength, one in zip(shown, alike, strict=True):
            there = cv2.blur(strength * ours, (3, 3))
            places = there > _SEEN * float(there.max())
            if one is None or not places.any():
                least.append(1.0)
            else:
                least.append(float((cv2.blur(one * strength * ours, (3, 3))[places] / there[places]).min()))
        return least


class _Look:
    """A picture as brightness of its surroundings and what stands out of them."""

    def __init__(self, picture: Plane) -> None:
        import cv2
        import numpy as np

        # From left to right: lines of text are alike from above to below, whatever they say.
        self.detail = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 4)
        self.ground, self.energy = _blocks(picture), _blocks(self.detail * self.detail)
        self.strength = np.sqrt(np.where(self.energy > _FAINT, self.energy, 0))
        self.flat = not self.strength.any()
        self.padded = np.pad(self.detail, ((_DOWN, _DOWN), (_ACROSS, _ACROSS)))
        outline = cv2.resize(picture - cv2.blur(picture, (41, 41)), _COARSE, interpolation=cv2.INTER_AREA)
        self.outline = outline.ravel()

    @cached_property
    def moved(self) -> dict[tuple[int, int], Plane]:
        """The energy of its blocks, moved down and across by so many pixels of `padded`."""
        height, width = self.detail.shape
        squares = self.padded * self.padded
        return {
            (down, across): _blocks(squares[down : down + height, across : across + width])
            for down in range(2 * _DOWN + 1)
            for across in range(2 * _ACROSS + 1)
        }


def _blocks(plane: Plane) -> Plane:
    """The mean of each block of about 20 by 15 pixels."""
    import cv2

    height, width = plane.shape
    size = (max(1, round(width / 20)), max(1, round(height / 15)))
    return cast("Plane", cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def _path(scores: Scores, weights: Sequence[float]) -> list[int]:
    """The page of each stretch (the last column: none), so that scores less prices are highest."""
    import numpy as np

    many, columns = scores.shape
    step = np.array([[_price(a, b, columns - 1) for b in range(columns)] for a in range(columns)])
    best, came = scores[0] * weights[0] - step[columns - 1] * 0.5, []
    for row in range(1, many):
        ways = best[:, None] - step
        came.append(ways.argmax(axis=0).astype(np.int16))
        best = ways.max(axis=0) + scores[row] * weights[row]
    path = [int(best.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return path[::-1]


def _price(before: int, after: int, nothing: int) -> float:
    if before == after:
        return 0.0
    if nothing in {before, after}:
        return _AWAY
    ahead = after - before
    return _BACK if ahead < 0 else _NEXT if ahead == 1 else _LEFT_OUT[0] + _LEFT_OUT[1] * ahead


def _replaced(one: Stretch, other: Stretch) -> bool:
    """Whether the next of two pictures lacks something of the first."""
    import cv2
    import numpy as np

    before, after = one.picture.astype(np.float32), other.picture.astype(np.float32)
    ink = np.abs(cv2.Sobel(before, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 4)) > _INK
    return int(np.count_nonzero(ink & (np.abs(after - before) > _OTHER))) >= _LINE


def _listed(deck: _Supposed, starts: Sequence[Fraction], end: Fraction) -> Found:
    """Runs of one page each, with their doubts; a short blank before a page belongs to that page."""
    nothing = deck.pages
    runs: list[list[int]] = []
    for number, page in enumerate(deck.path):
        if runs and deck.path[runs[-1][-1]] == page:
            runs[-1].append(number)
        else:
            runs.append([number])
    bounds = [*(starts[run[0]] for run in runs), end]
    made: list[Showing] = []
    passing: Fraction | None = None
    for at, run in enumerate(runs):
        page, start, stop = deck.path[run[0]], bounds[at], bounds[at + 1]
        blank = page == nothing and all(deck.flat[n] or deck.stretches[n].moving for n in run)
        if blank and stop - start < _PASSING and at < len(runs) - 1:
            passing = start
            continue
        start, passing = passing if passing is not None else start, None
        if page == nothing:
            made.append(Showing(None, start, stop, () if blank else (_STRANGE,)))
        else:
            made.append(Showing(page + 1, start, stop, tuple(_doubts(deck, run, page))))
    unseen = sorted(set(range(1, nothing + 1)) - {one.page for one in made})
    return Found(tuple(made), (_unseen(unseen),) if unseen else ())


_STRANGE: Final = Text(
    "no page of the deck looks like this (a hidden slide, or another version of the deck)",
    "与演示文稿的任何一页都不相似（隐藏页或其他版本）",
)
_REPLACED: Final = Text(
    "what it shows is replaced on the way: two pages that are much alike may stand here",
    "显示内容中途被替换：此处可能有两个相似的页",
)
_NEVER_STILL: Final = Text("the picture never stands still here", "此处画面始终在动")


def _unseen(pages: Sequence[int]) -> Text:
    listed = ", ".join(map(str, pages[:20])) + (", ..." if len(pages) > 20 else "")
    return Text(f"not seen in the video: page {listed}", f"视频中未出现：第 {listed} 页")


def _doubts(deck: _Supposed, run: Sequence[int], page: int) -> list[Text]:
    """What a person should look at in this run of stretches. A slide that is hidden may stand before a page like it."""
    still = [number for number in run if not deck.stretches[number].moving]
    told = [] if still else [_NEVER_STILL]
    little, rivals = False, set[int]()
    for number in still or run:
        score = deck.near[number].get(page, -1.0)
        others = {other: its for other, its in deck.near[number].items() if other != page}
        ahead = score - max(others.values(), default=0.0) >= _AHEAD and deck.usual < _SURE
        little = little or (score < _SURE and not ahead) or deck.agrees[number] < _AGREES
        rivals |= {other for other, its in others.items() if its > score - _CLEAR}
    if any(_replaced(deck.stretches[one], deck.stretches[other]) for one, other in pairwise(still)):
        told.append(_REPLACED)
    if little:
        told.append(Text("it looks little like this page", "与该页相似度低"))
    if rivals:
        pages = ", ".join(str(one + 1) for one in sorted(rivals))
        told.append(Text(f"it could be page {pages} as well", f"也可能是第 {pages} 页"))
    return told
