"""`preflight plan`: what `prepare` would do, with the exact commands."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass

from pipeline.cli.check import judge, warm
from pipeline.cli.options import Judged, Options, Repairs


@dataclass(frozen=True, kw_only=True)
class PlanOptions(Judged, Repairs):
    """Of `preflight plan`."""


def declare(parser: ArgumentParser) -> type[PlanOptions]:
    """Add the arguments; they become what is returned."""
    Judged.declare(parser)
    Repairs.declare(parser)
    Options.declare(parser)
    return PlanOptions


def run(options: PlanOptions) -> int:
    """Facts against rules, and what would be done about them."""
    warm(options)
    return planned(options, options)


def planned(options: Judged, repairs: Repairs, plots: str | None = None) -> int:
    """The same for `prepare --dry-run`."""
    from pipeline.cli.inputs import asked

    return judge(options, "plan", "planned", plots, **asked(repairs))
