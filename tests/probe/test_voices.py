"""What recordings in a package sound like: the figures of each alone, which a program of its own decodes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.model.facts import ArchiveEntry
from pipeline.model.job import Job
from pipeline.model.measured import Speech
from pipeline.model.results import Status, Verdict
from pipeline.probe import probe
from pipeline.probe.archive import voices
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare
from tests.probe.test_speech import RATE, Signal, noise, save, voice
from tests.repairing import ffmpeg

CLEAN = voice(2)
TAKES: dict[str, Signal] = {
    "clean": CLEAN,
    "noisy": CLEAN + noise(len(CLEAN), -32),
    "clipped": np.clip(CLEAN * 20, -1, 1),
    "silent": np.zeros(RATE),
    "one-sided": np.stack([CLEAN, np.zeros(len(CLEAN))]),
}


def packed(folder: Path, *files: Path, to: str = "voice.zip") -> Path:
    path = folder / to
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def heard(path: Path) -> dict[str, ArchiveEntry]:
    found = probe(path, frozenset({"speech"})).archive
    assert found is not None
    return {entry.name: entry for entry in found.entries}


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Each in a file of its own; the clean one as MP3 and M4A too."""
    folder = tmp_path_factory.mktemp("takes")
    files = [save(folder / f"{name}.wav", signal) for name, signal in TAKES.items()]
    for suffix in (".mp3", ".m4a"):
        ffmpeg("-i", files[0], folder / f"clean{suffix}")
        files.append(folder / f"clean{suffix}")
    return tuple(files)


def test_each_sounds_in_a_package_as_it_does_alone(takes: tuple[Path, ...], tmp_path: Path) -> None:
    found = heard(packed(tmp_path, *takes))
    for path in takes:
        alone = probe(path, frozenset({"speech"})).speech
        assert alone is not None
        here = found[path.name].speech
        assert here is not None
        # Loudness is ffmpeg's to tell. AAC fills its last frame up, and its decoders do not all cut that off.
        assert here.trailing_silence == pytest.approx(alone.trailing_silence, abs=0.05)
        same = {"loudness": None, "trailing_silence": None}
        assert replace(here, **same) == replace(alone, **same), path.name


def test_the_worst_comes_first_and_is_named(takes: tuple[Path, ...], tmp_path: Path) -> None:
    case = check(Job(path=str(packed(tmp_path, *takes)), stem="voice", preset="tencent/voice"))
    told = {
        one: [(str(f.where and f.where.en), f.verdict) for f in case.findings if f.rule.check == f"speech.{one}"]
        for one in ("snr", "clipping", "least")
    }
    assert told["least"][0] == ("silent.wav", Verdict.FAIL)
    assert told["clipping"][0] == ("clipped.wav", Verdict.FAIL)
    assert ("noisy.wav", Verdict.FAIL) in told["snr"][:2]
    assert ("clean.wav", Verdict.PASS) in told["snr"]
    assert told["snr"][-1] == ("silent.wav", Verdict.UNKNOWN)  # nobody speaks in it
    (whole,) = [f.actual for f in case.findings if f.rule.id == "tencent.voice.zip.speech"]
    seconds = {entry.name: entry.speech.speech for entry in heard(Path(case.job.path)).values() if entry.speech}
    assert whole == sum(one or 0 for one in seconds.values())


