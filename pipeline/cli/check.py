"""`preflight check` and `preflight plan`: facts against rules."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Generator, Sequence
from typing import Any

from pipeline.cli.inputs import asked, jobs_of, preset_of
from pipeline.cli.output import collect, exit_code, path_of, tell
from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.spool import Line, Spool, line
from pipeline.documents.types import CHECKED, REPORT, AssetEntry, PlannedAsset
from pipeline.engine import batch
from pipeline.engine import cache as remembered
from pipeline.errors import AssetError
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

    type_: type[AssetEntry] = PlannedAsset if options.verb == "plan" else AssetEntry

    def lost(job: Job, error: AssetError) -> Line:
        return line(document.lost(job, error, type_))

    def ask(unknown: Sequence[Job]) -> Generator[tuple[int, Line], None, None]:
        from pipeline.engine.tasks import JUDGING  # where everything is remembered, nobody needs it

        yield from batch.entries(JUDGING[options.verb], unknown, options, seconds, lost, names=path_of)

    with Spool(len(jobs), type_) as spool:
        collect(remembered.entries(jobs, options, preset, ask), spool, options, event)
        summed = totals.findings(preset, spool, lang)
        tell(document.head(REPORT, preset), spool, summed, CHECKED, options, lang)
        return exit_code(spool, summed)
