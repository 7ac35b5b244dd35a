"""argparse in two languages: what is declared with a `Text` is shown in the one that was asked for, and so are
argparse's own words; no option is forgotten, and a typo gets a suggestion."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final
from unicodedata import east_asian_width

from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text

_USAGE: Final = Text("usage: ", "用法：")
_POSITIONAL: Final = Text("positional arguments", "参数")
_OPTIONAL: Final = Text("options", "选项")
_HELP: Final = Text("show this help and exit", "显示此帮助并退出")

_CHOICE: Final = r"argument (.+?): invalid choice: (.+?) \(choose from (.+)\)"
# What argparse says of a mistake, as an expression, and the same in Chinese.
_ERRORS: Final = (
    (r"unrecognized arguments: (.+)", r"无法识别的参数：\1"),
    (r"the following arguments are required: (.+)", r"缺少必需的参数：\1"),
    (r"one of the arguments (.+) is required", r"以下参数须给出一个：\1"),
    (_CHOICE, r"参数 \1：无效的取值 \2（可选：\3）"),
    (r"argument (.+?): invalid int value: (.+)", r"参数 \1：\2 不是整数"),
    (r"argument (.+?): invalid float value: (.+)", r"参数 \1：\2 不是数字"),
    (r"argument (.+?): expected one argument", r"参数 \1：需要一个值"),
    (r"argument (.+?): expected at least one argument", r"参数 \1：至少需要一个值"),
    (r"argument (.+?): expected at most one argument", r"参数 \1：最多一个值"),
    (r"argument (.+?): expected (\d+) arguments?", r"参数 \1：需要 \2 个值"),
    (r"argument (.+?): not allowed with argument (.+)", r"参数 \1：不能与 \2 同时使用"),
    (r"argument (.+?): ignored explicit argument (.+)", r"参数 \1：不接受取值 \2"),
    (r"(?:argument .+?: )?ambiguous option: (.+) could match (.+)", r"选项 \1 有歧义，可能是：\2"),
)


def in_chinese(message: str) -> str:
    """What argparse says of a mistake; as it is where it says something new."""
    for said, ours in _ERRORS:
        if found := re.fullmatch(said, message, re.DOTALL):
            return found.expand(ours)
    return message


class Once(argparse._StoreAction):  # noqa: SLF001  what `action="store"` is; there is no public name for it
    """An option with one value. argparse would forget the first of two in silence."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        given = namespace.__dict__.setdefault("given once", {})
        if option_string and given.setdefault(self.dest, values) != values:
            first = given[self.dest]
            raise UsageError(
                f"{option_string} was given twice: {first} and {values}; give one",
                f"{option_string} 给出了两次：{first} 和 {values}；请只给一个",
            )
        super().__call__(parser, namespace, values, option_string)


class Group(argparse._ArgumentGroup):  # noqa: SLF001  what `add_argument_group` makes; there is no public name for it
    """Options under a heading of their own."""

    def __init__(self, container: Parser, lang: str, title: str) -> None:
        super().__init__(container, title)
        self._lang = lang

    def add_argument(self, *flags: Any, **named: Any) -> argparse.Action:
        """As argparse's, with `help` in both languages."""
        return super().add_argument(*flags, **_told(named, self._lang))


class Parser(argparse.ArgumentParser):
    """Of the command or of one verb, in one language ("en" or "zh")."""

    below: Parser | None = None  # of the verb that is used

    def __init__(self, *words: Any, lang: str = "en", **named: Any) -> None:
        self.lang = lang
        ours: dict[str, Any] = {"formatter_class": partial(_Formatter, lang=lang), "add_help": False}
        super().__init__(*words, **_told(named, lang) | ours)
        self._positionals.title, self._optionals.title = _POSITIONAL.of(lang), _OPTIONAL.of(lang)
        for name in (None, "store"):
            self.register("action", name, Once)
        self.add_argument("-h", "--help", action="help", default=argparse.SUPPRESS, help=_HELP)

    def add_argument(self, *flags: Any, **named: Any) -> argparse.Action:
        """As argparse's, with `help` in both languages."""
        return super().add_argument(*flags, **_told(named, self.lang))

    def group(self, title: Text) -> Group:
        """A heading with options of its own below it; the same one for the same title."""
        told = title.of(self.lang)
        for one in self._action_groups:
            if isinstance(one, Group) and one.title == told:
                return one
        made = Group(self, self.lang, told)
        self._action_groups.append(made)
        return made

    def flags(self) -> list[str]:
        """Every option there is, of the verb where one is used."""
        return self.below.flags() if self.below else [flag for one in self._actions for flag in one.option_strings]

    def verbs(self) -> list[str]:
        """The verbs, of the parser that has some."""
        found = [one.choices for one in self._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
        return list(found[0]) if found else []

    def error(self, message: str) -> Any:
        """Raise UsageError, in both languages and with the word that was probably meant."""
        hint = Text("", "")
        if (chosen := re.fullmatch(_CHOICE, message)) and self.verbs():
            hint = nearest_word(chosen[2].strip("'\""), self.verbs())
        if message.startswith("unrecognized arguments: -"):
            hint = nearest_word(message.split()[2].partition("=")[0], self.flags())
        raise UsageError(
            f"{message}.{hint.en} `preflight --help` shows the way.",
            f"{in_chinese(message)}。{hint.zh}用法见 `preflight --help`。",
        )


def _told(named: dict[str, Any], lang: str) -> dict[str, Any]:
    """Keywords of argparse, each Text in this language."""
    return {key: one.of(lang) if isinstance(one, Text) else one for key, one in named.items()}


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Lines as wide as they are seen: a Chinese character takes two columns, and lines may end after any of them."""

    def __init__(self, prog: str, lang: str) -> None:
        super().__init__(prog)
        self._lang = lang

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, _USAGE.of(self._lang) if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return super()._split_lines(text, width) if text.isascii() else list(_lines(text, width))


# A word of Latin letters stays whole; a mark stays with what stands before it.
_PIECE: Final = re.compile(r"(?:[!-~]+|[^\s!-~]|\s+)[，。、；：！？）」』】》…]*")


def _lines(text: str, width: int) -> Iterator[str]:
    line, wide = "", 0
    for piece in _PIECE.findall(text):
        columns = sum(2 if east_asian_width(sign) in "WF" else 1 for sign in piece)
        if line and wide + columns > width:
            yield line.rstrip()
            line, wide, piece = "", 0, piece.lstrip()
            columns = sum(2 if east_asian_width(sign) in "WF" else 1 for sign in piece)
        line, wide = line + piece, wide + columns
    yield line.rstrip()


def spoken(given: Sequence[str]) -> str | None:
    """What `--lang` says in these arguments, before they are parsed."""
    said = [word.partition("=")[2] for word in given if word.startswith("--lang=")]
    said += [after for word, after in pairwise(given) if word == "--lang"]
    return said[-1] if said else None