@pytest.mark.parametrize(
    ("preset", "role"),
    [("tencent/voice", None), ("metastudio/voice-advanced", None), ("metastudio/avatar-training", "audio")],
)
def test_a_package_in_which_nobody_speaks_is_refused(preset: str, role: str | None, tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    path = packed(tmp_path, save(tmp_path / "0.wav", np.zeros(20 * RATE)), save(tmp_path / "1.wav", tone))
    case = check(Job(path=str(path), stem="voice", preset=preset, role=role))
    assert case.status is Status.BLOCKED
    assert [f.actual for f in case.findings if f.rule.check == "speech.duration" and f.blocks] == [0]
    assert {f.where.en for f in case.findings if f.rule.check == "speech.least" and f.where} == {"0.wav", "1.wav"}


def test_what_cannot_be_heard_is_named_and_the_others_are_heard(takes: tuple[Path, ...], tmp_path: Path) -> None:
    wrong = save(tmp_path / "wrong.wav", np.zeros(0))
    info = probe(packed(tmp_path, wrong, takes[0]), frozenset({"speech"}))
    assert info.archive is not None
    assert [isinstance(entry.speech, Speech) for entry in info.archive.entries] == [False, True]
    assert any("wrong.wav" in remark.en and "wrong.wav" in remark.zh for remark in info.remarks)


def test_more_than_one_file_may_last_is_not_listened_to(
    takes: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (save(tmp_path / f"{n}.wav", CLEAN) for n in range(2))
    monkeypatch.setattr(voices, "MAX_DURATION", len(CLEAN) / RATE + 0.5)
    info = probe(packed(tmp_path, first, second, takes[0]), frozenset({"speech"}))
    assert info.archive is not None
    assert [entry.speech is not None for entry in info.archive.entries] == [True, False, False]
    assert [remark.en.partition(":")[0] for remark in info.remarks] == ["1.wav", "clean.wav"]


def test_a_damaged_package_is_told_as_that_alone(takes: tuple[Path, ...], tmp_path: Path) -> None:
    path = packed(tmp_path, takes[0])
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    case = check(Job(path=str(path), stem="voice", preset="tencent/voice"))
    assert not [f for f in case.findings if f.rule.check.startswith("speech.")]
    assert [f.actual for f in case.findings if f.rule.check == "archive.valid"] == [False]


LITTERED = """schema = 1
id = "mine/voices"
title = { en = "voices", zh = "语音" }

[role.package]
kinds = ["archive"]
title = { en = "package", zh = "压缩包" }

[[rule]]
id = "mine.litter"
role = "package"
check = "archive.litter"
max = 0
sources = ["media-preflight recording sanity (2026-11-21)"]
note = { en = "None.", zh = "无。" }

[[rule]]
id = "mine.snr"
role = "package"
check = "speech.snr"
min = 1
level = "warning"
optional = true
sources = ["media-preflight recording sanity (2026-11-21)"]
note = { en = "Ours.", zh = "本工具拟定。" }
"""


def test_a_package_made_anew_is_not_heard_again(
    takes: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"litter")
    (tmp_path / "mine.toml").write_text(LITTERED, encoding="utf-8")
    source = packed(tmp_path, *takes[:2], tmp_path / ".DS_Store")
    listened, listen = list[str](), voices._listened

    def counted(here: Path, entry: ArchiveEntry, *more: Any) -> Any:
        listened.append(entry.name)
        return listen(here, entry, *more)

    monkeypatch.setattr(voices, "_listened", counted)
    case = check(Job(path=str(source), stem="a", preset=str(tmp_path / "mine.toml"), out=str(tmp_path / "out")))
    (tmp_path / "out").mkdir()
    done = prepare(case, lambda _: None)
    assert (done.status, done.error) == (Status.FIXED, None)
    (output,) = done.outputs
    made = heard(tmp_path / "out" / output.path)
    assert sorted(set(listened)) == sorted(one.name for one in takes[:2])
    once = listened[: len(listened) // 2]  # the second half is `heard` just above
    assert once == listened[len(once) :]
    assert output.facts is not None
    assert output.facts.archive is not None
    assert {one.name: one.speech for one in output.facts.archive.entries} == {n: e.speech for n, e in made.items()}


def test_what_is_not_the_same_is_heard_anew(takes: tuple[Path, ...], tmp_path: Path) -> None:
    whole = packed(tmp_path, takes[0])
    known = probe(whole, frozenset({"speech"}))
    other = packed(tmp_path, takes[1], to="other.zip")
    assert voices.carried(other, probe(other), whole, known).archive == probe(other, frozenset({"speech"})).archive
