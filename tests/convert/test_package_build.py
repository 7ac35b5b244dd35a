"""Packages built from clips with texts, and from one long take with its script."""

from __future__ import annotations

import csv
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.convert.package import build as package_build
from pipeline.convert.package import cut_take as package_build_take
from pipeline.convert.package import join as package_join
from pipeline.convert.package.align import match
from pipeline.convert.package.build import Clip, Shape, gather
from pipeline.errors import AssetError
from pipeline.model.facts import Kind
from pipeline.probe import probe
from pipeline.rules import presets
from pipeline.stages.package import Order, build_entry
from samples._speech import LINES, speech
from tests.probe.test_speech import RATE, noise, save

BASIC, ANY = "metastudio/voice-basic", Shape(count=None, numbered=True, texts=True)


def clip(folder: Path, name: str, number: int) -> Path:
    """One short recording, different for every number."""
    return save(folder / name, np.random.default_rng(number).standard_normal(RATE // 10) * 0.1)


def take(lines: tuple[str, ...], seed: int = 1) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Sentences read one after the other, and where each is, in seconds."""
    rng, parts, places, at = np.random.default_rng(seed), [np.zeros(RATE // 2)], [], RATE // 2
    for line in lines:
        said = speech(line, RATE)
        loud = np.flatnonzero(np.abs(said) > 0.02)
        said = said[loud[0] : loud[-1]]
        places.append((at / RATE, (at + len(said)) / RATE))
        gap = np.zeros(round(rng.uniform(0.5, 1.2) * RATE))
        parts += [said, gap]
        at += len(said) + len(gap)
    signal = np.concatenate(parts)
    return signal + noise(len(signal), -55), places


# --- what the rules ask for -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "wanted"),
    [
        (BASIC, Shape(count=20, numbered=True, texts=True)),
        ("metastudio/voice-middle", Shape(count=100, numbered=True, texts=True)),
        ("metastudio/voice-advanced", Shape(count=1, numbered=False, texts=False)),
        ("tencent/voice", Shape(count=None, numbered=False, texts=False)),
    ],
)
def test_the_shape_of_a_package_follows_from_its_rules(preset: str, wanted: Shape) -> None:
    role = presets.load(preset).role_for(Kind.ARCHIVE)
    assert role is not None
    assert package_build.shape(role) == wanted


# --- clips and texts --------------------------------------------------------------------------------


def three(folder: Path) -> None:
    for number, name in enumerate(("b10.wav", "b2.wav", "a.wav")):
        clip(folder, name, number)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param({"a.txt": "one", "b2.txt": "two", "b10.txt": "three"}, id="a text beside each"),
        pytest.param({"list.csv": "name,text\nb2.wav,two\na.wav,one\nb10.wav,three\n"}, id="CSV with a header"),
        pytest.param({"list.tsv": "a\tone\nb2\ttwo\nb10\tthree\n"}, id="TSV without endings"),
        pytest.param({"metadata.csv": "a|one\nb2|two\nb10|three\n"}, id="bars, as speech corpora have it"),
        pytest.param({"script.txt": "one\n\ntwo\nthree\n"}, id="a line for each, in natural order"),
    ],
)
def test_texts_in_any_of_the_usual_forms(texts: dict[str, str], tmp_path: Path) -> None:
    three(tmp_path)
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode("utf-8-sig"))
    found = gather(tmp_path, texts=True)
    assert [(one.path.name, one.text) for one in found] == [("a.wav", "one"), ("b2.wav", "two"), ("b10.wav", "three")]


def test_texts_in_gbk_are_read(tmp_path: Path) -> None:
    clip(tmp_path, "a.wav", 1)
    (tmp_path / "a.txt").write_bytes("请保持房间安静。".encode("gbk"))
    assert gather(tmp_path, texts=True)[0].text == "请保持房间安静。"


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({}, "holds no texts"),
        ({"a.txt": "one", "b2.txt": "two"}, "b10.wav has no text"),
        ({"a.txt": "one", "b2.txt": "two", "b10.txt": " "}, "b10.wav has no text"),
        ({"a.txt": "1", "b2.txt": "2", "b10.txt": "3", "b11.txt": "4"}, "b11.txt has no recording"),
        ({"list.csv": "a.wav,one\na.wav,two\nb2.wav,x\nb10.wav,y\n"}, "names a twice"),
        ({"script.txt": "one\ntwo\n"}, "has 2 lines for 3 recordings"),
    ],
)
def test_texts_that_do_not_pair_up_have_a_reason(texts: dict[str, str], reason: str, tmp_path: Path) -> None:
    three(tmp_path)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(AssetError, match=reason):
        gather(tmp_path, texts=True)


def test_the_same_recording_twice_is_refused(tmp_path: Path) -> None:
    shutil.copy(clip(tmp_path, "a.wav", 1), tmp_path / "b.wav")
    with pytest.raises(AssetError, match="same recording"):
        gather(tmp_path, texts=False)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    with pytest.raises(AssetError, match="no recordings"):
        gather(tmp_path, texts=True)


# --- writing ----------------------------------------------------------------------------------------


def test_recordings_that_comply_go_in_bit_for_bit_and_the_same_every_time(tmp_path: Path) -> None:
    one = clip(tmp_path, "a.wav", 1)
    for name in ("first.zip", "second.zip"):
        package_build.build([Clip(one, "你好")], ANY, tmp_path / name, tmp_path)
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as package:
        assert package.namelist() == ["0.wav", "0.txt"]
        assert package.read("0.wav") == one.read_bytes()
        assert package.read("0.txt").decode() == "你好"


def test_stereo_that_cancels_goes_in_by_its_better_channel(tmp_path: Path) -> None:
    voice = speech(LINES[0], RATE)
    path = save(tmp_path / "a.wav", np.stack([0.5 * voice, -voice]))
    with zipfile.ZipFile(package_build.build([Clip(path, "x")], ANY, tmp_path / "p.zip", tmp_path)) as package:
        (tmp_path / "out.wav").write_bytes(package.read("0.wav"))
    info = probe(tmp_path / "out.wav", frozenset({"speech"}))
    assert info.audio[0].channels == 1
    assert info.speech is not None
    assert info.speech.true_peak is not None
    assert info.speech.true_peak > -4


def test_another_number_of_recordings_than_wanted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="20 recordings are wanted and there are 1"):
        package_build.build(
            [Clip(clip(tmp_path, "a.wav", 1), "x")], replace(ANY, count=20), tmp_path / "p.zip", tmp_path
        )
    assert not (tmp_path / "p.zip").exists()


def test_names_lose_what_rules_refuse_and_stay_apart() -> None:
    clips = [Clip(Path(name)) for name in ("my clip!.wav", "my_clip.wav", "录音 1.wav", "...wav")]
    assert package_build.names(clips, numbered=False) == ["my_clip", "my_clip-2", "录音_1", "clip"]
    assert package_build.names(clips, numbered=True) == ["0", "1", "2", "3"]


# --- one long take ----------------------------------------------------------------------------------


def test_a_take_is_cut_at_its_pauses(tmp_path: Path) -> None:
    signal, places = take(LINES[:6])
    path = save(tmp_path / "take.wav", signal)
    cuts = package_build_take.find(path, probe(path).audio[0], LINES[:6])
    assert [cut.line for cut in cuts] == list(LINES[:6])
    assert not [doubt for cut in cuts for doubt in cut.doubts]
    for cut, (start, end) in zip(cuts, places, strict=True):
        assert start - 0.4 < cut.start <= start + 0.03
        assert end - 0.03 <= cut.end < end + 0.4


def runs(*lengths: float, pause: float = 0.8) -> list[tuple[float, float]]:
    """Stretches of speech of these lengths with equal pauses between them."""
    found, at = [], 0.5
    for length in lengths:
        found.append((at, at + length))
        at += length + pause
    return found


SCRIPT = ["一二三四五", "一二三四五六七八九十", "一二三", "一二三四五六七", "一二三四五六七八九十一二"]
FITS = [1.1, 2.1, 0.72, 1.5, 2.5]


def test_a_short_pause_stays_within_its_sentence() -> None:
    split = runs(*FITS)
    start, end = split[1]
    split[1:2] = [(start, start + 0.9), (start + 1.15, end)]
    cuts = match(split, SCRIPT, "take")
    assert len(cuts) == 5
    assert not any(cut.doubts for cut in cuts)


@pytest.mark.parametrize(
    ("lengths", "why"),
    [
        ([1.1, 2.1, 2.1, 0.72, 1.5, 2.5], "a sentence was read twice"),
        ([2.1, 0.72, 1.5, 2.5, 1.1], "read one line late"),
        ([1.1, 0.72, 2.1, 1.5, 2.5], "two sentences exchanged"),
        ([1.1, 2.1, 0.72, 1.5, 6.0], "one lasts far too long"),
    ],
)
def test_a_match_that_lengths_speak_against_is_in_doubt(lengths: list[float], why: str) -> None:
    assert any(cut.doubts for cut in match(runs(*lengths), SCRIPT, "take")), why


def test_fewer_sentences_than_lines_are_refused() -> None:
    with pytest.raises(AssetError, match="4 sentences are heard and the script has 5 lines"):
        match(runs(*FITS[:4]), SCRIPT, "take")


def test_a_line_without_words_is_refused() -> None:
    with pytest.raises(AssetError, match="line 2 of the script has no words"):
        match(runs(*FITS), [SCRIPT[0], "……", *SCRIPT[2:]], "take")


def test_a_list_of_cuts_comes_back_as_it_went_out() -> None:
    cuts = match(runs(*FITS), SCRIPT, "take")
    again = package_build_take.reviewed(package_build_take.listed(cuts), "cuts.csv")
    assert [(c.line, round(c.start, 3)) for c in again] == [(c.line, round(c.start, 3)) for c in cuts]


@pytest.mark.parametrize("row", ["0,1,0.5,text,", "0,a,2,text,", "0,1,2,,", "0,1\n", "0,0,2,one,\n1,1.5,3,two,"])
def test_a_list_of_cuts_that_makes_no_sense_is_refused(row: str) -> None:
    with pytest.raises(AssetError, match="in order and without overlap"):
        package_build_take.reviewed(f"clip,start,end,text,doubt\n{row}", "cuts.csv")


def test_lines_that_lengths_cannot_tell_apart_are_named() -> None:
    lines = ["一二三", "一二三四五六七", "一二三四五六七八九十一二三四五六", "三二一", "三二一"]
    cuts = match(runs(0.72, 1.52, 3.32, 0.73, 0.71), lines, "take")
    assert [cut.doubts for cut in cuts] == [()] * 5
    assert [cut.alike for cut in cuts] == [(3, 4), (), (), (0,), (0,)], "the same words are no other line"
    with pytest.raises(
        AssetError, match="for 3 of them only the order tells which line they are: by its length clip 0"
    ):
        package_build_take.settled(cuts, "take", in_order=False)
    package_build_take.settled(cuts, "take", in_order=True)
    package_build_take.settled([replace(cut, alike=()) for cut in cuts], "take", in_order=False)


# --- the whole way ----------------------------------------------------------------------------------


def order(source: Path, out: Path, **more: str | bool) -> Order:
    words: dict[str, Any] = {"role": None, "script": None, "cuts": None, "in_order": False} | more
    return Order(source=str(source), preset=BASIC, out=str(out), replace=False, lang="en", **words)


def test_a_take_becomes_a_package_that_its_preset_takes(tmp_path: Path) -> None:
    signal, _ = take(LINES)
    path = save(tmp_path / "take.wav", signal)
    script = tmp_path / "script.txt"
    script.write_text("\n".join(LINES), encoding="utf-8")
    entry = build_entry(order(path, tmp_path / "out", script=str(script)), lambda _: None)
    assert entry.status == "blocked"
    assert entry.error
    assert "--in-order" in entry.error.message, "which line is which, only the order tells"
    with (tmp_path / "out" / "take.cuts.csv").open(encoding="utf-8") as listed:
        assert [row["text"] for row in csv.DictReader(listed) if row["alike"] and not row["doubt"]] == list(LINES)
    entry = build_entry(order(path, tmp_path / "out", script=str(script), in_order=True), lambda _: None)
    assert (entry.status, entry.error) == ("ready", None)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["take.cuts.csv", "take.zip"]


def test_a_list_of_cuts_may_come_from_any_system() -> None:
    head = "clip,start,end,text"
    lists = [end.join((head, "0,0,1,one", "", '1,1,2,"two, too"', "")) for end in ("\n", "\r\n", "\r")]
    first, *others = [package_build_take.reviewed(text, "cuts.csv") for text in lists]
    assert [(cut.line, cut.start, cut.end) for cut in first] == [("one", 0.0, 1.0), ("two, too", 1.0, 2.0)]
    assert others == [first, first]


def test_a_cell_without_end_is_told_by_its_line() -> None:
    with pytest.raises(AssetError, match=r"line 2.*quotation mark"):
        package_build_take.reviewed('clip,start,end,text\n0,0,1,"' + "x" * 200_000, "cuts.csv")
    assert package_build_take.reviewed("", "cuts.csv") == ()


def test_a_list_that_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cuts.csv")
    with pytest.raises(AssetError, match=r"cuts\.csv is no file"):
        package_build.read(tmp_path / "cuts.csv")


def test_a_doubtful_take_is_blocked_and_a_reviewed_list_of_cuts_settles_it(tmp_path: Path) -> None:
    signal, places = take((*LINES[:7], LINES[6], *LINES[7:]))
    path = save(tmp_path / "take.wav", signal)
    script, out = tmp_path / "script.txt", tmp_path / "out"
    script.write_text("\n".join(LINES), encoding="utf-8")
    entry = build_entry(order(path, out, script=str(script), in_order=True), lambda _: None)
    assert entry.status == "blocked"
    assert entry.error
    assert "doubtful" in entry.error.message
    assert [p.name for p in out.iterdir()] == ["take.cuts.csv"]
    del places[6]
    rows = [f"{n},{a:.3f},{b:.3f},{text}," for n, ((a, b), text) in enumerate(zip(places, LINES, strict=True))]
    cuts = tmp_path / "reviewed.csv"
    cuts.write_text("clip,start,end,text,doubt\n" + "\n".join(rows), encoding="utf-8")
    entry = build_entry(order(path, out, cuts=str(cuts)), lambda _: None)
    assert (entry.status, entry.error) == ("ready", None)


def test_what_cannot_be_built_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    three(tmp_path / "clips")
    entry = build_entry(order(tmp_path / "clips", tmp_path / "out"), lambda _: None)
    assert entry.status == "blocked"
    assert list((tmp_path / "out").iterdir()) == []


# --- joining ----------------------------------------------------------------------------------------


def test_clips_are_joined_where_a_scenario_takes_one_recording(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for number in range(5):
        save(tmp_path / "clips" / f"{number}.wav", speech(LINES[number], RATE))
    wanted = replace(order(tmp_path / "clips", tmp_path / "out"), preset="tencent/voice-instant")
    entry = build_entry(wanted, lambda _: None)
    assert (entry.status, entry.error) == ("ready", None)
    made = probe(tmp_path / "out" / "clips.wav").duration
    assert made is not None
    spoken = sum(len(speech(LINES[number], RATE)) for number in range(5)) / RATE
    assert float(made) == pytest.approx(spoken + 4 * 0.3, abs=0.01)


def test_clips_that_do_not_join_have_a_reason(tmp_path: Path) -> None:
    one = save(tmp_path / "a.wav", speech(LINES[0], RATE))
    two = save(tmp_path / "b.wav", speech(LINES[0], RATE), RATE // 2)
    with pytest.raises(AssetError, match="different sample rates"):
        package_join.join([Clip(one), Clip(two)], tmp_path / "out.wav", tmp_path)
    long = save(tmp_path / "c.wav", np.zeros(121 * RATE))
    with pytest.raises(AssetError, match="longer than 120 s"):
        package_join.join([Clip(one), Clip(long)], tmp_path / "out.wav", tmp_path)
    assert not (tmp_path / "out.wav").exists()
