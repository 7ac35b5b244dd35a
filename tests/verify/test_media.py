"""Which proofs a new file needs, and in which order: copies by their bytes, what was encoded by decoding and comparing.

The files here say what each test has them say: what their packets hold is stood in for, and so are the decoder and the
measuring of pictures, which have tests of their own.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.convert.av.picture import Picture
from pipeline.convert.av.recipe import Recipe
from pipeline.model.facts import AudioStream, Kind, MediaInfo, Size, Text, Value, VideoStream
from pipeline.model.results import Fix, Made, Part, Plan, Proof, Reference
from pipeline.model.rules import Role, Safety
from pipeline.probe.av import packets, timeline
from pipeline.probe.av.packets import Coded
from pipeline.probe.av.timeline import Timeline
from pipeline.rules import presets
from pipeline.verify import media as proving
from pipeline.verify import quality

PICTURE = VideoStream(
    index=0, codec="h264", size=Size(1920, 1080), frame_rate=Fraction(25), variable=False, alpha=False, frames=250,
    start=Fraction(0), duration=Fraction(10),
)  # fmt: skip
SOUND = AudioStream(index=1, codec="aac", sample_rate=48000, channels=1, start=Fraction(0), duration=Fraction(10))
CLIP = MediaInfo(
    name="clip.mp4", kind=Kind.VIDEO, size=1_000_000, extension="mp4", container="mp4", start=Fraction(0),
    duration=Fraction(10), video=(PICTURE,), audio=(SOUND,),
)  # fmt: skip
WHOLE = Timeline(250, Fraction(0), Fraction(10), True, None, ((0, "aa"), (1, "bb")))
SHORT = replace(CLIP, duration=Fraction(6), video=(replace(PICTURE, frames=150, duration=Fraction(6)),),
                audio=(replace(SOUND, duration=Fraction(6)),))  # fmt: skip
USUAL = [
    "streams",
    "size",
    "video duration",
    "frames",
    "audio duration (stream 1)",
    "sound after picture",
    "timestamps",
]


def fixing(check: str, value: Value, stream: int | None = None, actual: Value = "-") -> Plan:
    return Plan(fixes=(Fix(check=check, stream=stream, actual=actual, value=value, safety=Safety.LOSSY),))


MONO = fixing("audio.channels", 1, 1, 2)
FASTER = fixing("video.frame_rate", Fraction(25), 0, Fraction(30))

KEPT = Reference("kept", 22)


@dataclass
class Bench:
    """A source and an output of which the packets say this; what was decoded and compared is noted."""

    folder: Path
    before: Timeline | None = WHOLE
    after: Timeline | None = WHOLE
    whole: dict[int, Coded] = field(default_factory=dict)
    held: dict[int, Coded] = field(default_factory=dict)
    noted: list[str] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    lost: bool = False
    reference: Reference | None = KEPT

    def read(self, path: Path, index: int | None, digested: Any = ()) -> Timeline | None:
        self.asked.append((path.name.partition("-")[0], index, list(digested)))
        return self.before if path.name.startswith("source") else self.after

    def packets(self, path: Path, indices: Any) -> dict[int, Coded]:
        held = self.whole if path.name.startswith("source") else self.held
        return {index: held[index] for index in indices}

    def decoded(self, _path: Path, _info: MediaInfo, _work: Path, *, sound_only: bool = False) -> Proof:
        self.noted.append("sound" if sound_only else "all")
        return proof("decodes whole", passed=not self.lost)

    def measure(self, *_: Any) -> list[Proof]:
        self.noted.append("compared")
        return [proof("decodes whole"), proof("VMAF")]

    def prove(
        self, plan: Plan | None = None, info: MediaInfo = CLIP, output: MediaInfo = CLIP, part: Part | None = None
    ) -> list[str]:
        """The names of all proofs, a failed one with an exclamation mark; always of a new source."""
        return [p.name.en if p.passed else f"{p.name.en}!" for p in self.proofs(plan, info, output, part)]

    def proofs(
        self, plan: Plan | None = None, info: MediaInfo = CLIP, output: MediaInfo = CLIP, part: Part | None = None
    ) -> tuple[Proof, ...]:
        number = len(list(self.folder.iterdir()))
        source, made = self.folder / f"source-{number}", self.folder / f"made-{number}"
        source.touch()
        made.touch()
        one = Made(path=str(made), part=part, reference=self.reference)
        return proving.media(source, info, one, output, plan or Plan(), role(), self.folder)


def proof(name: str, *, passed: bool = True) -> Proof:
    return Proof(name=Text.same(name), expected=Text.same("-"), found=Text.same("-"), passed=passed)


def role() -> Role:
    found = presets.load("convert/h264-1080p").role_for(Kind.VIDEO)
    assert found is not None
    return found


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr(timeline, "read", made.read)
    monkeypatch.setattr(packets, "read", made.packets)
    monkeypatch.setattr(proving, "decoded", made.decoded)
    monkeypatch.setattr(quality, "measure", made.measure)
    return made


# --- copies -----------------------------------------------------------------------------------------


def test_the_same_bytes_need_no_decoder(bench: Bench) -> None:
    assert bench.prove() == [*USUAL, "copied streams"]
    assert bench.noted == []
    assert sorted(bench.asked) == [("made", 0, [0, 1]), ("source", 0, [0, 1])]


def test_of_several_pictures_the_first_is_read(bench: Bench) -> None:
    two = replace(CLIP, video=(PICTURE, replace(PICTURE, index=7)))
    assert bench.prove(info=two) == [*USUAL, "copied streams"]
    assert sorted(bench.asked) == [("made", 0, [0, 1]), ("source", 0, [0, 1])]


@pytest.mark.parametrize("digests", [((0, "aa"), (1, "xx")), ((0, "xx"), (1, "bb")), ((0, "aa"),), ()])
def test_other_bytes_are_decoded_whole(bench: Bench, digests: tuple[tuple[int, str], ...]) -> None:
    bench.after = WHOLE._replace(digests=digests)
    assert bench.prove() == [*USUAL, "decodes whole"]
    assert bench.noted == ["all"]


def test_sound_that_was_encoded_beside_a_copied_picture_is_decoded_alone(bench: Bench) -> None:
    before, after = WHOLE._replace(digests=((0, "aa"),)), WHOLE._replace(digests=((0, "aa"), (1, "new")))
    bench.before, bench.after = before, after
    assert bench.prove(MONO) == [*USUAL, "copied streams", "decodes whole"]
    assert bench.noted == ["sound"]
    assert sorted(bench.asked) == [("made", 0, [0]), ("source", 0, [0])]
    bench.after = after._replace(digests=((0, "xx"), (1, "new")))
    assert bench.prove(MONO) == [*USUAL, "decodes whole"]
    assert bench.noted == ["sound", "all"]


def test_what_the_decoder_finds_is_told(bench: Bench) -> None:
    bench.lost = True
    bench.after = WHOLE._replace(digests=())
    assert bench.prove()[-1] == "decodes whole!"


def test_an_encoded_picture_is_decoded_and_compared(bench: Bench) -> None:
    assert bench.prove(FASTER) == [*USUAL, "colour tags!"]  # it must say BT.709, and says nothing
    told = replace(PICTURE, color_primaries="bt709", color_transfer="bt709", color_matrix="bt709", color_range="tv")
    output = replace(CLIP, video=(told,))
    assert bench.prove(FASTER, output=output) == [*USUAL, "colour tags", "copied streams", "decodes whole", "VMAF"]
    assert bench.noted == ["compared"]
    bench.noted.clear()
    bench.reference = None  # made of a twin of this source, where it was compared
    assert bench.prove(FASTER, output=output)[-1] == "decodes whole"
    assert bench.noted == ["all"]
    bench.reference = KEPT
    bench.after = WHOLE._replace(digests=((0, "aa"), (1, "xx")))
    assert bench.prove(FASTER, output=output) == [*USUAL, "colour tags", "decodes whole", "VMAF"]


def test_nothing_is_a_copy_where_the_end_was_cut_off(bench: Bench) -> None:
    bench.after = Timeline(150, Fraction(0), Fraction(6), True, None, ((0, "aa"), (1, "bb")))
    names = bench.prove(fixing("media.duration", Fraction(6), None, Fraction(10)), output=SHORT)
    assert names[-1] == "decodes whole"
    assert "copied streams" not in names
    assert sorted(bench.asked) == [("made", 0, []), ("source", 0, [])]


def test_identical_wants_both_files_and_the_same_streams() -> None:
    def alike(before: Timeline | None, after: Timeline | None, *pairs: tuple[int, int]) -> tuple[bool, str]:
        told = proving.identical(before, after, pairs)
        return told.passed, f"{told.found.en[0]} of {told.expected.en[0]}"

    assert alike(WHOLE, WHOLE, (0, 0), (1, 1)) == (True, "2 of 2")
    assert alike(WHOLE, WHOLE, (0, 1), (1, 1)) == (False, "1 of 2")
    assert alike(WHOLE, WHOLE._replace(digests=((0, "bb"), (2, "aa"))), (0, 2), (1, 0)) == (True, "2 of 2")
    assert alike(WHOLE, WHOLE, (7, 7)) == (False, "0 of 1")  # in neither: nothing was read, so nothing is alike
    assert alike(None, WHOLE, (0, 0)) == (False, "0 of 1")
    assert alike(WHOLE, None, (0, 0)) == (False, "0 of 1")


# --- clocks -----------------------------------------------------------------------------------------


def test_the_first_failure_ends_it(bench: Bench) -> None:
    assert bench.prove(output=replace(CLIP, audio=())) == ["streams!"]
    assert bench.noted == []


@pytest.mark.parametrize(("after", "said"), [(None, "unreadable"), (WHOLE._replace(rising=False), "fall back")])
def test_times_never_fall_back(bench: Bench, after: Timeline | None, said: str) -> None:
    bench.after = after
    *_, last = bench.proofs()
    assert (last.name.en, last.passed, last.found.en, last.expected.en) == (
        "timestamps", False, said, "never fall back",
    )  # fmt: skip
    bench.after = WHOLE
    told = [p.found.en for p in bench.proofs() if p.name.en == "timestamps"]
    assert told == ["never fall back"]


def test_a_source_that_starts_again_is_named_where_something_is_lost(bench: Bench) -> None:
    lost = replace(CLIP, video=(replace(PICTURE, frames=200),))
    bench.after = WHOLE._replace(frames=200)
    assert bench.prove(output=lost) == ["streams", "size", "video duration", "frames!"]
    bench.before = WHOLE._replace(restarts=Fraction(0))
    (only,) = bench.proofs(output=lost)
    assert (only.name.en, only.passed) == ("clock of the source", False)
    assert "starts again at 0.00 s" in only.found.en
    bench.after = WHOLE
    assert bench.prove() == [*USUAL, "copied streams"]  # nothing is lost: nothing to explain


def test_frames_are_those_that_the_packets_hold(bench: Bench) -> None:
    """The headers of both say 250, the packets of the output hold 240."""
    bench.after = WHOLE._replace(frames=240)
    assert bench.prove() == ["streams", "size", "video duration", "frames!"]


def test_sound_alone_has_no_times_of_pictures(bench: Bench) -> None:
    voice = replace(CLIP, kind=Kind.AUDIO, container="m4a", extension="m4a", video=(), audio=(replace(SOUND, index=0),))
    bench.before = bench.after = Timeline(0, Fraction(0), Fraction(0), True, None, ((0, "aa"),))
    spoken = presets.load("convert/mono-wav").role_for(Kind.AUDIO)
    assert spoken is not None
    source, made = bench.folder / "source-a", bench.folder / "made-a"
    source.touch()
    one = Made(path=str(made))
    found = proving.media(source, voice, one, voice, Plan(), replace(spoken, deliver=()), bench.folder)
    assert [p.name.en for p in found] == ["streams", "size", "audio duration (stream 0)", "copied streams"]
    assert sorted(bench.asked) == [("made", None, [0]), ("source", None, [0])]


# --- colours ----------------------------------------------------------------------------------------

HDR = ("bt2020", "smpte2084", "bt2020nc", "tv")
KEYS = ("color_primaries", "color_transfer", "color_matrix", "color_range")


@pytest.mark.parametrize(
    ("source", "output", "right"),
    [
        (HDR, HDR, True),
        (HDR, ("bt709", *HDR[1:]), False),
        (HDR, (None, None, None, None), False),
        (HDR, (*HDR[:3], None), True),  # limited range is what no word means
        ((*HDR[:3], "pc"), (*HDR[:3], None), False),
        ((None, None, None, "pc"), (None, None, None, "tv"), False),
        ((None, "smpte2084", None, None), ("bt2020", "smpte2084", "x", "pc"), True),  # what it did not say is free
        ((None, None, None, None), HDR, None),
    ],
)
def test_a_copied_picture_says_of_its_colours_what_it_said(
    source: tuple[str | None, ...], output: tuple[str | None, ...], right: bool | None
) -> None:
    def tagged(words: tuple[str | None, ...], number: int) -> VideoStream:
        return replace(PICTURE, index=number, **dict(zip(KEYS, words, strict=True)))  # type: ignore[arg-type]  # by name

    info = replace(CLIP, video=(tagged(("x", "x", "x", "x"), 4), tagged(source, 7)))
    followed = Recipe(container="mp4", video=info.video[1])
    found = list(proving._tags(followed, info, replace(CLIP, video=(tagged(output, 0),))))
    assert [p.passed for p in found] == ([] if right is None else [right])
    if found:
        assert found[0].expected.en == " ".join(word or "-" for word in source)
        assert found[0].found.en == " ".join(word or "-" for word in output)
    assert list(proving._tags(replace(followed, video=None), info, CLIP)) == []
    assert list(proving._tags(followed, info, replace(CLIP, video=()))) == []
    anew = replace(followed, picture=Picture(codec="h264", pixel_format="yuv420p"))
    plain = list(proving._tags(anew, info, replace(CLIP, video=(tagged(("bt709", "bt709", "bt709", "tv"), 0),))))
    assert [p.passed for p in plain] == [True]


# --- parts ------------------------------------------------------------------------------------------


def coded(count: int, every: Fraction, first: int = 0, at: int = 0) -> Coded:
    """Frames number `first` and on, the first shown at tick `at`."""
    return Coded(every, array("q", range(at, at + count)), array("Q", range(first, first + count)))


SECOND = Part(number=2, of=2, start=Fraction(4), length=None, frames=150)
FIRST = Part(number=1, of=2, start=Fraction(0), length=Fraction(6), frames=150)
LONG = fixing("media.duration", Fraction(7), None, Fraction(10))
PARTED = replace(LONG, split=True, parts=(FIRST, SECOND))
FRAME, TENTH = Fraction(1, 25), Fraction(1, 10)
NAMED = [f"part 2: {name}" for name in USUAL]
SIX = Timeline(150, Fraction(0), Fraction(6), True, None)


def parts(bench: Bench) -> None:
    """The second part of the clip, from 4 s on: frames 100 to 249 of the picture, 40 to 99 of its sound."""
    bench.after = SIX
    bench.whole = {0: coded(250, FRAME), 1: coded(100, TENTH)}
    bench.held = {0: coded(150, FRAME, 100), 1: coded(60, TENTH, 40)}


def test_a_part_is_held_to_its_stretch_of_the_source(bench: Bench) -> None:
    parts(bench)
    assert bench.prove(PARTED, output=SHORT, part=SECOND) == [*NAMED, "part 2: copied streams", "part 2: decodes whole"]
    assert bench.noted == ["all"]  # where it begins, decoding alone tells whether it needs what lies before
    assert sorted(bench.asked) == [("made", 0, [0, 1]), ("source", 0, [])]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({1: coded(60, TENTH, 41)}, "stream 1: other bytes than the source"),
        ({0: coded(149, FRAME, 100)}, "stream 0: 1 frames left out"),
        ({0: coded(150, FRAME, 100, 1)}, "stream 0: other bytes than the source"),
        ({1: coded(0, TENTH)}, "stream 1: no frames"),
    ],
)
def test_a_part_with_other_frames_fails_where_the_container_keeps_them_as_they_are(
    bench: Bench, held: dict[int, Coded], said: str
) -> None:
    parts(bench)
    bench.held |= held
    *_, last = bench.proofs(PARTED, output=SHORT, part=SECOND)
    assert (last.name.en, last.passed) == ("part 2: copied streams", False)
    assert last.found.en == f"1 with the same coded frames; {said}"
    # MPEG-TS wraps the same frames otherwise: decoding tells, and nothing else is said.
    loose = replace(CLIP, container="mpegts")
    assert bench.prove(PARTED, info=loose, output=SHORT, part=SECOND)[-1] == "part 2: decodes whole"


def test_a_part_is_placed_by_the_clock_of_its_source(bench: Bench) -> None:
    """The source shows 100 s when it starts, the part 3 s; the first part starts where its picture does."""
    parts(bench)
    late = replace(CLIP, start=Fraction(100), video=(replace(PICTURE, start=Fraction(100)),),
                   audio=(replace(SOUND, start=Fraction(100)),))  # fmt: skip
    bench.before = WHOLE._replace(start=Fraction(100), end=Fraction(110))
    bench.whole = {0: coded(250, FRAME, at=2500), 1: coded(100, TENTH, at=1000)}
    bench.held = {0: coded(150, FRAME, 100, at=75), 1: coded(60, TENTH, 40, at=30)}
    bench.after = SIX._replace(start=Fraction(3), end=Fraction(9))
    assert bench.prove(PARTED, info=late, output=SHORT, part=SECOND)[-2:] == [
        "part 2: copied streams",
        "part 2: decodes whole",
    ]
    bench.held = {0: coded(150, FRAME, 0, at=75), 1: coded(60, TENTH, 0, at=30)}
    assert bench.prove(PARTED, info=late, output=SHORT, part=FIRST)[-2:] == [
        "part 1: copied streams",
        "part 1: decodes whole",
    ]


def test_the_first_part_of_a_source_without_times_starts_where_the_file_does(bench: Bench) -> None:
    """Nothing tells when its first picture is shown: its packets at 100 s are those that the part shows at 3 s."""
    parts(bench)
    late = replace(CLIP, start=Fraction(100), video=(replace(PICTURE, start=Fraction(100)),),
                   audio=(replace(SOUND, start=Fraction(100)),))  # fmt: skip
    bench.before = None
    bench.whole = {0: coded(250, FRAME, at=2500), 1: coded(100, TENTH, at=1000)}
    bench.held = {0: coded(150, FRAME, 0, at=75), 1: coded(60, TENTH, 0, at=30)}
    bench.after = SIX._replace(start=Fraction(3), end=Fraction(9))
    assert "part 1: copied streams" in bench.prove(PARTED, info=late, output=SHORT, part=FIRST)


def test_sound_copied_beside_a_picture_that_is_cut_anywhere_begins_with_its_first_whole_frame(bench: Bench) -> None:
    """Sound frames of 3/10 s: the first at or after 4 s is at 4.2 s, so that it comes 1/5 s after the picture."""
    parts(bench)
    bench.whole[1] = coded(34, Fraction(3, 10))
    told = replace(SHORT.video[0], **dict(zip(KEYS, ("bt709", "bt709", "bt709", "tv"), strict=True)))  # type: ignore[arg-type]
    first, second = (replace(part, recut=True) for part in (FIRST, SECOND))
    wanted = replace(PARTED, parts=(first, second))

    def made(start: Fraction) -> MediaInfo:
        return replace(SHORT, video=(told,), audio=(replace(SHORT.audio[0], start=start),))

    bench.held = {1: coded(20, Fraction(3, 10), 14)}
    # The picture is new, so only sound is a copy; the part's clock shows 0 at its first picture.
    bench.held[1] = Coded(Fraction(1, 10), array("q", range(2, 62, 3)), array("Q", range(14, 34)))
    assert bench.prove(wanted, output=made(Fraction(1, 5)), part=second)[5:] == [
        *NAMED[5:], "part 2: colour tags", "part 2: copied streams", "part 2: decodes whole", "part 2: VMAF",
    ]  # fmt: skip
    assert bench.prove(wanted, output=made(Fraction(0)), part=second)[5:] == ["part 2: sound after picture!"]
    assert bench.prove(wanted, output=made(Fraction(0)), part=first)[5] == "part 1: sound after picture"
    # A picture that was copied starts at an entry point, and sound with it.
    assert bench.prove(PARTED, output=made(Fraction(1, 5)), part=SECOND)[5:] == ["part 2: sound after picture!"]


@pytest.mark.parametrize(
    ("lengths", "right"),
    [
        ((4, 3, 3), True),
        ((4, 3, Fraction(33, 10)), True),  # three frames of sound of 1/10 s are allowed
        ((4, 3, Fraction(27, 10)), True),
        ((4, 3, Fraction(3301, 1000)), False),
        ((4, 3, Fraction(2699, 1000)), False),
        ((4, 6, None), True),
        ((4, 3, None), False),
        ((Fraction(101, 10),), True),
        ((Fraction(102, 10),), False),
        ((), False),
    ],
)
def test_all_parts_together_last_as_long_as_the_source(lengths: tuple[Any, ...], right: bool) -> None:
    made = [replace(CLIP, duration=None if length is None else Fraction(length)) for length in lengths]
    told = proving.together(CLIP, [Part(number=1, of=1)], made)
    assert told.passed is right
    assert told.expected.en == f"10.000 s within {len(lengths) / 10:.1f} s"
    assert told.found.en.endswith(f"{len(lengths)} parts")


def test_parts_of_nothing_are_nothing() -> None:
    untold = replace(CLIP, duration=None)
    whole = [Part(number=1, of=1)]
    assert proving.together(untold, [], []).passed
    assert proving.together(untold, whole, [replace(CLIP, duration=None)]).found.en == "0.000 s in 1 parts"
    assert not proving.together(untold, whole, [CLIP]).passed


def test_clips_together_last_as_long_as_what_was_asked_for() -> None:
    """Of ten seconds the second and the last three: what lies between is nobody's loss."""
    asked = [
        Part(number=1, of=2, start=Fraction(1), length=Fraction(1)),
        Part(number=2, of=2, start=Fraction(7)),
    ]
    made = [replace(CLIP, duration=Fraction(1)), replace(CLIP, duration=Fraction(3))]
    assert proving.together(CLIP, asked, made).passed
    assert not proving.together(CLIP, asked, made[:1]).passed
