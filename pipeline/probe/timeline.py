"""When the frames of a picture stream are shown, from all its packets; nothing is decoded.

Headers lie about this more often than about anything else: an edit list hides frames that the tables count,
Matroska and FLV count none, a variable rate makes a length an estimate. Only workers import this.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av

from pipeline.facts import MediaInfo
from pipeline.probe.opening import OPENS, opened, packets_of
from pipeline.probe.sniff import sniff

_APART: Final = Fraction(1, 2)  # seconds between two entry points that are kept
_MOST: Final = 20_000  # entry points: hours at two each second


class Timeline(NamedTuple):
    """One picture stream. Times in seconds on the file's own clock."""

    frames: int  # shown; those that an edit list hides are not counted
    start: Fraction
    end: Fraction  # of the last frame's showing
    rising: bool  # decoding times never fall back
    entries: tuple[Fraction, ...]  # where decoding can begin, at most two each second


def read(path: Path, index: int) -> Timeline | None:
    """The stream `index` of the file at `path`; None where it has no frames, no times, or cannot be read on.

    Raises Unreadable.
    """
    _, format_ = sniff(path)
    if format_ not in OPENS:
        return None
    frames, rising = 0, True
    start = end = None
    before: int | None = None
    entries: list[Fraction] = []
    with opened(path, format_) as container:
        stream = container.streams[index]
        base = stream.time_base
        if base is None:
            return None
        try:
            for packet in packets_of(container, [stream]):
                if packet.size == 0:
                    continue
                if packet.dts is not None and OPENS[format_] != "matroska":  # which stores none: FFmpeg guesses
                    rising = rising and (before is None or packet.dts >= before)
                    before = packet.dts
                at = packet.dts if packet.pts is None else packet.pts
                if at is None or packet.is_discard:
                    continue
                frames += 1
                time = at * base
                start = time if start is None else min(start, time)
                end = max(time + (packet.duration or 0) * base, end or time)
                if packet.is_keyframe and len(entries) < _MOST and (not entries or time - entries[-1] >= _APART):
                    entries.append(time)
        except (av.error.FFmpegError, ValueError):
            return None
    if start is None or end is None:
        return None
    return Timeline(frames, start, end, rising, tuple(entries))


def measured(info: MediaInfo, line: Timeline | None) -> MediaInfo:
    """The facts with what the packets of the first picture stream say in place of what headers do."""
    if line is None or not info.video:
        return info
    first = info.video[0]
    length = line.end - line.start
    # Where packets do not tell how long they last, the last frame lasts as long as the average one.
    between = Fraction(line.frames - 1) / first.frame_rate if first.frame_rate else Fraction(0)
    if first.frame_rate and line.frames > 1 and length <= between + Fraction(1, 1000):
        length += 1 / first.frame_rate
    video = (replace(first, frames=line.frames, duration=length or None), *info.video[1:])
    return replace(info, video=video)
