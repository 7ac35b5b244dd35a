"""Decks: to PDF, and to pictures of their pages."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipeline.checks import CHECKS
from pipeline.convert import pages, slides
from pipeline.errors import ProofFailed, ToolFailed, Unreadable
from pipeline.limits import OneOf
from pipeline.model import (
    Category,
    Fix,
    Kind,
    Level,
    Made,
    MediaInfo,
    Plan,
    Role,
    Rule,
    Safety,
    Size,
    SlidesInfo,
    Source,
    Text,
    Value,
)
from pipeline.probe import probe
from samples import build
from samples.decks import pdf_bytes

needs_soffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")

PAGES: dict[str, Value] = {"format": "pdf", "pages": True, "page_box": Size(640, 360)}


def role(*formats: str, **deliver: Value) -> Role:
    rules: tuple[Rule, ...] = ()
    if formats:
        limit = OneOf(formats)
        source = Source("D", "1", "2025-01-01")
        rules = (Rule(id="r", check="slides.format", limit=limit, level=Level.ERROR, sources=(source,)),)
    return Role(
        name="slides",
        title=Text("slides", "幻灯片"),
        kinds=frozenset({Kind.SLIDES}),
        rules=rules,
        deliver=tuple(sorted(deliver.items())),
    )


def to(format_: str) -> Plan:
    fix = Fix(check="slides.format", stream=None, actual="x", value=format_, safety=Safety.LOSSY)
    return Plan(fixes=(fix,))


def info_of(**facts: object) -> MediaInfo:
    deck = replace(SlidesInfo(format="pptx", pages=2, valid=True, encrypted=False), **facts)  # type: ignore[arg-type]  # facts are named by the tests below
    return MediaInfo(name="deck.pptx", kind=Kind.SLIDES, size=1000, extension="pptx", slides=deck)


def converted(source: Path, wanted: Role, plan: Plan, tmp_path: Path) -> tuple[Made, ...]:
    work = tmp_path / "work"
    work.mkdir()
    shares: list[float] = []
    made = slides.convert(source, probe(source), plan, wanted, work, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(Path(one.path).is_relative_to(work) for one in made)
    return made


def pdf(path: Path, pages: int) -> Path:
    path.write_bytes(pdf_bytes(pages, "test"))
    return path


def test_handles_exactly_the_checks_that_say_a_deck_can_be_repaired() -> None:
    assert {name for name, check in CHECKS.items() if Kind.SLIDES in check.repairs} == slides.HANDLES


# ------------------------------------------------------------------------------------ from a PDF


def test_a_pdf_is_taken_as_it_is_and_drawn_page_by_page(tmp_path: Path) -> None:
    source = pdf(tmp_path / "talk.pdf", 12)
    made = converted(source, role("pdf", **PAGES), Plan(), tmp_path)
    main, cover, *drawn = made
    assert Path(main.path).read_bytes() == source.read_bytes()
    assert [main.category, cover.category] == [Category.MAIN, Category.COVER]
    assert [main.name, cover.name] == ["{stem}.pdf", "{stem}/cover.png"]
    assert [page.name for page in drawn] == [f"{{stem}}/page-{n:03}.png" for n in range(1, 13)]
    assert {page.category for page in drawn} == {Category.PAGE}
    with Image.open(drawn[0].path) as first, Image.open(cover.path) as front:
        assert first.size == (640, 360)
        assert first.info["srgb"] == 1
        assert list(first.get_flattened_data()) == list(front.get_flattened_data())
        # The bar lies 120 to 180 points above the foot of the page, 60 points in from the left.
        assert first.getpixel((320, 260)) == pytest.approx((26, 76, 76), abs=2)
        assert first.getpixel((5, 260)) == (255, 255, 255)


def test_a_standing_page_is_fitted_to_the_box_turned(tmp_path: Path) -> None:
    source = tmp_path / "letter.pdf"
    source.write_bytes(pdf_bytes(1, "test").replace(b"[0 0 960 540]", b"[0 0 540 960]"))
    (_, _, page) = converted(source, role("pdf", **PAGES), Plan(), tmp_path)
    with Image.open(page.path) as picture:
        assert picture.size == (360, 640)


def test_a_page_that_claims_to_be_huge_is_no_larger_in_pixels(tmp_path: Path) -> None:
    source = tmp_path / "wall.pdf"
    source.write_bytes(pdf_bytes(1, "test").replace(b"[0 0 960 540]", b"[0 0 14399 20]"))
    (_, _, page) = converted(source, role("pdf", **PAGES), Plan(), tmp_path)
    with Image.open(page.path) as picture:
        assert picture.size == (640, 1)


def test_a_deck_with_only_its_name_wrong_is_copied(tmp_path: Path) -> None:
    source = pdf(tmp_path / "talk.pptx", 1)
    (main,) = converted(source, role("pdf"), Plan(), tmp_path)
    assert main.name == "{stem}.pdf"
    assert Path(main.path).read_bytes() == source.read_bytes()


def test_pages_that_do_not_add_up_are_a_failure(tmp_path: Path) -> None:
    source = pdf(tmp_path / "talk.pdf", 3)
    info = probe(source)
    assert info.slides is not None
    info = replace(info, slides=replace(info.slides, pages=2))
    with pytest.raises(ProofFailed, match="3 PDF pages against 2"):
        slides.convert(source, info, Plan(), role("pdf", **PAGES), tmp_path, lambda _: None)


# --------------------------------------------------------------------------------- from PowerPoint


@needs_soffice
def test_a_deck_becomes_pdf_cover_and_pages_with_their_texts(tmp_path: Path) -> None:
    source = build(["decks/good.pptx"], tmp_path / "samples")["decks/good.pptx"]
    wanted = role("pdf", **PAGES)
    info = probe(source)
    assert info.slides is not None
    steps = slides.steps(info, to("pdf"), wanted)
    main, _, *drawn = converted(source, wanted, to("pdf"), tmp_path)
    assert steps[0].command[-1] == "in0.pptx"
    after = probe(Path(main.path)).slides
    assert after is not None
    assert (after.format, after.pages) == ("pdf", 3)
    assert tuple(page.text for page in drawn) == info.slides.page_texts
    with Image.open(drawn[0].path) as picture:
        assert picture.size == (640, 360)
        assert picture.convert("L").getextrema()[0] < 60, "something is drawn"


@needs_soffice
@pytest.mark.parametrize("name", ["decks/good.ppt", "decks/good.odp"])
def test_older_and_open_formats_become_pdf_too(tmp_path: Path, name: str) -> None:
    source = build([name], tmp_path / "samples")[name]
    (main,) = converted(source, role("pdf"), to("pdf"), tmp_path)
    after = probe(Path(main.path)).slides
    assert after is not None
    assert after.pages == 3


@needs_soffice
def test_texts_belong_to_the_slides_that_are_shown(tmp_path: Path) -> None:
    source = build(["decks/hidden-slide.pptx"], tmp_path / "samples")["decks/hidden-slide.pptx"]
    _, _, *drawn = converted(source, role("pdf", **PAGES), Plan(), tmp_path)
    assert [(page.text or "")[:2] for page in drawn] == ["1.", "3."]


@needs_soffice
def test_a_text_is_cut_where_the_platform_would_refuse_it(tmp_path: Path) -> None:
    source = build(["decks/notes.pptx"], tmp_path / "samples")["decks/notes.pptx"]
    info = probe(source)
    assert info.slides is not None
    long = replace(info.slides, page_texts=("x" * 3000, "", "y"))
    made = slides.convert(source, replace(info, slides=long), Plan(), role("pdf", **PAGES), tmp_path, lambda _: None)
    assert [page.text for page in made[2:]] == ["x" * pages.LONGEST_TEXT, None, "y"]


# ---------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"encrypted": True}, "encrypted"),
        ({"valid": False}, "cannot be parsed"),
        ({"pages": 0}, "no visible slide"),
    ],
)
def test_a_deck_that_would_lose_content_is_not_converted(facts: dict[str, object], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        slides.steps(info_of(**facts), to("pdf"), role("pdf"))


def test_an_empty_file_is_refused_before_libreoffice_makes_a_page_of_it() -> None:
    with pytest.raises(Unreadable, match="holds no slides"):
        slides.steps(replace(info_of(), size=0), to("pdf"), role("pdf"))


def test_a_format_that_cannot_be_made_here_says_what_to_do() -> None:
    with pytest.raises(ToolFailed, match="save it as pptx"):
        slides.steps(info_of(format="odp"), to("pptx"), role("pptx", "ppt"))


def test_pdf_is_made_where_the_role_takes_it_whatever_stands_first() -> None:
    assert "PDF" in slides.steps(info_of(format="odp"), to("pptx"), role("pptx", "pdf"))[0].does.en


def test_a_deck_that_is_accepted_and_wanted_without_pages_is_left_alone() -> None:
    assert [step.does.en for step in slides.steps(info_of(), Plan(), role("pptx"))] == ["kept as it is"]
