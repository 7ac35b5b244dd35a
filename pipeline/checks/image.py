"""Checks on pictures."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from pipeline.checks.base import Read, check, lossless, lossy, of_file, only_down
from pipeline.model.facts import ImageInfo, Kind, Text, Value
from pipeline.model.rules import Safety

PICTURE = frozenset({Kind.IMAGE})


def _of(value: Callable[[ImageInfo], Value | None]) -> Read:
    return of_file(lambda info: value(info.image) if info.image else None)


CHECKS = (
    check("image.format", "picture format", "图片格式", "text", PICTURE, _of(lambda i: i.format), safety=lossy),
    check("image.size", "picture size", "图片尺寸", "size", PICTURE, _of(lambda i: i.size), safety=lossy),
    check(
        "image.width",
        "picture width",
        "图片宽度",
        "count",
        PICTURE,
        _of(lambda i: i.size.width),
        safety=lossy,
        unit="px",
    ),
    check(
        "image.height",
        "picture height",
        "图片高度",
        "count",
        PICTURE,
        _of(lambda i: i.size.height),
        safety=lossy,
        unit="px",
    ),
    check("image.aspect", "aspect ratio", "宽高比", "ratio", PICTURE, _of(lambda i: Fraction(*i.size)), safety=lossy),
    check("image.mode", "colour mode", "色彩模式", "text", PICTURE, _of(lambda i: i.mode), safety=lossy),
    check(
        "image.bit_depth",
        "bits per channel",
        "每通道位深",
        "count",
        PICTURE,
        _of(lambda i: i.bit_depth),
        safety=only_down,
    ),
    check(
        "image.orientation",
        "EXIF orientation",
        "EXIF 方向",
        "count",
        PICTURE,
        _of(lambda i: i.orientation),
        safety=lambda a, w: Safety.LOSSY if a != w and w == 1 else Safety.MANUAL,
    ),
    check(
        "image.animated",
        "animated",
        "动图",
        "flag",
        PICTURE,
        _of(lambda i: None if i.frames is None else i.frames > 1),
        safety=lambda a, w: Safety.LOSSY if a is True and w is False else Safety.MANUAL,
    ),
    check("image.alpha", "transparency", "透明通道", "flag", PICTURE, _of(lambda i: i.alpha)),
    check(
        "image.location",
        "location in the metadata",
        "元数据含位置信息",
        "flag",
        PICTURE,
        _of(lambda i: i.has_location),
        safety=lossless,
    ),
    check(
        "image.decodable",
        "can be decoded",
        "可以解码",
        "flag",
        PICTURE,
        _of(lambda i: i.decodes),
        needs=frozenset({"decode"}),
        help=Text(
            "Open it in an image program and save it again, or send it again.",
            "请用图片软件打开并重新保存，或重新传输。",
        ),
    ),
    check(
        "image.codec_name_length",
        "length of the format name",
        "格式名称长度",
        "count",
        PICTURE,
        _of(lambda i: len(i.format)),
        unit="characters",
    ),
)
