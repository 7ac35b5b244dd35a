"""The emulator is as strict as the documents: what a platform would refuse, it refuses."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pipeline.errors import UsageError
from pipeline.upload.emulator import backend as backends
from pipeline.upload.emulator.backend import Url
from pipeline.upload.emulator.faults import KINDS, LASTING, Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio import signing
from pipeline.upload.tencent import signing as tencent_signing
from tests import ROOT
from tests.upload import made

DATA = b"a film" * 100
MD5 = base64.b64encode(hashlib.md5(DATA, usedforsecurity=False).digest()).decode()
GOOD = {"Content-Type": "video/mp4", "Content-MD5": MD5}


def _url(running: Emulator, **more: Any) -> str:
    backend = running.backend
    fields = {"target": "file1", "until": backend.now() + 60, "content_type": "video/mp4", "md5": MD5} | more
    return backend.presign(running.url, Url(**fields))


def _put(url: str, data: bytes = DATA, **headers: str) -> httpx.Response:
    return httpx.put(url, content=data, headers=GOOD | headers, trust_env=False)


def test_a_good_put_is_kept(running: Emulator) -> None:
    answer = _put(_url(running))
    assert (answer.status_code, answer.headers["etag"].strip('"')) == (200, hashlib.md5(DATA).hexdigest())  # noqa: S324  an ETag
    assert running.backend.objects["file1"].path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("data", "headers", "more", "said"),
    [
        (DATA + b"x", {}, {}, "BadDigest"),
        (DATA, {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, {}, "InvalidDigest"),
        (DATA, {"Content-Type": "application/octet-stream"}, {}, "SignatureDoesNotMatch"),
        (DATA, {}, {"until": 0.0}, "expired"),
        (DATA, {}, {"single": True, "used": True}, "has been used"),
    ],
)
def test_a_bad_put_is_not(
    running: Emulator, data: bytes, headers: dict[str, str], more: dict[str, Any], said: str
) -> None:
    answer = _put(_url(running, **more), data, **headers)
    assert answer.status_code >= 400
    assert said in answer.text
    assert running.backend.objects == {}


def test_a_single_use_url_dies_with_its_first_good_use(running: Emulator) -> None:
    url = _url(running, single=True)
    assert [_put(url, b"other").status_code, _put(url).status_code, _put(url).status_code] == [400, 200, 403]


def test_a_changed_url_is_refused(running: Emulator) -> None:
    assert _put(_url(running).replace("file1", "file2")).status_code == 403


def _asset(place: Any, **more: Any) -> tuple[int, Any]:
    return made.raw(place, "POST", "/digital-assets", {"asset_name": "name", "asset_type": "PPT"} | more)


def _file(place: Any, asset_id: str, /, **more: Any) -> tuple[int, Any]:
    body: dict[str, Any] = {
        "file_name": "a.pptx",
        "file_md5": MD5,
        "file_size": len(DATA),
        "file_type": "pptx",
        "asset_id": asset_id,
        "asset_file_category": "MAIN",
    }
    return made.raw(place, "POST", "/files", body | more)


def _code(told: tuple[int, Any]) -> str:
    assert told[0] >= 400
    return str(told[1]["error_code"])


@pytest.fixture
def place(running: Emulator) -> Iterator[Any]:
    api = made.api(running)
    yield api
    api.caller.close()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"asset_name": ""}, "MSS.10000003"),
        ({"asset_name": "x" * 257}, "MSS.10000003"),
        ({"asset_name": "a*b"}, "MSS.20010019"),
        ({"asset_type": "VOICE_MODEL"}, "MSS.10000003"),
        ({"tags": ["t"] * 51}, "MSS.10000003"),
        ({"is_need_generate_cover": True}, "MSS.10000003"),
    ],
)
def test_a_bad_asset_is_refused(place: Any, more: dict[str, Any], code: str) -> None:
    assert _code(_asset(place, **more)) == code


def test_a_name_is_taken_once(place: Any) -> None:
    assert _asset(place)[0] == 200
    assert _code(_asset(place)) == "MSS.20010008"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"asset_id": "none"}, "MSS.10001001"),
        ({"file_md5": hashlib.md5(DATA).hexdigest()}, "MSS.10000003"),  # noqa: S324  the wrong form of a digest
        ({"file_size": 0}, "MSS.10000003"),
        ({"file_size": 5368709121}, "MSS.10000003"),
        ({"asset_file_category": "SAMPLE"}, "MSS.10001048"),
    ],
)
def test_a_bad_file_is_refused(place: Any, more: dict[str, Any], code: str) -> None:
    assert _code(_file(place, _asset(place)[1]["asset_id"], **more)) == code


def test_a_second_main_file_is_refused_until_the_first_is_cancelled(place: Any) -> None:
    asset_id = _asset(place)[1]["asset_id"]
    status, first = _file(place, asset_id)
    assert status == 200, "MS-API 4.2.1: 200, not 201"
    assert _code(_file(place, asset_id)) == "MSS.10001008"
    made.raw(place, "POST", f"/files/{first['file_id']}/complete", {"state": "CANCELLED"})
    assert _file(place, asset_id)[1]["file_id"] != first["file_id"]


def test_confirming_what_was_not_put_is_refused(place: Any) -> None:
    file = _file(place, _asset(place)[1]["asset_id"])[1]
    told = made.raw(place, "POST", f"/files/{file['file_id']}/complete", {"state": "CREATED"})
    assert _code(told) == "MSS.10001016"


def test_the_stated_rates_are_enforced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine is, no time passes between the calls.
    monkeypatch.setattr(backends, "time", SimpleNamespace(time=time.time, monotonic=lambda: 0.0))
    with made.emulator(tmp_path, pace=1.0) as running:
        api = made.api(running)
        answers = []
        for _ in range(40):
            url = f"{running.url}/v1/{api.project}/digital-assets"
            answers.append(api.caller.once("GET", url, api._headers("GET", url, b""), b"").status)
        api.caller.close()
        assert answers[:20] == [200] * 20
        assert 429 in answers


def test_a_client_that_keeps_to_the_stated_rates_is_never_told_to_slow_down(tmp_path: Path) -> None:
    with made.emulator(tmp_path, pace=1.0) as running:
        api = made.api(running, PREFLIGHT_METASTUDIO_PACE="1")
        for _ in range(25):
            api.call("list_assets", what="query")
        api.caller.close()
        assert not [call for call in running.backend.calls if "429" in call]


@pytest.mark.parametrize(
    ("query", "body", "said"),
    [
        ({"timestamp": "1"}, {"Header": {}, "Payload": {}}, "timestamp"),
        ({}, {"Payload": {}}, "miss Content Length"),
        ({}, {"Header": {}}, "miss Content Length"),
        ({"appkey": "nobody"}, {"Header": {}, "Payload": {}}, "project not created"),
    ],
)
def test_tencent_calls_are_checked(running: Emulator, query: dict[str, str], body: Any, said: str) -> None:
    account = running.backend.account
    signed = {"appkey": account.appkey, "timestamp": str(int(running.backend.now()))} | query
    given = signed | {"signature": tencent_signing.sign(signed, account.accesstoken)}
    url = f"{running.url}/v2/ivh/assetmanager/customservice/getuploadcredentials"
    told = httpx.post(url, params=given, json=body, trust_env=False).json()
    assert told["Header"]["Code"] != 0
    assert said in told["Header"]["Message"]


def test_faults_can_be_ordered_over_http_and_the_state_be_read(running: Emulator) -> None:
    order = {"path": "/digital-assets", "kind": "500", "times": 1, "rate": 0.0}
    httpx.post(f"{running.url}/_sandbox/faults", json=order, trust_env=False)
    assert httpx.get(f"{running.url}/v1/x/digital-assets", trust_env=False).status_code == 500
    state = httpx.get(f"{running.url}/_sandbox/state", trust_env=False).json()
    assert (state["assets"], state["objects"], state["injected"]) == ([], {}, {"500": 1})
    assert state["calls"][-1] == "GET /v1/x/digital-assets 500 (500)"


@pytest.mark.parametrize("order", ['{"kind": "earthquake"}', '{"rate": "often"}', "7", "{"])
def test_an_order_of_nonsense_is_answered(running: Emulator, order: str) -> None:
    answer = httpx.post(f"{running.url}/_sandbox/faults", content=order, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_kinds_take_turns_and_what_lasts_comes_only_when_named() -> None:
    faults = Faults(rate=1.0)
    for number in range(60):
        faults.pick("PUT /obs/a" if number % 2 else "POST /v1/p/files", put=bool(number % 2))
    assert faults.injected.keys() == KINDS.keys() - LASTING
    named = Faults(rate=1.0, kinds=tuple(KINDS))
    for number in range(60):
        named.pick("PUT /obs/a" if number % 2 else "POST /v1/p/files", put=bool(number % 2))
    assert named.injected.keys() == KINDS.keys()


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [("no-rights", 403, "APIGW.0302"), ("no-quota", 400, "MSS.10001024"), ("clock-skew", 401, "APIGW.0301")],
)
def test_what_the_gateway_says_on_order(running: Emulator, kind: str, status: int, said: str) -> None:
    running.backend.faults.order("/digital-assets", kind)
    account, url = running.backend.account, f"{running.url}/v1/sandboxproject/digital-assets"
    headers = signing.sign("GET", url, {}, b"", account.access, account.secret, time.time())
    answer = httpx.get(url, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["error_code"]) == (status, said)


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault"):
        Faults().order("/", "earthquake")


def test_faults_are_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults(rate=0.5, seed=seed)
        return [faults.pick("PUT /obs", put=True) for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert {kind for kind in drawn(1) if kind} <= set(KINDS)


def test_the_verb_prints_settings_and_stops() -> None:
    words = [sys.executable, "-m", "pipeline", "sandbox", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert httpx.get(f"{told['url']}/_sandbox/state", trust_env=False).json()["assets"] == []
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    assert told["environment"]["PREFLIGHT_METASTUDIO_ENDPOINT"] == told["url"]
    assert told["url"].startswith("http://127.0.0.1:")


def test_the_verb_writes_its_settings_for_the_shell(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.env"
    words = [sys.executable, "-m", "pipeline", "sandbox", "--env", str(file), "-q"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        told = subprocess.run(
            ["/bin/sh", "-c", f". {file}; echo $PREFLIGHT_METASTUDIO_ENDPOINT"],
            capture_output=True,
            text=True,
            check=True,
        )
        process.terminate()
        process.wait(timeout=20)
    assert told.stdout.startswith("http://127.0.0.1:")


def test_the_first_delivery_of_the_readme_works_as_printed(near: Path) -> None:
    """Its three commands, one after the other in a shell; the sandbox that it leaves behind ends as it says."""
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")]
    block, chinese = (
        next(one for one in page.split("```console\n")[1:] if "sandbox" in one.partition("```")[0]) for page in pages
    )
    assert block.partition("```")[0] == chinese.partition("```")[0]
    commands = [line[2:] for line in block.partition("```")[0].splitlines() if line.startswith("$ ")]
    assert len(commands) == 3
    (near / "out").mkdir()
    manifest = made.mixed(near / "out", 2)
    own = near / "bin" / "preflight"
    own.parent.mkdir()
    own.write_text(f'#!/bin/sh\nexec {sys.executable} -m pipeline "$@"\n', encoding="utf-8")
    own.chmod(0o755)
    path = os.environ["PATH"]
    told = subprocess.run(
        ["/bin/sh", "-e", "-c", "\n".join([*commands, "echo $PREFLIGHT_METASTUDIO_ENDPOINT"])],
        cwd=near,
        env=os.environ | {"PATH": f"{own.parent}:{path}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    ends = re.search(r"kill (\d+) ends", told.stdout)
    assert ends, told.stderr
    try:
        assert told.returncode == 0, told.stdout + told.stderr
        url = told.stdout.splitlines()[-1]
        assets = httpx.get(f"{url}/_sandbox/state", trust_env=False).json()["assets"]
        held = {file["file_name"]: file["file_md5"] for asset in assets for file in asset["files"]}
        assert held == made.wanted(manifest)
    finally:
        os.kill(int(ends[1]), signal.SIGTERM)
    for _ in range(400):
        try:
            httpx.get(f"{url}/_sandbox/state", trust_env=False)
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail("the sandbox does not end")


def test_a_detached_sandbox_that_cannot_begin_says_so(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pipeline", "sandbox", "--detach", "--env", str(tmp_path / "none" / "x.env")]
    told = subprocess.run(words, capture_output=True, text=True, timeout=500)
    assert (told.returncode, told.stdout) == (2, "")
    assert "x.env" in told.stderr


@pytest.mark.parametrize(
    ("head", "last"),
    [
        ("GET /_sandbox/state HTTP/1.0\r\n\r\n", b"close"),
        ("GET /_sandbox/state HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"close"),
        (
            "GET /_sandbox/state HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2 + "GET / HTTP/1.0\r\n\r\n",
            b"keep-alive",
        ),
    ],
)
def test_whoever_closes_gets_a_whole_answer(running: Emulator, head: str, last: bytes) -> None:
    """RFC 9112, 9.3: as curl -0 and `Connection: close` ask."""
    port = int(running.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head.encode())
        told = b"".join(iter(lambda: wire.recv(65536), b""))
    first, _, rest = told.partition(b"\r\n\r\n")
    length = int(next(line for line in first.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1])
    assert json.loads(rest[:length])["assets"] == []
    assert b"Connection: " + last in first


@pytest.mark.parametrize("words", [["--fault", "earthquake"], ["--faults", "2"]])
def test_the_verb_refuses_nonsense(words: list[str]) -> None:
    from pipeline.cli.main import parsed

    module, options = parsed(["sandbox", *words])
    with pytest.raises(UsageError, match="--fault"):
        module.run(options)
