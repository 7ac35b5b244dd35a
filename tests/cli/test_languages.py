"""What the command says of itself, in Chinese and in English: nothing is left in the other language."""

from __future__ import annotations

import argparse
import ast
import os
import re
import socket
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from unicodedata import east_asian_width

import pytest

from pipeline.cli.arguments import Parser, in_chinese, spoken
from pipeline.cli.main import main, parsed
from pipeline.cli.options import language
from pipeline.cli.verbs import VERBS, parser
from pipeline.errors import UsageError
from pipeline.errors import in_chinese as in_chinese_of_the_system
from pipeline.storage import regular

HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]")
# Three words of English in a row: no name, no option and no command has them.
ENGLISH = re.compile(r"\b[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}\b")
# What is typed, not said: the usage with what it goes on to, and examples.
TYPED = re.compile(r"^(usage: |用法：).*\n(?: +.*\n)*|^  preflight .*$", re.MULTILINE)


def helps(lang: str) -> dict[str, str]:
    """The help of the command and of each verb."""
    top, below = parser(lang)
    for verb in VERBS:
        import_module(verb.module).declare(below[verb.name])
    return {"": top.format_help()} | {name: one.format_help() for name, one in below.items()}


@pytest.mark.parametrize("name", ["", *(verb.name for verb in VERBS)])
def test_help_is_in_the_language_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    zh, en = (TYPED.sub("", helps(lang)[name]) for lang in ("zh", "en"))
    assert ENGLISH.findall(zh) == []
    assert HAN.findall(en) == []
    assert "-h, --help" in zh
    wide = {line: sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line) for line in zh.splitlines()}
    assert [line for line, columns in wide.items() if columns > 80] == []


@pytest.mark.parametrize("name", [verb.name for verb in VERBS])
def test_every_argument_is_told_in_both_languages(name: str) -> None:
    told = {}
    for lang in ("zh", "en"):
        _, below = parser(lang)
        import_module(next(verb.module for verb in VERBS if verb.name == name)).declare(below[name])
        told[lang] = {action.dest: str(action.help) for action in below[name]._actions}
    assert told["zh"].keys() == told["en"].keys()
    assert [dest for dest, said in told["zh"].items() if not HAN.search(said)] == []
    assert [dest for dest, said in told["en"].items() if HAN.search(said)] == []


MISTAKES = [
    (["chekc"], "无效的取值 'chekc'", "是否想写 'check'？"),
    (["scenes", "a.txt", "-o", "out"], "缺少必需的参数：-p/--preset", ""),
    (["check", "a.mp4", "-p", "x", "-j", "many"], "参数 -j/--jobs：'many' 不是整数", ""),
    (["upload", "m", "--to", "x", "--wait", "long"], "参数 --wait：'long' 不是数字", ""),
    (["check", "a.mp4", "-p"], "参数 -p/--preset：需要一个值", ""),
    (["check", "a.mp4", "-p", "x", "--josn"], "无法识别的参数：--josn", "是否想写 '--json'？"),
    (["check", "a.mp4", "-p", "x", "--json=1"], "参数 --json：不接受取值 '1'", ""),
    (["check", "a.mp4", "-p", "x", "--ex", "y"], "选项 --ex 有歧义，可能是：", ""),
    (["upload"], "缺少必需的参数：", ""),
]


