"""Every warning about a deck, on real decks: one that gets it and one that does not."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image
from pptx import Presentation
from pptx.util import Inches

from pipeline.model.facts import Embedded, FontSwap, Kind, Text
from pipeline.model.results import Verdict
from pipeline.model.rules import Role
from pipeline.probe import probe
from pipeline.probe.slides import ppt, ppt_records
from pipeline.rules import presets
from pipeline.rules.judge import judge
from pipeline.stages.check import role_of
from pipeline.tools import fonts
from samples import SAMPLES, build, missing
from samples.decks import compound_file, pdf_bytes
from tests import ROOT
from tests.convert.test_slides import boxes
from tests.tools.pointers import rewritten

OUT = ROOT / "samples" / "out"
LISTED, COVERED = fonts.installed, fonts.covered
PAGES = "convert/slides-to-pages"
Maker = Callable[[Path], Path]


def sample(name: str) -> Path:
    if missing(SAMPLES[f"decks/{name}"]):
        pytest.skip(f"{name} needs LibreOffice, which is not installed")
    return build([f"decks/{name}"], OUT)[f"decks/{name}"]


# --- decks no sample is made of -------------------------------------------------------------------------


def with_macros(folder: Path) -> Path:
    path = folder / "macros.pptm"
    path.write_bytes(sample("4x3.pptx").read_bytes())
    with zipfile.ZipFile(path, "a") as package:
        package.writestr("ppt/vbaProject.bin", b"code")
    return path


def with_moving_picture(folder: Path) -> Path:
    data = io.BytesIO()
    first, *rest = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    first.save(data, "GIF", save_all=True, append_images=rest)
    deck = Presentation()
    deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(data, Inches(1), Inches(1))
    deck.save(str(folder / "gif.pptx"))
    return folder / "gif.pptx"


def with_odd_letters(folder: Path) -> Path:
    """A code that Unicode has given to nothing, thus in no font; and what draws nothing by itself."""
    deck = Presentation()
    for words in ("plain words\u200d\ufe0f", "odd \U0001fbfa end"):
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = words
    deck.save(str(folder / "odd.pptx"))
    return folder / "odd.pptx"


def scanned(folder: Path) -> Path:
    Image.effect_noise((400, 300), 40).save(folder / "scan.pdf", "PDF")
    return folder / "scan.pdf"


def of_two_sizes(folder: Path) -> Path:
    pages = pdf_bytes(2, "PowerPoint").replace(b"[0 0 960 540]", b"[0 0 540 960]", 1)
    (folder / "sizes.pdf").write_bytes(pages)
    return folder / "sizes.pdf"


def rc4(key: bytes, data: bytes) -> bytes:
    state, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def locked(folder: Path, rights: int = -64) -> Path:
    """A PDF that anybody opens and nobody may print, change or copy (PDF 1.7, 7.6.3: revision 2, RC4)."""
    owner = rc4(md5(b"owner".ljust(5) + PAD[:27])[:5], PAD)
    number = b"0123456789abcdef"
    key = md5(PAD + owner + (rights & 0xFFFFFFFF).to_bytes(4, "little") + number)[:5]
    lock = f"<</Filter/Standard/V 1/R 2/O<{owner.hex()}>/U<{rc4(key, PAD).hex()}>/P {rights}>>"
    whole = pdf_bytes(1, "PowerPoint")
    trailer = f"/Encrypt {lock}/ID[<{number.hex()}><{number.hex()}>]>>\nstartxref".encode()
    (folder / "locked.pdf").write_bytes(whole.replace(b">>\nstartxref", trailer))
    return folder / "locked.pdf"


def under_rights_management(folder: Path) -> Path:
    streams = {"EncryptedPackage": bytes(4096), "\tDRMEncryptedTransform": bytes(4096)}
    (folder / "drm.pptx").write_bytes(compound_file(streams))
    return folder / "drm.pptx"


def of_bytes(size: int) -> Maker:
    """A PDF of so many bytes, nearly all of them a hole in the file."""

    def make(folder: Path) -> Path:
        whole = pdf_bytes(1, "PowerPoint")
        end = whole[whole.rindex(b"startxref") :]
        with (folder / f"{size}.pdf").open("wb") as file:
            file.write(whole)
            file.seek(size - len(end))
            file.write(end)
        return folder / f"{size}.pdf"

    return make


def of_pages(pages: int) -> Maker:
    def make(folder: Path) -> Path:
        (folder / f"{pages}-pages.pdf").write_bytes(pdf_bytes(pages, "PowerPoint"))
        return folder / f"{pages}-pages.pdf"

    return make


def misnamed(folder: Path) -> Path:
    return Path(shutil.copy(sample("good.pptx"), folder / "talk.pdf"))


def in_a_font_of_the_platform(folder: Path) -> Path:
    return boxes(folder / "deck.pptx", [("Maitree", 1, 1, 20)], True, font="Maitree")


# --- the table ------------------------------------------------------------------------------------------

# Rule, a deck that breaks it, a deck that does not; in every scenario that has the rule.
TABLE: list[tuple[str, str | Maker, str | Maker]] = [
    ("metastudio.video-production.ppt.max-pages-cn", "51-slides.pptx", "50-slides.pptx"),
    ("metastudio.video-production.ppt.max-pages-intl", "101-slides.pptx", "100-slides.pptx"),
    ("metastudio.video-production.ppt.max-bytes", of_bytes((100 << 20) + 1), of_bytes(100 << 20)),
    ("metastudio.video-production.ppt.max-bytes.decimal", of_bytes(100_000_001), of_bytes(100_000_000)),
    ("metastudio.video-production.ppt.fonts", "good.pptx", in_a_font_of_the_platform),
    ("metastudio.video-production.ppt.extension-agrees", misnamed, "good.pptx"),
    ("metastudio.upload.file-size.range", of_bytes((5 << 30) + 1), of_bytes(5 << 30)),
    ("metastudio.asset.file.type-supported", misnamed, "good.pptx"),
    ("metastudio.asset.ppt.pages.analysed", "51-slides.pptx", "50-slides.pptx"),
    ("metastudio.asset.ppt.pages.meta", of_pages(257), of_pages(256)),
    ("metastudio.asset.ppt.max-bytes", of_bytes((100 << 20) + 1), of_bytes(100 << 20)),
    ("metastudio.asset.ppt.max-bytes.decimal", of_bytes(100_000_001), of_bytes(100_000_000)),
    ("metastudio.asset.ppt.page-content.max-len", "notes.pptx", "good.pptx"),
    ("metastudio.asset.ppt.file-type", "good.odp", "good.ppt"),
    ("metastudio.asset.ppt.file-type.parts", "broken-slide.pptx", "good.pptx"),
    ("metastudio.asset.ppt.file-type.encrypted", "encrypted.pptx", "good.pptx"),
    ("metastudio.asset.ppt.pdf-origin", "from-acrobat.pdf", "from-powerpoint.pdf"),
    ("metastudio.asset.ppt.pdf-origin", "from-acrobat.pdf", "good.pdf"),
    ("metastudio.asset.ppt.pdf-origin.powerpoint", "from-acrobat.pdf", "from-powerpoint.pdf"),
    ("metastudio.asset.ppt.animation-absent", "animated.pptx", "good.pptx"),
    ("metastudio.asset.ppt.animation-absent", with_moving_picture, "good.pptx"),
    ("metastudio.asset.ppt.embedded-media", "video.pptx", "good.pptx"),
    ("metastudio.asset.ppt.complexity", "animated.pptx", "good.pptx"),
    ("metastudio.asset.ppt.rights", locked, "from-powerpoint.pdf"),
    ("metastudio.asset.ppt.rights", under_rights_management, "good.pptx"),
    ("metastudio.asset.ppt.outside", "linked-picture.pptx", "good.pptx"),
    ("metastudio.asset.ppt.macros", with_macros, "good.pptx"),
    ("metastudio.asset.ppt.canvas", "4x3.pptx", "good.pptx"),
    ("metastudio.asset.ppt.hidden", "hidden-slide.pptx", "good.pptx"),
    ("metastudio.asset.ppt.transitions", "transition.pptx", "good.pptx"),
    ("metastudio.asset.ppt.pdf-fonts", "from-powerpoint.pdf", "good.pdf"),
    ("metastudio.asset.ppt.pdf-scanned", scanned, "from-powerpoint.pdf"),
    ("metastudio.asset.ppt.page-sizes", of_two_sizes, "from-powerpoint.pdf"),
    ("convert.slides-to-pages.format", "good.pptx", "good.pdf"),
    ("convert.slides-to-pages.encrypted", "encrypted.pptx", "good.pptx"),
    ("convert.slides-to-pages.moving", "video.pptx", "good.pptx"),
    ("convert.slides-to-pages.outside", "linked-file.pptx", "good.pptx"),
    ("convert.slides-to-pages.transitions", "transition.pptx", "good.pptx"),
    ("convert.slides-to-pages.hidden", "hidden-slide.pptx", "good.pptx"),
    ("convert.slides-to-pages.canvas", "4x3.pptx", "good.pptx"),
    ("convert.slides-to-pages.extension-agrees", misnamed, "good.pptx"),
    ("convert.slides-to-pages.fonts", "missing-font.pptx", "good.pptx"),
    ("convert.slides-to-pages.reflow", "missing-font.pptx", "good.pptx"),
    ("convert.slides-to-pages.glyphs", with_odd_letters, "good.pptx"),
]
# No file system here takes a name that breaks it; tests/rules/cases has facts that do.
NO_SUCH_FILE = {"metastudio.upload.file-name.len"}

IN_FORCE: dict[str, list[Role]] = {}  # by rule: the role for decks of every scenario that has it
for _name in presets.names():
    for _role in presets.load(_name).roles:
        for _rule in _role.rules if _role.name == "slides" else ():
            IN_FORCE.setdefault(_rule.id, []).append(_role)


def test_every_rule_about_decks_has_its_decks() -> None:
    assert {rule for rule, _, _ in TABLE} | NO_SUCH_FILE == IN_FORCE.keys()


def verdicts(role: Role, rule: str, path: Path) -> set[Verdict]:
    return {finding.verdict for finding in judge(probe(path), role) if finding.rule.id == rule}


@pytest.fixture(autouse=True)
def _noto_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: frozenset({"noto sans cjk sc"}))
    monkeypatch.setattr(fonts, "covered", lambda: ((0x20, 0xFFFF),))


@pytest.mark.parametrize(("rule", "broken", "kept"), TABLE)
def test_a_deck_that_breaks_the_rule_and_one_that_does_not(
    tmp_path: Path, rule: str, broken: str | Maker, kept: str | Maker
) -> None:
    found = [sample(one) if isinstance(one, str) else one(tmp_path) for one in (broken, kept)]
    for role in IN_FORCE[rule]:
        assert Verdict.FAIL in verdicts(role, rule, found[0])
        assert verdicts(role, rule, found[1]) == {Verdict.PASS}


# --- fonts ----------------------------------------------------------------------------------------------


def test_a_font_is_replaced_by_its_twin_where_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: frozenset({"carlito", "noto sans cjk sc"}))
    assert fonts.swaps(["Calibri", "Cambria", "Noto_Sans_CJK_SC"]) == (
        FontSwap("Calibri", "Carlito"),
        FontSwap("Cambria", None),
    )


def test_a_font_the_deck_carries_is_not_replaced() -> None:
    assert fonts.swaps(["House Sans"], ["house sans"]) == ()


def test_without_fontconfig_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: None)
    assert fonts.swaps(["Calibri"]) is None
    slides = probe(sample("missing-font.pptx")).slides
    assert slides is not None
    assert (slides.swaps, slides.reflowing) == (None, None)


def test_doctor_says_what_serves_the_fonts_of_most_decks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: frozenset({"carlito", "noto sans cjk sc", "arial"}))
    told = fonts.doctored()
    assert (told["Calibri"], told["Arial"], told["Cambria"]) == ("Carlito", "Arial", None)
    assert told["Chinese"] == "noto sans cjk sc"


def test_the_fonts_of_this_machine_are_found() -> None:
    here = LISTED()
    assert here is None or (here and all(name == fonts.same(name) for name in here))


@pytest.mark.parametrize(
    ("words", "used"),
    [("Latin", ("Face A",)), ("汉字", ("Face B",)), ("Both 两种", ("Face A", "Face B"))],
)
def test_only_the_font_that_the_letters_need_is_used(tmp_path: Path, words: str, used: tuple[str, ...]) -> None:
    from pptx.oxml import parse_xml

    space = "http://schemas.openxmlformats.org/drawingml/2006/main"
    deck = Presentation()
    box = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, Inches(5), Inches(1))
    run = box.text_frame.paragraphs[0].add_run()
    run.text, run.font.name = words, "Face A"
    run._r.get_or_add_rPr().append(parse_xml(f'<a:ea xmlns:a="{space}" typeface="Face B"/>'))
    deck.save(str(tmp_path / "deck.pptx"))
    slides = probe(tmp_path / "deck.pptx").slides
    assert slides is not None
    assert slides.fonts == used
    assert slides.reflowing == 1


# --- where things are, and the other formats ------------------------------------------------------------


def test_a_warning_names_the_slides_and_the_words_that_will_move() -> None:
    deck = probe(sample("missing-font.pptx")).slides
    assert deck is not None
    (place,) = deck.places
    assert (place.slide, place.what) == (1, "reflow")
    assert place.detail is not None
    assert place.detail.en.endswith(" in Kein Solcher Font")
    assert place.detail.zh.endswith("”，字体为 Kein Solcher Font")
    role = role_of(presets.load(PAGES), Kind.SLIDES, None)
    assert role is not None
    found = judge(probe(sample("animated.pptx")), role)
    assert {f.where for f in found if f.rule.id == "convert.slides-to-pages.moving"} == {Text("slide 1", "幻灯片 1")}
    linked = judge(probe(sample("linked-picture.pptx")), role)
    (outside,) = [f for f in linked if f.rule.id == "convert.slides-to-pages.outside"]
    assert outside.where == Text("slide 1: http://127.0.0.1:9/picture.png", "幻灯片 1：http://127.0.0.1:9/picture.png")


STYLES = """<office:document-styles xmlns:office="o" xmlns:style="s" xmlns:fo="f"><office:styles>
<style:default-style style:family="graphic"><style:text-properties style:font-name="Plain"/></style:default-style>
<style:style style:name="base" style:family="graphic"><style:text-properties style:font-name="Base"
 style:font-name-asian="House"/></style:style>
