"""Checks on pictures."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from pipeline.checks import preferences
from pipeline.checks.base import Read, check, lossless, lossy, of_file, only_down
from pipeline.model.facts import ImageInfo, Kind, Text, Value
from pipeline.model.rules import Safety

PICTURE = frozenset({Kind.IMAGE})


def _of(value: Callable[[ImageInfo], Value | None]) -> Read:
    return of_file(lambda info: value(info.image) if info.image else None)


_check = partial(check, kinds=PICTURE)


def drawn_anew(actual: Value, target: Value) -> Safety:
    """Another format is made of decoded pixels, which a drawing (SVG) or a layered file (PSD) does not have here."""
    return Safety.MANUAL if actual in {"svg", "psd"} else lossy(actual, target)


CHECKS = (
    _check(
        "image.format",
        "picture format",
        "图片格式",
        "text",
        read=_of(lambda i: i.format),
        safety=drawn_anew,
        prefer=preferences.moving_format,
        help=Text("SVG and PSD are not drawn here; export them.", "此处无法绘制 SVG 与 PSD，请自行导出。"),
    ),
    _check("image.size", "picture size", "图片尺寸", "size", read=_of(lambda i: i.size), safety=lossy),
    _check(
        "image.width", "picture width", "图片宽度", "count", read=_of(lambda i: i.size.width), safety=lossy, unit="px"
    ),
    _check(
        "image.height",
        "picture height",
        "图片高度",
        "count",
        read=_of(lambda i: i.size.height),
        safety=lossy,
        unit="px",
    ),
    _check("image.aspect", "aspect ratio", "宽高比", "ratio", read=_of(lambda i: Fraction(*i.size)), safety=lossy),
    _check("image.mode", "colour mode", "色彩模式", "text", read=_of(lambda i: i.mode), safety=lossy),
    _check(
        "image.bit_depth", "bits per channel", "每通道位深", "count", read=_of(lambda i: i.bit_depth), safety=only_down
    ),
    _check(
        "image.orientation",
        "EXIF orientation",
        "EXIF 方向",
        "count",
        read=_of(lambda i: i.orientation),
        safety=lambda a, w: Safety.LOSSY if a != w and w == 1 else Safety.MANUAL,
    ),
    _check(
        "image.animated",
        "animated",
        "动图",
        "flag",
        read=_of(lambda i: None if i.frames is None else i.frames > 1),
        safety=lambda a, w: Safety.LOSSY if a is True and w is False else Safety.MANUAL,
    ),
    _check("image.alpha", "transparency", "透明通道", "flag", read=_of(lambda i: i.alpha)),
    _check(
        "image.location",
        "location in the metadata",
        "元数据含位置信息",
        "flag",
        read=_of(lambda i: i.has_location),
        safety=lossless,
    ),
    _check(
        "image.decodable",
        "can be decoded",
        "可以解码",
        "flag",
        read=_of(lambda i: i.decodes),
        needs=frozenset({"decode"}),
        help=Text(
            "Open it in an image program and save it again, or send it again.",
            "请用图片软件打开并重新保存，或重新传输。",
        ),
    ),
    _check(
        "image.codec_name_length",
        "length of the format name",
        "格式名称长度",
        "count",
        read=_of(lambda i: len(i.format)),
        unit="characters",
    ),
)
