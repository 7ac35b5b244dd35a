"""LibreOffice under supervision: a PDF that is right, or an error that says why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.util import Inches

from pipeline.errors import ProofFailed, TimedOut, ToolFailed
from pipeline.tools import office, programs
from pipeline.tools.office import Deck
from samples.decks import pdf_bytes

needs_soffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")

MARKER = (255, 0, 255)


def deck(path: Path, slides: int = 2, hidden: tuple[int, ...] = ()) -> Path:
    """A deck with one text box per slide; those in `hidden` (from 0) are not shown."""
    made = Presentation()
    for number in range(slides):
        slide = made.slides.add_slide(made.slide_layouts[6])
        slide.shapes.add_textbox(0, 0, Inches(5), Inches(1)).text_frame.text = f"slide {number}"
        if number in hidden:
            slide.element.set("show", "0")
    made.save(str(path))
    return path


def shown(pdf: Path) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_bounded().strip() for page in document]


def linked(path: Path, picture: Path) -> Path:
    """A deck that shows a picture outside of it."""
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[6])
    shape: Any = slide.shapes.add_picture(str(picture), Inches(1), Inches(1), Inches(5))
    space = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
    blip = shape.element.find(".//{http://schemas.openxmlformats.org/drawingml/2006/main}blip")
    del blip.attrib[f"{space}embed"]
    target = picture.as_uri()
    blip.set(f"{space}link", slide.part.relate_to(target, RELATIONSHIP_TYPE.IMAGE, is_external=True))
    made.save(str(path))
    return path


# ------------------------------------------------------------------------------- the real program


@needs_soffice
def test_several_decks_become_pdfs_in_their_order(tmp_path: Path) -> None:
    one, two = deck(tmp_path / "one.pptx", 1), deck(tmp_path / "two 二.pptx", 3)
    work = tmp_path / "work"
    work.mkdir()
    shares: list[float] = []
    pdfs = office.to_pdf([Deck(two, "pptx", 3), Deck(one, "pptx", 1)], work, shares.append)
    assert [shown(pdf) for pdf in pdfs] == [["slide 0", "slide 1", "slide 2"], ["slide 0"]]
    assert shares == [0.5, 1.0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.pptx", "two 二.pptx", "work"]


@needs_soffice
def test_a_hidden_slide_has_no_page(tmp_path: Path) -> None:
    source = deck(tmp_path / "deck.pptx", 3, hidden=(1,))
    (pdf,) = office.to_pdf([Deck(source, "pptx", 2)], tmp_path)
    assert shown(pdf) == ["slide 0", "slide 2"]


@needs_soffice
def test_a_page_too_many_is_a_failure(tmp_path: Path) -> None:
    source = deck(tmp_path / "deck.pptx", 3)
    with pytest.raises(ProofFailed, match=r"deck\.pptx: the PDF has 3 pages .* 2 visible slides"):
        office.to_pdf([Deck(source, "pptx", 2)], tmp_path)


@needs_soffice
def test_a_picture_outside_the_deck_stays_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (200, 200), MARKER).save(secret)
    source = linked(tmp_path / "deck.pptx", secret)
    work = tmp_path / "work"
    work.mkdir()
    (pdf,) = office.to_pdf([Deck(source, "pptx", 1)], work)
    with pypdfium2.PdfDocument(pdf) as document:
        colours = document[0].render().to_pil().convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert MARKER not in {colour for _, colour in colours}


@needs_soffice
def test_a_web_page_under_a_decks_name_is_not_opened(tmp_path: Path) -> None:
    source = tmp_path / "deck.pptx"
    source.write_text("<html><body><h1>not a deck</h1></body></html>")
    with pytest.raises((ToolFailed, ProofFailed)):
        office.to_pdf([Deck(source, "pptx", 2)], tmp_path)


# ------------------------------------------------------------------------------- programs that lie


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file to put a shell script in that is started instead of LibreOffice."""
    path = tmp_path / "soffice"
    monkeypatch.setenv("PREFLIGHT_SOFFICE", str(path))
    programs.soffice.cache_clear()
    yield path
    programs.soffice.cache_clear()


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def converted(tmp_path: Path, pages: int | None) -> tuple[Path, ...]:
    source, work = deck(tmp_path / "deck.pptx"), tmp_path / "work"
    work.mkdir()
    return office.to_pdf([Deck(source, "pptx", pages)], work)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("exit 0", "made no PDF"),
        ("mkdir pdf; : > pdf/in0.pdf; exit 0", "made no PDF"),
        ("mkdir pdf; echo '%PDF-1.7 cut' > pdf/in0.pdf; exit 0", "does not open"),
        ("echo javaldx >&2; echo 'disk full' >&2; exit 0", r"It said: disk full\. "),
    ],
)
def test_code_zero_is_no_evidence(tmp_path: Path, fake: Path, does: str, said: str) -> None:
    script(fake, does)
    with pytest.raises(ToolFailed, match=said):
        converted(tmp_path, 2)


def test_pages_that_could_not_be_counted_before_are_not_compared(tmp_path: Path, fake: Path) -> None:
    (tmp_path / "three.pdf").write_bytes(pdf_bytes(3, "test"))
    script(fake, f"mkdir pdf; cp '{tmp_path}/three.pdf' pdf/in0.pdf")
    (pdf,) = converted(tmp_path, None)
    assert office.page_count(pdf) == 3


def test_the_program_knows_nothing_of_ours(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "canary")
    (tmp_path / "one.pdf").write_bytes(pdf_bytes(1, "test"))
    script(fake, f"mkdir pdf; env > seen; echo \"$@\" >> seen; cp '{tmp_path}/one.pdf' pdf/in0.pdf")
    converted(tmp_path, 1)
    seen = (tmp_path / "work" / "seen").read_text()
    assert "canary" not in seen
    assert "deck.pptx" not in seen, "soffice reads a copy under a neutral name"
    assert "--infilter=Impress MS PowerPoint 2007 XML" in seen
    assert f"HOME={tmp_path}/work" in seen, "its profile lies in its home"


def test_it_is_stopped_after_its_time(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "OFFICE", replace(office.OFFICE, wall=0.5))
    script(fake, "echo $$ > pid; sleep 60")
    with pytest.raises(TimedOut):
        converted(tmp_path, 1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "work" / "pid").read_text()), 0)


def test_every_setting_that_keeps_a_deck_from_acting_is_in_the_profile(tmp_path: Path, fake: Path) -> None:
    (tmp_path / "one.pdf").write_bytes(pdf_bytes(1, "test"))
    script(fake, f"mkdir pdf; cp '{tmp_path}/one.pdf' pdf/in0.pdf")
    converted(tmp_path, 1)
    profile = (tmp_path / "work/profile/user/registrymodifications.xcu").read_text()
    for name in ("DisableMacrosExecution", "BlockUntrustedRefererLinks"):
        assert f'<prop oor:name="{name}" oor:op="fuse"><value>true</value>' in profile
