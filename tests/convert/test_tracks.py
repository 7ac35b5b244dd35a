"""Of several sounds the one that is heard stays: recorders write a track for each input, plugged in or not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.probe import measure, probe
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from pipeline.tools import programs

SPOKEN, STILL = "sine=d=1:sample_rate=16000", "anullsrc=d=1:r=16000:cl=mono"
FAINT = f"{SPOKEN},volume=-60dB"  # its peak is 18 dB lower still


def recorded(path: Path, *sounds: str, codec: str = "pcm_s16le") -> Path:
    inputs = [word for sound in sounds for word in ("-f", "lavfi", "-i", sound)]
    maps = [word for number in range(len(sounds)) for word in ("-map", str(number))]
    subprocess.run(
        [programs.ffmpeg(), "-v", "error", *inputs, *maps, "-c:a", codec, "-disposition:a:0", "default", path],
        check=True,
    )
    return path


def peak(path: Path) -> float:
    """The highest sample, in dB of full scale, as ffmpeg's own meter tells it."""
    words = [programs.ffmpeg(), "-i", str(path), "-af", "volumedetect", "-f", "null", "-"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    found = re.search(r"max_volume: (-?[0-9.]+) dB", said)
    assert found is not None
    return float(found[1])


@pytest.mark.every(4)
@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le", "flac", "aac"])
@pytest.mark.parametrize(
    ("sounds", "silent"),
    [
        ((STILL, SPOKEN), [True, False]),
        ((SPOKEN, STILL), [False, True]),
        ((STILL, STILL), [True, True]),
        ((FAINT, STILL, SPOKEN), [True, True, False]),
    ],
)
def test_the_first_that_is_not_silent_stays(
    sounds: tuple[str, ...], silent: list[bool], codec: str, tmp_path: Path
) -> None:
    source = recorded(tmp_path / "take.mka", *sounds, codec=codec)
    found = measure(source, probe(source), frozenset({"tracks"}))
    assert [sound.silent for sound in found.audio] == silent
    outcome = prepare(
        check(Job(path=str(source), stem="take", preset="convert/mono-wav", out=str(tmp_path / "out"))), lambda _: None
    )
    assert outcome.status is Status.FIXED, outcome.error
    heard = peak(tmp_path / "out/take.wav")
    assert (heard < -60) is (False not in silent)


def test_one_sound_is_not_listened_to(tmp_path: Path) -> None:
    source = recorded(tmp_path / "take.mka", STILL)
    assert measure(source, probe(source), frozenset({"tracks"})).audio[0].silent is None
