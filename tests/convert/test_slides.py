"""Decks: to PDF, and to pictures of their pages."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from msgspec.structs import replace
from PIL import Image, ImageChops
from pptx import Presentation
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.oxml import parse_xml
from pptx.util import Inches, Pt

from pipeline.checks import CHECKS
from pipeline.convert.slides import convert as slides
from pipeline.convert.slides import pages, sanitise
from pipeline.convert.slides import pictures as deck_pictures
from pipeline.convert.slides import split as deck_parts
from pipeline.errors import ProofFailed, ToolFailed, Unreadable
from pipeline.model.facts import FontSwap, Kind, MediaInfo, Size, SlidesInfo, Text, Value
from pipeline.model.limits import OneOf
from pipeline.model.results import Category, Fix, Made, Plan
from pipeline.model.rules import Level, Role, Rule, Safety, Source
from pipeline.probe import probe
from pipeline.tools import fonts, office_shared
from samples import build
from samples._pictures import scene
from samples.decks import pdf_bytes
from tests.probe.test_slides import KIDS, hand_made

needs_soffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
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


@pytest.fixture(autouse=True, scope="module")
def _one_office() -> Iterator[None]:
    yield
    office_shared.close()


def converted(source: Path, wanted: Role, plan: Plan, tmp_path: Path) -> tuple[Made, ...]:
    work = tmp_path.parent / f"work-{tmp_path.name}"  # beside those of other tests: one office works for them
    work.mkdir()
    shares: list[float] = []
    made = slides.convert(source, probe(source), plan, wanted, work, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(Path(one.path).is_relative_to(work) for one in made)
    return made


def shown(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as document:
        return [page.get_textpage().get_text_bounded().strip() for page in document]


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
        assert first.tobytes() == front.tobytes()
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


def test_what_is_filled_into_a_form_is_drawn(tmp_path: Path) -> None:
    ticked = (
        b"<</Type/Annot/Subtype/Widget/FT/Btn/T(a)/V/Yes/AS/Yes/F 4/P 3 0 R/Rect[10 10 60 60]/AP<</N<</Yes 5 0 R>>>>>>"
    )
    red = b"<</Type/XObject/Subtype/Form/BBox[0 0 50 50]/Length 23>>stream\n1 0 0 rg 0 0 50 50 re f\nendstream"
    root = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Annots[4 0 R]>>"
    (tmp_path / "a.pdf").write_bytes(hand_made(root, KIDS, page, ticked, red))
    with pages.opened(tmp_path / "a.pdf", "a.pdf") as document:
        picture = pages.drawn(document, 0, Size(200, 100), "a.pdf")
    assert picture.getpixel((35, 65)) == (255, 0, 0)
    assert picture.getpixel((150, 50)) == (255, 255, 255)


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


@pytest.mark.every(2)
@needs_soffice
@pytest.mark.parametrize("name", ["decks/good.ppt", "decks/good.odp"])
def test_older_and_open_formats_become_pdf_too(tmp_path: Path, name: str) -> None:
    source = build([name], tmp_path / "samples")[name]
    (main,) = converted(source, role("pdf"), to("pdf"), tmp_path)
    after = probe(Path(main.path)).slides
    assert after is not None
    assert after.pages == 3


def with_a_button(path: Path) -> Path:
    """A slide with nothing on it but an ActiveX button that says Show, as PowerPoint stores one."""
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    button = (
        '<ax:ocx xmlns:ax="http://schemas.microsoft.com/office/2006/activeX" ax:persistence="persistPropertyBag" '
        'ax:classid="{D7053240-CE69-11CD-A777-00DD01143C57}"><ax:ocxPr ax:name="Caption" ax:value="Show"/></ax:ocx>'
    )
    shape = (
        '<xml xmlns:v="urn:schemas-microsoft-com:vml"><v:shape id="_x0000_s1027" '
        'style="position:absolute;left:48pt;top:42pt;width:186pt;height:36pt"/></xml>'
    )
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    parts = (
        ("/ppt/drawings/vmlDrawing1.vml", "application/vnd.openxmlformats-officedocument.vmlDrawing", shape),
        ("/ppt/activeX/activeX1.xml", "application/vnd.ms-office.activeX+xml", button),
    )
    ids = [
        slide.part.relate_to(Part(PackURI(name), type_, slide.part.package, data.encode()), f"{relations}/{kind}")
        for (name, type_, data), kind in zip(parts, ("vmlDrawing", "control"), strict=True)
    ]
    spaces = f'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="{relations}"'
    control = f'<p:control spid="1027" name="Button1" r:id="{ids[1]}" imgW="1523880" imgH="380880"/>'
    slide._element.cSld.append(parse_xml(f"<p:controls {spaces}>{control}</p:controls>"))
    deck.save(str(path))
    return path


@needs_soffice
def test_a_button_is_drawn_where_it_is(tmp_path: Path) -> None:
    source = with_a_button(tmp_path / "talk.pptx")
    _, _, page = converted(source, role("pdf", **PAGES), to("pdf"), tmp_path)
    with Image.open(page.path) as picture:
        at = ImageChops.invert(picture.convert("L")).getbbox()
        assert at is not None, "the page is empty"
        # 48 and 42 points from the edges of a page of 720 by 540, which is 480 pixels wide.
        assert all(abs(a - b) <= 3 for a, b in zip(at, (32, 28, 156, 52), strict=True)), at


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


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (640, 361)])
def test_a_page_picture_holds_every_pixel(size: tuple[int, int]) -> None:
    noise = [Image.effect_noise(size, 200 - n) for n in range(3)]
    picture = Image.merge("RGB", noise)
    with Image.open(io.BytesIO(pages.png(picture))) as read:
        read.load()
        assert (read.mode, read.size, read.info["srgb"]) == ("RGB", size, 1)
        assert read.tobytes() == picture.tobytes()


# ------------------------------------------------------------------------------------------- looks


def boxes(
    path: Path, lines: list[tuple[str, float, float, float]], wrap: bool | None, font: str = "Noto Sans CJK SC"
) -> Path:
    """A deck of one slide per line, each in a text box at (left, top) inches, in points."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    for words, left, top, size in lines:
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(8), Inches(1))
        box.text_frame.word_wrap = wrap
        run = box.text_frame.paragraphs[0].add_run()
        run.text, run.font.size, run.font.name = words, Pt(size), font
        for style in box.element.iter(f"{{{A}}}rPr"):
            style.append(parse_xml(f'<a:ea xmlns:a="{A}" typeface="{font}"/>'))
    deck.save(str(path))
    return path


