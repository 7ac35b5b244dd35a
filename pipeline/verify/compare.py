"""Proof that an output is what the plan promised: its facts against those of its source.

That it obeys the rules is judged elsewhere, by the same rules; here it is asked whether anything got lost.
What the source does not tell cannot be compared and yields no proof; what the output does not tell is a
failed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from pipeline.checks.base import grows
from pipeline.convert.av.formats import keeps_alpha
from pipeline.convert.av.sound import silence
from pipeline.model.facts import AudioStream, Kind, MediaInfo, Size, Text, Value, VideoStream, default_sound
from pipeline.model.results import Plan, Proof

# Encoders pad sound: a delay in front and a last frame filled up. Two frames of the longest kind (1152
# samples in MP3, 1024 in AAC) or 1/10 s, whichever is more, for not every container reports the padding.
SOUND_SLACK: Final = Fraction(1, 10)
_PADDING: Final = 2 * 1152  # samples
# Containers with a clock of 1/1000 s round every time they store.
_CLOCK: Final = Fraction(1, 500)
# EBU R37 asks for sound no more than 40 ms early; a repair may not use up half of that.
_SYNC: Final = Fraction(1, 50)
# Containers that cannot say how much of the sound's start is the encoder's lead-in, which decoding removes:
# up to two frames of WMA, the codec with the longest.
_UNMARKED: Final = frozenset({"avi", "flv", "wmv", "mpegts", "mpeg"})
_LEAD_IN: Final = 2 * 2048  # samples
_AAC_LEAD_IN: Final = 1024  # samples that ffmpeg's encoder puts in front
# Containers without any index of times: their length is an estimate from the bit rate.
ESTIMATED: Final = frozenset({"aac", "amr"})


def prove(source: MediaInfo, output: MediaInfo, plan: Plan) -> tuple[Proof, ...]:
    """Everything comparable about `output` and the `source` it was made from. Pure."""
    return tuple(_PROOFS.get(source.kind, _size_only)(source, output, plan))


def _fix(plan: Plan, check: str) -> Value | None:
    return next((fix.value for fix in plan.fixes if fix.check == check), None)


def _wish(plan: Plan, check: str) -> Value | None:
    """As `_fix`, with what is only advised: converters take that along."""
    return next((fix.value for fix in (*plan.fixes, *plan.advised) if fix.check == check), None)


_UNKNOWN: Final = Text("unknown", "未知")


def seconds(length: Fraction | None) -> Text:
    """A length as proofs show it, to the millisecond."""
    return _UNKNOWN if length is None else Text.same(f"{float(length):.3f} s")


def _shown(value: object) -> Text:
    return _UNKNOWN if value is None else Text.same(str(value))


def _within(value: object, slack: int) -> Text:
    return Text(f"{value} within {slack}", f"{value}，误差 {slack} 内")


def _close(name: Text, expected: Fraction, found: Fraction | None, slack: Fraction) -> Proof:
    return Proof(
        name=name,
        expected=seconds(expected).plus(
            Text(f" within {float(slack) * 1000:.0f} ms", f"，误差 {float(slack) * 1000:.0f} 毫秒内")
        ),
        found=seconds(found),
        passed=found is not None and abs(found - expected) <= slack,
    )


def _size_only(_source: MediaInfo, output: MediaInfo, plan: Plan) -> Iterator[Proof]:
    """Not empty, and within the bytes the plan gave."""
    limit = _fix(plan, "file.size")
    most = limit if isinstance(limit, int) else None
    yield Proof(
        name=Text("size", "大小"),
        expected=Text("more than 0 bytes", "大于 0 字节")
        if most is None
        else Text(f"1 to {most} bytes", f"1 至 {most} 字节"),
        found=Text(f"{output.size} bytes", f"{output.size} 字节"),
        passed=output.size > 0 and (most is None or output.size <= most),
    )


# --- video and audio --------------------------------------------------------------------------------


def _media(source: MediaInfo, output: MediaInfo, plan: Plan) -> Iterator[Proof]:
    yield from _streams(source, output, plan)
    yield from _size_only(source, output, plan)
    limit = _fix(plan, "media.duration")
    if isinstance(limit, int | Fraction) and not isinstance(limit, bool):
        yield _cut(output, Fraction(limit))
        source = _shortened(source, output)
    elif cut := silence(plan, source.duration):
        source = _without_silence(source, cut)
    picture = (source.video[0], output.video[0]) if source.video and output.video else None
    sounds = tuple(zip(_kept(source, output, plan), output.audio, strict=False))
    if picture:
        yield from _picture(source, output, plan, *picture)
    for heard, made in sounds[:1] if not picture else sounds:
        yield from _sound(source, output, heard, made)
    if picture and sounds:
        yield from _sync(source, picture, sounds[0])


# What a cut may take beyond the limit: pictures are cut where they are stored, not where they are shown.
_CUT: Final = Fraction(1, 2)


def _cut(output: MediaInfo, limit: Fraction) -> Proof:
    """Cut off at the limit, and not long before it."""
    found = output.duration
    return Proof(
        name=Text("cut", "截断"),
        expected=Text(
            f"{float(limit - _CUT):.3f} to {float(limit):.3f} s", f"{float(limit - _CUT):.3f} 至 {float(limit):.3f} s"
        ),
        found=seconds(found),
        passed=found is not None and limit - _CUT <= found <= limit,
    )


def _shortened(source: MediaInfo, output: MediaInfo) -> MediaInfo:
    """The source as if it had been as long as what was kept of it; that is judged by `_cut`."""
    picture = output.video[0].duration if output.video else None
    sound = output.audio[0].duration if output.audio else None
    video = tuple(replace(s, duration=picture, frames=None) for s in source.video)
    audio = tuple(replace(s, duration=sound) for s in source.audio)
    return replace(source, duration=output.duration, video=video, audio=audio)


def _without_silence(source: MediaInfo, cut: tuple[Fraction, Fraction | None]) -> MediaInfo:
    """The source as long as it is between the two cuts."""

    def left(length: Fraction | None) -> Fraction | None:
        return None if length is None else min(length, cut[1] or length) - cut[0]

    audio = tuple(replace(s, duration=left(s.duration)) for s in source.audio)
    return replace(source, duration=left(source.duration), audio=audio)


def _kept(source: MediaInfo, output: MediaInfo, plan: Plan) -> tuple[AudioStream, ...]:
    """The source's sound streams that go on: all, or the default one where one is wanted."""
    one = _wish(plan, "audio.count") == 1 or (source.kind is Kind.VIDEO and output.kind is Kind.AUDIO)
    if not one or not source.audio:
        return source.audio
    return (default_sound(source.audio),)


