"""`--plots`: what a run leaves in the folder for pictures, above all of decks."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from pipeline.cli import main as cli
from pipeline.documents.facts import encoded
from pipeline.engine.tasks import prepare_entry
from pipeline.model.job import Job
from pipeline.plots import publish, still
from pipeline.plots.contact_sheet import CELL, contact
from pipeline.tools import programs
from samples.decks import pdf_bytes
from tests import factory

Sample = Callable[[str], Path]
PAGES = "convert/slides-to-pages"


def shown(path: Path) -> set[tuple[int, ...]]:
    with Image.open(path) as sheet:
        return {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24) or []}


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_a_blocked_deck_is_drawn_by_an_office_inside_the_fence_and_nothing_else_stays(
    sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plots = tmp_path / "plots"
    (plots / ".preflight-work-4194304-x").mkdir(parents=True)  # of a run that was killed
    decks = [str(sample(f"decks/{name}.pptx")) for name in ("51-slides", "encrypted")]
    code = cli.main(["check", *decks, "-p", "metastudio/video-production", "--plots", str(plots), "--json", "-j1"])
    told = {Path(a["source"]).name: a["status"] for a in json.loads(capsys.readouterr().out)["assets"]}
    assert (code, told) == (1, {"51-slides.pptx": "blocked", "encrypted.pptx": "blocked"})
    assert [path.name for path in plots.iterdir()] == ["51-slides.png"]
    with Image.open(plots / "51-slides.png") as sheet:
        assert sheet.width > 5 * 320, "several pages in a row"
        assert sheet.height > 5 * 180


def test_pages_that_were_made_are_not_drawn_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "talk.pdf"
    source.write_bytes(pdf_bytes(2, "PowerPoint"))
    monkeypatch.setattr(still, "pdf_pages", lambda *_: pytest.fail("drawn again"))
    out, plots = tmp_path / "out", tmp_path / "plots"
    job = Job(path=str(source), stem="a/talk", preset=PAGES, out=str(out), plots=str(plots))
    entry = prepare_entry(job, lambda _: None).asset
    assert entry.status == "fixed"
    assert (26, 76, 76) in shown(plots / "a/talk.png"), "the bar of the first page"
    assert not publish.missing(job, entry)
    (plots / "a/talk.png").unlink()
    assert publish.missing(job, entry), "a second run draws it"
    assert not publish.missing(job, msgspec.structs.replace(entry, facts=encoded(factory.image()))), (
        "nothing is drawn of such a file"
    )


def test_a_picture_that_cannot_be_written_costs_the_asset_and_nothing_of_it_is_published(tmp_path: Path) -> None:
    source = tmp_path / "talk.pdf"
    source.write_bytes(pdf_bytes(1, "PowerPoint"))
    (tmp_path / "plots").write_text("a file")
    job = Job(path=str(source), stem="talk", preset=PAGES, out=str(tmp_path / "out"), plots=str(tmp_path / "plots"))
    assert prepare_entry(job, lambda _: None).asset.status == "failed"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("words", [["check", "--plots", "in"], ["prepare", "-o", "out", "--plots", "out"]])
def test_the_folder_for_pictures_is_neither_that_of_sources_nor_of_outputs(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "talk.pdf").write_bytes(pdf_bytes(1, "PowerPoint"))
    assert cli.main([words[0], "in", "-p", PAGES, *words[1:]]) == 2
    assert "output folder" in capsys.readouterr().err


# --- contact sheet --------------------------------------------------------------------------------------


def test_a_contact_sheet_shows_every_page_and_leaves_a_gap_for_one_that_is_broken(tmp_path: Path) -> None:
    pages = []
    for number, colour in enumerate(("red", "lime", "blue", "yellow", "cyan")):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (640, 360), colour).save(path)
        pages.append(path)
    pages[1].write_bytes(b"no picture")
    sheet = contact(pages)
    assert sheet is not None
    with Image.open(io.BytesIO(sheet)) as picture:
        seen = {colour for count, colour in picture.getcolors(1 << 20) or () if count > CELL.width * 100}
    assert {(255, 0, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)} <= seen
    assert (0, 255, 0) not in seen


def test_no_pages_no_contact_sheet(tmp_path: Path) -> None:
    assert contact([]) is None
    assert contact([tmp_path / "missing.png"]) is None


# --- thumbnails of films ----------------------------------------------------------------------------------


def test_two_encodings_of_a_film_are_shown_at_one_moment(tmp_path: Path) -> None:
    """Their entry points differ: every 7 frames, and the first alone. ffmpeg's own -ss tells which frame is right."""
    moving = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=4", "-pix_fmt", "yuv420p", "-crf", "10"]
    shots = []
    for group in ("7", "999"):
        film = tmp_path / f"{group}.mp4"
        coded = ["-c:v", "libx264", "-g", group, "-sc_threshold", "0", film]
        subprocess.run([programs.ffmpeg(), "-v", "error", *moving, *coded], check=True)
        shot = still.frame(film, "mp4", Fraction(5, 2), 0, (160, 90))
        assert shot is not None
        shots.append(np.asarray(Image.open(io.BytesIO(shot)).convert("L"), float))
    right = tmp_path / "right.png"
    seek = ["-ss", "2.5", "-i", tmp_path / "999.mp4", "-frames:v", "1", right]
    subprocess.run([programs.ffmpeg(), "-v", "error", *seek], check=True)
    told = np.asarray(Image.open(right).convert("L"), float)
    for shot in shots:
        assert shot.shape == told.shape
        assert np.abs(shot - told).mean() < 6  # WebP; the entry point before it differs by 16
