"""What documents promise: schemas, numbers, languages, and that they are read as they were written."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.documents import entry, facts
from pipeline.documents.read import entry as read
from pipeline.documents.schema import NAMES, schema
from pipeline.documents.spool import Spool, line, with_trace
from pipeline.documents.types import AssetEntry, PlannedAsset, PreparedAsset
from pipeline.engine.tasks import check_entry, plan_entry, prepare_entry
from pipeline.errors import UsageError, WorkerLost
from pipeline.model.facts import Kind, Text
from pipeline.model.job import Job
from pipeline.model.measured import Face, Speech
from pipeline.model.results import Problem, Report, Status
from tests import ROOT, factory
from tests.documents.schemas import held

Find = Callable[[str], Path]
PRESET: Final = "metastudio/video-production"


# --- schemas ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_that_is_shown_is_the_one_that_is_kept(name: str) -> None:
    kept = (ROOT / "docs" / "schema" / f"{name}.json").read_text(encoding="utf-8")
    assert kept == json.dumps(schema(name), indent=1, ensure_ascii=False) + "\n", "run `make schema`"


def test_another_name_has_no_schema() -> None:
    with pytest.raises(UsageError, match="report") as caught:
        schema("raport")
    assert "report" in caught.value.text.zh


@pytest.mark.parametrize(
    "change",
    [{"kind": "sticker"}, {"status": "fine"}, {"findings": None}, {"facts": {"duration": 1.5}}, {"facts": {"x": 1}}],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    report = Report(source="a", kind=Kind.VIDEO, role=None, status=Status.PASS, facts=factory.video())
    whole = entry.plain(entry.head("media-preflight/report/2", None)) | {"batch": [], "summary": {}, "reasons": []}
    asset = entry.plain(entry.report(report, "en"))
    held(whole | {"assets": [asset]})
    with pytest.raises(AssertionError):
        held(whole | {"assets": [asset | change]})


# --- numbers ------------------------------------------------------------------------------------------


def test_what_was_measured_is_a_number_and_what_is_exact_a_string() -> None:
    speech = Speech(snr=Fraction(100, 3), loudness=Fraction(-47, 2), bandwidth=8000)
    face = Face(box=(Fraction(1, 3),) * 4, score=Fraction(2, 3))
    info = replace(factory.video(), duration=Fraction(1001, 30), speech=speech, faces=(face,))
    told = facts.facts(info)
    assert (told["speech"]["snr"], told["speech"]["loudness"], told["speech"]["c50"]) == (33.3333, -23.5, None)
    assert told["faces"][0]["box"] == [0.333333] * 4
    assert told["duration"] == "1001/30"
    assert told["video"][0]["frame_rate"] == "25"


@given(st.fractions(min_value=-(10**9), max_value=10**9))
def test_six_digits_are_right_to_a_millionth(value: Fraction) -> None:
    assert abs(Fraction(facts.measured(value)) - value) <= abs(value) * Fraction(1, 10**5)


def test_facts_are_read_as_they_were_written() -> None:
    info = replace(
        factory.video(), remarks=(Text("cut short", "被截断"),), speech=Speech(snr=Fraction(20), dead_channels=(1,))
    )
    assert facts.decoded(facts.encoded(info)) == info
    assert facts.decoded(facts.encoded(None)) is None


@pytest.mark.parametrize(
    "text", ['{"faces": 7}', '{"kind": "sticker"}', '{"duration": "1/0"}', '{"size": true}', "[1]"]
)
def test_facts_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the sentence is of Python or of the decoder
        facts.decoded(msgspec.Raw(text.encode()))


# --- entries ------------------------------------------------------------------------------------------


def test_an_id_is_the_same_in_every_run_and_another_for_another_name() -> None:
    ids = [entry.id_of(name) for name in ("a.mp4", "a.mp4", "b.mp4", "./a.mp4", "片段.mp4")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)


@pytest.mark.parametrize(
    ("type_", "status"), [(AssetEntry, "error"), (PlannedAsset, "error"), (PreparedAsset, "failed")]
)
def test_an_asset_without_an_answer_has_an_entry_like_the_others(type_: type[AssetEntry], status: str) -> None:
    job = Job(path="clip.mp4", stem="clip", role="video", lang="zh")
    lost = entry.lost(job, WorkerLost("it died", "它退出了"), type_)
    assert type(lost) is type_
    assert (lost.status, lost.role, lost.kind, lost.findings) == (status, "video", Kind.UNKNOWN, ())
    assert lost.error is not None
    assert (lost.error.type, lost.error.message, lost.error.said) == (
        "WorkerLost",
        "它退出了",
        Text("it died", "它退出了"),
    )
    assert read(line(lost).text, type_) == lost


def test_an_entry_travels() -> None:
    report = Report(source="a", kind=Kind.VIDEO, role=None, status=Status.PASS, facts=factory.video())
    told = entry.report(report, "en")
    assert pickle.loads(pickle.dumps(told)) == told  # noqa: S301  our own bytes


def test_a_trace_is_told_to_those_who_ask() -> None:
    problem = Problem(type="KeyError", message=Text("unexpected", "意外"), trace="Traceback")
    report = Report(source="a", kind=Kind.VIDEO, role=None, status=Status.ERROR, facts=None, error=problem)
    kept = line(entry.report(report, "en"))
    assert b"Traceback" not in kept.text
    assert b"Traceback" in with_trace(kept, AssetEntry).text


def test_names_that_are_no_text_are_escapes() -> None:
    info = replace(factory.video(), name="a\udcff\ud800.mp4")
    report = Report(source="a\udcff.mp4", kind=Kind.VIDEO, role=None, status=Status.PASS, facts=info)
    told = read(line(entry.report(report, "en")).text, AssetEntry)
    assert told.source == "a\\xff.mp4"
    known = facts.decoded(told.facts)
    assert known is not None
    assert known.name == "a\\xff\\ud800.mp4"


def test_a_spool_gives_back_what_was_put_into_it() -> None:
    reports = [Report(source=n, kind=Kind.TEXT, role=None, status=Status.PASS, facts=None) for n in ("a", "b")]
    entries = [entry.report(one, "en") for one in reports]
    with Spool(2, AssetEntry) as spool:
        for index in (1, 0):
            spool.put(index, line(entries[index]))
        assert list(spool) == entries
        assert list(spool) == entries


# --- languages ----------------------------------------------------------------------------------------

# What is written alike in every language: figures, units, names of formats and measures.
_ALIKE: Final = frozenset({"kib", "mib", "gib", "ms", "fps", "hz", "khz", "bps", "kbps", "mbps", "px", "db"}) | {
    *("dbtp", "lufs", "ssim", "vmaf", "psnr")
}


def texts(told: Any) -> Iterator[tuple[str, str]]:
    """Every text of a document in its two languages."""
    if isinstance(told, dict):
        if set(told) == {"en", "zh"}:
            yield told["en"], told["zh"]
        for value in told.values():
            yield from texts(value)
    elif isinstance(told, list):
        for value in told:
            yield from texts(value)


def strings(told: Any) -> Iterator[str]:
    """Every string of it that is no text: names, codecs, words of the file."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict) and set(told) != {"en", "zh"}:
        for key, value in told.items():
            if key not in {"message", "does"}:
                yield from strings(value)
    elif isinstance(told, list):
        for value in told:
            yield from strings(value)


