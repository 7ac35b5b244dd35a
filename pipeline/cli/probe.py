"""`preflight probe`: facts, no rules."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Drawn, Inputs, Options


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(Inputs, Drawn):
    """Of `preflight probe`."""


def declare(parser: Parser) -> type[ProbeOptions]:
    """Add the arguments; they become what is returned."""
    Inputs.declare(parser)
    Drawn.declare(parser)
    Options.declare(parser)
    return ProbeOptions


def run(options: ProbeOptions) -> int:
    """Tell what is known of all that was named. Raises UsageError."""
    if options.executor == "local":
        from pipeline.engine.fork_server import LOOKING, warm

        warm(LOOKING)
    # Imported while the server of the workers loads them too.
    from pipeline.cli import inputs, output
    from pipeline.documents import entry as document
    from pipeline.documents.spool import Spool, write_document
    from pipeline.documents.types import FACTS, Frozen, ProbedAsset
    from pipeline.engine import batch
    from pipeline.engine.tasks import probe_entry
    from pipeline.stages.check import patience

    jobs = inputs.jobs_of(options, plots=options.plots)
    allowed = patience(None, deep=options.deep or bool(options.plots))
    running = options.running(output.watch(options, "probe"))
    with Spool(len(jobs), ProbedAsset) as spool:
        keep = output.keeping(spool, options, "probed", fail_fast=options.fail_fast)
        keep(batch.entries(probe_entry, jobs, running, allowed, document.unread, names=batch.path_of))
        if options.json:
            write_document(sys.stdout, document.head(FACTS, None), "assets", spool, Frozen())
        elif not options.jsonl:
            import msgspec

            from pipeline.report import console

            out = console.console()
            for entry in spool:
                out.print(f"[bold]{console.clean(entry.source)}[/bold]")
                if entry.error:
                    out.print(f"[red]{console.clean(entry.error.message)}[/red]")
                out.print(console.rows_table(console.fact_rows(msgspec.json.decode(entry.facts))))
        return output.exit_code(spool)
