"""What would be done to one asset, step by step; nothing is written."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pipeline.convert.av import mono
from pipeline.convert.av import split as parts
from pipeline.errors import PreflightError
from pipeline.model.case import Case
from pipeline.model.facts import Kind
from pipeline.model.results import Step
from pipeline.stages import embedded
from pipeline.stages import prepare as preparing
from pipeline.stages.check import problem


def planned(case: Case) -> tuple[Case, tuple[Step, ...]]:
    """The case with the parts of its plan laid out, and what `prepare` would do; or with why that cannot be."""
    source, info, role = Path(case.job.path), case.facts, case.role
    if case.error or info is None or role is None or case.plan.blocked:
        return case, ()
    taken: tuple[Step, ...] = ()
    if case.kind is Kind.SLIDES:
        taken = embedded.steps(case)
    if not preparing.converts(case.plan, role, info):
        return case, taken
    try:
        case = replace(case, plan=parts.laid_out(source, info, case.plan, role))
        edits = preparing.without_names(case.plan)
        return case, (*preparing.converter(info.kind).steps(mono.heard(source, info, edits, role), edits, role), *taken)
    except PreflightError as error:  # known before anything is started: it cannot be made
        return replace(case, error=problem(error)), taken
