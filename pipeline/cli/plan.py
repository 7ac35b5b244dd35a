"""`preflight plan`: what `prepare` would do, with the exact commands."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.check import judge, warm
from pipeline.cli.options import Compared, Judged, Options, Repairing


@dataclass(frozen=True, kw_only=True)
class PlanOptions(Judged, Compared, Repairing):
    """Of `preflight plan`."""


def declare(parser: Parser) -> type[PlanOptions]:
    """Add the arguments; they become what is returned."""
    Judged.declare(parser)
    Compared.declare(parser)
    Repairing.declare(parser)
    Options.declare(parser)
    return PlanOptions


def run(options: PlanOptions) -> int:
    """Facts against rules, and what would be done about them."""
    warm(options, plans=True)
    return judge(options, "plan", "planned", identity=options.identity, repairs=options.repairs)
