"""What hearing a recording changes about converting it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.checks.speech import SILENCES
from pipeline.convert.av import audio
from pipeline.convert.av.sound import listens
from pipeline.model.ceilings import CHECK, DEEP, JobTime
from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.job import Job
from pipeline.model.measured import Speech
from pipeline.model.results import Fix, Plan, Status, Verdict
from pipeline.model.rules import Role, Safety
from pipeline.probe import probe
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.rules.judge import judge
from pipeline.stages.check import check, patience
from pipeline.stages.prepare import prepare
from tests.probe.test_speech import RATE, near, noise, save, voice

TO_MONO = Plan(fixes=(Fix(check="audio.channels", stream=0, actual=2, value=1, safety=Safety.LOSSY),))


def mono_role() -> Role:
    role = presets.load("convert/mono-wav").role("audio")
    assert role is not None
    return role


@pytest.fixture
def stereo(sample: Callable[[str], Path]) -> MediaInfo:
    return probe(sample("audio/stereo.wav"))


def filters(info: MediaInfo) -> str:
    """The filter graph of the one step."""
    (step,) = audio.steps(info, TO_MONO, mono_role())
    return step.command[step.command.index("-filter_complex") + 1]


@pytest.mark.parametrize(("loss", "alone"), [(0.0, False), (5.9, False), (6.1, True), (90.0, True)])
def test_a_mix_that_loses_more_than_6_db_is_left_for_the_better_channel(
    loss: float, alone: bool, stereo: MediaInfo
) -> None:
    heard = replace(stereo, speech=Speech(mid_loss=Fraction(str(loss)), best_channel=1))
    assert ("c1" in filters(heard)) is alone
    (step,) = audio.steps(heard, TO_MONO, mono_role())
    assert ("channel 2 alone" in step.does.en) is alone
    assert ("第 2 声道" in step.does.zh) is alone


def test_a_recording_is_heard_before_its_channels_are_mixed_and_only_then(stereo: MediaInfo) -> None:
    role = mono_role()
    assert listens(stereo, TO_MONO, role)
    assert not listens(replace(stereo, speech=Speech()), TO_MONO, role)
    assert not listens(stereo, Plan(), role)
    assert not listens(replace(stereo, audio=(replace(stereo.audio[0], channels=1),)), TO_MONO, role)


def test_speech_survives_stereo_that_cancels(tmp_path: Path) -> None:
    clean = voice(2)
    path = save(tmp_path / "in.wav", np.stack([0.3 * clean, -clean]))
    job = Job(path=str(path), stem="in", preset="convert/mono-wav", out=str(tmp_path / "out"))
    outcome = prepare(check(job), lambda _: None)
    assert (outcome.status, outcome.error) == (Status.FIXED, None)
    assert ["c1" in step.command[step.command.index("-filter_complex") + 1] for step in outcome.steps] == [False, True]
    assert "channel 2 alone" in outcome.steps[1].does.en
    made = probe(tmp_path / "out" / outcome.outputs[0].path, frozenset({"speech"}))
    assert made.audio[0].channels == 1
    assert made.speech is not None
    assert made.speech.true_peak is not None
    assert made.speech.true_peak > -4


def test_a_recording_is_measured_in_the_run_that_converts_it(tmp_path: Path) -> None:
    path = save(tmp_path / "in.wav", np.stack([voice(2), 0.5 * voice(2)]))
    job = Job(path=str(path), stem="in", preset="convert/mono-wav", out=str(tmp_path / "out"))
    shares: list[float] = []
    outcome = prepare(check(job), shares.append)
    assert (outcome.status, outcome.error) == (Status.FIXED, None)
    (step,) = outcome.steps
    assert step.command.count("pipe:1") == 1
    assert shares
    assert outcome.facts is not None
    assert outcome.facts.speech == probe(path, frozenset({"speech"})).speech


def test_a_lossy_sound_is_made_no_poorer_than_the_rules_advise_and_that_is_said(
    sample: Callable[[str], Path],
) -> None:
    info = probe(sample("audio/low-bitrate.mp3"))
    role = presets.load("tencent/voice-instant").role("audio")
    assert role is not None
    to_aac = Plan(fixes=(Fix(check="audio.codec", stream=0, actual="mp3", value="aac", safety=Safety.LOSSY),))
    m4a = replace(role, deliver=(("audio_codec", "aac"), ("container", "m4a")))
    (step,) = audio.steps(info, to_aac, m4a)
    assert step.command[step.command.index("-b:0") + 1] == "128000"
    assert "128 kbit/s from 64 kbit/s" in step.does.en


@pytest.mark.parametrize(
    ("stream", "codec", "en", "zh"),
    [
        ({"codec": "pcm_u8", "bit_depth": 8}, "pcm_s16le", "16 bits from 8", "位深由 8 升至 16"),
        ({"codec": "pcm_s16le", "bit_depth": 16}, "pcm_s24le", "24 bits from 16", "位深由 16 升至 24"),
        ({"codec": "mp3", "bit_depth": None}, "pcm_s16le", "uncompressed from mp3", "由 mp3 转为未压缩格式"),
        ({"sample_rate": 6000}, "mp3", "8000 Hz from 6000 Hz, for mp3 goes no lower", "采样率由 6000 Hz 升至 8000 Hz"),
        ({"codec": "pcm_s24le", "bit_depth": 24}, "pcm_s16le", None, None),
        ({"sample_rate": 44100}, "mp3", None, None),
    ],
)
def test_what_is_above_the_source_is_said(
    stream: dict[str, Any], codec: str, en: str | None, zh: str | None, stereo: MediaInfo
) -> None:
    info = replace(stereo, audio=(replace(stereo.audio[0], **stream),), speech=Speech())
    role = mono_role()
    container = "mp3" if codec == "mp3" else "wav"
    (step,) = audio.steps(info, TO_MONO, replace(role, deliver=(("audio_codec", codec), ("container", container))))
    assert (en in step.does.en) if en else ("from" not in step.does.en)
    assert (zh in step.does.zh) if zh else ("升至" not in step.does.zh)


def test_tags_are_left_behind(tmp_path: Path) -> None:
    (step,) = audio.steps(probe(save(tmp_path / "a.wav", np.stack([voice(1)] * 2), RATE)), TO_MONO, mono_role())
    assert step.command[step.command.index("-map_metadata") + 1] == "-1"


@pytest.mark.parametrize(
    ("preset", "deep", "wanted"),
    [
        ("tencent/voice", False, DEEP),  # its rules hear
        ("convert/mono-wav", False, DEEP),  # its plan does
        ("metastudio/asset-library", False, CHECK),
        ("metastudio/asset-library", True, DEEP),
    ],
)
def test_hours_of_sound_have_the_time_they_need(preset: str, deep: bool, wanted: JobTime) -> None:
    assert patience(presets.load(preset), deep=deep) == wanted


def quiet_ends(tmp_path: Path) -> Path:
    """Thirteen seconds of voice between three seconds of silence."""
    gap = np.zeros(3 * RATE)
    signal = np.concatenate([gap, voice(8, pause=0.3), gap])
    return save(tmp_path / "in.wav", signal + noise(len(signal), -70))


@pytest.mark.parametrize("asked", [True, False])
def test_silence_at_both_ends_is_told_and_cut_off_on_request_only(asked: bool, tmp_path: Path) -> None:
    path = quiet_ends(tmp_path)
    allow = frozenset(SILENCES if asked else ())
    job = Job(path=str(path), stem="in", preset="tencent/voice-instant", out=str(tmp_path / "out"), allow=allow)
    outcome = prepare(check(job), lambda _: None)
    told = {f.rule.check for f in outcome.findings if f.verdict is Verdict.FAIL}
    assert told >= set(SILENCES)
    assert (outcome.status, outcome.error) == (Status.FIXED if asked else Status.READY, None)
    before, after = probe(path), probe(tmp_path / "out" / outcome.outputs[0].path, frozenset({"speech"}))
    assert before.duration is not None
    assert after.duration is not None
    assert after.speech is not None
    assert (before.duration - after.duration > 4) is asked
    assert {f.rule.check for f in outcome.outputs[0].findings if f.verdict is Verdict.FAIL} & set(SILENCES) == (
        set() if asked else set(SILENCES)
    )
    assert outcome.facts is not None
    assert outcome.facts.speech is not None
    assert near(after.speech.speech, float(outcome.facts.speech.speech or 0), 0.1)


def test_a_length_that_is_only_advised_is_not_cut_to_without_being_asked() -> None:
    role = presets.load("tencent/voice-instant").role("audio")
    assert role is not None
    long = MediaInfo(name="a.flac", kind=Kind.AUDIO, size=10**6, extension="flac", duration=Fraction(30))
    findings = judge(long, role)
    assert "media.duration" not in {fix.check for fix in planning.plan(findings).advised}
    asked = planning.plan(findings, allow=frozenset({"media.duration"}))
    assert "media.duration" in {fix.check for fix in asked.fixes}
