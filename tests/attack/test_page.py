"""The local page, attacked by whoever can reach its port: raw bytes, as no browser sends them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.watching import SECRET, canaries, differences, snapshot

PROMISE = "the page answers its own visitor and nobody else"


@dataclass(frozen=True)
class Page:
    """A page that is served by the verb itself."""

    port: int
    token: str
    top: Path

    def ask(self, request: bytes, *, more: bytes = b"", patience: float = 1.0) -> bytes:
        """What the server says to these bytes, until it closes or is silent for so many seconds."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as one:
            one.settimeout(patience)
            told = b""
            try:
                one.sendall(request.replace(b"@host", self.host).replace(b"@token", self.token.encode()))
                if more:
                    one.sendall(more)
                while piece := one.recv(65536):
                    told += piece
            except (TimeoutError, ConnectionError):  # silence or a closed door: an answer too
                pass
            return told

    @property
    def host(self) -> bytes:
        return f"127.0.0.1:{self.port}".encode()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    top = tmp_path_factory.mktemp("page")
    for name in ("tmp", "home"):
        (top / name).mkdir()
    canaries(top / "canary")
    environment = os.environ | {"TMPDIR": str(top / "tmp"), "HOME": str(top / "home")}
    words = [sys.executable, "-m", "pipeline", "serve", "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([^/]+)/", address)
        assert found, address
        try:
            yield Page(int(found[1]), found[2], top)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def _get(path: str, *headers: str, host: str = "@host", method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    lines = [f"{method} {path} {version}", f"Host: {host}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: @host", "X-Preflight: 1", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


_INNER = b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"  # what is hidden behind another question
REFUSED: dict[str, bytes] = {
    "no token": _get("/"),
    "half a token": _get("/@toke/"),
    "a token in the query": _get("/?@token"),
    "a token after a way up": _get("/x/../@token/"),
    "a token that is encoded twice": _get("/%2540token/"),
    "a token behind two slashes": _get("//@token/"),
    "an empty token": _get("//"),
    "a host by name": _get("/@token/", host="evil.example"),
    "a host by another port": _get("/@token/", host="127.0.0.1:1"),
    "a host with a user": _get("/@token/", host="x@@host"),
    "a host that ends with ours": _get("/@token/", host="evil.example/@host"),
    "a host with a dot behind": _get("/@token/", host="localhost.:80"),
    "no host": b"GET /@token/ HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": _get("/@token/", "Host: evil.example"),
    "an address instead of a path": _get("http://evil.example/@token/"),
    "another site that fetches": _get("/@token/", "Sec-Fetch-Site: cross-site"),
    "another site of the same machine": _get("/@token/", "Sec-Fetch-Site: same-site"),
    "another origin that posts": _post("/@token/batches", b"", "Origin: http://evil.example", "Content-Length: 0"),
    "an origin that is null": _post("/@token/batches", b"", "Origin: null", "Content-Length: 0"),
    "a form that posts": b"POST /@token/batches HTTP/1.1\r\nHost: @host\r\nContent-Length: 0\r\n\r\n",
    "a way up": _get("/@token/../../etc/passwd"),
    "a way up, encoded": _get("/@token/%2e%2e/%2e%2e/etc/passwd"),
    "a way up, encoded twice": _get("/@token/%252e%252e/etc/passwd"),
    "a way up of Windows": _get("/@token/..\\..\\etc\\passwd"),
    "a way up out of a batch": _get("/@token/batches/../../x"),
    "an output by name": _get("/@token/batches/x/outputs/..%2f..%2fvictim.bin"),
    "NUL in a path": _get("/@token/%00"),
    "a line break in a path": _get("/@token/%0d%0aSet-Cookie:x=1"),
    "TRACE": _get("/@token/", method="TRACE"),
    "CONNECT": _get("evil.example:80", method="CONNECT"),
    "a method that is none": _get("/@token/", method="X" * 300),
    "HTTP/0.9": b"GET /@token/\r\n\r\n",
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\3\1\0\xa5\1\0\0\xa1\3\3" + bytes(150),
    "bytes of nothing": os.urandom(64) + b"\r\n\r\n",
    "a header of a mebibyte": _get("/@token/", "X: " + "a" * (1 << 20)),
    "20,000 headers": _get("/@token/", *(f"X{n}: 1" for n in range(20_000))),
    "a header that is folded": b"GET /@token/ HTTP/1.1\r\nHost: @host\r\nX: a\r\n b\r\nHost : evil\r\n\r\n",
    "NUL in a header": _get("/@token/", "X: a\0b"),
    "a length that is negative": _post("/@token/batches", b"", "Content-Length: -1"),
    "a length that is no number": _post("/@token/batches", b"", "Content-Length: 1e3"),
    "two lengths": _post("/@token/batches", b"x" * 5, "Content-Length: 5", "Content-Length: 0"),
    "a length and pieces": _post("/x", b"0\r\n\r\n" + _INNER, "Content-Length: 5", "Transfer-Encoding: chunked"),
    "pieces by another word": _post("/x", b"0\r\n\r\n" + _INNER, "Transfer-Encoding: xchunked"),
    "a piece of 2^64 bytes": _post("/x", b"ffffffffffffffff\r\nx", "Transfer-Encoding: chunked"),
    "a piece of a negative size": _post("/x", b"-1\r\nx", "Transfer-Encoding: chunked"),
    "a second question behind one without a token": _get("/x").replace(b"Connection: close\r\n", b"") + _get("/y"),
}


@pytest.mark.every(4)
@pytest.mark.parametrize("request_", REFUSED.values(), ids=[f"{PROMISE}: {name}" for name in REFUSED])
def test_a_stranger_gets_nothing(request_: bytes, page: Page) -> None:
    before = snapshot(page.top / "canary")
    told = page.ask(request_)
    codes = [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", told)]
    assert all(400 <= code < 500 for code in codes), told[:300]
    assert b"Media preflight" not in told
    assert page.token.encode() not in told
    assert SECRET[:30] not in told
    assert differences(before, snapshot(page.top / "canary")) == []
    alive = page.ask(_get("/@token/"), patience=30.0)  # the machine may be busy
    assert alive.startswith(b"HTTP/1.1 200 "), "the page no longer answers its own visitor"


def test_names_of_files_lead_nowhere(page: Page) -> None:
    """What is dropped lies in a folder of its own whatever it is called; no name ends a header of the answer."""
    opened = page.ask(_post("/@token/batches", b"", "Content-Length: 0", "Connection: close"))
    batch = re.search(rb'"id": ?"([\w\-]+)"', opened)
    assert batch, opened
    before = snapshot(page.top, page.top / "tmp", page.top / "home")
    for name in (
        "../../canary/victim.bin",
        "%2e%2e/x",
        "a%0d%0aX: 1",
        "/etc/x",
        "a" * 5000,
        "%00",
        "%ff%fe",
        "-rf",
        "..",
        "",
    ):
        head = (
            f"PUT /@token/batches/{batch[1].decode()}/files?name={name} HTTP/1.1\r\nHost: @host\r\nX-Preflight: 1\r\n"
        )
        told = page.ask(head.encode("latin-1") + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc")
        code = re.match(rb"HTTP/1\.1 (\d{3}) ", told)
        assert code, name
        assert int(code[1]) < 500, (name, told)
        assert b"\r\nX: 1" not in told
    assert differences(before, snapshot(page.top, page.top / "tmp", page.top / "home")) == []
