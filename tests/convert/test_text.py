"""Subtitles come out as clean SRT in order; scripts are copied and never reworded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.parsers import expat

import pytest
from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.convert.text import convert as text
from pipeline.errors import ToolFailed
from pipeline.model.facts import Kind, Text
from pipeline.model.limits import Between, OneOf
from pipeline.model.results import Plan
from pipeline.model.rules import Level, Limit, Role, Rule, Source
from pipeline.probe import probe
from pipeline.probe.text.subtitle import Cue, parse
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from samples import build
from tests import ROOT

OUT = ROOT / "samples" / "out"
CLEAN = (
    ("subtitle.format", OneOf(("srt",))),
    ("subtitle.encoding", OneOf(("utf-8",))),
    ("subtitle.disorder", Between(high=0)),
    ("subtitle.overlaps", Between(high=0)),
    ("subtitle.form", Between(high=0)),
)


def role(*rules: tuple[str, Limit]) -> Role:
    return Role(
        name="text",
        title=Text("text", "文本"),
        kinds=frozenset({Kind.TEXT, Kind.SUBTITLE}),
        rules=tuple(
            Rule(id=f"r{n}", check=c, limit=x, level=Level.ERROR, sources=(Source("D", "1", "2025-01-01"),))
            for n, (c, x) in enumerate(rules)
        ),
    )


def planned(source: Path, wanted: Role) -> Plan:
    return planning.plan(judging.judge(probe(source), wanted))


def repaired(source: Path, wanted: Role, work: Path) -> tuple[Path, str]:
    work.mkdir(exist_ok=True)
    shares: list[float] = []
    (made,) = text.convert(source, probe(source), planned(source, wanted), wanted, work, shares.append)
    assert shares[-1] == 1.0
    assert planned(Path(made.path), wanted).empty
    return Path(made.path), made.name


def sample(name: str) -> Path:
    return build([f"texts/{name}"], OUT)[f"texts/{name}"]


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.SUBTITLE])
def test_handles_exactly_the_checks_that_say_so(kind: Kind) -> None:
    assert {name for name, check in CHECKS.items() if kind in check.repairs} == text.HANDLES[kind]


@pytest.mark.parametrize(
    "loose",
    [
        "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n",  # no empty line
        "00:00:01,000 --> 00:00:02,000\none\n\n00:00:03,000 --> 00:00:04,000\ntwo\n",  # no numbers
        "00:00:01,000 --> 00:00:02,000\none\n00:00:03,000 --> 00:00:04,000\ntwo\n",  # neither
        "1\n00:00:01.000 --> 00:00:02.000\none\n\n2\n00:00:03.000 --> 00:00:04.000\ntwo\n",
        "1\n0:00:01,0 --> 0:00:02,0\none\n\n2\n0:00:03,0 --> 0:00:04,0\ntwo\n",
        "1\n00:00:01,000 --> 00:00:02,000 X1:1 X2:2 Y1:3 Y2:4\none\n\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n",
        '1\n00:00:01,000-->00:00:02,000\n<font size="7">one</font>\n\n2\n00:00:03,000 --> 00:00:04,000\n{\\b1}two\n',
    ],
)
def test_cues_that_only_lenient_players_show_are_set_right(loose: str, tmp_path: Path) -> None:
    # The form of SubRip: a number, times with commas, words, an empty line.
    right = "1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n\n"
    (tmp_path / "a.srt").write_text(loose, encoding="utf-8")
    made, _ = repaired(tmp_path / "a.srt", role(*CLEAN), tmp_path / "work")
    assert made.read_text(encoding="utf-8") == right
    assert planned(made, role(*CLEAN)).empty


def test_what_is_declared_inside_and_word_breaks_mean_what_they_say(tmp_path: Path) -> None:
    source = tmp_path / "a.ssml"
    source.write_bytes('<?xml version="1.0" encoding="GBK"?>\n<speak>今天我们学习如何准备素材。</speak>'.encode("gbk"))
    wanted = role(("text.encoding", OneOf(("utf-8",))))
    made, _ = repaired(source, wanted, tmp_path / "one")
    parsed: list[str] = []
    reader = expat.ParserCreate()
    reader.CharacterDataHandler = parsed.append
    reader.Parse(made.read_bytes(), True)
    assert "".join(parsed) == "今天我们学习如何准备素材。"
    padding = "今天我们学习如何准备素材。" * 20
    (tmp_path / "b.txt").write_text(f"{padding}one\vtwo\x1ethree\u200b", encoding="utf-8")
    made, _ = repaired(tmp_path / "b.txt", role(("text.hidden", Between(high=0))), tmp_path / "two")
    assert made.read_text(encoding="utf-8") == f"{padding}one\ntwo-three"


@pytest.mark.parametrize("name", ["gbk.srt", "utf16.srt"])
def test_other_encodings_become_utf_8_and_nothing_else_changes(name: str, tmp_path: Path) -> None:
    made, _ = repaired(sample(name), role(*CLEAN), tmp_path)
    assert made.read_bytes() == sample("good.srt").read_bytes()


def test_cues_are_sorted(tmp_path: Path) -> None:
    made, name = repaired(sample("bad-order.srt"), role(*CLEAN), tmp_path)
    before, _ = parse(sample("bad-order.srt").read_text(), "srt")
    after, faults = parse(made.read_text(), "srt")
    assert name == "{stem}.srt"
    assert faults == []
    assert [(c.start, c.text) for c in after] == sorted((c.start, c.text) for c in before)


def test_overlaps_are_trimmed_and_no_words_lost(tmp_path: Path) -> None:
    made, _ = repaired(sample("overlapping.srt"), role(*CLEAN), tmp_path)
    before, _ = parse(sample("overlapping.srt").read_text(), "srt")
    after, _ = parse(made.read_text(), "srt")
    assert [c.text for c in after] == [c.text for c in before]
    assert [(c.start, c.end) for c in after] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 11)]


def test_cues_that_begin_together_become_one() -> None:
    cues = [Cue(Fraction(1), Fraction(5), "a", 1), Cue(Fraction(1), Fraction(3), "b", 2)]
    assert text.in_order(cues) == [Cue(Fraction(1), Fraction(5), "a\nb", 1)]


def test_times_are_exact() -> None:
    cue = Cue(Fraction(3599999, 1000), Fraction(3600 * 100), "x", 1)
    assert text.as_srt([cue]) == "1\n00:59:59,999 --> 100:00:00,000\nx\n\n"


def test_webvtt_becomes_srt(tmp_path: Path) -> None:
    source = tmp_path / "a.vtt"
    source.write_text(
        "WEBVTT\n\nNOTE not shown\n\n00:01.500 --> 00:02.250 align:start\n<v Ann>Hello &amp; <c.loud>hi</c>"
        " <b>you</b>\n\n00:03.000 --> 00:04.000\n<00:03.500>End\n"
    )
    made, name = repaired(source, role(*CLEAN), tmp_path / "work")
    assert name == "{stem}.srt"
    assert made.read_text() == (
        "1\n00:00:01,500 --> 00:00:02,250\nHello & hi <b>you</b>\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\nEnd\n\n"
    )  # fmt: skip


def test_cues_that_cannot_be_read_are_never_dropped(tmp_path: Path) -> None:
    source = tmp_path / "a.srt"
    cue = "00:00:{:02},000 --> 00:00:{:02},000\nx\n\n"
    source.write_text(cue.format(5, 6) + cue.format(1, 2) + "00:00:09,000 --> 00:00:08,000\nlost\n")
    wanted = role(*CLEAN)
    with pytest.raises(ToolFailed, match="lost"):
        text.convert(source, probe(source), planned(source, wanted), wanted, tmp_path, lambda _: None)


def test_another_format_than_srt_is_not_written(tmp_path: Path) -> None:
    wanted = role(("subtitle.format", OneOf(("vtt",))))
    source = sample("good.srt")
    with pytest.raises(ToolFailed, match="SRT"):
        text.steps(probe(source), planned(source, wanted), wanted)


def test_a_script_with_the_wrong_extension_is_copied(tmp_path: Path) -> None:
    source = tmp_path / "script.doc"
    source.write_bytes(sample("gbk.txt").read_bytes())
    wanted = role(("file.extension", OneOf(("txt",))), ("file.extension_agrees", OneOf((True,), "flag")))
    made, name = repaired(source, wanted, tmp_path / "work")
    assert (name, made.read_bytes()) == ("{stem}.txt", source.read_bytes())


def test_advice_is_taken_only_where_the_file_is_written_anyway(tmp_path: Path) -> None:
    source = tmp_path / "a.srt"
    source.write_bytes(sample("overlapping.srt").read_text().encode("gbk"))

    def doing(hard: tuple[str, Limit]) -> list[str]:
        wanted = role(hard, ("subtitle.overlaps", Between(high=0)))
        soft = replace(wanted.rules[1], level=Level.WARNING)
        wanted = replace(wanted, rules=(wanted.rules[0], soft))
        plan = planned(source, wanted)
        assert [fix.check for fix in plan.advised] == ["subtitle.overlaps"]
        return [step.does.en for step in text.steps(probe(source), plan, wanted)]

    (alone,) = doing(("file.name_length", Between(high=0)))
    assert alone.startswith("copy")
    trimmed, recoded = doing(("subtitle.encoding", OneOf(("utf-8",))))
    assert trimmed.startswith("write the cues")
    assert recoded == "save as UTF-8"


def test_steps_say_what_is_done() -> None:
    wanted = role(*CLEAN)
    said = [
        [step.does.en for step in text.steps(probe(sample(name)), planned(sample(name), wanted), wanted)]
        for name in ("gbk.srt", "overlapping.srt")
    ]
    assert said == [
        ["save as UTF-8"],
        ["write the cues as SRT in order of time, each ending before the next begins"],
    ]
