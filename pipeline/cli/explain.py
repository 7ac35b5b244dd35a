"""`preflight explain`: a rule with its limit, document, section, date, code, and what can be done."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.checks import CHECKS
from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.cli.presets import rule_told
from pipeline.errors import UsageError, nearest_word
from pipeline.model.rules import Preset, Role, Rule
from pipeline.report import console
from pipeline.rules import presets
from pipeline.rules.catalogue import rows


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Options):
    """Of `preflight explain`."""

    rule: str


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
    row = next((row for row in rows() if row["id"] == options.rule), None)
    if not uses and row is None:
        known = {row["id"] for row in rows()} | {
            rule.id for name in presets.names() for role in presets.load(name).roles for rule in role.rules
        }
        hint = nearest_word(options.rule, known)
        raise UsageError(f"unknown rule {options.rule!r}.{hint.en}", f"未知的规则 {options.rule!r}。{hint.zh}")
    told: dict[str, Any] = {
        "rule": options.rule,
        "stated": row,
        "enforced": [
            rule_told(r, lang) | {"preset": p.id, "role": role.name, **_remedy(r, lang)} for p, role, r in uses
        ],
    }
    if emit(told, options):
        return 0
    out = console.console()
    out.print(f"[bold]{console.clean(options.rule)}[/bold]")
    if row:
        wording = [(key, str(row[key])) for key in ("property", "op", "value", "wording", "source", "code")]
        out.print(console.rows_table([*wording, ("date", ", ".join(row["date"]))]))
    if not uses:
        out.print("\nno preset holds it; docs/rules-coverage.md says where it is taken care of")
    for entry in told["enforced"]:
        out.print(f"\n[bold]{entry['preset']}[/bold] {entry['role']} ({entry['level']})")
        facts = [("check", entry["check"]), ("limit", entry["limit"])]
        facts += [("source", f"{s['document']} {s['section']} ({s['date']})") for s in entry["sources"]]
        facts += [(key, entry[key]) for key in ("code", "note", "repair", "advice") if entry[key]]
        out.print(console.rows_table(facts))
    return 0


def _remedy(rule: Rule, lang: str) -> dict[str, str | None]:
    """What this tool can do about a failure of this rule, and what a person can."""
    check = CHECKS[rule.check]
    kinds = ", ".join(sorted(kind.value for kind in check.repairs))
    repair = f"`preflight prepare` ({kinds})" if kinds else None
    return {"repair": repair, "advice": check.help.of(lang) if check.help else None}
