"""The server behind the page: uvicorn, with patience for nobody who keeps a connection and says nothing on it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_WAIT: Final = 20.0  # seconds in which the whole head of a request has to come
BODY_WAIT: Final = 60.0  # seconds between two pieces of a body
CONNECTIONS: Final = 200  # at once; who comes then is told to come again (503)
_HEAD: Final = 1 << 15  # bytes of a head


class Impatient(H11Protocol):
    """HTTP/1.1 whose clients have to go on talking: uvicorn itself only ends connections that are between requests."""

    head_wait, body_wait = HEAD_WAIT, BODY_WAIT
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Somebody called; the head of a request is waited for."""
        super().connection_made(transport)
        self._wait(self.head_wait)

    def data_received(self, data: bytes) -> None:
        """A piece of a head, which does not lengthen the wait, or of a body, which does."""
        super().data_received(data)
        asked = self.cycle is not None and not self.cycle.response_complete
        if asked:
            self._wait(self.body_wait if self.cycle.more_body else None)
        elif self._late is None:
            self._wait(self.head_wait)

    def on_response_complete(self) -> None:
        """Between requests uvicorn has a limit of its own (`timeout_keep_alive`)."""
        self._wait(None)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait(None)
        super().connection_lost(exc)

    def _wait(self, seconds: float | None) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        if self.flow is not None and self.flow.read_paused:  # it is us who do not listen: the disk is slow
            self._wait(self.body_wait)
        elif not self.transport.is_closing():
            self._late = None
            self.transport.abort()


def config(app: ASGIApp) -> uvicorn.Config:
    """How the page is served."""
    return uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the doorman decides whose word counts
        timeout_graceful_shutdown=5,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=10,
        h11_max_incomplete_event_size=_HEAD,
    )
