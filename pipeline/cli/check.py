"""`preflight check` and `preflight plan`: facts against rules."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Generator, Sequence
from typing import Any

from pipeline.cli.inputs import asked, jobs_of, preset_of
from pipeline.cli.output import Entry, collect, exit_code, lost, path_of, tell
from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.spool import Line, Spool
from pipeline.engine import batch
from pipeline.engine import cache as remembered
from pipeline.model.job import Job
from pipeline.stages.check import wall


def check_verb(options: Namespace, lang: str) -> int:
    return judge(options, lang, "checked")


def plan_verb(options: Namespace, lang: str) -> int:
    return judge(options, lang, "planned", **asked(options))


def judge(options: Namespace, lang: str, event: str, **more: Any) -> int:
    preset = preset_of(options)
    jobs = jobs_of(options, lang, **more)
    seconds = wall(preset, deep=options.deep or bool(getattr(options, "plots", None)))

    def ask(unknown: Sequence[Job]) -> Generator[tuple[int, Line | Entry], None, None]:
        from pipeline.engine.tasks import JUDGING  # where everything is remembered, nobody needs it

        yield from batch.entries(JUDGING[options.verb], unknown, options, seconds, lost, names=path_of)

    with Spool(len(jobs)) as spool:
        collect(remembered.entries(jobs, options, preset, ask), spool, options, event)
        summed = totals.findings(preset, spool, lang)
        tell(document.head(document.REPORT, preset), spool, summed, document.CHECKED, options, lang)
        return exit_code(spool, summed)
