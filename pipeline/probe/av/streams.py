"""Facts about one stream, out of what PyAV tells about it before anything is decoded.

PyAV answers 0 where FFmpeg does not know; here such an answer becomes None.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.model.facts import AudioStream, Size, VideoStream
from pipeline.probe.av.h264 import Sequence, read_extradata
from pipeline.probe.av.mp4 import Track

if TYPE_CHECKING:
    from av.audio.stream import AudioStream as AvAudio
    from av.stream import Stream as AvStream
    from av.video.stream import VideoStream as AvVideo

# FFmpeg's names for the numbers of Rec. ITU-T H.273; 2 and 0 say nothing.
PRIMARIES: Final = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFERS: Final = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
    10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
    16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
MATRICES: Final = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp",
}  # fmt: skip
RANGES: Final = {1: "tv", 2: "pc"}
_COLOURS: Final = (PRIMARIES, TRANSFERS, MATRICES, RANGES)
_CHROMAS: Final = {
    (64, 64): "4:4:4", (32, 64): "4:2:2", (32, 32): "4:2:0", (16, 64): "4:1:1", (64, 32): "4:4:0",
    (16, 16): "4:1:0",
}  # fmt: skip
# Codecs without a way of storing fields.
_PROGRESSIVE: Final = frozenset({"vp8", "vp9", "av1", "flv1", "h263", "wmv1", "wmv2", "gif", "png", "apng"})
_TAGGED_ALPHA: Final = frozenset({"vp8", "vp9"})  # the alpha plane travels beside the picture, so only a tag tells
DEFAULT: Final = 1 << 0  # AV_DISPOSITION_DEFAULT
ATTACHED_PICTURE: Final = 1 << 10  # AV_DISPOSITION_ATTACHED_PIC: a cover
_CLOCK: Final = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_PCM: Final = re.compile(r"pcm_[suf](\d+)")
_PCM_BITS: Final = {"pcm_alaw": 8, "pcm_mulaw": 8}  # as stored; they decode to 13 and 14


class Layout(NamedTuple):
    """What a pixel format says."""

    depth: int | None
    chroma: str | None
    alpha: bool


@lru_cache(maxsize=128)
def pixel_layout(name: str) -> Layout:
    """Bits per component, chroma sampling and alpha of FFmpeg's pixel format `name`."""
    from av.video.format import VideoFormat

    format_ = VideoFormat(name, 64, 64)
    colours = [c for c in format_.components if not c.is_alpha]
    alpha = len(colours) < len(format_.components)
    if format_.has_palette:
        return Layout(8, "rgb", alpha)
    depth = max(c.bits for c in colours) if colours else None
    if format_.is_rgb or format_.is_bayer:
        return Layout(depth, "rgb", alpha)
    if len(colours) == 1:
        return Layout(depth, "gray", alpha)
    return Layout(depth, _CHROMAS.get((format_.chroma_width(64), format_.chroma_height(64))), alpha)


def exact(number: Any) -> Fraction | None:
    """A rate, a ratio or a clock of PyAV's as a fraction; None where it is not set.

    PyAV 19 has rationals of its own, which round where a result does not fit 32 bits, and zero or n/0 for what is not
    set; before, there were fractions and None.
    """
    return Fraction(number.numerator, number.denominator) if number else None


def seconds(ticks: int | None, base: Any) -> Fraction | None:
    """`ticks` of a clock of `base` seconds, as PyAV has it."""
    clock = exact(base)
    return None if ticks is None or clock is None else ticks * clock


def codec_of(stream: AvStream) -> str | None:
    """FFmpeg's name of the codec (not of the decoder: `av1`, not `libdav1d`)."""
    context = stream.codec_context
    if context is None:
        name = getattr(stream, "name", None)
        return name if isinstance(name, str) else None
    return context.codec.canonical_name


def disposition(stream: AvStream) -> int:
    """What the stream is for, as bits of FFmpeg's AV_DISPOSITION: a plain flag up to PyAV 16, a number from 17 on."""
    bits: Any = stream.disposition
    return int(getattr(bits, "value", bits))


def tag(stream: AvStream, *names: str) -> str | None:
    """The first metadata entry under one of `names`, whatever its case."""
    lower = {key.lower(): value for key, value in stream.metadata.items()}
    return next((lower[name] for name in names if name in lower), None)


def _length(stream: AvStream) -> Fraction | None:
    """Of the stream; Matroska has none in its track header, but writers leave it in a tag."""
    if stream.duration:
        return seconds(stream.duration, stream.time_base)
    found = _CLOCK.match(tag(stream, "duration", "duration-eng") or "")
    return int(found[1]) * 3600 + int(found[2]) * 60 + Fraction(found[3]) if found else None


def _bits(stream: AvStream) -> int | None:
    """Bits per second, from the header or from the statistics tag that Matroska writers leave."""
    rate = stream.codec_context.bit_rate if stream.codec_context else None
    if rate:
        return rate
    stated = tag(stream, "bps", "bps-eng") or ""
    return int(stated) if stated.isdecimal() and int(stated) else None


def _rotation(stream: AvStream, track: Track | None) -> int | None:
    """Display matrix first; the older `rotate` tag says the same angle, clockwise, as text."""
    if track is not None:
        return track.rotation
    stated = tag(stream, "rotate") or "0"
    return int(stated) % 360 if stated.lstrip("-").isdecimal() and int(stated) % 90 == 0 else None


def _positive(*rates: Fraction | None) -> Fraction | None:
    return next((rate for rate in rates if rate and rate > 0), None)


