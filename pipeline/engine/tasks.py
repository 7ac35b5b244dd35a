"""The work of a worker, one function per verb: a job in, an entry out."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pipeline.documents import entry as document
from pipeline.documents.spool import Line, line
from pipeline.documents.types import AssetEntry, FittedAsset, PlannedAsset, ProbedAsset
from pipeline.engine import journal
from pipeline.engine.cache import rules_of
from pipeline.engine.record import Record, Worked
from pipeline.errors import PreflightError
from pipeline.model import budget
from pipeline.model.case import Case
from pipeline.model.ceilings import MAX_FILE
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.measures import MEASURES
from pipeline.model.results import Outcome, Problem
from pipeline.plots import publish as drawing
from pipeline.probe import measure, probe
from pipeline.stages.check import check, problem
from pipeline.stages.fit import fit
from pipeline.storage import publish
from pipeline.storage.digest import file_state
from pipeline.tools import allowance

if TYPE_CHECKING:
    from pipeline.model.job import Progress


def _measured(job: Job) -> frozenset[str]:
    """What `probe` measures beyond headers: all that can be drawn, and what decoding tells where that is asked for."""
    return frozenset(
        name for name, one in MEASURES.items() if (job.plots and one.plot) or (job.deep and one.deep != "no")
    )


def probe_entry(job: Job, _: Progress) -> ProbedAsset:
    """Facts, no rules."""
    try:
        path, wanted = Path(job.path), _measured(job)
        info = probe(path, encoding=job.encoding)
        allowance.ask(path.name, budget.memory(info, wanted, converted=False))
        info = measure(path, info, wanted)
        drawing.draw(job, info)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        _had_room(error)
        return document.probed(job.path, None, problem(error), job.lang)
    return document.probed(job.path, info, None, job.lang)


def fit_entry(job: Job, _: Progress) -> FittedAsset:
    """Every role of every scenario that takes such a file, best first."""
    try:
        kind, cases, advice = fit(job)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        _had_room(error)
        return document.fitted(job, Kind.UNKNOWN, (), None, problem(error))
    return document.fitted(job, kind, cases, advice, None)


def check_entry(job: Job, _: Progress) -> AssetEntry:
    """Facts against rules."""
    return document.report(_checked(job).report, job.lang)


def _had_room(error: Exception | Problem | None) -> None:
    """Where memory ran out, the job is begun again with more. Raises NeedsMore."""
    if isinstance(error, MemoryError) or (isinstance(error, Problem) and error.type == "MemoryError"):
        allowance.exhausted()


def _judged(job: Job) -> Case:
    case = check(job)
    _had_room(case.error)
    return case


def _checked(job: Job) -> Case:
    case = _judged(job)
    try:
        drawing.draw(job, case.facts)
    except (PreflightError, OSError) as error:
        case = replace(case, error=problem(error))
    return case


def plan_entry(job: Job, _: Progress) -> PlannedAsset:
    """Facts against rules, and what `prepare` would do."""
    return _planned(job, _judged(job))


def _planned(job: Job, checked: Case) -> PlannedAsset:
    from pipeline.stages.plan import planned  # with all that converts: a check needs none of it

    case, steps = planned(checked)
    # A file that no role takes is no one's to repair.
    blocked = case.plan.blocked if case.role else ()
    return document.planned(document.report(case.report, job.lang), case.plan.parts, steps, blocked, job.lang)


def check_line(job: Job, _: Progress) -> Line:
    """As `check_entry`, written out, and with what says how long it holds."""
    began, case = time.time_ns(), _checked(job)
    return _lasting(document.report(case.report, job.lang), case, began)


def plan_line(job: Job, _: Progress) -> Line:
    """As `plan_entry`, written out, and with what says how long it holds."""
    began, case = time.time_ns(), _judged(job)
    return _lasting(_planned(job, case), case, began)


def _lasting(entry: AssetEntry, case: Case, began: int) -> Line:
    facts, job = case.facts, case.job
    # A moving picture is what the roles of the preset will have it, and what a deck holds has roles of its own.
    picture = facts.image.format if facts and facts.image else None
    several = facts is not None and ("gif" in (facts.container, picture) or facts.slides is not None)
    rules = rules_of(job.preset, None if several or entry.error else entry.kind, job.role)
    return line(entry)._replace(rules=rules, began=began)


JUDGING: Final = {"check": check_line, "plan": plan_line}


def prepare_entry(job: Job, progress: Progress) -> Record:
    """Repair, prove, digest; for callers who keep no journal."""
    made = _prepared(job, progress, ("", ""))
    for receipt in made.receipts:
        publish.settle(Path(job.out), receipt)
    return made.record


def _prepared(job: Job, progress: Progress, seen: tuple[str, str], *, valued: bool = False) -> Worked:
    from pipeline.stages import prepare as preparing  # as above

    progress("check")
    # What is called ready was decoded, as `check --deep` decodes it.
    case = check(replace(job, deep=True), spared=preparing.decodes)
    _had_room(case.error)
    made, found = preparing.prepare(case, progress), tuple[Outcome, ...]()
    _had_room(made.error)
    if case.kind is Kind.SLIDES:
        from pipeline.stages import embedded

        made, found = embedded.prepare(case, made, progress)
    record = Record(document.outcome(made, job.lang), tuple(document.outcome(one, job.lang) for one in found))
    receipts = tuple(one.receipt for one in (made, *found))
    return Worked(record, receipts, seen, (made, *found) if valued else ())


def journaled_entry(job: Job, progress: Progress, *, valued: bool = False) -> Worked:
    """As `prepare_entry`, with what the journal asks: nothing is settled, and the source is told as it was read.

    With `valued`, the outcomes that the record tells of are there too.
    """
    path, seen = Path(job.path), ("", "")
    # What cannot be read, or is too large to be, says so where it is probed.
    with contextlib.suppress(OSError):
        if path.stat().st_size <= MAX_FILE:
            seen = (file_state(path), journal.content(path))
    return _prepared(job, progress, seen, valued=valued)
