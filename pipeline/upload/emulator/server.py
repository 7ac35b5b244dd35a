"""The HTTP server: reads, lets faults happen, hands over to the platform that is meant, answers."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from pipeline.upload.emulator import cos, faults, gateway, obs, tencent
from pipeline.upload.emulator.backend import Backend
from pipeline.upload.emulator.messages import Request, Response

_READ: Final = 1 << 20
_SMALL: Final = 16 << 20  # bytes of a JSON body


class _Dropped(Exception):
    """The connection is to be closed without a word."""


class Emulator:
    """A running emulator. `with Emulator(backend) as emulator: emulator.url`."""

    def __init__(self, backend: Backend, port: int = 0) -> None:
        self.backend = backend
        handler = type("Handler", (_Handler,), {"backend": backend})
        self._server = _Server(("127.0.0.1", port), handler)
        self.url = backend.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self) -> dict[str, str]:
        """The environment that points the tool here."""
        account = self.backend.account
        return {
            "PREFLIGHT_METASTUDIO_ENDPOINT": self.url,
            "PREFLIGHT_METASTUDIO_PROJECT": account.project,
            "PREFLIGHT_METASTUDIO_REGION": self.backend.region,
            "PREFLIGHT_METASTUDIO_AK": account.access,
            "PREFLIGHT_METASTUDIO_SK": account.secret,
            "PREFLIGHT_TENCENT_ENDPOINT": self.url,
            "PREFLIGHT_TENCENT_COS_ENDPOINT": self.url,
            "PREFLIGHT_TENCENT_APPKEY": account.appkey,
            "PREFLIGHT_TENCENT_ACCESSTOKEN": account.accesstoken,
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what an emulator is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    backend: Backend
    timeout = 120
    wbufsize = 1 << 16  # head and body of an answer leave in one packet: the second would wait for an acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the base class
        """Nothing: request lines hold signatures."""

    def handle_expect_100(self) -> bool:
        """Go on: said at once, because who asks waits for it."""
        asked = super().handle_expect_100()
        self.wfile.flush()
        return asked

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815  the names the base class looks for

    def _serve(self) -> None:
        split = urlsplit(self.path)
        host = self.headers.get("Host", "")
        is_object = self.command == "PUT" and (split.path.startswith("/obs/") or cos.mine(host))
        call = f"{self.command} {'/cos' if cos.mine(host) else ''}{split.path}"
        fault = None if split.path.startswith("/_sandbox") else self.backend.faults.pick(call, is_object)
        scratch = Path(tempfile.mkdtemp(prefix="in-", dir=self.backend.folder))
        try:
            request = self._read(fault, scratch if is_object else None)
            response = self._answer(fault, request, host, call)
            self._send(response)
        except (_Dropped, ConnectionError, TimeoutError):  # ordered, or the client went away: the list of calls says so
            self.close_connection = True
            self.backend.calls.append(f"{call} dropped {fault}")
            self._hang_up()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _hang_up(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.close_connection = True  # it is gone already

    def _read(self, fault: str | None, scratch: Path | None) -> Request:
        split = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        if fault == "refuse":
            raise _Dropped
        stop = size // 2 if fault == "drop-mid" else size
        digest, kept, read = hashlib.md5(usedforsecurity=False), bytearray(), 0
        received = scratch / "object" if scratch else None
        out = received.open("wb") if received else None
        try:
            while read < stop:
                chunk = self.rfile.read(min(_READ, stop - read))
                if not chunk:
                    raise _Dropped
                if fault == "flip" and read == 0:
                    chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
                read += len(chunk)
                digest.update(chunk)
                if out:
                    out.write(chunk)
                elif len(kept) <= _SMALL:
                    kept += chunk
        finally:
            if out:
                out.close()
        if fault == "drop-mid":
            raise _Dropped
        return Request(
            method=self.command,
            path=split.path,
            query={key: values[-1] for key, values in parse_qs(split.query, keep_blank_values=True).items()},
            raw_query=split.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=bytes(kept),
            received=received,
            size=read,
            md5=digest.hexdigest(),
            base=f"http://127.0.0.1:{self.connection.getsockname()[1]}",
        )

    def _answer(self, fault: str | None, request: Request, host: str, call: str) -> Response:
        if fault == "slow":
            time.sleep(self.backend.faults.slow)
        said = self._excuse(fault, request, host) if fault else None
        if fault == "forget":
            response = Response(200, headers={"ETag": f'"{request.md5}"'})
        elif said and fault != "500-after":
            response = said
        else:
            response = self._route(request, host, ahead=faults.AHEAD if fault == "clock-skew" else 0.0)
        self.backend.calls.append(f"{call} {response.status}" + (f" ({fault})" if fault else ""))
        if fault == "lost-answer":
            raise _Dropped
        if said:
            return said
        if fault == "wrong-etag" and "ETag" in response.headers:
            response.headers["ETag"] = '"00000000000000000000000000000000"'
        return response

    def _excuse(self, fault: str, request: Request, host: str) -> Response | None:
        """What whoever is meant says instead of what was asked for."""
        stores = cos.mine(host) or request.path.startswith("/obs/")
        who = "store" if stores else "tencent" if request.path.startswith("/v2/ivh/") else "metastudio"
        return faults.answer(fault, who, temporary=cos.mine(host))

    def _route(self, request: Request, host: str, *, ahead: float) -> Response:
        routes: list[tuple[bool, Callable[[Backend, Request], Response]]] = [
            (request.path.startswith("/_sandbox"), _control),
            (cos.mine(host), cos.handle),
            (request.path.startswith("/obs/"), obs.handle),
            (request.path.startswith("/v2/ivh/"), tencent.handle),
            (True, gateway.handle),
        ]
        handler = next(handler for meant, handler in routes if meant)
        with self.backend.guard:
            self.backend.clock_offset += ahead  # for this call alone
            try:
                response = handler(self.backend, request)
                response.date = self.backend.now()
            finally:
                self.backend.clock_offset -= ahead
        return response

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", formatdate(response.date or self.backend.now(), usegmt=True))
        self.send_header("X-Request-Id", self.backend.new_id("request"))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        if "Content-Length" not in response.headers:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)


def _control(backend: Backend, request: Request) -> Response:
    """GET state, demo/NAME; POST faults {"rate": 0.1} or {"path": "/files", "kind": "500", "times": 2}."""
    if request.path == "/_sandbox/faults" and request.method == "POST":
        try:
            wanted = json.loads(request.body or b"{}")
            if "kind" in wanted:
                backend.faults.order(str(wanted.get("path", "")), str(wanted["kind"]), int(wanted.get("times", 1)))
            if "rate" in wanted:
                backend.faults.rate = float(wanted["rate"])
        except (ValueError, TypeError, AttributeError) as error:
            return Response.json({"error": str(error)}, 400)
        return Response.json({"injected": backend.faults.injected})
    if request.path.startswith("/_sandbox/demo/"):
        return Response(200, b"demo", {"Content-Type": "video/mp4"})
    if request.path != "/_sandbox/state":
        return Response.json({"error": "there are state, faults and demo/NAME"}, 404)
    assets = [
        {key: asset[key] for key in ("asset_id", "asset_name", "asset_state", "asset_type")}
        | {"files": [{k: f[k] for k in ("file_name", "state", "file_md5", "file_size")} for f in asset["files"]]}
        for asset in backend.assets.values()
    ]
    objects = {name: {"size": one.size, "md5": one.md5} for name, one in backend.objects.items()}
    told = {"assets": assets, "objects": objects, "injected": backend.faults.injected}
    told |= {"jobs": list(backend.jobs.values()), "scripts": list(backend.scripts.values())}
    told |= {"videos": list(backend.videos.values()), "rooms": list(backend.rooms.values())}
    return Response.json(told | {"tasks": list(backend.tasks.values()), "calls": backend.calls})
