"""What one exchange with a far end may cost: time that it keeps us waiting, and bytes that it says.

Time limits of a single read or write end a far end that falls silent, never one that says a byte a second. So every
wait of an exchange, from looking for its host to the last byte of its answer, is taken from one allowance. Pauses of
our own (a limit on bandwidth) are not waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import httpx

from pipeline.model.ceilings import ANSWERED, LEAST_SPEED

ANSWER: Final = 8 << 20  # bytes of an answer that are read at most; the longest list of a platform has a tenth
_HEAD: Final = 256 << 10  # bytes that may be around it: lines of the head, sizes of chunks, answers before the answer
_PIECE: Final = 64 << 10  # bytes handed to the socket at a time, so that the clock is looked at between them


@dataclass(slots=True)
class Allowance:
    """What is left of it."""

    seconds: float
    received: int = ANSWER + _HEAD  # bytes

    @classmethod
    def of(cls, length: int, received: int = ANSWER + _HEAD) -> Allowance:
        """Of an exchange that sends so many bytes."""
        return cls(ANSWERED + length / LEAST_SPEED, received)

    def moves(self, length: int) -> None:
        """So many bytes more are to come or go."""
        self.seconds += length / LEAST_SPEED


_current = threading.local()


@contextmanager
def within(allowance: Allowance) -> Iterator[None]:
    """What this thread waits for in the block is taken from the allowance."""
    _current.allowance = allowance
    try:
        yield
    finally:
        _current.allowance = None


@contextmanager
def _wait(timeout: float | None, over: type[Exception]) -> Iterator[float | None]:
    """The seconds that this wait may last; what it lasted is taken. Raises `over` when nothing is left."""
    allowance: Allowance | None = getattr(_current, "allowance", None)
    if allowance is None:
        yield timeout
        return
    if allowance.seconds <= 0:
        raise over("slower than the least speed")
    begun = time.monotonic()
    try:
        yield allowance.seconds if timeout is None else min(timeout, allowance.seconds)
    finally:
        allowance.seconds -= time.monotonic() - begun


class _Stream(httpcore.NetworkStream):
    """A connection whose waits are counted, and what comes through it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _wait(timeout, httpcore.ReadTimeout) as left:
            data = self._inner.read(max_bytes, left)
        allowance: Allowance | None = getattr(_current, "allowance", None)
        if allowance:
            allowance.received -= len(data)
            if allowance.received < 0:
                raise httpcore.ReadError("answer too long")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        for start in range(0, len(view), _PIECE):
            with _wait(timeout, httpcore.WriteTimeout) as left:
                self._inner.write(bytes(view[start : start + _PIECE]), left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _wait(timeout, httpcore.ConnectTimeout) as left:
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Makes such connections."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        with _wait(timeout, httpcore.ConnectTimeout) as left:
            return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def counted(client: httpx.Client) -> httpx.Client:
    """The client, every connection of which counts; through a proxy, too."""
    transports: list[Any] = [client._transport, *client._mounts.values()]  # noqa: SLF001  httpx has no other way to them
    for transport in transports:
        if transport is not None:  # what goes directly, past a proxy
            pool = transport._pool  # noqa: SLF001  as above
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001  as above
    return client
