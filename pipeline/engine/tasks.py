"""The work of a worker, one function per verb: a job in, JSON out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pipeline.convert.av import mono
from pipeline.convert.av import split as parts
from pipeline.documents import entry as document
from pipeline.documents.spool import Line, line
from pipeline.engine import journal
from pipeline.engine.cache import rules_of
from pipeline.errors import PreflightError
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.results import Finding, Outcome, Status, Step
from pipeline.plots import publish as drawing
from pipeline.probe import probe
from pipeline.rules import plan as planning
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check, problem, role_for, wanted
from pipeline.storage import publish
from pipeline.storage.digest import file_state

if TYPE_CHECKING:
    from pipeline.model.job import Progress


def _facts_of(job: Job) -> frozenset[str]:
    """What `probe` measures beyond headers: all that can be drawn, or faces where pictures are decoded anyway."""
    return frozenset({"speech", "faces"} if job.plots else {"faces"} if job.deep else ())


def probe_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts, no rules."""
    try:
        info = probe(Path(job.path), wanted(job, _facts_of(job)))
        drawing.draw(job, info)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return {
            "source": document.shown(job.path),
            "facts": {},
            "error": document.error(problem(error), job.lang),
        }
    return {"source": document.shown(job.path), "facts": document.facts(info), "error": None}


def check_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts against rules."""
    report = check(job)
    try:
        drawing.draw(job, report.facts)
    except (PreflightError, OSError) as error:
        report = replace(report, status=Status.ERROR, error=problem(error))
    return cast(dict[str, Any], document.report(report, job.lang))


def plan_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts against rules, and what `prepare` would do."""
    report = check(job)
    entry: dict[str, Any] = document.report(report, job.lang)
    entry["parts"] = []
    steps: tuple[Step, ...] = ()
    blocked: tuple[Finding, ...] = ()
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
                    entry["parts"] = document.plain(edits.parts)
                    named = preparing.without_names(edits)
                    facts = mono.heard(Path(job.path), report.facts, named, role)
                    steps = (*module.steps(facts, named, role), *steps)
                except PreflightError as error:  # known before anything is started: it cannot be made
                    entry |= {"status": "error", "error": document.error(problem(error), job.lang)}
    entry["steps"] = [document.step(step, job.lang) for step in steps]
    entry["blocked"] = [document.finding(finding, job.lang) for finding in blocked]
    return entry


def check_line(job: Job, progress: Progress) -> Line:
    """As `check_entry`, written out, and with what says how long it holds."""
    return _lasting(check_entry, job, progress)


def plan_line(job: Job, progress: Progress) -> Line:
    """As `plan_entry`, written out, and with what says how long it holds."""
    return _lasting(plan_entry, job, progress)


def _lasting(function: Callable[[Job, Progress], dict[str, Any]], job: Job, progress: Progress) -> Line:
    began = time.time_ns()
    entry = function(job, progress)
    facts = entry["facts"]
    # A moving picture is what the roles of the preset will have it, and what a deck holds has roles of its own.
    several = "gif" in (facts.get("container"), facts.get("image", {}).get("format")) or "slides" in facts
    rules = rules_of(job.preset, None if several or entry["error"] else entry["kind"], job.role)
    return line(entry)._replace(rules=rules, began=began)


JUDGING: Final = {"check": check_line, "plan": plan_line}


def prepare_entry(job: Job, progress: Progress) -> dict[str, Any]:
    """Repair, prove, digest; for callers who keep no journal."""
    entry = _prepared(job, progress)
    for one in (entry, *entry.get("found", ())):
        publish.settle(Path(job.out), one.pop("receipt"))
    return entry


def _prepared(job: Job, progress: Progress) -> dict[str, Any]:
    """The entry of an asset and, where something was found inside it, `found`: entries of those; with receipts."""
    made, found = preparing.prepare(job, progress), tuple[Outcome, ...]()
    if made.kind is Kind.SLIDES:
        from pipeline.stages import embedded

        made, found = embedded.prepare(job, made, progress)
    told = [document.outcome(one, job.lang) | {"receipt": one.receipt} for one in (made, *found)]
    entry = cast(dict[str, Any], told[0])
    return entry | {"found": told[1:]} if found else entry


def journaled_entry(job: Job, progress: Progress) -> dict[str, Any]:
    """As `prepare_entry`, with `seen` and `receipt` for the journal, which `pipeline.engine.batch` takes out again."""
    path = Path(job.path)
    try:
        seen = (file_state(path), journal.content(path))
    except OSError:
        seen = ("", "")  # what cannot be read says so where it is probed
    return _prepared(job, progress) | {"seen": seen}
