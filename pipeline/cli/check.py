"""`preflight check`: facts against rules; changes nothing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Compared, Drawn, Judged, Options

if TYPE_CHECKING:
    from pipeline.documents.spool import Line
    from pipeline.errors import AssetError
    from pipeline.model.job import Job
    from pipeline.model.repairs import Repairs


@dataclass(frozen=True, kw_only=True)
class CheckOptions(Judged, Compared, Drawn):
    """Of `preflight check`."""


def declare(parser: Parser) -> type[CheckOptions]:
    """Add the arguments; they become what is returned."""
    Judged.declare(parser)
    Compared.declare(parser)
    Drawn.declare(parser)
    Options.declare(parser)
    return CheckOptions


def run(options: CheckOptions) -> int:
    """Hold all that was named against the rules, and tell how it ended. Raises UsageError."""
    warm(options, plans=False)
    return judge(options, "check", "checked", identity=options.identity, plots=options.plots)


def warm(options: Judged, *, plans: bool) -> None:
    """Let the server of the workers load what they need while this process does, unless none may be needed."""
    if options.executor != "local":
        return
    if not options.no_resume and options.paths:
        from pipeline.engine.cache import anything

        if anything(options.paths[0]):
            return
    from pipeline.engine import fork_server

    fork_server.warm(fork_server.REPAIRING if plans else fork_server.LOOKING)


def judge(
    options: Judged,
    verb: str,
    event: str,
    *,
    identity: bool,
    plots: str | None = None,
    repairs: Repairs | None = None,
) -> int:
    """The work of `check` and of `plan` (`verb`), which differ in what was asked for and in what is told."""
    # Imported while the server of the workers loads them too.
    from pipeline.cli import inputs, output
    from pipeline.documents import entry as document
    from pipeline.documents import totals
    from pipeline.documents.spool import line
    from pipeline.documents.types import CHECKED, REPORT, AssetEntry, PlannedAsset
    from pipeline.engine import batch
    from pipeline.engine import cache as remembered
    from pipeline.stages.check import patience

    asked = inputs.run_of(options, repairs=repairs, plots=plots, identity=identity)
    type_: type[AssetEntry] = PlannedAsset if verb == "plan" else AssetEntry

    def lost(job: Job, error: AssetError) -> Line:
        return line(document.lost(job, error, type_))

    def judged(part: inputs.Portion) -> Generator[tuple[int, Line], None, None]:
        allowed = patience(part.preset, deep=any(job.deep for job in part.jobs) or bool(plots))
        running = options.running(output.watch(options, verb), resume=not options.no_resume)

        def ask(unknown: Sequence[Job], numbers: Sequence[int]) -> Generator[tuple[int, Line], None, None]:
            from pipeline.engine.tasks import JUDGING  # where everything is remembered, nobody needs it

            counted = [first + number for number in numbers]
            how = JUDGING[verb]
            yield from batch.entries(how, unknown, running, allowed, lost, names=batch.path_of, numbers=counted)

        first = 0
        for jobs in part.groups:
            with closing(remembered.entries(jobs, running, part.preset, verb, ask)) as pairs:
                yield from ((first + index, entry) for index, entry in pairs)
            first += len(jobs)

    with output.Ending(
        options,
        CHECKED,
        roof=asked.roof,
        matrix=asked.matrix,
        plans=verb == "plan",
        explain=options.explain,
        fail_fast=options.fail_fast,
    ) as told:
        for part in asked.parts:
            spool = told.spool(len(part.jobs), type_, part.preset)
            told.keeping(spool, event)(judged(part))
            told.add(document.head(REPORT, part.preset), totals.findings(part.preset, spool, options.lang), part.why)
            if told.stopped:
                break
        return told.end()