LINES = [("Left and high", 0.5, 0.3, 24), ("欢迎来到数字人课堂。", 2.0, 3.5, 32), ("低处 Low", 4.5, 6.2, 40)]


@needs_soffice
@pytest.mark.parametrize("wrap", [True, False, None])
def test_text_stands_where_the_file_says(tmp_path: Path, wrap: bool | None) -> None:
    source = boxes(tmp_path / "deck.pptx", LINES, wrap)
    (main,) = converted(source, role("pdf"), to("pdf"), tmp_path)
    with pypdfium2.PdfDocument(main.path) as document:
        for page, (words, left, top, size) in zip(document, LINES, strict=True):
            width, height = page.get_size()
            text = page.get_textpage()
            boxes_ = [text.get_charbox(n) for n in range(len(words)) if words[n] != " "]
            # Insets of 0.1 and 0.05 inch; letters stand within their line, whose height is about 1.45 of the size.
            assert min(box[0] for box in boxes_) / width == pytest.approx((left + 0.1) / 13.333, abs=0.02)
            middle = height - (min(box[1] for box in boxes_) + max(box[3] for box in boxes_)) / 2
            assert middle / height == pytest.approx(((top + 0.05) * 72 + 1.45 * size / 2) / 540, abs=0.02)


@needs_soffice
def test_a_font_is_drawn_with_its_twin_and_as_wide(tmp_path: Path) -> None:
    if not {"carlito", "caladea"} <= (fonts.installed() or set()) or {"calibri", "cambria"} & (
        fonts.installed() or set()
    ):
        pytest.skip("needs Carlito and Caladea, and none of those they stand for")
    source = tmp_path / "deck.pptx"
    deck = Presentation()
    for font in ("Calibri", "Cambria"):
        frame = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, Inches(8), Inches(1)).text_frame
        run = frame.paragraphs[0].add_run()
        run.text, run.font.size, run.font.name = "H" * 20, Pt(20), font
    deck.save(str(source))
    (main,) = converted(source, role("pdf"), to("pdf"), tmp_path)
    found = probe(Path(main.path)).slides
    assert found is not None
    assert [name.partition("-")[0] for name in found.fonts or ()] == ["Carlito", "Caladea"]
    with pypdfium2.PdfDocument(main.path) as document:
        text = document[0].get_textpage()
        wide = (text.get_charbox(19)[0] - text.get_charbox(0)[0]) / 19
    assert wide == pytest.approx(20 * 1276 / 2048, rel=0.01), "the advance of H in Calibri: 1276 of 2048 units"


