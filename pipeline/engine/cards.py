"""The cards of an HTML report, made by workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.engine.pool import Pool
from pipeline.model.ceilings import CHECK
from pipeline.report.card import bare, card_entry
from pipeline.report.figures import CardJob


def cards(todo: Sequence[CardJob], workers: int) -> Iterator[str]:
    """Cards in order; those that came early wait in memory. One that costs its worker the life has no pictures."""
    waiting: dict[int, str] = {}
    following = 0
    with Pool(card_entry, workers, CHECK, writes=()) as pool:
        for event in pool.run(todo):
            if not event.ended:
                continue
            made = event.result if event.error is None and event.result is not None else bare(todo[event.index])
            waiting[event.index] = made
            while following in waiting:
                yield waiting.pop(following)
                following += 1
