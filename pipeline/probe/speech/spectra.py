"""Spectra of a recording, gathered block by block: band levels every 10 ms, and a long-term spectrum."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.probe.speech.levels import FLOOR, Samples
from pipeline.probe.speech.trace import Trace

Decibels = npt.NDArray[np.float32]
HalfDecibels = npt.NDArray[np.float16]  # dB, to 0.06 at -100: half the memory

FRAMES: Final = 100  # a second
# Hz. The first band holds mains hum, the last what telephones cut off.
EDGES: Final = (40, 150, 300, 500, 800, 1200, 1800, 2600, 3700, 5200, 8000)
_LONG: Final = 0.25  # seconds of a block of the long-term spectrum: 4 Hz apart
_BATCH: Final = 500  # frames that are transformed together


def _hann(length: int) -> Samples:
    window: Samples = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    return window


class BandLevels:
    """Band levels of frames of 20 ms, 10 ms apart, kept in half precision: 8 MB an hour.

    Levels are mean powers in dB of full scale; a sine of full scale has -3.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.hop = max(1, round(rate / FRAMES))
        size = 2 * self.hop
        self._window = _hann(size)
        frequencies = np.fft.rfftfreq(size, 1 / rate)
        inside = [(frequencies >= low) & (frequencies < high) for low, high in pairwise(EDGES)]
        inside.append(frequencies >= EDGES[0])
        # Parseval: one-sided spectrum, window energy taken out.
        scale = 2 / (size * float(np.sum(self._window**2)))
        self._bands = (np.asarray(inside, dtype=np.float32).T * scale).astype(np.float32)
        self._rest = np.zeros(0, np.float32)
        self._levels: list[npt.NDArray[np.float16]] = []
        self._long = Long(rate)
        self._scale = scale
        self.trace: Trace | None = None  # gathers the same spectra for a picture

    def add(self, samples: Samples) -> None:
        """The next samples of one channel."""
        self._long.add(samples)
        joined = np.concatenate([self._rest, samples])
        count = max(0, len(joined) // self.hop - 1)
        framed = np.lib.stride_tricks.sliding_window_view(joined, 2 * self.hop)[:: self.hop] if count else joined
        for first in range(0, count, _BATCH):
            batch = framed[first : min(count, first + _BATCH)] * self._window
            spectrum = np.fft.rfft(batch, axis=1)
            power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
            if self.trace is not None:
                self.trace.add_power(power, self._scale)
            level = 10 * np.log10(np.maximum(power @ self._bands, FLOOR))
            self._levels.append(level.astype(np.float16))
        self._rest = joined[count * self.hop :].copy()

    @property
    def levels(self) -> HalfDecibels:
        """A row a frame: one column a band of EDGES, the last for everything above its first edge."""
        if len(self._levels) != 1:
            empty = np.zeros((0, len(EDGES)), np.float16)
            self._levels = [np.concatenate([empty, *self._levels])]
        return self._levels[0]

    @property
    def long(self) -> Long:
        """The long-term spectrum."""
        return self._long


class Long:
    """Mean and lower spectrum over blocks of a quarter second, and how tonal each block is."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.size = max(64, round(rate * _LONG))
        self.frequencies = np.fft.rfftfreq(self.size, 1 / rate)
        self._window = _hann(self.size)
        self._scale = 2 / (self.size * float(np.sum(self._window**2)))
        self._rest = np.zeros(0, np.float32)
        self._mean = np.zeros(len(self.frequencies))
        self._logs = np.zeros(len(self.frequencies))
        self.blocks = 0
        self.tonality: list[float] = []  # dB of each block: how far its strongest lines stand out

    def add(self, samples: Samples) -> None:
        """The next samples."""
        joined = np.concatenate([self._rest, samples])
        count = len(joined) // self.size
        if count:
            blocks = joined[: count * self.size].reshape(count, self.size)
            spectrum = np.fft.rfft(blocks * self._window, axis=1)
            power = (spectrum.real**2 + spectrum.imag**2).astype(np.float64) * self._scale
            self._mean += power.sum(axis=0)
            logs = 10 * np.log10(np.maximum(power, FLOOR))
            self._logs += logs.sum(axis=0)
            self.blocks += count
            heard = logs[:, (self.frequencies > 80) & (self.frequencies < 4000)]
            if heard.shape[1]:
                lines = np.sort(heard, axis=1)[:, -20:].mean(axis=1) - np.median(heard, axis=1)
                self.tonality.extend(lines.tolist())
        self._rest = joined[count * self.size :].copy()

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Mean power of each line, in dB."""
        result: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(self._mean / max(1, self.blocks), FLOOR))
        return result

    @property
    def steady(self) -> npt.NDArray[np.float64]:
        """Mean of the levels in dB: what is there most of the time weighs most."""
        return self._logs / max(1, self.blocks)