def as_shown(coded: Size | None, aspect: Fraction | None, rotation: int | None) -> Size | None:
    """The size after pixel aspect (stretched in width, as FFmpeg counts it) and rotation."""
    if coded is None:
        return None
    wide = Size(max(1, round(coded.width * (aspect or 1))), coded.height)
    return Size(wide.height, wide.width) if rotation in {90, 270} else wide


def pixel_format(stream: AvStream) -> str | None:
    """FFmpeg's name. Not `pix_fmt`, which ends the process in PyAV 15 to 17 where none is known."""
    context: Any = stream.codec_context
    return context.format.name if context and context.format else None


def sequence_of(stream: AvStream) -> Sequence | None:
    """The H.264 parameter set in the container's header, where there is one."""
    context = stream.codec_context
    return read_extradata(context.extradata) if context and codec_of(stream) == "h264" else None


def video_facts(stream: AvVideo, track: Track | None) -> VideoStream:
    """Facts about a moving picture; `track` holds what only its container's own tables say."""
    context: Any = stream.codec_context
    codec = codec_of(stream)
    if context is None:
        return VideoStream(index=stream.index, codec=codec, duration=_length(stream))
    sequence = sequence_of(stream)
    pixel = (sequence.pixel_format if sequence else None) or pixel_format(stream)
    layout = pixel_layout(pixel) if pixel else Layout(None, None, False)
    coded = Size(context.width, context.height) if context.width and context.height else None
    if coded is None and track and track.stated and all(track.stated):  # too large for FFmpeg, which then tells none
        coded = Size(*track.stated)
    # FFmpeg's decoders show only this rectangle, and so do most players; only PyAV does not tell of it.
    clean = coded
    if coded and track and track.clean and track.clean <= coded and track.clean[1] <= coded.height:
        clean = Size(*track.clean)
    # The container's pixel aspect wins, as in players. Where neither it nor the codec states one, pixels are square.
    aspect = _positive(
        exact(stream.sample_aspect_ratio), exact(context.sample_aspect_ratio), sequence.aspect if sequence else None
    )
    rotation = _rotation(stream, track)

    # The container's colours win, as in FFmpeg; the parameter set fills what it leaves open.
    own = sequence.colours if sequence else (None, None, None, None)
    stated = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
    primaries, transfer, matrix, range_ = (
        names.get(number) or (None if other is None else names.get(other))
        for names, number, other in zip(_COLOURS, stated, own, strict=True)
    )
    order = getattr(context, "field_order", 0)  # PyAV tells it from 18.1 on; see `opening.interlaced`
    if order:
        interlaced: bool | None = order > 1
    else:
        interlaced = False if codec in _PROGRESSIVE or (sequence and sequence.progressive) else None
    alpha = layout.alpha or (codec in _TAGGED_ALPHA and tag(stream, "alpha_mode") == "1")
    return VideoStream(
        index=stream.index,
        codec=codec,
        profile=context.profile,
        pixel_format=pixel,
        bit_depth=layout.depth,
        chroma=layout.chroma,
        color_primaries=primaries,
        color_transfer=transfer,
        color_matrix=matrix,
        color_range=range_,
        dolby_vision=track.dolby_vision if track else None,
        coded=coded,
        size=as_shown(clean, aspect, rotation),
        sample_aspect=aspect or Fraction(1),
        rotation=rotation,
        frame_rate=_positive(
            track.frame_rate if track else None, exact(stream.average_rate), exact(stream.guessed_rate)
        ),
        variable=track.variable if track else None,
        interlaced=interlaced,
        alpha=alpha if pixel else None,
        frames=stream.frames or None,
        start=seconds(stream.start_time, stream.time_base),
        duration=_length(stream),
        bit_rate=_bits(stream),
    )


def audio_depth(codec: str | None, extradata: bytes | None) -> int | None:
    """Bits per sample of PCM, FLAC and ALAC; lossy codecs have none."""
    if codec is None:
        return None
    if codec in _PCM_BITS:
        return _PCM_BITS[codec]
    if found := _PCM.match(codec):
        return int(found[1])
    data = extradata or b""
    if codec == "flac" and len(data) >= 14:  # STREAMINFO, RFC 9639, 8.2: 5 bits from bit 103 on
        return ((data[12] & 1) << 4 | data[13] >> 4) + 1
    if codec == "alac" and len(data) >= 18:  # ALACSpecificConfig after size, "alac" and version
        return data[17]
    return None


def audio_facts(stream: AvAudio) -> AudioStream:
    """Facts about a sound stream."""
    context: Any = stream.codec_context
    codec = codec_of(stream)
    language = stream.language if stream.language not in {None, "", "und"} else None
    default = bool(disposition(stream) & DEFAULT)
    if context is None:
        return AudioStream(index=stream.index, codec=codec, language=language, default=default)
    channels = context.channels or None
    name = context.layout.name if channels else None
    if name and name.endswith(" channels"):
        # Of unstated order: one is mono, two are left and right; WAVEFORMATEX, AIFF and ASF know no other.
        name = {1: "mono", 2: "stereo"}.get(channels or 0)
    return AudioStream(
        index=stream.index,
        codec=codec,
        profile=context.profile,
        sample_rate=context.sample_rate or None,
        channels=channels,
        layout=name,
        sample_format=context.format.name if context.format else None,
        bit_depth=audio_depth(codec, context.extradata),
        start=seconds(stream.start_time, stream.time_base),
        duration=_length(stream),
        bit_rate=_bits(stream),
        language=language,
        default=default,
    )
