"""Requests per second that MetaStudio allows a tenant.

MS-Intro Table 4-1, MS-Overview Table 4-3, MS-API Table 1-2 (the same where a row appears).
"""

from __future__ import annotations

from typing import Final

from pipeline.upload.rate_limit import BELOW, Bucket

REGIONS: Final = ("cn-north-4", "cn-east-3", "ap-southeast-3")
# call -> requests per second in each of the regions
RATES: Final[dict[str, tuple[float, float, float]]] = {
    "create asset": (10, 5, 5),
    "query asset": (20, 10, 10),
    "update asset": (10, 5, 5),
    "file": (10, 5, 5),
    "create training job": (10, 3, 3),
    "query training job": (20, 10, 10),
    "create voice job": (10, 3, 3),
    "query voice job": (20, 10, 10),
    "change script": (10, 5, 5),
    "query script": (20, 10, 10),
    "change subtitle": (5, 3, 3),
    "query subtitle": (20, 10, 10),
}


def stated(region: str) -> dict[str, float]:
    """The stated rate of every group of calls in this region; an unknown region gets the lowest one."""
    place = REGIONS.index(region) if region in REGIONS else None
    return {call: min(rates) if place is None else rates[place] for call, rates in RATES.items()}


def buckets(region: str, pace: float = 1.0) -> dict[str, Bucket]:
    """A bucket for every group of calls; `pace` is for accounts whose limits the platform has raised."""
    return {call: Bucket(BELOW * pace * rate) for call, rate in stated(region).items()}
