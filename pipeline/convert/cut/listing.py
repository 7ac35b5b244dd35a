"""The list of cuts as people look through it: written as CSV, corrected, and read back, as CSV or as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pipeline.convert.cut.match import Showing
from pipeline.convert.package.build import read as read_text
from pipeline.errors import AssetError
from pipeline.model.ceilings import MAX_PAGES

DECKS: Final = (".pptx", ".ppt", ".odp", ".pdf", ".pptm", ".ppsx", ".potx")  # endings of what a video may show
HEADER: Final = ("page", "start", "end", "seconds", "spoken", "clip", "doubts")
_LONGEST: Final = 10**6  # seconds


def names(stem: str) -> tuple[str, str]:
    """What the list is called in the output folder: as CSV, and as JSON."""
    return f"{stem}.cuts.csv", f"{stem}.cuts.json"


def labels(showings: Sequence[Showing], word: str) -> list[str]:
    """What each clip is called behind the name of the deck: page-003, page-003-2 when it comes again; "" for none."""
    seen: Counter[int] = Counter()
    names = []
    for one in showings:
        if one.page is None:
            names.append("")
            continue
        seen[one.page] += 1
        again = seen[one.page]
        names.append(f"{word}-{one.page:03}" + (f"-{again}" if again > 1 else ""))
    return names


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Rows of HEADER; several doubts are one cell. The mark in front tells spreadsheets that it is UTF-8."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(HEADER)
    for *cells, doubts in rows:
        table.writerow([*cells, "; ".join(doubts) if isinstance(doubts, tuple) else doubts])
    return "\ufeff" + out.getvalue()


def reviewed(path: Path, pages: int | None) -> tuple[Showing, ...]:
    """What such a list says; its doubts are settled by whoever gives it back. `pages` is how many the deck has.

    Raises AssetError, Unreadable.
    """
    text = read_text(path).strip()
    try:
        rows = json.loads(text)["cuts"] if text.startswith("{") else _table(text)
        found = [_showing(row) for row in rows]
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error):
        raise _wrong(path.name, 0) from None
    for number, one in enumerate(found, 1):
        if one is None or one.start < (before.end if (before := found[number - 2]) and number > 1 else 0):
            raise _wrong(path.name, number)
        if pages is not None and one.page is not None and one.page > pages:
            raise AssetError(
                f"{path.name}, cut {number}: page {one.page} of a deck that has {pages}. Correct it.",
                f"{path.name} 第 {number} 条：第 {one.page} 页，而文稿只有 {pages} 页。请修正。",
            )
    told = tuple(one for one in found if one is not None)
    if not any(one.page for one in told):
        raise _wrong(path.name, 0)
    return told


def _table(text: str) -> list[dict[str, str]]:
    """The rows of a CSV; what separates cells is what stands behind the first column's name."""
    head = text.partition("\n")[0]
    mark = next((mark for mark in ",;\t" if mark in head), ",")
    rows = csv.DictReader(io.StringIO(text), delimiter=mark, strict=True)
    return [row for row in rows if any(row.values())]


def _showing(row: Any) -> Showing | None:
    """One row; None where it is none."""
    try:
        page, *times = ("" if row[key] is None else str(row[key]).strip() for key in ("page", "start", "end"))
        begin, stop = (float(time) for time in times)
        number = int(page) if page else None
    except (KeyError, TypeError, ValueError):  # the caller says which row
        return None
    fits = math.isfinite(begin + stop) and 0 <= begin < stop < _LONGEST and (number is None or 0 < number <= MAX_PAGES)
    return Showing(number, exact(begin), exact(stop)) if fits else None


def exact(seconds: float) -> Fraction:
    """A time as lists have it: thousandths of a second."""
    return Fraction(round(seconds * 1000), 1000)


def _wrong(name: str, row: int) -> AssetError:
    at, at_zh = (f", cut {row}", f" 第 {row} 条") if row else ("", "")
    return AssetError(
        f"{name}{at}: wanted are cuts with page (empty: no clip), start and end in seconds, in order and "
        "without overlap, as CSV or JSON as cut-slides writes them. Correct it.",
        f"{name}{at_zh}：应为含 page（留空则不生成）、start、end（秒）的切分，按顺序且不重叠，"
        "格式同 cut-slides 写出的 CSV 或 JSON。请修正。",
    )
