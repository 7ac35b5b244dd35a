"""Not measured is never fine: what nobody can decode passes nowhere, and `prepare` finds what `check --deep` finds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from pipeline.cli.main import main
from pipeline.tools.programs import ffmpeg
from tests.stages.undecodable import DEAD, wav, write

# Scenarios that ask for nothing: what holds is what holds for every scenario.
PRESET = """schema = 1
id = "test/anything"
title = { en = "anything", zh = "任何文件" }
""" + "".join(
    f"""[role.{kind}]
kinds = ["{kind}"]
title = {{ en = "{kind}", zh = "{kind}" }}
[[rule]]
id = "test.anything.{kind}"
role = "{kind}"
check = "file.size"
min = 0
sources = ["media-preflight test (2026-11-29)"]
"""
    for kind in ("video", "audio", "image", "slides", "archive", "text", "subtitle")
)
SAME = {"pass": "ready", "blocked": "blocked", "error": "failed"}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, Any]]:
    """The assets of a run, by the name of the file."""
    code = main([*words, "--json"])
    said = capsys.readouterr().out
    assert code in {0, 1, 4}, said
    return {Path(asset["source"]).name: asset for asset in json.loads(said)["assets"]}


def verdicts(asset: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [(found["rule"], found["verdict"], found["actual"]) for found in asset["findings"]]


def decodes(path: Path) -> bool:
    """What another program makes of it: whether it decodes from end to end without a complaint."""
    if path.suffix in {".png", ".jpg", ".gif", ".bmp", ".webp", ".tiff"}:
        try:
            Image.open(path).load()
        except (OSError, SyntaxError, ValueError):
            return False
        return True
    if path.suffix == ".pdf":
        try:
            pypdfium2.PdfDocument(path)[0].render()
        except (pypdfium2.PdfiumError, IndexError):
            return False
        return True
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:v?", "-map", "0:a?", "-f", "framecrc", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    frames = [line for line in done.stdout.splitlines() if not line.startswith(b"#")]
    return done.returncode == 0 and not done.stderr and bool(frames)


def test_nothing_undecodable_passes_and_all_verbs_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    preset = tmp_path / "anything.toml"
    preset.write_text(PRESET, encoding="utf-8")
    files = write(tmp_path / "in")
    assert len(files) >= 60
    asked = (str(tmp_path / "in"), "-p", str(preset))
    plain = run(capsys, "check", *asked, "--no-resume")
    deep = run(capsys, "check", *asked, "--no-resume", "--deep")
    made = run(capsys, "prepare", *asked, "-o", str(tmp_path / "out"))
    assert plain.keys() == deep.keys() == made.keys() == files.keys()
    for name, path in files.items():
        one, two, three = plain[name], deep[name], made[name]
        assert SAME[two["status"]] == three["status"], name
        assert verdicts(two) == verdicts(three), name
        assert two["facts"] == three["facts"], name
        if name.startswith(DEAD):
            assert one["status"] in {"blocked", "error"}, name
        if one["status"] == "pass":  # and then it says what was not looked at, or all was
            unknown = {rule for rule, verdict, _ in verdicts(one) if verdict == "unknown"}
            assert "preflight.intact" in unknown or two["status"] == "pass", name
        if one["status"] != "pass":
            assert two["status"] != "pass", name
        if three["status"] == "ready" and one["kind"] in {"video", "audio", "image", "slides"}:
            assert decodes(path), name


def test_what_decodes_is_still_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same files undamaged: a rule that refuses everything would have passed the test above."""
    (tmp_path / "in").mkdir()
    preset = tmp_path / "anything.toml"
    preset.write_text(PRESET, encoding="utf-8")
    (tmp_path / "in" / "good.wav").write_bytes(wav())
    (tmp_path / "in" / "good.txt").write_text("words", encoding="utf-8")
    (tmp_path / "in" / "good.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nwords\n", encoding="utf-8")
    asked = (str(tmp_path / "in"), "-p", str(preset))
    assert {a["status"] for a in run(capsys, "check", *asked, "--no-resume", "--deep").values()} == {"pass"}
    made = run(capsys, "prepare", *asked, "-o", str(tmp_path / "out"))
    assert {a["status"] for a in made.values()} == {"ready"}
    assert made["good.wav"]["facts"]["intact"] is True
