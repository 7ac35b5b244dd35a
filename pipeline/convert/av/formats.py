"""Containers this tool writes and encoders it uses: what holds what, and the options each needs."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.checks.preferences import ALPHA_HOMES

EncoderOptions = tuple[tuple[str, str], ...]


class Container(Struct, frozen=True):
    """One container format. `video` and `audio` are codecs it may carry (ffmpeg's names); None: any."""

    muxer: str
    extension: str
    video: frozenset[str] | None
    audio: frozenset[str] | None
    new_video: str | None = None  # the codec of a picture made anew for it; None: no encoder of ours suits it
    new_audio: str | None = None
    options: EncoderOptions = ()

    def holds_video(self, codec: str | None) -> bool:
        """Whether a stream of this codec can be copied into it; an unknown codec cannot."""
        return codec is not None and (self.video is None or codec in self.video)

    def holds_audio(self, codec: str | None) -> bool:
        """As `holds_video`, for sound."""
        return codec is not None and (self.audio is None or codec in self.audio)


_NONE: Final[frozenset[str]] = frozenset()
_FRONT: Final = (("movflags", "+faststart"),)
_ISO_VIDEO: Final = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_ISO_AUDIO: Final = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
_PCM: Final = frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8"})
_WINDOWS_AUDIO: Final = frozenset({"wmav1", "wmav2", "wmapro", "wmalossless"})

# What the container may carry by its specification and what common players take; a codec that ffmpeg would
# mux but players refuse (Opus in QuickTime) is left out, so that it is encoded instead.
CONTAINERS: Final[dict[str, Container]] = {
    "mp4": Container("mp4", "mp4", _ISO_VIDEO, _ISO_AUDIO, "h264", "aac", _FRONT),
    "m4v": Container("ipod", "m4v", frozenset({"h264"}), frozenset({"aac", "ac3"}), "h264", "aac", _FRONT),
    "mov": Container(
        "mov",
        "mov",
        frozenset({"h264", "hevc", "mpeg4", "mjpeg", "prores", "dnxhd"}),
        _PCM | {"aac", "mp3", "ac3", "alac", "pcm_s16be", "pcm_s24be"},
        "h264",
        "aac",
        _FRONT,
    ),
    "webm": Container("webm", "webm", frozenset({"vp8", "vp9", "av1"}), frozenset({"opus", "vorbis"}), "vp9", "opus"),
    "mkv": Container("matroska", "mkv", None, None, "h264", "aac"),
    "avi": Container("avi", "avi", frozenset({"mpeg4", "mjpeg", "msmpeg4v3"}), frozenset({"mp3", "pcm_s16le"})),
    "flv": Container("flv", "flv", frozenset({"h264", "flv1"}), frozenset({"aac", "mp3"}), "h264", "aac"),
    "wmv": Container("asf", "wmv", frozenset({"wmv1", "wmv2", "wmv3", "vc1"}), _WINDOWS_AUDIO),
    "m4a": Container("ipod", "m4a", _NONE, frozenset({"aac", "alac"}), None, "aac", _FRONT),
    "mp3": Container("mp3", "mp3", _NONE, frozenset({"mp3"}), None, "mp3"),
    "wav": Container("wav", "wav", _NONE, _PCM, None, "pcm_s16le"),
    "aac": Container("adts", "aac", _NONE, frozenset({"aac"}), None, "aac"),
    "wma": Container("asf", "wma", _NONE, _WINDOWS_AUDIO),
    "flac": Container("flac", "flac", _NONE, frozenset({"flac"})),
}
SOUND_ONLY: Final = frozenset(name for name, c in CONTAINERS.items() if c.video == _NONE)


class VideoEncoder(Struct, frozen=True, kw_only=True):
    """How pictures are encoded. `alpha` is the pixel format that keeps transparency, None when none does."""

    pixel_format: str
    options: EncoderOptions
    alpha: str | None = None
    alpha_options: EncoderOptions = ()
    capped: bool = True  # its rate can be kept below a figure
    crf: str | None = None  # constant quality; None: it knows none
    fine: str | None = None  # ... of pictures with more pixels than a screen of 1440 rows
    aimed: str | None = None  # ... of any picture for a role that states what it aims at
    finer: str | None = None  # ... and of any picture that fell short of that


# H.264: preset superfast with what it leaves out and what costs little in a thread of its own: bits where the next
# twenty frames look (mbtree), by which a scene that lasts is given finer quantisers and noise coarser ones, as ffmpeg's
# default (medium, CRF 23, forty frames) does it. So one CRF scores nearly as that does on scenes of every kind, in a
# quarter to a half of its time where things move; see docs/benchmarks.md. Closed groups of pictures let the far end cut
# anywhere.
# VP9: CRF 24 in constant-quality mode (b:v 0). ProRes: 422 HQ without, 4444 with transparency; with one quantiser
# for all, prores_ks spares itself the search for one that fits its rate, five sixths of its time. At 8 its error is
# half a level of 8 bits (53 dB in brightness, 58 in colour, on the talking head of the benchmarks), and both ways take
# less time than at 4; alpha is kept without loss, which prores_aw does not do.
VIDEO_ENCODERS: Final[dict[str, VideoEncoder]] = {
    "h264": VideoEncoder(
        pixel_format="yuv420p",
        crf="20.3",
        fine="21",
        aimed="17",
        finer="12",
        options=(
            ("c", "libx264"),
            ("preset", "superfast"),
            ("x264-params", "mbtree=1:rc-lookahead=20:b-adapt=0:weightp=0"),
            ("profile", "high"),
            ("flags", "+cgop"),
        ),
    ),
    "vp9": VideoEncoder(
        pixel_format="yuv420p",
        crf="24",
        finer="16",
        options=(
            ("c", "libvpx-vp9"),
            ("b", "0"),
            ("deadline", "good"),
            ("cpu-used", "4"),
            ("row-mt", "1"),
        ),
        alpha="yuva420p",
        alpha_options=(("auto-alt-ref", "0"),),
    ),
    "prores": VideoEncoder(
        pixel_format="yuv422p10le",
        options=(("c", "prores_ks"), ("profile", "3"), ("qscale", "8"), ("vendor", "apl0")),
        alpha="yuva444p10le",
        alpha_options=(("profile", "4"),),
        capped=False,
    ),
}


def keeps_alpha(container: str, codec: str | None) -> bool:
    """Whether a stream of this codec keeps its transparency in this container."""
    return container in ALPHA_HOMES.get(codec or "", ())


# Decoders that see transparency where ffmpeg's own decoders of the same codec drop it without a word.
ALPHA_DECODERS: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class AudioEncoder(Struct, frozen=True, kw_only=True):
    """How sound is encoded. `rates` in hertz, highest first (empty: any); the rest in bits per second."""

    encoder: str
    rates: tuple[int, ...] = ()
    most_channels: int = 8
    mono: int | None = None  # None: the codec's rate follows from its samples
    stereo: int | None = None
    depth: int | None = None  # bits per sample of uncompressed sound

    def rate_for(self, wanted: int) -> int:
        """The highest rate it takes that is not above `wanted`, else its lowest."""
        if not self.rates:
            return wanted
        return max((rate for rate in self.rates if rate <= wanted), default=self.rates[-1])


_MP3_RATES: Final = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
AUDIO_ENCODERS: Final[dict[str, AudioEncoder]] = {
    # 128 kbit/s stereo and 96 kbit/s mono: transparent for speech with ffmpeg's AAC-LC.
    "aac": AudioEncoder(encoder="aac", rates=(96000, 88200, 64000, *_MP3_RATES), mono=96_000, stereo=128_000),
    "mp3": AudioEncoder(encoder="libmp3lame", rates=_MP3_RATES, most_channels=2, mono=128_000, stereo=192_000),
    "opus": AudioEncoder(encoder="libopus", rates=(48000, 24000, 16000, 12000, 8000), mono=96_000, stereo=128_000),
    "pcm_s16le": AudioEncoder(encoder="pcm_s16le", depth=16),
    "pcm_s24le": AudioEncoder(encoder="pcm_s24le", depth=24),
}
