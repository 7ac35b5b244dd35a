"""The table of `make mutants` names what is there. What it finds out takes too long for the suite."""

from __future__ import annotations

import tomllib
from pathlib import Path

TESTS = Path(__file__).parent
KEPT = tomllib.loads((TESTS / "mutants.toml").read_text("utf-8"))


def test_every_module_has_tests_that_are_there() -> None:
    for module, tests in KEPT["tests"].items():
        assert (TESTS.parent / "pipeline" / module).is_file(), module
        assert tests, module
        assert [name for name in tests if not (TESTS / name).is_file()] == [], module


def test_every_explanation_is_one_of_a_change() -> None:
    for one in KEPT["explained"]:
        assert set(one) == {"module", "was", "becomes", "why"}
        assert one["module"] in KEPT["tests"], one
        assert one["was"] != one["becomes"], one
        assert one["why"].endswith("."), one
    said = [(one["module"], one["was"], one["becomes"]) for one in KEPT["explained"]]
    assert len(said) == len(set(said))
