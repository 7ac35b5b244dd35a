"""Addresses of a real object store and of a web server, both on loopback, through the command line as users have it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

pytest.importorskip("s3fs", reason="the extra [remote] is not installed")
Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


def run(env: dict[str, str], *words: str | Path) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "pipeline", *map(str, words), "-p", PICTURES, "--json", "-j", "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **env}, timeout=120
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.fixture
def store(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An S3-compatible object store with the bucket "media"; what a client of it finds in its environment."""
    moto = pytest.importorskip("moto.server", exc_type=ImportError)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "FSSPEC_S3_ENDPOINT_URL": f"http://{host}:{port}",
        "FSSPEC_S3_KEY": "key",
        "FSSPEC_S3_SECRET": "CANARY-SECRET-91c2",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "*",
    }
    server.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of libraries that only this test uses
def test_s3_to_s3(store: dict[str, str], sample: Sample, tmp_path: Path) -> None:
    import fsspec

    made = fsspec.filesystem(
        "s3",
        key="key",
        secret=store["FSSPEC_S3_SECRET"],
        client_kwargs={"endpoint_url": store["FSSPEC_S3_ENDPOINT_URL"]},
    )
    made.mkdir("media")
    made.put_file(str(sample("images/good.jpeg")), "media/in/名字 一.jpeg")
    made.put_file(str(sample("images/scan.tiff")), "media/in/sub/scan.tiff")
    words = ("prepare", "s3://media/in", "-o", "s3://media/out")
    code, told, _ = run(store, *words)
    assert code == 0
    assert {a["source"]: a["status"] for a in told["assets"]} == {
        "s3://media/in/sub/scan.tiff": "fixed",
        "s3://media/in/名字 一.jpeg": "ready",
    }
    made.invalidate_cache()
    outputs = {f"media/out/{o['path']}": o["size"] for a in told["assets"] for o in a["outputs"]}
    there = {name: info["size"] for name, info in made.find("media/out", detail=True).items()}
    assert outputs.items() <= there.items()
    assert there.keys() - outputs.keys() == {"media/out/manifest.json", "media/out/.preflight-journal.sqlite"}
    assert json.loads(made.cat("media/out/manifest.json"))["assets"] == told["assets"]
    assert not any(b"CANARY-SECRET" in made.cat(name) for name in there)

    before = {name: info["LastModified"] for name, info in made.find("media/out", detail=True).items()}
    assert run(store, *words)[1]["assets"] == told["assets"]
    made.invalidate_cache()
    after = {name: info["LastModified"] for name, info in made.find("media/out", detail=True).items()}
    assert {name: after[name] for name in outputs} == {name: before[name] for name in outputs}, "not made again"


@pytest.fixture
def web(sample: Sample, tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "web"
    folder.mkdir()
    shutil.copyfile(sample("images/good.jpeg"), folder / "good one.jpeg")
    (folder / "index.html").write_text("<a href='good%20one.jpeg'>x</a>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name for it
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_web_address_is_read_and_its_signature_told_to_nobody(web: str) -> None:
    code, told, said = run({"NO_PROXY": "*"}, "check", f"{web}/good%20one.jpeg?X-Signature=CANARY-SECRET")
    assert code == 0, told
    (asset,) = told["assets"]
    assert asset["source"] == f"{web}/good%20one.jpeg"
    assert asset["facts"]["name"] == "good one.jpeg"
    assert "CANARY-SECRET" not in json.dumps(told) + said


def test_a_page_is_one_file_and_its_links_are_not_followed(web: str) -> None:
    code, told, _ = run({"NO_PROXY": "*"}, "check", f"{web}/")
    assert [a["source"] for a in told["assets"]] == [f"{web}/"]
    assert code == 1


def test_what_is_not_there_is_told_without_its_signature(web: str) -> None:
    code, told, said = run({"NO_PROXY": "*"}, "check", f"{web}/gone.jpeg?X-Signature=CANARY-SECRET")
    assert code == 2
    assert f"{web}/gone.jpeg" in said
    assert "CANARY-SECRET" not in json.dumps(told) + said
