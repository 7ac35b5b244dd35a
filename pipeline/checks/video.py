"""Checks on moving-picture streams."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from pipeline.checks import preferences
from pipeline.checks.base import MOVING, check, lossy, of_file, of_video, only_down
from pipeline.model.facts import MediaInfo, Size, Text, Value, VideoStream
from pipeline.model.rules import Reading, Safety


def _aspect(stream: VideoStream) -> Fraction | None:
    return Fraction(stream.size.width, stream.size.height) if stream.size else None


def _rate_mode(stream: VideoStream) -> str | None:
    return None if stream.variable is None else "variable" if stream.variable else "constant"


def _packing(info: MediaInfo) -> Iterator[Reading]:
    for stream in info.video:
        known = stream.codec is not None and info.container is not None
        yield Reading(f"{stream.codec} in {info.container}" if known else None, stream.index)


def _square(stream: VideoStream) -> bool | None:
    return None if stream.sample_aspect is None else stream.sample_aspect == 1


def _even(stream: VideoStream) -> bool | None:
    return stream.size and not (stream.size.width % 2 or stream.size.height % 2)


def _shrunk(actual: Value, target: Value) -> Safety:
    """Smaller in the same shape, within what rounding to even numbers takes."""
    if isinstance(actual, Size) and isinstance(target, Size):
        scale = Fraction(target.width, actual.width)
        if abs(actual.height * scale - target.height) > max(Fraction(2), Fraction(target.height, 100)):
            return Safety.MANUAL
    return only_down(actual, target)


def _to_false(actual: Value, target: Value) -> Safety:
    return Safety.LOSSY if actual is True and target is False else Safety.MANUAL


def _to_true(actual: Value, target: Value) -> Safety:
    return Safety.LOSSY if actual is False and target is True else Safety.MANUAL


def _base_layer(info: MediaInfo) -> Iterator[Reading]:
    """Of streams that state Dolby Vision. Profile 5 keeps its base layer in colours of its own (compatibility 0)."""
    for stream in info.video:
        if stream.dolby_vision is not None:
            yield Reading(not stream.dolby_vision.endswith(".0"), stream.index)


_check = partial(check, kinds=MOVING)

CHECKS = (
    _check(
        "video.count",
        "moving-picture streams",
        "视频流数量",
        "count",
        read=of_file(lambda i: len(i.video)),
        safety=lambda a, w: Safety.LOSSLESS if a != w and w == 1 and a != 0 else Safety.MANUAL,
    ),
    _check(
        "video.codec",
        "video codec",
        "视频编码",
        "text",
        read=of_video(lambda s: s.codec),
        safety=lossy,
        prefer=preferences.alpha_codec,
    ),
    _check("video.codec_in_container", "codec in container", "编码与封装组合", "text", read=_packing, safety=lossy),
    _check("video.profile", "codec profile", "编码档次", "text", read=of_video(lambda s: s.profile)),
    _check(
        "video.size",
        "picture size",
        "画面尺寸",
        "size",
        read=of_video(lambda s: s.size),
        safety=_shrunk,
        help=Text(
            "A picture is only ever shrunk in its own shape: enlarging, bars and cropping would invent or lose pixels. "
            "Shoot again with the camera set to the wanted size, upright or lying as wanted.",
            "画面只能按原比例缩小：放大、加黑边或裁剪会虚构或丢失像素。请将摄像机设为所需分辨率和横竖方向后重新拍摄。",
        ),
    ),
    _check(
        "video.width",
        "picture width",
        "画面宽度",
        "count",
        read=of_video(lambda s: s.size and s.size.width),
        safety=only_down,
        unit="px",
    ),
    _check(
        "video.height",
        "picture height",
        "画面高度",
        "count",
        read=of_video(lambda s: s.size and s.size.height),
        safety=only_down,
        unit="px",
    ),
    _check("video.even", "even width and height", "宽高为偶数", "flag", read=of_video(_even), safety=_to_true),
    _check("video.aspect", "aspect ratio", "宽高比", "ratio", read=of_video(_aspect)),
    _check(
        "video.frame_rate",
        "frame rate",
        "帧率",
        "rate",
        read=of_video(lambda s: s.frame_rate),
        safety=only_down,
        unit="fps",
        prefer=preferences.whole_steps,
    ),
    _check(
        "video.rate_mode",
        "constant or variable frame rate",
        "固定或可变帧率",
        "text",
        read=of_video(_rate_mode),
        safety=lambda a, w: Safety.LOSSY if a == "variable" and w == "constant" else Safety.MANUAL,
    ),
    _check(
        "video.pixel_format",
        "pixel format",
        "像素格式",
        "text",
        read=of_video(lambda s: s.pixel_format),
        safety=lossy,
        untold=Text(
            "the file does not tell, or its codec is none that is decoded here: export it as H.264, H.265 or ProRes",
            "文件未提供该信息，或其编码不在可解码之列：请导出为 H.264、H.265 或 ProRes",
        ),
    ),
    _check("video.chroma", "chroma sampling", "色度采样", "text", read=of_video(lambda s: s.chroma), safety=lossy),
    _check(
        "video.bit_depth", "bits per component", "位深", "count", read=of_video(lambda s: s.bit_depth), safety=only_down
    ),
    _check("video.hdr", "high dynamic range", "高动态范围", "flag", read=of_video(lambda s: s.hdr), safety=_to_false),
    _check(
        "video.base_layer",
        "picture without Dolby Vision can be seen",
        "不经杜比视界解码亦可正常观看",
        "flag",
        read=_base_layer,
    ),
    _check("video.alpha", "transparency", "透明通道", "flag", read=of_video(lambda s: s.alpha), safety=_to_false),
    _check(
        "video.interlaced", "interlaced", "隔行扫描", "flag", read=of_video(lambda s: s.interlaced), safety=_to_false
    ),
    _check("video.square_pixels", "square pixels", "方形像素", "flag", read=of_video(_square), safety=_to_true),
    _check(
        "video.rotation",
        "rotation left to the player",
        "由播放器执行的旋转",
        "count",
        read=of_video(lambda s: s.rotation),
        safety=lambda a, w: Safety.LOSSY if a != w and w == 0 else Safety.MANUAL,
        unit="degrees",
    ),
    _check(
        "video.bit_rate", "video bit rate", "视频码率", "bits", read=of_video(lambda s: s.bit_rate), safety=only_down
    ),
    _check(
        "video.codec_name_length",
        "length of the codec name",
        "编码名称长度",
        "count",
        read=of_video(lambda s: len(s.codec) if s.codec else None),
        unit="characters",
    ),
)
