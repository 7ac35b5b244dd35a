"""`preflight explain`: a rule with its limit, document, section, date, code, and what can be done."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from pipeline.checks import CHECKS
from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.cli.presets import ShownRule, shown_rule
from pipeline.documents.types import Frozen
from pipeline.errors import UsageError, nearest_word
from pipeline.model.rules import Preset, Role, Rule
from pipeline.report import console
from pipeline.rules import presets
from pipeline.rules.catalogue import Statement, rows


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


class Explanation(Frozen, frozen=True, kw_only=True):
    """What a document states, and every rule that asks for it."""

    rule: str
    stated: Statement | None
    enforced: tuple[EnforcedRule, ...]


def declare(parser: ArgumentParser) -> type[ExplainOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument("rule", metavar="RULE", help="id of a rule, as findings have it, or of a row of the documents")
    Options.declare(parser)
    return ExplainOptions


def _everywhere(wanted: str) -> Iterator[tuple[Preset, Role, Rule]]:
    for name in (*presets.names(), presets.COMMON):
        preset = presets.load(name)
        for role in preset.roles:
            for rule in role.rules:
                if wanted in (rule.id, f"{rule.id}.decimal"):
                    yield preset, role, rule


def run(options: ExplainOptions) -> int:
    """A rule: its limit, document, section, date, code, and what can be done. Raises UsageError."""
    lang = options.lang
    uses = list(_everywhere(options.rule))
    row = next((row for row in rows() if row.id == options.rule), None)
    if not uses and row is None:
        known = {row.id for row in rows()} | {
            rule.id for name in presets.names() for role in presets.load(name).roles for rule in role.rules
        }
        hint = nearest_word(options.rule, known)
        raise UsageError(f"unknown rule {options.rule!r}.{hint.en}", f"未知的规则 {options.rule!r}。{hint.zh}")
    enforced = tuple(_enforced(preset, role, rule, lang) for preset, role, rule in uses)
    told = Explanation(rule=options.rule, stated=row, enforced=enforced)
    if emit(told, options):
        return 0
    out = console.console()
    out.print(f"[bold]{console.clean(options.rule)}[/bold]")
    if row:
        wording = [(key, str(getattr(row, key))) for key in ("property", "op", "value", "wording", "source", "code")]
        out.print(console.rows_table([*wording, ("date", ", ".join(row.date))]))
    if not uses:
        out.print("\nno preset holds it; docs/rules-coverage.md says where it is taken care of")
    for one in enforced:
        out.print(f"\n[bold]{one.preset}[/bold] {one.role} ({one.level})")
        facts = [("check", one.check), ("limit", one.limit)]
        facts += [("source", f"{s.document} {s.section} ({s.date})") for s in one.sources]
        more = (("code", one.code), ("note", one.note), ("repair", one.repair), ("advice", one.advice))
        facts += [(key, value) for key, value in more if value]
        out.print(console.rows_table(facts))
    return 0


def _enforced(preset: Preset, role: Role, rule: Rule, lang: str) -> EnforcedRule:
    check = CHECKS[rule.check]
    kinds = ", ".join(sorted(kind.value for kind in check.repairs))
    repair = f"`preflight prepare` ({kinds})" if kinds else None
    return EnforcedRule(
        **msgspec.structs.asdict(shown_rule(rule, lang)),
        preset=preset.id,
        role=role.name,
        repair=repair,
        advice=check.help.of(lang) if check.help else None,
    )
