"""LibreOffice under supervision: a PDF that is right, or an error that says why."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pypdfium2
import pytest
from msgspec.structs import asdict, replace
from PIL import Image
from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml import parse_xml
from pptx.util import Inches

from pipeline.errors import ProofFailed, TimedOut, ToolFailed
from pipeline.tools import office, office_shared, programs
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


def pictured(path: Path) -> Path:
    """A deck with one large picture a slide: a JPEG, a PNG, a BMP and a GIF, red in the middle."""
    made = Presentation()
    picture = Image.effect_noise((1200, 800), 90).convert("RGB")
    picture.paste((200, 40, 40), (300, 200, 900, 600))
    for format_ in ("JPEG", "PNG", "BMP", "GIF"):
        data = io.BytesIO()
        picture.save(data, format_)
        data.seek(0)
        made.slides.add_slide(made.slide_layouts[6]).shapes.add_picture(data, Inches(1), Inches(1), Inches(7))
    made.save(str(path))
    return path


def slow(path: Path) -> Path:
    """A deck that keeps the real program busy for half a minute: soft edges as wide as the slide, drawn forty times."""
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[6])
    space = "http://schemas.openxmlformats.org/drawingml/2006/main"
    for number in range(40):
        shape: Any = slide.shapes.add_shape(1, Inches(0.01 * number), 0, Inches(8), Inches(6))
        effects = f'<a:effectLst xmlns:a="{space}"><a:softEdge rad="2000000"/></a:effectLst>'
        shape._element.spPr.append(parse_xml(effects))
    made.save(str(path))
    return path


def linked(path: Path, target: str, picture: Path) -> Path:
    """A deck that shows `picture` from `target`, outside of it."""
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[6])
    shape: Any = slide.shapes.add_picture(str(picture), Inches(1), Inches(1), Inches(5))
    space = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
    blip = shape.element.find(".//{http://schemas.openxmlformats.org/drawingml/2006/main}blip")
    del blip.attrib[f"{space}embed"]
    blip.set(f"{space}link", slide.part.relate_to(target, RELATIONSHIP_TYPE.IMAGE, is_external=True))
    made.save(str(path))
    return path


# ------------------------------------------------------------------------------- the real program


@pytest.fixture(params=["shared", "started"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to an office: the one this process keeps for test after test, and one started for the deck."""
    if request.param == "started":
        monkeypatch.setattr(office_shared, "library", lambda _: None)
    return str(request.param)


@pytest.fixture(autouse=True, scope="module")
def _ended() -> Iterator[None]:
    yield
    office_shared.close()


@pytest.fixture
def shared() -> Iterator[None]:
    """An office of the test's own, ended afterwards."""
    office_shared.close()
    if office_shared.library(programs.soffice()) is None:
        pytest.skip("this LibreOffice cannot be loaded as a library")
    yield
    office_shared.close()


def work_in(tmp_path: Path, name: str = "work") -> Path:
    """A private folder beside those of other tests: one office works for them."""
    work = tmp_path.parent / "out" / f"{tmp_path.name}-{name}"
    work.mkdir(parents=True)
    return work


def pixels(pdf: Path) -> list[bytes]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [bytes(page.render(scale=1).buffer) for page in document]


def left_over(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path.parent / "out").glob(".preflight-work-*"))


def officers() -> list[int]:
    """Offices that this process has running, below the launchers that guard them."""
    parents: dict[int, int] = {}
    offices = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if place.name.isdigit():
                parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                words = (place / "cmdline").read_bytes()
                offices += [int(place.name)] if b"office_kit.py" in words and b"launch.py" not in words else []

    def ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return [pid for pid in offices if ours(pid)]


@pytest.mark.every(2)
@needs_soffice
def test_a_hidden_slide_has_no_page(tmp_path: Path, way: str) -> None:
    source = deck(tmp_path / "deck 二 #1%.pptx", 3, hidden=(1,))
    pdf = office.to_pdf(Deck(source, "pptx", 2), work_in(tmp_path))
    assert shown(pdf) == ["slide 0", "slide 2"]


@needs_soffice
def test_a_page_too_many_is_a_failure(tmp_path: Path) -> None:
    source = deck(tmp_path / "deck.pptx", 3)
    with pytest.raises(ProofFailed, match=r"deck\.pptx: the PDF has 3 pages .* 2 visible slides"):
        office.to_pdf(Deck(source, "pptx", 2), work_in(tmp_path))


@needs_soffice
def test_a_picture_outside_the_deck_stays_outside(tmp_path: Path, way: str) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (200, 200), MARKER).save(secret)
    source = linked(tmp_path / "deck.pptx", secret.as_uri(), secret)
    pdf = office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path))
    with pypdfium2.PdfDocument(pdf) as document:
        colours = document[0].render().to_pil().convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert MARKER not in {colour for _, colour in colours}


@needs_soffice
def test_a_spreadsheet_under_a_decks_name_is_not_taken_for_a_deck(tmp_path: Path) -> None:
    source = tmp_path / "deck.odp"
    with zipfile.ZipFile(source, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises((ToolFailed, ProofFailed)):
        office.to_pdf(Deck(source, "odp", 2), work_in(tmp_path))


@needs_soffice
def test_an_office_that_stays_makes_the_same_pages_as_one_started_for_the_deck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None
) -> None:
    source = pictured(tmp_path / "deck.pptx")
    kept = office.to_pdf(Deck(source, "pptx", 4), work_in(tmp_path, "work1"))
    monkeypatch.setattr(office_shared, "library", lambda _: None)
    started = office.to_pdf(Deck(source, "pptx", 4), work_in(tmp_path, "work2"))
    assert pixels(kept) == pixels(started)


