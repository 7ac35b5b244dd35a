"""What our own parsers do with anything at all: facts, or an error that somebody wrote. Never a surprise, never a hang.

Hypothesis builds files that are nearly right: boxes and chunks whose lengths lie, directories that point anywhere,
texts of the letters that mean something. The same examples every time.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PresetError, Unreadable, UsageError
from pipeline.model.facts import MediaInfo
from pipeline.probe import probe
from pipeline.probe.archive.zip import BadZip, Zip
from pipeline.probe.av import wav
from pipeline.probe.av.mp4 import Boxes, read_boxes
from pipeline.probe.slides.ole import BadOle, Ole
from pipeline.probe.slides.ppt import read_ppt
from pipeline.probe.text.ssml import Ssml, read_ssml
from pipeline.probe.text.subtitle import parse
from pipeline.rules import presets
from pipeline.upload import destinations

EXAMPLES = settings(max_examples=50, derandomize=True, database=None)
Bytes = st.binary(max_size=60)
# Lengths that are right (None), and those that are not.
Lie = st.one_of(st.none(), st.none(), st.sampled_from((0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF)))


def box(name: bytes, body: bytes, lie: int | None) -> bytes:
    return struct.pack(">I4s", len(body) + 8 if lie is None else lie, name) + body


def chunk(name: bytes, body: bytes, lie: int | None) -> bytes:
    return struct.pack("<4sI", name, len(body) if lie is None else lie) + body + b"\0" * (len(body) % 2)


LEAVES = st.sampled_from(
    (b"ftyp", b"tkhd", b"mdhd", b"stsd", b"stts", b"hdlr", b"edts", b"elst", b"meta", b"dref", b"mdat")
)
NODES = st.sampled_from((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta"))
BOXES = st.recursive(
    st.builds(box, LEAVES, Bytes, Lie),
    lambda inner: st.builds(box, NODES, st.lists(inner, max_size=4).map(b"".join), Lie),
    max_leaves=10,
)
MOVIE = st.lists(BOXES, max_size=4).map(lambda boxes: box(b"ftyp", b"isom\0\0\0\0isom", None) + b"".join(boxes))
CHUNKS = st.lists(st.builds(chunk, st.sampled_from((b"fmt ", b"data", b"fact", b"LIST")), Bytes, Lie), max_size=5)
WAVE = CHUNKS.map(lambda chunks: chunk(b"RIFF", b"WAVE" + b"".join(chunks), None))


def told(text: str, name: str = "") -> None:
    """An error says what is wrong, and of which file."""
    assert text
    assert name in text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parsers")


@EXAMPLES
@given(data=MOVIE)
def test_boxes(place: Path, data: bytes) -> None:
    path = place / "a.mp4"
    path.write_bytes(data)
    assert isinstance(read_boxes(path, len(data)), Boxes)


@EXAMPLES
@given(data=WAVE, size=st.integers(0, 2**40))
def test_chunks_of_a_wave_file(data: bytes, size: int) -> None:
    found = wav.wav(data, size)
    assert found is None or found.sample_rate is None or found.sample_rate > 0


@EXAMPLES
@given(
    names=st.lists(st.sampled_from(("0.wav", "../x", "/etc/passwd", "a\\b", "中.txt", "")), max_size=4, unique=True),
    places=st.lists(st.tuples(st.integers(0, 300), st.sampled_from((0, 1, 0xFF, 0x7F))), max_size=4),
)
def test_the_listing_of_a_zip(place: Path, names: list[str], places: list[tuple[int, int]]) -> None:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name or f"{number}"), b"x" * number)
    data = bytearray(held.getvalue())
    for back, value in places:
        data[-1 - back % len(data)] = value
    path = place / "a.zip"
    path.write_bytes(data)
    try:
        with Zip(path) as opened:
            listed = [member.name for member in opened.members]
    except BadZip as error:
        told(error.text.en)
    else:
        assert len(listed) <= len(names)


CUES = st.text("0123456789:,.->\n \ufeff字a<i>", max_size=120)


@EXAMPLES
@given(text=CUES, kind=st.sampled_from(("srt", "vtt")))
def test_subtitles(text: str, kind: str) -> None:
    cues, faults = parse(text, kind)
    assert all(cue.start >= 0 for cue in cues)
    assert len(cues) + len(faults) <= len(text) + 1


TAGS = st.lists(
    st.sampled_from(
        (
            "<speak>",
            "</speak>",
            "<break time='1s'/>",
            "<break time='-9e99s'/>",
            "<phoneme ph='ni3'>",
            "<",
            "</phoneme>",
            "&amp;",
            "&e;",
            "<!DOCTYPE x>",
            "好",
            "]]>",
            "<say-as interpret-as='x'>",
            "\0",
        )
    ),
    max_size=12,
)


@EXAMPLES
@given(parts=TAGS)
def test_ssml(parts: list[str]) -> None:
    try:
        assert isinstance(read_ssml("a.ssml", "<speak>" + "".join(parts)), Ssml)
    except Unreadable as error:
        told(error.text.en, "a.ssml")


@EXAMPLES
@given(damage=st.lists(st.tuples(st.integers(0, 60_000), st.sampled_from((0, 1, 0x7F, 0xFF))), min_size=1, max_size=6))
def test_records_of_a_binary_deck(place: Path, sample: Callable[[str], Path], damage: list[tuple[int, int]]) -> None:
    data = bytearray(sample("decks/good.ppt").read_bytes())
    for where, value in damage:  # the tables at the beginning, and the document stream behind the pictures
        at = where % 1536 if where % 2 else 512 * 411 + where % 14_688
        data[at] = value
    path = place / "a.ppt"
    path.write_bytes(data)
    try:
        with Ole(path) as ole:
            slides, _ = read_ppt(ole)
        assert slides.format == "ppt"
    except BadOle as error:
        told(error.text.en)


WORDS = st.lists(
    st.sampled_from(
        (
            "[asset]\n",
            "[[rule]]\n",
            "[role.x]\n",
            "tags = [1]\n",
            "id = 3\n",
            "schema = 1\n",
            "kinds = ['video']\n",
            "= 1\n",
            "\u202e",
            "[asset",
            "check = 'video.codec'\n",
            "title = {}\n",
        )
    ),
    max_size=8,
)


@EXAMPLES
@given(words=WORDS)
def test_tables_that_people_write(place: Path, words: list[str]) -> None:
    path = place / "a.toml"
    path.write_text("".join(words), "utf-8")
    for read in (destinations.read_order, lambda one: presets.load.__wrapped__(str(one))):
        try:
            read(path)
        except (UsageError, PresetError) as error:
            told(error.text.en, "a.toml")


@EXAMPLES
@given(
    head=st.sampled_from((b"RIFF", b"\x89PNG\r\n\x1a\n", b"PK\3\4", b"%PDF-", b"ID3", b"OggS", b"\xff\xd8", b"")),
    body=Bytes,
)
def test_whatever_it_is(place: Path, head: bytes, body: bytes) -> None:
    path = place / "a.bin"
    path.write_bytes(head + body)
    try:
        assert isinstance(probe(path), MediaInfo)
    except Unreadable as error:
        told(error.text.en, "a.bin")
