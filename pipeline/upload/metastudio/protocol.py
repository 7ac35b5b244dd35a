"""MetaStudio's protocol: the tables of its documents, and the calls a second that they allow a tenant (Table 1-2)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.upload.protocol import ApiTables, load
from pipeline.upload.rate_limit import BELOW, Bucket

REGIONS: Final = ("cn-north-4", "cn-east-3", "ap-southeast-3")  # as the rates of a call follow each other
TABLES: Final[ApiTables] = load(Path(__file__).parent / "tables")


def stated(region: str) -> dict[str, float]:
    """The stated rate of every call in this region; an unknown region gets the lowest one."""
    place = REGIONS.index(region) if region in REGIONS else None
    return {name: min(row.rate) if place is None else row.rate[place] for name, row in TABLES.calls.items()}


def buckets(region: str, pace: float = 1.0) -> dict[str, Bucket]:
    """A bucket for every call; `pace` is for accounts whose limits the platform has raised."""
    return {name: Bucket(BELOW * pace * rate) for name, rate in stated(region).items()}
