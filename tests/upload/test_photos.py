"""A photo that speaks, as the official SDK has it: checked, made into a video, fetched."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main as cli
from pipeline.errors import UsageError
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio import photos, scripts, videos
from pipeline.upload.metastudio.photos import PhotoVideo
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.retry import Waiting
from tests.upload import made

ORDER: dict[str, Any] = {"asset_name": "hello", "authorize_use_human_image": True, "voice_asset_id": "voice1"}
TEXT = ("said.txt", "text", "大家好".encode())
SOUND = ("said.mp3", "audio", b"a recording")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (photos, scripts, videos):
        monkeypatch.setattr(module, "Waiting", lambda seconds: Waiting(seconds, 0.01, 0.01))


def _manifest(near: Path, said: tuple[str, str, bytes] = TEXT, face: bytes = b"a face", count: int = 1) -> Path:
    pictures = [("image", "photo", made.output(near, f"face{n}.png", face + bytes([n]))) for n in range(count)]
    rows = [*pictures, (said[1], said[1], made.output(near, said[0], said[2]))]
    return made.write(near, "metastudio/photo-avatar", [made.asset(kind, role, [one]) for kind, role, one in rows])


def _place(running: Emulator, order: dict[str, Any] | None = None) -> PhotoVideo:
    api = made.api(running)
    return PhotoVideo(api, ORDER if order is None else order, made.AssetLibrary(api, {}))


@pytest.mark.parametrize("said", [TEXT, SOUND], ids=["text", "sound"])
def test_a_photo_says_what_it_is_given(near: Path, running: Emulator, said: tuple[str, str, bytes]) -> None:
    told = made.deliver(_place(running), _manifest(near, said))
    assert made.statuses(told) == {"sent": 2}, told[0]["message"]
    film = Path(told[0]["ids"]["video"])
    assert film.read_bytes() == b"a film of hello"
    bodies = {name: body for name, body, _, _ in running.backend.transcript}
    body = bodies["create_photo_digital_human_video"]
    assert base64.b64decode(body["human_image"]) == b"a face\x00"
    assert body["script_id"] in running.backend.scripts
    shot = body["shoot_scripts"][0]["shoot_script"]
    wanted = {"script_type": "TEXT", "text_config": {"text": "大家好"}} if said is TEXT else {"script_type": "AUDIO"}
    assert shot == wanted
    for name, sent, status, answer in running.backend.transcript:
        assert status == 200, (name, answer)
        assert TABLES.wrong(name, "body", sent) + TABLES.wrong(name, "answer", answer) == [], name
    before = len(running.backend.videos)
    assert made.statuses(made.deliver(_place(running), _manifest(near, said))) == {"skipped": 2}
    assert len(running.backend.videos) == before == 1


def test_a_photo_that_the_platform_does_not_take_costs_no_video(near: Path, running: Emulator) -> None:
    told = made.deliver(_place(running), _manifest(near, face=b"noface"))
    assert "MSS.20010200 no face was found" in told[0]["message"]
    assert running.backend.scripts == running.backend.videos == {}


@pytest.mark.every(5)
@pytest.mark.parametrize(("call", "kind"), made.ways("POST /v1/sandboxproject/photo", "GET /v1/sandboxproject/photo"))
def test_a_photo_through_a_bad_network_is_made_once(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 2)
    told = made.deliver(_place(running), _manifest(near))
    assert made.statuses(told) == {"sent": 2}, told[0]["message"]
    assert len(running.backend.videos) == 1


@pytest.mark.parametrize(
    ("order", "count", "said"),
    [
        (ORDER, 2, "wants one photo and one text"),
        (ORDER, 0, "wants one photo and one text"),
        ({key: value for key, value in ORDER.items() if key != "voice_asset_id"}, 1, "wants voice_asset_id"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_is_sent(
    near: Path, running: Emulator, order: dict[str, Any], count: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        made.deliver(_place(running, order), _manifest(near, count=count))
    assert running.backend.calls == []


def test_the_verb_makes_it_and_says_how_it_stands(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    order = near / "order.toml"
    text = '[photo]\nasset_name = "hello"\nauthorize_use_human_image = true\nvoice_asset_id = "voice1"\n'
    order.write_text(text, encoding="utf-8")
    words = ["upload", str(_manifest(near)), "--to", "metastudio", "--order", str(order)]
    assert cli.main([*words, "--dry-run"]) == 0
    assert "photo-detection" in capsys.readouterr().out
    assert running.backend.calls == []
    assert cli.main([*words, "-q"]) == 0
    capsys.readouterr()
    assert cli.main(["status", str(near / "upload.json"), "--json"]) == 0
    assert '"state":"SUCCEED"' in capsys.readouterr().out
