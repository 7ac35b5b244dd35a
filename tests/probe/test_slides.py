"""Decks are counted, measured and searched without opening them in any office program."""

from __future__ import annotations

import copy
import io
import struct
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.util import Inches

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_PAGES
from pipeline.model.facts import Embedded, SlidesInfo
from pipeline.probe import probe
from samples import SAMPLES, build, decks, missing
from samples.decks import compound_file, pdf_bytes
from tests import ROOT

OUT = ROOT / "samples" / "out"
WIDE = (Fraction(960), Fraction(540))


def sample(name: str) -> Path:
    if missing(SAMPLES[name]):
        pytest.skip(f"{name} needs LibreOffice, which is not installed")
    return build([name], OUT)[name]


def facts(name: str) -> SlidesInfo:
    slides = probe(sample(f"decks/{name}")).slides
    assert slides is not None
    return slides


def deck(path: Path, fill: Callable[[Any], None]) -> SlidesInfo:
    presentation = Presentation()
    fill(presentation.slides.add_slide(presentation.slide_layouts[5]))
    presentation.save(path)
    slides = probe(path).slides
    assert slides is not None
    return slides


def edited(source: Path, target: Path, edit: Callable[[str, bytes], bytes]) -> Path:
    """A deck with each part passed through `edit`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, edit(name, old.read(name)))
    return target


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "good.pptx",
            {
                "format": "pptx",
                "pages": 3,
                "hidden": 0,
                "encrypted": False,
                "valid": True,
                "fonts": ("Noto Sans CJK SC",),
                "animations": 0,
                "transitions": 0,
                "media": 0,
                "animated_pictures": 0,
                "external_links": 0,
                "macros": False,
                "page_texts": ("说话时声音要自然。", "每句话之间停顿一秒。", "面对镜头保持微笑。"),
            },
        ),
        ("4x3.pptx", {"page_size": (Fraction(720), Fraction(540))}),
        ("animated.pptx", {"animations": 1, "transitions": 0}),
        ("transition.pptx", {"animations": 0, "transitions": 1}),
        ("hidden-slide.pptx", {"pages": 2, "hidden": 1}),
        ("video.pptx", {"media": 1, "animations": 0, "embedded": (Embedded(1, "ppt/media/media1.mp4"),)}),
        ("linked-picture.pptx", {"external_links": 1}),
        ("linked-file.pptx", {"external_links": 1}),
        ("missing-font.pptx", {"fonts": ("Kein Solcher Font",)}),
        ("101-slides.pptx", {"pages": 101}),
        ("no-slides.pptx", {"pages": 0, "fonts": (), "page_texts": ()}),
        ("template.potx", {"format": "potx", "pages": 3}),
        ("good.odp", {"format": "odp", "pages": 3, "hidden": 0, "valid": True, "macros": False}),
        ("good.ppt", {"format": "ppt", "pages": 3, "hidden": 0, "page_size": WIDE, "encrypted": False}),
        (
            "from-powerpoint.pdf",
            {
                "format": "pdf",
                "pages": 3,
                "page_size": WIDE,
                "producer": "Microsoft® PowerPoint® 2019",
                "version": "1.7",
                "encrypted": False,
                "fonts": ("Helvetica",),
                "embedded_fonts": (),
                "scanned": 0,
                "page_sizes": 1,
                "restricted": False,
            },
        ),
        ("from-acrobat.pdf", {"producer": "Adobe PDF Library 15.0"}),
        ("unknown-maker.pdf", {"producer": None}),
        ("101-pages.pdf", {"pages": 101, "longest_page_text": len("Page 101 of 101")}),
    ],
)
def test_facts(name: str, wanted: dict[str, Any]) -> None:
    slides = facts(name)
    assert {key: getattr(slides, key) for key in wanted} == wanted


@pytest.mark.parametrize("name", ["good.odp", "good.ppt"])
def test_what_libreoffice_writes_says_the_same_as_its_source(name: str) -> None:
    assert facts(name).page_texts == facts("good.pptx").page_texts
    assert "Noto Sans CJK SC" in facts(name).fonts


@pytest.mark.every(2)
@pytest.mark.parametrize("suffix", ["ppt", "odp"])
def test_the_other_office_formats_hide_move_and_fade_alike(suffix: str, tmp_path: Path) -> None:
    if missing(SAMPLES["decks/good.ppt"]):
        pytest.skip("LibreOffice is not installed")

    def everything() -> Any:
        made = decks._animated()
        made.slides[1]._element.append(decks._transition().slides[0]._element[-1])
        decks._slide(made, "hidden")._element.set("show", "0")
        made.slides[1].notes_slide.notes_text_frame.text = "said"
        return made

    path = tmp_path / f"a.{suffix}"
    decks._converted(everything, suffix, path)
    slides = probe(path).slides
    assert (slides.pages, slides.hidden, slides.animations, slides.transitions) == (2, 1, 1, 1)
    assert slides.page_texts == ("1. 欢迎来到数字人课堂。", "said")


def test_notes_come_before_the_slides_own_words() -> None:
    slides = facts("notes.pptx")
    assert slides.longest_page_text == max(map(len, slides.page_texts)) > 2048
    assert slides.page_texts[1] == "2. 今天我们学习如何准备素材。"


def test_sections_list_slides_that_are_already_there(tmp_path: Path) -> None:
    section = (
        b'<p:extLst><p:ext uri="{521415D9-36F7-43E2-AB2F-B90AF26B5E84}"><p14:sectionLst xmlns:p14='
        b'"http://schemas.microsoft.com/office/powerpoint/2010/main"><p14:section name="A" id="{0}"><p14:sldIdLst>'
        b'<p14:sldId id="256"/></p14:sldIdLst></p14:section></p14:sectionLst></p:ext></p:extLst></p:presentation>'
    )

    def edit(name: str, data: bytes) -> bytes:
        return data.replace(b"</p:presentation>", section) if name == "ppt/presentation.xml" else data

    slides = probe(edited(sample("decks/good.pptx"), tmp_path / "a.pptx", edit)).slides
    assert slides is not None
    assert (slides.pages, slides.valid) == (3, True)


@pytest.mark.parametrize(
    ("format_", "type_"),  # ECMA-376 part 1, 13.3.6, and [MS-OFFMACRO2] 2.2.1
    [
        ("ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml"),
        ("potx", "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml"),
        ("pptm", "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"),
        ("ppsm", "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml"),
        ("potm", "application/vnd.ms-powerpoint.template.macroEnabled.main+xml"),
    ],
)
def test_shows_templates_and_decks_with_macros_are_told_apart(format_: str, type_: str, tmp_path: Path) -> None:
    plain = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"

    def edit(name: str, data: bytes) -> bytes:
        return data.replace(plain, type_.encode()) if name == "[Content_Types].xml" else data

    slides = probe(edited(sample("decks/good.pptx"), tmp_path / "a.pptx", edit)).slides
    assert slides is not None
    assert (slides.format, slides.pages) == (format_, 3)


@pytest.mark.parametrize(("kept", "said"), [("the notes", "the notes"), ("", "on the slide")])
def test_notes_are_the_body_of_the_notes_page(kept: str, said: str, tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        slide.shapes.title.text = "on the slide"
        slide.notes_slide.notes_text_frame.text = kept
        other = slide.notes_slide.notes_placeholder
        number = copy.deepcopy(other._element)
        number.nvSpPr.nvPr.find(qn("p:ph")).set("type", "sldNum")
        number.txBody.p_lst[0].add_r("4")
        slide.notes_slide.shapes._spTree.append(number)

    assert deck(tmp_path / "a.pptx", fill).page_texts == (said,)


def test_a_hidden_slide_has_no_page_text() -> None:
    assert facts("hidden-slide.pptx").page_texts == ("1. 欢迎来到数字人课堂。", "3. 请保持房间安静。")


@pytest.mark.parametrize(
    ("name", "slide", "reason"),
    [("broken-slide.pptx", 2, "unclosed token"), ("entity-bomb.pptx", 1, "document type")],
)
def test_a_slide_that_cannot_be_parsed_is_named_and_counts_are_unknown(name: str, slide: int, reason: str) -> None:
    info = probe(sample(f"decks/{name}"))
    assert info.slides.valid is False
    assert (info.slides.pages, info.slides.fonts, info.slides.page_texts) == (None, None, None)
    assert f"slide {slide}" in info.remarks[0].en
    assert reason in info.remarks[0].en


def test_a_deck_with_a_password() -> None:
    assert facts("encrypted.pptx") == SlidesInfo(format="pptx", encrypted=True)


def test_text_that_names_no_font_takes_the_themes(tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        slide.shapes.title.text = "Title"

    assert deck(tmp_path / "a.pptx", fill).fonts == ("Calibri",)


def test_fonts_of_empty_text_are_not_used(tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        run = slide.shapes.title.text_frame.paragraphs[0].add_run()
        run.text, run.font.name = "  ", "Nowhere Sans"

    assert deck(tmp_path / "a.pptx", fill).fonts == ()


@pytest.mark.parametrize(("frames", "count"), [(1, 0), (3, 1)])
def test_gifs_count_only_when_they_move(tmp_path: Path, frames: int, count: int) -> None:
    data = io.BytesIO()
    first, *rest = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")][:frames]
    first.save(data, "GIF", save_all=True, append_images=rest)

    def fill(slide: Any) -> None:
        slide.shapes.add_picture(data, Inches(1), Inches(1))

    assert deck(tmp_path / "a.pptx", fill).animated_pictures == count


def test_a_hyperlink_is_no_link_to_an_outside_file(tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        run = slide.shapes.title.text_frame.paragraphs[0].add_run()
        run.text, run.hyperlink.address = "here", "https://example.org/"

    assert deck(tmp_path / "a.pptx", fill).external_links == 0


def test_macros_are_seen_by_their_part(tmp_path: Path) -> None:
    path = tmp_path / "a.pptm"
    path.write_bytes(sample("decks/4x3.pptx").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("ppt/vbaProject.bin", b"code")
    assert probe(path).slides.macros is True


def test_a_deck_without_its_list_of_slides_is_unreadable(tmp_path: Path) -> None:
    path = edited(
        sample("decks/4x3.pptx"),
        tmp_path / "a.pptx",
        lambda name, data: data[: len(data) // 2] if name == "ppt/presentation.xml" else data,
    )
    with pytest.raises(Unreadable, match=r"a\.pptx"):
        probe(path)


def test_a_deck_cut_short_is_unreadable(tmp_path: Path) -> None:
    data = sample("decks/good.pptx").read_bytes()
    (tmp_path / "a.pptx").write_bytes(data[: len(data) // 2])
    with pytest.raises(Unreadable, match="cut short"):
        probe(tmp_path / "a.pptx")


def test_too_many_slides_are_refused(tmp_path: Path) -> None:
    more = b'<p:sldId xmlns:r="http://x" id="300" r:id="rId99"/>' * (MAX_PAGES + 1)
    path = edited(
        sample("decks/4x3.pptx"),
        tmp_path / "a.pptx",
        lambda name, data: (
            data.replace(b"</p:sldIdLst>", more + b"</p:sldIdLst>") if name == "ppt/presentation.xml" else data
        ),
    )
    with pytest.raises(CeilingExceeded, match="slides"):
        probe(path)


# --- PDF ------------------------------------------------------------------------------------------------


def test_a_cut_pdf_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"truncated\.pdf"):
        probe(sample("broken/truncated.pdf"))


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(MAX_PAGES + 1, "x"))
    with pytest.raises(CeilingExceeded, match="pages"):
        probe(tmp_path / "a.pdf")


def test_a_page_larger_than_pdf_allows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(1, "x").replace(b"0 0 960 540", b"0 0 90000 9"))
    with pytest.raises(CeilingExceeded, match="points"):
        probe(tmp_path / "a.pdf")


def test_films_in_a_pdf_are_counted(tmp_path: Path) -> None:
    note = b"/Annots[<</Type/Annot/Subtype/Screen/Rect[0 0 9 9]>><</Type/Annot/Subtype/Link/Rect[0 0 9 9]>>]"
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(1, "x").replace(b"/Resources", note + b"/Resources"))
    assert probe(tmp_path / "a.pdf").slides.media == 1


def hand_made(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first of them its root (PDF 1.7, 7.5)."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, len(out))
    return out + head + table + end


ROOT_OF_PDF, KIDS = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>"
LOCK = b"<</Filter/Standard/V 1/R 2/P -4/O(%s)/U(%s)>>" % (b"o" * 32, b"u" * 32)  # 7.6.3; no password fits


def verdict(path: Path) -> str:
    try:
        slides = probe(path).slides
    except Unreadable:
        return "broken"
    return "locked" if slides and slides.encrypted else "good"


def test_what_is_said_of_a_deck_does_not_depend_on_the_one_before(tmp_path: Path) -> None:
    current = struct.pack("<HHIIII", 0, 0x0FF6, 24, 0x14, 0xF3D1C4DF, 0) + bytes(4096)
    streams = {"Current User": current, "PowerPoint Document": bytes(4096)}
    made = {
        "pdf": {
            "good": hand_made(ROOT_OF_PDF, KIDS, PAGE),
            "locked": hand_made(ROOT_OF_PDF, KIDS, PAGE, LOCK, trailer=b"/Encrypt 4 0 R/ID[(a)(a)]"),
            "broken": hand_made(b"<</Type/Catalog>>"),
        },
        "ppt": {
            "good": sample("decks/good.ppt").read_bytes(),
            "locked": compound_file(streams),
            "broken": compound_file(streams | {"Current User": bytes(4096)}),
        },
        "pptx": {
            "good": sample("decks/good.pptx").read_bytes(),
            "locked": sample("decks/encrypted.pptx").read_bytes(),
            "broken": sample("decks/good.pptx").read_bytes()[:-200],
        },
    }
    files = [(state, tmp_path / f"{state}.{suffix}") for suffix, states in made.items() for state in states]
    for state, path in files:
        path.write_bytes(made[path.suffix[1:]][state])
    for first in files:
        for second in files:
            for state, path in (first, second):
                assert verdict(path) == state, (first[1].name, second[1].name)


# --- compound files -------------------------------------------------------------------------------------


def test_an_encrypted_ppt_says_so(tmp_path: Path) -> None:
    current = struct.pack("<HHIII", 0, 0x0FF6, 24, 0x14, 0xF3D1C4DF) + bytes(4096)
    (tmp_path / "a.ppt").write_bytes(compound_file({"Current User": current, "PowerPoint Document": bytes(4096)}))
    assert probe(tmp_path / "a.ppt").slides == SlidesInfo(format="ppt", encrypted=True)


def test_a_ppt_whose_newest_edit_names_keys_is_encrypted(tmp_path: Path) -> None:
    current = struct.pack("<HHIIII", 0, 0x0FF6, 24, 0x14, 0xE391C05F, 0) + bytes(4096)
    edit = struct.pack("<HHI8I", 0, 0x0FF5, 32, 0, 0, 0, 40, 1, 0, 0, 2).ljust(4096, b"\x5a")  # [MS-PPT] 2.3.3
    (tmp_path / "a.ppt").write_bytes(compound_file({"Current User": current, "PowerPoint Document": edit}))
    slides = probe(tmp_path / "a.ppt").slides
    assert slides is not None
    assert slides.encrypted


def test_a_ppt_whose_records_lead_nowhere_is_unreadable(tmp_path: Path) -> None:
    current = struct.pack("<HHIIII", 0, 0x0FF6, 24, 0x14, 0xE391C05F, 0x7FFFFFFF) + bytes(4096)
    (tmp_path / "a.ppt").write_bytes(compound_file({"Current User": current, "PowerPoint Document": bytes(4096)}))
    with pytest.raises(Unreadable, match="outside the document"):
        probe(tmp_path / "a.ppt")


def test_a_compound_file_that_loops_is_unreadable(tmp_path: Path) -> None:
    data = bytearray(compound_file({"Current User": bytes(4096), "PowerPoint Document": bytes(4096)}))
    data[512 + 4 : 512 + 8] = struct.pack("<I", 1)  # the directory's sector is followed by itself
    (tmp_path / "a.ppt").write_bytes(data)
    with pytest.raises(Unreadable, match="loop"):
        probe(tmp_path / "a.ppt")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_ppt_is_unreadable_and_nothing_worse(tmp_path: Path, share: float) -> None:
    data = sample("decks/good.ppt").read_bytes()
    (tmp_path / "a.ppt").write_bytes(data[: int(len(data) * share)])
    try:
        slides = probe(tmp_path / "a.ppt").slides
    except Unreadable:
        return
    assert slides is None or slides.pages == 3, "what was cut off was not needed"
