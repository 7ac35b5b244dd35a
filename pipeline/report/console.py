"""Tables for people: most important line last, widths right for Chinese, nothing from a file unescaped."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text as Line

from pipeline.documents.entry import solved_by
from pipeline.documents.types import AssetEntry, FindingEntry, FitEntry, FittedAsset, PlannedAsset, PreparedAsset
from pipeline.model.facts import Text
from pipeline.model.results import Status, Verdict
from pipeline.report.labels import STANDS

COLOURS: Final[Mapping[str, str]] = {
    "pass": "green",
    "ready": "green",
    "fixable": "yellow",
    "fixed": "cyan",
    "blocked": "red",
    "error": "red",
    "failed": "red",
    "level-error": "red",
    "level-warning": "yellow",
    "level-info": "dim",
    "unknown": "magenta",
}
_PIPED_WIDTH: Final = 160
_ORDER: Final = ("level-error", "unknown", "level-warning", "level-info")  # of findings, worst first
BEST: Final = 3  # scenarios of a file among several, without -v
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
WORDS: Final[Mapping[str, Text]] = {
    "asset": Text("asset", "素材"),
    "kind": Text("kind", "类型"),
    "role": Text("role", "用途"),
    "status": Text("status", "状态"),
    "why": Text("why", "原因"),
    "output": Text("output", "输出"),
    **STANDS,
    "causes": Text("more causes; -v shows all", "种其他原因；-v 查看全部"),
    "unmeasured": Text("not all of them measured (-v shows what)", "部分指标未测量的文件（-v 查看）"),
    "unseen": Text("damage inside was not looked for; --deep does", "未检查内部是否损坏；--deep 可检查"),
    "calm": Text("assets that are in order are not listed; -v lists all", "合规素材未列出；-v 列出全部"),
    "commands": Text("-v shows the exact commands", "-v 查看完整命令"),
    "further": Text("more; -v shows all", "项未显示；-v 查看全部"),
    "warnings": Text("warning(s)", "条警告"),
    "total": Text("total", "合计"),
    "ok": Text("ok", "一致"),
    "changed": Text("changed", "不一致"),
}


def say(key: str, lang: str) -> str:
    """A fixed word of the tables."""
    return WORDS[key].of(lang)


def visible(text: str) -> str:
    """Text from a file, with control and direction characters made visible."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def clean(text: str) -> str:
    """The same with markup escaped."""
    return escape(visible(text))


def coloured(status: str, lang: str) -> Line:
    """A status word in its colour."""
    return Line(say(status, lang), style=COLOURS[status])


def _reasons(asset: AssetEntry, lang: str, full: bool) -> list[str]:
    """What to know about an asset, worst first."""
    if asset.error:
        return [f"[red]{clean(asset.error.message)}[/red]"]
    blocked = {f.place for f in asset.blocked} if isinstance(asset, PlannedAsset | PreparedAsset) else set()
    stays = asset.status in (Status.BLOCKED, Status.FAILED)  # nothing is promised of it, whatever one repair could do
    solved = solved_by(asset.outputs if isinstance(asset, PreparedAsset) else ())
    lines: list[tuple[int, str]] = []
    for f in asset.findings:
        unknown = f.verdict is Verdict.UNKNOWN
        if f.verdict is Verdict.PASS:
            continue
        word = "unknown" if unknown else f"level-{f.level}"
        mended = asset.status is Status.FIXED and (f.blocks or f.rule in solved)
        promised = not stays and f.place not in blocked
        text = _reason(f, "fixed" if mended else word, lang, full, promised=promised)
        lines.append((_ORDER.index(word), text))
    return [text for _, text in sorted(lines, key=lambda pair: pair[0])]


def _reason(f: FindingEntry, label: str, lang: str, full: bool, *, promised: bool) -> str:
    text = f"[{COLOURS[label]}]{say(label, lang)}[/] {clean(f.message)}"
    if f.fix and promised:
        text += f" [cyan]→ {clean(f.fix.does)}[/cyan]"
    if full:
        place = f"{f.source.document} {f.source.section} ({f.source.date})"
        text += clean(f"\n  {f.rule}  {place}  {f.code or ''}")
    return text


