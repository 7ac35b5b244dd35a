"""The work of a worker, one function per verb: a job in, an entry out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.convert.av import mono
from pipeline.convert.av import split as parts
from pipeline.documents import entry as document
from pipeline.documents.spool import Line, line
from pipeline.documents.types import AssetEntry, PlannedAsset, ProbedAsset
from pipeline.engine import journal
from pipeline.engine.cache import rules_of
from pipeline.engine.record import Record, Worked
from pipeline.errors import PreflightError
from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.job import Job
from pipeline.model.results import Finding, Outcome, Part, Report, Status, Step
from pipeline.plots import publish as drawing
from pipeline.probe import probe
from pipeline.rules import plan as planning
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check, problem, role_for, wanted
from pipeline.storage import publish

if TYPE_CHECKING:
    from pipeline.model.job import Progress


def _facts_of(job: Job) -> frozenset[str]:
    """What `probe` measures beyond headers: all that can be drawn, or faces where pictures are decoded anyway."""
    return frozenset({"speech", "faces"} if job.plots else {"faces"} if job.deep else ())


def probe_entry(job: Job, _: Progress) -> ProbedAsset:
    """Facts, no rules."""
    try:
        info = probe(Path(job.path), wanted(job, _facts_of(job)))
        drawing.draw(job, info)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return document.probed(job.path, None, problem(error), job.lang)
    return document.probed(job.path, info, None, job.lang)


def check_entry(job: Job, _: Progress) -> AssetEntry:
    """Facts against rules."""
    return document.report(_checked(job), job.lang)


def _checked(job: Job) -> Report:
    report = check(job)
    try:
        drawing.draw(job, report.facts)
    except (PreflightError, OSError) as error:
        report = replace(report, status=Status.ERROR, error=problem(error))
    return report


def plan_entry(job: Job, _: Progress) -> PlannedAsset:
    """Facts against rules, and what `prepare` would do."""
    return _planned(job, check(job))


def _planned(job: Job, report: Report) -> PlannedAsset:
    steps: tuple[Step, ...] = ()
    blocked: tuple[Finding, ...] = ()
    pieces: tuple[Part, ...] = ()
    if report.facts and report.role:
        role = role_for(job, report.facts.kind)
        if role:
            edits = planning.plan(report.findings, job.at_least, job.allow, report.kind)
            blocked = edits.blocked
            if report.facts.kind is Kind.SLIDES and not blocked:
                from pipeline.stages import embedded

                steps = embedded.steps(embedded.wanted(report.facts, role))
            if not blocked and preparing.converts(edits, role, report.facts):
                module = preparing.converter(report.facts.kind)
                try:
                    edits = parts.laid_out(Path(job.path), report.facts, edits, role)
                    pieces = edits.parts
                    named = preparing.without_names(edits)
                    facts = mono.heard(Path(job.path), report.facts, named, role)
                    steps = (*module.steps(facts, named, role), *steps)
                except PreflightError as error:  # known before anything is started: it cannot be made
                    report = replace(report, status=Status.ERROR, error=problem(error))
    return document.planned(document.report(report, job.lang), pieces, steps, blocked, job.lang)


def check_line(job: Job, _: Progress) -> Line:
    """As `check_entry`, written out, and with what says how long it holds."""
    began, report = time.time_ns(), _checked(job)
    return _lasting(document.report(report, job.lang), job, report.facts, began)


def plan_line(job: Job, _: Progress) -> Line:
    """As `plan_entry`, written out, and with what says how long it holds."""
    began, report = time.time_ns(), check(job)
    return _lasting(_planned(job, report), job, report.facts, began)


def _lasting(entry: AssetEntry, job: Job, facts: MediaInfo | None, began: int) -> Line:
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


def _prepared(job: Job, progress: Progress, seen: tuple[str, str]) -> Worked:
    made, found = preparing.prepare(job, progress), tuple[Outcome, ...]()
    if made.kind is Kind.SLIDES:
        from pipeline.stages import embedded

        made, found = embedded.prepare(job, made, progress)
    record = Record(document.outcome(made, job.lang), tuple(document.outcome(one, job.lang) for one in found))
    return Worked(record, tuple(one.receipt for one in (made, *found)), seen)


def journaled_entry(job: Job, progress: Progress) -> Worked:
    """As `prepare_entry`, with what the journal asks: nothing is settled, and the source is told as it was read."""
    path = Path(job.path)
    try:
        seen = (journal.state(path), journal.content(path))
    except OSError:
        seen = ("", "")  # what cannot be read says so where it is probed
    return _prepared(job, progress, seen)