@pytest.mark.parametrize(("words", "said", "hint"), MISTAKES, ids=lambda one: " ".join(one) or "-")
def test_mistakes_are_told_in_chinese(words: list[str], said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed([*words, "--lang", "zh"])
    assert said in caught.value.text.zh
    assert hint in caught.value.text.zh
    assert ENGLISH.findall(caught.value.text.zh.replace("preflight --help", "")) == []
    assert HAN.findall(caught.value.text.en) == []


# Sentences of argparse that speak to who writes a program, not to who uses it.
OF_PROGRAMMERS = re.compile(
    r"\.__call__|conflicting|cannot |can't open|mode %r|'required' is|dest=|conflict_resolution|must be optional|"
    r"not callable|unexpected option string|invalid option string|%\(prog\)s|unknown parser|%\(argument_name\)s|usage|"
    r"deprecated|^show |\(default: "
)


def test_every_sentence_argparse_has_for_a_user_is_known() -> None:
    """Those of the Python that runs: other Pythons word some of them otherwise."""
    tree = ast.parse(Path(argparse.__file__).read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    said = [
        arg.value
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}
        for arg in node.args
        if isinstance(arg, ast.Constant) and isinstance(arg.value, str) and " " in arg.value
    ]
    about = {"expected ", "invalid ", "ignored ", "not allowed"}
    missing = []
    for sentence in said:
        if OF_PROGRAMMERS.search(sentence) or sentence == "positional arguments":
            continue
        filled = re.sub(r"%\(type\)s", "int", sentence)
        filled = re.sub(r"%(\(\w+\))?[rs]", "3", filled)
        message = f"argument X: {filled}" if sentence.startswith(tuple(about)) else filled
        if not HAN.search(in_chinese(message)):
            missing.append(message)
    assert "argument X: expected one argument" not in missing
    assert len(said) > 10
    assert missing == []


@pytest.mark.parametrize(
    ("words", "lang"),
    [
        (["check", "--lang", "zh"], "zh"),
        (["check", "--lang=zh", "-q"], "zh"),
        (["--lang", "en", "--lang", "zh"], "zh"),
        (["check", "--lang"], None),
        ([], None),
    ],
)
def test_the_language_is_known_before_the_arguments_are(words: list[str], lang: str | None) -> None:
    assert spoken(words) == lang


def test_the_locale_of_messages_comes_before_that_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """POSIX 8.2: LC_ALL, then the category, then LANG."""
    for name in ("PREFLIGHT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("LC_MESSAGES", "zh_CN.UTF-8")
    assert language(None) == "zh"
    monkeypatch.setenv("LC_ALL", "C")
    assert language(None) == "en"


def test_a_word_of_latin_letters_stays_whole_in_chinese_help() -> None:
    made = Parser(prog="x", lang="zh")
    made.add_argument("--one", help="文" * 26 + "media-preflight，后面")
    lines = [line.strip() for line in made.format_help().splitlines()]
    assert any("media-preflight，" in line for line in lines)


PRINTED = [
    ["doctor"],
    ["presets", "list"],
    ["presets", "show", "tencent/photo-fast"],
    ["presets", "lint", "convert/mono-wav"],
    ["explain", "max-fps"],
    ["explain", "metastudio.video-production.video.max-fps"],
    ["explain", "MSS.45000003"],
]
# Of documents, which are in the language they were written in, and of machines.
QUOTED = re.compile(r"^(属性|比较|取值|原文|来源|日期) .*$|/[\w./-]+|noto sans \w+ \w+|'[^']*'", re.MULTILINE)


@pytest.mark.parametrize("words", PRINTED, ids=" ".join)
def test_what_verbs_print_is_in_the_language_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*words, "--lang", "zh"])
    zh = capsys.readouterr().out
    assert HAN.search(zh)
    assert ENGLISH.findall(QUOTED.sub("", zh)) == []


@pytest.mark.parametrize("words", [["doctor"], ["explain", "max-fps"]], ids=" ".join)
def test_what_verbs_print_in_english_has_no_chinese(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*words, "--lang", "en"])
    assert HAN.findall(capsys.readouterr().out) == []


def _full() -> None:
    with Path("/dev/full").open("w") as file:
        file.write("x")


def _taken() -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        one.listen()
        other.bind(one.getsockname())


REFUSED = {
    "no such file": lambda: Path("/nosuch/file").read_bytes(),
    "a folder": lambda: Path("/").read_bytes(),
    "no folder": lambda: Path("/dev/null/x").read_bytes(),
    "too long a name": lambda: Path("/" + "x" * 300).read_bytes(),
    "there already": lambda: Path("/tmp").mkdir(),
    "a full disk": _full,
    "a taken address": _taken,
    "a device": lambda: regular.opened("/dev/null"),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_what_the_system_refuses_is_told_in_chinese(asked: Callable[[], object]) -> None:
    """By the system itself: what it says is not what we wrote down of it."""
    with pytest.raises(OSError) as caught:  # noqa: PT011  any of them
        asked()
    assert HAN.search(in_chinese_of_the_system(caught.value))


def test_a_pipe_is_told_in_chinese(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe") as caught:
        regular.opened(tmp_path / "pipe")
    assert in_chinese_of_the_system(caught.value) == "它是命名管道"
