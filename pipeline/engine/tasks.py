"""The work of a worker, one function per verb: a job in, JSON out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pipeline.documents import entry as document
from pipeline.documents.spool import Line, line
from pipeline.engine import journal
from pipeline.engine.cache import rules_of
from pipeline.errors import PreflightError
from pipeline.model.facts import MEASURES, Kind
from pipeline.model.job import Job
from pipeline.model.results import Outcome
from pipeline.plots import publish as drawing
from pipeline.probe import probe
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check, problem
from pipeline.storage import publish
from pipeline.storage.digest import file_state

if TYPE_CHECKING:
    from pipeline.model.job import Progress


def _measured(job: Job) -> frozenset[str]:
    """What `probe` measures beyond headers: all that can be drawn, and what decoding tells where that is asked for."""
    return frozenset(
        name for name, one in MEASURES.items() if (job.plots and one.plot) or (job.deep and one.deep != "no")
    )


def probe_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts, no rules."""
    try:
        info = probe(Path(job.path), _measured(job))
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
    case = check(job)
    try:
        drawing.draw(job, case.facts)
    except (PreflightError, OSError) as error:
        case = replace(case, error=problem(error))
    return cast(dict[str, Any], document.report(case.report, job.lang))


def plan_entry(job: Job, _: Progress) -> dict[str, Any]:
    """Facts against rules, and what `prepare` would do."""
    case, steps = preparing.planned(check(job))
    entry: dict[str, Any] = document.report(case.report, job.lang)
    entry["parts"] = document.plain(case.plan.parts)
    entry["steps"] = [document.step(step, job.lang) for step in steps]
    # A file that no role takes is no one's to repair.
    entry["blocked"] = [document.finding(finding, job.lang) for finding in case.plan.blocked if case.role]
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
    progress("check")
    case = check(job)
    made, found = preparing.prepare(case, progress), tuple[Outcome, ...]()
    if case.kind is Kind.SLIDES:
        from pipeline.stages import embedded

        made, found = embedded.prepare(case, made, progress)
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
