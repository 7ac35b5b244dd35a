"""The table of measured blocks: every name in it leads somewhere, and every check asks for what is in it."""

from __future__ import annotations

import inspect
from pathlib import Path
from pkgutil import resolve_name

import pytest

from pipeline.checks import CHECKS
from pipeline.model.ceilings import PREPARE
from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.measures import MEASURES, Measure
from pipeline.rules import presets

FACTS = set(MediaInfo.__struct_fields__)


@pytest.mark.parametrize("one", MEASURES.values(), ids=MEASURES)
def test_a_line_of_the_table_leads_somewhere(one: Measure) -> None:
    assert list(inspect.signature(resolve_name(one.reader)).parameters) == ["path", "info"]
    assert one.needs
    assert set(one.needs) <= FACTS
    assert one.block(MediaInfo(name="a", kind=Kind.UNKNOWN, size=0, extension="")) is None
    assert one.unknown.en != one.unknown.zh
    assert (0, 0) < one.patience <= PREPARE
    if one.plot:
        assert list(inspect.signature(resolve_name(one.plot.draw)).parameters) == ["path", "info", "target"]
        assert one.plot.shows in FACTS
    if one.delivers:
        assert one.delivers[0] in presets.DELIVER


def test_checks_ask_for_what_is_in_the_table() -> None:
    assert {need for check in CHECKS.values() for need in check.needs} == set(MEASURES)


def test_what_a_file_has_nothing_of_is_not_measured(tmp_path: Path) -> None:
    from pipeline.probe import measure

    text = MediaInfo(name="a.txt", kind=Kind.TEXT, size=0, extension="txt")
    assert measure(tmp_path / "none.txt", text, frozenset(MEASURES)) is text
