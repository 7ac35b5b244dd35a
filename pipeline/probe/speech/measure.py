"""What a recording sounds like: measured in one pass over its decoded sound, in memory that does not grow with it.

ffmpeg decodes behind the allow-lists and measures loudness; its samples come through a pipe and are gathered into
levels (`speech_levels`) and spectra (`speech_frames`), from which the end of the recording yields the figures.
"""

from __future__ import annotations

import re
import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pipeline.errors import Unreadable
from pipeline.model import ceilings
from pipeline.model.facts import AudioStream, MediaInfo, default_sound
from pipeline.model.measured import Speech
from pipeline.probe.speech import recogniser, reverb
from pipeline.probe.speech import tones as speech_tones
from pipeline.probe.speech.activity import Activity, find
from pipeline.probe.speech.levels import Levels, Samples
from pipeline.probe.speech.spectra import FRAMES, BandLevels
from pipeline.probe.speech.trace import Trace
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import TELLING, link_input, poured, reading

_SOURCE: Final = "in0"
_BLOCK: Final = 1.0  # seconds that are worked on at a time
_CHOOSING: Final = 20.0  # seconds heard before it is decided which channel to listen to
MAX_LOSS: Final = 6.0  # dB: a mix that loses more is left for the best channel
_LONG: Final = 2 * FRAMES  # frames of a long silence
_LOWEST_RATE: Final = 4000  # hertz: below, no speech can be told
_NO_RATE: Final = 100  # hertz: below, nothing can be heard
_LOUDNESS: Final = re.compile(r"\bI:\s+(-?[0-9.]+) LUFS")


class Heard(Struct, frozen=True):
    """Everything gathered from one recording."""

    rate: int  # hertz
    levels: Levels
    frames: BandLevels
    activity: Activity
    loudness: float | None  # LUFS
    settled: bool  # False: the rest of it is not like its beginning, by which the channel was chosen

    @property
    def trace(self) -> Trace | None:
        """What a picture needs, where it was asked for."""
        return self.frames.trace

    @property
    def seconds(self) -> Fraction:
        """How long it is."""
        return Fraction(self.levels.count, self.rate)


