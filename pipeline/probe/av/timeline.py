"""When the frames of a picture stream are shown, from all its packets; nothing is decoded.

Headers lie about this more often than about anything else: an edit list hides frames that the tables count,
Matroska and FLV count none, a variable rate makes a length an estimate. Only workers import this.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av
from msgspec.structs import replace

from pipeline.model.facts import MediaInfo
from pipeline.probe.av.open import BROKEN, OPENS, opened, packets_of
from pipeline.probe.av.streams import exact
from pipeline.probe.sniff import sniff

_ROUNDING: Final = Fraction(1, 2000)  # seconds; half of what containers with a clock of 1/1000 s round
_FALL: Final = Fraction(1, 10)  # seconds


class Timeline(NamedTuple):
    """One picture stream. Times in seconds on the file's own clock."""

    frames: int  # shown; those that an edit list hides are not counted
    start: Fraction
    end: Fraction  # of the last frame's showing
    rising: bool  # decoding times never fall back
    restarts: Fraction | None  # when they first fell back by more than frames are apart; None: never
    digests: tuple[tuple[int, str], ...] = ()  # of streams that were asked for: SHA-256 of all coded frames


class FrameTimes(NamedTuple):
    """Every coded frame of one picture stream, in stored order."""

    base: Fraction  # seconds of one tick
    times: array[int]  # ticks of showing, on the file's own clock
    sizes: array[int]  # bytes of each
    keys: array[int]  # places in `times` where decoding can begin
    end: Fraction  # of the last frame's showing
    hidden: bool  # an edit list hides some, which are not among them

    def between(self, begin: Fraction, end: Fraction | None) -> int:
        """How many are shown from `begin` to `end` (None: to the last)."""
        low = (begin - _ROUNDING) / self.base
        high = float("inf") if end is None else (end - _ROUNDING) / self.base
        return sum(low <= time < high for time in self.times)

    def nearest(self, at: Fraction) -> Fraction:
        """The time of the frame shown nearest to `at`."""
        return min(self.times, key=lambda time: abs(time - at / self.base)) * self.base


def frames(path: Path, index: int) -> FrameTimes | None:
    """Each frame of the stream `index`; None where it has none or no times, or cannot be read on.

    Raises Unreadable.
    """
    _, format_ = sniff(path)
    if format_ not in OPENS:
        return None
    times, sizes, keys, hidden, end = array("q"), array("L"), array("q"), False, 0
    with opened(path, format_) as container:
        stream = container.streams[index]
        base = exact(stream.time_base)
        if base is None:
            return None
        try:
            for packet in packets_of(container, [stream]):
                at = packet.dts if packet.pts is None else packet.pts
                if packet.size == 0:
                    continue
                if at is None:
                    return None
                if packet.is_discard:
                    hidden = True
                    continue
                if packet.is_keyframe:
                    keys.append(len(times))
                times.append(at)
                sizes.append(packet.size)
                end = max(end, at + (packet.duration or 0))
        except BROKEN:  # not readable to its end, which the proof of its times says
            return None
    return FrameTimes(base, times, sizes, keys, end * base, hidden) if times else None


def thinned(path: Path, index: int, wanted: Iterable[bool], target: Path) -> bool:
    """Copy the frames of the stream `index` that are `wanted`, in the order of `frames`, into a Matroska file.

    False where they cannot be. Raises Unreadable.
    """
    _, format_ = sniff(path)
    asked = iter(wanted)
    if format_ not in OPENS:
        return False
    with opened(path, format_) as container, av.open(str(target), "w", format="matroska") as out:
        stream = container.streams[index]
        try:
            copy = out.add_stream_from_template(stream)
            for packet in packets_of(container, [stream]):
                if packet.size and not packet.is_discard and next(asked, False):
                    packet.stream = copy
                    out.mux(packet)
        except BROKEN:  # no such codec in Matroska, or no times to decode at
            return False
    return next(asked, None) is None


def read(path: Path, index: int | None, digested: Sequence[int] = ()) -> Timeline | None:
    """The stream `index` of the file at `path`; None where it has no frames, no times, or cannot be read on.

    `digested` names streams whose coded frames are digested on the way. Without `index` nothing else is told.
    Raises Unreadable.
    """
    if index is None and not digested:
        return None
    _, format_ = sniff(path)
    if format_ not in OPENS:
        return None
    frames, rising = 0, True
    start = end = restarts = None
    before: int | None = None
    known = {number: hashlib.sha256() for number in digested}
    with opened(path, format_) as container:
        wanted = sorted({*digested, *([] if index is None else [index])})
        base = Fraction(1) if index is None else exact(container.streams[index].time_base)
        if base is None:
            return None
        try:
            for packet in packets_of(container, [container.streams[number] for number in wanted]):
                if packet.size == 0:
                    continue
                if packet.stream_index in known:
                    known[packet.stream_index].update(packet)
                if packet.stream_index != index:
                    continue
                if packet.dts is not None and OPENS[format_] != "matroska":  # which stores none: FFmpeg guesses
                    rising = rising and (before is None or packet.dts >= before)
                    if restarts is None and before is not None and (before - packet.dts) * base > _FALL:
                        restarts = before * base
                    before = packet.dts
                at = packet.dts if packet.pts is None else packet.pts
                if at is None or packet.is_discard:
                    continue
                frames += 1
                time = at * base
                start = time if start is None else min(start, time)
                end = max(time + (packet.duration or 0) * base, end or time)
        except BROKEN:  # no index: the file is read from its beginning
            return None
    digests = tuple((number, digest.hexdigest()) for number, digest in known.items())
    if index is None:
        return Timeline(0, Fraction(0), Fraction(0), True, None, digests)
    if start is None or end is None:
        return None
    return Timeline(frames, start, end, rising, restarts, digests)


def measured(info: MediaInfo, line: Timeline | None) -> MediaInfo:
    """The facts with what the packets of the first picture stream say in place of what headers do."""
    if line is None or not line.frames or not info.video:
        return info
    first = info.video[0]
    length = line.end - line.start
    # Where packets do not tell how long they last, the last frame lasts as long as the average one.
    between = Fraction(line.frames - 1) / first.frame_rate if first.frame_rate else Fraction(0)
    if first.frame_rate and line.frames > 1 and length <= between + Fraction(1, 1000):
        length += 1 / first.frame_rate
    video = (replace(first, frames=line.frames, duration=length or None), *info.video[1:])
    return replace(info, video=video)
