"""Servers at addresses that say nothing, say a byte now and then, never end, or pack what they send: each is ended."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from pipeline.errors import AssetError, CeilingExceeded, UsageError
from pipeline.storage import pace, remote
from pipeline.storage.digest import content_md5
from pipeline.storage.inputs import find

pytest.importorskip("aiohttp", reason="the extra [remote] is not installed")
pytestmark = pytest.mark.attack
Answers = Callable[[socket.socket, bytes], None]
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@contextmanager
def server(answer: Answers) -> Iterator[str]:
    """The address of a file on loopback; `answer` is given each connection and the head of what was asked."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)

    def one(made: socket.socket) -> None:
        with made:
            made.settimeout(5)
            head = b""
            try:
                while b"\r\n\r\n" not in head:
                    head += made.recv(65536) or b"\r\n\r\n"
                answer(made, head)
            except OSError:
                return  # hung up on: what is wanted

    def accept() -> None:
        while not over.is_set():
            try:
                made, _ = listening.accept()
            except TimeoutError:
                continue
            threading.Thread(target=one, args=(made,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/a.bin"
    finally:
        over.set()
        thread.join()
        listening.close()


def drip(made: socket.socket, head: bytes) -> None:
    made.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    while not head.startswith(b"HEAD"):
        made.sendall(b"x")
        time.sleep(0.02)


def unsized(made: socket.socket, head: bytes) -> None:
    made.sendall(OK + b"\r\n")
    while not head.startswith(b"HEAD"):
        made.sendall(b"x")
        time.sleep(0.02)


def silent(made: socket.socket, head: bytes) -> None:
    made.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    if not head.startswith(b"HEAD"):
        made.recv(1)  # until the other side hangs up


def nothing(made: socket.socket, _: bytes) -> None:
    made.recv(1)


@pytest.mark.parametrize("answer", [drip, unsized, silent, nothing])
def test_who_is_slower_than_the_least_speed_is_not_waited_for(
    answer: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "ANSWERED", 0.3)
    monkeypatch.setattr(remote, "ANSWERED", 0.3)
    monkeypatch.setattr(pace, "LEAST_SPEED", 1 << 20)
    with server(answer) as url, pytest.raises(CeilingExceeded, match="slower than 1024 KiB/s") as told:
        remote.fetch(f"{url}?X-Signature=CANARY", tmp_path)
    assert "CANARY" not in str(told.value)


def test_a_server_that_is_silent_when_asked_what_is_there_is_a_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ANSWERED", 0.3)
    with server(nothing) as url, pytest.raises(UsageError, match="slower than"):
        list(remote.find(url))


def test_what_never_ends_ends_at_the_largest_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flood(made: socket.socket, head: bytes) -> None:
        made.sendall(OK + b"\r\n")
        while not head.startswith(b"HEAD"):
            made.sendall(bytes(1 << 16))

    monkeypatch.setattr(pace, "MAX_FILE", 1 << 20)
    with server(flood) as url, pytest.raises(CeilingExceeded, match="more than"):
        remote.fetch(url, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 16 << 20  # a few pieces above


@pytest.mark.every(3)
@pytest.mark.parametrize("packed", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, gzip"])
def test_what_a_server_packs_unasked_is_not_unpacked(packed: str, tmp_path: Path) -> None:
    """A hundred MiB of zeros in 100 KB."""
    body, asked = gzip.compress(bytes(100 << 20)), []

    def bomb(made: socket.socket, head: bytes) -> None:
        asked.append(head)
        made.sendall(OK + f"Content-Encoding: {packed}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        if not head.startswith(b"HEAD"):
            made.sendall(body)

    with server(bomb) as url, pytest.raises(AssetError, match="packs what it sends"):
        remote.fetch(url, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert all(b"accept-encoding: identity\r\n" in head.lower() for head in asked)


def test_a_page_that_says_no_is_no_packed_file(tmp_path: Path) -> None:
    def gone(made: socket.socket, _: bytes) -> None:
        made.sendall(
            b"HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    with server(gone) as url, pytest.raises(UsageError, match=r"nothing is there$"):
        find([url])


class Store:
    """What a file system of fsspec says of one file, and hands out in its place."""

    def __init__(self, size: int | None, pieces: Iterator[bytes]) -> None:
        self.size, self.pieces = size, pieces

    def info(self, _: str) -> dict[str, Any]:
        return {"size": self.size}

    def get_file(self, _: str, target: str, callback: Any) -> None:
        with Path(target).open("wb") as out:
            for piece in self.pieces:
                out.write(piece)
                callback.relative_update(len(piece))

    def open(self, *_: str) -> Store:
        return self

    def read(self, _: int) -> bytes:
        return next(self.pieces)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


def endless(piece: bytes, pause: float = 0.0) -> Iterator[bytes]:
    while True:
        yield piece
        time.sleep(pause)


def test_more_than_was_told_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a store that unpacks what it holds on its way."""
    monkeypatch.setattr(remote, "system", lambda _: (Store(1000, endless(bytes(600))), "a"))
    with pytest.raises(AssetError, match="more came than the 1000 bytes"):
        remote.fetch("gs://bucket/a", tmp_path)
    assert (tmp_path / "a").stat().st_size == 1200


def test_reading_back_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    md5 = content_md5(tmp_path / "a")
    monkeypatch.setattr(remote, "system", lambda _: (Store(1000, endless(bytes(600))), "a"))
    with pytest.raises(AssetError, match="more came than the 1000 bytes"):
        remote.same("sftp://host/a", 1000, md5)
    monkeypatch.setattr(pace, "ANSWERED", 0.2)
    monkeypatch.setattr(remote, "system", lambda _: (Store(1000, endless(b"x", 0.02)), "a"))
    with pytest.raises(CeilingExceeded, match="slower than"):
        remote.holds("sftp://host/a", md5)


def test_a_call_keeps_its_own_errors_and_its_own_time_limit() -> None:
    def late() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        pace.waited("sftp://host/a", 10, late)
    assert pace.waited("sftp://host/a", 10, lambda: 5) == 5
    assert (pace.lasting(0), pace.lasting(32 << 20), pace.lasting(1 << 50)) == (120, 120 + 1024, 6 * 3600)
