"""Reverberation from how fast speech dies away: a blind estimate of C50.

C50 (ISO 3382-1) compares the energy of the first 50 ms of a room's response with the energy after them. When a
sound stops, its level has fallen, 50 ms later, by about that much. Speech stops abruptly often enough that the
steepest falls of a recording are the room's; C50 follows them along a line whose two figures were fitted on
generated rooms (`benchmarks/speech.py`, voices and rooms of the tuning half only).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pipeline.probe.speech.activity import floors
from pipeline.probe.speech.spectra import HalfDecibels

_LAG: Final = 6  # frames: 50 ms and half a window, so that nothing before the fall is still seen after it
_STEEPEST: Final = 98  # percentile of the falls of a band
_LOUD: Final = 20.0  # dB below a band's own top within which a fall may begin
_CLEAR: Final = 15.0  # dB above the noise, below which a band tells nothing
_BEGINS: Final = 30  # frames at least from which falls begin
_SLOPE: Final = 1.20  # of C50 against the fall
_OFFSET: Final = -7.6  # dB
_SURE: Final = 35.0  # dB: where noise hides the rest of a fall, this much is clarity enough to be told
LEAST, MOST = -5.0, 60.0  # dB: what is told at most and at least


class Fall(NamedTuple):
    """How far levels fall within 50 ms, in dB, mean over the bands."""

    steepest: float
    room: float  # from the loudest down to the noise


def fall(levels: HalfDecibels) -> Fall | None:
    """The steepest falls in `BandLevels.levels` of a whole recording; None where noise leaves no room for them."""
    if len(levels) < 2 * _BEGINS:
        return None
    found = floors(levels)
    falls, rooms = [], []
    for band in range(1, levels.shape[1] - 1):
        level, floor = levels[:, band].astype(np.float32), found.along(band)
        top = float(np.percentile(level, 95))
        room = top - float(np.median(floor))
        if room < _CLEAR:
            continue
        power, below = 10 ** (level / 10), 10 ** (floor / 10)
        clean = 10 * np.log10(np.maximum(power - below, below / 4))
        begins = clean[:-_LAG] > top - _LOUD
        if begins.sum() >= _BEGINS:
            falls.append(float(np.percentile((clean[:-_LAG] - clean[_LAG:])[begins], _STEEPEST)))
            rooms.append(room)
    return Fall(float(np.mean(falls)), float(np.mean(rooms))) if falls else None


def c50(levels: HalfDecibels) -> float | None:
    """C50 in dB from `BandLevels.levels` of the whole recording; None when noise hides how sounds die away.

    Median error on rooms and voices not used for fitting: see docs/benchmarks.md.
    """
    found = fall(levels)
    if found is None:
        return None
    estimate = _SLOPE * found.steepest + _OFFSET
    if found.steepest > found.room and estimate < _SURE:
        return None
    return min(MOST, max(LEAST, estimate))
