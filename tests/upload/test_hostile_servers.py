"""Far ends that mean harm or are broken: each exchange ends, in bounded time and memory, with a sentence of ours.

The servers are bare sockets, so that what goes over the wire is exactly what is written here. Nothing timed is
asserted: where a server would go on for ever, the test ends because the client does.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from pipeline.cli.main import main
from pipeline.errors import UploadError
from pipeline.upload import allowance
from pipeline.upload.client import Answer, Caller
from pipeline.upload.credentials import Secrets
from pipeline.upload.metastudio.error_codes import CODES
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.protocol import Reply, Unexpected
from pipeline.upload.rate_limit import Bucket
from pipeline.upload.retry import Patience
from pipeline.upload.transfer import Body, Refused, Unknown
from tests.upload import made

ONCE: Final = Patience(attempts=1, first=0.0, cap=0.0)
Serve = Callable[[socket.socket, threading.Event], None]
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(serve: Serve, *, reads: bool = True) -> Iterator[str]:
    """A server on loopback that treats every connection so, after the head of a request has come."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has gone: that is what is tested
            if reads:
                seen = b""
                while b"\r\n\r\n" not in seen:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    seen += piece
            serve(connection, over)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):  # closed with something unread, it would be a reset
                pass

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:  # closed: the test is over
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/thing"
    finally:
        over.set()
        listening.close()


def says(*pieces: bytes) -> Serve:
    """These bytes, then the end."""

    def serve(connection: socket.socket, _: threading.Event) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return serve


def body(text: bytes, *more: bytes) -> Serve:
    """A whole answer with this body."""
    return says(HEAD + b"".join(more) + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(text) + text)


def drips(start: bytes, drop: bytes) -> Serve:
    """A byte now and then, for ever."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(0.02):
            connection.sendall(drop)

    return serve


def floods(start: bytes, drop: bytes) -> Serve:
    """As much as goes, for ever."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.is_set():
            connection.sendall(drop)

    return serve


