"""`preflight verify`: files, digests and rules of a finished run, again."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from pipeline.cli.output import Entry, collect, exit_code, print_line
from pipeline.documents.spool import Spool, write_document
from pipeline.engine import batch
from pipeline.errors import AssetError
from pipeline.rules import presets
from pipeline.stages.check import wall
from pipeline.storage import urls


def verify_verb(options: Namespace, lang: str) -> int:
    from pipeline.documents import manifest as manifests

    options.manifest = urls.near(options.manifest)
    manifest = manifests.read(options.manifest)
    jobs = manifests.outputs(manifest, Path(options.manifest).parent, lang)

    def failed(again: manifests.Again, error: AssetError) -> Entry:
        told = {"type": type(error).__name__, "message": error.text.of(lang)}
        return {"path": again.path, "status": "error", "message": "", "error": told}

    with Spool(len(jobs)) as spool:
        pairs = batch.entries(
            manifests.verify_entry,
            jobs,
            options,
            wall(presets.load(jobs[0].preset) if jobs and jobs[0].preset else None, deep=False),
            failed,
            names=lambda again: f"{again.folder}/{again.path}",
        )
        collect(pairs, spool, options, "verified")
        counted = spool.summary(("ok", "changed", "error"))
        head = {"schema": "media-preflight/verification/1", "manifest": options.manifest}
        if options.json:
            write_document(sys.stdout, head, "outputs", spool, {"summary": counted})
        elif options.jsonl:
            print_line({"event": "summary", **head, "summary": counted})
        else:
            from pipeline.report import console

            out = console.console()
            if not options.quiet:
                rows = [(console.say(e["status"], lang), e["path"], _said(e)) for e in spool]
                out.print(console.rows_table(rows))
            out.print(f"{console.say('total', lang)} {len(spool)}: {counted['ok']} {console.say('ok', lang)}")
        return exit_code(spool)


def _said(entry: Entry) -> str:
    return str(entry["error"]["message"] if entry["error"] else entry["message"])