@needs_soffice
def test_chinese_is_drawn_with_letters_and_not_with_boxes(tmp_path: Path) -> None:
    """A missing letter is drawn as glyph 0, the same box for every letter: different letters look different."""
    words = "欢迎来到数字人课堂"
    source = boxes(tmp_path / "deck.pptx", [(letter, 1, 1, 60) for letter in words], True)
    _, _, *drawn = converted(source, role("pdf", **PAGES), Plan(), tmp_path)
    assert len({Path(page.path).read_bytes() for page in drawn}) == len(words)


@pytest.mark.parametrize(
    ("words", "size", "wraps"),
    [("短", 3200, True), ("长" * 40, 3200, False), ("W" * 100, 1800, False), ("a &amp; b", 1800, True)],
)
def test_a_loose_text_box_is_made_to_wrap_only_where_every_line_fits(words: str, size: int, wraps: bool) -> None:
    slide = (
        '<p:sld><p:sp><p:nvSpPr><p:cNvSpPr txBox="1"/></p:nvSpPr><p:spPr><a:xfrm><a:off x="0" y="0"/>'
        '<a:ext cx="7315200" cy="914400"/></a:xfrm></p:spPr><p:txBody><a:bodyPr wrap="none"><a:spAutoFit/></a:bodyPr>'
        f'<a:p><a:r><a:rPr sz="{size}"/><a:t>{words}</a:t></a:r></a:p></p:txBody></p:sp></p:sld>'
    )
    changed = slide.replace('wrap="none"', 'wrap="square"')
    assert sanitise.wrapped(slide.encode()).decode() == (changed if wraps else slide)


def test_what_never_ends_is_left_alone() -> None:
    slide = b'<p:sp><p:cNvSpPr txBox="1"/><a:bodyPr wrap="none">' * 20_000
    assert sanitise.wrapped(slide) == slide


# -------------------------------------------------------------------------------- taken out, smaller, in parts


def asked(check: str, value: int) -> Plan:
    return Plan(fixes=(Fix(check=check, stream=None, actual=value * 2, value=value, safety=Safety.LOSSY),))


