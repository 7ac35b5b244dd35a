"""Checks on what a recording sounds like. All need the `speech` measurement."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from pipeline.checks.base import SOUNDING, Read, check, of_file
from pipeline.model import Speech, Text

SPEECH = frozenset({"speech"})


def _of(value: Callable[[Speech], Fraction | int | None]) -> Read:
    return of_file(lambda info: value(info.speech) if info.speech else None)


CHECKS = (
    check(
        "speech.snr",
        "signal-to-noise ratio",
        "信噪比",
        "number",
        SOUNDING,
        _of(lambda s: s.snr),
        needs=SPEECH,
        unit="dB",
        help=Text("Record in a quieter place, closer to the microphone.", "请在更安静的环境、离麦克风更近处录制。"),
    ),
    check(
        "speech.c50",
        "clarity C50 (reverberation)",
        "混响指标 C50",
        "number",
        SOUNDING,
        _of(lambda s: s.c50),
        needs=SPEECH,
        unit="dB",
        help=Text("Record in a smaller, softer room.", "请在更小、有吸音材料的房间录制。"),
    ),
    check(
        "speech.clipping",
        "clipping",
        "削波（爆音）",
        "number",
        SOUNDING,
        _of(lambda s: s.clipping),
        needs=SPEECH,
        help=Text("Lower the recording level and record again.", "请降低录音电平后重录。"),
    ),
    check(
        "speech.duration",
        "effective speech",
        "有效语音时长",
        "seconds",
        SOUNDING,
        _of(lambda s: s.speech),
        needs=SPEECH,
    ),
    check(
        "speech.text_accuracy",
        "text accuracy",
        "文本准确率",
        "share",
        SOUNDING,
        _of(lambda s: s.text_accuracy),
        needs=SPEECH,
        help=Text("Read the text exactly as written.", "请严格按文本朗读。"),
    ),
    check(
        "speech.bandwidth",
        "bandwidth actually used",
        "实际带宽",
        "hertz",
        SOUNDING,
        _of(lambda s: s.bandwidth),
        needs=SPEECH,
    ),
)
