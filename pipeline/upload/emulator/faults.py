"""Misbehaviour on order: at random at a given rate, or the next calls to a path in a given way."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Final

from pipeline.upload.emulator.messages import Response

# What goes wrong, and on which calls it can: any, those that put bytes (put), those that make something (make),
# those that this tool dates and signs itself (dated).
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
    "clock-skew": "dated",  # the far end's clock is twenty minutes ahead for this call
    "no-rights": "any",  # the account may not do that
    "no-quota": "make",  # the account has used up what it bought
    "disk-full": "put",  # the store has no room
}
# No patience helps against these: the asset fails, is listed, and is sent when the command is run again.
LASTING: Final = frozenset({"no-rights", "no-quota", "disk-full"})
AHEAD: Final = 1200.0  # seconds of "clock-skew"


@dataclass
class Faults:
    """Which call goes wrong how. Threads share it."""

    rate: float = 0.0  # share of calls that go wrong, 0 to 1
    kinds: tuple[str, ...] = tuple(kind for kind in KINDS if kind not in LASTING)
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
        """What goes wrong with this call ("METHOD path"), or None. Whether is left to chance; how goes in turns, the
        kind that came least often so far: every kind comes, however short the run."""
        with self._guard:
            for place, (path, kind) in enumerate(self._ordered):
                if path in call:
                    del self._ordered[place]
                    return self._count(kind)
            if self._random.random() >= self.rate:
                return None
            fitting = [kind for kind in self.kinds if fits(kind, call, put)]
            least = min((self.injected.get(kind, 0) for kind in fitting), default=0)
            rare = [kind for kind in fitting if self.injected.get(kind, 0) == least]
            return self._count(self._random.choice(rare)) if rare else None

    def _count(self, kind: str) -> str:
        self.injected[kind] = self.injected.get(kind, 0) + 1
        return kind


def fits(kind: str, call: str, put: bool) -> bool:
    """Whether a call ("METHOD path") can go wrong in this way; `put` says that it puts bytes."""
    store = put or "/obs/" in call or "/cos/" in call
    wanted = {"any": True, "put": put, "make": not store and call.startswith("POST"), "dated": not store}
    return wanted[KINDS[kind]]


# Who answers -> what it says, by kind: status, code, sentence. Stores answer in XML, Tencent's gateway with 200.
_SAID: Final[dict[str, dict[str, tuple[int, str, str]]]] = {
    "store": {
        "429": (429, "SlowDown", "Reduce your request rate"),
        "500": (500, "InternalError", "We encountered an internal error"),
        "expired": (403, "AccessDenied", "Request has expired"),
        "no-rights": (403, "AccessDenied", "Access denied"),
        "disk-full": (507, "InsufficientStorage", "No space left"),
    },
    "metastudio": {
        "429": (429, "APIGW.0308", "The throttling threshold is reached"),
        "500": (500, "APIGW.0106", "Orchestration error"),
        "no-rights": (403, "APIGW.0302", "The user has no permission for this API"),
        "no-quota": (400, "MSS.10001024", "Total file size exceeds the quota"),
    },
    "tencent": {
        "429": (429, "429", "too many requests"),
        "500": (500, "500", "internal"),
        "no-rights": (200, "100005", "UnauthorizedOperation: project not created"),
        "no-quota": (200, "100008", "quota exceeded"),
    },
}


def answer(kind: str, who: str, *, temporary: bool) -> Response | None:
    """What the far end says instead of doing what was asked; None when it does it. `temporary`: by credentials."""
    if kind == "500-after":
        kind = "500"
    if kind not in _SAID[who]:
        return None
    status, code, said = _SAID[who][kind]
    if who == "store":
        return Response.xml_error(status, "ExpiredToken" if temporary and kind == "expired" else code, said)
    if who == "tencent":
        return Response.json({"Header": {"Code": int(code), "Message": said}, "Payload": {}}, status)
    return Response.json({"error_code": code, "error_msg": said}, status)