def _counts(pictures: int, sounds: int) -> Text:
    return Text(f"{pictures} picture, {sounds} sound", f"画面 {pictures}，声音 {sounds}")


def _streams(source: MediaInfo, output: MediaInfo, plan: Plan) -> Iterator[Proof]:
    pictures = 1 if source.video and output.kind is Kind.VIDEO else 0
    sounds = len(_kept(source, output, plan))
    yield Proof(
        name=Text("streams", "流"),
        expected=_counts(pictures, sounds),
        found=_counts(len(output.video), len(output.audio)),
        passed=len(output.video) == pictures and len(output.audio) == sounds,
    )


def _lengths(info: MediaInfo, stream: VideoStream | AudioStream) -> tuple[Fraction, ...]:
    """How long a stream is: by its own account and by the container's.

    Both count, for either may be off: MP4 adds up the decoding times of a variable stream, and FLV gives only
    the length of the longest stream.
    """
    return tuple(length for length in (stream.duration, info.duration) if length is not None)


def _nearest(before: tuple[Fraction, ...], after: tuple[Fraction, ...]) -> tuple[Fraction, Fraction | None]:
    """The two accounts that agree best; `before` is not empty."""
    pairs = [(old, new) for old in before for new in after[:1]]
    return min(pairs, key=lambda pair: abs(pair[0] - pair[1])) if pairs else (before[0], None)


