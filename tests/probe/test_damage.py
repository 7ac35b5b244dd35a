"""Damage anywhere is a fact or a refusal that names the file, never another exception."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import AssetError
from pipeline.model.facts import Text
from pipeline.probe import probe
from pipeline.probe.av.decode import decode_all
from pipeline.tools.programs import ffmpeg
from samples import SAMPLES, build, missing
from samples._tools import same_zip
from tests import ROOT

OUT = ROOT / "samples" / "out"
NAMES = (
    "decks/good.ppt",
    "decks/animated.pptx",
    "decks/good.odp",
    "decks/encrypted.pptx",
    "decks/from-powerpoint.pdf",
    "packages/tencent-good.zip",
    "images/photo.avif",
    "images/exif-rotated.jpg",
    "images/display-p3.jpg",
    "images/animated.gif",
    "images/pages.tiff",
    "images/palette-alpha.png",
    "images/animated.webp",
    "images/drawing.svg",
    "texts/good.ssml",
    "texts/good.srt",
)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, mostly near the ends where structure lives; sometimes cut short."""
    out = bytearray(data)
    near = min(len(out), 4096)
    for _ in range(chance.choice((1, 2, 5, 20))):
        at = chance.choice((chance.randrange(near), len(out) - 1 - chance.randrange(near)))
        out[at] = chance.choice((0, 255, 127, 128, chance.randrange(256)))
    return bytes(out[: chance.randrange(1, len(out))] if chance.random() < 0.15 else out)


def answers(path: Path) -> None:
    try:
        info = probe(path, frozenset({"decode"}))
    except AssetError as refused:
        said = refused.text
    else:
        said = Text(info.name, info.name)
    assert path.name in said.en
    assert path.name in said.zh


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes(name: str, tmp_path: Path) -> None:
    if missing(SAMPLES[name]):
        pytest.skip(f"{name} needs a program that is not installed")
    data = build([name], OUT)[name].read_bytes()
    chance = random.Random(name)  # noqa: S311  damage must be the same every time
    path = tmp_path / Path(name).name
    for _ in range(15):
        path.write_bytes(damaged(data, chance))
        answers(path)


@pytest.mark.parametrize("name", ["decks/animated.pptx", "decks/good.odp"])
def test_damaged_parts_in_a_sound_zip(name: str, tmp_path: Path) -> None:
    if missing(SAMPLES[name]):
        pytest.skip(f"{name} needs a program that is not installed")
    data = build([name], OUT)[name].read_bytes()
    chance = random.Random(name)  # noqa: S311  damage must be the same every time
    path = tmp_path / Path(name).name
    for _ in range(15):
        path.write_bytes(
            same_zip(data, lambda _, part: damaged(part, chance) if part and chance.random() < 0.1 else part)
        )
        answers(path)


@pytest.mark.parametrize(
    ("name", "tail"),
    [
        ("audio/good.mp3", b"00004.mp3"),
        ("audio/good.mp3", b"TAG" + bytes(125)),
        ("audio/good.mp3", bytes(3000)),
        ("audio/good.aac", b"TAG" + bytes(125)),
        ("audio/good.aac", bytes(3000)),
    ],
)
def test_what_follows_the_last_frame_of_bare_sound_is_no_damage(tmp_path: Path, name: str, tail: bytes) -> None:
    """A tag of ID3v1 and litter alike: every player passes it over."""
    path = tmp_path / Path(name).name
    path.write_bytes(build([name], OUT)[name].read_bytes() + tail)
    assert decode_all(path, path.suffix[1:]).intact is True


def test_the_same_between_frames_is_damage(tmp_path: Path) -> None:
    whole = build(["audio/good.mp3"], OUT)["audio/good.mp3"].read_bytes()
    middle = len(whole) // 2
    path = tmp_path / "good.mp3"
    path.write_bytes(whole[:middle] + b"no sound at all " * 300 + whole[middle:])
    assert decode_all(path, "mp3").intact is False


@pytest.mark.parametrize("rate", ["1", "1/3", "25"])
def test_a_film_ends_where_its_last_picture_does(tmp_path: Path, rate: str) -> None:
    """Shows of slides have one picture in seconds, and the last one is seen as long as the others."""
    path = tmp_path / "slides.mp4"
    words = ["-f", "lavfi", "-i", f"testsrc=r={rate}:d=12:s=64x64", "-c:v", "libx264", str(path)]
    subprocess.run([ffmpeg(), "-nostdin", "-v", "error", *words], check=True)
    assert decode_all(path, "mp4") == (True, ())
