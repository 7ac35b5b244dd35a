"""Where a video is cut that is too long, or whose ends are: at entry points, where that costs nothing, else between any
two frames.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pipeline.convert.av.recipe import Recipe, recipe
from pipeline.errors import AssetError
from pipeline.model.facts import MediaInfo
from pipeline.model.results import Part, Plan
from pipeline.model.rules import Role
from pipeline.rules.plan import PARTS

if TYPE_CHECKING:
    from pipeline.probe.av.timeline import FrameTimes

# Seconds that a part stays below the limit: sound is not cut inside a frame, and lasts a little longer at the end.
_MARGIN: Final = Fraction(1, 2)
_ENDLESS: Final = 10**9  # seconds: a limit that nothing reaches
# Containers that are entered at the very frame that is named; the others are found out to miss it.
ENTERED: Final = frozenset({"mp4", "mov", "m4v", "mkv", "webm"})
# Of these, those that are entered by the time of decoding: FFmpeg then looks 3/23 s earlier where frames are
# reordered. Asking for a later time undoes it, provided that no other entry point lies between.
_BY_DECODING: Final = frozenset({"mkv", "webm"})
LATER: Final = Fraction(14, 100)
# Seconds before a frame at which it is cut: clocks of 1/1000 s round, and frames are further apart.
BEFORE: Final = Fraction(1, 1000)


def later(container: str | None) -> Fraction:
    """By how much a time is missed on purpose, so that the entry point at that time is found."""
    return LATER if container in _BY_DECODING else BEFORE


def laid_out(source: Path, info: MediaInfo, plan: Plan, role: Role) -> Plan:
    """The plan with its parts, where it wants any; reads the source's frames, decodes none.

    Parts that somebody named begin and end at the frames nearest to what was said.
    Raises AssetError where the source does not tell when its frames are shown, Unreadable.
    """
    if not plan.split or any(part.frames is not None for part in plan.parts):
        return plan
    from pipeline.probe.av import timeline  # brings PyAV, which only workers load

    chosen = recipe(info, plan, role)
    frames = timeline.frames(source, chosen.video.index) if chosen.video else None
    if frames is None:
        raise _unsplittable(info)
    origin = info.start or Fraction(0)
    copied = chosen.picture is None
    free = tuple(_free(frames, origin, info.container)) if copied else ()
    kept = next((part for part in plan.parts if part.alone), None)
    if plan.parts and kept is None:
        return replace(plan, parts=tuple(_named(part, frames, origin, free, copied=copied) for part in plan.parts))
    limit = next((fix.value for fix in plan.fixes if fix.check == "media.duration"), _ENDLESS if kept else None)
    if not isinstance(limit, int | Fraction) or limit <= 2 * _MARGIN:
        raise _unsplittable(info)
    most = Fraction(limit) - _MARGIN
    if kept:
        if PARTS not in plan.allowed:  # what is left is cut off at the limit
            kept = replace(kept, length=min(kept.length or most, most - plan.slack))
        kept = _bounded(kept, frames, origin, free, plan.slack, copied=copied)
    begin, recut = (kept.start or Fraction(0), kept.recut) if kept else (Fraction(0), False)
    whole = max(frames.end - origin, info.duration or Fraction(0))
    if kept and kept.length is not None:
        whole = begin + kept.length
    cuts: tuple[Fraction, ...] | None = ()
    if whole - begin > most:
        cuts = _chosen(free, whole, most, begin) if free and not recut else None
    if cuts is None:
        recut = copied
        cuts = _even(frames, origin, begin, whole, most)
    bounds = [begin, *cuts, whole if kept and kept.length is not None else None]
    parts = tuple(
        Part(
            number=number,
            of=len(bounds) - 1,
            start=begin,
            length=None if end is None else end - begin,
            frames=frames.between(begin + origin, None if end is None else end + origin),
            recut=recut,
        )
        for number, (begin, end) in enumerate(pairwise(bounds), 1)
        if begin is not None
    )
    return replace(plan, parts=parts)


def _unsplittable(info: MediaInfo) -> AssetError:
    return AssetError(
        f"{info.name} cannot be split into parts: what is wanted of it has no pictures, or they do not tell when "
        "they are shown. Cut it in an editor, or have it cut off at the limit with --trim.",
        f"{info.name} 无法拆分：所需内容没有画面，或未说明各画面的显示时间。请剪短，或用 --trim 截断。",
    )


def _named(part: Part, frames: FrameTimes, origin: Fraction, free: tuple[Fraction, ...], *, copied: bool) -> Part:
    """The part from frame to frame. It is encoded where a copy would begin or end at other pictures than these."""
    first = min(frames.times) * frames.base - origin
    asked = part.start or Fraction(0)
    begin = Fraction(0) if asked <= first else frames.nearest(asked + origin) - origin
    end = None if part.length is None else asked + part.length + origin
    if end is not None:
        last = max(frames.times) * frames.base
        end = None if end > (last + frames.end) / 2 else frames.nearest(end) - origin
    shown = frames.between(begin + origin, None if end is None else end + origin)
    if not shown:
        raise AssetError(
            f"nothing is shown from {float(asked):.3f} s for {part.label or f'part {part.number}'}. "
            "Correct the list of cuts.",
            f"自 {float(asked):.3f} 秒起没有画面可供 {part.label or f'第 {part.number} 份'}。请修正切分清单。",
        )
    copies = (not begin or begin in free) and _ends(frames, begin + origin, shown, last=end is None)
    length = None if end is None else end - begin
    return replace(part, start=begin, length=length, frames=shown, recut=copied and not copies)


def _bounded(
    part: Part, frames: FrameTimes, origin: Fraction, free: tuple[Fraction, ...], slack: Fraction, *, copied: bool
) -> Part:
    """The part from frame to frame, without any frame less; up to `slack` seconds more at either end where a copy can
    begin or end there, and it is encoded where none can.
    """
    asked = part.start or Fraction(0)
    shown = sorted(time * frames.base - origin for time in frames.times)
    begin = next((time for time in shown if time >= asked), asked) if asked else Fraction(0)
    end = None if part.length is None else asked + part.length
    ends: list[Fraction] = [] if end is None else [time for time in shown if time >= end]
    found = (begin, ends[0] if ends else None)
    entry = max((time for time in free if asked - slack < time <= asked), default=None) if asked else Fraction(0)
    copies = copied and entry is not None
    if copies and entry is not None:
        near = [time for time in ends if time == ends[0] or time < ends[0] + slack]
        tried = ((entry, time, frames.between(entry + origin, time + origin)) for time in near)
        stop = next((time for at, time, count in tried if _ends(frames, at + origin, count, last=False)), None)
        copies = not ends or stop is not None
        found = (entry, stop) if copies else found
    begin, stop = found
    return replace(part, start=begin, length=None if stop is None else stop - begin, recut=copied and not copies)


def _ends(frames: FrameTimes, begin: Fraction, count: int, *, last: bool) -> bool:
    """Whether the first `count` frames stored from the entry point at `begin` on are those shown from there."""
    if last:
        return True
    at = int(begin / frames.base)
    first = next((n for n in frames.keys if frames.times[n] == at), 0)
    rest = frames.times[first + count :]
    return not rest or max(frames.times[first : first + count]) < min(rest)


def _free(frames: FrameTimes, origin: Fraction, container: str | None) -> Iterator[Fraction]:
    """Times at which the coded frames fall into two halves that need nothing of each other."""
    if container not in ENTERED or frames.hidden:
        return
    entries = [frames.times[n] * frames.base - origin for n in frames.keys]
    ahead = [*(b - a for a, b in pairwise(entries)), LATER * 2]
    least = _later_least(frames.times)
    for number, time, gap in zip(frames.keys, entries, ahead, strict=True):
        closed = frames.times[number] == least[number]
        if number and closed and gap > later(container) + BEFORE:
            yield time


def _later_least(times: array[int]) -> array[int]:
    """For each frame the earliest time among it and all that are stored after it."""
    least = array("q", times)
    for number in range(len(least) - 2, -1, -1):
        least[number] = min(least[number], least[number + 1])
    return least


def _chosen(
    free: tuple[Fraction, ...], whole: Fraction, most: Fraction, at: Fraction = Fraction(0)
) -> tuple[Fraction, ...] | None:
    """Of these times as few as make parts about equal, from `at` on; None where two are too far apart."""
    cuts = []
    while whole - at > most:
        even = at + (whole - at) / -(-(whole - at) // most)
        inside = [time for time in free if at < time <= at + most]
        if not inside:
            return None
        at = min(inside, key=lambda time: abs(time - even))
        cuts.append(at)
    return tuple(cuts)


def _even(
    frames: FrameTimes, origin: Fraction, begin: Fraction, whole: Fraction, most: Fraction
) -> tuple[Fraction, ...]:
    """The times of the frames nearest to those of equal parts from `begin` on."""
    lasts = whole - begin
    count = int(-(-lasts // most))
    return tuple(frames.nearest(begin + lasts * number / count + origin) - origin for number in range(1, count))


def of(info: MediaInfo, plan: Plan, role: Role) -> tuple[Recipe, ...]:
    """The recipe of each part; that of the whole where nothing is split."""
    return tuple(recipe(info, plan, role, part) for part in plan.parts or (None,))


def facts(info: MediaInfo, part: Part) -> MediaInfo:
    """The source as if it held this part alone: what its output is compared with."""
    begin = part.start or Fraction(0)
    origin = info.start or Fraction(0)

    def left(start: Fraction | None, length: Fraction | None) -> Fraction | None:
        if length is None:
            return part.length
        first = (start or origin) - origin
        end = first + length if part.length is None else min(first + length, begin + part.length)
        return max(Fraction(0), end - max(first, begin))

    def first(start: Fraction | None) -> Fraction | None:
        return None if start is None else max(Fraction(0), start - origin - begin)

    video = tuple(
        replace(s, frames=part.frames if n == 0 else None, duration=left(s.start, s.duration), start=first(s.start))
        for n, s in enumerate(info.video)
    )
    audio = tuple(replace(s, duration=left(s.start, s.duration), start=first(s.start)) for s in info.audio)
    return replace(info, start=Fraction(0), duration=left(info.start, info.duration), video=video, audio=audio)