def stalls(start: bytes = b"") -> Serve:
    """Nothing more."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        over.wait(30)

    return serve


def resets(start: bytes = b"") -> Serve:
    """The connection is broken off hard."""

    def serve(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(start)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return serve


def accepts_slowly(connection: socket.socket, over: threading.Event) -> None:
    """Takes what is sent a few bytes at a time."""
    while not over.wait(0.02):
        connection.recv(512)


BOMB: Final = gzip.compress(b"\0" * (64 << 20))
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OPEN: Final = HEAD + b"Connection: close\r\n\r\n"
ROWS: Final[list[tuple[str, Serve, str]]] = [
    ("silence", stalls(), "not within its time"),
    ("half an answer's head, then silence", stalls(b"HTTP/1.1 200 OK\r\nContent-"), "not within its time"),
    ("half a body, then silence", stalls(HEAD + b"Content-Length: 10\r\n\r\n{"), "not within its time"),
    ("a head that drips", drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"x"), "not within its time"),
    ("heads without end, dripping", drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "not within its time"),
    ("a body that drips", drips(HEAD + b"Content-Length: 1000000\r\n\r\n", b" "), "not within its time"),
    ("chunks that drip", drips(CHUNKED, b"1\r\n \r\n"), "not within its time"),
    ("100 Continue that drips", drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "not within its time"),
    ("100 Continue in floods", floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000), "answer too long"),
    ("102 Processing in floods", floods(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 2000), "answer too long"),
    ("heads in floods", floods(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1000), "broke off or is not HTTP"),
    ("one head in floods", floods(b"HTTP/1.1 200 OK\r\nA: ", b"x" * 65536), "broke off or is not HTTP"),
    ("a body in floods", floods(OPEN, b" " * 65536), "answer too long"),
    ("chunks in floods", floods(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"), "answer too long"),
    ("small chunks in floods", floods(CHUNKED, b"c\r\n            \r\n" * 5000), "answer too long"),
    ("a bomb", body(BOMB, b"Content-Encoding: gzip\r\n"), "compressed"),
    ("a bomb called otherwise", body(BOMB, b"Content-Encoding: deflate, gzip, br\r\n"), "compressed"),
    ("a bomb that is not told", body(BOMB), "the answer is not as documented"),
    ("less than was promised", says(HEAD + b"Content-Length: 100\r\n\r\n{}"), "broke off or is not HTTP"),
    ("a length that is none", says(HEAD + b"Content-Length: many\r\n\r\n{}"), "broke off or is not HTTP"),
    ("a negative length", says(HEAD + b"Content-Length: -1\r\n\r\n{}"), "broke off or is not HTTP"),
    ("two lengths", says(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), "broke off or is not HTTP"),
    ("a chunk that lies", says(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"), "broke off or is not HTTP"),
    ("a chunk that is cut", says(CHUNKED + b"ffff\r\n{}"), "broke off or is not HTTP"),
    ("no HTTP", says(b"220 mail.example ESMTP\r\n"), "broke off or is not HTTP"),
    ("a TLS alert", says(b"\x15\x03\x01\x00\x02\x02\x46"), "broke off or is not HTTP"),
    ("the end at once", says(b""), "broke off or is not HTTP"),
    ("a reset at once", resets(), "broke off"),
    ("a reset in the head", resets(b"HTTP/1.1 200 OK\r\nA"), "no answer"),
    ("a reset in the body", resets(HEAD + b"Content-Length: 10\r\n\r\n{"), "broke off"),
    ("a page for JSON", body(b"<html><body>Sign in</body></html>"), "no JSON at line 1"),
    ("a list for an object", body(b"[1, 2]"), "wanted an object, found a list"),
    ("null for an object", body(b"null"), "wanted an object, found null"),
    ("deep JSON", body(b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "nested too deep"),
    ("NaN", body(b'{"size": NaN}'), "size: holds a number that is too large, or none"),
    ("1e999", body(b'{"size": 1e999}'), "size: holds a number that is too large"),
    ("a number of 5,000 figures", body(b'{"size": ' + b"9" * 5000 + b"}"), "size: holds a number"),
    ("a key twice", body(b'{"asset_id": "a", "asset_id": "b"}'), "asset_id: stands there twice"),
    ("UTF-16", body('{"asset_id": "a"}'.encode("utf-16")), "not in UTF-8"),
    ("Latin-1", body('{"asset_id": "é"}'.encode("latin-1")), "not in UTF-8"),
    ("half a character", body(b'{"asset_id": "\\ud800"}'), "half a character"),
    ("more after the end", body(b'{"asset_id": "a"} and more'), "no JSON at line 1"),
]


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    monkeypatch.setattr(allowance, "ANSWERED", 1.0)
    one = Caller(Secrets(environment={}), ONCE, CODES, timeout=0.5)
    yield one
    one.close()


def _call(caller: Caller, url: str, *, again: bool = False) -> Answer:
    return caller.call("POST", url, lambda _: {}, {"a": 1}, bucket=Bucket(1e6, 1e6), again=again, what="make it")


@pytest.mark.every(3)
@pytest.mark.parametrize(("name", "serve", "said"), ROWS, ids=[row[0] for row in ROWS])
def test_an_exchange_ends_with_a_sentence(caller: Caller, name: str, serve: Serve, said: str) -> None:
    with serving(serve) as url, pytest.raises(Unknown) as caught:  # it may have been done: never said to be refused
        _call(caller, url)
    for sentence in (caught.value.text.en, caught.value.text.zh):
        assert "make it" in sentence
        assert "Traceback" not in sentence
    assert said in caught.value.text.en
    assert len(caught.value.text.en) < 600


def test_a_far_end_that_takes_slowly_is_left(caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "LEAST_SPEED", 64 << 20)
    path = tmp_path / "large"
    path.write_bytes(bytes(16 << 20))
    with serving(accepts_slowly) as url, pytest.raises(UploadError, match="not within its time"):
        caller.put(url, {}, lambda: Body(path, 0, 16 << 20, lambda _: None, None), expected=None, what="PUT large")


def test_a_far_end_that_answers_before_it_has_all_is_heard(caller: Caller, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(4 << 20))
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serving(says(refusal)) as url, pytest.raises(UploadError):
        caller.put(url, {}, lambda: Body(path, 0, 4 << 20, lambda _: None, None), expected=None, what="PUT large")


def test_a_pause_of_our_own_is_no_wait(caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on bandwidth may make a body last longer than the allowance."""
    monkeypatch.setattr(allowance, "ANSWERED", 0.6)
    path = tmp_path / "small"
    path.write_bytes(bytes(40_000))

    def takes(connection: socket.socket, _: threading.Event) -> None:
        seen = b""
        while len(seen.partition(b"\r\n\r\n")[2]) < 40_000:
            seen += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    limit = Bucket(40_000.0, depth=10_000.0)
    with serving(takes, reads=False) as url:
        caller.put(url, {}, lambda: Body(path, 0, 40_000, lambda _: None, limit), expected=None, what="PUT small")


def test_a_handshake_that_stalls_was_no_call(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(stalls(), reads=False) as url, pytest.raises(UploadError, match="cannot be reached") as caught:
        _call(caller, url.replace("http://", "https://"))
    assert not isinstance(caught.value, Unknown), "nothing had been sent"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_nothing_elsewhere(caller: Caller, status: int) -> None:
    reached: list[bytes] = []

    def elsewhere(connection: socket.socket, _: threading.Event) -> None:
        reached.append(b"call")

    with serving(elsewhere) as other:
        head = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, other.encode())
        with serving(says(head)) as url, pytest.raises(Refused):
            _call(caller, url)
    assert reached == []


@pytest.mark.parametrize("date", [b"yesterday", b"Thu, 99 Foo 2026 99:99:99 GMT", b"\xff\xfe", b"0", b"9" * 400])
def test_a_date_that_is_none_is_no_clock(caller: Caller, date: bytes) -> None:
    head = b"HTTP/1.1 401 No\r\nDate: " + date + b"\r\nContent-Length: 0\r\n\r\n"
    with serving(says(head)) as url, pytest.raises(Refused):
        _call(caller, url)


