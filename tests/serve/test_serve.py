"""The local page: who may ask, what may be reached, and a whole round without a browser."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.main import main
from pipeline.cli.serve import _hosts, _loopback
from pipeline.model.facts import Text
from pipeline.serve import server
from pipeline.serve import sessions as rooms
from pipeline.serve.app import application
from pipeline.serve.batches import safe_name
from pipeline.serve.door import Door
from pipeline.serve.people import Anybody
from pipeline.serve.sessions import Full, Room, room
from pipeline.storage.publish import WORK
from pipeline.tools.ffmpeg import Share
from samples import build
from tests import ROOT
from tests.serve.answering import answering

OUT = ROOT / "samples" / "out"
TOKEN = "t" * 32
Client = httpx.Client
PRESET = "metastudio/video-production"
OURS = {"x-preflight": "1"}


@pytest.fixture
def held(tmp_path: Path) -> Room:
    return Room(tmp_path, max_size=2_000_000)


@contextmanager
def served(held: Room) -> Iterator[int]:
    """The page behind a real server on a free port of this machine."""
    with answering(
        lambda port: application(held, Door(Anybody(TOKEN), _hosts("127.0.0.1", port)), workers=1, lang="en")
    ) as port:
        yield port


@pytest.fixture
def client(held: Room) -> Iterator[Client]:
    with served(held) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as made:
        yield made


def opened(client: Client) -> str:
    answer = client.post(f"/{TOKEN}/batches", headers=OURS)
    assert answer.status_code == 201
    return f"/{TOKEN}/batches/{answer.json()['id']}"


def put(client: Client, batch: str, name: str, content: bytes) -> Any:
    return client.put(f"{batch}/files", params={"name": name}, content=content, headers=OURS)


def finished(client: Client, batch: str) -> dict[str, Any]:
    for _ in range(600):
        told: dict[str, Any] = client.get(batch).json()
        if told["state"] in {"done", "failed", "stopped"}:
            return told
        time.sleep(0.05)
    raise AssertionError("the run does not end")


# --- a round ------------------------------------------------------------------------------------------


def test_a_whole_round(client: Client) -> None:
    batch = opened(client)
    wide = build(["images/over-4k.png"], OUT)["images/over-4k.png"].read_bytes()
    assert put(client, batch, "背景 图.png", wide).json() == {"name": "背景 图.png", "size": len(wide), "number": 1}
    assert put(client, batch, "背景 图.png", wide).status_code == 201
    started = client.post(
        f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "prepare", "lang": "zh"}), headers=OURS
    )
    assert started.status_code == 202
    told = finished(client, batch)
    assert told["error"] is None
    assert [file["status"] for file in told["files"]] == ["fixed", "fixed"]
    assert len({output["name"] for output in told["outputs"]}) == 2
    made = client.get(f"{batch}/outputs/0")
    assert made.content.startswith(b"\x89PNG")
    assert made.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "sandbox" in made.headers["content-security-policy"]
    page = client.get(f"{batch}/report.html").text
    assert "背景 图.png" in page
    assert 'lang="zh"' in page
    with zipfile.ZipFile(io.BytesIO(client.get(f"{batch}/all.zip").content)) as packed:
        assert len(packed.namelist()) == 4
        assert packed.read("report.html").decode() == page
        manifest = packed.read("manifest.json").decode()
    assert str(OUT) not in manifest


def test_where_files_lie_on_this_machine_is_not_told(client: Client, held: Room) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", "你好世界。".encode())
    client.post(f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "prepare"}), headers=OURS)
    finished(client, batch)
    assert str(held.folder) not in client.get(f"{batch}/report.html").text
    assert str(held.folder) not in client.get(batch).text


def test_check_changes_nothing(client: Client) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", "你好世界。".encode("gbk") * 10)
    client.post(f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "check"}), headers=OURS)
    told = finished(client, batch)
    assert [file["status"] for file in told["files"]] == ["fixable"]
    assert told["outputs"] == []
    assert client.get(f"{batch}/all.zip").status_code == 404


def test_a_run_can_be_stopped(client: Client, held: Room) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", "你好世界。".encode())
    next(iter(held.batches.values())).stop.set()
    client.post(f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "prepare"}), headers=OURS)
    assert finished(client, batch)["state"] == "stopped"


# --- who may ask --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/x/", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", "/%74" + TOKEN[1:] + "x/", "//"])
def test_without_the_token_there_is_nothing(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:8765"])
def test_another_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    assert client.get(f"/{TOKEN}/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", **OURS},
        {"sec-fetch-site": "same-site", **OURS},
        {"origin": "http://evil.example", **OURS},
        {"origin": "null", **OURS},
        {"origin": "https://127.0.0.1:8765", **OURS},
        {},
    ],
)
def test_other_sites_cannot_ask_for_anything(client: Client, headers: dict[str, str]) -> None:
    assert client.post(f"/{TOKEN}/batches", headers=headers).status_code == 403


def test_other_sites_cannot_look(client: Client) -> None:
    batch = opened(client)
    assert client.get(batch, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_no_other_site_is_invited(client: Client) -> None:
    answer = client.options(f"/{TOKEN}/batches", headers={"origin": "http://evil.example", **OURS})
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_every_answer_is_strict(client: Client) -> None:
    for answer in (client.get(f"/{TOKEN}/"), client.get("/nothing"), client.get(f"/{TOKEN}/batches/none")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    policy = client.get(f"/{TOKEN}/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


# --- what may be reached ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "outputs/-1",
        "outputs/99",
        "outputs/../../../etc/passwd",
        "outputs/%2e%2e%2f",
        "files",
        "report.html",
        "all.zip",
        "../x",
        "in/0001/a.txt",
    ],
)
def test_nothing_but_outputs_can_be_reached(client: Client, path: str) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", b"secret")
    answer = client.get(f"{batch}/{path}")
    assert answer.status_code in {404, 405}
    assert b"secret" not in answer.content


def test_an_output_that_became_a_link_is_not_followed(client: Client, held: Room, tmp_path: Path) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", "你好世界。".encode())
    client.post(f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "prepare"}), headers=OURS)
    finished(client, batch)
    one = next(iter(held.batches.values()))
    path = one.output(0)
    assert path is not None
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert client.get(f"{batch}/outputs/0").status_code == 404


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/shadow", "shadow"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("-rf.mp4", "rf.mp4"),
        ("a\x00b.mp4", "a_b.mp4"),
        ("a\u202e4pm.exe", "a_4pm.exe"),
        ("a:b|c?.png", "a_b_c_.png"),
        ("文件 1.MP4", "文件 1.MP4"),
        ("\ud800.png", "?.png".replace("?", "_")),
        ("up%03d.png", "up%03d.png"),
    ],
)
def test_hostile_names_are_tamed(name: str, stored: str) -> None:
    assert safe_name(name) == stored


def test_long_names_are_cut_at_characters() -> None:
    name = safe_name("字" * 300 + ".mp4")
    assert name.endswith("字.mp4")
    assert len(name.encode()) <= 130


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.txt", "a\u202etxt.exe", "../../x.txt"])
def test_hostile_names_are_escaped_in_the_report(client: Client, name: str) -> None:
    batch = opened(client)
    assert put(client, batch, name, "你好世界。".encode()).status_code == 201
    client.post(f"{batch}/run", content=json.dumps({"preset": PRESET, "verb": "check"}), headers=OURS)
    finished(client, batch)
    page = client.get(f"{batch}/report.html").text
    assert "<img src=x" not in page
    assert "\u202e" not in page


# --- how much -----------------------------------------------------------------------------------------


def test_what_is_too_large_is_refused_and_leaves_nothing(client: Client, held: Room) -> None:
    batch = opened(client)
    assert put(client, batch, "a.bin", b"x" * 2_000_001).status_code == 413

    def stream() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    answer = client.put(f"{batch}/files", params={"name": "b.bin"}, content=stream(), headers=OURS)
    assert answer.status_code == 413
    assert [p for p in held.folder.rglob("*") if p.is_file()] == []
    assert client.get(batch).json()["files"] == []


def test_a_full_disk_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = opened(client)
    monkeypatch.setattr(rooms, "RESERVE", 1 << 60)
    assert put(client, batch, "a.txt", b"x").status_code == 507


def test_too_many_files_and_batches_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = opened(client)
    monkeypatch.setattr(rooms, "MAX_FILES", 1)
    monkeypatch.setattr(rooms, "MAX_BATCHES", 1)
    assert put(client, batch, "a.txt", b"x").status_code == 201
    assert put(client, batch, "b.txt", b"x").status_code == 413
    assert client.post(f"/{TOKEN}/batches", headers=OURS).status_code == 429


@pytest.mark.parametrize(
    "asked",
    [
        b"not json",
        b"[]",
        b'{"preset": "../../etc/passwd", "verb": "check"}',
        b'{"preset": "/tmp/x.toml", "verb": "check"}',
        b'{"preset": "metastudio/video-production", "verb": "rm"}',
        b'{"preset": "metastudio/video-production", "verb": "check", "role": "nobody"}',
        b'{"preset": ["x"], "verb": "check"}',
        b'{"x": "' + b"y" * 100_000 + b'"}',
        b"[" * 50_000,
    ],
)
def test_what_makes_no_sense_is_refused(client: Client, asked: bytes) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", b"x")
    assert client.post(f"{batch}/run", content=asked, headers=OURS).status_code in {400, 413}
    assert client.get(batch).json()["state"] == "collecting"


def test_a_run_needs_files_and_begins_once(client: Client) -> None:
    batch = opened(client)
    asked = json.dumps({"preset": PRESET, "verb": "check"})
    assert client.post(f"{batch}/run", content=asked, headers=OURS).status_code == 409
    put(client, batch, "a.txt", "你好世界。".encode())
    assert client.post(f"{batch}/run", content=asked, headers=OURS).status_code == 202
    assert client.post(f"{batch}/run", content=asked, headers=OURS).status_code == 409
    assert put(client, batch, "b.txt", b"x").status_code == 409
    finished(client, batch)


# --- sweeping -----------------------------------------------------------------------------------------


def test_a_closed_batch_is_gone(client: Client, held: Room) -> None:
    batch = opened(client)
    put(client, batch, "a.txt", b"x")
    assert client.delete(batch, headers=OURS).status_code == 204
    assert client.get(batch).status_code == 404
    assert list(held.folder.iterdir()) == []


def test_what_nobody_looks_at_is_swept(held: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = held.open()
    monkeypatch.setattr(rooms, "IDLE", -1.0)
    held.sweep()
    assert not batch.folder.exists()


def test_the_room_is_private_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = tmp_path / f"preflight-{os.geteuid()}"
    ours.mkdir(mode=0o700)
    dead = ours / f"{WORK}4194305-x"  # above the kernel's highest process number
    alive = ours / f"{WORK}{os.getppid()}-x"
    dead.mkdir()
    alive.mkdir()
    with room(1) as made:
        assert made.folder.stat().st_mode & 0o777 == 0o700
        batch = made.open()
        with pytest.raises(Full):
            made.place(batch, "a", 2)
    assert not made.folder.exists()
    assert not dead.exists()
    assert alive.exists()


@pytest.mark.parametrize(
    ("host", "near"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.168.1.2", False), ("example.org", False)],
)
def test_what_is_loopback(host: str, near: bool) -> None:
    assert _loopback(host) is near
    assert "evil.example:1" not in _hosts(host, 1)
    assert ("127.0.0.1:1" in _hosts(host, 1)) is near


def test_the_verb_says_where_it_is_and_cleans_up(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "pipeline", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            with httpx.Client(trust_env=False, timeout=30) as asker:
                assert "Media preflight" in asker.get(address).text
                assert asker.get(address.rsplit("/", 2)[0] + "/").status_code == 404
            assert [p.name.startswith(WORK) for ours in tmp_path.iterdir() for p in ours.iterdir()] == [True]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [["--max-size", "much"], ["--host", "256.1.1.1"], ["--port", "99999"]])
def test_usage(wrong: list[str]) -> None:
    assert main(["serve", *wrong]) == 2


def test_a_batch_is_told_as_the_page_reads_it(held: Room, client: Client) -> None:
    batch = opened(client)
    put(client, batch, "你好.txt", b"abc")
    (kept,) = held.batches.values()
    kept.state, kept.error, kept.fractions, kept.statuses = "failed", Text("no", "否"), {0: Share(0.5)}, {0: "ready"}
    answer = client.get(batch)
    assert answer.headers["content-type"] == "application/json"
    expected = {
        "id": kept.id,
        "made": kept.made,
        "state": "failed",
        "place": None,
        "asked": None,
        "error": {"en": "no", "zh": "否"},
        "files": [
            {"number": 1, "name": "你好.txt", "size": 3, "fraction": 0.5, "status": "ready", "fits": [], "cuts": None}
        ],
        "summary": None,
        "outputs": [],
        "sent": None,
    }
    assert answer.content.decode() == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


# --- what breaks and who breaks it --------------------------------------------------------------------


def test_an_upload_taken_back_leaves_no_number_to_meet(client: Client, held: Room) -> None:
    """Files arrive at once; one that is broken off must not lead the next one into the folder of another."""
    path = opened(client)
    batch = held.get(path.rpartition("/")[2])
    assert batch is not None
    for cancelled in range(4):
        files = [held.place(batch, f"{number}.txt", 1) for number in range(4)]
        held.drop(batch, files[cancelled])
        assert len({file.path.parent for file in files}) == 4
        answer = put(client, path, "next.txt", b"x")
        assert answer.status_code == 201
    assert len({file.path.parent for file in batch.files}) == len(batch.files) == 16
    assert all(file.path.parent.is_dir() for file in batch.files)


@pytest.mark.every(4)
@pytest.mark.parametrize(
    "body",
    [
        b'{"preset": "%s", "verb": ["check"]}',
        b'{"preset": ["%s"], "verb": "check"}',
        b'{"preset": {"%s": 1}, "verb": "check"}',
        b'{"preset": "%s", "verb": {}}',
        b'{"preset": "%s", "verb": null}',
        b'{"preset": "%s", "verb": 1}',
        b'{"preset": "%s", "verb": "check", "role": ["a"]}',
        b'{"preset": "%s", "verb": "check", "role": 1e999}',
        b'{"preset": "%s", "verb": "check", "lang": ["zh"]}',
        b'{"preset": "%s", "verb": "check", "lang": "../zh"}',
        b'{"preset": "%s\\u0000", "verb": "check"}',
        b'{"preset": "\\ud800", "verb": "check"}',
        b'{"preset": "%s", "verb": "check"',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"\xff\xfe",
        b"null",
        b"",
    ],
    ids=range(18),
)
def test_a_request_of_another_form_is_refused(client: Client, body: bytes) -> None:
    path = opened(client)
    put(client, path, "a.txt", b"words")
    answer = client.post(f"{path}/run", content=body.replace(b"%s", PRESET.encode()), headers=OURS)
    assert answer.status_code == 400
    assert answer.json()["error"].keys() == {"en", "zh"}
    assert client.get(path).json()["state"] == "collecting"


@pytest.mark.parametrize("query", ["name=a&name=b", "name=%ED%A0%80", "name=%00", "name=" + "a" * 5000, "", "name[]=x"])
def test_any_name_is_taken_as_text(client: Client, query: str) -> None:
    path = opened(client)
    answer = client.put(f"{path}/files?{query}", content=b"x", headers=OURS)
    assert answer.status_code == 201


def test_a_batch_closed_while_a_file_arrives(client: Client, held: Room) -> None:
    path = opened(client)
    batch = held.get(path.rpartition("/")[2])
    assert batch is not None

    def pieces() -> Iterator[bytes]:
        yield b"x" * 10
        held.close(batch)
        yield b"x" * 10

    assert client.put(f"{path}/files", params={"name": "a"}, content=pieces(), headers=OURS).status_code in {404, 507}
    assert client.get(path).status_code == 404
    assert not batch.folder.exists()


def test_a_fault_of_the_page_names_its_report(
    client: Client, held: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def fall(*_: object) -> None:
        raise ZeroDivisionError("of nobody's expectation")

    monkeypatch.setattr(held, "open", fall)
    answer = client.post(f"/{TOKEN}/batches", headers=OURS)
    assert answer.status_code == 500
    (report,) = (tmp_path / "state" / "media-preflight").iterdir()
    assert str(report) in answer.json()["error"]["en"]
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")
    assert client.get(f"/{TOKEN}/").status_code == 200


HALVES = [
    b"",
    b"G",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    b"PUT /%s/batches/x/files?name=a HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nx-preflight: 1\r\nContent-Length: 9\r\n\r\nab",
]


@pytest.mark.parametrize("half", HALVES, ids=["nothing", "a letter", "half a head", "half a body"])
def test_who_says_nothing_more_is_hung_up_on(held: Room, monkeypatch: pytest.MonkeyPatch, half: bytes) -> None:
    monkeypatch.setattr(server.Impatient, "head_wait", 0.2)
    monkeypatch.setattr(server.Impatient, "body_wait", 0.2)
    with served(held) as port:
        filled = half.replace(b"%s", TOKEN.encode()).replace(b"%d", str(port).encode())
        calls = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(20)]
        for call in calls:
            call.sendall(filled)
        for call in calls:
            with call, contextlib.suppress(ConnectionResetError):  # also an end
                while call.recv(4096):
                    pass
        assert httpx.get(f"http://127.0.0.1:{port}/{TOKEN}/", timeout=60, trust_env=False).status_code == 200


def test_a_head_without_end_and_too_many_callers(held: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(held) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as call, contextlib.suppress(OSError):
            call.sendall(b"GET / HTTP/1.1\r\nx: " + b"a" * (1 << 17))
            assert call.recv(4096).startswith(b"HTTP/1.1 400")
        calls = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(server.CONNECTIONS)]
        for _ in range(600):
            if httpx.get(f"http://127.0.0.1:{port}/{TOKEN}/", timeout=60, trust_env=False).status_code == 503:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("nobody was told to come again")
        for call in calls:
            call.close()
        for _ in range(600):
            if httpx.get(f"http://127.0.0.1:{port}/{TOKEN}/", timeout=60, trust_env=False).status_code == 200:
                return
            time.sleep(0.05)
        raise AssertionError("the page stays closed")
