"""The command line before any media is looked at: exit codes, what goes to which stream, suggestions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import pipeline
from pipeline.cli.verbs import VERBS
from pipeline.rules.presets import names
from pipeline.stages.check import problem
from tests import ROOT


def preflight(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell would start it, with its output going to pipes."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **env},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def one_document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.stdout)
    return document


# --- mistakes ---------------------------------------------------------------------------------------

MISTAKES = [
    ((), "VERB"),
    (("nosuch",), "'nosuch'"),
    (("chekc",), "Did you mean 'check'?"),
    (("check",), "--preset"),
    (("check", "-p", "metastudio/livestream"), "name at least one file"),
    (("check", "nosuch.mp4", "-p", "metastudio/livestream"), "nosuch.mp4: No such file"),
    (("check", "README.md", "-p", "metastudio/livestraem"), "Did you mean 'metastudio/livestream'?"),
    (("check", "README.md", "-p", "nosuch.toml"), "nosuch.toml: cannot be read"),
    (("check", "README.md", "-p", "metastudio/livestream", "--role", "nosuch"), "it has video"),
    (("check", "README.md", "-p", "metastudio/livestream", "-j", "0"), "-j"),
    (("check", "README.md", "-p", "metastudio/livestream", "-j", "many"), "'many'"),
    (("check", "README.md", "-p", "metastudio/livestream", "--lang", "fr"), "'fr'"),
    (("check", "--from-file", "nosuch.txt", "-p", "metastudio/livestream"), "nosuch.txt: No such file"),
    (("prepare", "README.md", "-p", "metastudio/livestream"), "--out"),
    (("verify", "nosuch.json"), "nosuch.json"),
    (("presets", "show"), "presets show"),
    (("presets", "show", "metastudio/livestraem"), "Did you mean 'metastudio/livestream'?"),
    (("presets", "lint", "nosuch.toml"), "nosuch.toml: cannot be read"),
    (("explain", "nosuch.rule"), "'nosuch.rule'"),
    (("schema", "manifets"), "Did you mean 'manifest'?"),
]


@pytest.mark.every(3)
@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_a_mistake_is_code_2_told_in_one_line_on_standard_error(arguments: tuple[str, ...], said: str) -> None:
    done = preflight(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.startswith("preflight: ")
    assert done.stderr.count("\n") == 1, "no usage screen, no traceback"


@pytest.mark.every(3)
@pytest.mark.parametrize("flag", ["--json", "--jsonl"])
@pytest.mark.parametrize(
    ("arguments", "type_"),
    [
        (("check", "README.md", "-p", "metastudio/livestraem"), "PresetError"),
        (("check", "nosuch.mp4", "-p", "metastudio/livestream"), "UsageError"),
        (("check",), "UsageError"),
        (("explain", "nosuch.rule"), "UsageError"),
        (("verify", "nosuch.json"), "UsageError"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_with_json_a_mistake_is_one_document_on_standard_output(
    arguments: tuple[str, ...], type_: str, flag: str
) -> None:
    done = preflight(*arguments, flag)
    assert done.returncode == 2
    document = one_document(done)
    assert document["error"]["type"] == type_
    assert document["error"]["message"] in done.stderr


def test_a_preset_with_a_mistake_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('schema = 1\nid = "mine"\ntitel = "x"\n')
    done = preflight("presets", "lint", str(path))
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert "Did you mean 'title'?" in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file", "/a/b.mp4"), ("/a/b.mp4: No such file", "/a/b.mp4：No such file")),
        (
            PermissionError(13, "Permission denied", b"/a/b.mp4"),
            ("/a/b.mp4: Permission denied", "/a/b.mp4：Permission denied"),
        ),
        (OSError(28, "No space left on device"), ("No space left on device",) * 2),
        (OSError("odd"), ("odd",) * 2),
    ],
)
def test_what_the_system_refuses_is_told_with_the_name_of_the_file(error: OSError, said: tuple[str, str]) -> None:
    told = problem(error)
    assert told.type == type(error).__name__
    assert (told.message.en, told.message.zh) == said


# --- languages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--lang", "zh"), ("--lang=zh",)])
def test_the_language_may_be_said_in_front_of_the_verb(words: tuple[str, ...]) -> None:
    assert "未知的预设" in preflight(*words, "presets", "show", "nosuch").stderr
    assert preflight(*words, "--help").stdout == preflight("--help", *words).stdout != preflight("--help").stdout


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        ((), {}, "unknown preset"),
        (("--lang", "zh"), {}, "未知的预设"),
        ((), {"PREFLIGHT_LANG": "zh"}, "未知的预设"),
        ((), {"LANG": "zh_CN.UTF-8"}, "未知的预设"),
        (("--lang", "en"), {"PREFLIGHT_LANG": "zh"}, "unknown preset"),
        ((), {"PREFLIGHT_LANG": "en", "LANG": "zh_CN.UTF-8"}, "unknown preset"),
    ],
)
def test_messages_come_in_the_language_asked_for(arguments: tuple[str, ...], env: dict[str, str], said: str) -> None:
    assert said in preflight("presets", "show", "nosuch", *arguments, **env).stderr


# --- answers ----------------------------------------------------------------------------------------


@pytest.mark.every(4)
@pytest.mark.parametrize("arguments", [("--help",), ("-h",), *((verb.name, "--help") for verb in VERBS)])
def test_help_is_an_answer_not_a_mistake(arguments: tuple[str, ...]) -> None:
    done = preflight(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: preflight")


def test_help_names_every_verb_and_every_exit_code() -> None:
    said = preflight("--help").stdout
    assert all(re.search(rf"^    {verb.name}\s", said, re.MULTILINE) for verb in VERBS)
    assert all(f"{code} " in said.partition("exit codes:")[2] for code in (0, 1, 2, 3, 4, 5, 130))


def test_version() -> None:
    done = preflight("--version")
    assert (done.returncode, done.stdout) == (0, f"preflight {pipeline.__version__}\n")


def test_presets_are_listed_as_one_document() -> None:
    done = preflight("presets", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = one_document(done)["presets"]
    assert [preset["id"] for preset in listed] == names()
    assert all(preset["rules"] > 0 for preset in listed)


def test_presets_are_listed_for_people() -> None:
    done = preflight("presets")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tencent/voice" in done.stdout


@pytest.mark.parametrize("name", ["metastudio/video-production", "convert/mono-wav"])
def test_a_shipped_preset_can_be_shown_and_has_no_fault(name: str) -> None:
    assert preflight("presets", "show", name).returncode == 0
    assert one_document(preflight("presets", "lint", name, "--json"))["id"] == name


def test_a_rule_is_explained_with_its_source() -> None:
    done = preflight("explain", "metastudio.video-production.video.max-fps")
    assert (done.returncode, done.stderr) == (0, "")
    assert "30" in done.stdout
    assert "MS-Intro" in done.stdout


@pytest.mark.every(3)
@pytest.mark.parametrize("name", ["report", "manifest", "event"])
def test_a_schema_is_printed_as_the_documentation_has_it(name: str) -> None:
    done = preflight("schema", name)
    assert (done.returncode, done.stderr) == (0, "")
    kept = (ROOT / "docs" / "schema" / f"{name}.json").read_text("utf-8")
    assert done.stdout == preflight("schema", name, "--json").stdout == kept
    Draft202012Validator.check_schema(json.loads(done.stdout))


def test_it_runs_from_any_folder(tmp_path: Path) -> None:
    assert preflight("presets", "list", "--json", cwd=tmp_path).returncode == 0


def test_a_reader_that_leaves_early_is_no_fault_of_ours() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "presets", "list", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() in {0, 141}
    assert said == b""
