"""Batches that are sent on: to whom it is allowed, what of, with whose keys, and what is at the far end then."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.types import ASGIApp

from pipeline.cli.main import main
from pipeline.serve import sending
from pipeline.serve.app import application
from pipeline.serve.door import Door
from pipeline.serve.messages import API
from pipeline.serve.people import Team, add
from pipeline.serve.sending import Sender
from pipeline.serve.sessions import Room, kept_room
from pipeline.upload import destinations
from pipeline.upload import order as orders
from pipeline.upload.emulator.faults import Faults
from pipeline.upload.emulator.server import Emulator
from tests import ROOT
from tests.browser import browser, needs_browser, press, until, violations
from tests.serve.answering import answering, asking
from tests.serve.test_http_api import bearer, events
from tests.serve.test_team import NAME

LIBRARY = "metastudio/asset-library"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def far(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The platform, with its keys in the environment of the server."""
    for name, value in (running.settings() | {"PREFLIGHT_METASTUDIO_PACE": "500"}).items():
        monkeypatch.setenv(name, value)
    return running


@contextmanager
def sending_to(places: tuple[str, ...], room: Room, tokens: Path, *, browsed: bool = False) -> Iterator[httpx.Client]:
    """A team's server that may send there; `browsed`: by its address."""

    def name(port: int) -> str:
        return f"127.0.0.1:{port}" if browsed else NAME

    def made(port: int) -> ASGIApp:
        return application(room, Door(Team(tokens), frozenset({name(port)}), team=True), 1, "en", sender)

    with Sender(places, room, team=True) as sender, answering(made) as port, asking(port, name(port)) as client:
        yield client


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    Image.new("RGB", (640, 480), (9, 99, 9)).save(tmp_path / "a.png")
    return (tmp_path / "a.png").read_bytes()


def prepared(client: httpx.Client, me: dict[str, str], files: dict[str, bytes], preset: str = LIBRARY) -> str:
    batch = f"{API}/batches/{client.post(f'{API}/batches', headers=me).json()['id']}"
    for name, content in files.items():
        client.put(f"{batch}/files", params={"name": name}, headers=me, content=content)
    asked = json.dumps({"preset": preset, "verb": "prepare"})
    assert client.post(f"{batch}/run", headers=me, content=asked).status_code == 202
    assert events(client, f"{batch}/events", me)[-1]["state"] == "done"
    return batch


def sent(client: httpx.Client, batch: str, me: dict[str, str], order: str = "", to: str = "metastudio") -> Any:
    answer = client.post(f"{batch}/send", headers=me, content=json.dumps({"to": to, "order": order}))
    assert answer.status_code == 202, answer.text
    assert answer.json()["sent"]["state"] == "sending"
    return events(client, f"{batch}/events", me)[-1]["sent"]


def stored(far: Emulator) -> list[bytes]:
    return [one.path.read_bytes() for one in far.backend.objects.values()]


