"""`preflight order PRESET`: an order to fill in, every field with what it takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.model.facts import Text
from pipeline.rules import presets
from pipeline.upload import destinations
from pipeline.upload.order import Table


@dataclass(frozen=True, kw_only=True)
class OrderOptions(Options):
    """Of `preflight order`."""

    preset: str
    to: str | None


def declare(parser: Parser) -> type[OrderOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "preset", metavar="PRESET", help=Text("what the manifest was prepared with", "制作清单时使用的预设")
    )
    parser.add_argument(
        "--to", metavar="DEST", help=Text("a platform (default: the preset's own)", "平台（默认：预设所属平台）")
    )
    Options.declare(parser)
    return OrderOptions


def run(options: OrderOptions) -> int:
    """Print the order as TOML, all of it commented out. Raises UsageError where no order means anything."""
    preset = presets.load(options.preset).id
    where = options.to or preset.partition("/")[0].removesuffix("-intl")
    found = destinations.tables(where, preset)
    zh = options.lang == "zh"
    head = (
        f"# 订单：{preset} -> {where}。删去要填写的表名与字段行首的 #，再改为您的值。"
        if zh
        else f"# Order of {preset} for {where}. Take away the # of what you want, and write your values."
    )
    lines = [head, ""]
    for table in found:
        lines += [*printed(table, zh=zh), ""]
    sys.stdout.write("\n".join(lines))
    return 0


def printed(table: Table, *, zh: bool) -> list[str]:
    """One table: its head, then a line for each field with a value of it, what is needed first; then what must hold."""
    rows = []
    for name, field in sorted(table.fields.items(), key=lambda row: not row[1].needed):
        needed = ("必填，" if zh else "needed: ") if field.needed else ""
        wants = (field.wants.zh if zh else field.wants.en).strip()
        rows.append(f"# {name} = {field.example}   # {needed}{wants}")
    rows += [f"#   ({relation.text.zh if zh else relation.text.en})" for relation in table.relations]
    return [f"# [{table.name}]", *rows]