<style:style style:name="unused" style:family="graphic"><style:text-properties style:font-name="Never"/></style:style>
</office:styles><style:page-layout style:name="wide"><style:page-layout-properties fo:page-width="10in"
 fo:page-height="5in"/></style:page-layout><style:page-layout style:name="high"><style:page-layout-properties
 fo:page-width="5in" fo:page-height="10in"/></style:page-layout>
<style:master-page style:name="one" style:page-layout-name="wide"/>
<style:master-page style:name="two" style:page-layout-name="high"/></office:document-styles>"""

CONTENT = """<office:document-content xmlns:office="o" xmlns:style="s" xmlns:draw="d" xmlns:text="t" xmlns:svg="v"
 xmlns:xlink="x" xmlns:presentation="p">
<style:font-face style:name="Base" svg:font-family="'Base Sans'"/>
<style:style style:name="box" style:family="graphic" style:parent-style-name="base"/>
<style:style style:name="loud" style:family="text"><style:text-properties style:font-name="Loud"/></style:style>
<style:style style:name="away" style:family="drawing-page">
<style:drawing-page-properties presentation:visibility="hidden"/></style:style>
<draw:page draw:master-page-name="one"><draw:frame draw:style-name="box"><draw:text-box>
<text:p>Base <text:span text:style-name="loud">Loud</text:span> 汉</text:p></draw:text-box></draw:frame>
<draw:frame><draw:plugin xlink:href="http://127.0.0.1:9/film.mp4"/></draw:frame></draw:page>
<draw:page draw:style-name="away"><draw:frame draw:style-name="unused"><draw:text-box><text:p>No</text:p>
</draw:text-box></draw:frame></draw:page>
<draw:page draw:master-page-name="two"><draw:frame><draw:text-box><text:p>Plain</text:p></draw:text-box></draw:frame>
</draw:page></office:document-content>"""


def test_an_open_document_tells_fonts_boxes_links_and_sizes_like_a_pptx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: frozenset({"plain", "house", "base sans"}))
    with zipfile.ZipFile(tmp_path / "deck.odp", "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.presentation")
        package.writestr("content.xml", CONTENT)
        package.writestr("styles.xml", STYLES)
        package.writestr("Basic/Standard/Module1.xml", "<x/>")
    deck = probe(tmp_path / "deck.odp").slides
    assert deck is not None
    assert (deck.pages, deck.hidden, deck.page_sizes, deck.page_size) == (2, 1, 2, (720, 360))
    assert deck.fonts == ("Base Sans", "House", "Loud", "Plain")
    assert (deck.reflowing, deck.media, deck.external_links, deck.macros) == (1, 1, 1, True)
    assert [place.detail for place in deck.places if place.what == "reflow"] == [
        Text("“Base Loud 汉” in Loud", "“Base Loud 汉”，字体为 Loud")
    ]
    assert [place.slide for place in deck.places if place.what == "link"] == [1]


def test_the_sound_of_a_transition_in_an_open_document_is_media_on_its_page(tmp_path: Path) -> None:
    sound = '<presentation:sound xlink:href="vnd.sun.star.Package:Media/ding.wav"/>'
    style = '<style:style style:name="loud" style:family="drawing-page"><style:drawing-page-properties>{}'
    closed = "</style:drawing-page-properties></style:style>"
    content = CONTENT.replace("<draw:page ", f'{style.format(sound)}{closed}<draw:page draw:style-name="loud" ', 1)
    with zipfile.ZipFile(tmp_path / "deck.odp", "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.presentation")
        package.writestr("content.xml", content)
        package.writestr("Media/ding.wav", b"RIFF")
    deck = probe(tmp_path / "deck.odp").slides
    assert deck is not None
    assert deck.embedded == (Embedded(1, "Media/ding.wav"),)
    assert (deck.media, deck.external_links) == (2, 1), "the film is elsewhere"


def test_a_ppt_under_rights_management_is_not_taken_for_its_notice(tmp_path: Path) -> None:
    streams = {"PowerPoint Document": bytes(4096), "\tDRMContent": bytes(4096), "Current User": bytes(4096)}
    (tmp_path / "drm.ppt").write_bytes(compound_file(streams))
    deck = probe(tmp_path / "drm.ppt").slides
    assert deck is not None
    assert (deck.encrypted, deck.restricted, deck.pages) == (True, True, None)


@pytest.mark.parametrize(("flags", "links"), [(10, 1), (0, 0)])
def test_a_picture_that_a_ppt_only_points_to_is_an_outside_link(flags: int, links: int) -> None:
    pair = (0x0106).to_bytes(2, "little") + flags.to_bytes(4, "little")
    atom = (
        ((1 << 4) | 3).to_bytes(2, "little") + (0xF00B).to_bytes(2, "little") + len(pair).to_bytes(4, "little") + pair
    )
    slide = (15).to_bytes(2, "little") + (0x03EE).to_bytes(2, "little") + len(atom).to_bytes(4, "little") + atom
    assert ppt._slide(ppt_records.Records(slide), 0, [], {}).links == links


def test_a_deck_made_of_unknowns_breaks_no_warning_that_unknown_may_pass() -> None:
    info = probe(sample("good.pptx"))
    assert info.slides is not None
    blank = replace(info.slides, swaps=None, reflowing=None, restricted=None, hidden=None, transitions=None)
    role = role_of(presets.load(PAGES), Kind.SLIDES, None)
    assert role is not None
    found = judge(replace(info, slides=blank), role)
    assert not [f.rule.id for f in found if f.verdict is Verdict.UNKNOWN and f.blocks]


def test_an_open_document_that_somebody_zipped_anew_is_still_one(tmp_path: Path) -> None:
    path = rewritten(sample("good.odp"), tmp_path / "deck.odp")
    with zipfile.ZipFile(path) as package:
        assert package.infolist()[0].compress_type == zipfile.ZIP_DEFLATED
    found = probe(path).slides
    assert found is not None
    assert (found.format, found.pages) == ("odp", 3)


def test_characters_that_no_font_here_has_are_named_with_their_slide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("fc-list")
    if program is None:
        pytest.skip("fontconfig is missing")
    monkeypatch.setattr(fonts, "covered", COVERED)
    info = probe(with_odd_letters(tmp_path)).slides
    assert info is not None
    asked = subprocess.run([program, ":charset=1fbfa"], capture_output=True, text=True, check=True).stdout
    assert [(place.slide, place.detail) for place in info.places if place.what == "glyph"] == (
        [] if asked.strip() else [(2, Text.same("\U0001fbfa (U+1FBFA)"))]
    )
