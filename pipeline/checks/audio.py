"""Checks on sound streams."""

from __future__ import annotations

from functools import partial

from pipeline.checks.base import SOUNDING, check, lossy, of_audio, of_file, only_down
from pipeline.model.rules import Safety

_check = partial(check, kinds=SOUNDING)

CHECKS = (
    _check(
        "audio.count",
        "sound streams",
        "音频流数量",
        "count",
        read=of_file(lambda i: len(i.audio)),
        needs=frozenset({"tracks"}),  # which of them stays where one does
        safety=lambda a, w: Safety.LOSSLESS if a != w and w == 1 and a != 0 else Safety.MANUAL,
    ),
    _check("audio.codec", "audio codec", "音频编码", "text", read=of_audio(lambda s: s.codec), safety=lossy),
    _check(
        "audio.channels", "audio channels", "声道数", "count", read=of_audio(lambda s: s.channels), safety=only_down
    ),
    _check(
        "audio.sample_rate",
        "audio sample rate",
        "采样率",
        "hertz",
        read=of_audio(lambda s: s.sample_rate),
        safety=only_down,
    ),
    _check(
        "audio.bit_depth",
        "audio bit depth",
        "音频位深",
        "count",
        read=of_audio(lambda s: s.bit_depth),
        safety=only_down,
    ),
    _check(
        "audio.bit_rate", "audio bit rate", "音频码率", "bits", read=of_audio(lambda s: s.bit_rate), safety=only_down
    ),
    _check("audio.duration", "audio duration", "音频时长", "seconds", read=of_audio(lambda s: s.duration)),
    _check(
        "audio.codec_name_length",
        "length of the codec name",
        "编码名称长度",
        "count",
        read=of_audio(lambda s: len(s.codec) if s.codec else None),
        unit="characters",
    ),
)
