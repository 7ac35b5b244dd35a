"""What a proof notices: every way of losing something has one proof that fails, and only that one."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

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


# --- where a proof begins to fail -------------------------------------------------------------------
# Hand arithmetic on the allowances that are promised: one frame, the rounding of a clock of 1/1000 s (2 ms), the
# padding of encoders (1/10 s, or 2 x 1152 samples), 20 ms of sound against picture, the lead-in of two WMA frames.

MS = Fraction(1, 1000)
HAIR = Fraction(1, 10**6)


def lasting(length: Fraction, info: MediaInfo = CLIP) -> MediaInfo:
    """The clip with its container and all streams so long."""
    video = tuple(replace(s, duration=length) for s in info.video)
    return replace(info, duration=length, video=video, audio=tuple(replace(s, duration=length) for s in info.audio))


def untold(info: MediaInfo) -> MediaInfo:
    """The same, of whose length only the container tells."""
    video = tuple(replace(s, duration=None) for s in info.video)
    return replace(info, video=video, audio=tuple(replace(s, duration=None) for s in info.audio))


PHONE = sound(VOICE, sample_rate=8000)
SILENT = replace(CLIP, audio=())
SLOW = picture(frame_rate=Fraction(10), frames=100)
NO_RATE = picture(SILENT, frame_rate=None, frames=None)


@pytest.mark.parametrize(
    ("source", "made", "slack", "name"),
    [
        # A frame of 40 ms and the clock.
        pytest.param(CLIP, lambda by: picture(duration=10 + by), 42 * MS, "video duration", id="picture"),
        # Sound that was padded is in the only length that is told.
        pytest.param(untold(CLIP), lambda by: picture(duration=10 + by), 100 * MS, "video duration", id="untold"),
        pytest.param(untold(SILENT), lambda by: picture(SILENT, duration=10 + by), 42 * MS, "video duration", id="m"),
        pytest.param(
            replace(CLIP, container="avi"), lambda by: picture(duration=10 + by), 100 * MS, "video duration", id="avi"
        ),
        # A frame of the slower of both: 100 ms.
        pytest.param(
            SLOW, lambda by: picture(SLOW, duration=10 + by, frame_rate=Fraction(20), frames=200), 102 * MS,
            "video duration", id="slower source",
        ),
        pytest.param(NO_RATE, lambda by: picture(NO_RATE, duration=10 + by), 2 * MS, "video duration", id="no rate"),
        pytest.param(CLIP, lambda by: sound(duration=10 + by), 100 * MS, "audio duration (stream 1)", id="sound"),
        pytest.param(VOICE, lambda by: lasting(10 + by, VOICE), 100 * MS, "audio duration (stream 0)", id="voice"),
        pytest.param(
            sound(VOICE, sample_rate=None),
            lambda by: lasting(10 + by, sound(VOICE, sample_rate=None)),
            100 * MS,
            "audio duration (stream 0)",
            id="no sample rate",
        ),
        # 2 x 1152 samples at 8000 Hz.
        pytest.param(PHONE, lambda by: lasting(10 + by, PHONE), 288 * MS, "audio duration (stream 0)", id="phone"),
        pytest.param(VOICE, lambda by: lasting(10 + by, PHONE), 288 * MS, "audio duration (stream 0)", id="to phone"),
        # Half a frame at 25 is 20 ms, as much as is allowed anyway; then the clock.
        pytest.param(CLIP, lambda by: sound(start=by), 22 * MS, "sound after picture", id="sound late"),
        pytest.param(CLIP, lambda by: picture(start=by), 22 * MS, "sound after picture", id="picture late"),
        pytest.param(SLOW, lambda by: sound(SLOW, start=by), 52 * MS, "sound after picture", id="slow pictures"),
        pytest.param(
            picture(frame_rate=Fraction(50), frames=500), lambda by: sound(picture(frame_rate=Fraction(50), frames=500),
            start=by), 22 * MS, "sound after picture", id="fast pictures",
        ),
        # Two frames of WMA at 48000 Hz are 4096/48000 s on top, where the codec changed and the container is mute.
        pytest.param(
            replace(sound(codec="wmav2"), container="wmv"), lambda by: sound(start=by), 22 * MS + Fraction(4096, 48000),
            "sound after picture", id="lead-in",
        ),
        pytest.param(
            replace(CLIP, container="wmv"), lambda by: sound(start=by), 22 * MS, "sound after picture", id="copied"
        ),
        pytest.param(sound(codec="mp3"), lambda by: sound(start=by), 22 * MS, "sound after picture", id="from MP4"),
    ],
)  # fmt: skip
def test_every_allowance_ends_where_it_says(
    source: MediaInfo, made: Callable[[Fraction], MediaInfo], slack: Fraction, name: str
) -> None:
    for by in (slack, -slack):
        assert failed(source, made(by)) == []
    for by in (slack + HAIR, -slack - HAIR):
        assert failed(source, made(by)) == [name]


def test_the_lead_in_is_counted_at_the_rate_of_the_source() -> None:
    """4096 samples are 85 ms at 48000 Hz and 512 ms at 8000; without a rate nothing is added."""
    wma = replace(sound(codec="wmav2"), container="wmv")
    late = sound(start=Fraction(3, 10))
    assert failed(sound(wma, sample_rate=8000), late) == []
    assert failed(wma, sound(late, sample_rate=8000)) == ["sound after picture"]
    assert failed(sound(wma, sample_rate=None), late) == ["sound after picture"]


def test_what_is_expected_of_a_stream_is_its_own_length() -> None:
    source, silent = replace(CLIP, duration=Fraction(12)), replace(untold(CLIP), duration=None)
    told = {proof.name.en: proof.expected.en for proof in prove(source, silent, Plan())}
    assert told["video duration"].startswith("10.000 s")
    # Either account may be the right one: the output lasts as long as the container of the source says.
    assert failed(source, picture(duration=Fraction(12), frames=250)) == []


def test_the_first_sound_is_the_one_that_is_held_to_the_picture() -> None:
    two = replace(CLIP, audio=(SOUND, replace(SOUND, index=2)))
    late = replace(SOUND, start=Fraction(1, 10))
    assert failed(two, replace(two, audio=(late, two.audio[1]))) == ["sound after picture"]
    assert failed(two, replace(two, audio=(SOUND, replace(late, index=2)))) == []


def test_half_a_frame_is_one_of_the_new_rate() -> None:
    """At 10 a second it is 50 ms, at 25 no more than 20."""
    assert failed(CLIP, sound(SLOW, start=Fraction(1, 20))) == []
    assert failed(SLOW, sound(start=Fraction(1, 20))) == ["sound after picture"]


def test_a_clock_that_starts_anywhere_is_no_shift() -> None:
    def starting(picture_at: int, sound_at: int) -> MediaInfo:
        return sound(picture(start=Fraction(picture_at)), start=Fraction(sound_at))

    assert failed(starting(0, 3), starting(7, 10)) == []
    assert failed(starting(5, 3), starting(2, 0)) == []
    assert failed(starting(0, 3), starting(7, 9)) == ["sound after picture"]


@pytest.mark.parametrize("lost", ["picture", "sound"])
def test_a_start_that_the_output_does_not_tell_is_a_failed_proof(lost: str) -> None:
    output = picture(start=None) if lost == "picture" else sound(start=None)
    assert failed(CLIP, output) == ["sound after picture"]
    assert failed(output, CLIP) == []


@pytest.mark.parametrize(("size", "budget", "right"), [
    (1, None, True), (0, None, False), (1, 1, True), (0, 1, False), (2, 1, False), (1000, 1000, True),
])  # fmt: skip
def test_an_output_is_not_empty_and_within_its_budget(size: int, budget: int | None, right: bool) -> None:
    text = replace(PHOTO, kind=Kind.TEXT, image=None, size=size)
    wanted = plan() if budget is None else plan(file__size=budget)
    assert failed(text, text, wanted) == ([] if right else ["size"])
    (proof,) = prove(text, text, wanted)
    assert proof.found.en == f"{size} bytes"
    assert proof.expected.en == ("more than 0 bytes" if budget is None else f"1 to {budget} bytes")


@pytest.mark.parametrize(("length", "right"), [
    (Fraction(15, 2), True), (Fraction(8), True), (Fraction(15, 2) - HAIR, False), (8 + HAIR, False), (None, False),
])  # fmt: skip
def test_a_cut_ends_at_most_half_a_second_early(length: Fraction | None, right: bool) -> None:
    output = replace(lasting(Fraction(8)), duration=length)
    output = picture(output, frames=200)
    assert ("cut" in failed(CLIP, output, plan(media__duration=Fraction(8)))) is not right


def test_what_was_cut_is_still_whole_in_itself() -> None:
    """Sound and picture of what is left are held to each other's frames and streams, not to the whole source."""
    short = picture(lasting(Fraction(8)), frames=200)
    assert failed(CLIP, short, plan(media__duration=8)) == []
    assert failed(CLIP, picture(short, frames=190), plan(media__duration=8)) == ["frames"]
    assert failed(CLIP, replace(short, audio=()), plan(media__duration=8)) == ["streams"]
    assert failed(lasting(Fraction(10), VOICE), lasting(Fraction(8), VOICE), plan(media__duration=8)) == []


