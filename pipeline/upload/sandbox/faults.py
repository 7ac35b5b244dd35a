"""Misbehaviour on order: at random at a given rate, or the next calls to a path in a given way."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Final

# what goes wrong, and on which calls it can
KINDS: Final[dict[str, str]] = {
    "refuse": "any",  # the connection is closed before anything is read
    "drop-mid": "put",  # ... after half of the body
    "lost-answer": "any",  # everything is done, and the connection closed instead of an answer
    "forget": "put",  # 200, and nothing is stored
    "wrong-etag": "put",  # stored, and the answer names another ETag
    "flip": "put",  # a bit changes on the way
    "slow": "any",  # the answer takes a while
    "429": "any",
    "500": "any",  # before anything is done
    "500-after": "any",  # everything is done, and the answer says 500
    "expired": "put",  # the URL or the temporary credentials have lapsed
}


@dataclass
class Faults:
    """Which call goes wrong how. Threads share it."""

    rate: float = 0.0  # share of calls that go wrong, 0 to 1
    kinds: tuple[str, ...] = tuple(KINDS)
    seed: int = 0
    slow: float = 0.2  # seconds
    injected: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  reproducible is what is wanted
        self._guard = threading.Lock()
        self._ordered: list[tuple[str, str]] = []

    def order(self, path: str, kind: str, times: int = 1) -> None:
        """The next `times` calls whose "METHOD path" contains `path` go wrong in this way."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no fault; there are {', '.join(KINDS)}")
        with self._guard:
            self._ordered += [(path, kind)] * times

    def pick(self, call: str, put: bool) -> str | None:
        """What goes wrong with this call ("METHOD path"), or None."""
        with self._guard:
            for place, (path, kind) in enumerate(self._ordered):
                if path in call:
                    del self._ordered[place]
                    return self._count(kind)
            fitting = [kind for kind in self.kinds if put or KINDS[kind] == "any"]
            if fitting and self._random.random() < self.rate:
                return self._count(self._random.choice(fitting))
        return None

    def _count(self, kind: str) -> str:
        self.injected[kind] = self.injected.get(kind, 0) + 1
        return kind
