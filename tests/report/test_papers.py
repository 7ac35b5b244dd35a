"""Cards and letters in a report. What is wrong with them, and where, is known from how they were drawn."""

from __future__ import annotations

import base64
import io
import re
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.documents import entry as document
from pipeline.model.job import Job
from pipeline.model.measured import Letter, PagePart
from pipeline.plots import papers as drawings
from pipeline.probe import probe
from pipeline.probe.papers import letter, words
from pipeline.probe.papers.words import ReadLine, ReadPage
from pipeline.report.card import card_entry
from pipeline.report.figures import CardJob
from pipeline.stages.check import check
from samples import _papers as papers

PRESET = "metastudio/avatar-training"
LAMP = (0.3, 0.5, 0.1)  # place in shares of the card, radius in shares of its width


def photo(path: Path, *, glare: tuple[float, float, float] | None = None) -> Path:
    rng = papers.seeded(5)
    how = {"glare": glare} if glare else {}
    pixels = papers.photographed(papers.front(rng), rng, size=(1600, 1200), share=0.9, **how)  # type: ignore[arg-type]
    Image.fromarray(pixels).save(path, quality=95)
    return path


def shown(path: Path, role: str) -> tuple[str, list[Image.Image]]:
    """The card of a checked paper in a report, and its pictures."""
    entry = document.report(check(Job(path=str(path), stem="a", preset=PRESET, role=role)).report, "en")
    job = CardJob(number=1, entry=entry, preset=PRESET, rules=(), folders=(str(path.parent),), outputs=str(path.parent))
    html = card_entry(job, lambda _: None)
    data = re.findall(r"data:image/webp;base64,([^\"]+)", html)
    return html, [Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB") for one in data]


def reds(picture: Image.Image) -> np.ndarray:
    """Where it is red, as rows of x and y in shares of the picture."""
    pixels = np.asarray(picture).astype(int)
    down, right = np.nonzero((pixels[..., 0] > 180) & (pixels[..., 1] < 110) & (pixels[..., 2] < 110))
    return np.column_stack([right / picture.width, down / picture.height])


def test_nothing_on_a_card_can_be_made_out(tmp_path: Path) -> None:
    path = photo(tmp_path / "front.jpg")
    _, (picture,) = shown(path, "id-card")
    assert picture.width <= 240
    assert picture.height <= 160
    pixels = np.asarray(picture)
    # All that is left are the colours of 32 patches across: made as small as that and large again it hardly changes.
    less = cv2.resize(pixels, (32, 24), interpolation=cv2.INTER_AREA)
    again = cv2.resize(less, (picture.width, picture.height), interpolation=cv2.INTER_CUBIC)
    inner = np.s_[picture.height // 4 : -picture.height // 4, picture.width // 4 : -picture.width // 4]
    assert np.abs(pixels.astype(int) - again)[inner].mean() < 4
    if words.readable():
        large = cv2.resize(pixels, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
        assert (
            "".join(line.words for line in words.read(np.asarray(large, np.uint8), 30).lines if line.score > 0.5) == ""
        )


def test_even_what_is_no_card_is_blurred_where_a_card_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    Image.fromarray(np.asarray(papers.letter(["居民身份证"] * 9, papers.seeded(1)), np.uint8)).save(path)
    _, (picture,) = shown(path, "id-card")
    assert max(picture.size) <= 240
    assert np.asarray(picture.convert("L"))[10:-10, 10:-10].min() > 150  # black letters are grey stains


@pytest.mark.thorough
def test_a_lamp_in_a_card_is_marked_where_it_is(tmp_path: Path) -> None:
    _, (clean,) = shown(photo(tmp_path / "clean.jpg"), "id-card")
    html, (lit,) = shown(photo(tmp_path / "lit.jpg", glare=LAMP), "id-card")
    assert len(reds(clean)) == 0
    marked = reds(lit).mean(axis=0)
    tall = 0.9 * 1600 * 0.63 / 1200  # share of the picture that the card fills from top to bottom
    assert marked == pytest.approx([0.05 + 0.9 * LAMP[0], 0.5 - tall / 2 + tall * LAMP[1]], abs=0.06)
    assert "glare red" in html


def said(*texts: str) -> ReadPage:
    """A white page with these lines, as if they had been read."""
    lines = tuple(
        ReadLine((100, 100 + 50 * n, 100 + 30 * len(text), 130 + 50 * n), text, 0.99) for n, text in enumerate(texts)
    )
    return ReadPage(np.full((1600, 1131, 3), 255, np.uint8), lines)


def test_pages_say_where_they_are_blank_unsigned_and_not_to_be_read() -> None:
    pages = [said("授权书", "授权人（签字）："), said(), said("第二条", "第三条")]
    found = letter.told(pages, readable=True, numbers=[1, 2, 9])
    assert found.blank == (2,)
    (place,) = found.unsigned
    assert place.page == 1
    assert float(place.left) == pytest.approx((100 + 30 * 8) / 1131, abs=0.002)  # behind the eight letters of the label
    assert place.top < 165 / 1600 < place.bottom
    assert found.unread == ()
    dim = pages[2]._replace(lines=tuple(line._replace(score=0.3) for line in pages[2].lines))
    doubtful = letter.told([dim], readable=True, numbers=[9])
    assert doubtful.legible is False
    assert [one.page for one in doubtful.unread] == [9, 9]


def test_pages_of_a_letter_are_shown_with_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    page = papers.letter(["授权书", "授权人（签字）：@"], papers.seeded(3), signed=False)
    page.save(path, save_all=True, append_images=[Image.new("RGB", page.size, "white")])
    info = probe(path)
    place = PagePart(1, *map(Fraction, ("0.3", "0.1", "0.6", "0.2")))
    told = Letter(pages=2, written=1, signed=False, blank=(2,), unsigned=(place,))
    drawn = list(drawings.pages(path, info, told))
    assert [text.en for _, text in drawn] == ["page 1, not signed (red)", "page 2, blank"]
    first = reds(Image.open(io.BytesIO(drawn[0][0])).convert("RGB"))
    assert first.min(axis=0) == pytest.approx([0.3, 0.1], abs=0.02)
    assert first.max(axis=0) == pytest.approx([0.6, 0.2], abs=0.02)
    assert [text.en for _, text in drawings.pages(path, info, Letter(pages=2, written=2))] == ["page 1"]
