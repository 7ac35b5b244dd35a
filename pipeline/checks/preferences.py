"""Which of several acceptable values suits a picture best, where the nearest one would cost more than it must.

A limit knows only its own numbers; these functions know what a frame rate and transparency are. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from pipeline.model.facts import MediaInfo, Value, VideoStream
from pipeline.model.rules import Reading

# Whether a file with these facts would break no rule of level error on the named checks.
Obeys = Callable[[MediaInfo, frozenset[str]], bool]

# Leaving out every second, third ... frame keeps motion even; below film's rate the gaps would show more.
FILM: Final = Fraction(24000, 1001)

# Where transparency lives: VP8 and VP9 carry it beside the picture, which MP4 has no place for. The containers
# in the order in which they are tried.
ALPHA_HOMES: Final = {"vp8": ("webm", "mkv"), "vp9": ("webm", "mkv"), "prores": ("mov", "mkv")}
_ALPHA_ENCODED: Final = ("vp9", "prores")  # what can be made anew with it
_PACKING: Final = frozenset(
    {"video.alpha", "video.codec", "video.codec_in_container", "container.format", "file.format"}
)


def _stream(info: MediaInfo, reading: Reading) -> VideoStream | None:
    return next((s for s in info.video if s.index == reading.stream), None)


def _with(info: MediaInfo, stream: VideoStream, changed: VideoStream) -> MediaInfo:
    return replace(info, video=tuple(changed if s is stream else s for s in info.video))


def whole_steps(info: MediaInfo, reading: Reading, nearest: Value, obeys: Obeys) -> Value:
    """The source's rate divided by a whole number, 59.94 -> 29.97 and not 30, where the rules take that."""
    stream = _stream(info, reading)
    if stream is None or not stream.frame_rate or not isinstance(nearest, int | Fraction) or nearest <= 0:
        return nearest
    whole = stream.frame_rate / -(-stream.frame_rate // Fraction(nearest))  # ceiling
    if whole < min(Fraction(nearest), FILM):
        return nearest
    stepped = _with(info, stream, replace(stream, frame_rate=whole))
    return whole if obeys(stepped, frozenset({"video.frame_rate"})) else nearest


def _home(info: MediaInfo, obeys: Obeys) -> tuple[str, str] | None:
    """Codec and container in which the rules let the transparency of the first picture stream live on."""
    stream = info.video[0] if info.video else None
    if stream is None or not stream.alpha:
        return None
    for codec in dict.fromkeys((str(stream.codec), *_ALPHA_ENCODED)):
        for container in ALPHA_HOMES.get(codec, ()):
            moved = replace(_with(info, stream, replace(stream, codec=codec)), container=container)
            if obeys(moved, _PACKING):
                return codec, container
    return None


def alpha_codec(info: MediaInfo, reading: Reading, nearest: Value, obeys: Obeys) -> Value:
    """For a transparent picture a codec that keeps it so, where the rules take one."""
    stream = _stream(info, reading)
    home = _home(info, obeys) if stream is not None and stream.alpha else None
    return home[0] if home else nearest


def alpha_container(info: MediaInfo, _: Reading, nearest: Value, obeys: Obeys) -> Value:
    """As `alpha_codec`, the container."""
    home = _home(info, obeys)
    return home[1] if home else nearest


def moving_format(info: MediaInfo, _reading: Reading, nearest: Value, obeys: Obeys) -> Value:
    """For an animation a format that keeps it one, where the rules take one; many show an animated PNG as a still."""
    picture = info.image
    if picture is None or picture.format not in {"gif", "webp", "png", "avif"} or (picture.frames or 1) < 2:
        return nearest
    names = frozenset({"image.format", "image.animated"})
    homes = (home for home in ("gif", "webp") if obeys(replace(info, image=replace(picture, format=home)), names))
    return next(homes, nearest)
