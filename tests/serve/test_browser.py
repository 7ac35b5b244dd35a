"""A whole round of the local page in real Chromium, by keyboard and by mouse."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.serve.people import add
from pipeline.serve.sessions import Room
from samples import build
from tests import ROOT
from tests.browser import browser, needs_browser, press, select, until, violations
from tests.serve.test_client import ended, started
from tests.serve.test_serve import TOKEN, served

pytestmark = [pytest.mark.slow, needs_browser]

OUT = ROOT / "samples" / "out"
NAMES = ("images/over-4k.png", "texts/fast.ssml")
TAB, ENTER = "\ue004", "\ue007"


def tab_to(driver: Any, wanted: str) -> None:
    """Reach an element with the Tab key alone."""
    for _ in range(30):
        if driver.switch_to.active_element.get_attribute("id") == wanted:
            return
        press(driver, TAB)
    raise AssertionError(f"{wanted} cannot be reached by keyboard")


@pytest.mark.every(2)
@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_a_whole_round(by: str, tmp_path: Path) -> None:
    sources = build(NAMES, OUT)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (tmp_path / "room").mkdir()
    shots = Path(os.environ.get("PREFLIGHT_SHOTS", tmp_path))
    with served(Room(tmp_path / "room", 10_000_000)) as port, browser(downloads) as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        assert violations(driver) == []
        select(driver, "preset", "metastudio/video-production")
        driver.find_element("id", "pick").send_keys("\n".join(str(sources[name]) for name in NAMES))
        button = driver.find_element("id", "prepare")
        until(button.is_enabled)
        if by == "mouse":
            button.click()
        else:
            tab_to(driver, "prepare")
            press(driver, ENTER)
        until(lambda: driver.find_element("id", "state").text == "Done.")
        badges = [b.text for b in driver.find_elements("css selector", "#dropped .badge")]
        assert badges == ["fixed", "fixed"]
        assert driver.switch_to.active_element.get_attribute("id") == "resultname"
        driver.find_element("id", "lang").click()
        assert driver.find_element("id", "state").text == "完成。"
        assert violations(driver) == []
        driver.save_screenshot(str(shots / f"serve-{by}.png"))
        driver.switch_to.frame("report")
        until(lambda: driver.find_elements("css selector", "article.card"))
        assert len(driver.find_elements("css selector", "article.card")) == 2
        driver.switch_to.default_content()
        links = driver.find_elements("css selector", "#downloads a")
        if by == "mouse":
            links[1].click()
        else:
            driver.execute_script("arguments[0].focus()", links[1])
            press(driver, ENTER)
        until(lambda: [p for p in downloads.iterdir() if p.suffix == ".png"])
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]] == []


def test_reload_keeps_the_batch_and_its_files_run_once_more(tmp_path: Path) -> None:
    sources = build(NAMES, OUT)
    with served(Room(tmp_path, 10_000_000)) as port, browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        select(driver, "preset", "metastudio/video-production")
        driver.find_element("id", "pick").send_keys("\n".join(str(sources[name]) for name in NAMES))
        until(driver.find_element("id", "check").is_enabled)
        driver.refresh()
        until(lambda: len(driver.find_elements("css selector", "#dropped li")) == 2)
        take_out = driver.find_elements("css selector", "#dropped button")[0]
        assert "over-4k.png" in str(take_out.get_attribute("aria-label"))
        take_out.click()
        until(lambda: len(driver.find_elements("css selector", "#dropped li")) == 1)
        assert violations(driver) == []
        until(driver.find_element("id", "check").is_enabled)
        driver.find_element("id", "check").click()
        until(lambda: driver.find_element("id", "state").text == "Done.")
        assert [b.text for b in driver.find_elements("css selector", "#dropped .badge")] == ["fixable"]
        driver.refresh()
        until(lambda: driver.find_element("id", "state").text == "Done.")
        until(lambda: driver.find_element("id", "result").is_displayed())
        driver.find_element("id", "prepare").click()
        until(lambda: [b.text for b in driver.find_elements("css selector", "#dropped .badge")] == ["fixed"])
        until(lambda: driver.find_element("id", "state").text == "Done.")
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]] == []


def test_each_file_goes_into_the_scenario_that_fits_it(tmp_path: Path) -> None:
    sources = build(NAMES, OUT)
    held = Room(tmp_path, 10_000_000)
    with served(held) as port, browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        driver.find_element("id", "pick").send_keys("\n".join(str(sources[name]) for name in NAMES))
        until(driver.find_element("id", "fit").is_enabled)
        driver.find_element("id", "fit").click()
        until(lambda: [one for one in driver.find_elements("css selector", "#dropped select") if one.is_displayed()])
        until(driver.find_element("id", "check").is_displayed)
        told = next(iter(held.batches.values())).files
        best = [f"{one.fits[0].preset} {one.fits[0].role}" for one in told]
        owns = driver.find_elements("css selector", "#dropped select")
        assert [one.get_attribute("value") for one in owns] == best
        assert violations(driver) == []
        script = "arguments[0].value = arguments[0].options[arguments[1]].value"
        driver.execute_script(script, owns[1], 0)  # the one of the form
        select(driver, "preset", "metastudio/livestream")
        driver.find_element("id", "check").click()
        until(lambda: driver.find_element("id", "state").text == "Done.")
        until(lambda: len(held.batches) == 2 and all(one.state == "done" for one in held.batches.values()))
        asked = [(one.asked.preset, [file.name for file in one.files]) for one in held.batches.values() if one.asked]
        assert asked == [(best[0].split()[0], ["over-4k.png"]), ("metastudio/livestream", ["fast.ssml"])]
        assert driver.find_element("id", "preset").get_attribute("value") == best[0].split()[0]
        assert not any(one.is_displayed() for one in driver.find_elements("css selector", "#dropped select"))
        until(lambda: [a.text for a in driver.find_elements("css selector", "#batches a")] == ["fast.ssml"])
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]] == []


def test_an_earlier_batch_is_in_the_list(tmp_path: Path) -> None:
    held = Room(tmp_path, 10_000_000)
    sources = build(NAMES, OUT)
    with served(held) as port, browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        driver.find_element("id", "pick").send_keys(str(sources["texts/fast.ssml"]))
        until(driver.find_element("id", "check").is_enabled)
        driver.get("about:blank")
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        until(lambda: driver.find_elements("css selector", "#batches a"))
        link = driver.find_element("css selector", "#batches a")
        assert "fast.ssml" in link.text
        link.click()
        until(lambda: [one.text for one in driver.find_elements("css selector", "#dropped bdi")] == ["fast.ssml"])


def test_a_folder_gives_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "media" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("words")
    (folder.parent / "b.txt").write_text("words")
    (tmp_path / "room").mkdir()
    with served(Room(tmp_path / "room", 10_000_000)) as port, browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        driver.find_element("id", "pickfolder").send_keys(str(folder.parent))
        until(driver.find_element("id", "check").is_enabled)
        assert sorted(one.text for one in driver.find_elements("css selector", "#dropped bdi")) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(lang: str, tmp_path: Path) -> None:
    with served(Room(tmp_path, 10_000_000)) as port, browser() as driver:
        screen = {"width": 320, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")
        if lang == "zh":
            driver.find_element("id", "lang").click()
        driver.find_element("id", "pick").send_keys(str(build(NAMES, OUT)["texts/fast.ssml"]))
        until(driver.find_element("id", "check").is_enabled)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 320
        assert violations(driver) == []


def test_a_server_that_is_killed_and_started_again_ends_the_run_on_the_same_page(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    token = add(tmp_path / "data" / "tokens", "anna")
    (clip,) = build(["video/60fps.mp4"], OUT).values()
    process, port = started(tmp_path / "data")
    with browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{token}/")
        select(driver, "preset", "metastudio/video-production")
        driver.find_element("id", "pick").send_keys(str(clip))
        until(driver.find_element("id", "prepare").is_enabled)
        driver.find_element("id", "prepare").click()
        state, fault = driver.find_element("id", "state"), driver.find_element("id", "fault")
        until(lambda: state.text == "Working…")
        ended(process)
        until(lambda: "does not answer" in fault.text)
        process, _ = started(tmp_path / "data", port)
        until(lambda: state.text == "Done.")
        ended(process)
        assert not fault.is_displayed()
        assert [one.text for one in driver.find_elements("css selector", "#dropped .badge")] == ["fixed"]
