"""The connections of the store's SDK, which speaks through requests: each exchange within an allowance.

requests ends a far end that falls silent, not one that says a byte now and then, unpacks whatever comes packed, and
reads an answer however long. Here a watch shuts the connection when the allowance is used up, and an answer is read up
to its bound. Time that our own file takes, and pauses of our own (a limit on bandwidth), are not the far end's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from pipeline.upload.allowance import ANSWER, Allowance

_PIECE: Final = 64 << 10  # bytes read at a time
_LOOK: Final = 0.25  # seconds between two looks at the clock
_current = threading.local()


class _Watch:
    """Of one exchange: what it has used, and an end to its connection when that is too much."""

    def __init__(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds
        self._ours: float | None = None  # since when it is we who are waited for
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._connection: HTTPConnection | None = None
        self.late = False

    def __enter__(self) -> Self:
        _current.watch = self
        threading.Thread(target=self._look, daemon=True, name="watch").start()
        return self

    def __exit__(self, *_: object) -> None:
        _current.watch = None
        with self._guard:
            self._connection = None  # it goes back to the pool
        self._over.set()

    def holds(self, connection: HTTPConnection) -> None:
        with self._guard:
            self._connection = connection

    def lent(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """The same bytes; what they let us wait for is not counted."""
        pieces = iter(body)
        while True:
            with self._guard:
                self._ours = time.monotonic()
            try:
                piece = next(pieces, None)
            finally:
                with self._guard:
                    self._due += time.monotonic() - self._ours
                    self._ours = None
            if piece is None:
                return
            yield piece

    def _look(self) -> None:
        while not self._over.wait(_LOOK):
            with self._guard:
                if self._ours is not None or time.monotonic() < self._due:
                    continue
                self.late = True
                held: Any = self._connection.sock if self._connection else None  # none yet: connecting has its limit
                held = getattr(held, "socket", held)  # of TLS through a proxy that speaks TLS
                if held is not None:
                    with suppress(OSError):  # closed already: what is wanted
                        socket.socket.shutdown(held, socket.SHUT_RDWR)


class _Plain(HTTPConnection):
    def putrequest(self, *words: Any, **more: Any) -> None:
        _current.watch.holds(self)
        super().putrequest(*words, **more)


class _Secure(HTTPSConnection):
    def putrequest(self, *words: Any, **more: Any) -> None:
        _current.watch.holds(self)
        super().putrequest(*words, **more)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS: Final = {"http": _PlainPool, "https": _SecurePool}


class _Bounded(HTTPAdapter):
    """Sends within an allowance, and reads an answer whole and no further than it may be long."""

    def init_poolmanager(self, *words: Any, **more: Any) -> None:
        super().init_poolmanager(*words, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *words: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(*words, **more)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: Any, *words: Any, **more: Any) -> Any:
        length = int(request.headers.get("Content-Length") or 0)
        with _Watch(Allowance.of(length).seconds) as watch:
            if request.body is not None and not isinstance(request.body, bytes | str):
                request.body = watch.lent(request.body)
            try:
                answer = super().send(request, *words, **more)
                answer._content = _whole(answer)  # noqa: SLF001  requests has no other way to it
            except (requests.RequestException, HTTPError, OSError):
                if watch.late:
                    raise requests.Timeout("not within its time") from None
                raise
            if watch.late:
                raise requests.Timeout("not within its time")
        answer._content_consumed = True  # noqa: SLF001  as above
        return answer


def _whole(answer: Any) -> bytes:
    """The bytes of an answer. Raises requests' errors for what is too long or packed, urllib3's for what breaks off."""
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        answer.close()
        raise requests.RequestException("compressed, which was not asked for")
    pieces, count = [], 0
    while piece := answer.raw.read(_PIECE, decode_content=False):
        pieces.append(piece)
        count += len(piece)
        if count > ANSWER:
            answer.close()
            raise requests.RequestException("answer too long")
    return b"".join(pieces)


def session(*, direct: bool) -> requests.Session:
    """One for all threads of a store; `direct` past every proxy."""
    made = requests.session()
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Bounded(pool_connections=16, pool_maxsize=16))
    made.headers["Accept-Encoding"] = "identity"
    made.trust_env = not direct
    return made
