"""`preflight completion`: asked as a shell asks it, by the shell itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.completion import SHELLS
from pipeline.cli.main import main
from pipeline.cli.verbs import VERBS
from pipeline.rules import presets

pytest.importorskip("shtab", reason="the extra `completion` is not installed")

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
function=$(complete -p preflight | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" preflight "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script of each shell, as the command prints it."""
    folder = tmp_path_factory.mktemp("shells")
    for shell in SHELLS:
        command = [sys.executable, "-m", "pipeline", "completion", shell]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        (folder / shell).write_text(done.stdout, encoding="utf-8")
    return folder


def bash(scripts: Path, *words: str, cwd: Path | None = None) -> set[str]:
    """What bash offers for the last word."""
    ask = ["bash", "--norc", "-c", ASK, "ask", str(scripts / "bash"), "preflight", *words]
    done = subprocess.run(ask, capture_output=True, text=True, check=True, cwd=cwd or scripts)
    return set(done.stdout.split())


def test_every_verb_is_offered(scripts: Path) -> None:
    assert {verb.name for verb in VERBS} <= bash(scripts, "")
    assert bash(scripts, "che") == {"check"}


@pytest.mark.parametrize("words", [("check", "a.mp4", "-p"), ("prepare", "--preset"), ("presets", "show")])
def test_presets_are_offered(scripts: Path, words: tuple[str, ...]) -> None:
    tencent = {name for name in presets.names() if name.startswith("tencent/")}
    assert bash(scripts, *words, "tencent/") == tencent


def test_options_choices_and_files_are_offered(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    (tmp_path / "clips").mkdir()
    (tmp_path / "manifest.json").touch()
    assert bash(scripts, "check", "--json") == {"--json", "--jsonl"}
    assert bash(scripts, "prepare", "--at-least", "loss") == {"lossless", "lossy"}
    assert bash(scripts, "check", "-p", "mi", cwd=tmp_path) == {"mine.toml"}
    assert bash(scripts, "verify", "man", cwd=tmp_path) == {"manifest.json"}
    assert bash(scripts, "prepare", "-o", "", cwd=tmp_path) == {"clips"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_of_its_shell(scripts: Path, shell: str) -> None:
    text = (scripts / shell).read_text("utf-8")
    assert all(name in text for name in presets.names())
    if shutil.which(shell):
        assert subprocess.run([shell, "-n", str(scripts / shell)], capture_output=True, check=False).returncode == 0


def test_without_the_library_the_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash", "--lang", "en"]) == 3
    assert "media-preflight[completion]" in capsys.readouterr().err
