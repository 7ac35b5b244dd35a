"""The samples: a sound table, the same bytes every time, and nothing half made."""

from __future__ import annotations

import io
import re
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import samples
from samples import SAMPLES, Sample, SampleError, _speech, build
from samples._tools import TOOLS, Entry, tool, zip_bytes

KINDS = {"video", "audio", "image", "slides", "archive", "text", "subtitle", "unknown"}
CHEAP = (
    "video/no-audio.mp4",
    "video/vp8.webm",
    "audio/8k.wav",
    "audio/good.wma",
    "images/display-p3.jpg",
    "images/portrait-rolled.jpg",
    "decks/good.pptx",
    "decks/encrypted.pptx",
    "decks/from-powerpoint.pdf",
    "packages/gbk-names.zip",
    "texts/good.srt",
    "broken/truncated.mkv",
)


def test_names_are_safe_and_stay_below_the_folder() -> None:
    for name in SAMPLES:
        assert re.fullmatch(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9._%-]*\.[A-Za-z0-9]+", name), name
    assert len({name.lower() for name in SAMPLES}) == len(SAMPLES)


def test_the_table_is_keyed_by_name_and_says_what_each_sample_is_for() -> None:
    assert sum(len(module.SAMPLES) for module in samples._MODULES) == len(SAMPLES), "a name is used twice"
    for name, sample in SAMPLES.items():
        assert sample.name == name
        assert sample.kind in KINDS
        assert re.fullmatch(r"\S.*", sample.note)
        assert sample.needs <= TOOLS.keys()


def test_samples_come_out_the_same_every_time(tmp_path: Path) -> None:
    first, second = build(CHEAP, tmp_path / "a"), build(CHEAP, tmp_path / "b")
    assert set(first) == set(CHEAP)
    for name in CHEAP:
        assert first[name].stat().st_size > 0
        assert first[name].read_bytes() == second[name].read_bytes(), name


def test_a_sample_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    path = build(["audio/8k.wav"], tmp_path)["audio/8k.wav"]
    before = path.stat().st_mtime_ns
    assert build(["audio/8k.wav"], tmp_path)["audio/8k.wav"].stat().st_mtime_ns == before
    (tmp_path / ".stamps" / "audio/8k.wav.sha256").write_text("made by another version")
    assert build(["audio/8k.wav"], tmp_path)["audio/8k.wav"].stat().st_mtime_ns > before


def test_a_failing_maker_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setitem(SAMPLES, "audio/x.wav", Sample("audio/x.wav", "audio", "fails", make))
    with pytest.raises(SampleError, match=r"audio/x\.wav.*disk full"):
        build(["audio/x.wav"], tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_unknown_name_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="good-1080p25"):
        build(["video/god-1080p25.mp4"], tmp_path)


def test_a_sample_whose_program_is_missing_is_left_out_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(samples, "tool", {}.get)
    assert build(["decks/good.ppt"], tmp_path) == {}
    assert "decks/good.ppt left out: soffice" in caplog.text


def test_speech_without_espeak_still_looks_like_a_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speech, "tool", {}.get)
    voice = _speech.speech.__wrapped__("欢迎来到数字人课堂。", 16000)
    loudness = np.array([np.std(frame) for frame in np.array_split(voice, len(voice) // 320)])
    assert 1.0 < len(voice) / 16000 < 4.0
    assert 0.6 < np.max(np.abs(voice)) < 0.8
    assert np.max(loudness) / np.min(loudness) > 100, "syllables and pauses must stand apart"
    spectrum = np.abs(np.fft.rfft(voice))
    middle = np.sum(spectrum * np.fft.rfftfreq(len(voice), 1 / 16000)) / np.sum(spectrum)
    assert 200 < middle < 3000


def test_the_zip_writer_agrees_with_the_standard_library() -> None:
    entries = [
        Entry("数字.txt".encode(), b"one", utf8=True),
        Entry(b"locked.txt", b"two" * 100, password=b"key"),
        Entry(b"plain.bin", bytes(1000), stored=True),
    ]
    with zipfile.ZipFile(io.BytesIO(zip_bytes(entries))) as archive:
        assert archive.namelist() == ["数字.txt", "locked.txt", "plain.bin"]
        assert archive.read("数字.txt") == b"one"
        assert archive.read("locked.txt", pwd=b"key") == b"two" * 100
        assert archive.read("plain.bin") == bytes(1000)
        with pytest.raises(RuntimeError, match="encrypted"):
            archive.read("locked.txt")


def test_voice_packages_hold_what_their_notes_say(tmp_path: Path) -> None:
    paths = build(["packages/basic-good.zip", "packages/missing-txt.zip"], tmp_path)
    with zipfile.ZipFile(paths["packages/basic-good.zip"]) as archive:
        expected = {f"{number}.{suffix}" for number in range(20) for suffix in ("wav", "txt")}
        assert set(archive.namelist()) == expected
        with wave.open(io.BytesIO(archive.read("7.wav"))) as clip:
            assert (clip.getnchannels(), clip.getframerate()) == (1, 16000)
            assert 0.5 < clip.getnframes() / clip.getframerate() < 3
    with zipfile.ZipFile(paths["packages/missing-txt.zip"]) as archive:
        assert expected - set(archive.namelist()) == {"11.txt"}


@pytest.mark.skipif(tool("soffice") is None, reason="LibreOffice is not installed")
def test_office_formats_come_from_libreoffice(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    import pypdfium2

    path = build(["decks/good.pdf"], tmp_path)["decks/good.pdf"]
    document: Any = pypdfium2.PdfDocument(path)
    assert len(document) == 3
