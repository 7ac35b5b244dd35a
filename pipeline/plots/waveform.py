"""The loudness of a sound over its length, as columns of a drawing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.plots.still import DAMAGE
from pipeline.probe.av.open import FULL, OPENS, allowed, opened

COLUMNS: Final = 120
_WHOLE: Final = Fraction(90)  # seconds that are decoded whole; of longer sound every column is sampled
_SAMPLED: Final = 8192  # samples looked at for a column of a long sound


def peaks(path: Path, container: str, duration: Fraction | None) -> tuple[float, ...] | None:
    """The largest sample of each of COLUMNS parts, 0 to 1, over all channels; None without readable sound."""
    if container not in OPENS or duration is None or duration <= 0:
        return None
    try:
        return _sampled(path, container, duration) if duration > _WHOLE else _decoded(path, container, duration)
    except DAMAGE:  # no picture; the findings name the damage
        return None


def _loudest(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Over the channels of a frame, whatever its sample format, 0 to 1."""
    flat: npt.NDArray[Any] = array.astype(np.float32)
    if array.dtype == np.uint8:
        flat = (flat - 128) / 128
    elif np.issubdtype(array.dtype, np.integer):
        flat = flat / float(np.iinfo(array.dtype).max)
    loudest: npt.NDArray[np.float32] = np.clip(np.abs(flat).max(axis=0), 0, 1)
    return loudest


def _decoded(path: Path, container: str, duration: Fraction) -> tuple[float, ...] | None:
    columns = np.zeros(COLUMNS, dtype=np.float32)
    with opened(path, container, FULL) as media:
        if not media.streams.audio or not allowed(stream := media.streams.audio[0]):
            return None
        seen, total = 0, max(1, int(duration * (stream.rate or 48_000)))
        for frame in media.decode(stream):
            channels = len(frame.layout.channels) if not frame.format.is_planar else 1
            loud = _loudest(frame.to_ndarray())
            loud = loud[: len(loud) // channels * channels].reshape(-1, channels).max(axis=1)
            places = np.minimum((np.arange(seen, seen + len(loud)) * COLUMNS) // total, COLUMNS - 1)
            np.maximum.at(columns, places, loud)
            seen += len(loud)
            if seen > 2 * total:
                break
    return tuple(round(float(v), 3) for v in columns) if seen else None


def _sampled(path: Path, container: str, duration: Fraction) -> tuple[float, ...] | None:
    out = []
    with opened(path, container, FULL) as media:
        if not media.streams.audio or not allowed(stream := media.streams.audio[0]):
            return None
        for number in range(COLUMNS):
            media.seek(int(duration * number / COLUMNS * 1_000_000) + (media.start_time or 0))
            seen, loud = 0, 0.0
            for frame in media.decode(stream):
                loud = max(loud, float(_loudest(frame.to_ndarray()).max(initial=0.0)))
                seen += frame.samples
                if seen >= _SAMPLED:
                    break
            out.append(round(loud, 3))
    return tuple(out)