def test_every_sound_of_what_was_cut_is_as_long_as_the_first() -> None:
    two = replace(CLIP, audio=(SOUND, replace(SOUND, index=2)))
    short = picture(lasting(Fraction(8), two), frames=200)
    assert failed(two, short, plan(media__duration=8)) == []
    uneven = replace(short, audio=(short.audio[0], replace(short.audio[1], duration=Fraction(7))))
    assert failed(two, uneven, plan(media__duration=8)) == ["audio duration (stream 2)"]


def test_silence_that_was_cut_off_is_not_missed() -> None:
    """Three seconds of which one may stay leave half of that: 2.5 s go; behind, 2 - 1/2 = 1.5 s."""
    wanted = Plan(
        fixes=(
            Fix(
                check="speech.leading_silence", stream=None, actual=Fraction(3), value=Fraction(1), safety=Safety.LOSSY
            ),
            Fix(
                check="speech.trailing_silence", stream=None, actual=Fraction(2), value=Fraction(1), safety=Safety.LOSSY
            ),
        )
    )
    assert failed(VOICE, lasting(Fraction(6), VOICE), wanted) == []
    assert failed(VOICE, lasting(Fraction(6) - 101 * MS, VOICE), wanted) == ["audio duration (stream 0)"]
    assert failed(VOICE, VOICE, wanted) == ["audio duration (stream 0)"]
    front = Plan(fixes=wanted.fixes[:1])
    assert failed(VOICE, lasting(Fraction(15, 2), VOICE), front) == []
    assert failed(untold(VOICE), lasting(Fraction(15, 2), VOICE), front) == []
    # A stream that is shorter than its container ends before the silence that is cut.
    short = sound(VOICE, duration=Fraction(8))
    assert failed(replace(short, duration=None), lasting(Fraction(11, 2), VOICE), front) == []


