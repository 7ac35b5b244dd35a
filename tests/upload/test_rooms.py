"""A live room and what it shows, from one manifest: made once, updated when it changes, its material named by files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main as cli
from pipeline.errors import UsageError
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.metastudio.rooms import Rooms
from tests.upload import made

LAYER = {"layer_type": "IMAGE", "asset_id": "logo.png", "position": {"dx": 0, "dy": 0, "layer_index": 2}}
ORDER: dict[str, Any] = {
    "room_name": "autumn sale",
    "model_asset_id": "model1",
    "voice_asset_id": "voice1",
    "background": "shop.png",
    "layers": [LAYER],
    "replies": {"price.txt": "price|cost"},
    "scenes": {"b.mp3": 0},
}
FILES = [
    ("a.txt", "text", "text", "大家好，我是云笙".encode()),
    ("b.mp3", "audio-drive", "audio", b"a jingle"),
    ("price.txt", "reply", "text", b"It costs ten."),
    ("shop.png", "image", "image", b"a shop"),
    ("logo.png", "image", "image", b"a logo"),
]


def _manifest(near: Path, more: list[tuple[str, str, str, bytes]] | None = None) -> Path:
    assets = [made.asset(kind, role, [made.output(near, name, data)]) for name, role, kind, data in more or FILES]
    return made.write(near, "metastudio/livestream", assets)


def _place(running: Emulator, order: dict[str, Any] | None = None) -> Rooms:
    api = made.api(running)
    running.backend.assets |= {
        name: {"asset_id": name, "asset_name": name, "asset_state": "ACTIVED", "tags": [], "files": []}
        for name in ("model1", "voice1")
    }
    return Rooms(api, order or ORDER, made.AssetLibrary(api, {}))


def test_a_room_says_and_shows_what_the_manifest_holds(near: Path, running: Emulator) -> None:
    told = made.deliver(_place(running), _manifest(near))
    assert made.statuses(told) == {"sent": 5}
    assets = told[0]["ids"]["assets"]
    assert assets.keys() == {"b.mp3", "shop.png", "logo.png"}
    (room,) = running.backend.rooms.values()
    (script,) = room["scene_scripts"]
    assert script["shoot_scripts"] == [
        {"sequence_no": 0, "audio_config": {"asset_id": assets["b.mp3"]}},
        {"sequence_no": 1, "text_config": {"text": "大家好，我是云笙"}},
    ]
    assert script["background_config"] == [{"background_type": "IMAGE", "background_asset_id": assets["shop.png"]}]
    assert [layer["asset_id"] for layer in script["layer_config"]] == [assets["logo.png"]]
    assert room["interaction_rules"][0]["trigger"]["reply_texts"] == ["It costs ten."]
    for name, body, status, answer in running.backend.transcript:
        assert status == 200, (name, answer)
        assert TABLES.wrong(name, "body", body) + TABLES.wrong(name, "answer", answer) == [], name
    before = len(running.backend.calls)
    assert made.statuses(made.deliver(_place(running), _manifest(near))) == {"skipped": 5}
    assert not [call for call in running.backend.calls[before:] if call.startswith(("POST", "PUT"))]


def test_a_room_whose_order_changed_is_updated_and_not_doubled(near: Path, running: Emulator) -> None:
    made.deliver(_place(running), _manifest(near))
    told = made.deliver(_place(running, ORDER | {"room_description": "now in red"}), _manifest(near))
    assert made.statuses(told) == {"sent": 5}
    (room,) = running.backend.rooms.values()
    assert room["room_description"] == "now in red"


def test_a_room_of_that_name_that_others_made_is_left_alone(near: Path, running: Emulator) -> None:
    theirs = {"room_id": "room1", "room_name": "autumn sale", "priv_data": "theirs", "scene_scripts": []}
    running.backend.rooms["room1"] = dict(theirs)
    assert made.statuses(made.deliver(_place(running), _manifest(near))) == {"sent": 5}
    assert running.backend.rooms["room1"] == theirs
    assert len(running.backend.rooms) == 2


@pytest.mark.every(5)
@pytest.mark.parametrize(
    ("call", "kind"), made.ways("POST /v1/sandboxproject/smart-live-rooms", "GET /v1/sandboxproject/smart")
)
def test_a_room_through_a_bad_network_is_made_once(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 2)
    told = made.deliver(_place(running), _manifest(near))
    assert made.statuses(told) == {"sent": 5}, told[0]["message"]
    assert len(running.backend.rooms) == 1


def test_a_room_that_is_killed_anywhere_is_made_once(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"room_name": "autumn sale", "background": "shop.png"}
    rows = made.until_done(lambda: _place(running, order), _small(near), monkeypatch)
    assert rows > 3
    assert len(running.backend.rooms) == 1
    assert len([one for one in running.backend.assets if one.startswith("asset")]) == 1


def _small(near: Path) -> Path:
    return _manifest(near, [FILES[0], FILES[3]])


def test_a_room_that_the_platform_blocks_is_told(near: Path, running: Emulator) -> None:
    told = made.deliver(_place(running, ORDER | {"room_name": "blockme"}), _manifest(near))
    assert made.statuses(told) == {"failed": 5}
    assert "the platform says DISABLE" in told[0]["message"]


@pytest.mark.parametrize(
    ("order", "files", "said"),
    [
        ({}, FILES[2:], "wants something to say"),
        ({"replies": {}}, FILES, r"price\.txt: no rule answers with it"),
        ({"replies": {"a.txt": "x"}}, FILES, r"names a\.txt, which is no reply"),
        ({"scenes": {"none.mp3": 1}}, FILES, r"names none\.mp3, which is no scene"),
        ({}, [*FILES, ("c.mp3", "audio-url", "audio", b"x")], "audio-url has no place"),
        ({}, [*FILES, ("c.srt", "subtitle", "subtitle", b"x")], "subtitle has no place"),
    ],
)
def test_what_a_room_cannot_be_made_of_is_said_before_anything_is_sent(
    near: Path, running: Emulator, order: dict[str, Any], files: Any, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        made.deliver(_place(running, ORDER | order), _manifest(near, files))
    assert running.backend.calls == []


def test_the_verb_makes_a_room_and_says_how_it_stands(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    order = near / "order.toml"
    order.write_text('[room]\nroom_name = "autumn"\n[room.replies]\n"price.txt" = "price"\n', encoding="utf-8")
    words = ["upload", str(_manifest(near)), "--to", "metastudio", "--order", str(order)]
    assert cli.main([*words, "--dry-run"]) == 0
    assert "smart-live-rooms" in capsys.readouterr().out
    assert running.backend.calls == []
    assert cli.main([*words, "-q"]) == 0
    capsys.readouterr()
    assert cli.main(["status", str(near / "upload.json"), "--json"]) == 0
    assert '"state":"ENABLE"' in capsys.readouterr().out
