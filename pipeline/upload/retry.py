"""Trying again, and waiting for what takes its time: one way for every destination."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pipeline.errors import UploadError

T = TypeVar("T")


class Patience(Struct, frozen=True):
    """How long to try: attempts, and seconds between them (doubled each time, with jitter, up to a cap)."""

    attempts: int = 8
    first: float = 0.5
    cap: float = 30.0

    def times(self, attempts: int) -> Patience:
        """The same patience for so many attempts, 1 or more."""
        return replace(self, attempts=attempts)

    def pause(self, attempt: int) -> None:
        """Sleep after attempt number `attempt` (from 1)."""
        time.sleep(random.uniform(0.5, 1.0) * min(self.cap, self.first * 2 ** (attempt - 1)))  # noqa: S311  jitter


class Retryable(Exception):
    """An attempt failed in a way that another one may mend. `error` is what is said when none is left."""

    def __init__(self, error: UploadError, *, at_once: bool = False) -> None:
        super().__init__(error.text.en)
        self.error, self.at_once = error, at_once


def retry(patience: Patience, attempt: Callable[[int], T]) -> T:
    """What `attempt` returns, called with 1, 2, ... until it does not raise Retryable, with growing pauses.

    Raises the error of the last Retryable, and at once whatever else an attempt raises.
    """
    for number in range(1, patience.attempts + 1):
        try:
            return attempt(number)
        except Retryable as again:  # what is said is the last attempt's error, below
            last = again
        if number < patience.attempts and not last.at_once:
            patience.pause(number)
    raise last.error


class Waiting:
    """Looks at something with growing pauses until it has ended, or `seconds` are over."""

    def __init__(self, seconds: float, first: float = 0.2, cap: float = 5.0) -> None:
        self._until, self._pause, self._cap = time.monotonic() + seconds, first, cap

    def over(self) -> bool:
        """Whether it is time to stop; else waits (seconds from `first`, half as long again each time, up to `cap`)."""
        left = self._until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(self._pause, left))
        self._pause = min(self._cap, self._pause * 1.5)
        return False
