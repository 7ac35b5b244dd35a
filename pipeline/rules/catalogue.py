"""The platforms' own rules, row by row, as their documents state them."""

from __future__ import annotations

from typing import Final

import msgspec

from pipeline.rules import presets


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row: what a document states about one property, in its own words."""

    id: str
    property: str
    op: str
    value: str
    wording: str
    level: str  # H, S, V or R: see docs/rules-coverage.md
    source: str
    date: tuple[str, ...]  # as printed, YYYY-MM-DD, in the order of the documents in `source`
    code: str
    scenario: str


_ROWS: Final = msgspec.json.Decoder(tuple[Statement, ...])


def rows() -> tuple[Statement, ...]:
    """The platforms' own rules as the documents state them, all 412, in the order of the documents."""
    return _ROWS.decode((presets.folder() / "rows.json").read_bytes())
