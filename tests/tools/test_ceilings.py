"""The table of ceilings that users read is the one that holds."""

from __future__ import annotations

import re

from pipeline.model import ceilings
from pipeline.model.ceilings import Ceiling, JobTime
from tests import ROOT

TABLE = ROOT / "docs" / "security.md"


def rows() -> dict[str, list[float | None]]:
    found = re.findall(r"^\| `([A-Z_]+)` \| ([^`]*?) *\|$", TABLE.read_text("utf-8"), re.MULTILINE)
    return {
        name: [None if cell == "-" else float(cell.replace(",", "")) for cell in cells.split(" | ") if not _words(cell)]
        for name, cells in found
    }


def _words(cell: str) -> bool:
    return re.fullmatch(r"-|[\d,.]+", cell) is None


def test_documented_ceilings_are_those_in_force() -> None:
    held: dict[str, list[float | None]] = {}
    for name, value in vars(ceilings).items():
        if isinstance(value, Ceiling):
            held[name] = [value.wall, value.cpu, value.memory, value.file_size, value.quiet]
        elif isinstance(value, JobTime):
            held[name] = [value.cpu, value.wall]
        elif name.isupper() and isinstance(value, int | float):
            held[name] = [value]
    assert rows() == held
