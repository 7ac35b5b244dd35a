"""How one picture stream is made anew: codec, size, rate, colour, transparency, greatest bit rate. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from msgspec import Struct

from pipeline.checks.preferences import FILM
from pipeline.convert.av.formats import ALPHA_DECODERS, CONTAINERS, VIDEO_ENCODERS, VideoEncoder, keeps_alpha
from pipeline.convert.av.sound import Sound
from pipeline.convert.av.targets import Wishes
from pipeline.errors import AssetError
from pipeline.model.facts import AudioStream, MediaInfo, Size, VideoStream
from pipeline.model.units import STEADY, show

_MARGIN: Final = Fraction(98, 100)  # of a byte budget: what the container itself may need
_PER_SECOND: Final = 8_000  # bit/s of indexes, measured at 25 fps with sound: about 6 kbit/s
_UNKNOWN_SOUND: Final = 320_000  # bit/s set aside for a copied sound stream that does not say
_POOREST: Final = 100_000  # bit/s; below this no picture is worth handing over
# Seconds between entry points: x264's own at 25 fps. Every two seconds would cost a calm picture half its size again.
_ENTRY: Final = 10
_NO_CAP: Final = (
    80_000_000  # bit/s; more than the finest picture asks for at 4K, so a cap there would only raise the level
)
_FINE: Final = 2560 * 1440  # pixels; above, those of one picture are too small for single ones to be seen
_WIDE: Final = frozenset({"bt2020", "smpte431", "smpte432"})


class Picture(Struct, frozen=True, kw_only=True):
    """An encoded picture stream. Stated are in pixels as shown; None keeps what is there."""

    codec: str
    pixel_format: str
    size: Size | None = None
    crop: bool = False  # `size` cuts off one row or column instead of scaling
    pad: Size | None = None  # the frame around `size`
    rate: Fraction | None = None
    untimed: bool = False  # its clock is late by as many frames as were reordered: it begins at zero
    deinterlace: bool = False
    tone_map: bool = False
    wide: bool = False  # primaries beyond BT.709 are brought back
    matrix: str | None = None  # what an untagged stream is taken for
    primaries: str | None = None  # as `matrix`; only HDR needs one
    alpha: bool = False  # transparency is kept
    background: str | None = None  # transparency is laid over this colour, "#RRGGBB"
    frame: str = "#000000"  # colour of the padding
    decoder: str | None = None
    cap: int | None = None  # bits per second, greatest
    crf: str | None = None  # constant quality, in the encoder's own measure
    group: int | None = None  # frames between two entry points
    shown: Size | None = None  # of the new stream
    playing: Fraction | None = None  # frames per second of the new stream
    lasts: Fraction | None = None  # seconds of the source, by its stream, its container or its frames

    @property
    def encoder(self) -> VideoEncoder:
        """How its codec is encoded."""
        return VIDEO_ENCODERS[self.codec]


_REORDERS: Final = frozenset({"h264", "hevc"})


def untimed(info: MediaInfo, stream: VideoStream) -> bool:
    """Whether only a decoder can tell when the frames are shown. Baseline H.264 has them in order."""
    in_order = stream.profile is not None and "Baseline" in stream.profile
    return info.container == "avi" and stream.codec in _REORDERS and not in_order


def must_keep_alpha(stream: VideoStream, wishes: Wishes) -> bool:
    """Whether transparency is there and nothing asks for it to go."""
    if not stream.alpha or wishes.value("video.alpha", stream.index) is False:
        return False
    wanted = wishes.value("video.codec", stream.index)
    return wanted is None or (wanted in VIDEO_ENCODERS and VIDEO_ENCODERS[str(wanted)].alpha is not None)


def alpha_codec(container: str, wishes: Wishes, stream: VideoStream) -> str | None:
    """The codec that keeps transparency in this container: the wanted one, else the delivered one first.

    None: there is none.
    """
    wanted = wishes.value("video.codec", stream.index)
    choice = (wishes.role.wants("video_codec"), CONTAINERS[container].new_video, *VIDEO_ENCODERS)
    for codec in choice if wanted is None else (wanted,):
        encoder = VIDEO_ENCODERS.get(str(codec))
        if encoder and encoder.alpha and keeps_alpha(container, str(codec)):
            return str(codec)
    return None


def _codec(info: MediaInfo, stream: VideoStream, wishes: Wishes, container: str) -> str:
    held = CONTAINERS[container]
    wanted = wishes.value("video.codec", stream.index)
    packing = wishes.value("video.codec_in_container", stream.index)
    if wanted is None and isinstance(packing, str):
        wanted = packing.partition(" in ")[0]
    if wanted is None and must_keep_alpha(stream, wishes):
        wanted = alpha_codec(container, wishes, stream)
    deliver = wishes.role.wants("video_codec")
    if wanted is None and isinstance(deliver, str) and held.holds_video(deliver):
        wanted = deliver
    name = str(wanted or held.new_video)
    if name not in VIDEO_ENCODERS:
        raise AssetError(
            f"{info.name}: pictures as {name} in {container} are wanted; only {', '.join(VIDEO_ENCODERS)} "
            "can be encoded. Put one of these first in the preset's list of codecs.",
            f"{info.name}：需要 {container} 中的 {name} 视频，但只能编码 {'、'.join(VIDEO_ENCODERS)}。"
            "请在预设的编码列表中将其中之一放在首位。",
        )
    return name


def _evened(size: Size) -> Size:
    return Size(*(max(2, side // 2 * 2) for side in size))


def _fitted(shown: Size, wanted: Size) -> tuple[Size, Size | None]:
    """The largest picture of its shape inside `wanted`, and `wanted` as its frame where shapes differ."""
    scale = min(Fraction(wanted.width, shown.width), Fraction(wanted.height, shown.height), Fraction(1))
    inner = Size(*(max(2, round(side * scale / 2) * 2) for side in shown))
    # Rounding to even numbers may take two pixels; that is not another shape.
    if all(abs(a - b) <= 2 for a, b in zip(inner, wanted, strict=True)):
        return wanted, None
    return Size(min(inner.width, wanted.width), min(inner.height, wanted.height)), wanted


def _size(stream: VideoStream, wishes: Wishes, *, even: bool) -> tuple[Size | None, Size | None, bool]:
    """The size to scale to, the frame around it, and whether cutting will do."""
    shown = stream.size
    if shown is None:
        return None, None, False
    width, height = (wishes.value(f"video.{side}", stream.index) for side in ("width", "height"))
    wanted = wishes.value("video.size", stream.index)
    if isinstance(wanted, Size):
        size, pad = _fitted(shown, wanted)
    else:
        ratios = [
            Fraction(value, side)
            for value, side in ((width, shown.width), (height, shown.height))
            if isinstance(value, int)
        ]
        scale = min([Fraction(1), *ratios])
        exact = [round(shown.width * scale), round(shown.height * scale)]
        size, pad = Size(*exact) if ratios else shown, None
    if even or wishes.value("video.even", stream.index) is True:
        size = _evened(size)
    square = stream.sample_aspect in (None, 1)
    crop = square and size != shown and all(0 <= a - b <= 1 for a, b in zip(shown, size, strict=True))
    return size, pad, crop


def _rate(stream: VideoStream, wishes: Wishes) -> Fraction | None:
    """Frames per second to bring the stream to, or None to leave its frames alone."""
    source, deliver = stream.frame_rate, wishes.role.wants("frame_rate")
    fix = wishes.value("video.frame_rate", stream.index)
    wanted = Fraction(fix) if isinstance(fix, int | Fraction) else None
    if wanted is None and isinstance(deliver, Fraction) and source is not None and deliver < source:
        wanted = deliver
    steady = wishes.value("video.rate_mode", stream.index) == "constant"
    if wanted is None and not steady:
        # A constant stream is put on its own clock again: AVI and Matroska leave holes and rounded times.
        return source if stream.variable is False else None
    if source is None:
        return wanted
    if wanted is None:
        # A variable stream is made constant at the next usual rate above its average.
        above = [r for r in STEADY if r >= source and wishes.accepted("video.frame_rate", r)]
        return above[0] if above else source
    if stream.variable:
        # Its average has no frames of its own to keep: the next of the usual rates that the rules take.
        above = [r for r in STEADY if r >= wanted and wishes.accepted("video.frame_rate", r)]
        return above[0] if above else wanted
    if fix is None:
        whole = source / -(-source // wanted)  # ceil
        if whole >= min(wanted, FILM) and wishes.accepted("video.frame_rate", whole, warnings=True):
            return whole
    return wanted


def _cap(
    info: MediaInfo,
    stream: VideoStream,
    wishes: Wishes,
    audio: tuple[AudioStream, ...],
    sounds: tuple[Sound | None, ...],
) -> int | None:
    """Greatest bits per second, so that the file keeps within its bytes and the stream within its rate.

    A VBV of one second may be full at the start and empty at the end: one second more than there is.
    """
    seconds = wishes.length(stream.duration or info.duration)
    budget, rate = wishes.most("file.size"), wishes.most("video.bit_rate")
    if seconds is None or seconds <= 0:
        return rate
    bounds = [rate * seconds / (seconds + 1)] if rate is not None else []
    if budget is not None:
        heard = sum(
            (made.bit_rate if made and made.bit_rate else heard.bit_rate) or _UNKNOWN_SOUND
            for heard, made in zip(audio, sounds, strict=True)
        )
        bounds.append((budget * 8 * _MARGIN - (heard + _PER_SECOND) * seconds) / (seconds + 1))
    cap = min(bounds, default=Fraction(_NO_CAP))
    if cap < _POOREST:
        limit = show(budget, "bytes") if budget is not None else show(rate, "bits")
        raise AssetError(
            f"{info.name}: {float(seconds):.0f} s of video cannot be kept within {limit} at a quality worth "
            "handing over. Cut it into shorter parts.",
            f"{info.name}：{float(seconds):.0f} 秒的视频无法在可用的画质下控制在 {limit} 以内。请剪成更短的片段。",
        )
    return int(cap) if cap < _NO_CAP else None


def _counted(stream: VideoStream) -> Fraction | None:
    """Seconds that all frames are shown for, where both are known."""
    return stream.frames / stream.frame_rate if stream.frames and stream.frame_rate else None


def _untagged_matrix(stream: VideoStream) -> str | None:
    """What players take an untagged stream for: BT.709 from 720 rows or 1280 columns up, else BT.601."""
    if stream.color_matrix is not None or stream.chroma == "rgb" or stream.coded is None:
        return None
    if stream.hdr:
        return "bt2020nc"
    return "bt709" if stream.coded.height >= 720 or stream.coded.width >= 1280 else "smpte170m"


def _crf(encoder: VideoEncoder, shown: Size | None, wishes: Wishes) -> str | None:
    """The constant quality of a picture of this size."""
    if wishes.plan.finer and encoder.finer:
        return encoder.finer
    if encoder.aimed and wishes.role.wants("aim_vmaf") is not None:
        return encoder.aimed
    large = shown is not None and shown.width * shown.height > _FINE
    return encoder.fine if large and encoder.fine else encoder.crf


def design(
    info: MediaInfo,
    stream: VideoStream,
    wishes: Wishes,
    container: str,
    audio: tuple[AudioStream, ...],
    sounds: tuple[Sound | None, ...],
) -> Picture:
    """The encoded stream that honours every wish at once.

    Raises AssetError for a codec that cannot be encoded and for a byte budget too small for the length.
    """
    codec = _codec(info, stream, wishes, container)
    encoder = VIDEO_ENCODERS[codec]
    alpha = must_keep_alpha(stream, wishes) and keeps_alpha(container, codec)
    wanted = wishes.value("video.pixel_format", stream.index)
    pixels = encoder.alpha if alpha and encoder.alpha else str(wanted or encoder.pixel_format)
    size, pad, crop = _size(stream, wishes, even="444" not in pixels)
    rate = _rate(stream, wishes)
    background = wishes.role.wants("background")
    colour = background if isinstance(background, str) else "#000000"
    playing = rate or stream.frame_rate
    return Picture(
        codec=codec,
        pixel_format=pixels,
        size=size,
        crop=crop,
        pad=pad,
        rate=rate,
        untimed=untimed(info, stream),
        deinterlace=stream.interlaced is True,
        tone_map=stream.hdr is True,
        wide=stream.color_primaries in _WIDE and None not in (stream.color_transfer, stream.color_matrix),
        matrix=_untagged_matrix(stream),
        primaries="bt2020" if stream.hdr and stream.color_primaries is None else None,
        alpha=alpha,
        background=None if alpha or not stream.alpha else colour,
        frame=colour,
        decoder=ALPHA_DECODERS.get(str(stream.codec)) if stream.alpha else None,
        crf=_crf(encoder, pad or size or stream.size, wishes),
        cap=_cap(info, stream, wishes, audio, sounds) if encoder.capped else None,
        group=round(_ENTRY * playing) if playing else None,
        shown=pad or size or stream.size,
        playing=playing,
        lasts=stream.duration or info.duration or _counted(stream),
    )
