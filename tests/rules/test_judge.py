"""Facts against rules: three answers, and never a pass for what was not read."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.model.case import Case
from pipeline.model.facts import ImageInfo, Kind, MediaInfo, Size, SlidesInfo, Text, Value
from pipeline.model.job import Job
from pipeline.model.limits import Between, FitsBox, OneOf
from pipeline.model.measured import Face, Speech
from pipeline.model.results import Finding, Fix, Status, Verdict
from pipeline.model.rules import Condition, Level, Rule, Safety
from pipeline.rules.judge import _together, holds, judge, needs
from pipeline.rules.plan import plan
from tests import factory

MAX_30 = factory.rule("video.frame_rate", Between(None, Fraction(30), type="rate"))


def verdicts(info: MediaInfo, *rules: Rule) -> list[Verdict]:
    return [finding.verdict for finding in judge(info, factory.role(*rules))]


def status(findings: Iterable[Finding]) -> Status:
    """Where an asset with these findings stands, by the plan that follows from them."""
    found = tuple(findings)
    return Case(job=Job(path="a.mp4", stem="a"), findings=found, plan=plan(found)).status


def at(rate: int | None) -> MediaInfo:
    value = None if rate is None else Fraction(rate)
    return factory.video(video=(factory.video_stream(frame_rate=value),))


# --- three answers ----------------------------------------------------------------------------------


def test_a_value_within_the_limit_passes_and_is_told() -> None:
    (finding,) = judge(at(25), factory.role(MAX_30))
    assert finding.verdict is Verdict.PASS
    assert finding.actual == 25
    assert finding.stream == 0
    assert finding.fix is None
    assert finding.reason is None


def test_a_value_beyond_it_fails_with_the_edit_that_would_satisfy_the_rule() -> None:
    (finding,) = judge(at(60), factory.role(MAX_30))
    assert finding.verdict is Verdict.FAIL
    assert finding.actual == 60
    assert finding.fix == Fix(
        check="video.frame_rate", stream=0, actual=Fraction(60), value=Fraction(30), safety=Safety.LOSSY
    )


def test_a_value_the_file_does_not_tell_is_unknown_with_a_reason() -> None:
    (finding,) = judge(at(None), factory.role(MAX_30))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.actual is None
    assert finding.fix is None
    assert finding.reason is not None
    assert finding.reason.en
    assert finding.reason.zh


def test_a_rule_over_streams_on_a_file_with_none_is_unknown_not_passed() -> None:
    silent = factory.video(audio=())
    mono = factory.rule("audio.channels", OneOf((1,), "count"))
    (finding,) = judge(silent, factory.role(mono))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.blocks
    assert finding.reason is not None


def test_every_stream_is_asked() -> None:
    rates = [Fraction(25), Fraction(60), None]
    streams = tuple(factory.video_stream(index=i, frame_rate=rate) for i, rate in enumerate(rates))
    findings = judge(factory.video(video=streams), factory.role(MAX_30))
    assert [f.verdict for f in findings] == [Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN]
    assert [f.stream for f in findings] == [0, 1, 2]


def test_cover_art_is_no_picture_stream() -> None:
    song = factory.audio(covers=1)
    one_picture = factory.rule("video.count", OneOf((1,), "count"))
    clip = factory.video(covers=1)
    assert verdicts(clip, one_picture, MAX_30) == [Verdict.PASS, Verdict.PASS]
    assert verdicts(song, one_picture, MAX_30) == []


def test_mov_is_not_mp4() -> None:
    only_mp4 = factory.rule("container.format", OneOf(("mp4",)))
    mov = factory.video(container="mov", brand="qt  ")
    assert verdicts(factory.video(), only_mp4) == [Verdict.PASS]
    assert verdicts(mov, only_mp4) == [Verdict.FAIL]


def test_a_rule_on_another_kind_of_file_is_not_asked() -> None:
    assert verdicts(factory.image(), MAX_30) == []


# --- whom a rule concerns ---------------------------------------------------------------------------


def test_an_optional_rule_is_not_asked_where_there_is_nothing_to_read() -> None:
    mono = factory.rule("audio.channels", OneOf((1,), "count"), optional=True)
    assert verdicts(factory.video(audio=()), mono) == []
    assert verdicts(factory.video(), mono) == [Verdict.FAIL]


def test_an_optional_rule_still_answers_unknown_for_a_stream_that_does_not_tell() -> None:
    mono = factory.rule("audio.channels", OneOf((1,), "count"), optional=True)
    mute = factory.video(audio=(factory.audio_stream(channels=None),))
    assert verdicts(mute, mono) == [Verdict.UNKNOWN]


def test_a_condition_decides_whether_a_rule_is_asked() -> None:
    when = Condition(check="video.codec", limit=OneOf(("vp8", "vp9")))
    only_webm = replace(MAX_30, when=when)
    vp9 = factory.video(video=(factory.video_stream(codec="vp9", frame_rate=Fraction(60)),))
    assert verdicts(at(60), only_webm) == []
    assert verdicts(vp9, only_webm) == [Verdict.FAIL]


def test_a_condition_holds_only_when_every_value_is_known_and_accepted() -> None:
    when = Condition(check="video.codec", limit=OneOf(("vp8", "vp9")))

    def clip(*codecs: str | None) -> MediaInfo:
        return factory.video(video=tuple(factory.video_stream(index=i, codec=c) for i, c in enumerate(codecs)))

    assert holds(when, clip("vp8", "vp9"))
    assert not holds(when, clip("vp9", "h264"))
    assert not holds(when, clip("vp9", None))
    assert not holds(when, clip())
    assert holds(None, clip())


# --- what stands in the way -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "level", "unknown_blocks", "blocks"),
    [
        (25, Level.ERROR, True, False),
        (60, Level.ERROR, True, True),
        (60, Level.ERROR, False, True),
        (60, Level.WARNING, True, False),
        (60, Level.INFO, True, False),
        (None, Level.ERROR, True, True),
        (None, Level.ERROR, False, False),
        (None, Level.WARNING, True, False),
    ],
)
def test_errors_block_and_so_do_unknown_answers_to_them_unless_allowed(
    rate: int | None, level: Level, unknown_blocks: bool, blocks: bool
) -> None:
    rule = replace(MAX_30, level=level, unknown_blocks=unknown_blocks)
    (finding,) = judge(at(rate), factory.role(rule))
    assert finding.blocks is blocks


def test_an_unknown_answer_that_is_allowed_is_still_told_as_unknown() -> None:
    (finding,) = judge(at(None), factory.role(replace(MAX_30, unknown_blocks=False)))
    assert finding.verdict is Verdict.UNKNOWN
    assert status([finding]) is Status.PASS


def test_an_asset_passes_is_fixable_or_is_blocked() -> None:
    long = factory.rule("media.duration", Between(Fraction(60), None, type="seconds"))
    assert status(judge(at(25), factory.role(MAX_30))) is Status.PASS
    assert status(judge(at(60), factory.role(MAX_30))) is Status.FIXABLE
    assert status(judge(at(None), factory.role(MAX_30))) is Status.BLOCKED
    assert status(judge(at(60), factory.role(MAX_30, long))) is Status.BLOCKED
    assert status(judge(at(60), factory.role(replace(MAX_30, level=Level.WARNING)))) is Status.PASS
    assert status(()) is Status.PASS


def test_no_fix_is_offered_that_enlarges() -> None:
    small = factory.video(video=(factory.video_stream(size=Size(640, 360)),))
    exact = factory.rule("video.size", OneOf((Size(1920, 1080),), "size"))
    (finding,) = judge(small, factory.role(exact))
    assert finding.verdict is Verdict.FAIL
    assert finding.fix is None


def test_a_fix_that_shrinks_is_offered() -> None:
    large = factory.video(video=(factory.video_stream(size=Size(3840, 2160)),))
    (finding,) = judge(large, factory.role(factory.rule("video.size", FitsBox((Size(1920, 1080),)))))
    assert finding.fix is not None
    assert finding.fix.value == Size(1920, 1080)


# --- costly facts -----------------------------------------------------------------------------------


def test_a_role_says_which_costly_measurements_it_needs_for_a_kind() -> None:
    one_face = factory.rule("face.count", OneOf((1,), "count"))
    role = factory.role(MAX_30, one_face)
    assert "faces" in needs(role, Kind.IMAGE)
    assert needs(role, Kind.AUDIO) == frozenset()
    assert needs(factory.role(MAX_30), Kind.VIDEO) == frozenset()


def test_what_was_not_measured_is_unknown_and_says_so() -> None:
    (finding,) = judge(factory.image(faces=None), factory.role(factory.rule("face.count", OneOf((1,), "count"))))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.reason is not None
    assert "not measured" in finding.reason.en


def test_measured_and_absent_is_an_answer() -> None:
    (finding,) = judge(factory.image(faces=()), factory.role(factory.rule("face.count", OneOf((1,), "count"))))
    assert finding.verdict is Verdict.FAIL
    assert finding.actual == 0


def test_rules_on_pictures_read_the_picture_as_shown() -> None:
    turned = ImageInfo(format="jpeg", stored=Size(4000, 3000), size=Size(3000, 4000), orientation=6)
    (finding,) = judge(
        factory.image(image=turned),
        factory.role(factory.rule("image.size", FitsBox((Size(8000, 8000),)))),
    )
    assert finding.actual == Size(3000, 4000)


# --- why an answer is unknown -----------------------------------------------------------------------


def reason(info: MediaInfo, rule: Rule) -> str:
    (finding,) = judge(info, factory.role(rule))
    assert (finding.verdict, finding.fix, finding.advice) == (Verdict.UNKNOWN, None, None)
    assert finding.reason is not None
    return finding.reason.en


ONE_FACE = factory.rule("face.count", OneOf((1,), "count"))


def test_a_value_that_headers_do_not_tell_is_said_not_to_be_told() -> None:
    assert reason(at(None), MAX_30) == "the file does not tell"
    silent = factory.video(audio=())
    assert reason(silent, factory.rule("audio.channels", OneOf((1,), "count"))).startswith("the file holds nothing")


def test_why_a_measurement_could_not_be_tried_is_said_in_its_own_last_words() -> None:
    remarks = (Text("First.", "一。"), Text("Run `setup` again.", "请重新运行。"))
    untried = factory.image(faces=None, remarks=remarks)
    (finding,) = judge(untried, factory.role(ONE_FACE))
    assert finding.reason == Text("Run `setup` again", "请重新运行")
    assert "not measured" in reason(factory.image(faces=None), ONE_FACE)
    # Remarks on what has nothing to do with it are not taken for the reason.
    deaf = factory.audio(remarks=remarks)
    noise = factory.rule("speech.snr", Between(Fraction(30), None, type="number"))
    assert reason(deaf, noise) == "the recording was not measured"


def test_what_was_measured_and_still_has_no_value_says_why_not() -> None:
    """Each value of speech that nobody spoke in: its check says so, and not that nothing was measured."""
    quiet = factory.audio(speech=Speech(snr=Fraction(60)))
    silence = factory.rule("speech.leading_silence", Between(None, Fraction(1), type="seconds"))
    assert reason(quiet, silence) == "no speech was heard in it"
    assert reason(factory.audio(), silence) == "the recording was not measured"


# --- what is said of a failure ----------------------------------------------------------------------


def face(**values: Any) -> Face:
    return Face(box=(Fraction(800), Fraction(200), Fraction(300), Fraction(400)), score=Fraction(9, 10), **values)


def test_only_a_failure_is_advised_on() -> None:
    two = factory.image(faces=(face(), face()))
    (failing,) = judge(two, factory.role(ONE_FACE))
    assert failing.verdict is Verdict.FAIL
    assert failing.advice is not None
    (passing,) = judge(factory.image(faces=(face(),)), factory.role(ONE_FACE))
    assert (passing.verdict, passing.advice) == (Verdict.PASS, None)


def test_a_check_that_no_converter_repairs_has_no_edit() -> None:
    protected = factory.slides(slides=replace(factory.slides().slides, encrypted=True))  # type: ignore[type-var]
    (finding,) = judge(protected, factory.role(factory.rule("slides.encrypted", OneOf((False,), "flag"))))
    assert (finding.verdict, finding.fix) == (Verdict.FAIL, None)


# --- a value that costs less than the nearest one -----------------------------------------------------


def edited(info: MediaInfo, *rules: Rule) -> Value | None:
    """What the first rule would change its value to."""
    found = judge(info, factory.role(*rules))[0]
    return found.fix.value if found.fix else None


def test_of_rates_the_whole_step_is_taken_where_every_rule_lets_it() -> None:
    """59.94 halves to 29.97; another rule of the role wants at least 30, or speaks of other files, or only advises."""
    info = factory.video(video=(factory.video_stream(frame_rate=Fraction(60000, 1001)),))
    floor = factory.rule("video.frame_rate", Between(Fraction(30), None, type="rate"), id="floor")
    ntsc = Fraction(30000, 1001)
    assert edited(info, MAX_30) == ntsc
    assert edited(info, MAX_30, floor) == 30
    assert edited(info, MAX_30, replace(floor, level=Level.WARNING)) == ntsc
    webm = Condition(check="container.format", limit=OneOf(("webm",)))
    assert edited(info, MAX_30, replace(floor, when=webm)) == ntsc
    assert edited(info, MAX_30, replace(floor, when=replace(webm, limit=OneOf(("mp4",))))) == 30
    # A rule on something else is not asked about a rate, though it fails.
    assert edited(info, MAX_30, factory.rule("video.codec", OneOf(("vp9",)))) == ntsc


def test_a_rule_that_cannot_be_read_keeps_no_better_value_away() -> None:
    """The rate of the second picture is not told; the step suits the first."""
    streams = (factory.video_stream(frame_rate=Fraction(60000, 1001)), factory.video_stream(index=1, frame_rate=None))
    assert edited(factory.video(video=streams), MAX_30) == Fraction(30000, 1001)


def test_a_better_value_that_breaks_the_rule_itself_is_not_taken() -> None:
    """Half of 60 is 30, and only 29 or 24 are listed: the nearest of the list stays."""
    listed = factory.rule("video.frame_rate", OneOf((Fraction(24), Fraction(29)), "rate"))
    assert edited(at(60), listed) == 29


def test_costly_measurements_are_asked_for_by_kind() -> None:
    level = factory.rule("speech.snr", Between(Fraction(30), None, type="number"))
    role = factory.role(MAX_30, ONE_FACE, level)
    assert needs(role, Kind.AUDIO) == {"speech"}
    assert needs(role, Kind.SLIDES) == frozenset()


def test_fonts_that_fail_are_one_finding_that_names_them_all() -> None:
    info = factory.slides(slides=SlidesInfo(format="pptx", fonts=("A", "Ours", "B_C")))
    fonts = factory.rule("slides.fonts", OneOf(("Ours",)))
    passed, failed = judge(info, factory.role(fonts))
    assert (passed.verdict, passed.actual) == (Verdict.PASS, "Ours")
    assert (failed.verdict, failed.actual) == (Verdict.FAIL, "A, B C")


def test_one_font_that_fails_is_named_as_one() -> None:
    info = factory.slides(slides=SlidesInfo(format="pptx", fonts=("A", "Ours")))
    failed = judge(info, factory.role(factory.rule("slides.fonts", OneOf(("Ours",)))))[-1]
    assert (failed.verdict, failed.actual, failed.where) == (Verdict.FAIL, "A", None)


def test_only_the_stream_itself_stands_in_the_way_of_its_edit() -> None:
    """RealVideo, which is not decoded here, beside H.264: one can be made anew, whatever the other is."""
    fast = {"frame_rate": Fraction(60)}
    streams = (factory.video_stream(codec="rv40", **fast), factory.video_stream(index=1, codec="h264", **fast))
    closed, open_ = judge(factory.video(video=streams), factory.role(MAX_30))
    assert (closed.stream, closed.fix) == (0, None)
    assert closed.reason is not None
    assert closed.reason.en.startswith("its codec rv40 is none that is decoded here: export the picture as")
    assert (open_.stream, open_.reason) == (1, None)
    assert open_.fix is not None
    sounds = (factory.audio_stream(index=0, codec="ra_288"), factory.audio_stream(index=1))
    mono = factory.rule("audio.channels", OneOf((1,), "count"))
    assert [f.fix is None for f in judge(factory.audio(audio=sounds), factory.role(mono))] == [True, False]


@pytest.mark.parametrize("places", [("one.wav",), ("one.wav", "two.wav")])
def test_what_fails_at_several_places_is_one_finding_that_names_them(places: tuple[str, ...]) -> None:
    rule = factory.rule("video.codec", OneOf(("h264",)))
    failed = [
        Finding(rule=rule, verdict=Verdict.FAIL, actual=False, where=Text.same(place)) for place in places
    ]  # fmt: skip
    (told,) = _together(failed)
    assert (told.actual, told.where) == (False, Text(", ".join(places), "、".join(places)))