def only_english(asset: Any) -> list[str]:
    """The texts of an asset that have no Chinese and are no figures or names that its facts and limits hold."""
    named = {word.casefold() for text in strings(asset) for word in re.findall(r"[^\W\d_]+", text)} | _ALIKE
    return [
        en
        for en, zh in texts(asset)
        if not re.search("[\u4e00-\u9fff]", zh)
        and any(word.casefold() not in named and len(word) > 1 for word in re.findall(r"[^\W\d_]+", en))
    ]


@pytest.mark.every(4)
@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("video/60fps.mp4", PRESET),
        ("video/good-1080p25.mp4", PRESET),
        ("video/rotated90.mp4", "metastudio/asset-library"),
        ("images/cmyk.jpg", "metastudio/photo-avatar"),
        ("images/scan.tiff", PRESET),
        ("images/79x79.png", PRESET),
        ("audio/good.mp3", "tencent/voice-instant"),
        ("texts/over-10000.txt", PRESET),
        ("decks/animated.pptx", "convert/slides-to-pages"),
        ("broken/empty.mp4", PRESET),
        ("texts/unclosed.ssml", PRESET),
        ("decks/video.pptx", PRESET),
        ("video/no-audio.mp4", "metastudio/livestream"),
        ("images/head-small.jpg", "metastudio/photo-avatar"),
    ],
)
def test_every_text_of_every_document_is_there_in_chinese(name: str, preset: str, sample: Find, tmp_path: Path) -> None:
    job = Job(path=str(sample(name)), stem="a", preset=preset, out=str(tmp_path))
    for made in (check_entry(job, _quiet), plan_entry(job, _quiet), prepare_entry(job, _quiet).asset):
        assert only_english(entry.plain(made)) == []


def _quiet(_: object) -> None:
    pass


@pytest.mark.parametrize(
    ("en", "zh", "found"),
    [("kept", "kept", True), ("kept", "保留", False), ("25 fps", "25 fps", False), ("h264", "h264", False)],
)
def test_that_test_finds_what_it_should(en: str, zh: str, found: bool) -> None:
    asset = {"facts": {"codec": "h264"}, "proof": [{"found": {"en": en, "zh": zh}}]}
    assert bool(only_english(asset)) is found
