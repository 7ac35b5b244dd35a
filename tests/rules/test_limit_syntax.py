"""A limit as a preset writes it, as the limit that it means; and every way of writing none."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from pipeline.checks import CHECKS
from pipeline.errors import PresetError
from pipeline.model.facts import Size, Text
from pipeline.model.limits import (
    Aspect,
    AtLeastBox,
    Between,
    Characters,
    FitsBox,
    NoneOf,
    OneOf,
    OneSize,
    Pattern,
    Without,
)
from pipeline.model.rules import Limit
from pipeline.rules.limit_syntax import Place, limit

PLACE = Place("mine.toml", "[[rule]] 3")


@pytest.mark.parametrize(
    ("check", "table", "means"),
    [
        ("video.frame_rate", {"min": 10, "max": 30}, Between(Fraction(10), Fraction(30), type="rate")),
        ("video.frame_rate", {"min": 30, "max": 30}, Between(Fraction(30), Fraction(30), type="rate")),
        ("video.frame_rate", {"above": 10}, Between(Fraction(10), None, above=True, type="rate")),
        ("video.frame_rate", {"below": "30 fps"}, Between(None, Fraction(30), below=True, type="rate")),
        ("video.frame_rate", {"above": 1, "max": 2}, Between(Fraction(1), Fraction(2), above=True, type="rate")),
        ("video.frame_rate", {"in": [25, "30000/1001"]}, OneOf((Fraction(25), Fraction(30000, 1001)), "rate")),
        ("video.frame_rate", {"not_in": [25]}, NoneOf((Fraction(25),), "rate")),
        ("file.name", {"without": ["Acme"]}, Without(("Acme",))),
        ("video.codec", {"is": "h264"}, OneOf(("h264",), CHECKS["video.codec"].type)),
        ("video.size", {"fits": "1920x1080"}, FitsBox((Size(1920, 1080),))),
        ("video.size", {"fits": ["4x2", "3x3"]}, FitsBox((Size(4, 2), Size(3, 3)))),
        ("video.size", {"at_least": "4x2"}, AtLeastBox(Size(4, 2))),
        ("video.size", {"sizes": ["4x2", "3x3"]}, OneSize((Size(4, 2), Size(3, 3)))),
        ("image.aspect", {"aspect": ["16:9", "1:1"]}, Aspect((Fraction(16, 9), Fraction(1)))),
        ("file.name", {"matches": "[a-z]+"}, Pattern("[a-z]+")),
        ("file.name", {"characters": "a-z"}, Characters("a-z")),
        ("file.size", {"max": 1000}, Between(None, 1000, type="bytes")),
    ],
)
def test_the_key_that_is_there_chooses_the_limit(check: str, table: dict[str, Any], means: Limit) -> None:
    assert limit(PLACE, table, CHECKS[check]) == means
    assert limit(PLACE, {**table, "id": "x", "level": "error"}, CHECKS[check]) == means


def test_a_size_without_a_base_is_read_both_ways() -> None:
    table = {"min": "1 MB", "below": "1 GB"}
    read = [limit(PLACE, table, CHECKS["file.size"], reading) for reading in (0, 1)]
    assert read == [
        Between(10**6, 10**9, below=True, type="bytes"),
        Between(1 << 20, 1 << 30, below=True, type="bytes"),
    ]
    assert limit(PLACE, table, CHECKS["file.size"]) == read[1]


@pytest.mark.parametrize(
    ("check", "table", "said"),
    [
        (
            "video.codec",
            {},
            "exactly one limit is needed, of above, aspect, at_least, below, characters, fits, in, is,",
        ),
        ("video.codec", {"is": "h264", "in": ["h264"]}, "exactly one limit is needed"),
        ("video.frame_rate", {"max": 30, "is": 30}, "exactly one limit is needed"),
        ("video.frame_rate", {"min": 1, "above": 1}, "min with above, or max with below, contradict"),
        ("video.frame_rate", {"max": 1, "below": 1}, "min with above, or max with below, contradict"),
        ("video.frame_rate", {"min": 31, "max": 30}, "the lower bound is above the upper one"),
        ("file.size", {"min": "2 MB", "max": "1 MB"}, "the lower bound is above the upper one"),
        ("file.size", {"max": "1 parsec"}, "max: unit 'parsec' is not one of"),
        ("video.frame_rate", {"below": "fast"}, "below: 'fast' is not a number with a unit"),
        ("video.frame_rate", {"in": []}, "in needs a list with something in it"),
        ("video.frame_rate", {"in": 30}, "in needs a list with something in it"),
        ("video.frame_rate", {"not_in": ["x"]}, "not_in: 'x' is not"),
        ("video.size", {"fits": "large"}, "fits: 'large' is not a size"),
        ("file.name", {"matches": "["}, "matches: "),
        ("file.name", {"characters": "z-a"}, "characters: "),
        ("file.name", {"characters": 5}, "characters: 5 is not text"),
    ],
)
def test_what_means_no_limit_is_refused_with_its_place(check: str, table: dict[str, Any], said: str) -> None:
    with pytest.raises(PresetError) as found:
        limit(PLACE, table, CHECKS[check])
    assert found.value.text.en.startswith(f"mine.toml: [[rule]] 3: {said}")
    assert found.value.text.zh.startswith("mine.toml：[[rule]] 3：")


def test_a_place_gives_what_was_asked_for_or_says_what_is_wrong() -> None:
    assert PLACE.need({"a": 0}, "a") == 0
    assert PLACE.text({"en": "a", "zh": "b"}, "title") == Text("a", "b")
    assert PLACE.array(["a"], "in") == ["a"]
    assert PLACE.word("a", "level", ["a", "b"]) == "a"
    PLACE.keys({"a": 1}, ["a", "b"])
    for wrong in (
        lambda: PLACE.need({"a": 0}, "b"),
        lambda: PLACE.text({"en": "a"}, "title"),
        lambda: PLACE.text({"en": "a", "zh": 1}, "title"),
        lambda: PLACE.text({"en": 1, "zh": "b"}, "title"),
        lambda: PLACE.text({"en": "a", "zh": "b", "de": "c"}, "title"),
        lambda: PLACE.text("a", "title"),
        lambda: PLACE.array("a", "in"),
        lambda: PLACE.array([], "in"),
        lambda: PLACE.word("c", "level", ["a", "b"]),
        lambda: PLACE.word(["a"], "level", ["a", "b"]),
        lambda: PLACE.keys({"a": 1, "c": 1}, ["a", "b"]),
    ):
        with pytest.raises(PresetError, match=r"^mine\.toml: \[\[rule\]\] 3: "):
            wrong()


def test_a_word_that_is_nearly_right_is_told_the_right_one() -> None:
    with pytest.raises(PresetError, match=r"unknown level 'eror'\..*error"):
        PLACE.word("eror", "level", ["error", "warning"])
    with pytest.raises(PresetError, match=r"unknown key 'levle'\..*level"):
        PLACE.keys({"levle": 1}, ["level", "check"])
