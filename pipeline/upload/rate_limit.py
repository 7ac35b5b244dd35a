"""Requests per second that the documents allow a tenant, and the bucket that keeps us below them.

MetaStudio: MS-Intro Table 4-1, MS-Overview Table 4-3, MS-API Table 1-2 (the same where a row appears). Tencent
publishes none; its calls and the store's are kept modest.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Final

from pipeline.errors import UsageError

# call -> requests per second in cn-north-4, cn-east-3, ap-southeast-3
REGIONS: Final = ("cn-north-4", "cn-east-3", "ap-southeast-3")
METASTUDIO: Final[dict[str, tuple[float, float, float]]] = {
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
TENCENT: Final = 5.0  # nothing is published; a pace no service minds
BELOW: Final = 0.9  # of the stated rate: several machines' clocks never tick alike


_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def amount(option: str, text: str) -> float:
    """Bytes from `500k`, `10M`, `2.5g`; decimal, as bandwidth is sold. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)", text.strip().lower())
    if not found or float(found[1]) <= 0:
        raise UsageError(
            f"{option} {text!r}: wants bytes, like 500k or 10M", f"{option} {text!r}：应为字节数，如 500k 或 10M"
        )
    return float(found[1]) * _UNITS[found[2]]


class Bucket:
    """At most `rate` takes a second over any stretch, bursts of `depth` included."""

    def __init__(
        self,
        rate: float,
        depth: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate, self._depth = rate, depth
        self._clock, self._sleep = clock, sleep
        self._guard = threading.Lock()
        self._level, self._at = depth, clock()

    def take(self, amount: float = 1.0) -> None:
        """Wait until `amount` may be spent. The debt is booked at once, so that waiting threads queue up."""
        with self._guard:
            now = self._clock()
            self._level = min(self._depth, self._level + (now - self._at) * self.rate)
            self._at = now
            self._level -= amount
            wait = -self._level / self.rate if self._level < 0 else 0.0
        if wait:
            self._sleep(wait)


def stated(region: str) -> dict[str, float]:
    """The stated rate of every group of calls in this region; an unknown region gets the lowest one."""
    place = REGIONS.index(region) if region in REGIONS else None
    return {call: min(rates) if place is None else rates[place] for call, rates in METASTUDIO.items()}


def metastudio(region: str, pace: float = 1.0) -> dict[str, Bucket]:
    """A bucket for every group of calls; `pace` is for accounts whose limits the platform has raised."""
    return {call: Bucket(BELOW * pace * rate) for call, rate in stated(region).items()}
