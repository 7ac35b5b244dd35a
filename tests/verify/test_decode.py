"""A full decode tells a whole file from one that is cut short or damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import samples
from pipeline.errors import TimedOut
from pipeline.model import ceilings
from pipeline.probe import probe
from pipeline.tools import programs
from pipeline.verify.decode import decoded

Find = Callable[[str], Path]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """A sample by name, made when first asked for."""
    folder = tmp_path_factory.mktemp("samples")

    def find(name: str) -> Path:
        return samples.build([name], folder)[name]

    return find


@pytest.mark.parametrize(
    "name", ["video/60fps.mp4", "video/h264.mkv", "video/vp9-alpha.webm", "video/no-audio.mp4", "audio/good.mp3",
             "audio/good.aac", "audio/mono.wav", "audio/good.m4a"]
)  # fmt: skip
def test_sound_files_decode_whole(name: str, sample: Find, tmp_path: Path) -> None:
    proof = decoded(sample(name), probe(sample(name)), tmp_path)
    assert proof.passed, proof
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["video/60fps.mp4", "video/h264.mkv", "video/vp8.webm", "audio/mono.wav"])
def test_a_cut_file_does_not(name: str, sample: Find, tmp_path: Path) -> None:
    whole = sample(name)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert not decoded(cut, probe(whole), tmp_path).passed


def test_garbage_in_the_middle_is_noticed(sample: Find, tmp_path: Path) -> None:
    whole = sample("video/good-1080p25.mp4")
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = bytes(range(256)) * 16
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    proof = decoded(bad, probe(whole), tmp_path)
    assert not proof.passed
    assert "code" in proof.found.en


def test_a_decoder_that_counts_nothing_proves_nothing(
    sample: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = tmp_path / "liar"
    liar.write_text("#!/bin/sh\nexit 0\n")
    liar.chmod(0o755)
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(liar))
    for name in ("video/60fps.mp4", "audio/mono.wav"):
        assert not decoded(sample(name), probe(sample(name)), tmp_path).passed


def test_a_decoder_that_hangs_is_stopped(sample: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = tmp_path / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(stuck))
    monkeypatch.setattr(ceilings, "FFMPEG", replace(ceilings.FFMPEG, quiet=0.3))
    with pytest.raises(TimedOut):
        decoded(sample("audio/mono.wav"), probe(sample("audio/mono.wav")), tmp_path)