def _picture(source: MediaInfo, output: MediaInfo, plan: Plan, old: VideoStream, new: VideoStream) -> Iterator[Proof]:
    before, after = _lengths(source, old), _lengths(output, new)
    expected: Fraction | None = None
    if before:
        expected, found = _nearest(before, after)
        rates = [rate for rate in (old.frame_rate, new.frame_rate) if rate]
        slack = (1 / min(rates) if rates else Fraction(0)) + _CLOCK
        # With nothing but the container's length, the padding of its sound is in it.
        if source.audio and (old.duration is None or source.container in _UNMARKED):
            slack = max(slack, SOUND_SLACK)
        yield _close(Text("video duration", "视频时长"), expected, found, slack)
    yield from _frames(old, new, expected)
    if old.alpha and new.alpha is not None and _wish(plan, "video.alpha") is not False:
        yield from _alpha(output, new)


def _frames(old: VideoStream, new: VideoStream, length: Fraction | None) -> Iterator[Proof]:
    """As many frames as there were, or one for each tick of a constant rate in the `length` of the source.

    A source that leaves frames out keeps its gaps where it is copied or stays variable, and has them filled where it
    is made constant.
    """
    expected: list[int] = []
    if old.frames is not None:
        if old.frame_rate == new.frame_rate or (old.variable and new.variable) or _gaps(old):
            expected.append(old.frames)
        elif not old.variable and old.frame_rate and new.frame_rate:
            expected.append(round(old.frames * new.frame_rate / old.frame_rate))
    if length is not None and new.frame_rate and not new.variable and (old.variable or not expected or _gaps(old)):
        expected.append(round(length * new.frame_rate))
    found = new.frames
    if found is None and new.duration is not None and new.frame_rate:
        found = round(new.duration * new.frame_rate)
    if expected:
        nearest = min(expected, key=lambda count: abs(count - (found or 0)))
        yield Proof(
            name=Text("frames", "帧数"),
            expected=_within(nearest, 1),
            found=_shown(found),
            passed=found is not None and abs(found - nearest) <= 1,
        )


def _gaps(stream: VideoStream) -> bool:
    """Whether it lasts longer, by more than two frames, than those that it has do at its rate."""
    if stream.frames is None or stream.duration is None or not stream.frame_rate:
        return False
    return stream.duration - stream.frames / stream.frame_rate > 2 / stream.frame_rate


_KEPT: Final = Text("kept", "保留")


def _alpha(output: MediaInfo, new: VideoStream) -> Iterator[Proof]:
    """Transparency survives wherever the new codec can carry it in the new container."""
    if keeps_alpha(str(output.container), new.codec):
        yield Proof(
            name=Text("transparency", "透明通道"),
            expected=_KEPT,
            found=_KEPT if new.alpha else Text("lost", "丢失"),
            passed=bool(new.alpha),
        )


def _sound(source: MediaInfo, output: MediaInfo, old: AudioStream, new: AudioStream) -> Iterator[Proof]:
    before = _lengths(source, old)
    if not before or source.container in ESTIMATED:
        return
    expected, found = _nearest(before, _lengths(output, new))
    rates = [rate for rate in (old.sample_rate, new.sample_rate) if rate]
    padding = Fraction(_PADDING, min(rates)) if rates else Fraction(0)
    name = Text(f"audio duration (stream {new.index})", f"音频时长（第 {new.index} 条流）")
    yield _close(name, expected, found, max(SOUND_SLACK, padding))


