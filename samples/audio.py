"""Audio: every container that a rule names, some that none does, and the ways a recording goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from samples._speech import passage
from samples._tools import Sample, Signal, ffmpeg, wav_bytes, workdir

Source = Callable[[float, int], Signal]


def tone(seconds: float, rate: int) -> Signal:
    """A 440 Hz sine at -12 dBFS."""
    return 0.25 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def stereo(seconds: float, rate: int) -> Signal:
    """Speech with the left side nearer: the right is 3 dB quieter and 0.4 ms later."""
    left = 0.9 * passage(seconds, rate)
    late = round(0.0004 * rate)
    return np.stack([left, 0.707 * np.concatenate([np.zeros(late), left[: len(left) - late]])], axis=1)


def antiphase(seconds: float, rate: int) -> Signal:
    """Speech whose right side is the left turned over: their sum is silence."""
    left = passage(seconds, rate)
    return np.stack([left, -left], axis=1)


def silence(seconds: float, rate: int) -> Signal:
    """Digital silence."""
    return np.zeros(round(seconds * rate))


def clipped(seconds: float, rate: int) -> Signal:
    """Speech 20 dB above full scale, cut off flat."""
    return np.clip(10 * passage(seconds, rate), -1, 1)


def noisy(seconds: float, rate: int) -> Signal:
    """Speech in noise only about 6 dB below it."""
    voice = 0.5 * passage(seconds, rate)
    return voice + 0.5 * np.std(voice) * np.random.default_rng(9).standard_normal(len(voice))


def reverberant(seconds: float, rate: int) -> Signal:
    """Speech in a hall: an echo tail that takes 1.5 s to fall by 60 dB."""
    voice, rng = passage(seconds, rate), np.random.default_rng(10)
    time = np.arange(round(1.5 * rate)) / rate
    tail = 0.05 * rng.standard_normal(len(time)) * 10 ** (-3 * time / 1.5)
    tail[0] = 1.0
    length = len(voice) + len(tail)
    wet = np.fft.irfft(np.fft.rfft(voice, length) * np.fft.rfft(tail, length), length)[: len(voice)]
    result: Signal = 0.7 * wet / np.max(np.abs(wet))
    return result


def quiet(seconds: float, rate: int) -> Signal:
    """Speech at -50 dBFS."""
    return passage(seconds, rate) * 10 ** (-47 / 20)


@dataclass(frozen=True)
class Take:
    """A recording: `source` gives its samples at `rate` Hz.

    `args` are ffmpeg's output options; without them a 16-bit WAV is written.
    """

    name: str
    note: str
    source: Source = passage
    rate: int = 48000
    seconds: float = 2
    args: str = ""


def make_take(take: Take, to: Path) -> None:
    """Write one row of the table."""
    wav = wav_bytes(take.source(take.seconds, take.rate), take.rate)
    if not take.args and to.suffix == ".wav":
        to.write_bytes(wav)
        return
    with workdir() as folder:
        (folder / "take.wav").write_bytes(wav)
        ffmpeg("-i", folder / "take.wav", *take.args.split(), to=to)


def one_sample(_seconds: float, _rate: int) -> Signal:
    """A single sample at half of full scale."""
    return np.full(1, 0.5)


_TAKES = (
    Take("audio/speech-16k.wav", "12 s of clear speech, mono", rate=16000, seconds=12),
    Take("audio/speech-24k.wav", "12 s of clear speech, mono", rate=24000, seconds=12),
    Take("audio/speech-48k.wav", "12 s of clear speech, mono", rate=48000, seconds=12),
    Take(
        "audio/speech-stereo-44k.mp3",
        "12 s of speech, stereo, 192 kbit/s",
        stereo,
        44100,
        12,
        "-c:a libmp3lame -b:a 192k",
    ),
    Take("audio/mono.wav", "mono, 48 kHz"),
    Take("audio/stereo.wav", "stereo, left nearer than right", stereo),
    Take("audio/antiphase.wav", "stereo whose plain mono mix is silent", antiphase),
    Take("audio/8k.wav", "8 kHz, below every rule", rate=8000),
    Take("audio/16k.wav", "16 kHz", rate=16000),
    Take("audio/24k.wav", "24 kHz", rate=24000),
    Take("audio/44k1.wav", "44.1 kHz", rate=44100),
    Take("audio/96k.wav", "96 kHz", rate=96000),
    Take("audio/192k.wav", "192 kHz", rate=192000, seconds=1),
    Take("audio/24bit.wav", "24-bit PCM", args="-c:a pcm_s24le"),
    Take("audio/float.wav", "32-bit float PCM", args="-c:a pcm_f32le"),
    Take("audio/8bit.wav", "8-bit PCM", args="-c:a pcm_u8"),
    Take("audio/alaw.wav", "A-law in a WAV: not PCM", rate=8000, args="-c:a pcm_alaw"),
    Take(
        "audio/surround.wav",
        "six channels",
        seconds=1,
        args="-af pan=5.1|FL=c0|FR=c0|FC=c0|LFE=0*c0|BL=c0|BR=c0",
    ),
    Take("audio/good.mp3", "MP3, 128 kbit/s, mono", args="-c:a libmp3lame -b:a 128k"),
    Take("audio/low-bitrate.mp3", "MP3, 64 kbit/s", args="-c:a libmp3lame -b:a 64k"),
    Take("audio/variable-bitrate.mp3", "MP3, variable bit rate", stereo, args="-c:a libmp3lame -q:a 4"),
    Take("audio/good.m4a", "AAC in MP4", args="-c:a aac -b:a 128k"),
    Take("audio/good.aac", "AAC in ADTS", args="-c:a aac -b:a 128k"),
    Take("audio/good.wma", "WMA 2", args="-c:a wmav2 -b:a 128k"),
    Take("audio/good.asf", "WMA 2 in a file named .asf", args="-c:a wmav2 -b:a 128k"),
    Take("audio/other.flac", "FLAC, accepted nowhere", args="-c:a flac"),
    Take("audio/other.ogg", "Vorbis, accepted nowhere", args="-c:a libvorbis"),
    Take("audio/other.opus", "Opus, accepted nowhere", args="-c:a libopus"),
    Take("audio/other.aiff", "AIFF, accepted nowhere", args="-c:a pcm_s16be"),
    Take("audio/silence.wav", "nothing but digital silence", silence),
    Take("audio/tone.wav", "a tone: sound, but no speech", tone),
    Take("audio/one-sample.wav", "a single sample", one_sample),
    Take("audio/no-samples.wav", "a WAV of no samples at all", silence, seconds=0),
    Take("audio/clipped.wav", "speech cut off at full scale", clipped, 24000, 6),
    Take("audio/noisy.wav", "speech in loud noise", noisy, 24000, 6),
    Take("audio/reverberant.wav", "speech in a hall", reverberant, 24000, 6),
    Take("audio/quiet.wav", "speech near -50 dBFS", quiet, 24000, 6),
)

SAMPLES = tuple(Sample(take.name, "audio", take.note, partial(make_take, take)) for take in _TAKES)
