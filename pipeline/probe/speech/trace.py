"""What a picture of a recording needs: its outline every 10 ms and its spectrum column by column."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.probe.speech.levels import FLOOR, Samples

ROWS: Final = 160  # of the spectrogram
COLUMNS: Final = 1600  # about; a recording shorter than that many frames has fewer
_LOWEST: Final = 60.0  # Hz
_HIGHEST: Final = 16000.0


class Trace:
    """Gathered beside the measuring, in memory that does not grow beyond COLUMNS and 8 bytes each 10 ms."""

    def __init__(self, rate: int, hop: int, seconds: float) -> None:
        self.hop = hop
        self._rest = np.zeros((0, 0), np.float32)
        self._low: list[Samples] = []
        self._high: list[Samples] = []
        top = min(_HIGHEST, rate / 2)
        edges = np.geomspace(_LOWEST, max(top, 2 * _LOWEST), ROWS + 1)
        self.edges = edges
        frequencies = np.fft.rfftfreq(2 * hop, 1 / rate)
        step = float(frequencies[1])
        # Narrow rows share lines: each row takes what lies within it, or the line nearest to it.
        rows = []
        for low, high in pairwise(edges):
            inside = (frequencies >= low) & (frequencies < high)
            nearest = np.abs(frequencies - (low + high) / 2) <= step / 2
            chosen = inside if inside.any() else nearest
            rows.append(chosen / max(1, int(chosen.sum())))
        self._bands = np.asarray(rows, dtype=np.float32).T
        self.per = max(1, -(-round(seconds * rate / hop) // COLUMNS))  # frames a column
        self._waiting = np.zeros((0, ROWS), np.float32)
        self._columns: list[npt.NDArray[np.float32]] = []

    def add(self, rows: Samples) -> None:
        """The next samples, a row a channel."""
        joined = np.concatenate([self._rest, rows], axis=1) if self._rest.size else rows
        count = joined.shape[1] // self.hop
        if count:
            shaped = joined[:, : count * self.hop].reshape(len(joined), count, self.hop)
            self._low.append(shaped.min(axis=(0, 2)))
            self._high.append(shaped.max(axis=(0, 2)))
        self._rest = joined[:, count * self.hop :].copy()

    def add_power(self, power: npt.NDArray[np.float32], scale: float) -> None:
        """The power spectra of the next frames."""
        self._waiting = np.concatenate([self._waiting, power @ self._bands * scale])
        whole = len(self._waiting) // self.per
        if whole:
            taken = self._waiting[: whole * self.per].reshape(whole, self.per, ROWS).mean(axis=1)
            self._columns.extend(taken)
            self._waiting = self._waiting[whole * self.per :].copy()

    @property
    def outline(self) -> tuple[Samples, Samples]:
        """Lowest and highest sample of every 10 ms, over all channels."""
        empty = np.zeros(0, np.float32)
        return (
            np.concatenate([empty, *self._low]),
            np.concatenate([empty, *self._high]),
        )

    @property
    def spectrogram(self) -> npt.NDArray[np.float32]:
        """Levels in dB: a row a column of time, from low to high frequencies."""
        if not self._columns:
            return np.zeros((0, ROWS), np.float32)
        result: npt.NDArray[np.float32] = 10 * np.log10(np.maximum(np.asarray(self._columns), FLOOR))
        return result
