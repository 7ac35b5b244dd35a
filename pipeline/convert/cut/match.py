"""Which page of a deck each still stretch of a video shows, and what is doubtful about it.

What a stretch shows may be part of a page (a build), never more than it. Pages come in order unless the pictures say
otherwise: they may be left out, come again or go back, at a price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from pipeline.convert.cut.stretches import SMALL, Stretch
from pipeline.model.facts import Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Plane = NDArray[np.float32]
    Scores = NDArray[np.float64]

Box = tuple[int, int, int, int]  # left, top, right, bottom of where the deck is in a small frame
_FLAT: Final = 0.6  # of 255: mean contrast of a picture that shows nothing
_NOTHING: Final = 0.45  # the score of "no page of this deck"
_BLANK: Final = 0.85  # ... where nothing is shown
_SAME: Final = 2.0  # of 255: pages that differ less, where they differ most, are alike
_CLEAR: Final = 0.3  # from -1 (the other page) to 1 (this one)
_NEAR: Final = 0.15  # of a score: a rival is looked at more closely
_POOR: Final = 0.55  # a score below is worth a doubt
_NEXT: Final = 0.02  # prices of going to the next page, leaving some out, going back, and to nothing
_LEFT_OUT: Final = (0.08, 0.01)
_BACK: Final = 0.15
_AWAY: Final = 0.05
_PASSING: Final = Fraction(2)  # seconds of blank that belong to the page that comes
_MOVES: Final = 0.3  # what a moving picture counts


@dataclass(frozen=True, slots=True)
class Cut:
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


def cuts(
    stretches: Sequence[Stretch],
    pages: Sequence[Image],
    frame: tuple[int, int],
    times: Sequence[Fraction],
    end: Fraction,
) -> tuple[Cut, ...]:
    """What is shown when. `times` are those of all frames, `frame` the shape that is shown, `end` that of the video."""
    found = [_Deck(stretches, pages, box) for box in boxes(frame, pages[0].size)]
    best = max(found, key=lambda deck: deck.total)
    starts = [times[one.begin] if number else Fraction(0) for number, one in enumerate(stretches)]
    return _listed(best, starts, end)


class _Deck:
    """The stretches against all pages, on the supposition that the deck is in this box."""

    def __init__(self, stretches: Sequence[Stretch], pages: Sequence[Image], box: Box) -> None:
        import numpy as np
        from PIL import Image as Pillow

        left, top, right, bottom = box
        size, area = (right - left, bottom - top), (slice(top, bottom), slice(left, right))
        drawn = [np.asarray(p.convert("L").resize(size, Pillow.Resampling.BOX), dtype=np.float32) for p in pages]
        self.stretches = stretches
        self._pages = [_Look(page) for page in drawn]
        looks = [_Look(one.picture[area].astype(np.float32)) for one in stretches]
        spread = np.std([page.detail for page in self._pages], axis=0) if len(pages) > 1 else np.zeros_like(drawn[0])
        self._weight = spread + 1.0
        scores = np.array([[self._score(look, page) for page in self._pages] for look in looks])
        self.flat = [look.flat for look in looks]
        self.margins = [self._closer(row, look) for row, look in zip(scores, looks, strict=True)]
        nothing = np.array([[_BLANK if look.flat else _NOTHING] for look in looks])
        self.scores = np.hstack([scores, nothing])
        self.path, self.total = _path(self.scores, [_MOVES if one.moving else 1.0 for one in stretches])

    def _score(self, seen: _Look, page: _Look) -> float:
        """How far what is seen is on this page (four fifths), and the page in what is seen; less other brightness."""
        import numpy as np

        far = float(np.abs(seen.ground - page.ground).mean()) / 64
        if seen.flat or page.flat:
            return (1.0 if seen.flat and page.flat else 0.2) - far
        same = np.sign(seen.detail) == np.sign(page.detail)
        one, other = np.abs(seen.detail), np.abs(page.detail)
        both = float((np.where(same, np.minimum(one, other), 0) * self._weight).sum())
        return 0.8 * both / float((one * self._weight).sum()) + 0.2 * both / float((other * self._weight).sum()) - far

    def _closer(self, row: Scores, seen: _Look) -> dict[tuple[int, int], float]:
        """Pages that are nearly as good as the best one, each pair compared where the two differ; scores follow."""
        import numpy as np

        near = [int(n) for n in np.argsort(-row)[:6] if row[n] > row.max() - _NEAR]
        told: dict[tuple[int, int], float] = {}
        for at, one in enumerate(near):
            for other in near[at + 1 :]:
                margin = _margin(seen, self._pages[one], self._pages[other])
                told[one, other], told[other, one] = margin, -margin
        for (one, _), margin in told.items():
            row[one] += 0.1 * margin
        return told


class _Look:
    """A picture as brightness of its surroundings and what stands out of them."""

    def __init__(self, picture: Plane) -> None:
        import cv2

        self.picture = cv2.GaussianBlur(picture, (3, 3), 0)
        self.ground = cv2.blur(picture, (31, 31))
        self.detail = self.picture - self.ground
        self.flat = float(abs(picture - picture.mean()).mean()) < _FLAT


def _margin(seen: _Look, one: _Look, other: _Look) -> float:
    """From 1 (just as `one`) to -1 (just as `other`), where those differ; 0 where they do not."""
    import numpy as np

    apart = np.abs(one.picture - other.picture)
    if float(apart.max()) < _SAME:
        return 0.0
    where = apart > max(_SAME, float(apart.max()) / 4)
    far = np.abs(seen.picture - other.picture)[where].sum() - np.abs(seen.picture - one.picture)[where].sum()
    return float(far / apart[where].sum())


def _path(scores: Scores, weights: Sequence[float]) -> tuple[list[int], float]:
    """The page of each stretch (the last column: none), so that scores less prices are highest; and that sum."""
    import numpy as np

    many, columns = scores.shape
    step = np.array([[_price(a, b, columns - 1) for b in range(columns)] for a in range(columns)])
    best, came = scores[0] * weights[0] - step[columns - 1] * 0.5, []
    for row in range(1, many):
        ways = best[:, None] - step
        came.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + scores[row] * weights[row]
    path = [int(best.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return path[::-1], float(best.max())


def _price(before: int, after: int, nothing: int) -> float:
    if before == after:
        return 0.0
    if nothing in {before, after}:
        return _AWAY
    ahead = after - before
    return _BACK if ahead < 0 else _NEXT if ahead == 1 else _LEFT_OUT[0] + _LEFT_OUT[1] * ahead


def _listed(deck: _Deck, starts: Sequence[Fraction], end: Fraction) -> tuple[Cut, ...]:
    """Runs of one page each, with their doubts; a short blank before a page belongs to that page."""
    nothing = deck.scores.shape[1] - 1
    runs: list[list[int]] = []
    for number, page in enumerate(deck.path):
        if runs and deck.path[runs[-1][-1]] == page:
            runs[-1].append(number)
        else:
            runs.append([number])
    bounds = [*(starts[run[0]] for run in runs), end]
    made: list[Cut] = []
    passing: Fraction | None = None
    last = -1
    for at, run in enumerate(runs):
        page, start, stop = deck.path[run[0]], bounds[at], bounds[at + 1]
        blank = page == nothing and all(deck.flat[n] or deck.stretches[n].moving for n in run)
        if blank and stop - start < _PASSING and 0 < at < len(runs) - 1:
            passing = start
            continue
        start, passing = passing if passing is not None else start, None
        if page == nothing:
            made.append(Cut(None, start, stop, () if blank else (_STRANGE,)))
            continue
        made.append(Cut(page + 1, start, stop, tuple(_doubts(deck, run, page, last))))
        last = page
    if last + 1 < nothing and made:
        made[-1] = Cut(made[-1].page, made[-1].start, made[-1].end, (*made[-1].doubts, _unseen(last + 1, nothing - 1)))
    return tuple(made)


_STRANGE: Final = Text(
    "no page of the deck looks like this (a hidden slide, or another version of the deck)",
    "与演示文稿的任何一页都不相似（隐藏页或其他版本）",
)
_NEVER_STILL: Final = Text("the picture never stands still here", "此处画面始终在动")


def _unseen(first: int, last: int) -> Text:
    pages = f"{first + 1}" if first == last else f"{first + 1} to {last + 1}"
    return Text(f"not seen: page {pages}", f"未见到第 {pages.replace(' to ', ' 至 ')} 页")


def _doubts(deck: _Deck, run: Sequence[int], page: int, last: int) -> list[Text]:
    """What a person should look at in this run of stretches."""
    still = [number for number in run if not deck.stretches[number].moving]
    told = [] if still else [_NEVER_STILL]
    shown = (still or run)[-1]
    if deck.scores[shown][page] < _POOR:
        told.append(Text("it looks little like this page", "与该页相似度低"))
    rivals = [b for (a, b), margin in deck.margins[shown].items() if a == page and margin < _CLEAR]
    if rivals:
        pages = ", ".join(str(one + 1) for one in sorted(rivals))
        told.append(Text(f"it could be page {pages} as well", f"也可能是第 {pages} 页"))
    if page > last + 1:
        told.append(_unseen(last + 1, page - 1))
    return told
