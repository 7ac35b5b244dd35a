"""`preflight probe`: facts, no rules."""

from __future__ import annotations

import sys
from argparse import Namespace

from pipeline.cli.inputs import jobs_of
from pipeline.cli.output import collect, exit_code, lost, path_of
from pipeline.documents import entry as document
from pipeline.documents.spool import Spool, write_document
from pipeline.engine import batch
from pipeline.stages.check import wall


def probe_verb(options: Namespace, lang: str) -> int:
    from pipeline.engine.tasks import probe_entry

    jobs = jobs_of(options, lang)
    seconds = wall(None, deep=options.deep or bool(options.plots))
    with Spool(len(jobs)) as spool:
        collect(batch.entries(probe_entry, jobs, options, seconds, lost, names=path_of), spool, options, "probed")
        if options.json:
            write_document(sys.stdout, document.head("media-preflight/facts/1", None), "assets", spool, {})
        elif not options.jsonl:
            from pipeline.report import console

            out = console.console()
            for entry in spool:
                out.print(f"[bold]{console.clean(entry['source'])}[/bold]")
                if entry["error"]:
                    out.print(f"[red]{console.clean(entry['error']['message'])}[/red]")
                out.print(console.rows_table(console.fact_rows(entry["facts"])))
        return exit_code(spool)