def _sync(
    source: MediaInfo, picture: tuple[VideoStream, VideoStream], sound: tuple[AudioStream, AudioStream]
) -> Iterator[Proof]:
    """Sound starts as long after the picture as it did."""
    starts = [stream.start for stream in (*picture, *sound)]
    if starts[0] is None or starts[2] is None:
        return
    before = starts[2] - starts[0]
    after = starts[3] - starts[1] if starts[1] is not None and starts[3] is not None else None
    if after is not None and after > 0 and sound[1].codec == "aac" and sound[1].sample_rate:
        # In front of a sound that begins late nothing tells of the encoder's lead-in: it is silence that is played.
        after = min(after, after + Fraction(_AAC_LEAD_IN, sound[1].sample_rate), key=lambda at: abs(at - before))
    rate = picture[1].frame_rate
    # A new constant rate moves the first frame by up to half of one.
    slack = max(_SYNC, 1 / (2 * rate)) if rate else _SYNC
    if source.container in _UNMARKED and sound[0].codec != sound[1].codec and sound[0].sample_rate:
        slack += Fraction(_LEAD_IN, sound[0].sample_rate)
    yield _close(Text("sound after picture", "音画同步"), before, after, slack + _CLOCK)


# --- pictures and decks -----------------------------------------------------------------------------


def _image(source: MediaInfo, output: MediaInfo, plan: Plan) -> Iterator[Proof]:
    yield from _size_only(source, output, plan)
    if source.image is None:
        return
    asked = any(fix.check in _SHAPES for fix in (*plan.fixes, *plan.advised))
    cropped = any(fix.check in _CROPS for fix in (*plan.fixes, *plan.advised))
    wanted = None if cropped else _fix(plan, "image.size")
    if "image.enlarge" in plan.allowed:
        yield _enlarged(source.image.size, output, wanted)
        return
    expected = wanted if isinstance(wanted, Size) else source.image.size
    found = output.image.size if output.image else None
    if isinstance(wanted, Size) or not asked:
        yield _sized(_shown(expected), found, found == expected)
    else:
        small = found is not None and all(a <= b for a, b in zip(found, source.image.size, strict=True))
        yield _sized(Text(f"not above {source.image.size}", f"不超过 {source.image.size}"), found, small)


def _enlarged(before: Size, output: MediaInfo, wanted: Value | None) -> Proof:
    """On request a picture may grow, until the rules have enough."""
    least = wanted if isinstance(wanted, Size) and grows(before, wanted) else Size(1, 1)
    found = output.image.size if output.image else None
    enough = found is not None and found.width >= least.width and found.height >= least.height
    return _sized(Text(f"at least {least}", f"至少 {least}"), found, enough)


def _sized(expected: Text, found: Size | None, passed: bool) -> Proof:
    return Proof(name=Text("picture size", "画面尺寸"), expected=expected, found=_shown(found), passed=passed)


# Edits that cut something off: a size that is wanted too was named for the whole picture.
_CROPS: Final = frozenset({"image.aspect", "face.framed", "face.roll", "face.share"})
# Edits that change a picture's size without naming it; the byte limit may take pixels as its last resort.
_SHAPES: Final = _CROPS | {"image.size", "image.width", "image.height", "file.size"}


def _slides(source: MediaInfo, output: MediaInfo, plan: Plan) -> Iterator[Proof]:
    yield from _size_only(source, output, plan)
    if source.slides is not None and source.slides.pages is not None:
        found = output.slides.pages if output.slides else None
        most = _fix(plan, "slides.pages")  # split into parts; that they make up the whole is proven by who split it
        yield Proof(
            name=Text("pages", "页数"),
            expected=_shown(source.slides.pages) if most is None else Text(f"1 to {most}", f"1 至 {most}"),
            found=_shown(found),
            passed=found == source.slides.pages
            if not isinstance(most, int)
            else found is not None and 1 <= found <= most,
        )


_PROOFS: Final = {Kind.VIDEO: _media, Kind.AUDIO: _media, Kind.IMAGE: _image, Kind.SLIDES: _slides}
