"""A platform that nothing here knows is one TOML file and its cases: no line of Python names it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.results import Verdict
from pipeline.model.rules import Role
from pipeline.rules import presets
from pipeline.rules.judge import judge
from tests import ROOT
from tests.rules.test_cases import each_of, info, laid

FOLDER = Path(__file__).parent / "third"
CASES = tomllib.loads((FOLDER / "cases.toml").read_text(encoding="utf-8"))


def role() -> Role:
    (found,) = presets.load(str(FOLDER / "photo.toml")).roles
    return found


@pytest.mark.parametrize("line", CASES["lines"], ids=lambda line: line["rule"])
def test_its_rules_accept_and_refuse(line: dict[str, Any]) -> None:
    for change, wanted in (("accepts", Verdict.PASS), ("refuses", Verdict.FAIL)):
        for each in each_of(line[change]):
            found = judge(info(laid(CASES["good"], each)), role())
            assert {f.verdict for f in found if f.rule.id == line["rule"]} == {wanted}, each


def test_every_rule_has_a_case_and_good_facts_pass_all() -> None:
    assert {rule.id for rule in role().rules} == {line["rule"] for line in CASES["lines"]}
    assert {f.verdict for f in judge(info(CASES["good"]), role())} == {Verdict.PASS}


def test_no_code_names_it() -> None:
    code = (path.read_text(encoding="utf-8").lower() for path in (ROOT / "pipeline").rglob("*.py"))
    assert not any("zego" in text for text in code)
