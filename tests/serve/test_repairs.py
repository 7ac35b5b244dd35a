"""Repairs made on request only: over HTTP and on the page as on the command line, and carried by a batch."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.main import main
from pipeline.serve.messages import API
from pipeline.serve.people import add
from pipeline.serve.sessions import Room, kept_room
from tests.browser import browser, needs_browser, press, select, violations
from tests.serve.test_browser import tab_to, until
from tests.serve.test_http_api import bearer, events
from tests.serve.test_serve import TOKEN, served
from tests.serve.test_team import serving

PRESET = "metastudio/video-production"
SCRIPT = "<speak>你好，<foo>世界</foo>。</speak>"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def began(client: httpx.Client, me: dict[str, str]) -> str:
    batch = f"{API}/batches/{client.post(f'{API}/batches', headers=me).json()['id']}"
    assert client.put(f"{batch}/files?name=a.ssml", headers=me, content=SCRIPT.encode()).status_code == 201
    return batch


def ran(client: httpx.Client, batch: str, me: dict[str, str], **asked: Any) -> dict[str, Any]:
    answer = client.post(f"{batch}/run", headers=me, content=json.dumps({"preset": PRESET, **asked}))
    assert answer.status_code == 202, answer.text
    state = events(client, f"{batch}/events", me)[-1]
    assert state["state"] == "done"
    return state


def test_what_is_chosen_is_done_and_kept_with_the_batch(tmp_path: Path, tokens: Path) -> None:
    me = bearer(add(tokens, "anna"))
    with kept_room(tmp_path / "data", 1000, 10_000, 3600) as room, serving(room, tokens) as client:
        batch = began(client, me)
        plain = ran(client, batch, me, verb="check")
        assert ([file["status"] for file in plain["files"]], plain["asked"]["repairs"]) == (["blocked"], {})
        careful = ran(client, batch, me, verb="check", repairs={"strip_tags": True, "at_least": "lossless"})
        assert [file["status"] for file in careful["files"]] == ["blocked"]
        done = ran(client, batch, me, verb="prepare", repairs={"strip_tags": True})
        assert [file["status"] for file in done["files"]] == ["fixed"]
        assert client.get(f"{batch}/outputs/0", headers=me).text == SCRIPT.replace("<foo>", "").replace("</foo>", "")
    with kept_room(tmp_path / "data", 1000, 10_000, 3600) as room, serving(room, tokens) as client:
        assert client.get(batch, headers=me).json()["asked"]["repairs"] == {"strip_tags": True}


@pytest.mark.parametrize(
    "repairs",
    [
        {"stripe_tags": True},
        {"strip_tags": "yes"},
        {"strip_tags": 1},
        {"at_least": "manual"},
        {"background": 7},
        {"background": "green"},
        {"background": "#12345"},
        {"background": "#ff0000" * 9000},
        {"allow": ["media.duration"]},
        [],
        None,
    ],
)
def test_what_is_no_repair_is_refused(tmp_path: Path, tokens: Path, repairs: Any) -> None:
    me = bearer(add(tokens, "anna"))
    with serving(Room(tmp_path, 1000), tokens) as client:
        batch = began(client, me)
        asked = {"preset": PRESET, "verb": "prepare", "repairs": repairs}
        answer = client.post(f"{batch}/run", headers=me, content=json.dumps(asked))
        assert answer.status_code in {400, 413}
        assert all(answer.json()["error"].values())
        assert client.get(batch, headers=me).json()["state"] == "collecting"
        fit = {"verb": "fit", "repairs": {"trim": True}}
        assert client.post(f"{batch}/run", headers=me, content=json.dumps(fit)).status_code == 409


@pytest.mark.parametrize(("lang", "heading"), [("en", "repairs"), ("zh", "修复")])
def test_page_and_description_have_the_options_of_the_command_line(
    lang: str, heading: str, tmp_path: Path, tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `preflight prepare --help` prints is the witness, words and all."""
    with pytest.raises(SystemExit):
        main(["prepare", "--help", "--lang", lang])
    (printed,) = re.findall(rf"^{heading}:\n((?:  .*\n)+)", capsys.readouterr().out, re.MULTILINE)
    names = re.findall(r"^  --([\w-]+)", printed, re.MULTILINE)
    token = add(tokens, "anna")
    with serving(Room(tmp_path, 1000), tokens) as client:
        text = client.get(f"/{token}/").text
        told = client.get(f"{API}/openapi.json", headers=bearer(token)).json()
    assert [one.replace("_", "-") for one in re.findall(r'data-repair="(\w+)"', text)] == names
    described = told["components"]["schemas"]["Repairs"]["properties"]
    assert [one.replace("_", "-") for one in described] == names
    spoken = {html.unescape(one) for one in re.findall(rf'<span class="{lang}" lang="{lang}">([^<]*)</span>', text)}
    flat = re.sub(r"\s+", "", printed)
    chosen = [one for one in spoken if re.sub(r"\s+", "", one) in flat and len(one) > 5]
    assert len(chosen) == len(names)
    if lang == "en":
        assert sorted(chosen) == sorted(one["description"] for one in described.values())


@pytest.mark.slow
@needs_browser
def test_chosen_by_keyboard_they_stay_over_a_reload_and_for_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "a.ssml").write_text(SCRIPT)
    (tmp_path / "room").mkdir()
    held = Room(tmp_path / "room", 10_000)
    with served(held) as port, browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        select(driver, "preset", PRESET)
        driver.find_element("id", "pick").send_keys(str(tmp_path / "a.ssml"))
        until(driver.find_element("id", "check").is_enabled)
        summary = driver.find_element("css selector", "#repairs summary")
        driver.execute_script("arguments[0].focus()", summary)
        press(driver, "\ue007")
        assert violations(driver) == []
        box = driver.find_element("css selector", "[data-repair=strip_tags]")
        driver.execute_script("arguments[0].id = 'wanted'", box)
        tab_to(driver, "wanted")
        press(driver, " ")
        assert box.is_selected()
        assert "(1)" in summary.text
        driver.find_element("id", "check").click()
        until(lambda: driver.find_element("id", "state").text == "Done.")
        assert [one.text for one in driver.find_elements("css selector", "#dropped .badge")] == ["fixable"]
        driver.refresh()
        until(lambda: driver.find_element("id", "state").text == "Done.")
        assert driver.find_element("css selector", "[data-repair=strip_tags]").is_selected()
        colour = driver.find_element("css selector", "[data-repair=background]")
        colour.send_keys("green")
        driver.find_element("id", "prepare").click()
        until(driver.find_element("id", "fault").is_displayed)
        assert "green" in driver.find_element("id", "fault").text
        colour.clear()
        colour.send_keys("#00ff00")
        driver.find_element("id", "prepare").click()
        until(lambda: [b.text for b in driver.find_elements("css selector", "#dropped .badge")] == ["fixed"])
        (batch,) = held.batches.values()
        assert batch.asked is not None
        assert (batch.asked.repairs.strip_tags, batch.asked.repairs.background) == (True, "#00ff00")
        assert batch.asked.repairs.trim is None
        assert violations(driver) == []
