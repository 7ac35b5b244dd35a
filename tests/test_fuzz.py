"""A small part of the campaign of `make fuzz`: no damaged file surprises anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import DAMAGES, campaign, mutant

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
