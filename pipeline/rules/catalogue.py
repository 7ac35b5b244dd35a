"""The platforms' own rules, row by row, as their documents state them."""

from __future__ import annotations

import json
from typing import Any

from pipeline.rules import presets


def rows() -> list[dict[str, Any]]:
    """The platforms' own rules as the documents state them, all 411, in the order of the documents."""
    data: list[dict[str, Any]] = json.loads((presets.folder() / "rows.json").read_text(encoding="utf-8"))
    return data
