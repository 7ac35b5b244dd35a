"""Where there is speech, and how far it stands above the noise, from the band levels of a whole recording.

The decision waits for the end, when the noise floor of every band is known; nothing is guessed from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.probe.speech_frames import FRAMES, Decibels

Flags = npt.NDArray[np.bool_]

GAP: Final = 25  # frames: a shorter pause belongs to the speech around it
LEAST: Final = 8  # frames: a shorter sound is a click
_SPEECH: Final = slice(1, 9)  # columns of `Frames.levels` where voices have their power: 150 to 5200 Hz
_TOTAL: Final = -1
_WINDOW: Final = 60 * FRAMES  # over which a noise floor is steady
_QUIETEST: Final = 12  # percent of the frames of a window that are taken for its pauses
_RANGE: Final = 40.0  # dB below the speech level: what is quieter is not heard as speech
_FAR: Final = 20  # frames from speech where its echo has died away
_ENOUGH: Final = 20  # frames of pause from which noise is measured
MOST: Final = 60.0  # dB: what SNR is capped at


@dataclass(frozen=True)
class Activity:
    """Speech frame by frame, 10 ms apart."""

    speech: Flags
    level: float  # dB: mean power of speech
    noise: float  # dB: mean power of the pauses

    @property
    def seconds(self) -> float:
        """Speech altogether."""
        return float(self.speech.sum()) / FRAMES

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First frame of each stretch of speech, and the frame after its last."""
        return spans(self.speech)

    @property
    def snr(self) -> float | None:
        """Power of speech alone to that of the noise, in dB, at most MOST; None without speech."""
        if not self.speech.any():
            return None
        together, noise = 10 ** (self.level / 10), 10 ** (self.noise / 10)
        if together <= noise:
            return 0.0
        return float(min(MOST, 10 * np.log10((together - noise) / noise)))


def spans(flags: Flags) -> list[tuple[int, int]]:
    """Where `flags` are set: start and end of each stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def joined(flags: Flags, gap: int, least: int) -> Flags:
    """The flags with pauses shorter than `gap` filled, then stretches shorter than `least` removed."""
    out = flags.copy()
    found = spans(flags)
    for (_, end), (start, _) in zip(found, found[1:], strict=False):
        if start - end < gap:
            out[end:start] = True
    for start, end in spans(out):
        if end - start < least:
            out[start:end] = False
    return out


def _mean_db(levels: Decibels) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels.astype(np.float64) / 10))))


def _floors(levels: Decibels) -> tuple[Decibels, Decibels]:
    """Noise level of each band and how much it wavers there, frame by frame.

    The quietest frames of each minute, in the mean over the bands, are taken for pauses.
    """
    loud = levels[:, _SPEECH].mean(axis=1)
    floors, wavers = np.empty_like(levels), np.empty_like(levels)
    count = max(1, round(len(levels) / _WINDOW))
    for part in np.array_split(np.arange(len(levels)), count):
        smooth = np.convolve(loud[part], np.ones(9) / 9, mode="same") if len(part) >= 9 else loud[part]
        if len(part) >= 40:  # the ends of the convolution are too low
            smooth[:4], smooth[-4:] = smooth[4], smooth[-5]
        quiet = levels[part][smooth <= np.percentile(smooth, _QUIETEST)]
        floors[part] = 10 * np.log10(np.mean(10 ** (quiet.astype(np.float64) / 10), axis=0))
        wavers[part] = np.clip(quiet.std(axis=0), 1.0, 8.0)
    return floors, wavers


def _threshold(score: Decibels) -> float:
    """Where the scores part best into two groups (Otsu 1979), within what is sensible for speech."""
    counts, edges = np.histogram(score, bins=96, range=(-4.0, 44.0))
    middle = (edges[1:] + edges[:-1]) / 2
    weight = np.cumsum(counts)
    mass = np.cumsum(counts * middle)
    left, right = weight[:-1], weight[-1] - weight[:-1]
    between = left * right * (mass[:-1] / np.maximum(1, left) - (mass[-1] - mass[:-1]) / np.maximum(1, right)) ** 2
    return float(edges[1 + int(np.argmax(between))])


def find(levels: Decibels) -> Activity:
    """Speech in a recording, given `Frames.levels` of all of it."""
    if not len(levels):
        return Activity(np.zeros(0, bool), -130.0, -130.0)
    floors, wavers = _floors(levels)
    above = levels[:, _SPEECH] - floors[:, _SPEECH]
    # Mean over the bands of what stands out by more than the noise wavers.
    score = np.clip(above / np.maximum(2.0, wavers[:, _SPEECH]), -2, 12).mean(axis=1)
    score = np.convolve(score, np.ones(3) / 3, mode="same")
    loud = levels[:, _TOTAL]
    top = np.percentile(loud, 98)
    flags = (score > 1.0) & (loud > top - _RANGE) & (loud > floors[:, _TOTAL] + 1.0)
    speech = joined(joined(flags, 4, 5), GAP, LEAST)
    return Activity(speech, *_powers(levels[:, _TOTAL], speech, floors[:, _TOTAL]))


def _powers(loud: Decibels, speech: Flags, floor: Decibels) -> tuple[float, float]:
    level = _mean_db(loud[speech]) if speech.any() else -130.0
    away = np.ones(len(speech), bool)
    for start, end in spans(speech):
        away[max(0, start - _FAR // 2) : end + _FAR] = False
    noise = _mean_db(loud[away]) if away.sum() >= _ENOUGH else _mean_db(floor)
    return level, noise
