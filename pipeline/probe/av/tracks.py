"""Which of several sound streams can be heard at all: recorders write a track for each input, plugged in or not."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from pipeline.model.facts import MediaInfo
from pipeline.probe.av.open import BROKEN, FULL, allowed, opened, opens_as, packets_of

_HEARD: Final = 10 ** (-60 / 20)  # of full scale: no sample of speech that anybody recorded stays below it


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `silent` of each of several sounds. Decodes until all were heard. Raises Unreadable."""
    if len(info.audio) < 2:
        return info
    with opened(path, opens_as(str(info.container)), FULL) as container:
        waited = {s.index: s for s in container.streams.audio if allowed(s)}
        tried = frozenset(waited)
        packets = packets_of(container, list(waited.values()))
        with suppress(*BROKEN):  # where damage begins; what was heard before it counts
            for packet in packets:
                if packet.stream.index in waited and any(map(_loud, packet.decode())):
                    del waited[packet.stream.index]
                    if not waited:
                        break
    sounds = tuple(replace(s, silent=s.index in waited if s.index in tried else None) for s in info.audio)
    return replace(info, audio=sounds)


def _loud(frame: Any) -> bool:
    samples = frame.to_ndarray()
    if samples.dtype == np.uint8:
        samples = samples.astype(np.int16) - 128
        full = 128.0
    else:
        full = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    return bool(samples.size) and float(np.abs(samples.astype(np.float64)).max()) > full * _HEARD