def test_a_length_that_nothing_tells_proves_nothing() -> None:
    nowhere = replace(untold(CLIP), duration=None)
    assert [proof.name.en for proof in prove(nowhere, CLIP, Plan())] == [
        "streams",
        "size",
        "frames",
        "sound after picture",
    ]
    voiceless = replace(untold(VOICE), duration=None)
    assert [proof.name.en for proof in prove(voiceless, VOICE, Plan())] == ["streams", "size"]


@pytest.mark.parametrize("container", ["aac", "amr"])
def test_containers_without_times_prove_no_length(container: str) -> None:
    guessed = replace(lasting(Fraction(12), VOICE), container=container)
    assert [proof.name.en for proof in prove(guessed, VOICE, Plan())] == ["streams", "size"]


def test_every_sound_beside_a_picture_is_held_to_its_own() -> None:
    two = replace(CLIP, audio=(SOUND, replace(SOUND, index=2, duration=Fraction(8))))
    assert failed(two, two) == []
    swapped = replace(CLIP, audio=(SOUND, replace(SOUND, index=2, duration=Fraction(9))))
    # Either account will do: the stream's own, or that of the container, which is 10 s here.
    assert failed(replace(two, duration=None), swapped) == ["audio duration (stream 2)"]


@pytest.mark.parametrize(
    ("source", "output", "names"),
    [
        pytest.param(picture(frames=252), CLIP, ["frames"], id="two too few"),
        pytest.param(picture(frames=251), CLIP, [], id="one too few"),
        pytest.param(picture(frames=249), CLIP, [], id="one too many"),
        pytest.param(picture(frames=248), CLIP, ["frames"], id="two too many"),
        # Nothing counted in the source: 10 s at 25 are 250.
        pytest.param(picture(frames=None), picture(frames=251), [], id="by the clock"),
        pytest.param(picture(frames=None), picture(frames=252), ["frames"], id="not by the clock"),
        # Nothing counted in the output: its length at its rate.
        pytest.param(CLIP, picture(frames=None), [], id="uncounted"),
        pytest.param(picture(frames=253), picture(frames=None), ["frames"], id="uncounted and wrong"),
        pytest.param(
            picture(variable=True), picture(variable=True, frames=None, frame_rate=None), ["frames"], id="unknown"
        ),
        # Variable as before: frame by frame, whatever the average says.
        pytest.param(
            picture(frame_rate=Fraction(24), variable=True, frames=240),
            picture(frame_rate=Fraction(25), variable=True, frames=240), [], id="variable",
        ),
        pytest.param(
            picture(frame_rate=Fraction(24), variable=True, frames=240),
            picture(frame_rate=Fraction(25), variable=True, frames=250), ["frames"], id="variable with more",
        ),
        # A constant source that became variable: as many as the new rate makes of them, 250 x 50/25.
        pytest.param(CLIP, picture(frame_rate=Fraction(50), variable=True, frames=500), [], id="made variable"),
        pytest.param(CLIP, picture(frame_rate=Fraction(50), variable=True, frames=250), ["frames"], id="half of them"),
    ],
)  # fmt: skip
def test_frames_are_counted(source: MediaInfo, output: MediaInfo, names: list[str]) -> None:
    assert failed(source, output) == names