def test_what_is_ready_goes_and_goes_once(
    tmp_path: Path, tokens: Path, far: Emulator, picture: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    me = bearer(add(tokens, "anna"))
    with kept_room(tmp_path / "data", 10**6, 10**7, 3600) as room, sending_to(("metastudio",), room, tokens) as client:
        batch = prepared(client, me, {"a.png": picture, "b.txt": b"\x00"})
        (form,) = client.get(f"{batch}/orders", headers=me).json()
        assert (form["to"], [one["name"] for one in form["tables"]]) == ("metastudio", ["asset"])
        asked = {"to": "metastudio", "order": '[asset]\ntags = ["one"]\n'}
        plan = client.post(f"{batch}/send/plan", headers=me, content=json.dumps(asked)).json()
        assert [one["sources"] for one in plan["units"]] == [["in/0001/a.png"]]
        assert [one["source"] for one in plan["refused"]] == ["in/0002/b.txt"]
        assert stored(far) == []  # nothing went out
        told = sent(client, batch, me, asked["order"])
        assert [(one["source"], one["status"]) for one in told["entries"]] == [
            ("in/0002/b.txt", "refused"),
            ("in/0001/a.png", "sent"),
        ]
        assert (told["state"], told["bytes"], told["total"]) == ("failed", len(picture), len(picture))
        assert stored(far) == [picture]
    with kept_room(tmp_path / "data", 10**6, 10**7, 3600) as room, sending_to(("metastudio",), room, tokens) as client:
        assert client.get(batch, headers=me).json()["sent"] == told
        again = sent(client, batch, me, asked["order"])
        assert [one["status"] for one in again["entries"]] == ["refused", "skipped"]
        assert stored(far) == [picture]
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(one["person"], one["to"], one["state"]) for one in said if one["verb"] == "send"] == [
        ("anna", "metastudio", state) for state in ("sending", "failed", "sending", "failed")
    ]
    secrets = [value for name, value in far.settings().items() if name.endswith(("_SK", "_ACCESSTOKEN"))]
    assert not any(secret in json.dumps([plan, told, said]) for secret in secrets)


