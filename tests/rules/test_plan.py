"""From findings to a plan: the least edits, the same whatever the order of the rules."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.model.facts import Kind, MediaInfo, Size, Value
from pipeline.model.limits import AtLeastBox, Between, FitsBox, OneOf
from pipeline.model.results import Plan, Verdict
from pipeline.model.rules import Level, Limit, Rule, Safety
from pipeline.rules.judge import judge
from pipeline.rules.plan import PARTS, plan
from tests import factory


def rate(limit: Limit, name: str = "rate", **more: Any) -> Rule:
    return factory.rule("video.frame_rate", limit, id=name, **more)


def at_most(value: int) -> Between:
    return Between(None, Fraction(value), type="rate")


def at_least(value: int) -> Between:
    return Between(Fraction(value), None, type="rate")


def clip(**stream: Any) -> MediaInfo:
    return factory.video(video=(factory.video_stream(**{"frame_rate": Fraction(60), **stream}),))


def planned(info: MediaInfo, *rules: Rule, at_least: Safety = Safety.LOSSY) -> Plan:
    return plan(judge(info, factory.role(*rules)), at_least)


def values(made: Plan) -> list[Value]:
    return [fix.value for fix in made.fixes]


# --- edits ------------------------------------------------------------------------------------------


def test_a_file_that_complies_needs_nothing() -> None:
    made = planned(clip(), rate(at_most(60)))
    assert made == Plan()
    assert made.empty


def test_what_fails_is_edited_to_the_nearest_accepted_value() -> None:
    (fix,) = planned(clip(), rate(at_most(30))).fixes
    assert (fix.check, fix.stream, fix.actual, fix.value) == ("video.frame_rate", 0, 60, 30)
    assert fix.safety is Safety.LOSSY


def test_two_rules_on_one_value_are_one_edit_that_satisfies_both() -> None:
    assert values(planned(clip(), rate(at_most(50), "a"), rate(at_most(30), "b"))) == [30]
    both = planned(clip(), rate(at_most(50), "a"), rate(OneOf((Fraction(25), Fraction(60)), "rate"), "b"))
    assert values(both) == [25]


def test_a_rule_that_holds_now_holds_afterwards() -> None:
    """The floor passes at 60; an edit below it would trade one error for another."""
    made = planned(clip(), rate(at_most(30), "ceiling"), rate(at_least(25), "floor"))
    assert values(made) == [30]


def test_a_list_and_a_bound_are_satisfied_by_the_entry_that_suits_both() -> None:
    """30 is the entry nearest to 60, 28 is nearest to the bound, and 30 again nearest to 28."""
    listed = rate(OneOf((Fraction(25), Fraction(30)), "rate"), "list")
    assert values(planned(clip(), listed, rate(at_most(28), "bound"))) == [25]


def test_each_stream_has_its_own_edit() -> None:
    streams = tuple(factory.video_stream(index=i, frame_rate=Fraction(r)) for i, r in enumerate((60, 25, 50)))
    made = planned(factory.video(video=streams), rate(at_most(30)))
    assert [(fix.stream, fix.actual, fix.value) for fix in made.fixes] == [(0, 60, 30), (2, 50, 30)]


def test_edits_come_in_the_order_of_checks_and_streams() -> None:
    size = factory.rule("video.size", FitsBox((Size(1280, 720),)), id="z")
    codec = factory.rule("video.codec", OneOf(("hevc",)), id="y")
    made = planned(clip(), size, codec, rate(at_most(30), "x"))
    assert [fix.check for fix in made.fixes] == ["video.codec", "video.frame_rate", "video.size"]


# --- what stands in the way -------------------------------------------------------------------------


def test_contradicting_rules_block_and_say_so() -> None:
    made = planned(clip(), rate(at_most(25), "a"), rate(at_least(30), "b"))
    assert made.fixes == ()
    assert [f.rule.id for f in made.blocked] == ["a"]
    assert made.blocked[0].reason is not None
    assert "contradict" in made.blocked[0].reason.en


def test_what_no_converter_can_do_blocks() -> None:
    long = factory.rule("media.duration", Between(Fraction(60), None, type="seconds"), id="long")
    made = planned(clip(), rate(at_most(30)), long)
    assert [f.rule.id for f in made.blocked] == ["long"]
    assert values(made) == [30]


def test_an_unknown_answer_blocks_unless_allowed() -> None:
    assert [f.verdict for f in planned(clip(frame_rate=None), rate(at_most(30))).blocked] == [Verdict.UNKNOWN]
    assert planned(clip(frame_rate=None), rate(at_most(30), unknown_blocks=False)).empty


@pytest.mark.parametrize(
    "rule",
    [
        factory.rule("video.size", AtLeastBox(Size(3840, 2160))),
        factory.rule("video.size", OneOf((Size(3840, 2160),), "size")),
        factory.rule("video.width", Between(3840, None, type="count")),
        rate(at_least(100)),
        factory.rule("video.bit_depth", Between(10, None, type="count")),
    ],
    ids=lambda rule: f"{rule.check} {rule.limit.describe()}",
)
def test_more_is_never_made_from_less(rule: Rule) -> None:
    made = planned(clip(), rule)
    assert made.fixes == ()
    assert [f.rule.id for f in made.blocked] == [rule.id]


def test_the_least_safety_a_caller_accepts_is_kept() -> None:
    container = factory.rule("container.format", OneOf(("mov",)))
    made = planned(clip(), container, rate(at_most(30)), at_least=Safety.LOSSLESS)
    assert [fix.check for fix in made.fixes] == ["container.format"]
    assert [f.rule.check for f in made.blocked] == ["video.frame_rate"]
    assert made.blocked[0].reason is not None
    assert "--at-least" in made.blocked[0].reason.en
    assert all(fix.safety >= Safety.LOSSLESS for fix in made.fixes)


# --- what is only advised ---------------------------------------------------------------------------


def test_a_warning_alone_changes_nothing_but_is_advised() -> None:
    made = planned(clip(), rate(at_most(30), level=Level.WARNING))
    assert made.fixes == ()
    assert made.blocked == ()
    assert made.empty
    assert [fix.value for fix in made.advised] == [30]


def test_information_advises_nothing() -> None:
    assert planned(clip(), rate(at_most(30), level=Level.INFO)) == Plan()


def test_an_edit_that_is_needed_anyway_satisfies_the_warning_too() -> None:
    made = planned(clip(), rate(at_most(50), "hard"), rate(at_most(30), "soft", level=Level.WARNING))
    assert values(made) == [30]
    assert made.advised == ()


def test_a_warning_that_cannot_be_satisfied_does_not_keep_an_error_from_its_edit() -> None:
    made = planned(clip(), rate(at_most(50), "hard"), rate(at_least(100), "soft", level=Level.WARNING))
    assert values(made) == [30]  # every second frame of 60
    assert made.blocked == ()


def test_advice_never_breaks_a_rule_that_holds() -> None:
    floor = rate(at_least(50), "hard")
    assert planned(clip(), floor, rate(at_most(30), "soft", level=Level.WARNING)).advised == ()


def test_of_warnings_that_contradict_each_other_one_is_heeded() -> None:
    low = rate(at_most(30), "a", level=Level.WARNING)
    high = rate(at_least(100), "b", level=Level.WARNING)
    assert [fix.value for fix in planned(clip(), low, high).advised] == [30]


def test_advice_keeps_to_the_safety_that_is_accepted() -> None:
    soft = rate(at_most(30), level=Level.WARNING)
    assert planned(clip(), soft, at_least=Safety.LOSSLESS).advised == ()


# --- the law ----------------------------------------------------------------------------------------

rates = st.integers(1, 120).map(Fraction)
rate_limits: st.SearchStrategy[Limit] = st.one_of(
    rates.map(lambda r: Between(None, r, type="rate")),
    rates.map(lambda r: Between(r, None, type="rate")),
    rates.map(lambda r: Between(None, r, below=True, type="rate")),
    st.lists(rates, min_size=1, max_size=3).map(lambda v: OneOf(tuple(v), "rate")),
)
size_limits = st.lists(st.builds(Size, st.integers(100, 4000), st.integers(100, 4000)), min_size=1, max_size=2).map(
    lambda v: FitsBox(tuple(v))
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    rate_rules = draw(st.lists(rate_limits, max_size=4))
    size_rules = draw(st.lists(size_limits, max_size=2))
    rules = [
        *(rate(limit, f"rate.{n}") for n, limit in enumerate(rate_rules)),
        *(factory.rule("video.size", limit, id=f"size.{n}") for n, limit in enumerate(size_rules)),
        factory.rule("container.format", OneOf(("mov", "mp4")), id="container"),
    ]
    levels = st.sampled_from(list(Level))
    return [replace(rule, level=draw(levels)) for rule in rules]


@given(rule_sets(), st.data())
def test_a_plan_does_not_depend_on_the_order_of_the_rules(rules: list[Rule], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rules))
    safety = data.draw(st.sampled_from([Safety.LOSSY, Safety.LOSSLESS]))
    assert planned(clip(), *rules, at_least=safety) == planned(clip(), *shuffled, at_least=safety)


@given(rule_sets())
def test_every_edit_satisfies_every_error_about_its_value(rules: list[Rule]) -> None:
    made = planned(clip(), *rules)
    for fix in (*made.fixes, *made.advised):
        for rule in rules:
            if rule.check == fix.check and rule.level is Level.ERROR:
                assert rule.limit.accepts(fix.value), rule.id


@given(rule_sets())
def test_each_failing_error_is_edited_or_blocked_never_both(rules: list[Rule]) -> None:
    made = planned(clip(), *rules)
    edited, blocked = {fix.check for fix in made.fixes}, {f.rule.check for f in made.blocked}
    failing = {f.rule.check for f in judge(clip(), factory.role(*rules)) if f.blocks}
    assert edited | blocked == failing
    assert not edited & blocked


@given(st.lists(rates, min_size=1, max_size=4))
def test_bounds_that_leave_something_never_contradict(bounds: list[Fraction]) -> None:
    rules = [rate(Between(None, bound, type="rate"), str(n)) for n, bound in enumerate(bounds)]
    made = planned(clip(), *rules)
    assert made.blocked == ()
    edited = values(made)
    assert bool(edited) is (min(bounds) < 60)
    for value in edited:
        assert isinstance(value, int | Fraction)
        assert value <= min(bounds)
        assert value == min(bounds) or (60 / Fraction(value)).denominator == 1


# --- what is done on request only -------------------------------------------------------------------

AT_MOST_5 = factory.rule("media.duration", Between(None, Fraction(5), type="seconds"), id="short")
TRIM = frozenset({"media.duration"})
SPLIT = frozenset({PARTS})


def asked(info: MediaInfo, *rules: Rule, allow: frozenset[str] = frozenset(), kind: Kind | None = None) -> Plan:
    return plan(judge(info, factory.role(*rules)), allow=allow, kind=kind)


def test_a_recording_that_is_too_long_is_cut_or_split_only_where_that_was_asked_for() -> None:
    refused = asked(clip(), AT_MOST_5)
    assert (refused.fixes, [f.rule.id for f in refused.blocked], refused.split) == ((), ["short"], False)
    assert refused.blocked[0].reason is not None
    assert "--trim" in refused.blocked[0].reason.en
    cut = asked(clip(), AT_MOST_5, allow=TRIM)
    assert (values(cut), cut.blocked, cut.split, cut.allowed) == ([5], (), False, TRIM)
    parted = asked(clip(), AT_MOST_5, allow=SPLIT, kind=Kind.VIDEO)
    assert (values(parted), parted.blocked, parted.split) == ([5], (), True)
    assert parted.allowed == {*SPLIT, "media.duration"}
    # Sound is not split, and what is short enough is in one piece.
    spoken = asked(factory.audio(), AT_MOST_5, allow=SPLIT, kind=Kind.AUDIO)
    assert (spoken.fixes, len(spoken.blocked), spoken.split) == ((), 1, False)
    assert not asked(clip(duration=Fraction(4)), rate(at_most(30)), allow=SPLIT, kind=Kind.VIDEO).split
    assert not asked(clip(), AT_MOST_5, allow=TRIM, kind=Kind.VIDEO).split


def test_what_only_advice_wants_on_request_is_done_on_request_and_never_blocks() -> None:
    soft = replace(AT_MOST_5, level=Level.WARNING)
    unasked = asked(clip(), soft)
    assert (unasked.fixes, unasked.advised, unasked.blocked) == ((), (), ())
    wanted = asked(clip(), soft, allow=TRIM)
    assert (values(wanted), wanted.advised, wanted.blocked) == ([5], (), ())


def test_a_picture_grows_on_request_only() -> None:
    large = factory.rule("image.size", AtLeastBox(Size(3000, 2000)), id="large")
    refused = asked(factory.image(), large)
    assert (refused.fixes, [f.rule.id for f in refused.blocked]) == ((), ["large"])
    grown = asked(factory.image(), large, allow=frozenset({"image.enlarge"}))
    (fix,) = grown.fixes
    assert isinstance(fix.value, Size)
    assert fix.value.width >= 3000
    assert fix.value.height >= 2000
    small = factory.rule("image.size", FitsBox((Size(960, 540),)), id="small")
    assert values(asked(factory.image(), small)) == [Size(960, 540)]  # to shrink it need not be asked for


# --- order, and what is in the way ------------------------------------------------------------------


def test_what_is_in_the_way_is_told_by_rule_and_stream() -> None:
    streams = tuple(factory.video_stream(index=i, frame_rate=None) for i in (3, 1, 2))
    made = planned(factory.video(video=streams), rate(at_most(30), "b"), rate(at_most(60), "a"))
    assert [(f.rule.id, f.stream) for f in made.blocked] == [(i, n) for i in "ab" for n in (1, 2, 3)]


def test_edits_of_one_check_come_in_the_order_of_streams() -> None:
    streams = tuple(factory.video_stream(index=i, frame_rate=Fraction(60)) for i in (3, 0, 2))
    assert [fix.stream for fix in planned(factory.video(video=streams), rate(at_most(30))).fixes] == [0, 2, 3]


def test_of_two_edits_that_suit_all_the_nearer_is_made() -> None:
    """From 60 the first rule proposes 50 and the second 25; both suit both."""
    listed = rate(OneOf((Fraction(50), Fraction(25)), "rate"), "a")
    low = rate(OneOf((Fraction(25), Fraction(50)), "rate"), "b")
    assert values(planned(clip(), listed, low)) == [50]
    assert values(planned(clip(), low, rate(at_most(40), "c"))) == [25]


def test_a_contradiction_blocks_every_error_in_it_and_no_warning() -> None:
    low, high = rate(at_most(25), "a"), rate(at_most(20), "b")
    floor, soft = rate(at_least(30), "c"), rate(at_most(24), "d", level=Level.WARNING)
    made = planned(clip(), soft, high, low, floor)
    assert [f.rule.id for f in made.blocked] == ["a", "b"]
    assert all(f.fix is None for f in made.blocked)
    assert made.advised == ()


def test_an_error_without_a_remedy_leaves_its_value_alone() -> None:
    """30 would satisfy the first rule; the second, about the same value, can't be satisfied at all."""
    made = planned(clip(), rate(at_most(30), "a"), rate(at_least(100), "b"))
    assert made.fixes == ()
    assert [f.rule.id for f in made.blocked] == ["b"]


def test_lossless_edits_go_where_only_those_are_accepted() -> None:
    container = factory.rule("container.format", OneOf(("mov",)), level=Level.WARNING)
    assert [fix.value for fix in planned(clip(), container, at_least=Safety.LOSSLESS).advised] == ["mov"]
