"""Where there is speech, and how far it stands above the noise, from the band levels of a whole recording.

The decision waits for the end, when the noise floor of every band is known; nothing is guessed from the start.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from pipeline.probe.speech.spectra import FRAMES, Decibels, HalfDecibels

Flags = npt.NDArray[np.bool_]

GAP: Final = 25  # frames: a shorter pause belongs to the speech around it
LEAST: Final = 8  # frames: a shorter sound is a click
_SPEECH: Final = slice(1, 9)  # columns of `BandLevels.levels` where voices have their power: 150 to 5200 Hz
_TOTAL: Final = -1
_WINDOW: Final = 60 * FRAMES  # over which a noise floor is steady
_QUIETEST: Final = 12  # percent of the frames of a window that are taken for its pauses
_ALIKE: Final = 6.0  # dB above the quietest of them: in a recording without pauses there are fewer
_RANGE: Final = 34.0  # dB below the speech level: what is quieter is not heard as speech
_HEARD: Final = -80.0  # dB of full scale: nobody hears speech below
_NOTHING: Final = -125.0  # dB: a band that never rises above it is beyond what was recorded
_STEADY: Final = 2.0  # dB that even steady noise wavers from frame to frame
_BELOW: Final = 8.0  # dB: a stretch that never comes nearer to the mean level of speech is none
_FAR: Final = (20, 8)  # frames from speech where its echo has died away, and where at least it has ended
_ENOUGH: Final = 20  # frames of pause from which noise is measured
MOST: Final = 60.0  # dB: what SNR is capped at


class Activity(Struct, frozen=True):
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
    for (_, end), (start, _) in pairwise(found):
        if start - end < gap:
            out[end:start] = True
    for start, end in spans(out):
        if end - start < least:
            out[start:end] = False
    return out


def _mean_db(levels: Decibels) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels.astype(np.float64) / 10))))


class Floors(NamedTuple):
    """The noise of each minute or so: a row a part, a column a band, in dB."""

    parts: list[slice]  # frames
    noise: Decibels
    wavers: Decibels  # standard deviation

    def along(self, band: int) -> Decibels:
        """The noise of one band, frame by frame."""
        return np.repeat(self.noise[:, band], [part.stop - part.start for part in self.parts])


def floors(levels: HalfDecibels) -> Floors:
    """Noise level of each band and how much it wavers there.

    The quietest tenths of a second of each minute, in the mean over the bands, are taken for pauses.
    """
    edges = np.linspace(0, len(levels), 1 + max(1, round(len(levels) / _WINDOW))).astype(int)
    parts = [slice(int(start), int(end)) for start, end in pairwise(edges)]
    noise, wavers = [], []
    for part in parts:
        here = levels[part].astype(np.float32)
        loud = here[:, _SPEECH].mean(axis=1)
        smooth = np.convolve(loud, np.ones(9) / 9, mode="same") if len(loud) >= 9 else loud
        if len(loud) >= 40:  # the ends of the convolution are too low
            smooth[:4], smooth[-4:] = smooth[4], smooth[-5]
        lowest = float(np.percentile(smooth, 1))
        quiet = here[smooth <= min(float(np.percentile(smooth, _QUIETEST)), lowest + _ALIKE)]
        noise.append(np.median(quiet, axis=0))
        wavers.append(np.clip(quiet.std(axis=0), 1.0, 8.0))
    return Floors(parts, np.asarray(noise, np.float32), np.asarray(wavers, np.float32))


def find(levels: HalfDecibels) -> Activity:
    """Speech in a recording, given `BandLevels.levels` of all of it."""
    if not len(levels):
        return Activity(np.zeros(0, bool), -130.0, -130.0)
    found = floors(levels)
    voiced = [band for band in range(*_SPEECH.indices(levels.shape[1])) if levels[:, band].max() > _NOTHING]
    loud, floor = levels[:, _TOTAL].astype(np.float32), found.along(_TOTAL)
    speech = np.zeros(len(levels), bool)
    if voiced:
        # How far each band stands out, in units of how much the noise wavers there; then their mean.
        score = np.empty(len(levels), np.float32)
        for part, noise, wavers in zip(found.parts, found.noise, found.wavers, strict=True):
            above = (levels[part][:, voiced] - noise[voiced]) / np.maximum(_STEADY, wavers[voiced])
            score[part] = np.clip(above, -2, 12).mean(axis=1)
        if len(score) >= 3:  # `convolve` makes shorter ones longer
            score = np.convolve(score, np.full(3, 1 / 3, np.float32), mode="same")
        flags = (score > 1) & (loud > np.percentile(loud, 98) - _RANGE) & (loud > floor + 1) & (loud > _HEARD)
        speech = _loud_enough(joined(joined(flags, 4, 5), GAP, LEAST), loud)
    return Activity(speech, *_powers(loud, speech, floor))


def _loud_enough(speech: Flags, loud: Decibels) -> Flags:
    """The speech without stretches that are far below the rest: somebody else's, or a noise."""
    out = speech.copy()
    if speech.any():
        level = _mean_db(loud[speech])
        for start, end in spans(speech):
            if loud[start:end].max() < level - _BELOW:
                out[start:end] = False
    return out


def _powers(loud: Decibels, speech: Flags, floor: Decibels) -> tuple[float, float]:
    """Mean level of speech and of the pauses; of these the parts farthest from speech, as far as there are."""
    level = _mean_db(loud[speech]) if speech.any() else -130.0
    for far in _FAR:
        away = np.ones(len(speech), bool)
        for start, end in spans(speech):
            away[max(0, start - far // 2) : end + far] = False
        if away.sum() >= _ENOUGH:
            return level, _mean_db(loud[away])
    return level, _mean_db(floor)
