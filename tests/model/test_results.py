"""What is said about a file is said once: no value can be changed, or be filled by the order of its fields."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from msgspec import StructMeta

from pipeline.model import results
from pipeline.model.facts import Kind, Text
from pipeline.model.limits import OneOf
from pipeline.model.results import (
    Category,
    Finding,
    Fix,
    Made,
    Outcome,
    Output,
    Part,
    Plan,
    Problem,
    Proof,
    Report,
    Status,
    Step,
    Verdict,
)
from pipeline.model.rules import Level, Safety
from tests import factory

NAMES = [
    name
    for name, value in vars(results).items()
    if isinstance(value, StructMeta) and value.__module__ == results.__name__
]


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_frozen_and_named(name: str) -> None:
    kind = getattr(results, name)
    with pytest.raises(TypeError):  # by the order of its fields
        kind(*kind.__struct_fields__)
    made = kind(**dict.fromkeys(kind.__struct_fields__))
    for field in kind.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(made, field, None)
    assert not hasattr(made, "__dict__")  # a misspelt field has nowhere to go


def test_all_of_them_are_looked_at() -> None:
    here = (Fix, Finding, Problem, Report, Part, Plan, Step, Made, Output, Proof, Outcome)
    assert sorted(NAMES) == sorted(one.__name__ for one in here)


def test_the_words_of_documents_are_these() -> None:
    """As docs/json.md prints them."""
    assert [v.value for v in Verdict] == ["pass", "fail", "unknown"]
    assert [s.value for s in Status] == ["pass", "fixable", "blocked", "error", "ready", "fixed", "failed"]
    assert [c.value for c in Category] == ["MAIN", "COVER", "PAGE", "OTHER"]


@pytest.mark.parametrize(("level", "verdict", "unknown_blocks"), [*product(Level, Verdict, (True, False))])
def test_only_errors_block_by_failing_or_by_not_being_known(
    level: Level, verdict: Verdict, unknown_blocks: bool
) -> None:
    rule = factory.rule("video.codec", OneOf(("h264",)), level=level, unknown_blocks=unknown_blocks)
    blocking = {
        (Level.ERROR, Verdict.FAIL, True),
        (Level.ERROR, Verdict.FAIL, False),
        (Level.ERROR, Verdict.UNKNOWN, True),
    }
    assert Finding(rule=rule, verdict=verdict, actual=None).blocks is ((level, verdict, unknown_blocks) in blocking)


def test_a_plan_is_empty_without_edits_and_obstacles() -> None:
    fix = Fix(check="video.codec", stream=0, actual="vp9", value="h264", safety=Safety.LOSSY)
    finding = Finding(rule=factory.rule("video.codec", OneOf(("h264",))), verdict=Verdict.FAIL, actual="vp9")
    assert Plan().empty
    assert Plan(advised=(fix,)).empty  # taken along, never done on its own account
    assert not Plan(fixes=(fix,)).empty
    assert not Plan(blocked=(finding,)).empty
    assert not Plan(fixes=(fix,), blocked=(finding,)).empty


def test_what_is_not_said_is_not_the_case() -> None:
    plan = Plan()
    assert (plan.fixes, plan.advised, plan.blocked, plan.parts, plan.allowed) == ((), (), (), (), frozenset())
    assert (plan.split, plan.slack) == (False, 0)
    outcome = Outcome(source="a", source_md5=None, kind=Kind.VIDEO, role=None, status=Status.READY)
    assert (outcome.seconds, outcome.outputs, outcome.proof, outcome.receipt) == (0.0, (), (), "")
    part = Part(number=1, of=2)
    assert (part.start, part.length, part.frames) == (None, None, None)
    assert (part.recut, part.label, part.alone) == (False, "", False)
    assert Part(number=1, of=1).alone
    assert not Part(number=1, of=1, label="page 1").alone
    assert Made(path="a").category is Category.MAIN
    assert Step(does=Text.same("x")).command == ()
    assert Fraction(outcome.seconds) == 0
