"""`preflight explain`: a rule, or what a code, a check or words lead to, with documents and what can be done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from pipeline.checks import CHECKS
from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.cli.presets import ShownRule, shown_rule
from pipeline.documents.messages import limit
from pipeline.documents.types import Frozen
from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.model.rules import Preset, Role, Rule
from pipeline.report import console
from pipeline.report.labels import WORDS
from pipeline.rules import presets
from pipeline.rules.catalogue import Statement, rows
from pipeline.upload.destinations import meaning


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Options):
    """Of `preflight explain`."""

    rule: str


class EnforcedRule(ShownRule, frozen=True, kw_only=True):
    """A rule in words, where it is asked, and what can be done about a failure."""

    preset: str
    role: str
    repair: str | None  # by this tool
    advice: str | None  # for a person


class Noted(Frozen, frozen=True, kw_only=True):
    """What the documents say about a scenario and no file can break."""

    preset: str
    text: str


class Explanation(Frozen, frozen=True, kw_only=True):
    """What a document states, and every rule that asks for it."""

    rule: str
    stated: Statement | None
    enforced: tuple[EnforcedRule, ...]
    notes: tuple[Noted, ...] | msgspec.UnsetType = msgspec.UNSET


class Match(Frozen, frozen=True, kw_only=True):
    """A rule or a row of the documents that was found."""

    rule: str
    says: str
    code: str | None
    presets: tuple[str, ...]  # that ask for it


class Matches(Frozen, frozen=True, kw_only=True):
    """What a word led to that is no id: a code of a platform, a check, a short name, or words to look for."""

    word: str
    meaning: str | None  # of the code
    matches: tuple[Match, ...]


_LABELS: Final = {
    "property": Text("property", "属性"),
    "op": Text("op", "比较"),
    "value": Text("value", "取值"),
    "wording": Text("wording", "原文"),
    "source": Text("source", "来源"),
    "code": Text("code", "错误码"),
    "date": Text("date", "日期"),
    "check": Text("check", "检查项"),
    "limit": Text("limit", "限制"),
    "note": Text("note", "说明"),
    "repair": Text("repair", "修复"),
    "advice": Text("advice", "建议"),
}


def declare(parser: Parser) -> type[ExplainOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "rule",
        metavar="RULE",
        help=Text(
            "id or short name of a rule, or of a row of the documents; code of a platform; check; words to look for",
            "规则或文档条目的编号或简称；平台错误码；检查项；或要查找的词",
        ),
    )
    Options.declare(parser)
    return ExplainOptions


Use = tuple[Preset, Role, Rule]


def _everywhere() -> Iterator[Use]:
    for name in (*presets.names(), presets.COMMON):
        preset = presets.load(name)
        for role in preset.roles:
            for rule in role.rules:
                yield preset, role, rule


def run(options: ExplainOptions) -> int:
    """A rule: its limit, document, section, date, code, and what can be done. Raises UsageError."""
    uses, stated = list(_everywhere()), {row.id: row for row in rows()}
    noted = [note.id for name in presets.names() for note in presets.load(name).notes]
    ids = dict.fromkeys([*stated, *(rule.id for _, _, rule in uses), *noted])
    if options.rule in ids:
        return _explained(options.rule, uses, stated, options)
    code = meaning(options.rule)
    found = _found(options.rule, uses, stated)
    if len(found) == 1 and code is None:
        return _explained(found[0], uses, stated, options)
    if not found and code is None:
        hint = nearest_word(options.rule, set(ids))
        raise UsageError(f"unknown rule {options.rule!r}.{hint.en}", f"未知的规则 {options.rule!r}。{hint.zh}")
    return _listed(options, code, found, uses, stated)


def _found(word: str, uses: Sequence[Use], stated: Mapping[str, Statement]) -> list[str]:
    """The ids that a word leads to: by code, else by check, else by the end of the id, else by all words in it."""
    code = re.compile(rf"(?<![\w.]){re.escape(word)}(?![\w.])", re.IGNORECASE)
    by_code = [row.id for row in stated.values() if code.search(row.code)]
    by_code += [rule.id for _, _, rule in uses if rule.code and code.search(rule.code)]
    by_check = [rule.id for _, _, rule in uses if rule.check == word]
    ids = [*stated, *(rule.id for _, _, rule in uses)]
    by_end = [one for one in ids if one.endswith(f".{word}")]
    known = by_code or by_check or by_end
    if not known and "." not in word:  # words with a dot are names, and a name is right or wrong
        text = {one: one for one in ids}
        for _, _, rule in uses:
            title = CHECKS[rule.check].title
            text[rule.id] += f" {rule.check} {title.en} {title.zh}"
        for row in stated.values():
            text[row.id] += f" {row.property} {row.wording}"
        wanted = word.casefold().split()
        known = [one for one in ids if wanted and all(part in text[one].casefold() for part in wanted)]
    return list(dict.fromkeys(known))


def _listed(
    options: ExplainOptions,
    code: Text | None,
    found: Sequence[str],
    uses: Sequence[Use],
    stated: Mapping[str, Statement],
) -> int:
    lang = options.lang
    matches = []
    for one in found:
        asked = [(preset, rule) for preset, _, rule in uses if rule.id == one]
        row = stated.get(one)
        says = f"{row.property}: {row.op} {row.value}" if row else ""
        if asked:
            rule = asked[0][1]
            says = f"{CHECKS[rule.check].title.of(lang)}: {limit(rule, lang)}"
        told = asked[0][1].code if asked else row and row.code
        names = tuple(dict.fromkeys(preset.id for preset, _ in asked))
        matches.append(Match(rule=one, says=says, code=told or None, presets=names))
    if emit(Matches(word=options.rule, meaning=code.of(lang) if code else None, matches=tuple(matches)), options):
        return 0
    out = console.console()
    if code:
        out.print(f"[bold]{console.clean(options.rule)}[/bold]  {console.clean(code.of(lang))}")
    if matches:
        out.print(console.rows_table([(one.rule, one.says, one.code or "") for one in matches]))
        more = Text("`preflight explain ID` shows one of them whole", "`preflight explain 编号` 显示其中一条的全部内容")
    else:
        more = Text("no rule of ours has this code", "没有规则使用此错误码")
    out.print(more.of(lang))
    return 0


def _explained(wanted: str, uses: Sequence[Use], stated: Mapping[str, Statement], options: ExplainOptions) -> int:
    lang, row = options.lang, stated.get(wanted)
    held = [use for use in uses if use[2].id in (wanted, f"{wanted}.decimal")]
    enforced = tuple(_enforced(preset, role, rule, lang) for preset, role, rule in held)
    loaded = [presets.load(name) for name in presets.names()]
    notes = tuple(
        Noted(preset=preset.id, text=note.text.of(lang))
        for preset in loaded
        for note in preset.notes
        if note.id == wanted
    )
    if emit(Explanation(rule=wanted, stated=row, enforced=enforced, notes=notes or msgspec.UNSET), options):
        return 0

    def label(key: str) -> str:
        return _LABELS[key].of(lang)

    out = console.console()
    out.print(f"[bold]{console.clean(wanted)}[/bold]")
    if row:
        keys = ("property", "op", "value", "wording", "source", "code")
        wording = [(label(key), str(getattr(row, key))) for key in keys]
        out.print(console.rows_table([*wording, (label("date"), ", ".join(row.date))]))
    for noted in notes:
        out.print(f"\n[bold]{noted.preset}[/bold] ({label('note')}) {console.clean(noted.text)}")
    if not held and not notes:
        nowhere = Text(
            "no preset holds it; docs/rules-coverage.md says where it is taken care of",
            "没有预设包含此条；处理方式见 docs/rules-coverage.md",
        )
        out.print(f"\n{nowhere.of(lang)}")
    for one in enforced:
        out.print(f"\n[bold]{one.preset}[/bold] {one.role} ({console.say(f'level-{one.level}', lang)})")
        facts = [(label("check"), one.check), (label("limit"), one.limit)]
        facts += [(label("source"), f"{s.document} {s.section} ({s.date})") for s in one.sources]
        more = (("code", one.code), ("note", one.note), ("repair", one.repair), ("advice", one.advice))
        facts += [(label(key), value) for key, value in more if value]
        out.print(console.rows_table(facts))
    return 0


def _enforced(preset: Preset, role: Role, rule: Rule, lang: str) -> EnforcedRule:
    check = CHECKS[rule.check]
    kinds = ", ".join(WORDS[kind].of(lang) for kind in sorted(check.repairs))
    repair = f"`preflight prepare` ({kinds})" if kinds else None
    return EnforcedRule(
        **msgspec.structs.asdict(shown_rule(rule, lang)),
        preset=preset.id,
        role=role.name,
        repair=repair,
        advice=check.help.of(lang) if check.help else None,
    )
