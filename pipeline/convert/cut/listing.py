"""The list of cuts as people look through it: written as CSV and JSON, corrected, and read back."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pipeline.convert.cut.match import Cut
from pipeline.errors import AssetError
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.results import Part

HEADER: Final = ("page", "start", "end", "seconds", "spoken", "name", "doubts")
_LARGEST: Final = 4 << 20  # bytes of a list


def labels(cuts: Sequence[Cut]) -> list[str]:
    """What each clip is called behind the name of the deck: page-003, page-003-2 when it comes again; "" for none."""
    seen: Counter[int] = Counter()
    names = []
    for cut in cuts:
        if cut.page is None:
            names.append("")
            continue
        seen[cut.page] += 1
        again = seen[cut.page]
        names.append(f"page-{cut.page:03}" + (f"-{again}" if again > 1 else ""))
    return names


def parts(cuts: Sequence[Cut]) -> tuple[Part, ...]:
    """The clips: every cut with a page."""
    named = [(cut, label) for cut, label in zip(cuts, labels(cuts), strict=True) if label]
    return tuple(
        Part(number=number, of=len(named), start=cut.start, length=cut.end - cut.start, label=label)
        for number, (cut, label) in enumerate(named, 1)
    )


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The rows with the columns of HEADER; doubts in one cell."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(HEADER)
    for row in rows:
        table.writerow("; ".join(row[key]) if key == "doubts" else row[key] for key in HEADER)
    return out.getvalue()


def read(path: Path) -> tuple[Cut, ...]:
    """Cuts from such a list, CSV or JSON; its doubts are settled by whoever gives it back. Raises AssetError."""
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    try:
        text = data.decode("utf-8-sig")
        rows: Any = (
            json.loads(text)["cuts"]
            if text.lstrip().startswith("{")
            else list(csv.DictReader(io.StringIO(text), strict=True))
        )
        rows = list(rows)
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error):
        raise _wrong(path.name, 0) from None
    if len(data) > _LARGEST or not rows:
        raise _wrong(path.name, 0)
    cuts: list[Cut] = []
    for number, row in enumerate(rows, 1):
        cut = _cut(row)
        if cut is None or cut.start < (cuts[-1].end if cuts else 0):
            raise _wrong(path.name, number)
        cuts.append(cut)
    if not any(cut.page for cut in cuts):
        raise _wrong(path.name, 0)
    return tuple(cuts)


def _cut(row: Any) -> Cut | None:
    """One row; None where it is no cut."""
    try:
        page, start, end = (str(row[key] if row[key] is not None else "").strip() for key in ("page", "start", "end"))
        begin, stop = Fraction(start), Fraction(end)
        number = int(page) if page else None
    except (KeyError, TypeError, ValueError, ZeroDivisionError):  # the caller says which row
        return None
    fits = 0 <= begin < stop < 10**6 and (number is None or 1 <= number <= MAX_PAGES)
    return Cut(number, begin, stop) if fits else None


def _wrong(name: str, row: int) -> AssetError:
    at, at_zh = (f", cut {row}", f" 第 {row} 条") if row else ("", "")
    return AssetError(
        f"{name}{at}: wanted are cuts with page (empty: no clip), start and end in seconds, in order and without overlap, "
        "as CSV or JSON as cut-slides writes them. Correct it.",
        f"{name}{at_zh}：应为含 page（留空则不生成）、start、end（秒）的切分，按顺序且不重叠，"
        "格式同 cut-slides 写出的 CSV 或 JSON。请修正。",
    )
