"""The API for programs: as it describes itself, for whom it answers, and the examples of its document."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from pipeline.serve.http_api import CALLS
from pipeline.serve.messages import API
from pipeline.serve.people import add
from pipeline.serve.sessions import Room, kept_room
from samples import build
from tests import ROOT
from tests.serve.test_team import NAME, serving

OUT = ROOT / "samples" / "out"
DOCUMENT = ROOT / "docs" / "http-api.md"
PRESET = "metastudio/video-production"
BODY = json.dumps({"preset": PRESET, "verb": "prepare"}).encode()


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def events(client: httpx.Client, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The data of every event of a stream that ends (HTML, 9.2.6)."""
    with client.stream("GET", path, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert all(block.startswith("event: state\ndata: ") for block in blocks)
    return [json.loads(block.partition("data: ")[2]) for block in blocks]


def test_a_round_as_it_describes_itself(tmp_path: Path, tokens: Path) -> None:
    me = bearer(add(tokens, "anna"))
    source = build(["texts/fast.ssml"], OUT)["texts/fast.ssml"].read_bytes()
    with serving(Room(tmp_path, 100_000), tokens) as client:
        told = client.get(f"{API}/openapi.json", headers=me).json()
        seen = set()

        def asked(method: str, path: str, **more: Any) -> httpx.Response:
            address = API + re.sub(r"\{(\w+)\}", lambda m: held[m[1]], path)
            answer = client.request(method, address, **({"headers": me} | more))
            call = told["paths"][API + path][method.lower()]
            assert str(answer.status_code) in call["responses"], answer.text
            content = call["responses"][str(answer.status_code)].get("content", {})
            kind = answer.headers.get("content-type", "").partition(";")[0]
            assert kind in content or not (content or answer.content)
            schema = content.get("application/json", {}).get("schema")
            if schema:
                jsonschema.Draft202012Validator(schema | {"components": told["components"]}).validate(answer.json())
            seen.add((method, path))
            return answer

        held: dict[str, str] = {"number": "1"}
        held["id"] = asked("POST", "/batches").json()["id"]
        for _ in range(3):
            asked("PUT", "/batches/{id}/files", params={"name": "a.ssml"}, content=source)
        asked("DELETE", "/batches/{id}/files/{number}")
        whole = held["id"]
        held["id"] = asked("POST", "/batches/{id}/split", content=b'{"files": [3]}').json()["id"]
        split = asked("GET", "/batches/{id}").json()
        assert [(one["name"], one["size"]) for one in split["files"]] == [("a.ssml", len(source))]
        asked("DELETE", "/batches/{id}")
        held["id"] = whole
        tus = me | {"tus-resumable": "1.0.0"}
        begun = asked("POST", "/batches/{id}/uploads", headers=tus | {"upload-length": "3"})
        held["number"] = str(begun.json()["number"])
        asked("HEAD", "/batches/{id}/uploads/{number}", headers=tus)
        body = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
        asked("PATCH", "/batches/{id}/uploads/{number}", headers=tus | body, content=b"ab")
        asked("DELETE", "/batches/{id}/uploads/{number}", headers=tus)
        asked("POST", "/batches/{id}/run", content=BODY)
        heard = events(client, f"{API}/batches/{held['id']}/events", me)
        seen.add(("GET", "/batches/{id}/events"))
        state = asked("GET", "/batches/{id}").json()
        assert heard[-1] == state
        assert (state["state"], [one["status"] for one in state["files"]]) == ("done", ["fixed"])
        assert asked("GET", "/batches").json()[0]["id"] == held["id"]
        manifest = asked("GET", "/batches/{id}/result").json()
        assert manifest["summary"]["fixed"] == 1
        assert "a.ssml" in asked("GET", "/batches/{id}/report.html").text
        held["number"] = "0"
        assert (
            len(asked("GET", "/batches/{id}/outputs/{number}").content) == manifest["assets"][0]["outputs"][0]["size"]
        )
        asked("GET", "/batches/{id}/all.zip")
        assert PRESET in [one["id"] for one in asked("GET", "/presets").json()]
        figures = asked("GET", "/metrics").text
        assert 'preflight_batches{state="done"} 1' in figures
        assert all(re.fullmatch(r'# TYPE \w+ gauge|\w+(\{\w+="\w+"\})? \d+', line) for line in figures.splitlines())
        asked("GET", "/openapi.json")
        assert asked("GET", "/batches/{id}/orders").json() == []  # this server sends nothing
        assert client.get(f"{API}/batches/{held['id']}/fetched/0", headers=me).status_code == 404
        seen.add(("GET", "/batches/{id}/fetched/{number}"))
        for path in ("/batches/{id}/send/plan", "/batches/{id}/send"):
            refused = client.post(
                f"{API}{path.replace('{id}', held['id'])}", headers=me, content=b'{"to": "metastudio"}'
            )
            assert refused.status_code == 404
            seen.add(("POST", path))
        asked("POST", "/batches/{id}/stop")
        asked("DELETE", "/batches/{id}")
        assert client.get(f"{API}/batches/{held['id']}", headers=me).status_code == 404
        assert seen == {(call.method, call.path) for call in CALLS}


def fit(client: httpx.Client, batch: str, headers: dict[str, str]) -> list[list[tuple[str, str]]]:
    """Of each file, the scenarios and roles that are told to take it."""
    assert client.post(f"{API}/batches/{batch}/run", headers=headers, content=b'{"verb": "fit"}').status_code == 202
    state = events(client, f"{API}/batches/{batch}/events", headers)[-1]
    assert (state["state"], state["summary"]) == ("collecting", None)
    return [[(one["preset"], one["role"]) for one in file["fits"]] for file in state["files"]]


@pytest.mark.slow
def test_what_fits_is_told_and_each_file_goes_its_own_way(tmp_path: Path, tokens: Path) -> None:
    """What `fit` says of the same files is the witness; over a restart it is still known."""
    me, eve = bearer(add(tokens, "anna")), bearer(add(tokens, "eve"))
    sources = [*build(["texts/fast.ssml", "images/over-4k.png"], OUT).values()]
    words = [sys.executable, "-m", "pipeline", "fit", *map(str, sources), "--json"]
    said = json.loads(subprocess.run(words, capture_output=True, check=False).stdout)["assets"]
    wanted = [[(one["preset"], one["role"]) for one in asset["fits"][:5]] for asset in said]
    with kept_room(tmp_path / "data", 10**7, 10**8, 3600) as room, serving(room, tokens) as client:
        batch = client.post(f"{API}/batches", headers=me).json()["id"]
        for path in sources:
            name = {"name": path.name}
            client.put(f"{API}/batches/{batch}/files", headers=me, params=name, content=path.read_bytes())
        assert fit(client, batch, me) == wanted
        for body, status in (
            (b'{"files": []}', 409),
            (b'{"files": [1, 9]}', 409),
            (b'{"files": ["1"]}', 400),
            (b'{"files": [1], "x": ', 400),
        ):
            answer = client.post(f"{API}/batches/{batch}/split", headers=me, content=body)
            assert (answer.status_code, len(client.get(f"{API}/batches", headers=me).json())) == (status, 1)
        assert client.post(f"{API}/batches/{batch}/split", headers=eve, content=b'{"files": [1]}').status_code == 404
        made = client.post(f"{API}/batches/{batch}/split", headers=me, content=b'{"files": [2]}').json()["id"]
    with kept_room(tmp_path / "data", 10**7, 10**8, 3600) as room, serving(room, tokens) as client:
        states = [client.get(f"{API}/batches/{one}", headers=me).json() for one in (batch, made)]
        names = [[file["name"] for file in state["files"]] for state in states]
        assert names == [[path.name] for path in sources]
        assert [[(o["preset"], o["role"]) for o in state["files"][0]["fits"]] for state in states] == wanted
        for one, fits in zip((batch, made), wanted, strict=True):
            asked = json.dumps({"verb": "check", "preset": fits[0][0], "role": fits[0][1]}).encode()
            assert client.post(f"{API}/batches/{one}/run", headers=me, content=asked).status_code == 202
            assert events(client, f"{API}/batches/{one}/events", me)[-1]["state"] == "done"
            assert client.post(f"{API}/batches/{one}/run", headers=me, content=b'{"verb": "fit"}').status_code == 409
            held = client.get(f"{API}/batches/{one}/result", headers=me)
            assert held.json()["preset"]["id"] == fits[0][0]
            assert client.post(f"{API}/batches/{one}/split", headers=me, content=b'{"files": [1]}').status_code == 409


def test_every_reference_of_the_description_leads_somewhere(tmp_path: Path, tokens: Path) -> None:
    me = bearer(add(tokens, "anna"))
    with serving(Room(tmp_path, 1000), tokens) as client:
        text = client.get(f"{API}/openapi.json", headers=me).text
    told = json.loads(text)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= told["components"]["schemas"].keys()
    calls = [call for path in told["paths"].values() for call in path.values()]
    assert len({call["operationId"] for call in calls}) == len(calls) == len(CALLS)
    for path, methods in told["paths"].items():
        for call in methods.values():
            given = {one["name"] for one in call["parameters"] if one["in"] == "path"}
            assert given == set(re.findall(r"\{(\w+)\}", path))


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer x"}, {"authorization": "Bearer"}, {"authorization": "Basic {token}"}]
)
def test_without_a_token_there_is_nothing(tmp_path: Path, tokens: Path, headers: dict[str, str]) -> None:
    token = add(tokens, "anna")
    sent = {key: value.format(token=token) for key, value in headers.items()}
    with serving(Room(tmp_path, 1000), tokens) as client:
        for call in CALLS:
            path = API + call.path.replace("{id}", "x").replace("{number}", "1")
            answer = client.request(call.method, path, headers=sent)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        # Nor is a token in the address one for here, nor another name of the host.
        assert client.get(f"/{token}{API}/batches").status_code == 404
        assert client.get(f"{API}/batches", headers=bearer(token) | {"host": "evil.example"}).status_code == 421


