"""Films and sound that players understand, through check, repair and every proof."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.model.job import Job
from pipeline.model.results import Outcome, Status
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from pipeline.verify import compare
from tests.repairing import ffmpeg

FILM, SOUND = "convert/h264-1080p", "convert/mono-wav"
_PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=4")


def _through(source: Path, preset: str, out: Path) -> Outcome:
    return prepare(check(Job(path=str(source), stem="made", preset=preset, out=str(out))), lambda _: None)


def _counted(path: Path) -> int:
    """Frames that come out of a file, by their bytes."""
    small = ("-vf", "scale=16:16", "-fps_mode", "passthrough", "-pix_fmt", "gray")
    raw = ffmpeg("-i", path, *small, "-f", "rawvideo", "-")
    return len(raw) // 256


@pytest.mark.parametrize(("name", "codec"), [("gap.ts", "mpeg2video"), ("gap.avi", "mpeg4")])
def test_gaps_of_a_recording_are_filled(name: str, codec: str, tmp_path: Path) -> None:
    left = ("-vf", "select=lt(n\\,20)+gt(n\\,24)", "-fps_mode", "vfr")
    ffmpeg(*_PICTURE, *left, "-c:v", codec, tmp_path / name)
    outcome = _through(tmp_path / name, FILM, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    assert _counted(tmp_path / "out" / "made.mp4") == 100  # 4 s at 25


def test_frames_that_avi_keeps_in_another_order_are_shown_in_theirs(tmp_path: Path) -> None:
    ffmpeg(*_PICTURE, "-c:v", "libx264", "-preset", "veryfast", "-bf", "3", tmp_path / "a.avi")
    outcome = _through(tmp_path / "a.avi", FILM, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    assert _counted(tmp_path / "out" / "made.mp4") == 100
    assert "reordered" in outcome.steps[0].does.en
    assert outcome.outputs[0].facts.video[0].start == 0


def test_sound_that_begins_late_stays_where_it_is(tmp_path: Path) -> None:
    late = ("-itsoffset", "0.3", "-f", "lavfi", "-i", "sine=sample_rate=22050:duration=2")
    ffmpeg(*_PICTURE, *late, "-c:v", "libx264", "-preset", "veryfast", "-c:a", "pcm_s16be", tmp_path / "a.mov")
    outcome = _through(tmp_path / "a.mov", FILM, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    raw = ffmpeg(
        "-i", tmp_path / "out" / "made.mp4", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-f", "s16le", "-"
    )
    heard = np.flatnonzero(np.abs(np.frombuffer(raw, "<i2").astype(int)) > 1000)
    assert abs(heard[0] / 22050 - 0.3) < 0.02


@pytest.mark.parametrize(("layout", "channels"), [("5.1", 6), ("3.0", 3), ("quad", 4), ("7.1", 8)])
def test_of_many_channels_the_dialogue_stays(layout: str, channels: int, tmp_path: Path) -> None:
    """A tone of 3 kHz in the third channel (the centre; in a square, behind on the left), noise at both front sides."""
    random = np.random.default_rng(1)
    made = np.zeros((2 * 48000, channels))
    made[:, :2] = random.normal(0, 0.05, (len(made), 2))
    made[:, 2] = 0.1 * np.sin(2 * np.pi * 3000 * np.arange(len(made)) / 48000)
    (tmp_path / "raw").write_bytes((made * 32767).astype("<i2").tobytes())
    ffmpeg("-f", "s16le", "-ar", "48000", "-ch_layout", layout, "-i", tmp_path / "raw", tmp_path / "a.flac")
    outcome = _through(tmp_path / "a.flac", SOUND, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    raw = ffmpeg("-i", tmp_path / "out" / "made.wav", "-f", "s16le", "-")
    spectrum = np.abs(np.fft.rfft(np.frombuffer(raw, "<i2")[:48000]))
    assert spectrum.argmax() == 3000  # hertz: one second
    assert spectrum[3000] > 20 * np.median(spectrum)


@pytest.mark.parametrize(("codec", "told"), [("pcm_f32le", True), ("pcm_f64le", True), ("pcm_s32le", False)])
def test_that_samples_above_full_scale_are_cut_off_is_said(codec: str, told: bool, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "aevalsrc=2*sin(880*PI*t):s=48000:d=2", "-c:a", codec, tmp_path / "a.wav")
    outcome = _through(tmp_path / "a.wav", SOUND, tmp_path / "out")
    assert outcome.status is Status.FIXED, outcome.error
    assert ("above full scale" in outcome.steps[0].does.en) is told


@pytest.mark.parametrize("preset", [FILM, SOUND])
def test_sound_that_is_not_decoded_is_refused_at_the_check_by_name(preset: str, tmp_path: Path) -> None:
    tone = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=4")
    ffmpeg(*_PICTURE, *tone, "-c:v", "mpeg4", "-c:a", "dca", "-strict", "-2", tmp_path / "a.mkv")
    report = check(Job(path=str(tmp_path / "a.mkv"), stem="made", preset=preset)).report
    assert report.status is Status.BLOCKED
    told = [finding.reason.en for finding in report.findings if finding.rule.check == "audio.codec" and finding.reason]
    assert told == ["its codec dts is none that is decoded here: export the sound as AAC or PCM (WAV)"]


def test_a_failed_proof_leaves_what_was_done_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_nearest", lambda before, after: (before[0] + 1, after[0]))
    ffmpeg(*_PICTURE, "-c:v", "mpeg4", tmp_path / "a.mp4")
    outcome = _through(tmp_path / "a.mp4", FILM, tmp_path / "out")
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "compared with its source" in outcome.error.message.en
    assert outcome.steps
    assert [proof.name.en for proof in outcome.proof if not proof.passed] == ["video duration"]
    assert not list((tmp_path / "out").glob("made*"))
