"""A store that says nothing, says a byte now and then, never ends or packs what it says: the SDK's calls end too."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from pipeline.upload import allowance
from pipeline.upload.credentials import Secrets
from pipeline.upload.transfer import Unknown
from tests.upload.test_hostile_servers import (
    BOMB,
    CHUNKED,
    HEAD,
    ONCE,
    OPEN,
    Serve,
    accepts_slowly,
    body,
    drips,
    floods,
    resets,
    says,
    serving,
    stalls,
)

pytest.importorskip("qcloud_cos", reason="the extra [upload] is not installed")
pytestmark = pytest.mark.attack

from pipeline.upload.tencent.cos import Credentials, Store  # noqa: E402  below what it needs
from pipeline.upload.tencent.session import session  # noqa: E402  as above

WHO: Final = Credentials("id", "key", "token", time.time() + 1e6, "bucket-1250000000", "ap-guangzhou", "a/")
LATE: Final = "not within its time"
ROWS: Final[list[tuple[str, Serve, str]]] = [
    ("silence", stalls(), LATE),
    ("half a body, then silence", stalls(HEAD + b"Content-Length: 10\r\n\r\n<"), LATE),
    ("a head that drips", drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"x"), LATE),
    ("heads without end, dripping", drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), LATE),
    ("a body that drips", drips(HEAD + b"Content-Length: 1000000\r\n\r\n", b" "), LATE),
    ("a no that drips", drips(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\n", b" "), LATE),
    ("chunks that drip", drips(CHUNKED, b"1\r\n \r\n"), LATE),
    ("100 Continue that drips", drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), LATE),
    ("100 Continue in floods", floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000), LATE),
    ("heads in floods", floods(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1000), "no answer"),
    ("a body in floods", floods(OPEN, b" " * 65536), "answer too long"),
    ("chunks in floods", floods(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"), "answer too long"),
    ("a bomb", body(BOMB, b"Content-Encoding: gzip\r\n"), "compressed"),
    ("a no that is a bomb", says(b"HTTP/1.1 403 No\r\nContent-Encoding: deflate\r\n\r\n", BOMB), "compressed"),
    ("less than was promised", says(HEAD + b"Content-Length: 100\r\n\r\n<a>"), "no answer"),
    ("no HTTP", says(b"220 mail.example ESMTP\r\n"), "no answer"),
    ("a reset at once", resets(), "no answer"),
]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "ANSWERED", 0.7)


def listed(url: str) -> Any:
    """One call of the SDK that reads an answer with a body."""
    store = Store(lambda: WHO, time.time, Secrets(environment={}), ONCE, url)
    try:
        return store._once("list", lambda client, bucket: client.list_parts(Bucket=bucket, Key="k", UploadId="u"))
    finally:
        store.close()


@pytest.mark.every(3)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "serve", "said"), ROWS, ids=[row[0] for row in ROWS])
def test_a_call_of_the_sdk_ends_with_a_sentence(name: str, serve: Serve, said: str) -> None:
    with serving(serve) as url, pytest.raises(Unknown) as caught:
        listed(url)
    assert "list" in caught.value.text.en
    assert said in caught.value.text.en


def test_an_answer_that_is_one_is_read() -> None:
    xml = b"<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></ListPartsResult>"
    with serving(body(xml)) as url:
        assert listed(url)["Part"][0]["ETag"] == "e"


class Slow:
    """A body that lets us wait for its pieces, as one with a limit on bandwidth does."""

    def __init__(self, count: int, pause: float) -> None:
        self.count, self.pause = count, pause

    def __len__(self) -> int:
        return self.count * 1000

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.count):
            time.sleep(self.pause)
            yield bytes(1000)


def taken(connection: socket.socket, _: threading.Event) -> None:
    """All that is sent, then an answer."""
    left = 5000
    while left > 0 and (piece := connection.recv(65536)):
        left -= len(piece)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.usefixtures("quick")
def test_a_pause_of_our_own_is_no_wait() -> None:
    with serving(taken) as url, session(direct=True) as made:
        assert made.put(url, data=Slow(5, 0.25), timeout=5).content == b"ok"  # 1.25 s of ours, 0.7 allowed


@pytest.mark.usefixtures("quick")
def test_who_takes_slowly_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    monkeypatch.setattr(allowance, "LEAST_SPEED", 64 << 20)
    with serving(accepts_slowly) as url, session(direct=True) as made, pytest.raises(requests.Timeout, match=LATE):
        made.put(url, data=iter([bytes(1 << 20)] * 16), headers={"Content-Length": str(16 << 20)}, timeout=60)


@pytest.mark.usefixtures("quick")
def test_the_same_behind_tls(tmp_path: Path) -> None:
    import requests

    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out ca.pem -days 2 -subj /CN=x"
    )
    made_of = [openssl, *words.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(made_of, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")

    def wrapped(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            inner.recv(65536)
            drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"x")(inner, over)

    with serving(wrapped, reads=False) as url, session(direct=True) as made:
        near = url.replace("http://", "https://")
        with pytest.raises(requests.Timeout, match=LATE):
            made.get(near, verify=str(tmp_path / "ca.pem"), timeout=60)
