"""The table of verbs: what it promises, and what each module of it keeps."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
import subprocess
import sys
from argparse import SUPPRESS
from importlib import import_module

import pytest

from pipeline.cli.arguments import Parser
from pipeline.cli.main import parsed
from pipeline.cli.options import Options
from pipeline.cli.verbs import VERBS, Verb
from pipeline.errors import UsageError
from pipeline.rules import presets
from tests import ROOT

# The verbs that scripts and Makefiles may rely on.
PROMISED = {
    *("probe", "check", "plan", "prepare", "verify", "report", "scenes", "package", "serve", "upload", "sandbox"),
    *("fit", "schema", "presets", "explain", "doctor", "order", "status", "platform", "completion", "watch", "init"),
    "cut-slides",
}
# What each needs on its command line at least.
NEEDED = {
    "check": ["-p", "x"],
    "plan": ["-p", "x"],
    "prepare": ["-p", "x", "-o", "out"],
    "verify": ["manifest.json"],
    "report": ["manifest.json", "-o", "a.html"],
    "scenes": ["a.txt", "-p", "x", "-o", "out"],
    "package": ["clips", "-p", "x", "-o", "out"],
    "upload": ["manifest.json", "--to", "file:///there"],
    "explain": ["a.rule"],
    "cut-slides": ["a.mp4", "-p", "x", "-o", "out"],
    "order": ["metastudio/asset-library"],
    "status": ["upload.json"],
    "platform": ["metastudio", "list"],
    "schema": ["report"],
    "completion": ["bash"],
    "watch": ["in", "-p", "x", "-o", "out"],
}
EXAMPLES = [(verb, one) for verb in VERBS for one in verb.examples]
every_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)


def test_every_verb_that_was_promised_is_there_once() -> None:
    names = [verb.name for verb in VERBS]
    assert set(names) == PROMISED
    assert len(names) == len(set(names)) == len({verb.module for verb in VERBS})


def declared(verb: Verb) -> tuple[Parser, type[Options]]:
    parser = Parser()
    kind: type[Options] = import_module(verb.module).declare(parser)
    return parser, kind


@every_verb
def test_every_argument_has_its_help(verb: Verb) -> None:
    parser, _ = declared(verb)
    assert [action.dest for action in parser._actions if not action.help or action.help is SUPPRESS] == []


@every_verb
def test_every_argument_is_a_field_and_every_field_an_argument(verb: Verb) -> None:
    parser, kind = declared(verb)
    fields = sorted(field.name for field in dataclasses.fields(kind))
    assert fields == sorted(action.dest for action in parser._actions if action.dest != "help")


@every_verb
def test_options_are_frozen_and_hold_nothing_that_could_change(verb: Verb) -> None:
    _, options = parsed([verb.name, *NEEDED.get(verb.name, [])])
    hash(options)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.lang = "zh"  # type: ignore[misc]  what must not be possible


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["chekc"], "'check'"),
        (["check", "-p", "x", "--josn"], "'--json'"),
        (["check", "-p", "x", "--incldue=*.mp4"], "'--include'"),
        (["prepare", "-p", "x", "-o", "out", "--overwritte", "always"], "'--overwrite'"),
        (["upload", "m", "--to", "x", "--dryrun"], "'--dry-run'"),
    ],
)
def test_a_typo_gets_the_word_that_was_meant(words: list[str], meant: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean {meant}"):
        parsed(words)


def test_one_place_parses_the_command_line() -> None:
    """Below the door nobody sees how a value came in."""
    using = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(re.fullmatch(r"argparse(\..*)?", name) for name in names):
                using.add(path.relative_to(ROOT / "pipeline").parts[0])
    assert using == {"cli"}


@pytest.mark.parametrize("name", ["probe", "check", "plan", "prepare", "verify"])
def test_options_are_there_before_what_works_on_files_is_loaded(name: str) -> None:
    """The server of the workers loads it at the same time; that is why it is started first."""
    words = [name, *NEEDED.get(name, [])]
    asked = f"import sys; from pipeline.cli.main import parsed; parsed({words!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f"pipeline.cli.{name}" in loaded
    assert not {m for m in loaded if re.match(r"pipeline\.(engine|documents|stages|probe|report|convert)\b", m)}


@pytest.mark.parametrize(("verb", "example"), EXAMPLES, ids=lambda one: str(getattr(one, "name", one)))
def test_the_examples_below_the_help_of_a_verb_are_commands(
    verb: Verb, example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(example)
    _, options = parsed([verb.name, *words])
    assert "{" not in example
    for word in words:
        if re.fullmatch(r"(metastudio|tencent|convert)/[a-z-]+", word):
            assert word in presets.names()
    with pytest.raises(SystemExit):
        parsed([verb.name, "--help"])
    assert f"  preflight {verb.name} {example}".rstrip() in capsys.readouterr().out.splitlines()
    assert options