class Ear:
    """Takes interleaved 32-bit floats as they come.

    `decided`: it is known which channel (None: the mean of all) tells of the voice; else the beginning decides.
    """

    def __init__(self, rate: int, channels: int, channel: int | None = None, *, decided: bool = False) -> None:
        self.levels = Levels(channels)
        self.frames = BandLevels(rate)
        self.channel = channel
        decided = decided or channels == 1
        self.channels = channels
        self._bytes = bytearray()
        self._wanted = max(1, round(rate * _BLOCK)) * channels * 4
        self._waiting: list[Samples] | None = None if decided else []
        self._patience = round(_CHOOSING * rate)

    def draw(self, seconds: float | None) -> None:
        """Gather for a picture of so many seconds, if any."""
        if seconds is not None:
            self.frames.trace = Trace(self.frames.rate, self.frames.hop, seconds)

    def pour(self, block: bytes) -> None:
        """The next bytes."""
        self._bytes += block
        while len(self._bytes) >= self._wanted:
            self._work()

    def _work(self) -> None:
        """Take up a block: always the same parts of the recording, however they came."""
        whole = min(self._wanted, len(self._bytes) - len(self._bytes) % (4 * self.channels))
        if not whole:
            return
        samples = np.frombuffer(bytes(self._bytes[:whole]), "<f4").reshape(-1, self.channels)
        del self._bytes[:whole]
        rows = samples.T.copy()
        if not np.isfinite(rows).all():  # float files may hold anything
            np.nan_to_num(rows, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        np.clip(rows, -1e3, 1e3, out=rows)
        mix = rows[0] if self.channels == 1 else rows.mean(axis=0)
        self.levels.add(rows, mix)
        if self.frames.trace is not None:
            self.frames.trace.add(rows)
        if self._waiting is None:
            self.frames.add(mix if self.channel is None else rows[self.channel])
            return
        self._waiting.append(rows)
        if self.levels.count >= self._patience:
            self._decide()

    def _decide(self) -> None:
        self.channel = self.choice
        for rows in self._waiting or ():
            self.frames.add(rows.mean(axis=0) if self.channel is None else rows[self.channel])
        self._waiting = None

    @property
    def choice(self) -> int | None:
        """The channel to listen to by all that was heard so far; None for the mean of all."""
        loss = self.levels.mid_loss
        return self.levels.best if loss is not None and loss > MAX_LOSS else None

    @property
    def seconds(self) -> Fraction:
        """How much was heard so far."""
        return Fraction(self.levels.count, self.frames.rate)

    def heard(self, said: str) -> Heard:
        """All of it, when there is no more; `said` are ffmpeg's words, the loudness among them."""
        self._work()
        if self._waiting is not None:
            self._decide()
        found = _LOUDNESS.findall(said.rpartition("Summary:")[2])
        loudness = float(found[-1]) if found else None
        return Heard(
            rate=self.frames.rate,
            levels=self.levels,
            frames=self.frames,
            activity=find(self.frames.levels),
            loudness=loudness if loudness is not None and loudness > -70 else None,  # -70: the gate never opened
            settled=self.channel == self.choice,
        )


def command(index: int, rate: int, channels: int) -> tuple[str, ...]:
    """The ffmpeg that pours stream `index` of the file `in0` into its standard output."""
    return (programs.ffmpeg(), *TELLING, *reading(_SOURCE), *poured(index, rate, channels))


def _pour(path: Path, stream: AudioStream, ear: Ear, rate: int, channels: int) -> Heard:
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        work = Path(folder)
        link_input(path, work, _SOURCE)
        ended = process.run(command(stream.index, rate, channels), cwd=work, ceiling=ceilings.FFMPEG, sink=ear.pour)
    heard = ear.heard(ended.stderr)
    if not heard.levels.count:
        raise Unreadable(
            f"{path.name}: stream {stream.index} gave no sound when decoded. "
            "It is empty or damaged: record or export it again.",
            f"{path.name}：流 {stream.index} 解码后没有任何声音。文件为空或已损坏，请重新录制或导出。",
        )
    return heard


def shape(path: Path, stream: AudioStream) -> tuple[int, int]:
    """Sample rate in hertz and channels of a stream that is to be heard. Raises Unreadable where it tells none."""
    if not stream.sample_rate or not stream.channels:
        raise Unreadable(
            f"{path.name}: stream {stream.index} tells no sample rate or no channels. Export it again.",
            f"{path.name}：流 {stream.index} 未说明采样率或声道数。请重新导出。",
        )
    if stream.sample_rate < _NO_RATE:
        raise Unreadable(
            f"{path.name}: stream {stream.index} claims {stream.sample_rate} samples a second, which is no rate of "
            "sound. Export it again.",
            f"{path.name}：流 {stream.index} 声明每秒 {stream.sample_rate} 个采样，不是有效的采样率。请重新导出。",
        )
    return stream.sample_rate, stream.channels


def listen(path: Path, stream: AudioStream, *, seconds: float | None = None) -> Heard:
    """Everything to be gathered from sound stream `stream` of the file at `path`.

    With `seconds`, about how long it is, also what a picture of it needs (`Heard.trace`).

    Raises Unreadable when nothing decodes, ToolMissing and TimedOut as ffmpeg does.
    """
    rate, channels = shape(path, stream)
    ear = Ear(rate, channels)
    ear.draw(seconds)
    heard = _pour(path, stream, ear, rate, channels)
    if not heard.settled:
        ear = Ear(rate, channels, ear.choice, decided=True)
        ear.draw(seconds)
        heard = _pour(path, stream, ear, rate, channels)
    return heard


def _exact(value: float | None, digits: int = 2) -> Fraction | None:
    return None if value is None else Fraction(str(round(float(value), digits)))


def judge(heard: Heard) -> Speech:
    """The figures; of what is no speech rate, only those that need none."""
    levels, activity = heard.levels, heard.activity
    tonal = speech_tones.judge(heard.frames.long, activity)
    told = Speech(
        clipping=_exact(100 * levels.clipped_share, 4),
        loudness=_exact(heard.loudness, 1),
        true_peak=_exact(20 * np.log10(levels.true_peak)) if levels.true_peak > 0 else None,
        bandwidth=tonal.bandwidth,
        hum=tonal.hum,
        music=tonal.music,
        dc_offset=_exact(levels.offset, 5),
        dead_channels=levels.dead,
        mid_loss=_exact(levels.mid_loss),
        best_channel=levels.best,
    )
    if heard.rate < _LOWEST_RATE:
        return told
    runs = activity.runs
    length = len(activity.speech)
    gaps = [start - end for (_, end), (start, _) in pairwise(runs)]
    return replace(
        told,
        snr=_exact(activity.snr),
        c50=_exact(reverb.c50(heard.frames.levels)) if runs else None,
        speech=Fraction(int(activity.speech.sum()), FRAMES),
        leading_silence=Fraction(runs[0][0], FRAMES) if runs else heard.seconds,
        trailing_silence=Fraction(max(0, length - runs[-1][1]), FRAMES) if runs else Fraction(0),
        long_silences=sum(gap >= _LONG for gap in gaps),
    )


def measure(path: Path, stream: AudioStream) -> Speech:
    """What sound stream `stream` of the file at `path` sounds like.

    Raises Unreadable when nothing decodes, ToolMissing and TimedOut as ffmpeg does.
    """
    return replace(judge(listen(path, stream)), text_accuracy=recogniser.measure(path))


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of a file with sound, and what its default sound stream is like. Raises as `measure` does."""
    return replace(info, speech=measure(path, default_sound(info.audio)))
