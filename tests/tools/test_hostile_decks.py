"""Decks that point elsewhere, through the real LibreOffice: a server on loopback hears nobody."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.convert.slides import links as deck_links
from pipeline.convert.slides import sanitise
from pipeline.convert.slides import split as deck_parts
from pipeline.errors import CeilingExceeded, ToolFailed
from pipeline.model.facts import Embedded
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.probe import probe
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check
from pipeline.tools import office as settings
from pipeline.tools import office_shared
from pipeline.tools.programs import soffice
from samples.decks import pdf_bytes
from tests.tools import pointers
from tests.tools.test_hostile import Canary, listening, without_walls

pytestmark = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
Sample = Callable[[str], Path]


@pytest.fixture(scope="module")
def server() -> Iterator[Canary]:
    with listening() as canary:
        yield canary


def plain(folder: Path, suffix: str, *decks: Path) -> None:
    """LibreOffice as anybody starts it."""
    words = [soffice(), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to", suffix]
    subprocess.run([*words, "--outdir", str(folder), *decks], capture_output=True, timeout=300, check=True)


@pytest.fixture(scope="module")
def decks(server: Canary, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One deck of each format with all that it can point with; the .ppt with what LibreOffice makes of the .odp's."""
    folder = tmp_path_factory.mktemp("pointers")
    base = f"http://{server.at}"
    made = [
        pointers.pptx(sample("decks/good.pptx"), folder / "deck.pptx", base),
        pointers.odp(sample("decks/good.odp"), folder / "deck.odp", base),
    ]
    plain(folder, "ppt", made[1])
    return [*made, folder / "deck.ppt"]


