"""A deck's video cut by page on the page and by programs: what is doubtful is looked through there, and holds then."""

from __future__ import annotations

import csv
import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.serve.sessions import Room
from samples.deck_video import Scene, Video, deck
from tests.browser import browser, needs_browser, until, violations
from tests.serve.test_serve import TOKEN, served
from tests.stages.test_cut_slides import PRESET, pages

RATE = Fraction(25)


@pytest.fixture
def talk(tmp_path: Path) -> list[Path]:
    """A deck that lacks the page shown last, and its video."""
    one, two, three = pages(3)
    video = Video((640, 360), RATE, [Scene(1, one, 3), Scene(2, two, 3), Scene(None, three, 3)], group=25)
    video.write(tmp_path / "talk.mp4")
    deck([one, two], tmp_path / "talk.pdf", (640, 360))
    return [tmp_path / "talk.mp4", tmp_path / "talk.pdf"]


@needs_browser
@pytest.mark.slow
def test_on_the_page_a_doubtful_list_is_corrected_and_the_clips_are_made(talk: list[Path], tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    with served(Room(tmp_path / "room", 10_000_000)) as port, browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/{TOKEN}/")

        def named(id_: str) -> Any:
            return driver.find_element("id", id_)

        driver.execute_script(
            "const [id, value] = arguments; const s = document.getElementById(id); s.value = value;"
            "s.dispatchEvent(new Event('change'))",
            "preset",
            PRESET,
        )
        named("pick").send_keys("\n".join(map(str, talk)))
        until(named("prepare").is_enabled)
        driver.execute_script("arguments[0].click()", driver.find_element("css selector", "[data-repair=cut_pages]"))
        named("prepare").click()
        until(lambda: named("state").text == "Done.")
        box = driver.find_element("css selector", "#dropped textarea")
        assert box.is_displayed()
        assert driver.find_element("css selector", "#dropped .badge").text == "failed"
        driver.save_screenshot(str(Path(os.environ.get("PREFLIGHT_SHOTS", tmp_path)) / "cuts.png"))
        assert violations(driver) == []
        rows = list(csv.DictReader(io.StringIO(box.get_attribute("value").removeprefix("\ufeff"))))
        assert [(row["page"], bool(row["doubts"])) for row in rows] == [("1", False), ("2", False), ("", True)]
        named("prepare").click()
        until(lambda: named("state").text != "Done.")
        until(lambda: named("state").text == "Done.")  # nobody corrected anything
        assert driver.find_element("css selector", "#dropped .badge").text == "failed"
        box.clear()
        box.send_keys(*(f"{line}\n" for line in ("page,start,end", "1,0,3", "2,3,5.5")))
        named("prepare").click()
        until(lambda: [one.text for one in driver.find_elements("css selector", "#dropped .badge")][:1] == ["fixed"])
        until(lambda: len(driver.find_elements("css selector", "#downloads a")) >= 3)
        links = [one.get_attribute("textContent") for one in driver.find_elements("css selector", "#downloads a")]
        assert [link.partition(" ")[0] for link in links[1:3]] == ["talk-page-001.mp4", "talk-page-002.mp4"]
        assert not box.is_displayed()
        driver.refresh()
        until(lambda: bool(driver.find_elements("css selector", "#dropped textarea")))
        kept = driver.find_element("css selector", "#dropped textarea").get_attribute("value")
        assert kept.splitlines()[1:] == ["1,0,3", "2,3,5.5"]  # for the next run