def test_nothing_else_is_done_with_a_batch_on_its_way_and_what_was_stopped_goes_on(
    tmp_path: Path, tokens: Path, far: Emulator, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = bearer(add(tokens, "anna"))
    monkeypatch.setattr(sending, "_TRANSFERS", 1)
    far.backend.faults = Faults(slow=1.5)
    far.backend.faults.order("PUT", "slow")
    room = Room(tmp_path / "room", 10**6)
    room.folder.mkdir()
    with sending_to(("metastudio",), room, tokens) as client:
        batch = prepared(client, me, {"a.png": picture, "b.png": picture[:-12] + picture[-12:]})
        body = json.dumps({"to": "metastudio"})
        assert client.post(f"{batch}/send", headers=me, content=body).status_code == 202
        assert client.post(f"{batch}/send", headers=me, content=body).status_code == 409
        again = json.dumps({"preset": LIBRARY, "verb": "prepare"})
        assert client.post(f"{batch}/run", headers=me, content=again).status_code == 409
        room.keep = 0.0
        room.sweep()  # nobody looks at it, but it is at work
        room.keep = None
        until(lambda: far.backend.faults.injected.get("slow") == 1)
        assert client.post(f"{batch}/stop", headers=me).status_code == 204
        told = events(client, f"{batch}/events", me)[-1]["sent"]
        assert told["state"] == "stopped"
        assert {one["status"] for one in told["entries"]} >= {"failed"}
        assert sent(client, batch, me)["state"] == "done"
        assert len(stored(far)) == 2
        assert max(far.backend.stored.values()) == 1  # nothing was stored twice
        client.delete(batch, headers=me)
        assert client.post(f"{batch}/send", headers=me, content=body).status_code == 404


def test_what_was_on_its_way_when_the_server_was_ended_is_told(tmp_path: Path, tokens: Path) -> None:
    with kept_room(tmp_path / "data", 10**6, 10**7, 3600) as room:
        batch = room.open("anna")
        batch.sent = sending.SendState(to="metastudio", state="sending", bytes=5, total=9, entries=(), error=None)
        assert batch.busy
        room.note(batch)
    with kept_room(tmp_path / "data", 10**6, 10**7, 3600) as room:
        (held,) = room.batches.values()
        assert held.sent is not None
        assert (held.sent.state, held.sent.bytes, held.busy) == ("stopped", 5, False)


NOT_OURS = ("/etc/passwd", "../../tokens", "in/0001/a.png", "out/a.png", "", "A.png", "a.png/", "hers.png")


def test_an_order_names_files_of_its_own_batch_alone(
    tmp_path: Path, tokens: Path, far: Emulator, picture: bytes
) -> None:
    me, eve = bearer(add(tokens, "anna")), bearer(add(tokens, "eve"))
    room = Room(tmp_path / "room", 10**6)
    room.folder.mkdir()
    with sending_to(("metastudio",), room, tokens) as client:
        other = prepared(client, eve, {"hers.png": picture})
        batch = prepared(client, me, {"a.png": picture, "cover.png": picture})
        hers = [str(file.path) for one in room.of("eve") for file in one.files]
        for path in (*NOT_OURS, *hers, str(tokens)):
            body = json.dumps({"to": "metastudio", "order": f'[asset]\ncovers = {{ "a.png" = "{path}" }}\n'})
            for call in ("send/plan", "send"):
                answer = client.post(f"{batch}/{call}", headers=me, content=body)
                assert answer.status_code == 400
                assert str(room.folder) not in answer.text or path in hers
        assert far.backend.calls == []
        covers = 'covers = { "a.png" = "cover.png" }\n'
        told = sent(client, batch, me, f"[asset]\n{covers}")  # found, and not taken: where it lies is not told
        assert [one["status"] for one in told["entries"] if one["source"] == "in/0001/a.png"] == ["failed"]
        assert "cover.png: cannot be uploaded" in str(told)
        assert str(room.folder) not in str(told)
        told = sent(client, batch, me, f'[asset]\nasset_type = "MATERIAL"\n{covers}')
        assert told["state"] == "done", str(told)
        assert len(stored(far)) == 3  # the two, and one of them as the cover of the other
        assert client.get(other, headers=eve).json()["sent"] is None


def test_every_field_that_opens_a_file_is_asked_for_its_file() -> None:
    """The letter of a voice, subtitles of scenes, covers: each is read by the machine that sends (`named`)."""
    order = {
        "asset": {"covers": {"a.mp4": "1"}, "replaces": {"a.mp4": "x"}, "description": "x"},
        "script": {"subtitles": {"0": "2", "7": "3"}, "scenes": {"a.mp3": 1}},
        "voice": {"letter": "4", "voice_name": "x"},
    }
    asked: list[str] = []

    def find(name: str) -> str:
        asked.append(name)
        return f"/batch/{name}"

    told = orders.located(order, destinations.order_tables(), find)
    assert asked == ["1", "2", "3", "4"]
    assert told["asset"] == order["asset"] | {"covers": {"a.mp4": "/batch/1"}}
    assert told["script"]["subtitles"] == {"0": "/batch/2", "7": "/batch/3"}
    assert told["voice"] == {"letter": "/batch/4", "voice_name": "x"}
    source = "".join(path.read_text("utf-8") for path in (ROOT / "pipeline" / "upload").rglob("*.py"))
    assert len(re.findall(r"(?<!def )\bnamed\(", source)) == 6, (
        "another reader of files that orders name: mark its field"
    )


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("[voice]\nvoice_name = 'a'\n", "voice"),  # of another scenario
        ("[nothing]\n", "nothing"),
        ("[asset]\nasset_order = -1\n", "asset_order"),
        ("[asset]\nasset_order = 1\nasset_order = 2\n", "order"),
        ("a.b" + ".c" * 500 + " = 1", "order"),
        ("\udcff", "order"),
        ("[asset]\nreplaces = { 'x.png' = 'id' }\n", "x.png"),
    ],
)
def test_an_order_that_cannot_be_is_told(
    tmp_path: Path, tokens: Path, far: Emulator, picture: bytes, order: str, said: str
) -> None:
    me = bearer(add(tokens, "anna"))
    room = Room(tmp_path / "room", 10**6)
    room.folder.mkdir()
    with sending_to(("metastudio",), room, tokens) as client:
        batch = prepared(client, me, {"a.png": picture})
        body = json.dumps({"to": "metastudio", "order": order})
        answer = client.post(f"{batch}/send/plan", headers=me, content=body)
        assert answer.status_code == 400, answer.text
        assert all(said in one for one in answer.json()["error"].values()) or said == "order"
        for wrong in (b"{}", b'{"to": 7}', b'{"to": "metastudio", "force": true}', b"[", b"x" * 70_000):
            assert client.post(f"{batch}/send", headers=me, content=wrong).status_code in {400, 413}
        assert far.backend.calls == []


