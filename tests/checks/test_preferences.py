"""Which of several values suits a picture best: worked out by hand, rules stood in for by what they take."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.checks import preferences
from pipeline.model.facts import ImageInfo, MediaInfo, Size, Value
from pipeline.model.rules import Reading
from tests import factory

F = Fraction
ANYTHING = lambda _info, _checks: True  # noqa: E731  what every rule takes
NOTHING = lambda _info, _checks: False  # noqa: E731  what none takes


def rated(rate: Any) -> MediaInfo:
    return factory.video(video=(factory.video_stream(index=4, frame_rate=rate), factory.video_stream(index=5)))


@pytest.mark.parametrize(
    ("rate", "nearest", "right"),
    [
        (F(60000, 1001), F(30), F(30000, 1001)),  # halved
        (F(60), F(25), F(25)),  # a third is 20: below film's rate, where gaps show
        (F(100), F(25), F(25)),
        (F(90), F(30), F(30)),
        (F(120), F(50), F(40)),  # a third
        (F(25), F(30), F(25)),  # already there
        (F(48000, 1001), F(25), F(24000, 1001)),  # film's own rate is none too low
        (F(48), F(24), F(24)),
        (F(47), F(25), F(25)),  # half of it, 23.5, is below film's
        (F(4793, 100), F(25), F(25)),  # and so is 23.965
        (F(30), F(15), F(15)),  # the rule wants less than film's rate: a half it is
        (F(2), F(1), F(1)),
        (None, F(30), F(30)),
        (F(60), "30", "30"),
        (F(60), F(0), F(0)),
        (F(60), F(-1), F(-1)),
        (F(5, 2), F(1, 2), F(1, 2)),
    ],
)
def test_whole_steps(rate: Any, nearest: Value, right: Value) -> None:
    assert preferences.whole_steps(rated(rate), Reading(None, 4), nearest, ANYTHING) == right


def test_a_step_that_rules_refuse_or_of_no_stream_is_none() -> None:
    fast = rated(F(60000, 1001))
    assert preferences.whole_steps(fast, Reading(None, 4), F(30), NOTHING) == 30
    assert preferences.whole_steps(fast, Reading(None, 9), F(30), ANYTHING) == 30
    seen: list[MediaInfo] = []

    def watching(info: MediaInfo, checks: frozenset[str]) -> bool:
        seen.append(info)
        assert checks == {"video.frame_rate"}
        return True

    preferences.whole_steps(fast, Reading(None, 4), F(30), watching)
    assert [s.frame_rate for s in seen[0].video] == [F(30000, 1001), F(25)]  # the other stream as it was


def clear(codec: str, container: str = "mov", *, alpha: bool = True) -> MediaInfo:
    return factory.video(container=container, video=(factory.video_stream(codec=codec, alpha=alpha),))


def takes(*pairs: tuple[str, str]) -> preferences.Obeys:
    """Rules that take these pairs of codec and container."""
    return lambda info, _: (info.video[0].codec, info.container) in pairs


@pytest.mark.parametrize(
    ("codec", "rules", "right"),
    [
        ("prores", takes(("prores", "mov"), ("vp9", "webm")), ("prores", "mov")),  # its own first
        ("prores", takes(("prores", "mkv"), ("vp9", "webm")), ("prores", "mkv")),
        ("prores", takes(("vp9", "webm"), ("vp9", "mkv")), ("vp9", "webm")),
        ("vp8", takes(("vp8", "webm")), ("vp8", "webm")),
        ("png", takes(("prores", "mov"), ("vp9", "mkv")), ("vp9", "mkv")),  # what cannot be kept is made VP9
        ("vp9", takes(("h264", "mp4")), None),
    ],
)
def test_where_transparency_lives_on(codec: str, rules: preferences.Obeys, right: tuple[str, str] | None) -> None:
    info = clear(codec)
    home = right or ("h264", "mp4")
    assert preferences.alpha_codec(info, Reading(None, 0), "h264", rules) == home[0]
    assert preferences.alpha_container(info, Reading(None), "mp4", rules) == home[1]


def test_without_transparency_the_nearest_is_best() -> None:
    for info in (clear("vp9", alpha=False), factory.video(video=())):
        assert preferences.alpha_codec(info, Reading(None, 0), "h264", ANYTHING) == "h264"
        assert preferences.alpha_container(info, Reading(None), "mp4", ANYTHING) == "mp4"
    assert preferences.alpha_codec(clear("vp9"), Reading(None, 9), "h264", ANYTHING) == "h264"
    # The second picture is opaque: its codec is nobody's home.
    two = factory.video(video=(factory.video_stream(codec="vp9", alpha=True), factory.video_stream(index=1)))
    assert preferences.alpha_codec(two, Reading(None, 1), "h264", ANYTHING) == "h264"


@pytest.mark.parametrize(
    ("format_", "frames", "refused", "right"),
    [
        ("gif", 2, (), "gif"),
        ("png", 9, (), "gif"),
        ("webp", 2, ("gif",), "webp"),
        ("avif", 2, ("gif", "webp"), "jpeg"),
        ("gif", 1, (), "jpeg"),
        ("gif", None, (), "jpeg"),
        ("tiff", 9, (), "jpeg"),  # pages, not pictures of a film
        ("heif", 2, (), "jpeg"),
    ],
)
def test_an_animation_stays_one(format_: str, frames: int | None, refused: tuple[str, ...], right: str) -> None:
    size = Size(10, 10)
    info = factory.image(image=ImageInfo(format=format_, stored=size, size=size, frames=frames))

    def obeys(made: MediaInfo, checks: frozenset[str]) -> bool:
        assert made.image is not None
        assert checks == {"image.format", "image.animated"}
        return made.image.format not in refused

    assert preferences.moving_format(info, Reading(None), "jpeg", obeys) == right
    assert preferences.moving_format(replace(info, image=None), Reading(None), "jpeg", obeys) == "jpeg"
