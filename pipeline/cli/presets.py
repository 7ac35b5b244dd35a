"""`preflight presets`: list all, show one, or prove that a file is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.checks import CHECKS
from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.cli.output import emit
from pipeline.documents.messages import limit
from pipeline.documents.types import Frozen
from pipeline.errors import UsageError
from pipeline.model.facts import Text, Value
from pipeline.model.rules import Level, Preset, Role, Rule, Source
from pipeline.report import console
from pipeline.report.labels import WORDS
from pipeline.rules import presets


class ListedPreset(Frozen, frozen=True, kw_only=True):
    """A preset in the list of all."""

    id: str
    title: str
    roles: tuple[str, ...]
    rules: int


class ShownRule(Frozen, frozen=True, kw_only=True):
    """A rule in words."""

    id: str
    check: str
    limit: str
    level: Level
    sources: tuple[Source, ...]
    code: str | None
    note: str | None


class ShownRole(Frozen, frozen=True, kw_only=True):
    """A role with its rules and with what a new file for it looks like."""

    name: str
    title: str
    kinds: tuple[str, ...]
    deliver: dict[str, Value]
    rules: tuple[ShownRule, ...]


class ShownNote(Frozen, frozen=True, kw_only=True):
    """What the documents say that no file can break."""

    id: str
    text: str


class ShownPreset(Frozen, frozen=True, kw_only=True):
    """All of a preset."""

    id: str
    title: str
    sha256: str
    roles: tuple[ShownRole, ...]
    notes: tuple[ShownNote, ...]


@dataclass(frozen=True, kw_only=True)
class PresetsOptions(Options):
    """Of `preflight presets`."""

    what: str
    name: str | None


def declare(parser: Parser) -> type[PresetsOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=["list", "show", "lint"],
        default="list",
        help=Text("what to do (default: list)", "做什么（默认：list）"),
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="ID-or-FILE",
        help=Text("of the preset to show, or to look for faults in", "要显示或检查的预设"),
    )
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
            told = Text(
                f"{preset.id}: {len(preset.roles)} roles, {rules} rules, no fault found",
                f"{preset.id}：{len(preset.roles)} 个角色，{rules} 条规则，未发现问题",
            )
            console.console().print(told.of(options.lang))
        return 0
    return _show(preset, options)


_HEADS: Final = (Text("preset", "预设"), Text("scenario", "场景"), Text("roles", "角色"), Text("rules", "规则数"))


def _list(options: Options) -> int:
    lang = options.lang
    loaded = [presets.load(name) for name in presets.names()]
    told = [
        ListedPreset(
            id=p.id,
            title=p.title.of(lang),
            roles=tuple(role.name for role in p.roles),
            rules=sum(len(role.rules) for role in p.roles),
        )
        for p in loaded
    ]
    if not emit({"presets": told}, options):
        rows = [(t.id, t.title, ", ".join(t.roles), str(t.rules)) for t in told]
        console.console().print(console.rows_table(rows, [head.of(lang) for head in _HEADS]))
    return 0


def _show(preset: Preset, options: Options) -> int:
    lang = options.lang
    told = ShownPreset(
        id=preset.id,
        title=preset.title.of(lang),
        sha256=preset.sha256,
        roles=tuple(_role(role, lang) for role in preset.roles),
        notes=tuple(ShownNote(id=n.id, text=n.text.of(lang)) for n in preset.notes),
    )
    if emit(told, options):
        return 0
    out = console.console()
    out.print(f"[bold]{preset.id}[/bold]  {console.clean(preset.title.of(lang))}")
    for role in preset.roles:
        kinds = ", ".join(WORDS[kind].of(lang) for kind in sorted(role.kinds))
        out.print(f"\n[bold]{role.name}[/bold]  {console.clean(role.title.of(lang))}  ({kinds})")
        rows = [
            (
                console.say(f"level-{r.level}", lang),
                CHECKS[r.check].title.of(lang),
                limit(r, lang) + _only_when(r, lang),
                r.id,
            )
            for r in role.rules
        ]
        out.print(console.rows_table(rows))
    for note in preset.notes:
        out.print(f"\n{console.clean(note.text.of(lang))}  [dim]{note.id}[/dim]")
    return 0


def _only_when(rule: Rule, lang: str) -> str:
    if rule.when is None:
        return ""
    asked = f"{rule.when.check}: {rule.when.limit.describe(lang)}"
    return Text(f" (when {asked})", f"（仅当 {asked}）").of(lang)


def _role(role: Role, lang: str) -> ShownRole:
    return ShownRole(
        name=role.name,
        title=role.title.of(lang),
        kinds=tuple(sorted(kind.value for kind in role.kinds)),
        deliver=dict(role.deliver),
        rules=tuple(shown_rule(rule, lang) for rule in role.rules),
    )


def shown_rule(rule: Rule, lang: str) -> ShownRule:
    """A rule in the words of `lang`."""
    return ShownRule(
        id=rule.id,
        check=rule.check,
        limit=limit(rule, lang) + _only_when(rule, lang),
        level=rule.level,
        sources=rule.sources,
        code=rule.code,
        note=rule.note.of(lang) if rule.note else None,
    )