@needs_soffice
def test_pictures_of_every_format_are_on_the_page(tmp_path: Path) -> None:
    pdf = office.to_pdf(Deck(pictured(tmp_path / "deck.pptx"), "pptx", 4), work_in(tmp_path))
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            middle = page.render(scale=1).to_pil().convert("RGB").getpixel((300, 250))
            assert middle == pytest.approx((200, 40, 40), abs=6)


# --------------------------------------------------------------------------- one office, many decks


@needs_soffice
def test_one_office_serves_deck_after_deck(tmp_path: Path, shared: None) -> None:
    running = set[int]()
    for number in range(1, 4):
        source = deck(tmp_path / f"{number}.pptx", number)
        pdf = office.to_pdf(Deck(source, "pptx", number), work_in(tmp_path, f"work{number}"))
        assert shown(pdf) == [f"slide {n}" for n in range(number)]
        running.update(officers())
    assert len(running) == 1
    office_shared.close()
    assert officers() == []
    assert left_over(tmp_path) == []


@needs_soffice
def test_a_new_office_is_started_when_one_has_served_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None
) -> None:
    monkeypatch.setattr(office_shared, "LIFE", 2)
    source, running = deck(tmp_path / "deck.pptx", 1), set[int]()
    for number in range(3):
        office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path, f"work{number}"))
        running.update(officers())
    assert len(running) == 2


@needs_soffice
def test_a_deck_that_takes_too_long_costs_its_own_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None
) -> None:
    """LibreOffice is stopped in its tracks, which looks from outside like one that hangs."""
    patience = SimpleNamespace(**{**asdict(office_shared._ceiling()), "quiet": 600.0})
    monkeypatch.setattr(office_shared, "_ceiling", lambda: patience)
    good = deck(tmp_path / "deck.pptx", 1)
    office.to_pdf(Deck(good, "pptx", 1), work_in(tmp_path, "work1"))
    for pid in officers():
        os.kill(pid, signal.SIGSTOP)
    patience.quiet = 0.5
    with pytest.raises(TimedOut, match=r"deck\.pptx: LibreOffice was stopped after 120 s"):
        office.to_pdf(Deck(good, "pptx", 1), work_in(tmp_path, "work2"))
    assert officers() == []
    patience.quiet = 600.0
    office.to_pdf(Deck(good, "pptx", 1), work_in(tmp_path, "work3"))


@needs_soffice
def test_a_deck_whose_office_died_of_another_gets_a_new_one(tmp_path: Path, shared: None) -> None:
    source = deck(tmp_path / "deck.pptx", 1)
    office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path, "work1"))
    dead = officers()
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    made = office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path, "work2"))
    assert made.read_bytes().startswith(b"%PDF-")
    assert dead
    assert not set(dead) & set(officers())


@needs_soffice
def test_a_deck_that_kills_every_office_is_told_by_name(tmp_path: Path, shared: None) -> None:
    good, poisoned = deck(tmp_path / "deck.pptx", 1), slow(tmp_path / "slow.pptx")
    office.to_pdf(Deck(good, "pptx", 1), work_in(tmp_path, "work1"))
    over = threading.Event()

    def assassin() -> None:
        while not over.wait(0.2):
            for pid in officers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=assassin)
    killer.start()
    try:
        with pytest.raises(ToolFailed, match=r"slow\.pptx: .*crashed"):
            office.to_pdf(Deck(poisoned, "pptx", 1), work_in(tmp_path, "work2"))
    finally:
        over.set()
        killer.join()
    office.to_pdf(Deck(good, "pptx", 1), work_in(tmp_path, "work3"))


@needs_soffice
def test_an_office_that_does_not_start_as_a_library_is_started_as_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None
) -> None:
    script = tmp_path / "kit.py"
    script.write_text("raise SystemExit('no such library')")
    monkeypatch.setattr(office_shared, "_SCRIPT", str(script))
    source = deck(tmp_path / "deck.pptx", 1)
    assert shown(office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path))) == ["slide 0"]


@needs_soffice
def test_an_office_nobody_asks_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None) -> None:
    monkeypatch.setattr(office_shared, "IDLE", 0.1)
    source = deck(tmp_path / "deck.pptx", 1)
    office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path, "work1"))
    deadline = time.monotonic() + 20
    while officers():
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.1)
    office.to_pdf(Deck(source, "pptx", 1), work_in(tmp_path, "work2"))


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


def converted(tmp_path: Path, pages: int | None) -> Path:
    source, work = deck(tmp_path / "deck.pptx"), tmp_path / "work"
    work.mkdir()
    return office.to_pdf(Deck(source, "pptx", pages), work)


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
    pdf = converted(tmp_path, None)
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
    script(fake, "exec sleep 60.125")
    with pytest.raises(TimedOut):
        converted(tmp_path, 1)
    running = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            running.append((place / "cmdline").read_bytes())
    assert b"sleep\x0060.125\x00" not in running


def test_every_setting_that_keeps_a_deck_from_acting_is_in_the_profile(tmp_path: Path, fake: Path) -> None:
    (tmp_path / "one.pdf").write_bytes(pdf_bytes(1, "test"))
    script(fake, f"mkdir pdf; cp '{tmp_path}/one.pdf' pdf/in0.pdf")
    converted(tmp_path, 1)
    profile = (tmp_path / "work/profile/user/registrymodifications.xcu").read_text()
    for name in ("DisableMacrosExecution", "BlockUntrustedRefererLinks"):
        assert f'<prop oor:name="{name}" oor:op="fuse"><value>true</value>' in profile
