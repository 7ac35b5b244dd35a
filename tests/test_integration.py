"""What others are given to build us in: the hook of pre-commit and the action of GitHub, run as those run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.checks.file import EXTENSIONS
from tests import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
SCRIPT: str = ACTION["runs"]["steps"][1]["run"]


def sound(path: Path, channels: int) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(b"\1\2" * channels * 4800)
    return path


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """A folder with `preflight` on the path, and what a runner sets."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "preflight"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pipeline "$@"\n')
    command.chmod(0o755)
    (tmp_path / "temp").mkdir()
    told = {name: str(tmp_path / name.lower()) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **told, "PATH": path, "RUNNER_TEMP": str(tmp_path / "temp"), "PREFLIGHT_LANG": "en"}


def act(surroundings: dict[str, str], folder: Path, **inputs: str) -> int:
    """The exit code of the step that checks, run as a runner runs `shell: bash`."""
    env = {**surroundings, "PRESET": "convert/mono-wav", "ARGUMENTS": "", **inputs}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPT]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, check=False).returncode


@pytest.mark.parametrize(("channels", "code"), [(1, 0), (2, 1)])
def test_the_action_ends_as_the_check_did(
    channels: int, code: int, surroundings: dict[str, str], tmp_path: Path
) -> None:
    sound(tmp_path / "a b.wav", channels)
    assert act(surroundings, tmp_path, PATHS="a b.wav\n\n", ARGUMENTS="--no-resume\n") == code
    summary = (tmp_path / "github_step_summary").read_text("utf-8")
    assert summary.startswith("### Media preflight")
    assert ("a b.wav" in summary) == bool(code)
    report = (tmp_path / "github_output").read_text("utf-8").partition("report=")[2].strip()
    assert json.loads(Path(report).read_text("utf-8"))["assets"][0]["source"] == "a b.wav"


def test_a_name_in_the_action_is_never_a_command(surroundings: dict[str, str], tmp_path: Path) -> None:
    assert act(surroundings, tmp_path, PATHS="$(touch made)\n`touch made`;touch made\n--json") == 2
    assert not (tmp_path / "made").exists()
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_every_input_of_the_action_is_used_and_told() -> None:
    given = " ".join(value for step in ACTION["runs"]["steps"] for value in step["env"].values())
    assert set(re.findall(r"inputs\.(\w+)", given)) == set(ACTION["inputs"])
    assert all(one["description"] for one in ACTION["inputs"].values())


def test_the_hook_checks_what_it_is_handed(surroundings: dict[str, str], tmp_path: Path) -> None:
    """pre-commit starts `entry`, then what `args` says in somebody's configuration, then the names of files."""
    for channels, code in ((1, 0), (2, 1)):
        name = sound(tmp_path / f"{channels}.wav", channels).name
        words = [*HOOK["entry"].split(), "-p", "convert/mono-wav", name]
        done = subprocess.run(words, cwd=tmp_path, env=surroundings, capture_output=True, check=False)
        assert done.returncode == code
    assert HOOK["require_serial"]


def test_the_hook_takes_every_kind_of_file_we_know_but_those_that_source_code_has_too() -> None:
    pattern = re.compile(HOOK["files"])
    programs = {"table", "log", "settings", "captions", "code"}  # what programs keep, and no scenario takes
    known = {one for content, endings in EXTENSIONS.items() if content not in programs for one in endings}
    assert {one for one in known if not pattern.search(f"media/a.{one}")} == {"md", "text", "ts", "txt", "xml"}
    assert not pattern.search("src/a.py")
