"""Speech: from espeak-ng where it is installed, else from a small formant synthesiser."""

from __future__ import annotations

import io
import wave
from functools import cache

import numpy as np

from samples._tools import Signal, run, tool, workdir

LINES = (
    "欢迎来到数字人课堂。", "今天我们学习如何准备素材。", "请保持房间安静。", "说话时声音要自然。",
    "每句话之间停顿一秒。", "面对镜头保持微笑。", "背景要干净整洁。", "灯光从正面照过来。",
    "请不要遮挡面部。", "录音使用单声道格式。", "视频帧率为每秒二十五帧。", "上传之前请先检查文件。",
    "文字和语音必须一致。", "图片分辨率不要太低。", "演示文稿不超过五十页。", "字幕文件使用统一编码。",
    "转换后的文件会再次检查。", "原始文件不会被修改。", "结果写入清单文件。", "感谢您的观看。",
)  # fmt: skip
"""Twenty sentences in Mandarin: what the clips of a voice package say."""


def engine() -> str:
    """Which of the two voices this machine has: part of what decides a sample's bytes."""
    return "espeak" if tool("espeak") else "formants"


def resampled(signal: Signal, old: int, new: int) -> Signal:
    """`signal` at `new` Hz instead of `old`: its spectrum cut or padded, exact where both ends are quiet."""
    if old == new:
        return signal
    length = round(len(signal) * new / old)
    result: Signal = np.fft.irfft(np.fft.rfft(signal), length) * (length / len(signal))
    return result


@cache
def speech(text: str, rate: int) -> Signal:
    """`text` spoken: mono at `rate` Hz, peak at -3 dBFS, over a steady noise floor at -72 dBFS.

    The floor is there because a real recording has one: digital silence between words measures as an endless
    signal-to-noise ratio.
    """
    said = _espeak(text, rate) if tool("espeak") else _formants(text, rate)
    said = said * (10 ** (-3 / 20) / np.max(np.abs(said)))
    floor = np.random.default_rng(7).standard_normal(len(said)) * 10 ** (-72 / 20)
    result: Signal = said + floor
    result.flags.writeable = False  # shared between callers by the cache
    return result


def passage(seconds: float, rate: int, start: int = 0) -> Signal:
    """Exactly `seconds` of speech at `rate` Hz, from sentence `start` on, with pauses in between."""
    wanted, parts, total, turn = round(seconds * rate), [], 0, start
    pause = np.random.default_rng(8).standard_normal(rate // 4) * 10 ** (-72 / 20)
    while total < wanted:
        parts += [speech(LINES[turn % len(LINES)], rate), pause]
        total += len(parts[-2]) + len(parts[-1])
        turn += 1
    cut = np.concatenate(parts)[:wanted]
    fade = min(rate // 50, wanted)
    cut[wanted - fade :] *= np.linspace(1, 0, fade)
    return cut


def _espeak(text: str, rate: int) -> Signal:
    # The plain voice "cmn" of espeak-ng 1.51 reads tone marks aloud as English numbers; this one does not.
    # -b 1: the text is UTF-8 in every locale.
    with workdir() as folder:
        file = folder / "said.wav"
        run([str(tool("espeak")), "-b", "1", "-v", "cmn-latn-pinyin", "-s", "200", "-w", str(file), text])
        with wave.open(io.BytesIO(file.read_bytes())) as heard:
            pcm = np.frombuffer(heard.readframes(heard.getnframes()), "<i2")
            return resampled(pcm / 32768.0, heard.getframerate(), rate)


_VOWELS = (
    # First four formants (Hz) of an adult male: Peterson and Barney (1952), rounded, with a common fourth.
    (730, 1090, 2440, 3400), (270, 2290, 3010, 3600), (300, 870, 2240, 3300),
    (530, 1840, 2480, 3500), (570, 840, 2410, 3300), (440, 1020, 2240, 3300),
)  # fmt: skip
_BANDWIDTHS = (80.0, 100.0, 140.0, 200.0)


def _formants(text: str, rate: int) -> Signal:
    """A voice-like signal: glottal pulses of falling pitch through vowel formants, a syllable a character.

    Every syllable opens with a burst of noise as a consonant does, and swells and dies away; punctuation
    pauses.
    """
    rng = np.random.default_rng(sum(text.encode()))
    parts = [np.zeros(rate // 10)]
    letters = [letter for letter in text if not letter.isspace()]
    for place, letter in enumerate(letters):
        if not letter.isalnum():
            parts.append(np.zeros(rate // 4))
            continue
        length = round(rate * rng.uniform(0.16, 0.24))
        time = np.arange(length) / rate
        pitch = (128 - 24 * place / len(letters)) * (1 + 0.05 * rng.uniform(-1, 1) * np.linspace(1, -1, length))
        phase = np.cumsum(pitch) / rate % 1.0
        # Rosenberg's pulse: the folds open over 40 % of a period, close over 16 %, rest for the remainder.
        opening = 0.5 * (1 - np.cos(np.pi * phase / 0.4))
        closing = np.cos(np.pi * (phase - 0.4) / 0.32)
        flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
        source = np.diff(flow, prepend=flow[:1]) + 0.002 * rng.standard_normal(length)
        voiced = np.convolve(source, _vowel(_VOWELS[ord(letter) % len(_VOWELS)], rate))[:length]
        voiced /= np.max(np.abs(voiced)) or 1.0
        burst = rng.standard_normal(length) * np.exp(-time / 0.012) * 0.25
        swell = np.minimum(1, time / 0.03) * np.minimum(1, time[::-1] / 0.05)
        parts.append((voiced + np.diff(burst, prepend=0.0)) * swell * rng.uniform(0.7, 1.0))
        parts.append(np.zeros(round(rate * 0.03)))
    return np.concatenate([*parts, np.zeros(rate // 10)])


def _vowel(formants: tuple[int, ...], rate: int) -> Signal:
    """50 ms of a vocal tract's answer to a pulse: a damped wave for each formant below half of `rate`."""
    time = np.arange(rate // 20) / rate
    waves = [
        0.6**order * np.exp(-np.pi * wide * time) * np.sin(2 * np.pi * high * time)
        for order, (high, wide) in enumerate(zip(formants, _BANDWIDTHS, strict=True))
        if high < rate / 2
    ]
    result: Signal = np.sum(waves, axis=0)
    return result
