"""Limits. The law of all of them: the nearest value is accepted or there is none; what is accepted stays."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.model.facts import Size, Value
from pipeline.model.limits import Aspect, AtLeastBox, Between, Characters, FitsBox, NoneOf, OneOf, OneSize, Pattern
from pipeline.model.rules import Limit

sizes = st.builds(Size, st.integers(1, 9000), st.integers(1, 9000))
numbers: st.SearchStrategy[int | Fraction] = st.one_of(
    st.integers(-(10**6), 10**12), st.fractions(min_value=-100, max_value=10**6, max_denominator=1001)
)
words = st.text(max_size=12)
values: st.SearchStrategy[Value] = st.one_of(words, st.booleans(), numbers, sizes, st.just(Size(0, 0)))
alike = st.one_of(
    st.lists(words.filter(str.strip), min_size=1, max_size=4),
    st.lists(numbers, min_size=1, max_size=4),
    st.lists(sizes, min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=1, max_size=2),
)


@st.composite
def betweens(draw: st.DrawFn) -> Between:
    low, high = draw(st.one_of(st.none(), numbers)), draw(st.one_of(st.none(), numbers))
    assume(low is not None or high is not None)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Between(low, high, above=draw(st.booleans()), below=draw(st.booleans()))


limits: st.SearchStrategy[Limit] = st.one_of(
    alike.map(lambda v: OneOf(tuple(v))),
    alike.map(lambda v: NoneOf(tuple(v))),
    betweens(),
    st.lists(sizes, min_size=1, max_size=3).map(lambda v: FitsBox(tuple(v))),
    sizes.map(AtLeastBox),
    st.lists(sizes, min_size=1, max_size=4).map(lambda v: OneSize(tuple(v))),
    st.lists(st.fractions(min_value=Fraction(1, 10), max_value=10, max_denominator=32), min_size=1, max_size=3).map(
        lambda v: Aspect(tuple(v))
    ),
    st.sampled_from(["[a-z]+", r"\d{1,3}\.wav", ".*"]).map(Pattern),
    st.sampled_from(["a-z", "A-Za-z0-9_", "^<>", r"\w"]).map(Characters),
)


@given(limits, values)
def test_the_nearest_value_is_accepted_or_there_is_none(limit: Limit, value: Value) -> None:
    nearest = limit.nearest(value)
    assert nearest is None or limit.accepts(nearest)


@given(limits, values)
def test_an_accepted_value_is_its_own_nearest(limit: Limit, value: Value) -> None:
    if limit.accepts(value):
        assert limit.nearest(value) == value
    nearest = limit.nearest(value)
    if nearest is not None:
        assert limit.nearest(nearest) == nearest


@given(limits)
def test_every_limit_can_be_said_compared_and_sent_to_a_worker(limit: Limit) -> None:
    assert limit.describe("en").strip()
    assert limit.describe("zh").strip()
    assert pickle.loads(pickle.dumps(limit)) == limit  # noqa: S301  our own bytes


# --- lists ------------------------------------------------------------------------------------------


def test_the_first_word_of_a_list_is_what_a_repair_makes() -> None:
    assert OneOf(("mp4", "mov")).nearest("avi") == "mp4"


def test_of_numbers_the_list_gives_the_nearest_and_of_two_the_smaller() -> None:
    assert OneOf((Fraction(50), Fraction(25))).nearest(Fraction(30)) == 25
    assert OneOf((48_000, 16_000)).nearest(32_000) == 16_000


def test_true_is_not_one() -> None:
    assert not OneOf((1,)).accepts(True)
    assert not OneOf((True,)).accepts(1)
    assert OneOf((True,)).nearest(False) is True


def test_nothing_replaces_a_forbidden_word() -> None:
    assert NoneOf(("vp9",)).accepts("h264")
    assert NoneOf(("vp9",)).nearest("vp9") is None
    assert NoneOf((True,)).nearest(True) is False


# --- bounds -----------------------------------------------------------------------------------------


def test_bounds_include_themselves() -> None:
    limit = Between(5, 10)
    assert [n for n in range(3, 13) if limit.accepts(n)] == [5, 6, 7, 8, 9, 10]
    assert (limit.nearest(3), limit.nearest(99)) == (5, 10)


def test_exclusive_bounds_do_not() -> None:
    limit = Between(5, 10, above=True, below=True)
    assert [n for n in range(3, 13) if limit.accepts(n)] == [6, 7, 8, 9]
    assert (limit.nearest(5), limit.nearest(10)) == (6, 9)


@given(st.fractions(min_value=1, max_value=1000), st.fractions(min_value=0, max_value=2000))
def test_below_an_exclusive_bound_is_a_thousandth_inside(bound: Fraction, value: Fraction) -> None:
    nearest = Between(None, bound, below=True).nearest(value)
    assert nearest == (value if value < bound else bound * Fraction(999, 1000))


def test_between_two_bounds_with_nothing_between_there_is_no_nearest() -> None:
    assert Between(5, 6, above=True, below=True).nearest(9) is None


@pytest.mark.parametrize("value", ["30", True, Size(30, 30)])
def test_only_numbers_are_between(value: Value) -> None:
    assert not Between(1, 60).accepts(value)
    assert Between(1, 60).nearest(value) is None


# --- picture sizes ----------------------------------------------------------------------------------


@given(st.lists(sizes, min_size=1, max_size=3), sizes)
def test_fitting_never_enlarges_and_keeps_the_aspect_within_rounding(boxes: list[Size], size: Size) -> None:
    limit = FitsBox(tuple(boxes))
    fitted = limit.nearest(size)
    if not isinstance(fitted, Size) or fitted == size:
        return
    assert fitted.width <= size.width
    assert fitted.height <= size.height
    assert not fitted.width % 2
    assert not fitted.height % 2
    # Some scale turns the picture into the fitted one with less than two pixels lost a side (but a side
    # of two stays two).
    scales = [
        min(Fraction(box[a], size.width), Fraction(box[b], size.height)) for box in boxes for a, b in ((0, 1), (1, 0))
    ]
    assert any(
        all(0 <= side * scale - now < 2 or now == 2 for side, now in zip(size, fitted, strict=True)) for scale in scales
    )


@given(sizes, sizes)
def test_a_box_holds_either_way_up(box: Size, size: Size) -> None:
    limit = FitsBox((box,))
    assert limit.accepts(size) == limit.accepts(Size(size.height, size.width))


def test_4k_fits_1080p_as_1080p() -> None:
    limit = FitsBox((Size(1920, 1080),))
    assert limit.nearest(Size(3840, 2160)) == Size(1920, 1080)
    assert limit.nearest(Size(2160, 3840)) == Size(1080, 1920)
    assert limit.nearest(Size(1080, 1080)) == Size(1080, 1080)


def test_a_line_one_pixel_wide_cannot_be_shrunk_to_an_even_size() -> None:
    assert FitsBox((Size(1920, 1080),)).nearest(Size(1, 5000)) is None


def test_at_least_raises_the_side_that_is_too_short() -> None:
    assert AtLeastBox(Size(300, 300)).nearest(Size(200, 500)) == Size(300, 500)


def test_of_exact_sizes_the_nearest_keeps_the_shape_and_does_not_enlarge() -> None:
    limit = OneSize((Size(1920, 1080), Size(1080, 1920), Size(3840, 2160), Size(2160, 3840)))
    assert limit.nearest(Size(2560, 1440)) == Size(1920, 1080)
    assert limit.nearest(Size(1440, 2560)) == Size(1080, 1920)
    assert limit.nearest(Size(4096, 2304)) == Size(3840, 2160)


def test_an_aspect_has_room_for_rounding_and_no_more() -> None:
    limit = Aspect((Fraction(16, 9),))
    assert limit.accepts(Fraction(1366, 768))
    assert not limit.accepts(Fraction(16, 10))
    assert limit.nearest(Fraction(4, 3)) == Fraction(16, 9)


# --- text -------------------------------------------------------------------------------------------


def test_a_pattern_matches_from_end_to_end() -> None:
    assert Pattern(r"\d+").accepts("12")
    assert not Pattern(r"\d+").accepts("12a")
    assert not Pattern(r"\d+").accepts("12\n")
    assert Pattern(r"\d+").nearest("12a") is None


def test_characters_that_do_not_fit_become_underscores_or_go() -> None:
    assert Characters("A-Za-z0-9_").nearest("my clip") == "my_clip"
    assert Characters("A-Za-z0-9").nearest("my clip") == "myclip"
    assert Characters("a-z").nearest("中文") is None
    assert not Characters("a-z").accepts("")