def test_another_persons_batch_is_not_there(tmp_path: Path, tokens: Path) -> None:
    anna, eve = bearer(add(tokens, "anna")), bearer(add(tokens, "eve"))
    with serving(Room(tmp_path, 1000), tokens) as client:
        batch = client.post(f"{API}/batches", headers=anna).json()["id"]
        for call in (one for one in CALLS if "{id}" in one.path):
            path = API + call.path.replace("{id}", batch).replace("{number}", "1")
            assert client.request(call.method, path, headers=eve, content=BODY).status_code == 404
        assert client.get(f"{API}/batches/{batch}", headers=anna).status_code == 200


def test_the_document_has_every_call() -> None:
    rows = re.findall(r"^\| `(\w+) (/[^`?]+)", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert {*rows} == {(one.method, one.path) for one in CALLS if one.path != "/openapi.json"}


@pytest.mark.slow
def test_the_examples_run_as_they_stand(tmp_path: Path, tokens: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    token = add(tokens, "anna")
    (text,) = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(build(["video/60fps.mp4"], OUT)["video/60fps.mp4"], work / "clip.mp4")
    with serving(Room(tmp_path, 10_000_000), tokens) as client:
        env = {"PATH": os.environ["PATH"], "PREFLIGHT": str(client.base_url).rstrip("/"), "TOKEN": token}
        text = text.replace("ask() { curl ", f"ask() {{ curl -H 'Host: {NAME}' ")  # the name that a real one has itself
        done = subprocess.run(
            ["/bin/sh", "-euc", text], cwd=work, env=env, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((work / "manifest.json").read_text())["summary"]["fixed"] == 1
    assert (work / "all.zip").read_bytes().startswith(b"PK")
    assert (work / "first-output").stat().st_size > 1000
    assert '"state":"done"' in done.stdout
    assert "preflight_stored_bytes 0" in done.stdout
