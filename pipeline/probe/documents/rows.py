"""What of a table is spoken: one column where its head says so, else all that is no number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pipeline.model.facts import Text

_HEADS: Final = 5  # rows at the top that may be the head
_LONG: Final = 16  # characters of a head at the most
# Heads that mean spoken words, wherever they stand in it; then those that mean them only alone.
_SPOKEN: Final = re.compile(
    r"台词|臺詞|口播|旁白|文案|解说|解說|配音|话术|話術|讲稿|講稿|讲解|講解|播报|演讲|演講|串词|逐字稿|"
    r"narration|voice.?over|script|spoken|speech|dialog",
    re.IGNORECASE,
)
_WORDS: Final = frozenset(
    ("内容", "正文", "文本", "文字", "脚本", "腳本", "备注", "text", "words", "line", "lines", "vo", "content", "notes")
)
# What numbers a row: a figure with a word around it at the most.
_NUMBER: Final = re.compile(
    r"(?:第|no\.?|p|page|slide|scene|镜头|镜|场景|页|#)?\s*[0-9０-９一二三四五六七八九十百]{1,5}\s*(?:页|頁|场|幕|镜|[.、)）])?",
    re.IGNORECASE,
)
Row = tuple[str, ...]


class Spoken(NamedTuple):
    """The words of each row that has some, and what of the table they are not."""

    rows: tuple[str, ...]
    left_out: Text | None


def spoken(table: Sequence[Row]) -> Spoken:
    """The spoken words of a table, row by row.

    Under a head that means spoken words only that column is read. Without one everything is, but columns of numbers
    alone. What is not read is told.
    """
    table = [tuple(cell.strip() for cell in row) for row in table]
    table = [row for row in table if any(row)]
    width = max(map(len, table), default=0)
    table = [row + ("",) * (width - len(row)) for row in table]
    columns = [n for n in range(width) if any(row[n] for row in table)]
    if found := _head(table, columns):
        head, column = found
        others = [table[head][n] or str(n + 1) for n in columns if n != column]
        rows = tuple(row[column] for row in table[head + 1 :] if row[column])
        if rows:
            return Spoken(rows, _only(table[head][column], others))
    kept = [n for n in columns if not _numbers(table, n)] or columns
    joined = ("\n".join(row[n] for n in kept if row[n]) for row in table)
    return Spoken(tuple(words for words in joined if words), None)


def _head(table: Sequence[Row], columns: Sequence[int]) -> tuple[int, int] | None:
    """The row that is the head, and the column of it that means spoken words."""
    for means in (_means, lambda cell: cell.lower() in _WORDS):
        for number, row in enumerate(table[:_HEADS]):
            heads = [row[n] for n in columns if row[n]]
            if any(len(cell) > _LONG for cell in heads):
                break  # words already
            for n in columns:
                if row[n] and (means(row[n]) if len(columns) > 1 else _alone(row[n])):
                    return number, n
    return None


def _means(cell: str) -> bool:
    return _SPOKEN.search(cell) is not None


def _alone(cell: str) -> bool:
    """Of a single column nothing else tells a head from a short sentence."""
    return cell.lower() in _WORDS or _SPOKEN.fullmatch(cell) is not None


def _numbers(table: Sequence[Row], column: int) -> bool:
    """Whether a column holds nothing but numbers, a head above them aside."""
    cells = [row[column] for row in table]
    rest = [cell for cell in cells[1:] if cell]
    return bool(rest) and all(map(_NUMBER.fullmatch, rest)) and (not cells[0] or len(cells[0]) <= _LONG)


def _only(read: str, others: Sequence[str]) -> Text | None:
    if not others:
        return None
    shown = list(_short(others))
    return Text(
        f'of the table only the column "{read}" is read, not {", ".join(shown)}',
        f"表格中仅读取“{read}”列，未读取：{'、'.join(shown)}",
    )


def _short(heads: Sequence[str]) -> Iterator[str]:
    yield from heads[:5]
    if len(heads) > 5:
        yield "…"
