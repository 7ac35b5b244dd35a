"""Files of programs that no platform takes are told for what they are, with the export that helps."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from pipeline.model.job import Job
from pipeline.probe import probe
from pipeline.stages.check import check

PRESET = "metastudio/video-production"


def packed(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"<x/>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.numbers", packed("Index.zip"), "Keynote, Pages or Numbers"),
        (
            "a.key",
            packed("Index/Document.iwa", "Index/Slide.iwa"),
            "Keynote deck, which is not read here; export it as PowerPoint",
        ),
        ("a.pages", packed("Index/Document.iwa"), "Pages document"),
        ("a.rar", b"Rar!\x1a\x07\x01\x00", "RAR archive"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip archive"),
        ("a.ai", b"%!PS-Adobe-3.0 EPSF-3.0\n%%Creator: x\n", "PostScript"),
    ],
)
def test_a_foreign_file_is_named_with_the_export_that_helps(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    case = check(Job(path=str(tmp_path / name), stem="a", preset=PRESET))
    (finding,) = case.findings
    assert finding.blocks
    assert said in finding.rule.note.en


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("app.log", "started\n", "log of a program"),
        ("a.txt", "2026-01-02 10:11:12 a\n2026-01-02 10:11:12 b\n[2026-01-02T10:11:12] c\n", "log of a program"),
        ("shots.csv", "镜号,台词\n1,你好\n", "save it as .xlsx"),
        ("make.py", "import os\n", "source of a program"),
        ("a.yaml", "a: 1\n", "settings of a program"),
        ("a.lrc", "[00:01.00]你好\n", "export them as .srt"),
        ("a.xml", '<?xml version="1.0"?><project/>', "export the words from there"),
        ("a.json", '["你好", "再见"]', "export the words from there"),
        ("a.html", "<html><body>x</body></html>", "web page"),
    ],
)
def test_what_is_no_script_is_told_for_what_it_is(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    case = check(Job(path=str(tmp_path / name), stem="a", preset=PRESET))
    (finding,) = [one for one in case.findings if one.blocks and one.rule.check == "text.format"]
    assert case.plan.blocked
    assert finding.advice
    assert said in finding.advice.en


@pytest.mark.parametrize("text", ["[1] 大家好，见文献[2]。", "[1,2]节课的内容。", "2026-01-02 10:11:12 开会。\n再见。"])
def test_scripts_that_begin_alike_are_scripts(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    info = probe(tmp_path / "a.txt").text
    assert info is not None
    assert info.format == "plain"


@pytest.mark.parametrize("text", ['{"canvas_config": {"height": 1080}}', '[\n {"id": 1}]', '{\n  "a b": 1\n}'])
def test_what_a_program_keeps_for_itself_is_no_script(text: str, tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_text(text, encoding="utf-8")
    case = check(Job(path=str(tmp_path / "draft.txt"), stem="a", preset=PRESET))
    assert any(finding.blocks and finding.rule.check == "text.format" for finding in case.findings)
    (tmp_path / "a.txt").write_text('[笑] {大家好}，今天说"JSON": 一种格式', encoding="utf-8")
    info = probe(tmp_path / "a.txt")
    assert info.text is not None
    assert info.text.format == "plain"