def test_only_where_the_server_may_and_only_what_was_prepared_for_it(
    tmp_path: Path, tokens: Path, far: Emulator, picture: bytes
) -> None:
    me, eve = bearer(add(tokens, "anna")), bearer(add(tokens, "eve"))
    room = Room(tmp_path / "room", 10**6)
    room.folder.mkdir()
    asked = {to: json.dumps({"to": to}) for to in ("metastudio", "tencent", "file:///tmp", "", "memory://x")}
    with sending_to((), room, tokens) as client:
        batch = prepared(client, me, {"a.png": picture})
        assert client.get(f"{batch}/orders", headers=me).json() == []
        for body in asked.values():
            assert client.post(f"{batch}/send", headers=me, content=body).status_code == 404
    with sending_to(("metastudio", "tencent"), room, tokens) as client:
        assert [one["to"] for one in client.get(f"{batch}/orders", headers=me).json()] == ["metastudio"]
        for to, body in asked.items():
            wanted = 200 if to == "metastudio" else 404
            assert client.post(f"{batch}/send/plan", headers=me, content=body).status_code == wanted
            assert client.post(f"{batch}/send", headers=eve, content=body).status_code == 404
        token = add(tokens, "ben")
        path = batch.replace(API, f"/{token}")
        assert client.post(f"{path}/send", content=asked["metastudio"]).status_code == 403  # of another site's page
        check = json.dumps({"preset": LIBRARY, "verb": "check"})
        assert client.post(f"{batch}/run", headers=me, content=check).status_code == 202
        events(client, f"{batch}/events", me)
        assert client.get(f"{batch}/orders", headers=me).json() == []  # nothing was made
    assert far.backend.calls == []


def test_without_keys_the_server_says_so_at_its_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, wanted in (("metastudio", "PREFLIGHT_METASTUDIO_PROJECT"), ("nowhere", "nowhere")):
        monkeypatch.delenv("PREFLIGHT_METASTUDIO_PROJECT", raising=False)
        assert main(["serve", "--port", "0", "--send", place]) == 2
        assert wanted in capsys.readouterr().err


@pytest.mark.slow
@needs_browser
def test_on_the_page_by_keyboard_planned_first_in_both_languages_and_on_a_phone(
    tmp_path: Path, tokens: Path, far: Emulator, picture: bytes
) -> None:
    token = add(tokens, "anna")
    shots = Path(os.environ.get("PREFLIGHT_SHOTS", tmp_path))
    room = Room(tmp_path / "room", 10**6)
    room.folder.mkdir()
    with sending_to(("metastudio",), room, tokens, browsed=True) as client, browser() as driver:
        batch = prepared(client, bearer(token), {"a.png": picture}).rpartition("/")[2]
        driver.get(f"{str(client.base_url).rstrip('/')}/{token}/#{batch}")

        def named(id_: str) -> Any:
            return driver.find_element("id", id_)

        until(lambda: named("sendon").is_displayed())
        if driver.execute_script("return document.documentElement.dataset.lang") != "en":
            named("lang").click()
        until(lambda: bool(driver.find_elements("css selector", "#order summary")))
        driver.execute_script("arguments[0].focus()", driver.find_element("css selector", "#order summary"))
        press(driver, "\ue007")
        tags = driver.find_element("css selector", "[data-table=asset][data-field=tags]")
        tags.send_keys("one")
        assert not named("send").is_enabled()
        driver.execute_script("arguments[0].focus()", named("plan"))
        press(driver, "\ue007")
        until(lambda: named("sendfault").is_displayed())
        assert "TOML" in named("sendfault").text  # a text would need its quotes
        tags.clear()
        tags.send_keys('["one"]')
        described = driver.find_element("css selector", "[data-table=asset][data-field=description]")
        described.send_keys('say "hi" \\ 你好')
        named("lang").click()
        assert driver.find_element("css selector", "[data-field=tags]").get_attribute("value") == '["one"]'
        named("lang").click()
        driver.execute_script("arguments[0].focus()", named("plan"))
        press(driver, "\ue007")
        until(lambda: named("send").is_enabled())
        assert "a.png" in named("sentlines").text
        assert far.backend.calls == []
        for lang in ("en", "zh"):
            for width in (390, 1280):
                screen = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
                assert driver.execute_script("return document.documentElement.scrollWidth") <= width
                driver.execute_script("arguments[0].scrollIntoView()", named("sendon"))
                driver.save_screenshot(str(shots / f"sending-{lang}-{width}.png"))
            assert violations(driver) == []
            if lang == "en":
                for one in ("lang", "plan"):
                    driver.execute_script("arguments[0].click()", named(one))
                until(lambda: named("send").is_enabled())
        driver.execute_script("arguments[0].focus()", named("send"))
        press(driver, "\ue007")
        until(lambda: named("sentstate").text == "已发送。")
        assert "已送达" in named("sentlines").text
        assert violations(driver) == []
        driver.save_screenshot(str(shots / "sent.png"))
        (made,) = [body for _, body, _, _ in far.backend.transcript if "asset_name" in body]
        assert all(word in made["asset_description"] for word in ("say", "hi", "你好"))
        assert stored(far) == [picture]
        driver.refresh()
        until(lambda: "已送达" in named("sentlines").text)
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "400" not in e["message"]] == []


