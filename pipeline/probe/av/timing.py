"""What the times of packets tell of streams: rate, constancy, frames, start and length. Nothing is decoded.

What a header says of these is a hint: writers leave it out, guess it before they begin, or never come back to mend it.
Only workers import this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.model.facts import AudioStream, VideoStream
from pipeline.model.units import STEADY
from pipeline.probe.av.open import BROKEN, packets_of
from pipeline.probe.av.streams import exact

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_TIMED_FRAMES: Final = 1000  # of each picture stream, to tell constant from variable rate: 40 s at 25 fps
_TIMED_BYTES: Final = 64 << 20
_REORDERED: Final = 32  # frames at the end of a window whose predecessors may not have come yet
_ROUNDING: Final = Fraction(1, 1000)  # seconds: the clock of Matroska, FLV and ASF
_FALL: Final = Fraction(1, 10)  # seconds by which times of decoding fall back where a clock begins again
# Of a rate: a usual one that is nearer is what was meant. 30 and 30000/1001, the nearest two, are twice as far apart.
_NEAR: Final = Fraction(1, 2000)


@dataclass(slots=True)
class _Seen:
    """The packets of one stream."""

    clock: Fraction | None
    times: list[int | None] = field(default_factory=list)
    end: int | None = None  # of the last one, in ticks, where packets tell how long they last
    decoded: int | None = None  # when the last one is
    again: bool = False  # its clock began again on the way

    def decode(self, at: int | None) -> None:
        """Look at the time of decoding of the next packet."""
        if at is not None and self.clock is not None:
            self.again |= self.decoded is not None and (self.decoded - at) * self.clock > _FALL
            self.decoded = at


class Times(Struct, frozen=True):
    """What was read of a container from its first packet on."""

    streams: dict[int, _Seen]
    whole: bool  # to its end

    def picture(self, facts: VideoStream) -> VideoStream:
        """The facts with what the times of the stream say in place of what headers do."""
        seen = self.streams.get(facts.index)
        if seen is None:
            return facts
        frames = len(seen.times) if self.whole else None
        if not seen.times:  # announced, and nothing came
            return replace(facts, frames=frames, frame_rate=None)
        facts = replace(facts, frames=facts.frames if frames is None else frames)  # AVI counts those left out
        known = sorted(time for time in seen.times if time is not None)
        if len(known) < len(seen.times) or seen.clock is None:
            return facts
        if not self.whole:
            known = known[:-_REORDERED]
        steps = sorted(b - a for a, b in pairwise(known))
        if not steps or known[-1] == known[0]:
            return facts
        usual = steps[len(steps) // 2] * seen.clock
        slack = max(seen.clock, _ROUNDING)
        variable = (steps[-1] - steps[0]) * seen.clock > slack
        rate = _rate(facts.frame_rate, len(steps), (known[-1] - known[0]) * seen.clock, slack)
        if facts.frame_rate and (seen.again or (variable and abs(1 / facts.frame_rate - usual) <= slack)):
            rate = facts.frame_rate  # as stated, with frames left out here and there, or several recordings in one
        return replace(facts, variable=variable, frame_rate=rate)

    def begun(self, facts: VideoStream) -> VideoStream:
        """The facts with the time of the first picture, where packets tell it."""
        seen = self.streams.get(facts.index)
        known = [time for time in seen.times if time is not None] if seen else []
        return replace(facts, start=min(known) * seen.clock) if seen and seen.clock and known else facts

    def sound(self, facts: AudioStream) -> AudioStream:
        """The facts with the length between the first and the last packet, where all of them were read."""
        seen = self.streams.get(facts.index)
        first = next((time for time in seen.times if time is not None), None) if seen else None
        if not self.whole or seen is None or seen.clock is None or first is None or seen.end is None:
            return facts
        start = facts.start if facts.start is not None else first * seen.clock
        return replace(facts, duration=max(Fraction(0), seen.end * seen.clock - start))


def _rate(stated: Fraction | None, steps: int, lasting: Fraction, slack: Fraction) -> Fraction:
    """Frames per second of so many steps in `lasting` seconds, which may be off by `slack` at either end.

    As stated where that fits, else the usual rate that does, else the mean.
    """
    fitting = [rate for rate in (stated, *STEADY) if rate and abs(steps / rate - lasting) <= 2 * slack]
    if stated in fitting:
        return usual(stated) if stated else fitting[0]
    mean = steps / lasting
    return min(fitting, key=lambda rate: abs(rate - mean), default=usual(mean.limit_denominator(1001)))


def usual(rate: Fraction, frames: int | None = None) -> Fraction:
    """The rate that cameras and editors use, where this one is it but for a clock that rounds each of `frames`."""
    near = min(STEADY, key=lambda steady: abs(steady - rate))
    rounded = frames is not None and abs(frames / near - frames / rate) <= 2 * _ROUNDING
    return near if rounded or abs(near - rate) <= near * _NEAR else rate


def read(container: InputContainer, pictures: Sequence[Stream], sounds: Sequence[Stream], *, cut: bool) -> Times:
    """Read on from the start of `container`: some seconds, or all of a short file. `cut`: its end is missing."""
    streams = {s.index: _Seen(exact(s.time_base)) for s in (*pictures, *sounds)}
    shown = {s.index for s in pictures}
    tells = "matroska" not in container.format.name  # which stores no times of decoding: FFmpeg guesses
    first: int | None = None
    try:
        for packet in packets_of(container, [*pictures, *sounds]):
            if packet.size == 0:
                continue  # the end, one for each stream
            seen = streams[packet.stream_index]
            at: Any = packet.dts if packet.pts is None else packet.pts
            seen.times.append(at)
            seen.decode(packet.dts if tells else None)
            if at is not None and packet.duration:
                seen.end = max(seen.end or at, at + packet.duration)
            first = packet.pos if first is None else first
            enough = packet.stream_index in shown and len(seen.times) > _TIMED_FRAMES
            if enough or (packet.pos is not None and first is not None and packet.pos - first > _TIMED_BYTES):
                return Times(streams, whole=False)
    except BROKEN:
        return Times(streams, whole=False)  # damage further on does not undo what was seen
    return Times(streams, whole=not cut)
