"""What the long-term spectrum tells: bandwidth in use, mains hum, music behind the voice."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.probe.speech.activity import Activity
from pipeline.probe.speech.spectra import FRAMES, Long

_DEPTH: Final = 80.0  # dB below the strongest line: there speech has ended and rounding begun
_ROUNDING: Final = -125.0  # dB a line: above the rounding of 16 bits, spread over the lines
_SMOOTH: Final = 200.0  # Hz
_STANDS_OUT: Final = 12.0  # dB of a hum's line above its neighbourhood
_HUM_LINES: Final = 2  # of the first six multiples
_AUDIBLE: Final = -90.0  # dB a line
_MUSIC: Final = 30.0  # dB that the strongest lines of a pause stand out when there are tones in it
_PAUSES: Final = 4  # quarter seconds of pause at least


class Tones(NamedTuple):
    """None where the recording is too short to tell."""

    bandwidth: int | None  # Hz
    hum: int | None  # Hz; 0: none
    music: bool | None


def _bandwidth(long: Long) -> int | None:
    level = long.mean
    # No wider than the spectrum, which is short at a rate of a few hertz: `convolve` would make it longer.
    width = min(max(1, round(_SMOOTH / float(long.frequencies[1]))), len(level))
    smooth = 10 * np.log10(np.convolve(10 ** (level / 10), np.ones(width) / width, mode="same"))
    used = np.flatnonzero(smooth > max(float(smooth[1:].max()) - _DEPTH, _ROUNDING))
    return round(float(long.frequencies[used[-1]])) if len(used) else None


def _stands_out(level: npt.NDArray[np.float64], frequencies: npt.NDArray[np.floating[Any]], line: float) -> float:
    """How far the line near `line` Hz is above the median of its neighbours, in dB."""
    away = np.abs(frequencies - line)
    near, around = level[away <= 4], level[(away >= 10) & (away <= 24)]
    if not len(near) or not len(around) or near.max() < _AUDIBLE:
        return 0.0
    return float(near.max() - np.median(around))


def _hum(long: Long) -> int:
    best = (0.0, 0)
    for mains in (50, 60):
        heights = [_stands_out(long.steady, long.frequencies, mains * n) for n in range(1, 7)]
        if sum(height >= _STANDS_OUT for height in heights) >= _HUM_LINES:
            best = max(best, (sum(heights), mains))
    return best[1]


def _music(long: Long, activity: Activity, hum: int) -> bool | None:
    """Whether the quarter seconds without speech are full of tones; None when there are too few."""
    per = round(FRAMES * long.size / long.rate)
    count = min(len(long.tonality), len(activity.speech) // per) if per else 0
    quiet = ~activity.speech[: count * per].reshape(count, per).any(axis=1) if count else np.zeros(0, bool)
    if quiet.sum() < _PAUSES or activity.noise < -70:
        return None if activity.noise >= -70 else False
    return not hum and float(np.median(np.asarray(long.tonality[:count])[quiet])) > _MUSIC


def judge(long: Long, activity: Activity) -> Tones:
    """What the spectrum tells of a recording."""
    if long.blocks < 1:
        return Tones(None, None, None)
    hum = _hum(long)
    return Tones(_bandwidth(long), hum, _music(long, activity, hum))
