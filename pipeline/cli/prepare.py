"""`preflight prepare`: repair, prove, digest; sources are never touched."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.check import plan_verb
from pipeline.cli.inputs import asked, jobs_of, keep_apart, preset_of
from pipeline.cli.output import collect, exit_code, lost_preparing, tell
from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.spool import Spool
from pipeline.engine import batch
from pipeline.engine.journal import Journal
from pipeline.errors import UsageError
from pipeline.model.job import Job
from pipeline.model.rules import Preset
from pipeline.storage import publish, urls

if TYPE_CHECKING:
    from pipeline.engine.remote_output import Away


def prepare_verb(options: Namespace, lang: str) -> int:
    if options.dry_run:
        options.verb = "plan"
        return plan_verb(options, lang)
    preset, out = preset_of(options), urls.local(options.out)
    place = {"far": out.rstrip("/")} if urls.is_url(out) else {"out": str(Path(out))}
    jobs = jobs_of(
        options,
        lang,
        **asked(options),
        replace=options.overwrite == "always",
        **place,
    )
    keep_apart(jobs, out)
    if options.plots and not urls.is_url(out) and Path(options.plots).resolve() == Path(out).resolve():
        raise UsageError(
            f"{out} is the output folder; choose another one for --plots",
            f"{out} 是输出目录；请为 --plots 选择其他目录",
        )
    with Spool(len(jobs)) as spool:
        if urls.is_url(out):
            from pipeline.engine.remote_output import Away

            with Away(out) as there:
                return _prepared_there(jobs, preset, there, spool, options, lang)
        return _prepared_here(jobs, preset, Path(out), spool, options, lang)


def _prepared_here(jobs: list[Job], preset: Preset, out: Path, spool: Spool, options: Namespace, lang: str) -> int:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", f"{out}：{error.strerror}") from None
    with publish.claim(out):
        with Journal(out) as journal:
            publish.sweep(out, journal.names, wait=publish.DYING)
            pairs = batch.prepared(jobs, options, journal, preset, out, lost_preparing)
            try:
                collect(pairs, spool, options, "prepared")
            finally:  # what workers held open until now: an office and its profile, or all when interrupted
                publish.sweep(out, journal.names, wait=publish.DYING)
        return _finished(jobs, preset, out, spool, options, lang)


def _prepared_there(jobs: list[Job], preset: Preset, out: Away, spool: Spool, options: Namespace, lang: str) -> int:
    with Journal(out.folder) as journal:
        out.take_back(journal)
        pairs = batch.prepared(jobs, options, journal, preset, out, lost_preparing)
        try:
            collect(pairs, spool, options, "prepared")
        finally:
            out.push(journal)
    code = _finished(jobs, preset, out.folder, spool, options, lang)
    out.finish()
    return code


def _finished(jobs: list[Job], preset: Preset, folder: Path, spool: Spool, options: Namespace, lang: str) -> int:
    """Manifest and quarantine list in `folder`, the end told."""
    from pipeline.documents import manifest as manifests

    summed = totals.findings(preset, spool, lang)
    manifests.quarantine(folder, [job.path for job in jobs], spool)
    head = document.head(document.MANIFEST, preset)
    tail = {"batch": summed, "summary": spool.summary(document.PREPARED), "reasons": spool.reasons()}
    manifests.write(folder, head, spool, tail)
    tell(head, spool, summed, document.PREPARED, options, lang)
    return exit_code(spool, summed)
