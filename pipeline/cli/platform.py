"""`preflight platform DEST ACTION`: what a platform holds already, shown and changed; what it tells."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options, access
from pipeline.cli.order import printed
from pipeline.cli.output import print_line
from pipeline.errors import UsageError, nearest_word
from pipeline.model.facts import Text
from pipeline.report import console
from pipeline.upload import destinations
from pipeline.upload.credentials import Secrets, hush
from pipeline.upload.destination import Action, ActionInput, Target


@dataclass(frozen=True, kw_only=True)
class PlatformOptions(Options):
    """Of `preflight platform`."""

    to: str
    action: str
    what: tuple[str, ...]
    order: str | None
    name: str | None
    for_good: bool
    into: str | None
    secrets: str | None
    region: str | None
    project: str | None
    wait: float  # seconds


def declare(parser: Parser) -> type[PlatformOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument("to", metavar="DEST", help=Text("a platform", "平台"))
    parser.add_argument(
        "action",
        metavar="ACTION",
        help=Text("what is to be done; `list` tells what there is", "要做的操作；`list` 列出全部操作"),
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help=Text("ids, files or words, as the action takes them", "编号、文件或词，依操作而定"),
    )
    parser.add_argument(
        "--order", metavar="FILE", help=Text("the action's table of an order (TOML)", "含该操作所需表的订单（TOML）")
    )
    parser.add_argument(
        "--name", help=Text("of what is to be deleted, as the platform has it", "要删除的资产在平台上的名称")
    )
    parser.add_argument(
        "--for-good", action="store_true", help=Text("delete for good, not into the bin", "彻底删除，不放入回收站")
    )
    parser.add_argument("--into", metavar="REGION", help=Text("another region of the platform", "平台的另一区域"))
    access(parser)
    parser.add_argument(
        "--wait",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help=Text("for what takes its time", "等待耗时操作的秒数"),
    )
    Options.declare(parser)
    return PlatformOptions


def run(options: PlatformOptions) -> int:
    """One action on one platform; 0 when all of it is done. Raises UsageError, UploadError."""
    hush()
    module = destinations.upkeep(options.to)
    if options.action == "list":
        rows = [(name, action.takes, action.does.of(options.lang)) for name, action in module.ACTIONS.items()]
        console.console().print(console.rows_table(rows))
        for name in (action.table for action in module.ACTIONS.values() if action.table):
            lines = printed(destinations.table(options.to, name), zh=options.lang == "zh")
            sys.stdout.write("\n".join(["", *lines, ""]))
        return 0
    action = module.ACTIONS.get(options.action)
    if action is None:
        hint = nearest_word(options.action, module.ACTIONS)
        raise UsageError(
            f"{options.to} has no action {options.action!r}; there are {', '.join(module.ACTIONS)}.{hint.en}",
            f"{options.to} 没有操作 {options.action!r}；可用：{'、'.join(module.ACTIONS)}。{hint.zh}",
        )
    table = _table(action, options)
    _counted(action, options)
    asked = ActionInput(
        what=options.what,
        order=table,
        name=options.name,
        for_good=options.for_good,
        into=options.into,
        wait=options.wait,
    )
    target = Target(options.to, "", region=options.region, project=options.project)
    secrets = Secrets(Path(options.secrets) if options.secrets else None)
    with module.doing(target, secrets) as do:
        done = do(options.action, asked)
    if options.json or options.jsonl:
        for what, state, words in done:
            print_line({"what": what, "state": state, "message": words.of(options.lang)})
    else:
        console.console().print(console.rows_table([(s, what, words.of(options.lang)) for what, s, words in done]))
    return 0


def _table(action: Action, options: PlatformOptions) -> dict[str, object]:
    """The order's table for this action, and no other. Raises UsageError."""
    order = destinations.read_order(Path(options.order) if options.order else None)
    strange = sorted(set(order) - {action.table})
    if strange or (action.table and action.table not in order):
        wants = f"[{action.table}]" if action.table else "no order"
        raise UsageError(
            f"{options.action} wants {wants} in --order"
            + (f", not [{strange[0]}]" if strange else "; `list` shows its fields"),
            f"{options.action} 的 --order 需要 {wants}"
            + (f"，而不是 [{strange[0]}]" if strange else "；`list` 可查看其字段"),
        )
    return dict(order.get(action.table, {}))


def _counted(action: Action, options: PlatformOptions) -> None:
    """Whether there are as many arguments as the action takes, and no option that it does not. Raises UsageError."""
    count = len(options.what)
    idle = [
        flag
        for flag, given in (("--name", options.name), ("--for-good", options.for_good), ("--into", options.into))
        if given and flag not in action.takes
    ]
    if count < action.least or (action.most is not None and count > action.most) or idle:
        more = f"; {idle[0]} means nothing to it" if idle else ""
        zh = f"；{idle[0]} 对其无意义" if idle else ""
        raise UsageError(
            f"{options.action} takes {action.takes}{more}", f"{options.action} 的参数为 {action.takes}{zh}"
        )
