"""The work of a worker, one function per verb: a job in, JSON out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pipeline import planning, preparing, presets
from pipeline.checking import Job, check, problem, role_of, wanted
from pipeline.errors import PreflightError
from pipeline.model import Finding, Step
from pipeline.pool import Progress
from pipeline.probe import probe
from pipeline.report import document


def probe_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts, no rules."""
    try:
        info = probe(Path(job.path), wanted(job, frozenset()))
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return {
            "source": document.shown(job.path),
            "facts": {},
            "error": document.error(problem(error), job.lang),
        }
    return {"source": document.shown(job.path), "facts": document.facts(info), "error": None}


def check_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts against rules."""
    return cast(dict[str, Any], document.report(check(job), job.lang))


def plan_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts against rules, and what `prepare` would do."""
    report = check(job)
    entry: dict[str, Any] = document.report(report, job.lang)
    steps: tuple[Step, ...] = ()
    blocked: tuple[Finding, ...] = ()
    if report.facts and report.role:
        role = role_of(presets.load(job.preset), report.facts.kind, job.role)
        if role:
            edits = planning.plan(report.findings, job.at_least, job.allow)
            blocked = edits.blocked
            if not blocked and preparing.converts(edits, role, report.facts):
                module = preparing.converter(report.facts.kind)
                try:
                    steps = module.steps(report.facts, preparing.without_names(edits), role)
                except PreflightError as error:  # known before anything is started: it cannot be made
                    entry |= {"status": "error", "error": document.error(problem(error), job.lang)}
    entry["steps"] = [document.step(step, job.lang) for step in steps]
    entry["blocked"] = [document.finding(finding, job.lang) for finding in blocked]
    return entry


def prepare_entry(job: Job, progress: Progress) -> dict[str, Any]:
    """Repair, prove, digest."""
    return cast(dict[str, Any], document.outcome(preparing.prepare(job, progress), job.lang))
