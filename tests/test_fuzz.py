"""A small part of the campaigns of `make fuzz`: no damaged file and no damaged document surprises anything."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.engine.tasks import check_entry
from pipeline.model.job import Job
from tests.fuzz import documents, edits
from tests.fuzz.media import DAMAGES, campaign, mutant
from tests.watching import canaries, differences, snapshot

Sample = Callable[[str], Path]
KINDS = (
    "video/good-1080p25.mp4",
    "video/vp8.webm",
    "audio/mono.wav",
    "audio/good.mp3",
    "audio/other.flac",
    "images/good.jpeg",
    "images/alpha.png",
    "images/scan.tiff",
    "images/still.webp",
    "decks/good.pptx",
    "decks/good.odp",
    "texts/good.srt",
    "texts/good.txt",
)


@pytest.fixture(scope="session")
def pristine(sample: Sample) -> list[Path]:
    return [sample(name) for name in KINDS]


@pytest.mark.slow
def test_no_damaged_file_surprises_anything(pristine: list[Path], tmp_path: Path) -> None:
    found = campaign(pristine, 100, 1, tmp_path)
    assert found.wrong == []
    assert sum(found.statuses.values()) == 100
    assert found.statuses["error"] + found.statuses["failed"] > 0, "some were damaged beyond reading"


# --- what the campaign found once -------------------------------------------------------------------


def test_a_picture_without_its_pixels_is_told_by_every_kind_of_check(sample: Sample, tmp_path: Path) -> None:
    data = bytearray(sample("images/photo.avif").read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    (tmp_path / "a.avif").write_bytes(data)
    for preset in ("metastudio/photo-avatar", "metastudio/asset-library"):
        entry = check_entry(Job(path=str(tmp_path / "a.avif"), stem="x", preset=preset), lambda _: None)
        assert not (entry.error and entry.error.trace), entry.error
        assert entry.status in {"error", "blocked", "fixable"}


@pytest.mark.parametrize("rate", [50, 66, 8000])
@pytest.mark.parametrize("samples", [2, 160, 4000])
def test_a_sound_too_short_or_too_slow_to_be_heard_is_judged(rate: int, samples: int, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(random.Random(rate).randbytes(2 * samples))  # noqa: S311  noise, not secrets
    entry = check_entry(Job(path=str(tmp_path / "a.wav"), stem="x", preset="tencent/voice-instant"), lambda _: None)
    assert not (entry.error and entry.error.trace), entry.error
    assert entry.status in {"error", "blocked", "fixable"}


def test_the_same_seed_makes_the_same_mutants(pristine: list[Path]) -> None:
    first = [mutant(pristine, index, 7) for index in range(30)]
    assert first == [mutant(pristine, index, 7) for index in range(30)]
    assert first != [mutant(pristine, index, 8) for index in range(30)]
    changed = [data != pristine[index % len(pristine)].read_bytes() for index, (_, data) in enumerate(first)]
    assert sum(changed) > 25


def test_every_kind_of_damage_is_dealt(pristine: list[Path]) -> None:
    for damage in DAMAGES:
        data = bytearray(pristine[0].read_bytes())
        damage(data, random.Random(3), pristine[1].read_bytes())  # noqa: S311  reproducible damage
        assert bytes(data) != pristine[0].read_bytes(), damage.__name__


# --- documents ----------------------------------------------------------------------------------------


def test_no_damaged_document_surprises_anything(tmp_path: Path) -> None:
    found = documents.campaign(36, 1, tmp_path)
    assert found.wrong == []
    assert sum(found.statuses.values()) == 36
    assert {status.partition(" ")[0] for status in found.statuses} == {kind.__name__ for kind in documents.KINDS}


def test_every_edit_is_dealt_and_a_lure_tells_the_truth(tmp_path: Path) -> None:
    pristine = json.dumps(
        {"assets": [{"path": "a.jpg", "size": 3, "md5": "x", "findings": [{"level": "error"}]}]}
    ).encode()
    bench = documents.Bench(tmp_path)
    canaries(tmp_path / "canary")
    lure = bench.lure()
    made = [edits.edited(pristine, random.Random(n), lure) for n in range(400)]  # noqa: S311  reproducible damage
    assert made == [edits.edited(pristine, random.Random(n), lure) for n in range(400)]  # noqa: S311  as above
    assert len(set(made)) > 200
    lured = next(one for one in made if b"victim" in one and lure.md5.encode() in one)
    victim = (tmp_path / "canary" / "victim.bin").read_bytes()
    assert str(len(victim)).encode() in lured
    assert base64.b64encode(hashlib.md5(victim, usedforsecurity=False).digest()).decode() == lure.md5
    for damage in edits.DAMAGES:
        assert damage(bytearray(pristine), random.Random(5)) != pristine, damage.__name__  # noqa: S311  as above


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (documents.Said(0, '{"a": 1}'), []),
        (documents.Said(2, "preflight: x.json: not a manifest: Expected `object`, got `array`"), []),
        (documents.Said(None, "", "KeyError: 'x' (a.py:1)"), ["uncaught: KeyError: 'x' (a.py:1)"]),
        (documents.Said(70, "a fault"), ["exit code 70: 'a fault'"]),
        (documents.Said(5, "KeyError: 'asset_id'"), ["an exception's name was printed: \"KeyError: 'asset_id'\""]),
        (documents.Said(4, '{"type": "AssetError", "message": "cut short"}'), []),
        (documents.Said(4, '{"type": "KeyError", "message": "x"}'), ["an exception's name was printed"]),
    ],
)
def test_what_a_campaign_calls_wrong(said: documents.Said, wrong: list[str]) -> None:
    tried = documents.Tried(b"", ("verify",), said, [])
    found = list(documents.judged(tried))
    assert len(found) == len(wrong)
    assert all(one.startswith(words) for one, words in zip(found, wrong, strict=True))


def test_success_for_what_the_schema_refuses_is_wrong() -> None:
    for text, words in ((b"{}", "success for what the schema refuses"), (b"[1, NaN]", "no JSON"), (b"\xff", "no JSON")):
        (found,) = documents.judged(documents.Tried(text, ("verify",), documents.Said(0, ""), [], "manifest"))
        assert words in found
        assert list(documents.judged(documents.Tried(text, ("verify",), documents.Said(2, ""), [], "manifest"))) == []


def test_what_changes_around_is_seen(tmp_path: Path) -> None:
    canaries(tmp_path / "canary")
    before = snapshot(tmp_path)
    assert differences(before, snapshot(tmp_path)) == []
    (tmp_path / "canary" / "victim.bin").write_bytes(b"x")
    (tmp_path / "canary" / "pointer").unlink()
    (tmp_path / "new").mkdir()
    assert [one.partition(":")[0] for one in differences(before, snapshot(tmp_path))] == [
        "changed",
        "removed",
        "written",
    ]
    assert differences(before, snapshot(tmp_path, tmp_path / "new", tmp_path / "canary")) == sorted(
        f"removed: {name!r}" for name in before
    )
