"""`preflight fit`: which scenarios and roles take a file as it is, with repair, or not; best first."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Inputs, Options

if TYPE_CHECKING:
    from pipeline.documents.types import FittedAsset
    from pipeline.model.job import Job, Running


@dataclass(frozen=True, kw_only=True)
class FitOptions(Inputs):
    """Of `preflight fit`."""


def declare(parser: Parser) -> type[FitOptions]:
    """Add the arguments; they become what is returned."""
    Inputs.declare(parser)
    Options.declare(parser)
    return FitOptions


def run(options: FitOptions) -> int:
    """Hold all that was named against every scenario, and tell how it stands. Raises UsageError."""
    if options.executor == "local":
        from pipeline.engine.fork_server import LOOKING, warm

        warm(LOOKING)
    # Imported while the server of the workers loads them too.
    from pipeline.cli import inputs, output
    from pipeline.documents import entry as document
    from pipeline.documents.spool import Spool, write_document
    from pipeline.documents.types import CHECKED, FITTING, FittedAsset, FittedTail

    jobs = inputs.jobs_of(options)
    running = options.running(output.watch(options, "fit"))
    with Spool(len(jobs), FittedAsset) as spool:
        keep = output.keeping(spool, options, "fitted", fail_fast=options.fail_fast)
        keep(fitted(jobs, running, deep=options.deep))
        tail = FittedTail(summary=spool.summary(CHECKED))
        if options.json:
            write_document(sys.stdout, document.head(FITTING, None), "assets", spool, tail)
        elif not options.jsonl:
            from pipeline.report import console

            out = console.console()
            most = console.BEST if len(spool) > 1 and not options.verbose else None
            for one in spool if not options.quiet else ():
                out.print(f"[bold]{console.clean(one.source)}[/bold]")
                out.print(console.fits_table(one, options.lang, most, full=options.verbose))
            for one in spool if options.verbose else ():
                if one.error and one.error.trace:
                    console.console(error=True).print(console.clean(one.error.trace))
            out.print(console.summary_line(tail.summary, options.lang))
        return output.exit_code(spool)


def fitted(jobs: Sequence[Job], running: Running, *, deep: bool) -> Generator[tuple[int, FittedAsset], None, None]:
    """What every scenario says of each file, as they end."""
    from pipeline.documents import entry as document
    from pipeline.engine import batch
    from pipeline.engine.tasks import fit_entry
    from pipeline.rules import presets
    from pipeline.stages.check import patience

    allowed = max(patience(presets.load(name), deep=deep) for name in presets.names())
    return batch.entries(fit_entry, jobs, running, allowed, document.unfitted, names=batch.path_of)
