"""What a proof notices: every way of losing something has one proof that fails, and only that one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from pipeline.model.facts import AudioStream, ImageInfo, Kind, MediaInfo, Size, SlidesInfo, Value, VideoStream
from pipeline.model.results import Fix, Plan
from pipeline.model.rules import Safety
from pipeline.verify.compare import prove

PICTURE = VideoStream(
    index=0,
    codec="h264",
    size=Size(1920, 1080),
    frame_rate=Fraction(25),
    variable=False,
    alpha=False,
    frames=250,
    start=Fraction(0),
    duration=Fraction(10),
)
SOUND = AudioStream(index=1, codec="aac", sample_rate=48000, channels=1, start=Fraction(0), duration=Fraction(10))
CLIP = MediaInfo(
    name="clip.mp4",
    kind=Kind.VIDEO,
    size=1_000_000,
    extension="mp4",
    container="mp4",
    duration=Fraction(10),
    video=(PICTURE,),
    audio=(SOUND,),
)
VOICE = MediaInfo(
    name="voice.wav",
    kind=Kind.AUDIO,
    size=960_000,
    extension="wav",
    container="wav",
    duration=Fraction(10),
    audio=(replace(SOUND, index=0),),
)
PHOTO = MediaInfo(
    name="photo.jpg",
    kind=Kind.IMAGE,
    size=10_000,
    extension="jpg",
    image=ImageInfo(format="jpeg", stored=Size(800, 600), size=Size(800, 600)),
)
DECK = MediaInfo(
    name="deck.pptx",
    kind=Kind.SLIDES,
    size=10_000,
    extension="pptx",
    slides=SlidesInfo(format="pptx", pages=12),
)


def plan(**wanted: Value) -> Plan:
    """A plan with these fixes, `video__alpha=False`."""
    return Plan(
        fixes=tuple(
            Fix(check=key.replace("__", "."), stream=None, actual="-", value=value, safety=Safety.LOSSY)
            for key, value in wanted.items()
        )
    )


def failed(source: MediaInfo, output: MediaInfo, wanted: Plan | None = None) -> list[str]:
    """The names of the proofs that failed."""
    return [proof.name.en for proof in prove(source, output, wanted or Plan()) if not proof.passed]


def picture(info: MediaInfo = CLIP, **changes: Any) -> MediaInfo:
    """The clip with another picture stream."""
    return replace(info, video=(replace(info.video[0], **changes),))


def sound(info: MediaInfo = CLIP, **changes: Any) -> MediaInfo:
    """The clip with another sound stream."""
    return replace(info, audio=(replace(info.audio[0], **changes),))


@pytest.mark.parametrize("info", [CLIP, VOICE, PHOTO, DECK])
def test_a_perfect_copy_passes(info: MediaInfo) -> None:
    assert prove(info, info, Plan())
    assert failed(info, info) == []


TRANSPARENT = picture(replace(CLIP, container="webm"), codec="vp9", alpha=True)


@pytest.mark.parametrize(
    ("source", "output", "wanted", "names"),
    [
        pytest.param(CLIP, picture(duration=Fraction(9), frames=225), {}, ["video duration", "frames"], id="cut"),
        pytest.param(CLIP, picture(frames=247), {}, ["frames"], id="frames missing"),
        pytest.param(CLIP, picture(duration=None), {}, [], id="the container still tells the length"),
        pytest.param(
            CLIP,
            replace(picture(duration=None), duration=None, audio=(replace(SOUND, duration=None),)),
            {},
            ["video duration", "audio duration (stream 1)"],
            id="output does not tell its length",
        ),
        pytest.param(CLIP, replace(CLIP, audio=()), {}, ["streams"], id="sound lost"),
        pytest.param(CLIP, replace(CLIP, audio=(SOUND, SOUND)), {}, ["streams"], id="sound doubled"),
        pytest.param(CLIP, sound(duration=Fraction(9)), {}, ["audio duration (stream 1)"], id="sound cut"),
        pytest.param(CLIP, sound(start=Fraction(1, 10)), {}, ["sound after picture"], id="sound late"),
        pytest.param(CLIP, sound(start=Fraction(-1, 10)), {}, ["sound after picture"], id="sound early"),
        pytest.param(TRANSPARENT, picture(TRANSPARENT, alpha=False), {}, ["transparency"], id="alpha lost"),
        pytest.param(TRANSPARENT, picture(TRANSPARENT, alpha=False), {"video__alpha": False}, [], id="alpha gone"),
        pytest.param(CLIP, replace(CLIP, size=0), {}, ["size"], id="empty"),
        pytest.param(CLIP, CLIP, {"file__size": 999_999}, ["size"], id="over the budget"),
        pytest.param(VOICE, sound(VOICE, duration=Fraction(9)), {}, ["audio duration (stream 0)"], id="voice cut"),
        pytest.param(
            PHOTO,
            replace(PHOTO, image=ImageInfo(format="jpeg", stored=Size(400, 300), size=Size(400, 300))),
            {},
            ["picture size"],
            id="picture shrunk unasked",
        ),
        pytest.param(PHOTO, PHOTO, {"image__size": Size(400, 300)}, ["picture size"], id="picture not shrunk"),
        pytest.param(PHOTO, replace(PHOTO, image=None), {}, ["picture size"], id="not a picture any more"),
        pytest.param(DECK, replace(DECK, slides=SlidesInfo(format="pdf", pages=11)), {}, ["pages"], id="page lost"),
        pytest.param(DECK, replace(DECK, slides=None), {}, ["pages"], id="no pages any more"),
    ],
)
def test_each_loss_fails_its_proof(
    source: MediaInfo, output: MediaInfo, wanted: dict[str, Value], names: list[str]
) -> None:
    assert failed(source, output, plan(**wanted)) == names


def test_what_was_cut_off_is_held_to_the_limit() -> None:
    def shorter(seconds: Fraction) -> MediaInfo:
        made = sound(picture(duration=seconds, frames=round(seconds * 25)), duration=seconds)
        return replace(made, duration=seconds)

    limit = plan(media__duration=Fraction(8))
    assert failed(CLIP, shorter(Fraction(79, 10)), limit) == []
    assert failed(CLIP, shorter(Fraction(81, 10)), limit) == ["cut"]
    assert failed(CLIP, shorter(Fraction(7)), limit) == ["cut"]


@pytest.mark.parametrize(("frames", "right"), [(150, True), (149, True), (151, True), (148, False), (300, False)])
def test_frames_follow_the_rate_that_was_changed(frames: int, right: bool) -> None:
    source = picture(frame_rate=Fraction(60), frames=600)
    output = picture(frame_rate=Fraction(15), frames=frames)
    assert (failed(source, output) == []) is right


def test_a_variable_stream_made_constant_has_a_frame_for_every_tick() -> None:
    source = picture(frame_rate=Fraction(237, 10), variable=True, frames=237)
    assert failed(source, picture(frames=250)) == []
    assert failed(source, picture(frames=237)) == ["frames"]


def test_sound_taken_out_of_a_video_is_one_stream() -> None:
    two = replace(CLIP, audio=(SOUND, replace(SOUND, index=2, default=True, duration=Fraction(8))))
    assert failed(two, sound(VOICE, duration=Fraction(8))) == []
    assert failed(two, sound(VOICE, duration=Fraction(5))) == ["audio duration (stream 0)"]


def test_one_sound_wanted_means_the_default_one() -> None:
    two = replace(CLIP, audio=(SOUND, replace(SOUND, index=2)))
    assert failed(two, CLIP, plan(audio__count=1)) == []
    assert failed(two, CLIP, Plan(advised=plan(audio__count=1).fixes)) == []
    assert failed(two, CLIP) == ["streams"]


def test_an_estimated_length_proves_nothing() -> None:
    adts = replace(VOICE, container="aac", duration=Fraction(12), audio=(replace(SOUND, duration=Fraction(12)),))
    assert failed(adts, VOICE) == []
