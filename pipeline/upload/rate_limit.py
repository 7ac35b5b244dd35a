"""How much may go out in a second: the bucket that keeps calls and bytes below a rate."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Final

from pipeline.errors import UsageError

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
