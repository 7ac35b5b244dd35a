"""Recordings whose header does not say truly how long they are: read by Python's `wave`, which believes headers."""

from __future__ import annotations

import math
import struct
import wave
from array import array
from pathlib import Path

import pytest

from pipeline.model.facts import Stated
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.probe import probe
from pipeline.stages.check import check
from pipeline.stages.prepare import prepare

RATE = 16_000
SOUND = array("h", (int(8000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(2 * RATE))).tobytes()
LENGTH = len(SOUND)
FORM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
UNKNOWN = b"\xff" * 4


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def wav(riff: int, data: int, *, form: bytes = FORM, before: bytes = b"", behind: bytes = b"") -> bytes:
    """RIFF WAVE (RFC 2361 and Microsoft's Multimedia Programming Interface 1.0) with these two sizes."""
    head = b"RIFF" + number(riff) + b"WAVE" + before + b"fmt " + number(len(form)) + form
    return head + b"data" + number(data) + SOUND + behind


def wide(name: bytes) -> bytes:
    """EBU Tech 3306: sizes of 64 bits in a chunk of their own."""
    ds64 = b"ds64" + number(28) + struct.pack("<QQQI", 72 + LENGTH, LENGTH, LENGTH // 2, 0)
    return name + UNKNOWN + b"WAVE" + ds64 + b"fmt " + number(16) + FORM + b"data" + UNKNOWN + SOUND


LIST = b"LIST" + number(12) + b"INFOISFT\0\0\0\0"
TRUE = {
    "as it should be": wav(36 + LENGTH, LENGTH),
    "words behind": wav(36 + LENGTH + len(LIST), LENGTH, behind=LIST),
    "a chunk of odd length before": wav(48 + LENGTH, LENGTH, before=b"JUNK" + number(3) + b"abc\0"),
    "a tag behind, outside": wav(36 + LENGTH, LENGTH, behind=b"TAG" + bytes(125)),
}
UNTRUE = {
    "nothing known": wav(0xFFFFFFFF, 0xFFFFFFFF),
    "nothing known, as zero": wav(0, 0),
    "half the truth": wav(36 + LENGTH // 2, LENGTH // 2),
    "the whole unknown": wav(0xFFFFFFFF, LENGTH),
    "the whole too small": wav(36, LENGTH),
    "the sound too large": wav(36 + LENGTH, LENGTH + 100_000),
    "wide": wide(b"RF64"),
    "wide, of broadcasters": wide(b"BW64"),
    "bytes in a second": wav(36 + LENGTH, LENGTH, form=struct.pack("<HHIIHH", 1, 1, RATE, 0, 2, 16)),
}


@pytest.mark.parametrize("name", [*TRUE, *UNTRUE])
def test_every_reader_hears_all_of_what_was_made(name: str, tmp_path: Path) -> None:
    source = tmp_path / "take.wav"
    source.write_bytes(TRUE.get(name) or UNTRUE[name])
    job = Job(path=str(source), stem="take", preset="convert/mono-wav", out=str(tmp_path / "out"), deep=True)
    case = check(job)
    assert case.facts is not None
    assert (case.facts.duration, case.facts.sizes is Stated.TRUE) == (2, name in TRUE)
    outcome = prepare(case, lambda _: None)
    assert outcome.status is (Status.READY if name in TRUE else Status.FIXED), outcome.error
    made = tmp_path / "out/take.wav"
    assert (made.read_bytes() == source.read_bytes()) is (name in TRUE)
    with wave.open(str(made)) as strict:
        assert strict.readframes(strict.getnframes() + 1) == SOUND


def test_a_recording_that_was_cut_short_stays_one(tmp_path: Path) -> None:
    source = tmp_path / "take.wav"
    source.write_bytes(TRUE["as it should be"][:-20_000])
    case = check(Job(path=str(source), stem="take", preset="convert/mono-wav"))
    assert "preflight.intact" in {found.rule.id for found in case.findings if found.blocks}
    assert case.plan.blocked


def test_what_a_strict_program_writes_is_true(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "take.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(SOUND)
    assert probe(tmp_path / "take.wav").sizes is Stated.TRUE
