"""Commands that README and the documents print: each is one, and those that need no platform, host or hour are run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from pipeline.cli.main import parsed
from pipeline.rules import presets
from tests import ROOT
from tests.test_documents import commands

DOCUMENTS: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PRINTED: Final = sorted(
    {
        (path.name, found[0].strip().removesuffix(" &"))
        for path in DOCUMENTS
        for line in commands(path.read_text("utf-8"))
        for found in [re.search(r"(?<![\w./-])preflight [^|>]+", line)]
        if found
    }
)
# Exit codes of those that are not 0 here: one of the files is a page of the web under the name of a film.
CODES: Final = {"prepare media": 1, "prepare --from-file": 1, "check media": 1, "fit": 0, "upload": 1}
RUN: Final = (
    "preflight fit clip.mp4",
    "preflight check media/ -p metastudio/video-production",
    "preflight plan clip.mp4 -p metastudio/livestream",
    "preflight prepare media/ -p metastudio/video-production -o out/",
    "preflight prepare --from-file out/quarantine.list -p metastudio/video-production -o out/",
    "preflight report out/manifest.json -o report.html",
    "preflight report out/manifest.json -o report.csv",
    "preflight report out/manifest.json -o junit.xml",
    "preflight report out/manifest.json -o comment.md",
    "preflight check media/ -p metastudio/video-production --json | preflight report - -o report.html",
    "preflight upload out/manifest.json --to file:///srv/handover",
    "preflight presets list",
    "preflight presets lint my.toml",
    "preflight check clip.mp4 -p my.toml",
    "preflight explain metastudio.video-production.video.max-fps",
    "preflight scenes script.txt -p metastudio/video-production -o out/ --strip-tags",
)


@pytest.mark.parametrize(("document", "command"), PRINTED, ids=lambda one: one[:60])
def test_what_is_printed_is_a_command(document: str, command: str) -> None:
    _, *words = shlex.split(command)
    parsed(words)  # raises where it is none
    for name in re.findall(r"(?:-p|order|show) ((?:metastudio|metastudio-intl|tencent|convert)/[\w-]+)", command):
        assert name in presets.names()


def test_what_is_run_below_is_printed() -> None:
    printed = {line for path in DOCUMENTS for line in commands(path.read_text("utf-8"))}
    assert set(RUN) <= printed


@pytest.mark.slow
@pytest.mark.thorough
def test_what_is_printed_runs(sample: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(sample("video/good-1080p25.mp4"), tmp_path / "clip.mp4")
    shutil.copy(sample("video/good-1080p25.mp4"), tmp_path / "media" / "intro.mp4")
    shutil.copy(sample("images/scan.tiff"), tmp_path / "media" / "logo.tiff")
    (tmp_path / "media" / "download.mp4").write_text("<!DOCTYPE html><html><body>not found</body></html>")
    (tmp_path / "script.txt").write_text("大家好，欢迎观看。", encoding="utf-8")
    text = (ROOT / "docs" / "presets.md").read_text("utf-8")
    (tmp_path / "my.toml").write_text(text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    command = tmp_path / "bin" / "preflight"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pipeline "$@"\n')
    command.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "PREFLIGHT_LANG": "en"}
    for line in RUN:
        here = line.replace("file:///srv/handover", f"file://{tmp_path}/handover")
        done = subprocess.run(
            ["/bin/bash", "-c", here], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        wanted = next((code for words, code in CODES.items() if line.startswith(f"preflight {words}")), 0)
        wanted = 0 if "|" in line else wanted
        assert done.returncode == wanted, (line, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "handover").rglob("*") if path.is_file()} >= {"intro.mp4", "logo.png"}
