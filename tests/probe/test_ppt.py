"""What the records of a PowerPoint 97 to 2003 deck tell: fonts by their letters, loose boxes, sounds."""

from __future__ import annotations

import re
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest

from pipeline.convert.slides import convert as slides
from pipeline.convert.slides import sanitise_ppt
from pipeline.convert.slides import split as deck_parts
from pipeline.errors import Unreadable
from pipeline.model.facts import Embedded, SlidesInfo
from pipeline.probe import probe
from pipeline.probe.slides.ole import Ole
from pipeline.probe.slides.ppt_records import DOCUMENT, USER, Records, listed, persisted
from pipeline.tools import fonts, office_shared
from samples._tools import soffice
from samples.decks import compound_file
from tests.convert.test_slides import LINES, boxes

needs_soffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
Sample = Callable[[str], Path]
WIDE = 8 * 576  # master units


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The deck of LINES, one a slide in a box that does not wrap, as LibreOffice writes it for the older formats."""
    made = tmp_path_factory.mktemp("decks")
    source = boxes(made / "deck.pptx", LINES, False)
    for suffix in ("ppt", "odp"):
        soffice(source, suffix, made / f"deck.{suffix}")
    yield made
    office_shared.close()


def deck_of(path: Path) -> SlidesInfo:
    found = probe(path).slides
    assert found is not None
    return found


def changed(source: Path, target: Path, wanted: int, data: Callable[[int, bytes], bytes]) -> Path:
    """A copy with the content of the records of type `wanted` on slides changed: (slide from 0, content) -> content."""
    with Ole(source) as ole:
        records = Records(ole.read(DOCUMENT))
        places, number = persisted(records, ole.read(USER))
        edits: dict[int, int] = {}
        for slide, entry in enumerate(listed(records, records.at(places[number]), 0)):
            for record in records.walk(records.at(places[entry.persist])):
                if record.type == wanted:
                    edits |= dict(enumerate(data(slide, records.content(record)), record.start))
        there = ole.places(DOCUMENT, edits)
    raw = bytearray(source.read_bytes())
    for place, byte in zip(there, edits.values(), strict=True):
        raw[place] = byte
    target.write_bytes(raw)
    return target


def lefts(pdf: Path) -> list[float]:
    """Where the first letter of each page begins, as a share of its width."""
    out = []
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            text = page.get_textpage()
            out.append(min(text.get_charbox(n)[0] for n in range(text.count_chars())) / page.get_size()[0])
    return out


def as_pdf(path: Path, tmp_path: Path) -> Path:
    work = tmp_path.parent / f"work-{tmp_path.name}"  # beside those of other tests: they share an office
    work.mkdir()
    return slides.as_pdf(path, probe(path), work)


@needs_soffice
def test_text_in_a_wide_box_that_does_not_wrap_begins_at_its_left_edge(folder: Path, tmp_path: Path) -> None:
    def wide(slide: int, anchor: bytes) -> bytes:
        left = int(LINES[slide][1] * 576)
        return anchor[:2] + struct.pack("<2h", left, left + WIDE) + anchor[6:]

    source = changed(folder / "deck.ppt", tmp_path / "deck.ppt", 0xF010, wide)
    before = source.read_bytes()
    assert lefts(as_pdf(source, tmp_path)) == pytest.approx(
        [(left + 0.1) / 13.333 for _, left, _, _ in LINES], abs=0.02
    )
    assert source.read_bytes() == before


@needs_soffice
def test_where_a_line_may_not_fit_the_box_is_left_alone(folder: Path, tmp_path: Path) -> None:
    assert sanitise_ppt.for_office(folder / "deck.ppt", tmp_path) != folder / "deck.ppt"
    narrow = changed(
        folder / "deck.ppt", tmp_path / "n.ppt", 0xF010, lambda _, a: a[:2] + struct.pack("<2h", 0, 300) + a[6:]
    )
    assert sanitise_ppt.for_office(narrow, tmp_path) == narrow


@needs_soffice
def test_an_open_document_is_drawn_where_it_says(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(folder / "deck.odp") as package:
        content = package.read("content.xml").decode()
    said = [float(x) / 2.54 for x in re.findall(r'<draw:custom-shape[^>]* svg:x="([\d.]+)cm"', content)]
    assert len(said) == len(LINES)
    found = lefts(as_pdf(folder / "deck.odp", tmp_path))
    assert found == pytest.approx([(left + 0.1) / 13.333 for left in said], abs=0.02)


@needs_soffice
def test_only_fonts_that_letters_are_drawn_with_are_used_and_boxes_that_reflow_are_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: frozenset({"other"}))
    deck = deck_of(folder / "deck.ppt")
    assert deck.fonts == ("Noto Sans CJK SC",)
    assert deck.reflowing == 3
    details = [p.detail.en for p in deck.places if p.what == "reflow" and p.detail]
    assert details[1] == "“欢迎来到数字人课堂。” in Noto Sans CJK SC"
    damaged = deck_of(changed(folder / "deck.ppt", tmp_path / "d.ppt", 0x0FA1, lambda _, d: b"\xff" * len(d)))
    assert (damaged.pages, damaged.fonts, damaged.swaps, damaged.reflowing) == (3, None, None, None)
    assert damaged.page_texts == deck.page_texts


# --- sounds: no program here writes them ----------------------------------------------------------------


def record(kind: int, data: bytes, instance: int = 0, inner: int = 0) -> bytes:
    return struct.pack("<HHI", instance << 4 | inner, kind, len(data)) + data


def holder(kind: int, *parts: bytes, instance: int = 0) -> bytes:
    return record(kind, b"".join(parts), instance, 15)


def sound(number: int, data: bytes) -> bytes:
    texts = ("ding", ".WAV", str(number))
    strings = [record(0x0FBA, text.encode("utf-16-le"), n) for n, text in enumerate(texts)]
    return holder(0x07E6, *strings, record(0x07E7, data))


def with_sounds(path: Path, wave: bytes, more: bytes = b"", off: int = 0) -> Path:
    """Two slides, the second `off` bytes from where the list says; a sound at the transition to the second, one that is
    an object on the first, one nobody plays.
    """

    def slide(sound_number: int, *more: bytes) -> bytes:
        info = record(0x03F9, struct.pack("<IIBBHB3x", 0, sound_number, 0, 0, 0, 0))
        return holder(0x03EE, record(0x03EF, bytes(24), inner=2), info, *more)

    pictured = holder(0xF011, record(0x0BC1, struct.pack("<I", 7)))
    both = [slide(0, pictured), slide(1)]
    entries = [record(0x03F3, struct.pack("<5I", n + 2, 0, 0, 256 + n, 0)) for n in range(2)]
    media = holder(0x100F, record(0x1004, struct.pack("<IHH", 7, 0, 0)), record(0x1013, struct.pack("<2I", 2, 1)))
    listed_sounds = holder(0x07E4, sound(1, wave), sound(2, wave), sound(3, b"no sound"), instance=5)
    document = holder(0x03E8, holder(0x0409, media), listed_sounds, holder(0x0FF0, *entries), more)
    stream, places = b"", []
    for part in (document, *both):
        places.append(len(stream))
        stream += part
    places[-1] += off
    directory = len(stream)
    stream += record(0x1772, struct.pack("<I3I", 3 << 20 | 1, *places))
    edit = len(stream)
    stream += record(0x0FF5, struct.pack("<7I", 0, 0, 0, directory, 1, 0, 0))
    user = record(0x0FF6, struct.pack("<4I", 20, 0xE391C05F, edit, 0)).ljust(4096)
    path.write_bytes(compound_file({DOCUMENT: stream.ljust(4096), USER: user}))
    return path


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        # RoundTripCustomTableStyles12Atom: a zip, with the version of a container ([MS-PPT] 2.11.13).
        (record(0x0428, b"PK\x03\x04" + bytes(range(200)), inner=15), True),
        (holder(0x1388, record(0x138A, b"")[:4] + b"\xff\xff\xff\x7f"), None),
    ],
)
def test_a_record_that_nobody_needs_fails_no_deck(
    more: bytes, valid: bool | None, sample: Sample, tmp_path: Path
) -> None:
    deck = deck_of(with_sounds(tmp_path / "talk.ppt", sample("audio/alaw.wav").read_bytes(), more))
    assert (deck.pages, deck.valid) == (2, valid)
    assert (deck.fonts is None) == (valid is None)


@pytest.mark.parametrize("off", [8, 1 << 20])
def test_a_deck_whose_slide_is_not_where_the_list_says_is_refused(off: int, sample: Sample, tmp_path: Path) -> None:
    """LibreOffice makes an empty page of such a slide: what was on it would be gone without a word."""
    with pytest.raises(Unreadable):
        probe(with_sounds(tmp_path / "talk.ppt", sample("audio/alaw.wav").read_bytes(), off=off))


def test_a_root_without_a_name_holds_small_streams_all_the_same(tmp_path: Path) -> None:
    # A compound file whose Current User lies in the small stream of its root ([MS-CFB] 2.4):
    # sector 0 the table, 1 the directory, 2 the small stream, 3 its table, 4 to 11 the document.
    document = bytes(range(256)) * 16
    free, end, table = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0"))
    head += struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<9I", 0, 1, 1, 0, 4096, 3, 1, end, 0) + struct.pack("<109I", 0, *[free] * 108)
    sectors = struct.pack("<128I", table, end, end, end, *range(5, 12), end, *[free] * 116)

    def entry(name: str, kind: int, start: int, size: int, child: int = free) -> bytes:
        raw = name.encode("utf-16-le").ljust(64, b"\0")
        length = 2 * len(name) + 2 if name else 0
        sides = struct.pack("<HBB3I", length, kind, 1, free, free, child)
        return (raw + sides).ljust(116, b"\0") + struct.pack("<IQ", start, size)

    directory = (
        entry("", 5, 2, 64, 1) + entry("Current User", 2, 0, 40) + entry("PowerPoint Document", 2, 4, 4096) + bytes(128)
    )
    small = bytes(range(64)).ljust(512, b"\0")
    mini = struct.pack("<128I", end, *[free] * 127)
    (tmp_path / "a.ppt").write_bytes(bytes(head) + sectors + directory + small + mini + document)
    with Ole(tmp_path / "a.ppt") as ole:
        assert ole.read("Current User") == bytes(range(40))
        assert ole.read("PowerPoint Document") == document


def test_sounds_inside_are_counted_placed_and_taken_out(sample: Sample, tmp_path: Path) -> None:
    wave = sample("audio/alaw.wav").read_bytes()
    source = with_sounds(tmp_path / "talk.ppt", wave)
    deck = deck_of(source)
    assert deck.media == 3
    assert deck.embedded == (Embedded(2, "sound1.wav"), Embedded(1, "sound2.wav"), Embedded(0, "sound3.wav"))
    taken = deck_parts.media(source, deck.embedded, tmp_path)
    assert [path.name for _, path in taken] == ["slide-002-1.wav", "slide-001-2.wav"]
    assert {path.read_bytes() for _, path in taken} == {wave}
