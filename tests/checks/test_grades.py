"""What a repair costs, and what checks read of files that the cases of the rules do not hold.

A copy loses nothing; what is decoded and made anew does; what would have to be invented, no program repairs.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.checks import CHECKS, base
from pipeline.model.facts import (
    ArchiveEntry,
    AudioStream,
    FontSwap,
    Kind,
    Mark,
    MediaInfo,
    OnSlide,
    Size,
    SlidesInfo,
    Text,
    Value,
)
from pipeline.model.limits import OneOf
from pipeline.model.measured import Speech
from pipeline.model.rules import Safety
from tests import factory

F = Fraction
HD, FULL = Size(1280, 720), Size(1920, 1080)
COPY, ANEW, NOBODY = Safety.LOSSLESS, Safety.LOSSY, Safety.MANUAL

GRADES: list[tuple[str, Value, Value, Safety]] = [
    # One stream of several is a copy; none cannot become one, nor one two.
    *((f"{kind}.count", have, want, COPY) for kind in ("audio", "video") for have, want in ((2, 1), (9, 1))),
    *(
        (f"{kind}.count", have, want, NOBODY)
        for kind in ("audio", "video")
        for have, want in ((0, 1), (1, 1), (1, 2), (2, 0), (3, 2))
    ),
    ("media.other_streams", 1, 0, COPY),
    ("media.other_streams", 3, 0, COPY),
    ("media.other_streams", 0, 0, NOBODY),
    ("media.other_streams", 3, 1, NOBODY),
    ("media.other_streams", 0, 1, NOBODY),
    # Less from more, never more from less.
    *(
        (name, have, want, grade)
        for name in ("audio.channels", "audio.sample_rate", "audio.bit_depth", "video.frame_rate", "image.bit_depth")
        for have, want, grade in ((2, 1, ANEW), (1, 2, NOBODY), (2, 2, NOBODY), ("2", 1, NOBODY), (2, "1", NOBODY))
    ),
    ("video.size", FULL, HD, ANEW),
    ("video.size", HD, FULL, NOBODY),
    ("video.size", FULL, FULL, NOBODY),
    ("video.size", FULL, Size(1280, 1080), NOBODY),  # squeezed
    ("video.size", FULL, Size(1280, 726), ANEW),  # a hundredth of the height is rounding
    ("video.size", FULL, Size(1280, 730), NOBODY),
    ("video.size", Size(100, 100), Size(50, 52), ANEW),  # two pixels are, too
    ("video.size", Size(100, 100), Size(50, 53), NOBODY),
    ("video.size", FULL, 5, NOBODY),
    ("video.size", 5, FULL, NOBODY),
    *(
        (f"video.{name}", have, want, ANEW if (have, want) == (True, False) else NOBODY)
        for name in ("hdr", "alpha", "interlaced")
        for have in (True, False)
        for want in (True, False)
    ),
    *(
        (f"video.{name}", have, want, ANEW if (have, want) == (False, True) else NOBODY)
        for name in ("even", "square_pixels")
        for have in (True, False)
        for want in (True, False)
    ),
    ("video.rate_mode", "variable", "constant", ANEW),
    ("video.rate_mode", "constant", "variable", NOBODY),
    ("video.rate_mode", "constant", "constant", NOBODY),
    ("video.rate_mode", "variable", "variable", NOBODY),
    ("video.rotation", 90, 0, ANEW),
    ("video.rotation", 0, 0, NOBODY),
    ("video.rotation", 0, 90, NOBODY),
    ("video.rotation", 180, 90, NOBODY),
    # A drawing or a file of layers has no pixels here.
    ("image.format", "png", "jpeg", ANEW),
    ("image.format", "svg", "png", NOBODY),
    ("image.format", "psd", "png", NOBODY),
    ("image.format", "png", "png", NOBODY),
    ("image.orientation", 6, 1, ANEW),
    ("image.orientation", 1, 1, NOBODY),
    ("image.orientation", 1, 6, NOBODY),
    ("image.orientation", 3, 6, NOBODY),
    ("image.orientation", 3, 2, NOBODY),
    *(
        ("image.animated", a, w, ANEW if (a, w) == (True, False) else NOBODY)
        for a in (True, False)
        for w in (True, False)
    ),
    ("file.name_length", 20, 10, COPY),
    ("file.name_length", 10, 10, NOBODY),
    ("file.name_length", 5, 10, NOBODY),
    ("file.name_length", "x", 10, NOBODY),
    ("file.name_length", 5, "x", NOBODY),
    # Parts hold what the whole held; nothing is cut into parts of nothing.
    *(
        (name, have, want, grade)
        for name in ("slides.pages", "text.characters", "text.paragraph")
        for have, want, grade in (
            (9, 5, COPY),
            (9, 1, COPY),
            (9, 0, NOBODY),
            (9, -1, NOBODY),
            (5, 5, NOBODY),
            (5, 9, NOBODY),
        )
    ),
    ("slides.pages", "x", 5, NOBODY),
    ("text.characters", "x", 5, NOBODY),
    ("text.characters", 5, "x", NOBODY),
    ("ssml.break_time", F(20), F(10), ANEW),
    ("face.share", F(1, 100), F(1, 20), ANEW),  # what a face fills of a portrait, and no more
    ("face.share", F(1, 100), F(51, 1000), NOBODY),
    ("face.share", F(1, 20), F(1, 20), NOBODY),
    ("face.framed", False, True, ANEW),
    ("face.framed", True, False, NOBODY),
    ("face.framed", True, True, NOBODY),
    ("face.framed", False, False, NOBODY),
    ("text.encoding", "gbk", "utf-8", COPY),
    ("text.encoding", "docx", "utf-8", ANEW),  # all but its words goes
    ("ssml.break_time", "long", F(10), NOBODY),
]


@pytest.mark.parametrize(("name", "have", "want", "right"), GRADES)
def test_what_a_repair_costs(name: str, have: Value, want: Value, right: Safety) -> None:
    safety = CHECKS[name].safety
    assert safety is not None
    assert safety(have, want) is right


@pytest.mark.parametrize(
    ("have", "want", "right"),
    [
        (HD, FULL, True),
        (FULL, HD, False),
        (HD, HD, False),
        (HD, Size(1281, 10), True),
        (HD, Size(10, 721), True),
        (1, 2, True),
        (2, 2, False),
        (3, F(5, 2), False),
        ("a", 2, False),
        (2, "a", False),
        (HD, 2000, False),
    ],
)
def test_what_grows(have: Value, want: Value, right: bool) -> None:
    assert base.grows(have, want) is right


def test_only_what_has_a_price_is_repaired() -> None:
    for check in CHECKS.values():
        assert bool(check.repairs) is (check.safety is not None), check.name
        assert check.repairs <= check.kinds
    assert CHECKS["audio.codec"].repairs == {Kind.VIDEO, Kind.AUDIO}  # unless said otherwise, all that it reads
    assert CHECKS["file.size"].repairs == {Kind.VIDEO, Kind.AUDIO, Kind.IMAGE, Kind.SLIDES}


def read(name: str, info: MediaInfo) -> list[tuple[Value | None, str | None]]:
    return [(one.value, one.where.en if one.where else None) for one in CHECKS[name].read(info)]


def values(name: str, info: MediaInfo) -> list[Value | None]:
    return [value for value, _ in read(name, info)]


# --- films and pictures -------------------------------------------------------------------------------


def test_what_is_read_of_films() -> None:
    clip = factory.video(video=(factory.video_stream(size=FULL), factory.video_stream(index=3, size=None, codec=None)))
    assert (values("video.width", clip), values("video.height", clip)) == ([1920, None], [1080, None])
    assert values("video.codec_in_container", clip) == ["h264 in mp4", None]
    assert values("video.codec_in_container", replace(clip, container=None)) == [None, None]
    assert [one.stream for one in CHECKS["video.width"].read(clip)] == [0, 3]
    odd = factory.video(
        video=(factory.video_stream(size=Size(1919, 1080)), factory.video_stream(size=Size(1920, 1079)))
    )
    assert values("video.even", odd) == [False, False]
    assert values("video.even", factory.video()) == [True]


def test_what_is_read_of_pictures() -> None:
    picture = factory.image()
    assert picture.image is not None
    for frames, right in ((1, False), (2, True), (None, None), (0, False)):
        assert values("image.animated", replace(picture, image=replace(picture.image, frames=frames))) == [right]


def test_what_is_read_of_recordings() -> None:
    def said(name: str, **figures: Any) -> Value | None:
        return values(name, factory.audio(speech=Speech(**figures)))[0]

    assert [said("speech.hum", hum=hum) for hum in (None, 0, 1, 50)] == [None, False, True, True]
    assert [said("speech.dead_channels", dead_channels=dead) for dead in (None, (), (0, 1))] == [None, 0, 2]
    assert said("speech.snr", snr=F(30)) == 30
    assert values("speech.snr", factory.audio()) == [None]


# --- files --------------------------------------------------------------------------------------------


def test_whether_anything_can_be_read() -> None:
    deck = factory.slides()
    assert deck.slides is not None
    for pages, size, right in (
        (10, (F(960), F(540)), True),
        (0, (F(960), F(540)), False),
        (10, None, False),
        (None, (F(960), F(540)), None),
        (0, None, False),
    ):
        told = replace(deck, slides=replace(deck.slides, pages=pages, page_size=size))
        assert values("file.readable", told) == [right]
    script = factory.text()
    assert script.text is not None
    for spoken, said in ((100, True), (0, False), (None, None)):
        assert values("file.readable", replace(script, text=replace(script.text, spoken=spoken))) == [said]
    package = factory.archive()
    assert package.archive is not None
    for sound, heard in (
        (AudioStream(index=0, codec="mp3", channels=1, sample_rate=8000), True),
        (AudioStream(index=0, codec="mp3"), False),
        (AudioStream(index=0, channels=1, sample_rate=8000), False),
        (AudioStream(index=0, codec="mp3", channels=0, sample_rate=8000), False),
        (AudioStream(index=0, codec="mp3", channels=1, sample_rate=0), False),
        (None, False),
    ):
        entry = ArchiveEntry(name="a.mp3", size=1, packed=1, format="mp3", audio=sound)
        told = replace(package, archive=replace(package.archive, entries=(entry,)))
        assert values("file.readable", told) == [heard]


def test_empty_files_and_names_that_promise_something_else() -> None:
    assert [values("file.not_empty", factory.text(size=size)) for size in (0, 1)] == [[False], [True]]
    assert values("file.kind_agrees", factory.text(extension="mp4")) == [False]
    assert values("file.kind_agrees", factory.text(extension="abc")) == [True]
    moving = factory.video(extension="gif", container="gif")
    assert values("file.kind_agrees", moving) == [True]
    assert values("file.kind_agrees", replace(moving, container="mp4")) == [False]
    assert [values("file.format", one) for one in (factory.slides(), factory.image(), factory.text(), moving)] == [
        ["pptx"], ["jpeg"], ["plain"], ["gif"],
    ]  # fmt: skip


# --- packages -----------------------------------------------------------------------------------------


def package(*names: str, valid: bool = True, **sizes: int | None) -> MediaInfo:
    made = factory.archive()
    assert made.archive is not None
    entries = tuple(
        ArchiveEntry(name=name, size=sizes.get(name.partition(".")[0], 1), packed=1, format=name.rpartition(".")[2])
        for name in names
    )
    return replace(made, archive=replace(made.archive, valid=valid, entries=entries))


def test_what_is_read_of_packages() -> None:
    for names, valid, right in (((), True, [0]), ((), False, [None]), (("a/b.wav",), False, [1])):
        assert values("archive.directories", package(*names, valid=valid)) == right
    assert values("archive.total_bytes", package("a.wav", "b.wav", "c.txt", a=10, b=20, c=5)) == [30]
    assert values("archive.total_bytes", package("a.wav", "b.wav", a=10, b=None)) == [None]
    assert values("archive.numbered", package("0.wav", "0.txt", "1.wav", "1.txt")) == [True]
    for names in (("1.wav", "1.txt"), ("0.wav", "0.txt", "2.wav", "2.txt"), ("0.wav",), ("0.txt",), ()):
        assert values("archive.numbered", package(*names)) == [False]
    litter = package("a.wav", ".DS_Store", "__MACOSX/x", "._a.wav", ".profile", ".git/config", "./b.wav")
    assert (values("archive.litter", litter), values("archive.hidden", litter)) == ([3], [2])


# --- decks --------------------------------------------------------------------------------------------


def deck(**facts: Any) -> MediaInfo:
    return factory.slides(slides=SlidesInfo(format="pptx", **facts))


def test_where_in_a_deck() -> None:
    def there(*places: OnSlide) -> str | None:
        return read("slides.glyphs", deck(fonts=(), swaps=(), places=places))[0][1]

    def on(slide: int, said: str = "") -> OnSlide:
        return OnSlide(slide, "glyph", Text.same(said) if said else None)

    assert there() is None
    assert there(on(3)) == "slide 3"
    assert there(on(7), on(3), on(7)) == "slides 3, 7"
    assert there(on(0)) is None
    assert there(on(2, "B"), on(2, "A"), on(1, "C")) == "slide 1: C; slide 2: A; slide 2: B"
    many = [on(slide, "x") for slide in range(1, 8)]
    assert there(*many) == "slide 1: x; slide 2: x; slide 3: x; slide 4: x; slides 5, 6, 7"
    assert there(*many[:5]) == "slide 1: x; slide 2: x; slide 3: x; slide 4: x; slide 5"
    assert there(on(2, "A"), on(2)) == "slide 2: A"
    assert there(OnSlide(3, "link")) is None


def test_what_is_read_of_decks() -> None:
    seen = (OnSlide(1, "glyph"), OnSlide(1, "glyph"), OnSlide(4, "glyph"), OnSlide(5, "link"))
    assert values("slides.glyphs", deck(fonts=(), swaps=(), places=seen)) == [2]
    assert values("slides.glyphs", deck(fonts=None, swaps=(), places=seen)) == [None]
    assert values("slides.glyphs", deck(fonts=(), swaps=None, places=seen)) == [None]
    swaps = (FontSwap("A", "Like A"), FontSwap("B", None))
    assert read("slides.font_kept", deck(fonts=("A", "B", "C"), swaps=swaps)) == [
        (True, "A -> Like A"), (False, "B"), (True, "C"),
    ]  # fmt: skip
    for untold in (deck(fonts=None, swaps=()), deck(fonts=("A",), swaps=None), factory.slides(slides=None)):
        assert values("slides.font_kept", untold) == [None]
    remarks = tuple(Text.same(f"Part {number}.") for number in range(6))
    for valid, told in (
        (False, "Part 0; Part 1; Part 2; Part 3"),
        (None, "Part 0; Part 1; Part 2; Part 3"),
        (True, None),
    ):
        assert read("slides.valid", replace(deck(valid=valid), remarks=remarks)) == [(valid, told)]
    for size, right in (
        ((F(16), F(9)), F(16, 9)),
        ((F(1), F(1, 2)), F(2)),
        ((F(0), F(9)), None),
        ((F(9), F(0)), None),
        (None, None),
    ):
        assert values("slides.aspect", deck(page_size=size)) == [right]


# --- texts --------------------------------------------------------------------------------------------


def mark(what: str, value: Value | None, line: int, column: int, why: Text | None = None) -> Mark:
    return Mark(what=what, value=value, line=line, column=column, why=why)


def marked(info: MediaInfo, *marks: Mark) -> MediaInfo:
    assert info.text is not None
    return replace(info, text=replace(info.text, marks=marks))


def test_where_in_a_script() -> None:
    first, second = mark("hidden", None, 2, 3), mark("hidden", None, 5, 1)
    assert read("text.hidden", marked(factory.text(), first, second, mark("tag", "b", 1, 1))) == [
        (2, "line 2, column 3")
    ]
    assert read("text.hidden", factory.text()) == [(0, None)]
    unread = factory.text()
    assert unread.text is not None
    assert values("text.hidden", replace(unread, text=replace(unread.text, characters=None))) == [None]
    assert values("text.hidden", replace(unread, text=None)) == [None]
    assert read("text.paragraph", replace(unread, text=replace(unread.text, paragraphs=(7, 9)))) == [
        (7, "paragraph 1"), (9, "paragraph 2"),
    ]  # fmt: skip
    # 250 characters are a minute (MS-API Table 5-4).
    assert values("text.speech_seconds", replace(unread, text=replace(unread.text, spoken=250))) == [60]
    assert values("text.speech_seconds", replace(unread, text=replace(unread.text, spoken=None))) == [None]


def test_repairs_of_scripts_are_said() -> None:
    def said(name: str, have: Value, want: Value) -> str:
        says = CHECKS[name].says
        assert says is not None
        told = says(have, want)
        assert told.zh
        return told.en

    assert said("ssml.tag", "b", "x") == "remove the tags of <b>, keep their words"
    assert said("text.encoding", "gbk", "utf-8") == "gbk -> utf-8"
    assert said("text.encoding", "docx", "utf-8") == "write its words as text in utf-8"
    assert said("text.hidden", 3, 0) == "remove 3 of them"
    assert said("text.characters", 9, 5) == "split at sentence ends, at most 5 characters each"
    assert said("text.bytes", 9, 5) == "split at sentence ends, at most 5 bytes each"
    assert said("text.paragraph", 9, 5) == "break lines at sentence ends, at most 5 characters each"
    assert said("text.speech_seconds", F(9), F(5, 2)) == "split at sentence ends, at most 2.5 s each"


def test_where_in_subtitles() -> None:
    why, other = Text("ends first", "先结束"), Text("starts late", "开始晚")
    one, two = mark("fault.order", None, 4, 1, why), mark("fault.order", None, 9, 1, other)
    film = marked(factory.subtitle(), one, two, mark("cue", None, 1, 1), mark("cue", None, 5, 1))
    assert read("subtitle.disorder", film) == [(2, "line 4, column 1: ends first")]
    (found,) = CHECKS["subtitle.disorder"].read(film)
    assert found.where is not None
    assert found.where.zh == "第 4 行第 1 列：先结束"
    assert read("subtitle.cues", film) == [(2, None)]
    assert read("subtitle.overlaps", film) == [(0, None)]
    bare = marked(factory.subtitle(), replace(one, why=None), two)
    assert read("subtitle.disorder", bare) == [(2, "line 4, column 1")]
    assert read("subtitle.disorder", marked(factory.subtitle(), one)) == [(1, "line 4, column 1: ends first")]
    assert film.text is not None
    assert values("subtitle.cues", replace(film, text=replace(film.text, characters=None))) == [None]
    assert values("subtitle.cues", replace(film, text=None)) == [None]
    assert values("subtitle.format", film) == ["srt"]


def test_what_is_no_script_is_told_for_what_it_is() -> None:
    advise, text = CHECKS["text.format"].advise, factory.text()
    assert advise is not None
    assert text.text is not None
    code = advise(replace(text, text=replace(text.text, format="code")), OneOf(("plain",)))
    assert code is not None
    assert code.en.startswith("It is the source of a program")
    assert advise(text, OneOf(("plain",))) is None
    assert advise(replace(text, text=None), OneOf(("plain",))) is None


@pytest.mark.parametrize(("encoding", "shown"), [(None, True), ("docx", True), ("gbk", False)])
def test_what_was_remarked_stands_with_an_encoding_that_is_in_doubt(encoding: str | None, shown: bool) -> None:
    text = factory.text()
    assert text.text is not None
    info = replace(text, text=replace(text.text, encoding=encoding), remarks=(Text("odd.", "异常。"),))
    assert read("text.encoding", info) == [(encoding, "odd" if shown else None)]


@pytest.mark.parametrize("name", ["speech.long_silences", "speech.music"])
def test_of_a_package_the_worst_recording_comes_first(name: str) -> None:
    made = factory.archive()
    assert made.archive is not None
    key = name.partition(".")[2]
    entries = tuple(
        ArchiveEntry(name=f"{worth}.wav", size=1, packed=1, format="wav", speech=Speech(**{key: worth}))
        for worth in (1, 3, 2)
    )
    info = replace(made, archive=replace(made.archive, valid=True, entries=entries))
    assert read(name, info) == [(3, "3.wav"), (2, "2.wav"), (1, "1.wav")]
