"""The report in real Chromium: both languages, both themes, keyboard, filters, accessibility."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from PIL import Image

from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.types import MANIFEST, REPORT, CheckDocument, ManifestDocument
from pipeline.engine.cards import cards
from pipeline.engine.tasks import check_entry, prepare_entry
from pipeline.model.job import Job
from pipeline.report.html import LocatedDocument, write
from pipeline.rules import presets
from samples import build
from tests import ROOT
from tests.browser import browser, needs_browser, press, select, violations

pytestmark = [pytest.mark.slow, needs_browser]

OUT = ROOT / "samples" / "out"
PRESET = "metastudio/video-production"
SHOWN = (
    "video/60fps.mp4",
    "images/over-4k.png",
    "audio/good.wma",
    "texts/nested.ssml",
    "texts/over-10000.txt",
    "decks/51-slides.pptx",
    "decks/from-powerpoint.pdf",
    "broken/truncated.mp4",
    "images/good-1080p.png",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two scenarios with assets of every status that prepare knows."""
    folder = tmp_path_factory.mktemp("report")
    sources = build(SHOWN, OUT)
    preset = presets.load(PRESET)
    jobs = [Job(path=str(sources[n]), stem=n.replace("/", "-"), preset=PRESET, out=str(folder)) for n in SHOWN]
    entries = tuple(prepare_entry(job, lambda _: None).asset for job in jobs)
    batch = totals.findings(preset, entries, "en")
    head = structs.asdict(document.head(MANIFEST, preset))
    made = ManifestDocument(**head, assets=entries, batch=batch, summary={})
    script = str(sources["texts/over-10000.txt"])
    other = check_entry(Job(path=script, stem="x", preset="metastudio/photo-avatar"), lambda _: None)
    head = structs.asdict(document.head(REPORT, presets.load("metastudio/photo-avatar")))
    checked = CheckDocument(**head, assets=(other,), batch=(), summary={})
    target = folder / "report.html"
    with target.open("w", encoding="utf-8") as out:
        write(out, [LocatedDocument(made, folder), LocatedDocument(checked, folder)], "en", partial(cards, workers=2))
    return target


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as driver:
        yield driver


@pytest.fixture
def opened(chromium: Any, page: Path) -> Any:
    chromium.get(page.as_uri())
    chromium.execute_script("localStorage.clear()")
    chromium.refresh()
    return chromium


def shown(driver: Any) -> list[str]:
    cards = driver.find_elements("css selector", "article.card:not([hidden])")
    return [card.find_element("tag name", "h3").text for card in cards]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_and_accessibility(opened: Any, lang: str, theme: str, tmp_path: Path) -> None:
    if lang == "zh":
        opened.find_element("id", "lang").click()
    opened.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    assert opened.find_element("tag name", "html").get_attribute("lang") == lang
    headline = opened.find_element("id", "headline").text
    assert ("个素材" in headline) == (lang == "zh")
    assert ("assets" in headline) == (lang == "en")
    # Everything is looked at, also what is below the first view and folded away.
    opened.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert violations(opened) == []
    picture = Image.open(BytesIO(opened.get_screenshot_as_png())).convert("L")
    target = Path(os.environ.get("PREFLIGHT_SHOTS", tmp_path)) / f"report-{lang}-{theme}.png"
    opened.save_screenshot(str(target))
    # Mostly light or mostly dark, and something is written on it.
    mean = sum(n * count for n, count in enumerate(picture.histogram())) / (picture.width * picture.height)
    assert (mean > 128) == (theme == "light")
    assert len(picture.getcolors() or range(256)) > 20
    assert [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_filters(opened: Any) -> None:
    everything = shown(opened)
    assert len(everything) == len(SHOWN) + 1
    opened.find_element("css selector", ".chip.s-failed").click()
    assert shown(opened) == ["truncated.mp4"]
    opened.find_element("id", "reset").click()
    assert shown(opened) == everything
    select(opened, "kind", "image")
    assert sorted(shown(opened)) == ["good-1080p.png", "over-4k.png"]
    opened.find_element("id", "reset").click()
    select(opened, "preset", "metastudio/photo-avatar")
    assert shown(opened) == ["over-10000.txt"]
    opened.find_element("id", "reset").click()
    opened.find_element("css selector", "button.rule").click()
    assert 0 < len(shown(opened)) < len(everything)


def test_keyboard(opened: Any) -> None:
    opened.find_element("tag name", "body").click()
    press(opened, "/")
    assert opened.switch_to.active_element.get_attribute("id") == "search"
    press(opened, "60fps")
    opened.execute_async_script("setTimeout(arguments[0], 300)")
    assert shown(opened) == ["60fps.mp4"]
    press(opened, "\ue00c")  # Escape
    assert len(shown(opened)) == len(SHOWN) + 1
    press(opened, "j")
    first = opened.switch_to.active_element.get_attribute("id")
    press(opened, "j")
    assert (first, opened.switch_to.active_element.get_attribute("id")) == ("a1", "a2")
    press(opened, "k")
    assert opened.switch_to.active_element.get_attribute("id") == "a1"
    press(opened, "l")
    assert opened.find_element("tag name", "html").get_attribute("lang") == "zh"


def test_without_scripts_everything_can_be_read(page: Path) -> None:
    with browser(scripts=False) as driver:
        driver.get(page.as_uri())
        assert len(driver.find_elements("css selector", "article.card")) == len(SHOWN) + 1
        assert "assets" in driver.find_element("id", "headline").text


def test_on_paper(opened: Any) -> None:
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not opened.find_element("id", "filters").is_displayed()
        assert opened.find_element("css selector", "article.card").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
