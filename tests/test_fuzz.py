"""A small part of the campaign of `make fuzz`: no damaged file surprises anything."""

from __future__ import annotations

import random
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.engine.tasks import check_entry
from pipeline.model.job import Job
from tests.fuzz.media import DAMAGES, campaign, mutant

Sample = Callable[[str], Path]
KINDS = (
    "video/good-1080p25.mp4",
    "video/vp8.webm",
    "audio/mono.wav",
    "audio/good.mp3",
    "audio/other.flac",
    "images/good.jpeg",
    "images/alpha.png",
    "images/scan.tiff",
    "images/still.webp",
    "decks/good.pptx",
    "decks/good.odp",
    "texts/good.srt",
    "texts/good.txt",
)


@pytest.fixture(scope="session")
def pristine(sample: Sample) -> list[Path]:
    return [sample(name) for name in KINDS]


@pytest.mark.slow
def test_no_damaged_file_surprises_anything(pristine: list[Path], tmp_path: Path) -> None:
    found = campaign(pristine, 400, 1, tmp_path)
    assert found.wrong == []
    assert sum(found.statuses.values()) == 400
    assert found.statuses["error"] + found.statuses["failed"] > 0, "some were damaged beyond reading"


# --- what the campaign found once -------------------------------------------------------------------


def test_a_picture_without_its_pixels_is_told_by_every_kind_of_check(sample: Sample, tmp_path: Path) -> None:
    data = bytearray(sample("images/photo.avif").read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    (tmp_path / "a.avif").write_bytes(data)
    for preset in ("metastudio/photo-avatar", "metastudio/asset-library"):
        entry = check_entry(Job(path=str(tmp_path / "a.avif"), stem="x", preset=preset), lambda _: None)
        assert not (entry.error and entry.error.trace), entry.error
        assert entry.status in {"error", "blocked", "fixable"}


@pytest.mark.parametrize("rate", [50, 66, 8000])
@pytest.mark.parametrize("samples", [2, 160, 4000])
def test_a_sound_too_short_or_too_slow_to_be_heard_is_judged(rate: int, samples: int, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(random.Random(rate).randbytes(2 * samples))  # noqa: S311  noise, not secrets
    entry = check_entry(Job(path=str(tmp_path / "a.wav"), stem="x", preset="tencent/voice-instant"), lambda _: None)
    assert not (entry.error and entry.error.trace), entry.error
    assert entry.status in {"error", "blocked", "fixable"}


def test_the_same_seed_makes_the_same_mutants(pristine: list[Path]) -> None:
    first = [mutant(pristine, index, 7) for index in range(30)]
    assert first == [mutant(pristine, index, 7) for index in range(30)]
    assert first != [mutant(pristine, index, 8) for index in range(30)]
    changed = [data != pristine[index % len(pristine)].read_bytes() for index, (_, data) in enumerate(first)]
    assert sum(changed) > 25


def test_every_kind_of_damage_is_dealt(pristine: list[Path]) -> None:
    for damage in DAMAGES:
        data = bytearray(pristine[0].read_bytes())
        damage(data, random.Random(3), pristine[1].read_bytes())  # noqa: S311  reproducible damage
        assert bytes(data) != pristine[0].read_bytes(), damage.__name__