@pytest.mark.parametrize(
    "length", [b"bytes 0-0/many", "bytes 0-0/\u00b2".encode("latin-1"), b"bytes 0-0/" + b"9" * 5000]
)
def test_a_size_that_is_none_is_not_known(caller: Caller, length: bytes) -> None:
    head = b"HTTP/1.1 206 Partial\r\nContent-Range: " + length + b"\r\nContent-Length: 0\r\n\r\n"
    with serving(says(head)) as url:
        assert caller.look(url, bucket=Bucket(1e6, 1e6)) == (-1, "")


def test_a_long_no_is_cut_short(caller: Caller) -> None:
    text = json.dumps({"error_code": "x" * 100_000, "error_msg": "y" * 1_000_000}).encode()
    head = b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n" % len(text)
    with serving(says(head + text)) as url, pytest.raises(Refused) as caught:
        _call(caller, url)
    assert len(str(caught.value)) < 1500


def test_two_hundred_with_an_empty_body_has_no_keys(caller: Caller) -> None:
    with serving(body(b"")) as url:
        told = _call(caller, url).json()
    with pytest.raises(Unexpected, match="not what its documents say: asset_id is missing; Table 4-118 wants it"):
        _asset(told).must("asset_id")


def _asset(held: dict[str, Any]) -> Reply:
    """Read as the answer to "query asset"."""
    fields, table = TABLES.calls["show_asset"].side("answer")
    return Reply(TABLES, fields, held, table)


WRONG: Final[list[tuple[dict[str, Any], str, str, str]]] = [
    ({}, "must", "asset_id", "asset_id is missing; Table 4-118 wants it"),
    ({"asset_id": None}, "must", "asset_id", "asset_id is missing; Table 4-118 wants it"),
    ({"asset_id": ["a"]}, "must", "asset_id", "asset_id is ['a']; Table 4-118 wants String"),
    ({"asset_id": True}, "must", "asset_id", "asset_id is True; Table 4-118 wants String"),
    ({"asset_order": True}, "number", "asset_order", "asset_order is True; Table 4-118 wants Integer"),
    ({"asset_order": "x"}, "number", "asset_order", "asset_order is 'x'; Table 4-118 wants Integer"),
    ({"asset_extra_meta": []}, "one", "asset_extra_meta", "asset_extra_meta is []; Table 4-118 wants AssetExtraMeta"),
    ({"files": {}}, "many", "files", "files is {}; Table 4-118 wants an array"),
    ({"files": ["a"]}, "many", "files", "files is 'a'; Table 4-118 wants AssetFileInfo"),
]


@pytest.mark.parametrize(("held", "way", "key", "said"), WRONG, ids=[row[3] for row in WRONG])
def test_an_answer_names_table_key_and_what_was_wanted(held: dict[str, Any], way: str, key: str, said: str) -> None:
    with pytest.raises(Unexpected) as caught:
        getattr(_asset(held), way)(key)
    assert said in caught.value.text.en
    assert "Table 4-118" in caught.value.text.zh


def test_an_object_within_an_answer_names_its_own_table() -> None:
    told = Answer(200, {}, b'{"files": [{"file_name": "a"}]}', "GET /v1/assets").json()
    with pytest.raises(Unexpected, match=r"file_id is missing; Table \d+-\d+ wants it"):
        _asset(told).many("files")[0].must("file_id")


VERB: Final = [
    row for row in ROWS if row[0] in {"a page for JSON", "a bomb", "a key twice", "NaN", "null for an object"}
]
VERB_MORE: Final[list[tuple[str, Serve, str]]] = [
    *VERB,
    ("nothing in it", body(b"{}"), ""),
    ("another type", body(b'{"assets": 7, "asset_id": ["x"]}'), ""),
]


@pytest.mark.parametrize(("name", "serve", "said"), VERB_MORE, ids=[row[0] for row in VERB_MORE])
def test_the_verb_tells_it_for_the_asset(
    near: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, serve: Serve, said: str
) -> None:
    monkeypatch.setattr("pipeline.upload.metastudio.destination.Patience", lambda: ONCE)
    settings = {"METASTUDIO_AK": "access", "METASTUDIO_SK": "secret-secret", "METASTUDIO_PROJECT": "project"}
    with serving(serve) as url:
        for key, value in (settings | {"METASTUDIO_ENDPOINT": url.removesuffix("/v1/thing")}).items():
            monkeypatch.setenv(f"PREFLIGHT_{key}", value)
        assert main(["upload", str(made.mixed(near, 1)), "--to", "metastudio", "--json"]) == 5
    (entry,) = json.loads(capsys.readouterr().out)["assets"]
    assert entry["status"] == "failed"
    assert said in entry["message"]
    assert not [word for word in ("KeyError", "TypeError", "Traceback", "secret-secret") if word in entry["message"]]
