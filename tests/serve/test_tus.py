"""Uploads in pieces: cut off, twice, at once, too long, by others, over a restart: the bytes stay what they are."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.serve.people import add
from pipeline.serve.sessions import Room, kept_room
from tests.serve.test_team import NAME, OURS, serving

TUS = OURS | {"tus-resumable": "1.0.0"}
PIECE = {"content-type": "application/offset+octet-stream"}
LARGE = hashlib.shake_256(b"a large file").digest(1_500_000)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def begun(client: httpx.Client, token: str, length: int, name: str = "讲师 1.bin") -> str:
    batch = client.post(f"/{token}/batches", headers=OURS).json()["id"]
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    head = TUS | {"upload-length": str(length), "upload-metadata": told}
    answer = client.post(f"/{token}/batches/{batch}/uploads", headers=head)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (201, "1.0.0")
    return answer.headers["location"]


def offset(client: httpx.Client, place: str) -> int:
    answer = client.head(place, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def sent(client: httpx.Client, place: str, at: int, content: bytes, **more: str) -> httpx.Response:
    return client.patch(place, headers=TUS | PIECE | {"upload-offset": str(at)} | more, content=content)


def cut(client: httpx.Client, place: str, at: int, announced: int, content: bytes) -> None:
    """A piece whose connection is lost after `content`, as when a cable is pulled."""
    lines = [f"PATCH {place} HTTP/1.1", f"Host: {NAME}", f"Content-Length: {announced}", f"Upload-Offset: {at}"]
    lines += [f"{key}: {value}" for key, value in (TUS | PIECE).items()]
    address = client.base_url.host, client.base_url.port or 80
    with socket.create_connection(address, 20) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def settled(client: httpx.Client, place: str) -> int:
    """How much is here, once the server knows that nothing more comes."""
    for _ in range(400):
        here = offset(client, place)
        if sent(client, place, here, b"").status_code == 204:
            return here
        threading.Event().wait(0.05)
    raise AssertionError("a piece does not end")


def test_cut_ten_times_it_is_whole_in_the_end(tmp_path: Path, tokens: Path) -> None:
    token = add(tokens, "anna")
    room = Room(tmp_path, 2_000_000)
    with serving(room, tokens) as client:
        place = begun(client, token, len(LARGE))
        here = 0
        for _ in range(10):
            cut(client, place, here, len(LARGE) - here, LARGE[here : here + 130_000])
            here = settled(client, place)  # what was on its way when the cable was pulled may be lost
        state = client.get(place.rpartition("/uploads")[0]).json()
        assert 0 < here == state["files"][0]["size"] <= 1_300_000
        assert sent(client, place, here, LARGE[here:]).headers["upload-offset"] == str(len(LARGE))
        (batch,) = room.batches.values()
        assert hashlib.md5(batch.files[0].path.read_bytes()).digest() == hashlib.md5(LARGE).digest()  # noqa: S324
        assert batch.files[0].name == "讲师 1.bin"


def test_a_restart_keeps_what_arrived(tmp_path: Path, tokens: Path) -> None:
    token = add(tokens, "anna")
    with kept_room(tmp_path / "data", 2_000_000, 10_000_000, 3600) as room, serving(room, tokens) as client:
        place = begun(client, token, len(LARGE))
        assert sent(client, place, 0, LARGE[:700_000]).status_code == 204
    with kept_room(tmp_path / "data", 2_000_000, 10_000_000, 3600) as room, serving(room, tokens) as client:
        assert offset(client, place) == 700_000
        assert sent(client, place, 700_000, LARGE[700_000:]).status_code == 204
        (batch,) = room.batches.values()
        assert batch.files[0].path.read_bytes() == LARGE
        assert batch.files[0].whole


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"upload-offset": "3"}, 409),
        ({"upload-offset": "0"}, 409),
        ({"upload-offset": "-1"}, 400),
        ({"upload-offset": "9" * 30}, 400),
        ({"upload-offset": "٢"}, 400),
        ({"content-type": "application/octet-stream"}, 415),
        ({"tus-resumable": "0.2.2"}, 412),
        ({"x-preflight": "0"}, 403),
        ({}, 413),  # more than was announced
    ],
)
def test_a_piece_that_does_not_fit(tmp_path: Path, tokens: Path, change: dict[str, str], status: int) -> None:
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens) as client:
        place = begun(client, token, 4)
        assert sent(client, place, 0, b"ab").status_code == 204
        head = {k.encode(): v.encode() for k, v in (TUS | PIECE | {"upload-offset": "2"} | change).items()}
        answer = client.patch(place, headers=list(head.items()), content=b"cdefg")
        assert answer.status_code == status
        assert offset(client, place) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"upload-length": ""},
        {"upload-length": "x"},
        {"upload-length": "-1"},
        {"upload-length": "1", "upload-metadata": "filename !!!"},
        {"upload-length": "1", "tus-resumable": "2"},
        {"upload-length": "1001"},
        {"upload-length": str(10**15)},
    ],
)
def test_a_beginning_of_another_form(tmp_path: Path, tokens: Path, change: dict[str, str]) -> None:
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens) as client:
        batch = client.post(f"/{token}/batches", headers=OURS).json()["id"]
        answer = client.post(f"/{token}/batches/{batch}/uploads", headers=TUS | change)
        assert answer.status_code in {400, 412, 413}
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert client.get(f"/{token}/batches/{batch}").json()["files"] == []


def test_two_do_not_send_at_once_and_a_half_file_is_not_run(tmp_path: Path, tokens: Path) -> None:
    anna, eve = add(tokens, "anna"), add(tokens, "eve")
    room = Room(tmp_path, 1000)
    with serving(room, tokens) as client:
        place = begun(client, anna, 4)
        batch = place.rpartition("/uploads")[0]
        (held,) = room.batches.values()
        held.files[0].busy = True
        assert sent(client, place, 0, b"ab").status_code == 423
        assert client.delete(place, headers=TUS).status_code == 423
        held.files[0].busy = False
        hers: Any = place.replace(anna, eve)
        assert client.head(hers, headers=TUS).status_code == 404
        assert sent(client, hers, 0, b"ab").status_code == 404
        asked = b'{"preset": "metastudio/video-production", "verb": "check"}'
        assert client.post(f"{batch}/run", content=asked, headers=OURS).status_code == 409
        assert client.delete(place, headers=TUS).status_code == 204
        assert client.head(place, headers=TUS).status_code == 404
        assert list(held.folder.rglob("*.bin")) == []


def test_an_empty_file_is_whole_at_once(tmp_path: Path, tokens: Path) -> None:
    token = add(tokens, "anna")
    room = Room(tmp_path, 1000)
    with serving(room, tokens) as client:
        begun(client, token, 0)
        (held,) = room.batches.values()
        assert held.files[0].whole