def test_transparency_is_asked_for_where_it_was_and_can_be() -> None:
    cases = [
        (TRANSPARENT, picture(TRANSPARENT, alpha=True), ["kept", "kept"]),
        (TRANSPARENT, picture(TRANSPARENT, alpha=False), ["kept", "lost"]),
        (TRANSPARENT, picture(TRANSPARENT, alpha=None), None),  # not told, so not compared
        (picture(TRANSPARENT, alpha=False), TRANSPARENT, None),
        (TRANSPARENT, picture(replace(TRANSPARENT, container="mp4"), codec="h264", alpha=False), None),  # has no home
    ]
    for source, output, told in cases:
        found = [[p.expected.en, p.found.en] for p in prove(source, output, Plan()) if p.name.en == "transparency"]
        assert found == ([] if told is None else [told])
    advised = Plan(advised=plan(video__alpha=False).fixes)
    assert failed(TRANSPARENT, picture(TRANSPARENT, alpha=False), advised) == []


def test_streams_are_counted_by_kind() -> None:
    (streams, *_) = prove(CLIP, replace(CLIP, audio=()), Plan())
    assert (streams.expected.en, streams.found.en) == ("1 picture, 1 sound", "1 picture, 0 sound")
    assert failed(CLIP, replace(CLIP, video=(PICTURE, replace(PICTURE, frames=9, duration=Fraction(1))))) == ["streams"]
    assert failed(replace(CLIP, video=(PICTURE, replace(PICTURE, frames=9, duration=Fraction(1)))), CLIP) == []
    assert failed(SILENT, SILENT) == []
    two = replace(VOICE, audio=(VOICE.audio[0], replace(VOICE.audio[0], index=1)))
    assert failed(two, two) == []
    assert failed(two, VOICE) == ["streams"]
    # The picture of a video that becomes sound does not go on.
    (streams, *_) = prove(CLIP, VOICE, Plan())
    assert (streams.passed, streams.expected.en) == (True, "0 picture, 1 sound")
    (streams, *_) = prove(SILENT, replace(VOICE, audio=()), Plan())
    assert (streams.passed, streams.expected.en) == (True, "0 picture, 0 sound")


def test_what_is_said_of_times_is_in_seconds_and_milliseconds() -> None:
    told = {proof.name.en: (proof.expected.en, proof.found.en) for proof in prove(CLIP, CLIP, Plan())}
    assert told["video duration"] == ("10.000 s within 42 ms", "10.000 s")
    assert told["audio duration (stream 1)"] == ("10.000 s within 100 ms", "10.000 s")
    assert told["sound after picture"] == ("0.000 s within 22 ms", "0.000 s")
    assert told["frames"] == ("250 within 1", "250")
    silent = replace(untold(CLIP), duration=None)
    told = {proof.name.en: (proof.expected.en, proof.found.en) for proof in prove(CLIP, silent, Plan())}
    assert told["video duration"][1] == "unknown"
    told = {p.name.en: (p.expected.en, p.found.en) for p in prove(CLIP, CLIP, plan(media__duration=8))}
    assert told["cut"] == ("7.500 to 8.000 s", "10.000 s")