@pytest.fixture(params=["fenced", "bare", "bare, started for each"])
def office(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    office_shared.close()
    if request.param != "fenced":
        without_walls(tmp_path, monkeypatch)
    if request.param.endswith("each"):
        monkeypatch.setattr(office_shared, "library", lambda _: None)
    yield
    office_shared.close()


def test_every_deck_says_that_it_points_outside(decks: list[Path]) -> None:
    for deck in decks:
        found = probe(deck).slides
        assert found is not None
        assert found.external_links, deck.name


def test_a_plain_office_follows_pictures_and_objects(tmp_path: Path, server: Canary, decks: list[Path]) -> None:
    """Else the test below could not fail."""
    server.asked.clear()
    plain(tmp_path, "pdf", *decks)
    asked = {line.split()[1] for line in server.asked if line.startswith(b"GET")}
    assert {b"/image", b"/oleObject", b"/object", b"/object-ole"} <= asked


@pytest.mark.every(2)
@pytest.mark.parametrize("layer", ["copies", "settings"])
def test_each_of_two_layers_is_enough_without_any_wall(
    layer: str, tmp_path: Path, server: Canary, decks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy without links under settings that would follow the network, and the decks themselves under ours."""
    office_shared.close()
    without_walls(tmp_path, monkeypatch)
    if layer == "copies":
        monkeypatch.setattr(settings, "_SETTINGS", [one for one in settings._SETTINGS if "Proxy" not in one[1]])
    server.calls.clear()
    for deck in decks[:2]:
        work = tmp_path / deck.suffix[1:]
        work.mkdir()
        read = {".pptx": sanitise.for_office, ".odp": sanitise.odp_for_office}[deck.suffix](deck, work)
        assert probe(read).slides != probe(deck).slides
        settings.to_pdf(settings.Deck(read if layer == "copies" else deck, deck.suffix[1:], 3), work)
    office_shared.close()
    assert server.calls == []


def test_a_slide_that_unpacks_without_end_is_refused(tmp_path: Path, sample: Sample) -> None:
    def edit(name: str, data: bytes) -> tuple[str, bytes]:
        return name, data + b" " * (80 << 20) if name == "ppt/slides/slide1.xml" else data

    with pytest.raises(CeilingExceeded, match=r"slide1\.xml"):
        probe(pointers.rewritten(sample("decks/good.pptx"), tmp_path / "bomb.pptx", edit))


def test_a_film_that_calls_itself_a_path_comes_out_under_our_name(tmp_path: Path, sample: Sample) -> None:
    def edit(name: str, data: bytes) -> tuple[str, bytes]:
        data = data.replace(b"../media/media1.mp4", b"../../../../evil.mp4") if name.endswith(".rels") else data
        return ("../../evil.mp4" if name.endswith(".mp4") else name), data

    path = pointers.rewritten(sample("decks/video.pptx"), tmp_path / "deck.pptx", edit)
    work = tmp_path / "in" / "work"
    work.mkdir(parents=True)
    ((_, film),) = deck_parts.media(path, [Embedded(1, "../../evil.mp4")], work)
    assert film == work / "media" / "slide-001-1.mp4"
    assert not list(tmp_path.rglob("evil*"))


FLAT = (
    '<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'office:mimetype="application/vnd.oasis.opendocument.presentation"><office:body><office:presentation/>'
    "</office:body></office:document>"
)


@pytest.mark.parametrize("format_", ["pptx", "ppt", "odp"])
@pytest.mark.parametrize("content", ["<html><body><h1>not a deck</h1></body></html>", FLAT])
def test_a_web_page_or_a_flat_document_under_a_decks_name_is_not_opened(
    tmp_path: Path, content: str, format_: str
) -> None:
    source = tmp_path / f"deck.{format_}"
    source.write_text(content)
    with pytest.raises(ToolFailed, match=f"does not begin like a {format_} deck"):
        settings.to_pdf(settings.Deck(source, format_, 2), tmp_path)
    assert check(Job(path=str(source), stem="deck", preset="convert/slides-to-pages")).status is Status.BLOCKED


HIDDEN = (
    "<Relationship Id='a' Type='x/image' Target='http://x' TargetMode='External'/>",
    '<r:Relationship Id="a" Type="x/oleObject" Target="file:///etc/passwd" TargetMode="&#69;xternal" />',
    '<Relationship\n\tTargetMode = "External"\nType="x/video" Id="a" Target="//host/share"></Relationship>',
)


@pytest.mark.parametrize("spelling", HIDDEN)
def test_no_spelling_hides_what_points_outside(spelling: str) -> None:
    kept = '<Relationship Id="b" Type="x/hyperlink" Target="http://y/?a=1&amp;b=2" TargetMode="External"/>'
    text = f'<r:Relationships xmlns:r="p" xmlns="p">{kept}{spelling}</r:Relationships>'
    new = deck_links._relationships(text.encode())
    assert new is not None
    assert kept.encode() in new
    assert new.count(b"<Relationship ") == 1
    inside = '<Relationship Id="b" Type="x/image" Target="../media/image1.png"/>'
    assert deck_links._relationships(f'<Relationships xmlns="p">{kept}{inside}</Relationships>'.encode()) is None


def test_an_open_document_keeps_its_words_and_what_people_follow() -> None:
    text = (
        '<o:body xmlns:o="o"><draw:image x:href="/etc/passwd"/><d:object l:href="../../x.odt"/>'
        '<text:a xlink:href="http://y/?a=1&amp;b=2">a &lt; "b" &amp; 汉</text:a>'
        '<draw:image xlink:href="Pictures/1.png"/><draw:object xlink:href="./Object 1"/></o:body>'
    )
    assert deck_links._leads_outside(text.encode())
    told = deck_links._emptied(text.encode()).decode()
    assert not deck_links._leads_outside(told.encode())
    assert "passwd" not in told
    assert "x.odt" not in told
    assert '<text:a xlink:href="http://y/?a=1&amp;b=2">a &lt; "b" &amp; 汉</text:a>' in told
    assert 'xlink:href="Pictures/1.png"' in told
    assert not deck_links._leads_outside(b'<a><draw:object xlink:href="./Object 1"/></a>')


@pytest.mark.every(3)
def test_ours_calls_nobody_and_makes_every_page(
    tmp_path: Path, server: Canary, decks: list[Path], office: None
) -> None:
    server.calls.clear()
    for deck in decks:
        out = tmp_path / "out"
        job = Job(path=str(deck), stem=deck.suffix[1:], preset="convert/slides-to-pages", out=str(out))
        outcome = preparing.prepare(check(job), lambda _: None)
        assert outcome.status is Status.FIXED, outcome.error
        assert sum(output.category == "PAGE" for output in outcome.outputs) == 3
    assert server.calls == []


def cut(source: Path, target: Path) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: len(data) * 2 // 3])
    return target


def of_ten_thousand(sample: Sample, target: Path) -> Path:
    """A deck of 10,000 slides, which are one and the same."""
    if target.suffix == ".pdf":
        target.write_bytes(pdf_bytes(10_000, "PowerPoint"))
    elif target.suffix == ".odp":
        page = '<draw:page draw:name="p"/>' * 10_000
        body = f'<office:document-content xmlns:office="o" xmlns:draw="d">{page}</office:document-content>'
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
            package.writestr("mimetype", "application/vnd.oasis.opendocument.presentation")
            package.writestr("content.xml", body)
    else:
        ids = "".join(f'<p:sldId id="{1000 + n}" r:id="rId7"/>' for n in range(9_999))
        with zipfile.ZipFile(sample("decks/4x3.pptx")) as package:
            known = re.search(rb'<p:sldId [^>]*r:id="(rId\d+)"', package.read("ppt/presentation.xml"))
        assert known is not None
        pointers.rewritten(
            sample("decks/4x3.pptx"),
            target,
            lambda name, data: (
                name,
                data.replace(b"</p:sldIdLst>", ids.replace("rId7", known[1].decode()).encode() + b"</p:sldIdLst>"),
            ),
        )
    return target


@pytest.mark.parametrize("name", ["deck.pptx", "deck.odp", "deck.pdf"])
def test_ten_thousand_slides_are_refused_with_what_to_do(name: str, tmp_path: Path, sample: Sample) -> None:
    report = check(Job(path=str(of_ten_thousand(sample, tmp_path / name)), stem="x", preset="convert/slides-to-pages"))
    assert report.error is not None
    assert re.search(r"10000 (slides|pages), above the ceiling of 2000\. Split", report.error.message.en)


@pytest.mark.parametrize(
    ("name", "said"), [("pptx", "cut short"), ("ppt", "cut short"), ("odp", "cut short"), ("pdf", "")]
)
def test_a_deck_that_was_cut_short_says_so(name: str, said: str, tmp_path: Path, sample: Sample) -> None:
    path = cut(sample(f"decks/good.{name}"), tmp_path / f"deck.{name}")
    report = check(Job(path=str(path), stem="x", preset="convert/slides-to-pages"))
    assert report.error is not None
    assert report.error.message.en.startswith(f"deck.{name} ")
    assert name == "pdf" or "cut short" in report.error.message.en  # PDFium only says that it does not open
