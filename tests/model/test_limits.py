"""Limits. The law of all of them: the nearest value is accepted or there is none; what is accepted stays."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.model.facts import Size, Value
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
    st.sampled_from([("Acme",), ("a", "样例")]).map(Without),
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
    assert Without(("Acme", "样例")).accepts("Ac me")
    assert not Without(("Acme", "样例")).accepts("ACME Ltd")
    assert Without(("Acme",)).nearest("acme") is None
    assert Pattern(r"\d+").accepts("12")
    assert not Pattern(r"\d+").accepts("12a")
    assert not Pattern(r"\d+").accepts("12\n")
    assert Pattern(r"\d+").nearest("12a") is None


def test_characters_that_do_not_fit_become_underscores_or_go() -> None:
    assert Characters("A-Za-z0-9_").nearest("my clip") == "my_clip"
    assert Characters("A-Za-z0-9").nearest("my clip") == "myclip"
    assert Characters("a-z").nearest("中文") is None
    assert not Characters("a-z").accepts("")


# --- where each begins and ends, by hand ------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "value", "nearest"),
    [
        # Whole numbers step over an open bound by one, fractions by a thousandth of it.
        (Between(5, None, above=True), 5, 6),
        (Between(5, None, above=True), 4, 6),
        (Between(None, 5, below=True), 5, 4),
        (Between(5, None), 4, 5),
        (Between(None, 5), 6, 5),
        (Between(Fraction(10), None, above=True), Fraction(10), Fraction(1001, 100)),
        (Between(Fraction(10), None, above=True), 3, 11),
        (Between(None, Fraction(5, 2), below=True), 9, Fraction(999, 400)),
        (Between(None, Fraction(5, 2)), 9, Fraction(5, 2)),
        (Between(-10, None, above=True), Fraction(-21, 2), Fraction(-999, 100)),
        (Between(0, None, above=True), 0, 1),
        (Between(0, None, above=True), Fraction(0), None),  # a thousandth of nothing is nothing
        (Between(5, 6, above=True), 5, 6),
        (Between(5, 6, above=True, below=True), 5, None),
        (Between(5, 5), 9, 5),
        # Pictures shrink to even sizes that fit, whichever way up.
        (FitsBox((Size(1920, 1080),)), Size(1921, 1081), Size(1918, 1080)),
        (FitsBox((Size(1920, 1080),)), Size(1081, 1921), Size(1080, 1918)),
        (FitsBox((Size(100, 100),)), Size(5000, 3), Size(100, 2)),
        (FitsBox((Size(100, 100),)), Size(5000, 1), None),  # two pixels would be more than there are
        (FitsBox((Size(100, 100), Size(400, 200))), Size(800, 400), Size(400, 200)),
        (FitsBox((Size(100, 100),)), Size(0, 50), None),
        (FitsBox((Size(100, 100),)), Size(1, 1), Size(1, 1)),
        (FitsBox((Size(100, 100),)), 100, None),
        (AtLeastBox(Size(300, 200)), Size(299, 199), Size(300, 200)),
        (AtLeastBox(Size(300, 200)), Size(400, 199), Size(400, 200)),
        (AtLeastBox(Size(300, 200)), "300x200", None),
        # Of equal shapes the largest that is not above the picture; of none below it, the shape decides.
        (OneSize((Size(640, 360), Size(1280, 720), Size(1920, 1080))), Size(1280, 721), Size(1280, 720)),
        (OneSize((Size(640, 360), Size(1280, 720), Size(1920, 1080))), Size(1279, 900), Size(640, 360)),
        (OneSize((Size(640, 360), Size(360, 640))), Size(300, 301), Size(360, 640)),
        (OneSize((Size(640, 360), Size(360, 640))), Size(301, 300), Size(640, 360)),
        (OneSize((Size(640, 360), Size(400, 400))), Size(640, 400), Size(640, 360)),
        (OneSize((Size(640, 360), Size(400, 400))), Size(640, 600), Size(400, 400)),
        (OneSize((Size(1, 1),)), Size(0, 9), None),
        (OneSize((Size(1, 1),)), Size(1, 9), Size(1, 1)),
        # Shapes are as far apart as the one is a multiple of the other: 1.2 is 1.2 times 1, and 1.5 1.25 times it.
        (Aspect((Fraction(1), Fraction(3, 2))), Fraction(6, 5), Fraction(1)),
        (Aspect((Fraction(1), Fraction(3, 2))), Fraction(5, 4), Fraction(3, 2)),
        (Aspect((Fraction(1),)), Fraction(101, 100), Fraction(101, 100)),
        (Aspect((Fraction(1),)), Fraction(99, 100), Fraction(99, 100)),
        (Aspect((Fraction(1),)), Fraction(1011, 1000), Fraction(1)),
        (Aspect((Fraction(1),)), Fraction(989, 1000), Fraction(1)),
        (Aspect((Fraction(1),)), 0, None),
        (Aspect((Fraction(1),)), Fraction(1, 100), Fraction(1)),
        (Aspect((Fraction(1),)), "1:1", None),
        (OneOf((10, 20)), 15, 10),
        (OneOf((10, 20)), 16, 20),
        (OneOf((10, 20)), "16", 10),
        (OneOf(("a", 20)), 3, 20),
        (OneOf((1, 2)), True, 1),
        (NoneOf((False, True)), True, None),
        (NoneOf((5,)), 5, None),
        (Characters("a-z_"), "a b", "a_b"),
        (Characters("a-z"), "a b", "ab"),
        (Characters("a-z"), 5, None),
        (Pattern("a+"), "aa", "aa"),
        (Pattern("a+"), 5, None),
    ],
)
def test_the_nearest_value_by_hand(limit: Limit, value: Value, nearest: Value | None) -> None:
    found = limit.nearest(value)
    assert found == nearest
    assert type(found) is type(nearest)


@pytest.mark.parametrize(
    ("limit", "accepted", "refused"),
    [
        (FitsBox((Size(4, 2),)), [Size(4, 2), Size(2, 4), Size(1, 1)],
         [Size(5, 1), Size(3, 3), Size(1, 5), Size(0, 1), Size(1, 0), "4x2"]),
        (AtLeastBox(Size(4, 2)), [Size(4, 2), Size(5, 9)], [Size(3, 2), Size(4, 1), Size(2, 4), "4x2"]),
        (OneSize((Size(4, 2),)), [Size(4, 2)], [Size(2, 4), Size(4, 3), "4x2"]),
        (Between(2, 4), [2, 3, 4, Fraction(5, 2)], [1, 5, Fraction(199, 100), Fraction(401, 100), True]),
        (Between(2, 4, above=True), [3, 4, Fraction(201, 100)], [2]),
        (Between(2, 4, below=True), [2, 3, Fraction(399, 100)], [4]),
        (NoneOf((2, "a")), [3, "b", False], [2, "a"]),
        (Characters("a-c"), ["a", "abc"], ["", "abd", "a ", 1]),
        (Pattern("[a-c]+"), ["a", "abc"], ["", "abd", 1]),
    ],
)  # fmt: skip
def test_what_is_accepted_by_hand(limit: Limit, accepted: list[Value], refused: list[Value]) -> None:
    assert [value for value in (*accepted, *refused) if limit.accepts(value)] == accepted


@pytest.mark.parametrize(
    ("limit", "en", "zh"),
    [
        (Between(5, 10, type="seconds"), ">= 5 s and <= 10 s", ">= 5 s 且 <= 10 s"),
        (Between(5, 10, above=True, below=True, type="rate"), "> 5 fps and < 10 fps", "> 5 fps 且 < 10 fps"),
        (Between(None, 1 << 20, type="bytes"), "<= 1 MiB", "<= 1 MiB"),
        (OneOf(("mp4", "mov")), "mp4, mov", "mp4, mov"),
        (OneOf(("video", "audio"), "word"), "video, audio", "视频、音频"),
        (OneOf((True,), "flag"), "yes", "是"),
        (NoneOf((30, 25), "rate"), "anything but 30 fps, 25 fps", "除此之外均可：30 fps, 25 fps"),
        (FitsBox((Size(4, 2), Size(3, 3))), "within 4x2 or 3x3 (either way up)", "4x2 或 3x3 以内（横竖均可）"),
        (AtLeastBox(Size(4, 2)), "at least 4x2", "至少4x2"),
        (OneSize((Size(4, 2), Size(3, 3))), "4x2, 3x3", "4x2, 3x3"),
        (Aspect((Fraction(16, 9), Fraction(1))), "16:9, 1:1", "16:9, 1:1"),
        (Pattern("a+"), "/a+/", "/a+/"),
        (Characters("a-z"), "only [a-z]", "仅限[a-z]"),
    ],
)
def test_limits_are_said_in_both_languages(limit: Limit, en: str, zh: str) -> None:
    assert (limit.describe("en"), limit.describe("zh")) == (en, zh)
    assert limit.describe() == en


def test_without_units_figures_are_exact() -> None:
    ntsc = Fraction(30000, 1001)
    assert Between(5, ntsc, type="rate").describe(units=False) == ">= 5 and <= 30000/1001"
    assert OneOf((ntsc, Fraction(25)), "rate").describe(units=False) == "30000/1001, 25"
    assert NoneOf((ntsc,), "rate").describe("en", units=False) == "anything but 30000/1001"
