"""Packages are read to the last byte and never extracted."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.model.facts import ArchiveEntry, ArchiveInfo, MediaInfo
from pipeline.probe import probe
from pipeline.probe.av.wav import sound
from samples import build
from samples._tools import Entry as Put
from samples._tools import zip_bytes
from tests import ROOT

OUT = ROOT / "samples" / "out"


def facts(name: str) -> MediaInfo:
    return probe(build([f"packages/{name}.zip"], OUT)[f"packages/{name}.zip"])


def read(path: Path, *entries: Put) -> ArchiveInfo:
    path.write_bytes(zip_bytes(entries))
    info = probe(path).archive
    assert info is not None
    return info


def entry(info: MediaInfo, name: str) -> ArchiveEntry:
    assert info.archive is not None
    return next(e for e in info.archive.entries if e.name == name)


def wav(rate: int = 24000, channels: int = 1, seconds: float = 1.0, claim: int | None = None) -> bytes:
    data = bytes(int(rate * seconds) * 2 * channels)
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    size = len(data) if claim is None else claim
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data


def test_a_good_package() -> None:
    info = facts("basic-good")
    archive = info.archive
    assert archive.valid
    assert archive.problems == ()
    assert len(archive.entries) == 40
    assert archive.unpacked == sum(e.size for e in archive.entries)
    assert archive.ratio == Fraction(archive.unpacked, sum(e.packed for e in archive.entries))
    clip = entry(info, "0.wav")
    assert (clip.format, clip.audio.codec, clip.audio.sample_rate, clip.audio.channels) == (
        "wav",
        "pcm_s16le",
        16000,
        1,
    )
    assert clip.audio.duration == Fraction((clip.size - 44) // 2, 16000)
    text = entry(info, "0.txt")
    assert (text.format, text.encoding, text.text) == ("txt", "utf-8", "老师来了。")


@pytest.mark.parametrize("name", ["traversal", "absolute", "drive-letter", "backslash", "symlink"])
def test_names_that_lead_elsewhere_are_unsafe(name: str) -> None:
    assert [e.name for e in facts(name).archive.entries if e.unsafe] == [
        {
            "traversal": "../x.wav",
            "absolute": "/absolute/x.wav",
            "drive-letter": "C:/x.wav",
            "backslash": "..\\..\\x.wav",
            "symlink": "x.wav",
        }[name]
    ]


@pytest.mark.parametrize("name", [b"a\0b.wav", "gnp\u202e.wav".encode(), b"a/../b.wav", b"\\\\host\\b.wav"])
def test_names_written_to_mislead_are_unsafe(tmp_path: Path, name: bytes) -> None:
    assert read(tmp_path / "a.zip", Put(name, b"x", utf8=True)).entries[0].unsafe


def test_dots_in_a_name_are_no_climbing(tmp_path: Path) -> None:
    assert not read(tmp_path / "a.zip", Put(b"a..b/c...wav", b"x")).entries[0].unsafe


@pytest.mark.parametrize("name", ["gbk-names", "utf8-names"])
def test_chinese_names_are_shown_right_whatever_wrote_them(name: str) -> None:
    assert [e.name for e in facts(name).archive.entries][:2] == ["开场.wav", "开场.txt"]


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("big5", ["開場白與課程介紹.wav", "第二段說明.txt"]),
        ("euc_kr", ["안녕하세요 소개.wav", "오늘의 수업.txt"]),
        ("shift_jis", ["はじめの挨拶.wav", "今日の授業について.txt"]),
        ("utf-8", ["はじめの挨拶.wav", "第二段說明.txt"]),
    ],
)
def test_names_are_read_in_the_encoding_that_all_of_them_are_in(codec: str, names: list[str], tmp_path: Path) -> None:
    info = read(tmp_path / "a.zip", *(Put(name.encode(codec), b"x") for name in names))
    assert [entry.name for entry in info.entries] == names


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("duplicate", "duplicate: 5.wav"),
        ("case-duplicate", "duplicate: 0.WAV"),
        ("zip-in-zip", "nested archive: basic.zip"),
        ("damaged", "damaged: 7.wav"),
        ("truncated", "no directory"),
    ],
)
def test_problems_are_named(name: str, problem: str) -> None:
    assert facts(name).archive.problems == (problem,)


@pytest.mark.parametrize("name", ["damaged", "truncated"])
def test_damage_makes_a_package_invalid_and_says_why(name: str) -> None:
    info = facts(name)
    assert not info.archive.valid
    assert info.archive.unpacked is None
    assert f"{name}.zip" in info.remarks[0].en


def test_a_locked_entry_is_noted_and_the_total_unknown() -> None:
    info = facts("encrypted")
    assert [e.name for e in info.archive.entries if e.encrypted] == ["0.wav"]
    assert (info.archive.valid, info.archive.unpacked) == (True, None)


def test_content_decides_what_an_entry_is() -> None:
    assert entry(facts("mp3-inside"), "3.wav").format == "mp3"
    assert entry(facts("mp3-inside"), "3.wav").audio.sample_rate == 16000
    assert entry(facts("stereo-inside"), "4.wav").audio.channels == 2


def test_text_encodings() -> None:
    info = facts("gbk-texts")
    assert (entry(info, "0.txt").encoding, entry(info, "0.txt").text) == ("gbk", "老师来了。")


def test_more_encodings(tmp_path: Path) -> None:
    said = "你好，世界。"
    archive = read(
        tmp_path / "a.zip",
        Put(b"bom.txt", b"\xef\xbb\xbf" + said.encode()),
        Put(b"wide.txt", b"\xff\xfe" + said.encode("utf-16-le")),
        Put(b"none.txt", b""),
        Put(b"long.txt", said.encode() * 10_000),
    )
    assert [e.encoding for e in archive.entries] == ["utf-8-sig", "utf-16", "utf-8", None]
    assert [e.text for e in archive.entries] == [said, said, "", None]
    assert {e.format for e in archive.entries} == {"txt"}


def test_a_silent_recording_below_a_mebibyte_is_no_bomb(tmp_path: Path) -> None:
    archive = read(tmp_path / "a.zip", Put(b"0.wav", wav(seconds=10)))
    assert archive.ratio > 100
    assert archive.entries[0].audio.duration == 10


def test_a_stated_size_that_is_a_lie_is_found_out(tmp_path: Path) -> None:
    data = bytearray(zip_bytes([Put(b"0.wav", wav())]))
    real = struct.pack("<I", len(wav()))
    for header in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        assert data[header : header + 4] == real
        data[header : header + 4] = struct.pack("<I", 10)
    (tmp_path / "a.zip").write_bytes(data)
    archive = probe(tmp_path / "a.zip").archive
    assert (archive.valid, archive.problems) == (False, ("damaged: 0.wav",))


def test_a_header_that_contradicts_the_directory_is_found_out(tmp_path: Path) -> None:
    data = zip_bytes([Put(b"0.wav", wav())]).replace(b"0.wav", b"1.wav", 1)
    (tmp_path / "a.zip").write_bytes(data)
    info = probe(tmp_path / "a.zip")
    assert not info.archive.valid
    assert "does not agree" in info.remarks[0].en


def test_entries_that_share_bytes_are_not_unpacked(tmp_path: Path) -> None:
    inner = zip_bytes([Put(b"b", b"x" * 100, stored=True)])
    local = inner[: inner.index(b"PK\x01\x02")]
    data = bytearray(zip_bytes([Put(b"a", local, stored=True), Put(b"b", b"x" * 100, stored=True)]))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 31)  # into the bytes of "a"
    (tmp_path / "a.zip").write_bytes(data)
    archive = probe(tmp_path / "a.zip").archive
    assert (archive.valid, archive.problems) == (
        False,
        ("nested archive: a", "overlap: b"),
    )


def test_bytes_before_the_archive_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(60) + zip_bytes([Put(b"0.wav", wav())]))
    assert probe(tmp_path / "a.zip").archive.valid


def test_an_empty_package_is_valid_and_empty() -> None:
    assert facts("empty").archive == ArchiveInfo(valid=True, unpacked=0)


def test_wav_headers() -> None:
    whole = wav(48000, 2, 0.5)
    assert sound("wav", whole, len(whole)).duration == Fraction(1, 2)
    cut = wav(48000, 1, 1, claim=1 << 30)
    assert sound("wav", cut, len(cut)).duration == 1, "only what is there counts"
    far = whole[:36] + b"LIST" + struct.pack("<I", 1 << 20) + bytes(100)
    assert sound("wav", far, 1 << 21).duration is None, "the sound lies beyond what was read"
    assert sound("wav", b"RIFF\0\0\0\0WAVE", 12) is None
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 24000, 3, 24, 22, 24, 4, 1) + bytes(14)
    wide = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 24000)
    stream = sound("wav", wide + bytes(24000), len(wide) + 24000)
    assert (stream.codec, stream.bit_depth, stream.duration) == ("pcm_s24le", 24, 1)


def test_headers_of_other_sounds() -> None:
    flac = b"fLaC\0\0\0\x22" + bytes(10) + (48000 << 44 | 1 << 41 | 23 << 36 | 96000).to_bytes(8, "big")
    stream = sound("flac", flac + bytes(16), 1000)
    assert (stream.sample_rate, stream.channels, stream.bit_depth, stream.duration) == (48000, 2, 24, 2)
    adts = sound("aac", bytes([0xFF, 0xF1, 3 << 2, 2 << 6, 1, 0, 0]), 8)
    assert (adts.sample_rate, adts.channels) == (48000, 2)
    assert sound("m4a", b"\0\0\0\x18ftypM4A ", 24) is None