# --- sizes and pages --------------------------------------------------------------------------------


def photo(width: int, height: int) -> MediaInfo:
    return replace(PHOTO, image=ImageInfo(format="jpeg", stored=Size(width, height), size=Size(width, height)))


@pytest.mark.parametrize(
    ("made", "wanted", "right"),
    [
        (photo(800, 600), {}, True),
        (photo(800, 599), {}, False),
        (photo(400, 300), {"image__size": Size(400, 300)}, True),
        (photo(400, 301), {"image__size": Size(400, 300)}, False),
        # A side, a shape or bytes were asked for: smaller is right, larger never.
        (photo(400, 300), {"image__width": 400}, True),
        (photo(800, 600), {"image__width": 400}, True),
        (photo(801, 600), {"image__width": 400}, False),
        (photo(800, 601), {"image__height": 400}, False),
        (photo(600, 600), {"image__aspect": Fraction(1)}, True),
        (photo(600, 601), {"image__aspect": Fraction(1)}, False),
        (photo(600, 500), {"face__share": Fraction(1, 4)}, True),
        (photo(600, 500), {"face__roll": Fraction(0)}, True),
        (photo(600, 500), {"file__size": 20_000}, True),
        (photo(600, 500), {"image__format": "png"}, False),
        # A size that is wanted beside a crop was named for the whole picture.
        (photo(300, 300), {"image__aspect": Fraction(1), "image__size": Size(400, 300)}, True),
    ],
)
def test_a_picture_has_the_size_that_was_asked_for(made: MediaInfo, wanted: dict[str, Value], right: bool) -> None:
    assert failed(PHOTO, made, plan(**wanted)) == ([] if right else ["picture size"])
    if "image__size" not in wanted or "image__aspect" in wanted:  # a size counts as wanted only where it must be
        assert failed(PHOTO, made, Plan(advised=plan(**wanted).fixes)) == ([] if right else ["picture size"])


@pytest.mark.parametrize(
    ("made", "wanted", "right"),
    [
        (photo(1600, 1200), Size(1600, 1200), True),
        (photo(1601, 1200), Size(1600, 1200), True),
        (photo(1599, 1200), Size(1600, 1200), False),
        (photo(1600, 1199), Size(1600, 1200), False),
        (photo(1, 1), None, True),
        (photo(1, 1), Size(400, 300), True),  # smaller was wanted; that it may grow says nothing then
        (replace(PHOTO, image=None), None, False),
    ],
)
def test_a_picture_that_may_grow_grows_far_enough(made: MediaInfo, wanted: Size | None, right: bool) -> None:
    asked = replace(plan(**({} if wanted is None else {"image__size": wanted})), allowed=frozenset({"image.enlarge"}))
    assert failed(PHOTO, made, asked) == ([] if right else ["picture size"])
    (proof,) = [proof for proof in prove(PHOTO, made, asked) if proof.name.en == "picture size"]
    assert proof.expected.en == ("at least 1600x1200" if wanted == Size(1600, 1200) else "at least 1x1")


def test_a_picture_without_facts_is_only_weighed() -> None:
    assert [proof.name.en for proof in prove(replace(PHOTO, image=None), PHOTO, Plan())] == ["size"]


@pytest.mark.parametrize(("pages", "most", "right"), [
    (12, None, True), (13, None, False), (12, 5, False), (5, 5, True), (1, 5, True), (0, 5, False), (6, 5, False),
    (None, 5, False), (None, None, False),
])  # fmt: skip
def test_pages_are_all_there_or_within_a_part(pages: int | None, most: int | None, right: bool) -> None:
    made = replace(DECK, slides=SlidesInfo(format="pptx", pages=pages))
    wanted = plan() if most is None else plan(slides__pages=most)
    assert failed(DECK, made, wanted) == ([] if right else ["pages"])
    (proof,) = [proof for proof in prove(DECK, made, wanted) if proof.name.en == "pages"]
    assert proof.expected.en == ("12" if most is None else "1 to 5")
    assert proof.found.en == ("unknown" if pages is None else str(pages))


@pytest.mark.parametrize("slides", [None, SlidesInfo(format="pptx")])
def test_a_deck_that_does_not_tell_its_pages_is_only_weighed(slides: SlidesInfo | None) -> None:
    assert [proof.name.en for proof in prove(replace(DECK, slides=slides), DECK, Plan())] == ["size"]
