"""Sound that is broken, absurd or not there has a reason, whatever scenario it is given to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.documents import entry
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.probe import probe
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from tests.probe.test_speech import RATE, save, voice

Sample = Callable[[str], Path]
INSTANT, DRIVE = "tencent/voice-instant", "tencent/driver-audio"


def wav(rate: int, channels: int, data: bytes) -> bytes:
    """A 16-bit WAV that claims what it is told to."""
    form = struct.pack("<HHIIHH", 1, channels, rate, min(rate * channels * 2, 0xFFFFFFFF), channels * 2 & 0xFFFF, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + (b"data" + struct.pack("<I", len(data)) + data)
    )


NOISE = np.random.default_rng(1).bytes(64_000)
FILES = {
    "one sample": wav(24000, 1, b"\1\0"),
    "no samples": wav(24000, 1, b""),
    "silence": wav(24000, 1, bytes(24000 * 2 * 12)),
    "0 Hz": wav(0, 1, NOISE),
    "1 Hz": wav(1, 1, NOISE[:200]),
    "700 kHz": wav(700_000, 1, NOISE),
    "1 MHz": wav(1_000_000, 1, NOISE),
    "4 GHz": wav(4_000_000_000, 1, NOISE),
    "no channels": wav(24000, 0, NOISE),
    "32 channels": wav(48000, 32, NOISE * 10),
    "1000 channels": wav(48000, 1000, NOISE * 4),
    "cut short": wav(24000, 1, NOISE)[:30_000],
    "a text called WAV": b"hello, these are words " * 9,
    "nothing": b"",
}


@pytest.mark.parametrize(
    ("what", "preset", "status", "reason"),
    [
        ("one sample", INSTANT, Status.BLOCKED, "effective speech"),
        ("one sample", DRIVE, Status.PASS, "Shorter than any word"),  # nothing forbids it: a warning
        ("no samples", INSTANT, Status.ERROR, "no sound when decoded"),
        ("no samples", DRIVE, Status.BLOCKED, "nothing to see or hear"),
        ("silence", INSTANT, Status.BLOCKED, "no speech was heard"),
        ("0 Hz", DRIVE, Status.ERROR, "cannot be opened"),
        ("1 Hz", INSTANT, Status.ERROR, "no rate of sound"),
        ("1 Hz", DRIVE, Status.BLOCKED, "audio sample rate: 1 Hz"),
        ("700 kHz", INSTANT, Status.BLOCKED, "effective speech"),
        ("700 kHz", DRIVE, Status.FIXABLE, "audio sample rate: 700000 Hz"),
        ("1 MHz", DRIVE, Status.ERROR, "1000000"),
        ("4 GHz", DRIVE, Status.ERROR, "cannot be opened"),
        ("no channels", INSTANT, Status.ERROR, "no sample rate or no channels"),
        ("32 channels", INSTANT, Status.BLOCKED, "effective speech"),
        # PyAV 18 tells nothing of such a stream, 19 the number that the header claims.
        ("1000 channels", INSTANT, Status.ERROR, "no sample rate or no channels|claims 1000 channels"),
        ("cut short", DRIVE, Status.BLOCKED, "complete and undamaged"),
        ("a text called WAV", INSTANT, Status.BLOCKED, "kind of content: text"),
        ("nothing", INSTANT, Status.ERROR, "is empty"),
    ],
)
def test_bad_sound_has_a_reason(what: str, preset: str, status: Status, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    path.write_bytes(FILES[what])
    asset = entry.report(check(Job(path=str(path), stem="take", preset=preset)).report, "en")
    told = [finding.message for finding in asset.findings if finding.verdict != "pass"]
    told += [asset.error.message] if asset.error else []
    assert asset.status == status
    assert any(words in one for words in reason.split("|") for one in told), told


def test_frames_that_do_not_decode_stop_the_conversion(sample: Sample, tmp_path: Path) -> None:
    data, chance = bytearray(sample("audio/good.mp3").read_bytes()), np.random.default_rng(1)
    for at in chance.integers(500, len(data), 400):
        data[at] = int(chance.integers(256))
    (tmp_path / "in.mp3").write_bytes(data)
    job = Job(path=str(tmp_path / "in.mp3"), stem="in", preset="convert/mono-wav", out=str(tmp_path / "out"))
    outcome = prepare(check(job), lambda _: None)
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "in.mp3 is damaged inside" in outcome.error.message.en
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]


def test_more_channels_than_have_places_are_mixed_in_equal_parts(tmp_path: Path) -> None:
    path = save(tmp_path / "in.wav", np.tile(voice(1), (32, 1)))
    job = Job(path=str(path), stem="in", preset="convert/mono-wav", out=str(tmp_path / "out"))
    outcome = prepare(check(job), lambda _: None)
    assert (outcome.status, outcome.error) == (Status.FIXED, None)
    assert "mono of 32 channels in equal parts" in outcome.steps[-1].does.en
    made = probe(tmp_path / "out" / outcome.outputs[0].path, frozenset({"speech"}))
    assert (made.audio[0].channels, made.audio[0].sample_rate) == (1, RATE)
    assert made.speech is not None
    assert made.speech.speech == probe(save(tmp_path / "one.wav", voice(1)), frozenset({"speech"})).speech.speech  # type: ignore[union-attr]


def test_what_drives_a_demo_may_be_the_sound_of_a_video(sample: Sample, tmp_path: Path) -> None:
    job = Job(path=str(sample("video/good-1080p25.mp4")), stem="in", preset=DRIVE, out=str(tmp_path))
    outcome = prepare(check(job), lambda _: None)
    assert (outcome.status, outcome.error) == (Status.FIXED, None)
    made = probe(tmp_path / outcome.outputs[0].path)
    assert (made.kind, made.container, made.audio[0].codec) == (Kind.AUDIO, "mp3", "mp3")


def test_a_video_without_sound_says_so(sample: Sample) -> None:
    asset = entry.report(check(Job(path=str(sample("video/no-audio.mp4")), stem="in", preset=DRIVE)).report, "en")
    assert asset.status == Status.BLOCKED
    assert "sound streams: 0; wanted >= 1" in " ".join(finding.message for finding in asset.findings)
