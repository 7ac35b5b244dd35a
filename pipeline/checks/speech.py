"""Checks on what a recording sounds like. All need the `speech` measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Final

from pipeline.checks.archive import clips
from pipeline.checks.base import SOUNDING, Read, check, only_down
from pipeline.model.facts import Kind, MediaInfo, Text
from pipeline.model.measured import Speech
from pipeline.model.rules import Reading

RECORDING = frozenset({Kind.AUDIO})
SILENCES: Final = ("speech.leading_silence", "speech.trailing_silence")
SPEECH = frozenset({"speech"})
_NOBODY = Text("no speech was heard in it", "其中没有听到语音")
_TRIM = Text("Cut it off, or have it cut off with --trim-silence.", "请剪去，或使用 --trim-silence 自动截去。")


Figure = Fraction | int | bool | None


def _spoken(info: MediaInfo) -> list[tuple[Speech | None, str]]:
    """What each recording sounds like and how it is called: the one that the file is, or all of a package."""
    if info.archive is None:
        return [(info.speech, "")]
    return [(one.speech, one.name) for one in clips(info.archive)] if info.archive.valid else []


def _of(value: Callable[[Speech], Figure], *, up: bool = False) -> Read:
    """The figure of a recording; of a package that of each in it, the worst first, what was not heard last.

    The worst is the lowest, or where `up` the highest.
    """

    def read(info: MediaInfo) -> Iterator[Reading]:
        figures = [(None if speech is None else value(speech), name) for speech, name in _spoken(info)]
        known = sorted(((one, name) for one, name in figures if one is not None), key=lambda pair: pair[0], reverse=up)
        for one, name in [*known, *((one, name) for one, name in figures if one is None)]:
            yield Reading(one, None, Text.same(name) if name else None)

    return read


def _together(info: MediaInfo) -> Iterator[Reading]:
    """Seconds of speech of all recordings in it."""
    each = [speech.speech if speech else None for speech, _ in _spoken(info)]
    if each:
        known = [one for one in each if one is not None]
        yield Reading(sum(known, Fraction(0)) if len(known) == len(each) else None)


_heard = partial(check, kinds=SOUNDING | {Kind.ARCHIVE}, needs=SPEECH)
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
        read=_of(lambda s: s.clipping, up=True),
        help=Text("Lower the recording level and record again.", "请降低录音电平后重录。"),
    ),
    _heard("speech.duration", "effective speech", "有效语音时长", "seconds", read=_together),
    _heard(
        "speech.least",
        "effective speech of a recording",
        "单条录音的有效语音时长",
        "seconds",
        read=_of(lambda s: s.speech),
        help=Text("Record it again: nobody is heard in it.", "请重新录制：其中没有人声。"),
    ),
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
        read=_of(lambda s: s.leading_silence, up=True),
    ),
    _heard(
        "speech.silent_start",
        "silence at the beginning",
        "开头静默时长",
        "seconds",
        read=_of(lambda s: s.leading_silence),
        help=Text("Let one to three seconds pass before the first word.", "请在开口前保持 1 至 3 秒静默。"),
    ),
    _trimmed(
        "speech.trailing_silence",
        "silence after the last word",
        "结尾静音",
        "seconds",
        read=_of(lambda s: s.trailing_silence, up=True),
    ),
    _heard(
        "speech.long_silences",
        "pauses of 2 s and more",
        "2 秒及以上的停顿数",
        "count",
        read=_of(lambda s: s.long_silences, up=True),
        untold=_NOBODY,
    ),
    _heard(
        "speech.dc_offset",
        "DC offset",
        "直流偏移",
        "share",
        read=_of(lambda s: s.dc_offset, up=True),
        help=Text("The microphone or its interface is at fault: try another one.", "麦克风或声卡有问题，请更换。"),
    ),
    _heard(
        "speech.dead_channels",
        "channels without sound",
        "无声的声道数",
        "count",
        read=_of(lambda s: None if s.dead_channels is None else len(s.dead_channels), up=True),
        help=Text("Record in mono, or look at the plug of the microphone.", "请用单声道录制，或检查麦克风接头。"),
    ),
    _heard(
        "speech.hum",
        "mains hum suspected",
        "疑似工频交流声",
        "flag",
        read=_of(lambda s: None if s.hum is None else s.hum > 0, up=True),
        help=Text("Look for a bad cable or a charger nearby.", "请检查线材或附近的充电器。"),
    ),
    _heard(
        "speech.music",
        "music behind the voice suspected",
        "疑似背景音乐",
        "flag",
        read=_of(lambda s: s.music, up=True),
        untold=Text("there are too few pauses to hear it in", "停顿太少，无法判断"),
        help=Text("Record the voice alone.", "请只录制人声。"),
    ),
)
