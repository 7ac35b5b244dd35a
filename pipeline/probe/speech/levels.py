"""Levels of every channel of a recording, gathered block by block: peaks, clipping, offset, loss in the mix.

All of it in the recording's own rate and before any mixing, where alone clipping can be counted.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_FLAT: Final = 1.5 / 32768  # of full scale: samples this near a maximum share it, also after 16-bit rounding
_AUDIBLE: Final = 1e-3  # of full scale, -60 dBFS: a maximum below it is no clipping
_NEAR: Final = 0.8  # of the highest sample: between lower ones no true peak is looked for
_CANDIDATES: Final = 4096  # places a block that are oversampled at most
_TAPS: Final = 24
FLOOR: Final = 1e-13  # power of full scale, -130 dB: below what 24 bits hold
SILENT: Final = 10 ** (-90 / 20)  # RMS of full scale: half a step of 16 bits is -96 dBFS


def _interpolator() -> Samples:
    """Four fractional delays as windowed sinc filters, in the manner of ITU-R BS.1770-5, annex 2."""
    place = np.arange(_TAPS) - _TAPS // 2 + 1
    rows = []
    for quarter in range(4):
        away = place - quarter / 4
        row = np.sinc(away) * np.cos(np.pi * away / (_TAPS + 1)) ** 2
        rows.append(row / row.sum())
    return np.asarray(rows, dtype=np.float32)


class Top:
    """The highest samples on one side of a channel, and how many are flat against them.

    A clipped side stops at one value again and again; an unclipped one reaches its maximum once.
    """

    def __init__(self) -> None:
        self.level = 0.0
        self.count = 0
        self.runs = False  # two neighbours at the top: what clipping looks like

    def add(self, samples: Samples) -> None:
        """The next samples of this side, upright (negative sides turned over)."""
        high = float(samples.max())
        if high > self.level + _FLAT:
            self.level, self.count, self.runs = high, 0, False
        elif high < self.level - _FLAT:
            return
        flat = samples >= self.level - _FLAT
        self.count += int(np.count_nonzero(flat))
        self.runs = self.runs or bool(np.any(flat[1:] & flat[:-1]))

    @property
    def clipped(self) -> int:
        """Samples cut off."""
        return self.count if self.runs and self.level > _AUDIBLE else 0


class Levels:
    """What every channel holds, in constant memory."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.energy = np.zeros(channels)
        self.sum = np.zeros(channels)
        self.mix_energy = 0.0
        self.peak = 0.0
        self._oversampled = 0.0
        self._tails = [np.zeros(0, np.float32) for _ in range(channels)]
        self._tops = [(Top(), Top()) for _ in range(channels)]
        self._filters = _interpolator()
        self._lowest = np.full(channels, np.inf)
        self._highest = np.full(channels, -np.inf)

    def add(self, channels: Samples, mix: Samples) -> None:
        """The next samples, a row a channel, and their mean."""
        self.count += channels.shape[1]
        self.mix_energy += float(np.dot(mix, mix))
        for number, (samples, tops) in enumerate(zip(channels, self._tops, strict=True)):
            self.energy[number] += float(np.dot(samples, samples))
            self.sum[number] += float(samples.sum(dtype=np.float64))
            tops[0].add(samples)
            tops[1].add(-samples)
            self._lowest[number] = min(self._lowest[number], float(samples.min()))
            self._highest[number] = max(self._highest[number], float(samples.max()))
            self._between(number, samples)

    def _between(self, number: int, samples: Samples) -> None:
        """Look for peaks between the samples of one channel, across the seams of blocks."""
        samples = np.concatenate([self._tails[number], samples])
        self._tails[number] = samples[-2 * _TAPS :].copy()
        size = np.abs(samples)
        self.peak = max(self.peak, float(size.max()))
        inner = size[_TAPS:-_TAPS]
        places = np.flatnonzero(inner >= _NEAR * self.peak)
        if self.peak < _AUDIBLE or not len(places):
            return
        if len(places) > _CANDIDATES:
            places = places[np.argpartition(inner[places], -_CANDIDATES)[-_CANDIDATES:]]
        windows = samples[(places + _TAPS // 2 + 1)[:, None] + np.arange(_TAPS)]
        self._oversampled = max(self._oversampled, float(np.abs(windows @ self._filters.T).max()))

    @property
    def true_peak(self) -> float:
        """The highest value of the waveform, of full scale; never below the highest sample."""
        return max(self.peak, self._oversampled)

    @property
    def rms(self) -> npt.NDArray[np.float64]:
        """Root mean square of each channel about its own mean, of full scale."""
        mean = self.sum / max(1, self.count)
        result: npt.NDArray[np.float64] = np.sqrt(np.maximum(0, self.energy / max(1, self.count) - mean**2))
        return result

    @property
    def offset(self) -> float:
        """The worst channel's mean, of full scale."""
        return float(np.abs(self.sum).max() / max(1, self.count))

    @property
    def clipped_share(self) -> float:
        """Clipped samples of all, 0 to 1, in the worst channel; a channel that never moves has none."""
        moves = self._highest - self._lowest > _AUDIBLE
        shares = [
            sum(top.clipped for top in tops) / max(1, self.count) if moving else 0.0
            for tops, moving in zip(self._tops, moves, strict=True)
        ]
        return min(1.0, max(shares))

    @property
    def dead(self) -> tuple[int, ...]:
        """Channels without sound beside one with it."""
        rms = self.rms
        return tuple(int(n) for n in np.flatnonzero(rms < SILENT)) if rms.max() >= SILENT else ()

    @property
    def best(self) -> int:
        """The loudest channel."""
        return int(np.argmax(self.rms))

    @property
    def mid_loss(self) -> float | None:
        """Decibels that the mean of all channels is below the loudest; None for mono and for silence."""
        loudest = float(self.energy.max())
        if len(self.energy) < 2 or loudest <= 0:
            return None
        return float(10 * np.log10(loudest / max(self.mix_energy, loudest * 1e-12)))
