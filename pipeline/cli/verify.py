"""`preflight verify`: files, digests and rules of a finished run, again."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import msgspec

from pipeline.cli.output import collect, exit_code, print_line
from pipeline.documents import read
from pipeline.documents.spool import Spool, write_document
from pipeline.documents.types import VERIFICATION, VerificationHead, VerificationTail, VerifiedOutput
from pipeline.engine import batch
from pipeline.rules import presets
from pipeline.stages.check import wall
from pipeline.storage import urls


def verify_verb(options: Namespace, lang: str) -> int:
    from pipeline.stages import reverify

    options.manifest = urls.near(options.manifest)
    jobs = reverify.outputs(read.manifest(options.manifest), Path(options.manifest).parent, lang)
    with Spool(len(jobs), VerifiedOutput) as spool:
        pairs = batch.entries(
            reverify.verify_entry,
            jobs,
            options,
            wall(presets.load(jobs[0].preset) if jobs and jobs[0].preset else None, deep=False),
            reverify.failed,
            names=lambda again: f"{again.folder}/{again.path}",
        )
        collect(pairs, spool, options, "verified")
        counted = {status: spool.statuses[status] for status in ("ok", "changed", "error")}
        head, tail = VerificationHead(schema=VERIFICATION, manifest=options.manifest), VerificationTail(summary=counted)
        if options.json:
            write_document(sys.stdout, head, "outputs", spool, tail)
        elif options.jsonl:
            print_line({"event": "summary", **msgspec.structs.asdict(head), "summary": counted})
        else:
            from pipeline.report import console

            out = console.console()
            if not options.quiet:
                rows = [(console.say(e.status, lang), e.path, e.error.message if e.error else e.message) for e in spool]
                out.print(console.rows_table(rows))
            out.print(f"{console.say('total', lang)} {len(spool)}: {counted['ok']} {console.say('ok', lang)}")
        return exit_code(spool)
