"""The report in real Chromium: both languages, both themes, keyboard, filters, accessibility."""

from __future__ import annotations

import base64
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
from pipeline.report.card import bare
from pipeline.report.html import write
from pipeline.report.summary import LocatedDocument
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
        write(
            out,
            [LocatedDocument(made, folder, sha256="sign of the manifest"), LocatedDocument(checked, folder)],
            "en",
            partial(cards, workers=2),
        )
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


@pytest.mark.every(3)
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


def test_decisions_lead_to_their_cards_and_say_what_to_do(opened: Any) -> None:
    lines = opened.find_elements("css selector", ".first > li")
    told = {line.find_element("tag name", "a").text: line.text for line in lines}
    assert {"truncated.mp4", "nested.ssml", "51-slides.pptx"} <= told.keys()
    assert "Do: " in told["truncated.mp4"]
    assert "--split" in told["51-slides.pptx"]
    opened.execute_script("document.getElementById('fold').click()")
    assert opened.find_elements("css selector", "article details[open]") == []
    link = next(a for a in opened.find_elements("css selector", ".first a") if a.text == "51-slides.pptx")
    link.click()
    opened.execute_async_script("setTimeout(arguments[0], 100)")
    open_ = opened.find_elements("css selector", "article:has(> details[open]) h3")
    assert [one.text for one in open_] == ["51-slides.pptx"]


def test_before_and_after_lie_side_by_side_and_under_a_slider(opened: Any) -> None:
    pair = opened.find_element("css selector", ".pair")
    left, right = (one.rect for one in pair.find_elements("tag name", "img"))
    assert left["x"] + left["width"] <= right["x"]
    assert abs(left["y"] - right["y"]) < 2
    opened.execute_script("arguments[0].click()", pair.find_element("css selector", ".zoom"))
    big = opened.find_element("id", "big")
    assert big.is_displayed()
    one, two = big.find_elements("tag name", "img")
    assert one.get_attribute("src") != two.get_attribute("src")
    slide = opened.find_element("id", "slide")
    assert opened.switch_to.active_element == slide
    press(opened, "\ue010")  # End: all of the picture before
    assert two.value_of_css_property("clip-path") == "inset(0px 0px 0px 100%)"
    press(opened, "\ue011")  # Home
    assert two.value_of_css_property("clip-path") == "inset(0px 0px 0px 0%)"
    assert violations(opened) == []
    press(opened, "\ue00c")
    assert not big.is_displayed()
    assert [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.every(3)
@pytest.mark.parametrize("width", [320, 390, 1280, 1920])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_the_screen(opened: Any, width: int, lang: str) -> None:
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        opened.refresh()
        if lang == "zh":
            opened.find_element("id", "lang").click()
        for open_ in ("unfold", "fold"):
            opened.execute_script(f"document.getElementById('{open_}').click()")
            script = "document.querySelectorAll('.card').forEach(c => c.style.contentVisibility = 'visible');"
            assert opened.execute_script(script + "return document.documentElement.scrollWidth") <= width
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_thousand_assets_are_a_page_of_less_than_thirty_screens(chromium: Any, tmp_path: Path) -> None:
    source = str(build(["texts/over-10000.txt"], OUT)["texts/over-10000.txt"])
    entry = check_entry(Job(path=source, stem="x", preset="metastudio/photo-avatar"), lambda _: None)
    many = tuple(document.named(entry, f"batch/{number:04}-a-name-of-some-length.txt") for number in range(1000))
    head = structs.asdict(document.head(REPORT, presets.load("metastudio/photo-avatar")))
    target = tmp_path / "many.html"
    with target.open("w", encoding="utf-8") as out:
        located = LocatedDocument(CheckDocument(**head, assets=many, batch=(), summary={}), tmp_path)
        write(out, [located], "en", lambda jobs: map(bare, jobs), pictures=False)
    screen = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        chromium.get(target.as_uri())
        assert len(chromium.find_elements("css selector", "article")) == 1000
        assert chromium.find_elements("css selector", "article details[open]") == []
        assert chromium.execute_script("return document.documentElement.scrollHeight") < 30 * 900
        assert "batch" in chromium.find_element("tag name", "h1").text
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_prints_to_a4_and_is_signed_there(opened: Any) -> None:
    import pypdfium2

    printed = opened.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    with pypdfium2.PdfDocument(base64.b64decode(printed["data"])) as paper:
        width, height = paper[0].get_size()
        words = " ".join(page.get_textpage().get_text_bounded() for page in paper)
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (210, 297)
    assert "Signature" in words
    assert "sign of the manifest" in words  # its digest, as it was handed over
    assert "Search" not in words


def test_on_paper(opened: Any) -> None:
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not opened.find_element("id", "filters").is_displayed()
        assert opened.find_element("css selector", "article.card").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
