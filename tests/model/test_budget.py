"""What is asked for before a file is made, against what FFmpeg took when it was (`docs/benchmarks.md`)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.model.budget import memory
from pipeline.model.facts import Size
from pipeline.model.job import Job
from pipeline.probe import probe
from pipeline.stages.check import check
from pipeline.tools import allowance
from tests.repairing import ffmpeg

EIGHT_K, FOUR_K, FULL_HD = Size(7680, 4320), Size(3840, 2160), 1920 * 1080
TAKEN = [  # bytes, by `peak_memory` of manifests: talking heads of 20 s, and 0.3 s of a telephone's
    pytest.param(Size(1920, 1080), None, 464_000_000, id="1080p as it is"),
    pytest.param(FOUR_K, None, 1_609_000_000, id="4K as it is"),
    pytest.param(FOUR_K, FULL_HD, 617_000_000, id="4K to 1080p"),
    pytest.param(EIGHT_K, FULL_HD, 591_000_000, id="8K to 1080p"),
]


@pytest.fixture(scope="module")
def eight_k(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", f"color=s={EIGHT_K}:r=25", "-frames:v", "2", "-c:v", "mpeg4", path)
    return path


@pytest.mark.parametrize(("size", "largest", "taken"), TAKEN)
def test_no_less_is_asked_for_than_was_taken(size: Size, largest: int | None, taken: int, eight_k: Path) -> None:
    info = probe(eight_k)
    info = replace(info, video=(replace(info.video[0], coded=size, frame_rate=Fraction(25)),))
    asked = memory(info, (), converted=True, largest=largest)
    assert taken * 1.05 < asked < taken * 5


@pytest.mark.parametrize("bounded", [True, False])
def test_what_is_made_smaller_has_no_need_of_memory_to_make_it_as_large(
    bounded: bool, eight_k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = tmp_path / "mine.toml"
    drop = "" if bounded else 'drop = ["convert.h264-1080p.size"]\n'
    head = 'schema = 1\nid = "own/mine"\ntitle = { en = "Mine", zh = "我的" }\nextends = "convert/h264-1080p"\n'
    preset.write_text(head + drop, "utf-8")
    monkeypatch.setattr(allowance._NOW, "memory", 4 << 30)
    monkeypatch.setattr(allowance._NOW, "last", True)
    case = check(Job(path=str(eight_k), stem="a", preset=str(preset), out=str(tmp_path / "out")))
    assert (case.error is None) == bounded, case.error
    if case.error:
        assert "MiB of memory" in case.error.message.en
