"""Decks and scripts as scenes: what a script request is filled from, within the limits of the scenario."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import main
from pipeline.documents.types import Scene, SceneText
from pipeline.stages import scenes
from samples import build
from tests import ROOT

OUT = ROOT / "samples" / "out"
PRESET = "metastudio/video-production"


def made(source: Path, folder: Path, *more: str, preset: str = PRESET) -> tuple[int, dict[str, Any]]:
    code = main(["scenes", str(source), "-p", preset, "-o", str(folder), "-q", *more])
    told: dict[str, Any] = json.loads((folder / "scenes.json").read_text(encoding="utf-8"))
    return code, told


def test_a_long_script_becomes_even_scenes(tmp_path: Path) -> None:
    text = "今天我们学习如何准备素材。" * 2000
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    code, told = made(tmp_path / "a.txt", tmp_path / "out")
    assert code == 0
    assert "".join(scene["text_config"]["text"] for scene in told["scenes"]) == text
    assert [scene["sequence_no"] for scene in told["scenes"]] == [0, 1, 2]
    assert all(scene["characters"] <= 10_000 and not scene["findings"] for scene in told["scenes"])
    assert told["summary"] == {"scenes": 3, "characters": 26_000, "seconds": pytest.approx(26_000 * 60 / 250, abs=1)}


def test_page_marks_in_a_script_begin_scenes_and_are_not_spoken(tmp_path: Path) -> None:
    script = "【第1页】大家好。\n今天讲第2页的内容。\n第二页\n开始。\n[Page 13] 再见。\n第二十一页：\n完。\n"
    (tmp_path / "a.txt").write_text(script, encoding="utf-8")
    _, told = made(tmp_path / "a.txt", tmp_path / "out")
    assert [(scene["sequence_no"], scene["page"], scene["text_config"]["text"]) for scene in told["scenes"]] == [
        (0, 1, "大家好。\n今天讲第2页的内容。"),
        (1, 2, "开始。"),
        (2, 13, "再见。"),
        (3, 21, "完。"),
    ]


MARKS = (
    *("【第2页】", "[Page 2]", "[Page 2: The end]", "(slide 2)", "《第二页》", "第2页：", "Page 2:", "## 第 2 页\n"),
    *("--- Page 2 ---\n", "第2页/共9页\n", "Page 2 of 9\n", "P2\n", "PPT第2页\n", "幻灯片2：", "【场景二 收尾】"),
    *("Scene 2\n", "第２頁\n", "**Slide 2**\n"),
)
NO_MARKS = (
    *("今天讲第2页：内容。", "第2页的内容很多。", "Page 2 is long.", "P2P 网络。", "Scene one: hello.", "第二，再见。"),
    "2\n再见。",
)


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_pages(mark: str) -> None:
    assert list(scenes._by_page(f"你好。\n{mark}再见。")) == [(None, "你好。\n"), (2, "再见。")]


@pytest.mark.parametrize("words", NO_MARKS)
def test_words_that_only_speak_of_a_page(words: str) -> None:
    assert list(scenes._by_page(f"你好。\n{words}")) == [(None, f"你好。\n{words}")]


def test_the_request_is_one_that_the_documents_and_the_sdk_of_the_platform_have(tmp_path: Path) -> None:
    from huaweicloudsdkmetastudio.v1 import CreateVideoScriptsReq, ShootScript, ShootScriptItem, TextConfig

    from pipeline.upload.metastudio.protocol import TABLES

    (tmp_path / "第 1 课 (final).txt").write_text("[page 1] 大家好。\n[page 2] 再见。", encoding="utf-8")
    code, told = made(tmp_path / "第 1 课 (final).txt", tmp_path / "out")
    assert code == 0
    body = json.loads((tmp_path / "out" / "script.json").read_text(encoding="utf-8"))
    assert body == told["request"]
    # Tables 5-3, 5-9, 5-10 and 5-11 of the API reference, as they are kept for what is sent.
    assert TABLES.wrong("create_video_scripts", "body", body) == []
    assert TABLES.wrong("create_video_scripts", "body", body | {"scenes": []})
    assert body["script_name"] == "第_1_课_final"
    items = body["shoot_scripts"]
    assert [item["shoot_script"]["text_config"]["text"] for item in items] == ["大家好。", "再见。"]
    for model, one in (
        (CreateVideoScriptsReq, body),
        (ShootScriptItem, items[0]),
        (ShootScript, items[0]["shoot_script"]),
        (TextConfig, items[0]["shoot_script"]["text_config"]),
    ):
        assert set(one) <= set(model.openapi_types)


def test_what_would_be_refused_makes_no_request(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("你好。", encoding="utf-8")
    assert made(tmp_path / "a.txt", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "script.json").exists()
    (tmp_path / "a.txt").write_text("<speak>你好<audio src='x'>。</audio></speak>", encoding="utf-8")
    code, told = made(tmp_path / "a.txt", tmp_path / "out")
    assert (code, told["request"]) == (1, None)
    assert not (tmp_path / "out" / "script.json").exists()
    # Scenarios for which no such request is documented have none either.
    (tmp_path / "b.txt").write_text("你好。", encoding="utf-8")
    code, told = made(tmp_path / "b.txt", tmp_path / "avatar", preset="metastudio/photo-avatar")
    assert (code, told["request"]) == (0, None)


def test_photo_avatars_speak_five_minutes_at_most(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("今天我们学习如何准备素材。" * 300, encoding="utf-8")
    _, told = made(tmp_path / "a.txt", tmp_path / "out", preset="metastudio/photo-avatar")
    assert all(scene["seconds"] <= 300 for scene in told["scenes"])


def spoken(characters: int) -> Scene:
    """A scene of which so many characters are spoken."""
    return Scene(
        sequence_no=0,
        title="",
        text_config=SceneText(text=""),
        subtitle="",
        characters=1,
        spoken=characters,
        seconds=0.0,
        background=None,
        findings=(),
    )


def test_too_many_scenes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    role = scenes.presets.load(PRESET).role("text")
    assert role
    found = list(scenes._about_all([spoken(1)] * 51, role, "en"))
    assert [(f.check, f.verdict) for f in found] == [("scenes", "fail"), ("text.spoken", "pass")]


def test_too_much_text_in_all_is_told() -> None:
    role = scenes.presets.load(PRESET).role("text")
    assert role
    found = list(scenes._about_all([spoken(50_001)] * 2, role, "en"))
    assert [f.verdict for f in found if f.check == "text.spoken"] == ["fail"]


def test_refused_tags_go_on_request(tmp_path: Path) -> None:
    source = tmp_path / "a.ssml"
    source.write_text("<speak>你好<audio src='x'>世界</audio><break time='1s'/>。</speak>", encoding="utf-8")
    code, told = made(source, tmp_path / "kept")
    assert code == 1
    assert [f["check"] for f in told["scenes"][0]["findings"] if f["blocks"]] == ["ssml.tag"]
    code, told = made(source, tmp_path / "gone", "--strip-tags")
    assert code == 0
    assert told["scenes"][0]["text_config"]["text"] == "<speak>你好世界<break time='1s'/>。</speak>"


def test_subtitles_are_shown_as_the_platform_will() -> None:
    role = scenes.presets.load(PRESET).role("text")
    assert role
    scene = scenes._scene(0, "你好，世界。“再见”——《书》。\n第二句！", role, "en", tagged=False)
    assert scene.subtitle == "你好 世界 “再见”——《书》 第二句"


@pytest.mark.parametrize(("name", "code"), [("texts/unclosed.ssml", 4), ("video/60fps.mp4", 4)])
def test_what_cannot_become_scenes_is_told(name: str, code: int, tmp_path: Path) -> None:
    source = build([name], OUT)[name]
    assert main(["scenes", str(source), "-p", PRESET, "-o", str(tmp_path), "-q"]) == code
    assert not (tmp_path / "scenes.json").exists()


@pytest.mark.parametrize(
    "wrong", [["missing.txt", "-p", PRESET], [__file__, "-p", "no/such"], [__file__, "-p", PRESET, "--role", "x"]]
)
def test_usage(wrong: list[str], tmp_path: Path) -> None:
    assert main(["scenes", *wrong, "-o", str(tmp_path)]) == 2


def test_a_scenario_without_scripts_is_told(tmp_path: Path) -> None:
    assert main(["scenes", __file__, "-p", "tencent/voice", "-o", str(tmp_path)]) == 4


@pytest.mark.slow
def test_a_deck_becomes_scenes_with_pictures_and_notes(tmp_path: Path) -> None:
    pytest.importorskip("pptx")
    from pipeline.errors import ToolMissing
    from pipeline.tools.programs import soffice

    try:
        soffice()
    except ToolMissing as error:
        pytest.skip(str(error))
    source = build(["decks/notes.pptx"], OUT)["decks/notes.pptx"]
    code, told = made(source, tmp_path)
    assert code == 0
    assert [scene["page"] for scene in told["scenes"]] == [1, 2, 3]
    assert told["scenes"][0]["characters"] > 2048  # all of the notes, not what a page file stores
    for scene in told["scenes"]:
        picture = tmp_path / scene["background"]["path"]
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert len(scene["background"]["md5"]) == 24
