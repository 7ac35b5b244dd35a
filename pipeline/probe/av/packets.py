"""The coded frames of streams as they are stored: when each is shown, and a digest of its bytes. Nothing is decoded.

Sixteen bytes for each frame are kept: hours of video fit into a few megabytes. Only workers import this.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.probe.av.open import BROKEN, opened, packets_of
from pipeline.probe.av.streams import exact
from pipeline.probe.sniff import sniff

_ROUNDING: Final = Fraction(1, 500)  # seconds; what containers with a clock of 1/1000 s round
_ASTRAY: Final = 0.02  # seconds that a frame may be shown off its time, as elsewhere in the proofs


class Coded(NamedTuple):
    """One stream: frame by frame in stored order."""

    base: Fraction  # seconds of one tick
    times: array[int]  # ticks; of showing, else of decoding
    digests: array[int]  # the first 64 bits of BLAKE2b


def read(path: Path, indices: Collection[int]) -> dict[int, Coded]:
    """These streams of the file at `path`. Raises Unreadable, and ValueError where the file cannot be read on."""
    _, format_ = sniff(path)
    if format_ is None:
        raise ValueError("no format is known for it")
    found: dict[int, Coded] = {}
    with opened(path, format_) as container:
        streams = [container.streams[index] for index in indices]
        for stream in streams:
            found[stream.index] = Coded(exact(stream.time_base) or Fraction(1), array("q"), array("Q"))
        try:
            for packet in packets_of(container, streams):
                at = packet.dts if packet.pts is None else packet.pts
                if packet.size == 0 or at is None:
                    continue
                one = found[packet.stream_index]
                one.times.append(at)
                one.digests.append(int.from_bytes(hashlib.blake2b(packet, digest_size=8).digest(), "big"))
        except BROKEN as error:
            raise ValueError(str(error)) from error
    return found


def excerpt(whole: Coded, part: Coded, shift: Fraction, start: Fraction, end: Fraction | None) -> str | None:
    """What speaks against `part` holding every frame of `whole` from `start` to `end` seconds; None: nothing does.

    Both bounds are on the clock of `whole`, which is `shift` seconds ahead of that of `part`. Frames around the
    excerpt may be in it too: a decoder needs what comes before.
    """
    if not part.times:
        return "no frames"
    # Ticks as floats: a double holds a day in microseconds without loss, and there may be millions.
    theirs, ours, ahead = float(whole.base), float(part.base), float(shift)
    wanted = (part.times[0] * ours + ahead) / theirs
    first = min(range(len(whole.times)), key=lambda n: abs(whole.times[n] - wanted), default=0)
    last = first + len(part.times)
    if whole.digests[first:last] != part.digests:
        return "other bytes than the source"
    off = max(abs(a * theirs - b * ours - ahead) for a, b in zip(whole.times[first:last], part.times, strict=True))
    if off > _ASTRAY:
        return f"shown {off:.3f} s off their time"
    low = float(start - _ROUNDING) / theirs
    high = float("inf") if end is None else float(end - _ROUNDING) / theirs
    left_out = sum(low <= at < high for at in (*whole.times[:first], *whole.times[last:]))
    return f"{left_out} frames left out" if left_out else None


def first_from(whole: Coded, start: Fraction) -> Fraction | None:
    """When the first frame at or after `start` is shown, of a stream stored in the order of showing."""
    at = bisect_left(whole.times, (start - _ROUNDING) / whole.base)
    return whole.times[at] * whole.base if at < len(whole.times) else None
