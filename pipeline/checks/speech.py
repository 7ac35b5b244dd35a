"""Checks on what a recording sounds like. All need the `speech` measurement."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Final

from pipeline.checks.base import SOUNDING, Read, check, of_file, only_down
from pipeline.model.facts import Kind, Text
from pipeline.model.measured import Speech

RECORDING = frozenset({Kind.AUDIO})
SILENCES: Final = ("speech.leading_silence", "speech.trailing_silence")
SPEECH = frozenset({"speech"})
_NOBODY = Text("no speech was heard in it", "其中没有听到语音")
_TRIM = Text("Cut it off, or have it cut off with --trim-silence.", "请剪去，或使用 --trim-silence 自动截去。")


def _of(value: Callable[[Speech], Fraction | int | None]) -> Read:
    return of_file(lambda info: value(info.speech) if info.speech else None)


_heard = partial(check, kinds=SOUNDING, needs=SPEECH)
_trimmed = partial(_heard, safety=only_down, repairs=RECORDING, untold=_NOBODY, help=_TRIM)

CHECKS = (
    _heard(
        "speech.snr",
        "signal-to-noise ratio",
        "信噪比",
        "number",
        read=_of(lambda s: s.snr),
        unit="dB",
        untold=_NOBODY,
        help=Text("Record in a quieter place, closer to the microphone.", "请在更安静的环境、离麦克风更近处录制。"),
    ),
    _heard(
        "speech.c50",
        "clarity C50 (reverberation)",
        "混响指标 C50",
        "number",
        read=_of(lambda s: s.c50),
        unit="dB",
        untold=Text(
            "noise hides how sounds die away, or no speech was heard in it", "噪声掩盖了声音的衰减，或其中没有听到语音"
        ),
        help=Text("Record in a smaller, softer room.", "请在更小、有吸音材料的房间录制。"),
    ),
    _heard(
        "speech.clipping",
        "clipping",
        "削波（爆音）",
        "number",
        read=_of(lambda s: s.clipping),
        help=Text("Lower the recording level and record again.", "请降低录音电平后重录。"),
    ),
    _heard("speech.duration", "effective speech", "有效语音时长", "seconds", read=_of(lambda s: s.speech)),
    _heard(
        "speech.text_accuracy",
        "text accuracy",
        "文本准确率",
        "share",
        read=_of(lambda s: s.text_accuracy),
        untold=Text(
            "it takes a recogniser and a text of the same name beside the recording",
            "需要语音识别器，且录音旁有同名文本",
        ),
        help=Text("Read the text exactly as written.", "请严格按文本朗读。"),
    ),
    _heard("speech.bandwidth", "bandwidth actually used", "实际带宽", "hertz", read=_of(lambda s: s.bandwidth)),
    _trimmed(
        "speech.leading_silence",
        "silence before the first word",
        "开头静音",
        "seconds",
        read=_of(lambda s: s.leading_silence),
    ),
    _trimmed(
        "speech.trailing_silence",
        "silence after the last word",
        "结尾静音",
        "seconds",
        read=_of(lambda s: s.trailing_silence),
    ),
    _heard(
        "speech.long_silences",
        "pauses of 2 s and more",
        "2 秒及以上的停顿数",
        "count",
        read=_of(lambda s: s.long_silences),
        untold=_NOBODY,
    ),
    _heard(
        "speech.dc_offset",
        "DC offset",
        "直流偏移",
        "share",
        read=_of(lambda s: s.dc_offset),
        help=Text("The microphone or its interface is at fault: try another one.", "麦克风或声卡有问题，请更换。"),
    ),
    _heard(
        "speech.dead_channels",
        "channels without sound",
        "无声的声道数",
        "count",
        read=_of(lambda s: None if s.dead_channels is None else len(s.dead_channels)),
        help=Text("Record in mono, or look at the plug of the microphone.", "请用单声道录制，或检查麦克风接头。"),
    ),
    _heard(
        "speech.hum",
        "mains hum suspected",
        "疑似工频交流声",
        "flag",
        read=_of(lambda s: None if s.hum is None else s.hum > 0),
        help=Text("Look for a bad cable or a charger nearby.", "请检查线材或附近的充电器。"),
    ),
    _heard(
        "speech.music",
        "music behind the voice suspected",
        "疑似背景音乐",
        "flag",
        read=_of(lambda s: s.music),
        untold=Text("there are too few pauses to hear it in", "停顿太少，无法判断"),
        help=Text("Record the voice alone.", "请只录制人声。"),
    ),
)
