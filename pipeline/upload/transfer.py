"""What every transfer has: bytes from a file, patience, and the three ways a call can end badly."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import UploadError, UsageError
from pipeline.upload.rates import Bucket

CHUNK: Final = 1 << 20  # bytes read and handed to the socket at a time
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try: attempts, and seconds between them (doubled each time, with jitter, up to a cap)."""

    attempts: int = 8
    first: float = 0.5
    cap: float = 30.0

    def pause(self, attempt: int) -> None:
        """Sleep before attempt number `attempt` (from 1)."""
        time.sleep(random.uniform(0.5, 1.0) * min(self.cap, self.first * 2 ** (attempt - 1)))  # noqa: S311  jitter


class Unknown(UploadError):
    """The far end may or may not have done it."""


class Refused(UploadError):
    """The far end said no; trying the same again is useless."""

    def __init__(self, en: str, zh: str, *, status: int, code: str) -> None:
        super().__init__(en, zh)
        self.status, self.code = status, code


def secure(url: str) -> str:
    """The URL, if bytes and secrets may go there: https, or http to this machine. Raises UsageError."""
    split = urlsplit(url)
    if split.scheme == "https" or (split.scheme == "http" and split.hostname in LOOPBACK):
        return url
    shown = f"{split.scheme}://{split.netloc}"
    raise UsageError(
        f"{shown}: only https is used; plain http goes to this machine alone",
        f"{shown}：只使用 https；明文 http 仅限本机",
    )


class Body:
    """A stretch of a file, read as it is sent: counted, slowed down where asked. One use."""

    def __init__(self, path: Path, start: int, length: int, sent: Callable[[int], None], limit: Bucket | None) -> None:
        self._path, self._start, self.length = path, start, length
        self._sent, self._limit = sent, limit
        self.position = 0
        self.whole = False  # every byte has been handed over: the far end may have stored it

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[bytes]:
        # Slowed down it goes in smaller steps, or the far end would take the pauses for the end.
        step = max(4096, min(CHUNK, int(self._limit.rate / 4))) if self._limit else CHUNK
        with self._path.open("rb") as file:
            file.seek(self._start)
            while self.position < self.length:
                chunk = file.read(min(step, self.length - self.position))
                if not chunk:
                    raise UploadError(
                        f"{self._path}: became shorter while it was sent", f"{self._path}：发送过程中文件变短"
                    )
                if self._limit:
                    self._limit.take(len(chunk))
                self.position += len(chunk)
                self.whole = self.position == self.length
                yield chunk
                self._sent(len(chunk))
