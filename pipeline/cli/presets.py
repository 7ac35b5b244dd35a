"""The verbs about what is known: presets, explain, doctor."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from pipeline.checks import CHECKS
from pipeline.documents import entry as document
from pipeline.documents.messages import limit
from pipeline.errors import UsageError, nearest_word
from pipeline.model.rules import Preset, Role, Rule
from pipeline.report import console
from pipeline.rules import presets


def _emit(told: object, options: Namespace) -> bool:
    """Print as JSON when asked to; whether that was done."""
    if options.json or options.jsonl:
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1 if options.json else None)
        sys.stdout.write("\n")
    return bool(options.json or options.jsonl)


# --- presets ------------------------------------------------------------------------------------------


def presets_verb(options: Namespace, lang: str) -> int:
    """List all, show one, or prove that a file is a preset."""
    if options.what == "list":
        return _list(options, lang)
    if not options.name:
        raise UsageError(
            f"`presets {options.what}` needs an id or a file", f"`presets {options.what}` 需要预设编号或文件"
        )
    preset = presets.load(options.name)
    if options.what == "lint":
        rules = sum(len(role.rules) for role in preset.roles)
        if not _emit({"id": preset.id, "roles": len(preset.roles), "rules": rules}, options):
            console.console().print(f"{preset.id}: {len(preset.roles)} roles, {rules} rules, no fault found")
        return 0
    return _show(preset, options, lang)


def _list(options: Namespace, lang: str) -> int:
    loaded = [presets.load(name) for name in presets.names()]
    told: list[dict[str, Any]] = [
        {
            "id": p.id,
            "title": p.title.of(lang),
            "roles": [role.name for role in p.roles],
            "rules": sum(len(role.rules) for role in p.roles),
        }
        for p in loaded
    ]
    if not _emit({"presets": told}, options):
        rows = [(t["id"], t["title"], ", ".join(t["roles"]), str(t["rules"])) for t in told]
        console.console().print(console.rows_table(rows, ("preset", "scenario", "roles", "rules")))
    return 0


def _show(preset: Preset, options: Namespace, lang: str) -> int:
    told = {
        "id": preset.id,
        "title": preset.title.of(lang),
        "sha256": preset.sha256,
        "roles": [_role(role, lang) for role in preset.roles],
        "notes": [{"id": n.id, "text": n.text.of(lang)} for n in preset.notes],
    }
    if _emit(told, options):
        return 0
    out = console.console()
    out.print(f"[bold]{preset.id}[/bold]  {console.clean(preset.title.of(lang))}")
    for role in preset.roles:
        kinds = ", ".join(sorted(kind.value for kind in role.kinds))
        out.print(f"\n[bold]{role.name}[/bold]  {console.clean(role.title.of(lang))}  ({kinds})")
        rows = [
            (r.level.value, CHECKS[r.check].title.of(lang), limit(r, lang) + _only_when(r, lang), r.id)
            for r in role.rules
        ]
        out.print(console.rows_table(rows))
    for note in preset.notes:
        out.print(f"\n{console.clean(note.text.of(lang))}  [dim]{note.id}[/dim]")
    return 0


def _only_when(rule: Rule, lang: str) -> str:
    return f" (when {rule.when.check}: {rule.when.limit.describe(lang)})" if rule.when else ""


def _role(role: Role, lang: str) -> dict[str, Any]:
    return {
        "name": role.name,
        "title": role.title.of(lang),
        "kinds": sorted(kind.value for kind in role.kinds),
        "deliver": {key: document.plain(value) for key, value in role.deliver},
        "rules": [_rule(rule, lang) for rule in role.rules],
    }


def _rule(rule: Rule, lang: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "check": rule.check,
        "limit": limit(rule, lang) + _only_when(rule, lang),
        "level": rule.level.value,
        "sources": [source._asdict() for source in rule.sources],
        "code": rule.code,
        "note": rule.note.of(lang) if rule.note else None,
    }


# --- explain ------------------------------------------------------------------------------------------


def _everywhere(wanted: str) -> Iterator[tuple[Preset, Role, Rule]]:
    for name in (*presets.names(), presets.COMMON):
        preset = presets.load(name)
        for role in preset.roles:
            for rule in role.rules:
                if wanted in (rule.id, f"{rule.id}.decimal"):
                    yield preset, role, rule


def rows() -> list[dict[str, Any]]:
    """The platforms' own rules as the documents state them, all 411, in the order of the documents."""
    data: list[dict[str, Any]] = json.loads((presets.folder() / "rows.json").read_text(encoding="utf-8"))
    return data


def explain_verb(options: Namespace, lang: str) -> int:
    """A rule: its limit, document, section, date, code, and what can be done."""
    uses = list(_everywhere(options.rule))
    row = next((row for row in rows() if row["id"] == options.rule), None)
    if not uses and row is None:
        known = {row["id"] for row in rows()} | {
            rule.id for name in presets.names() for role in presets.load(name).roles for rule in role.rules
        }
        hint = nearest_word(options.rule, known)
        raise UsageError(f"unknown rule {options.rule!r}.{hint.en}", f"未知的规则 {options.rule!r}。{hint.zh}")
    told = {
        "rule": options.rule,
        "stated": row,
        "enforced": [_rule(r, lang) | {"preset": p.id, "role": role.name, **_remedy(r, lang)} for p, role, r in uses],
    }
    if _emit(told, options):
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


# --- doctor -------------------------------------------------------------------------------------------


def doctor_verb(options: Namespace, lang: str) -> int:
    """Whether the tools are there and can do their work. Exit code 3 when one that is needed cannot."""
    from pipeline.cli import doctor

    findings = doctor.examine(lang)
    told = {"tools": findings}
    if not _emit(told, options):
        table = [(f["state"], f["name"], f["found"], f["advice"] or "") for f in findings]
        console.console().print(console.rows_table(table, ("", "tool", "found", "what to do")))
    return 3 if any(f["state"] == "missing" and f["needed"] for f in findings) else 0