MAKE = '[make]\nAnchorName = "anchor_01"\nSexType = "FEMALE"\n'
# Preset: what is dropped, the order, how it ends, and what the platform was asked that only this road asks.
ROADS = {
    "metastudio/video-production": (
        ["texts/bom.txt"],
        '[script]\nscript_name = "autumn"\n',
        ["sent"],
        "/digital-human-video-scripts 200",
    ),
    "metastudio/voice-basic": (
        ["packages/basic-good.zip", "decks/good.pdf"],
        '[voice]\nvoice_name = "anna"\nletter = "good.pdf"\n',
        ["sent"],
        "/user/basic-jobs 200",
    ),
    "tencent/photo-premium": (
        ["images/head-front.jpg"],
        f'[check]\nface = true\n{MAKE}TimbreCode = "timbre-1"\n',
        ["sent"],
        "/facedetect 200",
    ),
    "tencent/voice-instant": (
        ["audio/speech-24k.wav"],
        f'[check]\nzeroshot = true\nReferenceText = "words"\n{MAKE}',
        ["waiting"],
        "/detectaudioquality 200",
    ),
}


@pytest.mark.every(4)
@pytest.mark.parametrize("preset", ROADS)
def test_every_road_of_the_platforms_begins_here(
    preset: str, tmp_path: Path, tokens: Path, far: Emulator, sample: Callable[[str], Path]
) -> None:
    """Scripts, voices and what is ordered from Tencent: more than files in a library."""
    names, order, statuses, call = ROADS[preset]
    me, where = bearer(add(tokens, "anna")), preset.partition("/")[0]
    with kept_room(tmp_path / "data", 10**8, 10**9, 3600) as room, sending_to((where,), room, tokens) as client:
        files = {name.partition("/")[2]: sample(name).read_bytes() for name in names}
        batch = prepared(client, me, files, preset)
        told = sent(client, batch, me, order, where)
        assert [one["status"] for one in told["entries"]] == statuses, told
        assert any(one.startswith("POST") and one.endswith(call) for one in far.backend.calls)
        assert str(tmp_path) not in json.dumps(told), "where the batch lies is nobody's business"
        for number, name in enumerate(name for one in told["entries"] for name in one["fetched"]):
            assert name.startswith("out/demo/")
            assert client.get(f"{batch}/fetched/{number}", headers=me).content == b"demo"
        assert client.get(f"{batch}/fetched/9", headers=me).status_code == 404
        assert statuses != ["waiting"] or told["entries"][0]["fetched"]