def assets_table(assets: Iterable[AssetEntry], lang: str, *, full: bool) -> Table:
    """One row per asset: what it is, where it stands, why, and what was made."""
    table = Table(show_edge=False, pad_edge=False, expand=False)
    for column, ratio in (("status", None), ("asset", None), ("kind", None), ("why", 1)):
        table.add_column(say(column, lang), overflow="fold", ratio=ratio, vertical="top")
    for asset in assets:
        why = _reasons(asset, lang, full)
        outputs = asset.outputs if isinstance(asset, PreparedAsset) else ()
        for output in outputs[:3]:
            why.append(f"→ {clean(output.path)}  [dim]{output.md5}[/dim]")
        extra = len(outputs) - 3
        if extra > 0:
            why.append(f"[dim]+{extra}[/dim]")
        table.add_row(
            coloured(asset.status, lang),
            clean(asset.source),
            asset.kind + (f"\n[dim]{clean(asset.role)}[/dim]" if asset.role and asset.role != asset.kind else ""),
            "\n".join(why),
        )
    return table


def fits_table(one: FittedAsset, lang: str, most: int | None, *, full: bool) -> Table:
    """A row for each role that takes a file, best first, `most` of them; of each the first cause, in `full` all."""
    table = Table(show_edge=False, pad_edge=False, show_header=False, box=None)
    for ratio in (None, None, None, 1):
        table.add_column(overflow="fold", ratio=ratio, no_wrap=not ratio, vertical="top")  # an id is copied whole
    if not one.fits:
        told = one.error.message if one.error else one.advice.of(lang) if one.advice else ""
        table.add_row(coloured(one.status, lang), "", "", clean(told))
    for fit in one.fits[:most]:
        table.add_row(coloured(fit.status, lang), fit.preset, fit.role, _fit_reason(fit, lang, full))
    if hidden := len(one.fits[most:]) if most else 0:
        table.add_row("", f"[dim]+{hidden} {say('further', lang)}[/dim]", "", "")
    return table


def _fit_reason(fit: FitEntry, lang: str, full: bool) -> str:
    """The first cause, or what would be done; all of them in `full`."""
    lines = [clean(one.message) for one in fit.blocked] or [f"[cyan]{clean(one.does)}[/cyan]" for one in fit.repairs]
    if fit.blocked and not full and len(lines) > 1:
        lines = [lines[0], f"[dim]+{len(lines) - 1} {say('further', lang)}[/dim]"]
    if fit.warnings and not fit.blocked:
        lines.append(f"[dim]{fit.warnings} {say('warnings', lang)}[/dim]")
    return "\n".join(lines)


def plan_lines(asset: PlannedAsset, lang: str, *, full: bool) -> list[str]:
    """The steps of a plan; in `full` with their commands, quoted for a shell."""
    import shlex

    lines = []
    for number, step in enumerate(asset.steps, 1):
        lines.append(f"{number}. {clean(step.does)}")
        if step.command and full:
            lines.append(f"   [dim]{clean(shlex.join(step.command))}[/dim]")
    if not full and any(step.command for step in asset.steps):
        lines.append(f"[dim]{say('commands', lang)}[/dim]")
    return lines


def summary_line(summary: Mapping[Status, int], lang: str) -> Line:
    """The last line: how many assets stand where."""
    line = Line(f"{say('total', lang)} {sum(summary.values())}:")
    for status, count in summary.items():
        if count:
            line.append(f"  {count} ").append(say(status, lang), style=COLOURS[status])
    return line


def fact_rows(entry: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Facts as name and value, nested ones with dotted names."""
    rows: list[tuple[str, str]] = []
    for key, value in entry.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            if set(value) == {"width", "height"}:
                rows.append((name, f"{value['width']}x{value['height']}"))
            else:
                rows.extend(fact_rows(value, f"{name}."))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, item in enumerate(value):
                rows.extend(fact_rows(item, f"{name}[{number}]."))
        elif value is not None:
            rows.append((name, str(value)))
    return rows


def rows_table(rows: Sequence[tuple[str, ...]], headers: Sequence[str] = ()) -> Table:
    """A plain table."""
    table = Table(show_edge=False, pad_edge=False, show_header=bool(headers), box=None)
    for index in range(max((len(row) for row in rows), default=1)):
        table.add_column(headers[index] if headers else "", overflow="fold")
    for row in rows:
        table.add_row(*(clean(cell) for cell in row))
    return table


class _Heard(Console):
    """rich ends a program whose reader went away with exit code 1, which means something else here."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """Results go to standard output, the rest to standard error; colours by NO_COLOR and FORCE_COLOR."""
    made = _Heard(stderr=error, highlight=False, soft_wrap=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPED_WIDTH  # a pipe has no width; rich's own guess of 80 cuts rule ids
    return made
