"""A far end whose answers are damaged on their way: the emulator, behind a relay that edits one answer of several."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fuzz import edits
from tests.fuzz.edits import Lure
from tests.upload import made

_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"})


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    target: str
    rng: random.Random
    lure: Lure
    every: int  # one answer in so many; 0: none
    guard: threading.Lock

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the base class
        """Nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        far = http.client.HTTPConnection(self.target, timeout=30)
        far.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            far.putheader(name, value)
        far.endheaders(body)
        answer = far.getresponse()
        told = answer.read()
        with self.guard:
            status, told = self._damaged(answer.status, told)
        self.send_response_only(status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told)
        far.close()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815  the names the base class looks for

    def _damaged(self, status: int, told: bytes) -> tuple[int, bytes]:
        if not self.every or self.rng.randrange(self.every):
            return status, told
        if self.rng.random() < 0.1:
            status = self.rng.choice((200, 204, 206, 302, 400, 401, 404, 409, 418, 429, 500, 503, 599))
        if self.rng.random() < 0.7 and told[:1] == b"{":
            told = edits.edited(told, self.rng, self.lure)
        else:
            told = edits.damaged(told, self.rng)
        return status, told


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or a status that carries no body: the client says what it made of it."""


@contextmanager
def _relayed(url: str, rng: random.Random, lure: Lure, every: int) -> Iterator[str]:
    held = {"target": urlsplit(url).netloc, "rng": rng, "lure": lure, "guard": threading.Lock()}
    server = _Server(("127.0.0.1", 0), type("Relay", (_Relay,), {**held, "every": every}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def delivered(
    manifest: Path,
    scratch: Path,
    rng: random.Random,
    lure: Lure,
    *,
    photo: bool = False,
    every: int = 0,
    before: Callable[[str], object] = str,  # nothing
) -> list[dict[str, Any]]:
    """Send a manifest; the entries that the upload ended with. Raises what it raises.

    One answer in `every` is damaged, 0: none. `before` is told the name that the place has in the journal.
    """
    with made.emulator(scratch / "emulator") as running, _relayed(running.url, rng, lure, every) as url:
        running.url = url  # every address that the settings name
        place = made.tencent(running) if photo else made.library(running)
        before(place.place)
        return [dict(one) for one in made.deliver(place, manifest, jobs=1, wait=0.5)]
