"""`preflight verify`: files, digests and rules of a finished run, again."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options, workers
from pipeline.model.facts import Text


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """Of `preflight verify`."""

    manifest: str
    jobs: int | None


def declare(parser: Parser) -> type[VerifyOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "manifest",
        metavar="MANIFEST",
        help=Text("manifest.json of a run of prepare, or its address", "prepare 生成的 manifest.json，或其网址"),
    )
    workers(parser)
    Options.declare(parser)
    return VerifyOptions


def run(options: VerifyOptions) -> int:
    """Look at every output again, and tell which are as the manifest says. Raises UsageError."""
    from pipeline.engine.fork_server import LOOKING, warm

    warm(LOOKING)
    # Imported while the server of the workers loads them too.
    from pipeline.cli import output
    from pipeline.documents import read
    from pipeline.documents.spool import Spool, write_document
    from pipeline.documents.types import VERIFICATION, VerificationHead, VerificationTail, VerifiedOutput
    from pipeline.engine import batch
    from pipeline.model.job import Running
    from pipeline.rules import presets
    from pipeline.stages import reverify
    from pipeline.stages.check import patience
    from pipeline.storage import urls

    name, lang = urls.local(options.manifest), options.lang
    reading = read.manifest(name)
    lost: list[VerifiedOutput] = []
    with ExitStack() as stack:
        if urls.is_url(name):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="preflight-"))
            jobs, lost = reverify.fetched(reverify.outputs(reading, f"{folder}/manifest.json", lang), name)
        else:
            jobs = reverify.outputs(reading, name, lang)
        told = [*lost, *(reverify.doubtful(doubt, lang) for doubt in reading.doubts)]
        spool = stack.enter_context(Spool(len(jobs) + len(told), VerifiedOutput))
        pairs = batch.entries(
            reverify.verify_entry,
            jobs,
            Running(workers=options.jobs, watch=output.watch(options, "verify")),
            patience(presets.load(jobs[0].preset) if jobs and jobs[0].preset else None, deep=False),
            reverify.failed,
            names=lambda again: f"{again.folder}/{again.path}",
        )
        keep = output.keeping(spool, options, "verified")
        keep(pairs)
        keep(pair for pair in enumerate(told, len(jobs)))
        counted = {status: spool.statuses[status] for status in ("ok", "changed", "error")}
        head, tail = VerificationHead(schema=VERIFICATION, manifest=urls.shown(name)), VerificationTail(summary=counted)
        if options.json:
            write_document(sys.stdout, head, "outputs", spool, tail)
        elif options.jsonl:
            output.print_line(
                {"event": "summary", "schema": VERIFICATION, "manifest": head.manifest, "summary": counted}
            )
        else:
            from pipeline.report import console

            out = console.console()
            if not options.quiet:
                rows = [(console.say(e.status, lang), e.path, e.error.message if e.error else e.message) for e in spool]
                out.print(console.rows_table(rows))
            out.print(f"{console.say('total', lang)} {len(spool)}: {counted['ok']} {console.say('ok', lang)}")
        return output.exit_code(spool)
