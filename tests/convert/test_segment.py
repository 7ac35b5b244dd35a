"""Cutting scripts: at the ends of sentences, within every limit, and joined again they are what they were."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.convert.text import convert as converter
from pipeline.convert.text.segment import (
    Budget,
    bare,
    broken_lines,
    plain,
    split,
    ssml,
    with_attribute,
    without_tags,
    wrapped,
)
from pipeline.engine.tasks import prepare_entry
from pipeline.errors import ToolFailed
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.job import Job
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Role
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.stages.check import check

ALPHABET = "你好世界，。！？；：“”《》abcdef.,!? \n\r\té\u0301👩\u200d🚀0123456789"


def role(preset: str, name: str = "text") -> Role:
    found = presets.load(preset).role(name)
    assert found
    return found


@given(st.text(ALPHABET, max_size=600), st.integers(8, 200))
@settings(max_examples=200, deadline=None)
def test_parts_join_to_the_text_and_fit(text: str, most: int) -> None:
    parts = split(text, Budget(most), tagged=False)
    assert "".join(parts) == text
    assert all(len(part.strip()) <= most for part in parts)
    assert len(parts) == 1 or all(part.strip() for part in parts)


@given(st.text(ALPHABET, min_size=1, max_size=300), st.integers(16, 90))
@settings(max_examples=100, deadline=None)
def test_bytes_are_counted_too(text: str, most: int) -> None:
    parts = split(text, Budget(None, most), tagged=False)
    assert "".join(parts) == text
    assert all(len(part.strip().encode()) <= most for part in parts)


def script(length: int, seed: int) -> str:
    chance = random.Random(seed)  # noqa: S311  reproducible, not secret
    words = ["今天我们学习", "素材准备", "数字人", "please keep quiet", "3.14", "课程", "“你好”", "《指南》"]
    ends = ["。", "！", "？", ". ", "，", "；", "\n", "。\r\n", "……"]
    out = ""
    while len(out) < length:
        out += chance.choice(words) + (chance.choice(ends) if chance.random() < 0.4 else "")
    return out[:length]


@pytest.mark.every(4)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("preset", ["metastudio/video-production", "metastudio/photo-avatar", "tencent/driver-audio"])
def test_any_script_of_100_000_characters_becomes_scenes_that_pass(preset: str, seed: int, tmp_path: Path) -> None:
    text = script(100_000, seed)
    source = tmp_path / "script.txt"
    source.write_bytes(text.encode())
    job = Job(path=str(source), stem="script", preset=preset, out=str(tmp_path / "out"))
    done = prepare_entry(job, lambda _: None).asset
    assert done.error is None
    assert done.status == "fixed"
    parts = [(tmp_path / "out" / output.path).read_bytes().decode() for output in done.outputs]
    assert "".join(parts) == text
    for output in done.outputs:
        again = judging.judge(probe(tmp_path / "out" / output.path), role(preset))
        assert [f.rule.id for f in again if f.blocks] == []


def test_cuts_are_made_at_the_ends_of_sentences() -> None:
    parts = split(script(5000, 7).replace("\n", "").replace("\r", ""), Budget(500), tagged=False)
    assert all(re.search(r"[。！？.…][”’」』）》】)\]}\"']*\s*$", part) for part in parts[:-1])


def test_parts_are_about_even() -> None:
    parts = split("一句话。" * 251, Budget(1000), tagged=False)
    assert len(parts) == 2
    assert abs(len(parts[0]) - len(parts[1])) <= 4


def test_a_number_or_a_version_is_not_the_end_of_a_sentence() -> None:
    assert (
        split("Use 3.14 not 2.71 today. And go home now.", Budget(26), tagged=False)[0] == "Use 3.14 not 2.71 today. "
    )


@pytest.mark.parametrize("joined", ["e\u0301", "👩\u200d🚀", "각"])
def test_what_is_one_to_the_reader_stays_whole(joined: str) -> None:
    parts = split(joined * 40, Budget(10), tagged=False)
    assert all(len(part) % len(joined) == 0 for part in parts)


def test_tagged_parts_have_the_root_and_no_element_is_cut() -> None:
    inner = '你好。<break time="1s"/>世界&amp;和平。<prosody rate="100">a 大于 b</prosody>再见。'
    text = '<speak version="1.0">' + inner * 200 + "</speak>\n"
    parts = split(text, Budget(2000), tagged=True)
    assert len(parts) > 1
    assert all(
        p.startswith('<speak version="1.0">') and p.endswith("</speak>\n") and len(p.strip()) <= 2000 for p in parts
    )
    bodies = [p.removeprefix('<speak version="1.0">').removesuffix("</speak>\n") for p in parts]
    assert "".join(bodies) == inner * 200
    for body in bodies:
        assert body.count("<prosody") == body.count("</prosody")


def test_an_element_longer_than_the_limit_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="alone is longer"):
        split("<speak><prosody rate='100'>" + "长" * 500 + "</prosody></speak>", Budget(100), tagged=True)


def test_long_paragraphs_are_broken_and_nothing_else_changes() -> None:
    text = "短句。\r\n" + "很长的一句话，" * 300 + "。\n结尾。"
    broken = broken_lines(plain(text), 500)
    assert all(len(line.strip()) <= 500 for line in broken.splitlines())
    assert broken.replace("\n", "").replace("\r", "") == text.replace("\n", "").replace("\r", "")


def test_paragraphs_of_tagged_text_are_broken_outside_elements() -> None:
    text = "<speak>" + '一句话。<break time="500ms"/>' * 200 + "</speak>"
    broken = broken_lines(ssml(text), 300)
    assert all(len(line) <= 300 for line in broken.splitlines())
    assert broken.replace("\n", "") == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("你好<break/>", "<speak>你好<break/></speak>\n"),
        ("<Speak>你好</Speak>", "<speak>你好</speak>"),
        ("<SPEAK a='1'>x</SPEAK>", "<speak a='1'>x</speak>"),
        ("<?xml version='1.0'?>\n<p>x</p>", "<?xml version='1.0'?>\n<speak><p>x</p></speak>\n"),
    ],
)
def test_every_text_gets_one_root(text: str, wanted: str) -> None:
    assert wrapped(text) == wanted


def test_only_the_named_attribute_changes() -> None:
    text = '<speak><break time="50ms"/>time="50ms"<sub alias="50ms">x</sub></speak>'
    assert with_attribute(text, "break", "time", {"50ms": "200ms"}) == text.replace(
        '<break time="50ms"', '<break time="200ms"'
    )


def test_tags_go_and_words_stay() -> None:
    text = "<speak><voice name='a>b'>你好&amp;<!-- x --></voice>。<blink/><break/></speak>"
    assert without_tags(text, frozenset({"voice", "blink"})) == "<speak>你好&amp;<!-- x -->。<break/></speak>"
    assert bare(text) == "你好&。"


def prepared(
    name: str, content: bytes, preset: str, folder: Path, role_name: str | None = None, allow: str = ""
) -> tuple[dict[str, Any], bytes]:
    source = folder / name
    source.write_bytes(content)
    job = Job(
        path=str(source),
        stem=source.stem,
        preset=preset,
        role=role_name,
        out=str(folder / "out"),
        allow=frozenset({allow} - {""}),
    )
    done = prepare_entry(job, lambda _: None).asset
    outputs = done.outputs
    return done, (folder / "out" / outputs[0].path).read_bytes() if outputs else b""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'<speak>a<break time="50ms"/></speak>', b'<speak>a<break time="200ms"/></speak>'),
        (
            b'<speak>a<break time="60s"/>b<break time="1s"/></speak>',
            b'<speak>a<break time="10000ms"/>b<break time="1s"/></speak>',
        ),
        (b'<speak><prosody rate="250">a</prosody></speak>', b'<speak><prosody rate="200">a</prosody></speak>'),
        ("你好<break time='1s'/>".encode(), "<speak>你好<break time='1s'/></speak>\n".encode()),
        ("你\u202e好\u200b".encode() * 200, "你好".encode() * 200),
        ("你好世界".encode("gbk") * 100, "你好世界".encode() * 100),
        ("你好世界".encode("utf-16") * 1, "你好世界".encode()),
    ],
)
def test_scripts_are_repaired(before: bytes, after: bytes, tmp_path: Path) -> None:
    done, made = prepared("a.txt", before, "metastudio/video-production", tmp_path)
    assert done.error is None
    assert done.status == "fixed"
    assert made == after


def test_paragraphs_of_a_livestream_are_broken(tmp_path: Path) -> None:
    text = "这是一句话。" * 1000
    done, made = prepared("a.txt", text.encode(), "metastudio/livestream", tmp_path)
    assert done.status == "fixed"
    assert made.decode().replace("\n", "") == text


def blocking(info: MediaInfo, wanted: Role) -> list[str]:
    return [f.rule.id for f in planning.plan(judging.judge(info, wanted)).blocked]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"<speak>" + b"<prosody rate='100'>" * 500 + b"x" + b"</prosody>" * 500 + b"</speak>", "well-formed"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><speak>&b;</speak>', "well-formed"),
        (b"<speak><phoneme ph='zhong3'>\xe4\xb8\xad</speak>", "well-formed"),
    ],
)
def test_hostile_markup_is_a_finding(content: bytes, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ssml"
    path.write_bytes(content)
    assert any(rule in found for found in blocking(probe(path), role("metastudio/video-production")))


def test_mixed_encodings_are_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("第一段是中文。\n".encode() + b"\xff\xfe\x80\x81" + "第二段。".encode("gbk"))
    job = Job(path=str(path), stem="a", preset="metastudio/video-production", out=str(tmp_path / "out"))
    assert prepare_entry(job, lambda _: None).asset.status in {"blocked", "failed"}


def test_where_hidden_characters_stand_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("第一行\n第二\u202e行", encoding="utf-8")
    found = [
        f for f in judging.judge(probe(path), role("metastudio/video-production")) if f.rule.check == "text.hidden"
    ]
    assert [(f.verdict, f.actual, f.where) for f in found] == [
        (Verdict.FAIL, 1, Text("line 2, column 3", "第 2 行第 3 列"))
    ]


def test_what_a_plan_says_is_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("一句话。" * 4000, encoding="utf-8")
    wanted = role("metastudio/video-production")
    info = probe(path)
    plan = planning.plan(judging.judge(info, wanted))
    (step,) = converter.steps(info, plan, wanted)
    assert "at most 10000 characters" in step.does.en


def test_refused_tags_go_on_request_only(tmp_path: Path) -> None:
    script = '<speak>一<voice name="a">二<break time="1s"/>三</voice>\n四<blink/>五&lt;</speak>'.encode()
    left, _ = prepared("left.ssml", script, "metastudio/video-production", tmp_path)
    assert left.status == "blocked"
    assert any("--strip-tags" in finding.message for finding in left.blocked)
    done, made = prepared("gone.ssml", script, "metastudio/video-production", tmp_path, allow="ssml.tag")
    assert done.status == "fixed"
    assert made.decode() == '<speak>一二<break time="1s"/>三\n四五&lt;</speak>'
    assert [step.does for step in done.steps] == [
        "remove the tags of <voice> at line 1, column 9, keep their words",
        "remove the tags of <blink> at line 2, column 2, keep their words",
    ]
    assert {p.name.en: p.found for p in done.proof}["words"] == Text("6 characters", "6 字")


def test_a_fault_is_told_with_its_place_and_reason(tmp_path: Path) -> None:
    done, _ = prepared("open.ssml", "<speak>你好\n<sub alias='x'>a</speak>".encode(), "metastudio/livestream", tmp_path)
    told = next(f for f in done.findings if f.check == "ssml.well_formed")
    assert told.where == Text("line 2, column 19: mismatched tag", "第 2 行第 19 列：标签不配对")
    assert "（第 2 行第 19 列：标签不配对）" in (told.said.zh if told.said else "")


def test_a_text_in_two_encodings_is_told_to_be_saved_as_utf8(tmp_path: Path) -> None:
    for name, said in (("mixed.txt", True), ("mixed.bin", False)):
        path = tmp_path / name
        path.write_bytes("今天学习。\n".encode() * 20 + "今天学习。\n".encode("gbk") * 20)
        report = check(Job(path=str(path), stem="mixed", preset="metastudio/video-production"))
        assert report.status is Status.BLOCKED
        note = report.findings[0].rule.note
        assert note is not None
        assert ("UTF-8" in note.en) is said


@pytest.mark.parametrize("root", ["<speak/>", '<?xml version="1.0"?>\n<speak version="1.0"/>\n'])
def test_a_root_closed_in_itself_is_read_without_surprise(root: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.ssml"
    path.write_text(root, encoding="utf-8")
    for preset in ("metastudio/livestream", "metastudio/video-production", "metastudio/photo-avatar"):
        told = prepare_entry(
            Job(path=str(path), stem="empty", preset=preset, out=str(tmp_path / "out")), lambda _: None
        ).asset
        assert "unexpected" not in str(told.error), told.error
    assert ssml(root).body == ()
