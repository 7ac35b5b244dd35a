"""The client for programs: a server that is killed under it, a line that is cut, and what it says to a no."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("uvicorn")

from media_preflight.client import Declined, Served
from pipeline.documents.types import ManifestDocument
from pipeline.serve.people import add
from samples import build
from tests import ROOT

DOCUMENT = ROOT / "docs" / "http-api.md"
OUT = ROOT / "samples" / "out"
PRESET = "metastudio/video-production"
LARGE = hashlib.shake_256(b"a large file").digest(3_000_000)


def started(data: Path, port: int = 0, *words: str) -> tuple[subprocess.Popen[str], int]:
    """A team's server as a process, and its port."""
    ours = [sys.executable, "-m", "pipeline", "serve", "--data", str(data), "--port", str(port), "-j", "1", *words]
    process = subprocess.Popen(ours, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert process.stdout
    told = re.search(r":(\d+)/", process.stdout.readline())
    assert told
    return process, int(told[1])


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path / "data"


class CutLine:
    """A line to `port` of this machine; connections that bring more than `most` bytes are cut there, `cuts` of them."""

    def __init__(self, most: int, cuts: int) -> None:
        self.most, self.cuts, self.port = most, cuts, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.here = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: nobody comes any more
            while True:
                threading.Thread(target=self._carry, args=(self._listening.accept()[0],), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as far:
            threading.Thread(target=self._back, args=(far, near), daemon=True).start()
            seen = 0
            while piece := near.recv(1 << 16):
                seen += len(piece)
                far.sendall(piece)
                if seen > self.most and self.cuts:
                    self.cuts -= 1
                    far.shutdown(socket.SHUT_RDWR)  # closed alone, it would stay open for who reads from it
                    near.shutdown(socket.SHUT_RDWR)
                    return

    @staticmethod
    def _back(far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):  # the line was cut
            while piece := far.recv(1 << 16):
                near.sendall(piece)
            near.shutdown(socket.SHUT_WR)


def held(data: Path, name: str) -> list[bytes]:
    return [path.read_bytes() for path in (data / "batches").glob(f"*/in/*/{name}")]


def test_a_server_killed_twice_loses_nothing(data: Path, tmp_path: Path) -> None:
    """Once while a file arrives, once in the middle of a run."""
    token = add(data / "tokens", "anna")
    clip, script = build(["video/60fps.mp4", "texts/fast.ssml"], OUT).values()
    (tmp_path / "large.bin").write_bytes(LARGE)
    process, port = started(data)
    with Served(f"http://127.0.0.1:{port}", token) as server:
        batch = server.open()
        small = [server.send(batch, path) for path in (clip, script)]
        begun = server._begin(batch, "large.bin", len(LARGE))
        head = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        server._asked("PATCH", f"/batches/{batch}/uploads/{begun}", head, content=LARGE[:1_000_000])
        ended(process)
        process, _ = started(data, port)
        try:
            assert server.send(batch, tmp_path / "large.bin", number=begun) == begun
            assert held(data, "large.bin") == [LARGE]
            assert [file.number for file in server.state(batch).files] == [*small, begun]
            assert server.run(batch, PRESET).state in {"waiting", "running"}
            seen = []
            for state in server.events(batch):
                seen.append(state.state)
                if len(seen) == 1:
                    ended(process)
                    process, _ = started(data, port)
            assert seen[-1] == "done"
            told: Any = server.result(batch, tmp_path / "manifest.json")
            assert isinstance(told, ManifestDocument)
            assert [asset.status for asset in told.assets] == ["fixed", "fixed", "blocked"]
            for number, output in enumerate(o for asset in told.assets for o in asset.outputs):
                server.fetch(batch, f"outputs/{number}", tmp_path / "output")
                assert (tmp_path / "output").stat().st_size == output.size
            server.fetch(batch, "report.html", tmp_path / "report.html")
            assert [one.id for one in server.batches()] == [batch]
            server.close(batch)
            server.close(batch)
            assert server.batches() == []
        finally:
            ended(process)


def test_an_end_that_was_missed_while_the_line_was_cut_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream breaks off at "reporting", and when the server is back the batch is done."""
    empty = {"id": "b", "made": 0.0, "place": None, "asked": None, "error": None, "files": [], "outputs": []}
    told = [empty | {"summary": None, "sent": None, "state": state} for state in ("running", "reporting", "done")]

    class Cut(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"event: state\ndata: " + json.dumps(told[1]).encode() + b"\n\n"
            raise httpx.ReadError("cut")

    looks = iter((told[0], told[2]))

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, stream=Cut()) if "events" in request.url.path else httpx.Response(200, json=next(looks))
        )

    with Served("http://server.invalid", "token") as server:
        monkeypatch.setattr(
            server, "_http", httpx.Client(base_url="http://server.invalid", transport=httpx.MockTransport(answer))
        )
        assert [state.state for state in server.events("b")] == ["running", "reporting", "done"]


def test_cut_ten_times_its_md5_is_the_same(data: Path, tmp_path: Path) -> None:
    token, line = add(data / "tokens", "anna"), CutLine(200_000, 10)
    (tmp_path / "large.bin").write_bytes(LARGE)
    process, line.port = started(data, 0, "--name", f"127.0.0.1:{line.here}")
    try:
        with Served(f"http://127.0.0.1:{line.here}", token) as server:
            server.send(server.open(), tmp_path / "large.bin")
        assert line.cuts == 0
        assert [hashlib.md5(one).digest() for one in held(data, "large.bin")] == [hashlib.md5(LARGE).digest()]  # noqa: S324
    finally:
        ended(process)
        line.close()


def test_a_no_is_told_with_its_reason(data: Path, tmp_path: Path) -> None:
    anna, eve = add(data / "tokens", "anna"), add(data / "tokens", "eve")
    (tmp_path / "a.bin").write_bytes(b"a")
    (tmp_path / "b.bin").write_bytes(b"bb")
    process, port = started(data, 0, "--max-size", "1000")
    address = f"http://127.0.0.1:{port}"
    try:
        with Served(address, anna) as server, Served(address, eve) as other, Served(address, "x") as nobody:
            batch = server.open()
            number = server.send(batch, tmp_path / "a.bin")
            with pytest.raises(ValueError, match="1 bytes"):
                server.send(batch, tmp_path / "b.bin", number=number)
            (tmp_path / "b.bin").write_bytes(b"b" * 1001)
            for status, said, action in (
                (413, "--max-size", lambda: server.send(batch, tmp_path / "b.bin")),
                (400, "scenario", lambda: server.run(batch, "no/such")),
                (404, "gone", lambda: other.state(batch)),
                (404, "Not finished", lambda: server.fetch(batch, "result", tmp_path / "r")),
                (401, "401", nobody.batches),
            ):
                with pytest.raises(Declined, match=said) as caught:
                    action()
                assert caught.value.status == status
            assert not (tmp_path / "r").exists()
            assert [one.id for one in server.presets()].count(PRESET) == 1
    finally:
        ended(process)
    with Served(address, anna, patience=0.3) as server, pytest.raises(httpx.TransportError):
        server.batches()


def test_the_example_runs_as_it_stands(data: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    token = add(data / "tokens", "anna")
    shutil.copy(build(["video/60fps.mp4"], OUT)["video/60fps.mp4"], tmp_path / "clip.mp4")
    process, port = started(data)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFLIGHT": f"http://127.0.0.1:{port}", "TOKEN": token}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
    finally:
        ended(process)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ready in/0001/clip.mp4"  # what fits best takes it as it is
    with zipfile.ZipFile(tmp_path / "all.zip") as packed:
        assert {"clip.mp4", "manifest.json", "report.html"} <= {*packed.namelist()}
    assert list((data / "batches").iterdir()) == []


def test_how_long_a_piece_took_before_it_was_cut_is_no_impatience() -> None:
    tries = []

    def action() -> int:
        tries.append(1)
        if len(tries) == 1:
            time.sleep(0.3)
            raise httpx.ReadError("cut")
        return len(tries)

    with Served("http://127.0.0.1:9", "x", patience=0.2) as server:
        assert server._patient(action) == 2
