"""`preflight presets`: list all, show one, or prove that a file is one."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.checks import CHECKS
from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.documents import entry as document
from pipeline.documents.messages import limit
from pipeline.errors import UsageError
from pipeline.model.rules import Preset, Role, Rule
from pipeline.report import console
from pipeline.rules import presets

# --- presets ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PresetsOptions(Options):
    """Of `preflight presets`."""

    what: str
    name: str | None


def declare(parser: ArgumentParser) -> type[PresetsOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "what", nargs="?", choices=["list", "show", "lint"], default="list", help="what to do (default: list)"
    )
    parser.add_argument("name", nargs="?", metavar="ID-or-FILE", help="of the preset to show, or to look for faults in")
    Options.declare(parser)
    return PresetsOptions


def run(options: PresetsOptions) -> int:
    """List all, show one, or prove that a file is a preset."""
    if options.what == "list":
        return _list(options)
    if not options.name:
        raise UsageError(
            f"`presets {options.what}` needs an id or a file", f"`presets {options.what}` 需要预设编号或文件"
        )
    preset = presets.load(options.name)
    if options.what == "lint":
        rules = sum(len(role.rules) for role in preset.roles)
        if not emit({"id": preset.id, "roles": len(preset.roles), "rules": rules}, options):
            console.console().print(f"{preset.id}: {len(preset.roles)} roles, {rules} rules, no fault found")
        return 0
    return _show(preset, options)


def _list(options: Options) -> int:
    lang = options.lang
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
    if not emit({"presets": told}, options):
        rows = [(t["id"], t["title"], ", ".join(t["roles"]), str(t["rules"])) for t in told]
        console.console().print(console.rows_table(rows, ("preset", "scenario", "roles", "rules")))
    return 0


def _show(preset: Preset, options: Options) -> int:
    lang = options.lang
    told = {
        "id": preset.id,
        "title": preset.title.of(lang),
        "sha256": preset.sha256,
        "roles": [_role(role, lang) for role in preset.roles],
        "notes": [{"id": n.id, "text": n.text.of(lang)} for n in preset.notes],
    }
    if emit(told, options):
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
        "rules": [rule_told(rule, lang) for rule in role.rules],
    }


def rule_told(rule: Rule, lang: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "check": rule.check,
        "limit": limit(rule, lang) + _only_when(rule, lang),
        "level": rule.level.value,
        "sources": [asdict(source) for source in rule.sources],
        "code": rule.code,
        "note": rule.note.of(lang) if rule.note else None,
    }