def heavy(path: Path) -> Path:
    """A deck with a large photo-like PNG twice, one with a hole, and a name that the new one must not take."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    grain = Image.merge("RGB", [Image.effect_noise((1920, 1080), 10)] * 3)
    photo = Image.blend(scene(1920, 1080), grain, 0.1)
    clear = scene(300, 200).convert("RGBA")
    clear.putalpha(scene(300, 200).convert("L"))
    saved = []
    for picture in (photo, clear):
        data = io.BytesIO()
        picture.save(data, "PNG", compress_level=1)
        saved.append(data)
    for data in (saved[0], *saved):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        slide.shapes.add_picture(data, Inches(1), Inches(1), Inches(8))
    deck.save(str(path))
    return path


@needs_soffice
def test_large_pictures_are_made_smaller_and_pages_look_the_same(tmp_path: Path) -> None:
    source = heavy(tmp_path / "deck.pptx")
    budget = source.stat().st_size // 2
    (main,) = converted(source, role("pptx"), asked("file.size", budget), tmp_path)
    after = probe(Path(main.path))
    assert after.size <= budget
    assert after.slides is not None
    assert (after.slides.pages, after.slides.valid) == (3, True)
    (proof,) = main.proof
    assert proof.passed, proof.found
    shapes = [shape.image for slide in Presentation(main.path).slides for shape in slide.shapes]
    assert [image.content_type for image in shapes] == ["image/jpeg", "image/jpeg", "image/png"]


def test_pages_that_look_different_are_no_proof(tmp_path: Path) -> None:
    one, other = pdf(tmp_path / "one.pdf", 1), tmp_path / "other.pdf"
    other.write_bytes(one.read_bytes().replace(b"60 120 840 60 re", b"60 120 840 99 re"))
    assert deck_pictures.same_looks(one, one, "x").passed
    assert not deck_pictures.same_looks(one, other, "x").passed


def test_a_deck_that_pictures_alone_do_not_make_small_says_so(tmp_path: Path) -> None:
    source = build(["decks/video.pptx"], tmp_path / "samples")["decks/video.pptx"]
    with pytest.raises(ToolFailed, match=r"video\.pptx is still \d+ bytes"):
        slides.convert(source, probe(source), asked("file.size", 10_000), role("pptx"), tmp_path, lambda _: None)


def test_bytes_cannot_be_saved_in_a_pdf() -> None:
    with pytest.raises(ToolFailed, match=r"only pictures of a \.pptx"):
        slides.steps(info_of(format="pdf"), asked("file.size", 10_000), role("pdf"))


def test_a_long_deck_is_split_into_even_parts_with_their_notes_and_pictures(tmp_path: Path) -> None:
    source = build(["decks/good.pptx"], tmp_path / "samples")["decks/good.pptx"]
    made = converted(source, role("pptx"), asked("slides.pages", 2), tmp_path)
    assert [one.name for one in made] == ["{stem}-part1.pptx", "{stem}-part2.pptx"]
    whole, parts = probe(source).slides, [probe(Path(one.path)).slides for one in made]
    assert whole is not None
    assert sum((part.page_texts or () for part in parts if part), ()) == whole.page_texts
    assert [part.pages for part in parts if part] == [1, 2]
    assert sum(len(slide.shapes) for one in made for slide in Presentation(one.path).slides) == 6
    assert Path(made[0].path).stat().st_size < source.stat().st_size
    assert [(proof.found.en, proof.passed) for proof in made[0].proof] == [("1 + 2", True)]


def test_a_pdf_is_split_too(tmp_path: Path) -> None:
    made = converted(pdf(tmp_path / "talk.pdf", 5), role("pdf"), asked("slides.pages", 2), tmp_path)
    assert [page for one in made for page in shown(Path(one.path))] == [f"Page {n} of 5" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("slides_", "limit", "wanted"),
    [
        ("vvv", 2, [[0], [1, 2]]),
        ("vhv", 1, [[0, 1], [2]]),
        ("hvvh", 1, [[0, 1], [2, 3]]),
        ("vvvvv", 5, [[0, 1, 2, 3, 4]]),
    ],
)
def test_hidden_slides_stay_with_those_before_them(slides_: str, limit: int, wanted: list[list[int]]) -> None:
    assert [list(group) for group in deck_parts.groups([s == "v" for s in slides_], limit)] == wanted


def test_what_takes_the_place_of_a_font_is_said_per_font() -> None:
    swaps = (FontSwap("Calibri", "Carlito"), FontSwap("微软雅黑", None))
    said = [step.does.en for step in slides.steps(info_of(swaps=swaps), to("pdf"), role("pdf"))]
    assert said[1:] == [
        "Calibri is not installed; Carlito, which has the same widths, takes its place",
        "微软雅黑 is not installed; another font takes its place and lines may break elsewhere",
    ]


# ---------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"encrypted": True}, "encrypted"),
        ({"encrypted": True, "restricted": True}, "digital rights management"),
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
