"""The person in footage, measured over its whole length in one decoding.

A picture is taken every half second. All are looked at for light and change; faces are looked for in every fourth, and
in between where much changes. Where an answer differs from the last, the pictures between both are looked at too, so
that a span begins and ends within half a second of the truth.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from msgspec.structs import replace

from pipeline.errors import ToolMissing
from pipeline.model.facts import MediaInfo, Text, VideoStream, decodable
from pipeline.model.measured import Face, Person, Span
from pipeline.probe.face.models import Pixels, load
from pipeline.probe.person import camera, frames
from pipeline.probe.person.background import MIXED, Behind, behind
from pipeline.probe.person.sight import CHANGED, STILL, Sight, change, grey, light, people, told

_EVERY: Final = 4  # pictures between two that faces are looked for in
_CLOSELY: Final = 5  # looks of which one is close; the others find small and lying faces only where they were before
_EXTRA: Final = 400  # more looks than that in one file
_BEGINNING: Final = Fraction(2)  # seconds in which every picture is looked at
_OPEN: Final = Fraction(3, 10)  # opening of the mouth, as for photos
_FROZEN: Final = Fraction(2)  # seconds without change, from which footage is taken for frozen

_NEARLY: Final = 0.8  # of the pictures in which it is looked what is behind the person

Sights = frozenset[Sight]


class _Seen(NamedTuple):
    """A picture that may still be looked at closer."""

    number: int
    pixels: Pixels


class Watcher:
    """Takes pictures as they come, `step` seconds apart, and keeps what is said of them but not the pictures."""

    def __init__(self, step: Fraction) -> None:
        self.step = step
        self._lights: list[Sights] = []
        self._stood: list[bool] = []  # whether each is the same as the one before
        self._looks: dict[int, Sights] = {}  # only of pictures with something to see in them
        self._main: list[Face] = []  # the largest face of each picture looked at
        self._last: tuple[Pixels, Pixels] | None = None  # lightness of the last picture, and of the last looked at
        self._between: deque[_Seen] = deque(maxlen=_EVERY)
        self._extra = _EXTRA
        self._found: int | None = None  # faces in the last picture looked at
        self._said: Sights = frozenset()  # of that picture
        self._behind: list[Behind] = []
        self._brief = 0  # looks since the last close one
        self._mouths: list[Fraction | None] = []  # how far open, in the pictures of the beginning
        self._rooms: list[Fraction] = []  # above the hair, in shares of the picture
        self._before: _Seen | None = None  # the picture that the next is held against, for whether the camera moves
        self._moves: dict[int, float] = {}  # how far the background goes until the picture after each

    def take(self, _: Fraction, pixels: Pixels) -> None:
        """The next picture."""
        index, lightness = len(self._lights), grey(pixels)
        dark = light(lightness)
        self._lights.append(dark)
        self._stood.append(self._last is not None and change(lightness, self._last[0]) < STILL)
        if dark:
            self._between.clear()
            self._last = (lightness, lightness)
            self._before = None
            return
        if self._before is not None:
            way = camera.moved(self._before.pixels, pixels)
            self._moves |= {} if way is None else {self._before.number: way}
            self._before = None
        after = self._last[1] if self._last else None
        due = max(self._looks, default=-_EVERY) + _EVERY <= index or not self._looks or bool(self._lights[index - 1])
        moved = after is None or change(lightness, after) > CHANGED
        due = due or index * self.step < _BEGINNING
        if not due and moved and self._extra:
            self._extra -= 1
            due = True
        if due:
            self._look(index, pixels)
            after = lightness
            self._before = _Seen(index, pixels)
        else:
            self._between.append(_Seen(index, pixels))
        self._last = (lightness, lightness if after is None else after)

    def _look(self, index: int, pixels: Pixels) -> None:
        before = self._looks[max(self._looks)] if self._looks else None
        self._see(index, pixels)
        if before is not None and before != self._looks[index]:
            for seen in self._between:
                if self._extra:
                    self._extra -= 1
                    self._see(seen.number, seen.pixels)
        self._between.clear()

    def _see(self, index: int, pixels: Pixels) -> None:
        faces: tuple[Face, ...] = ()
        self._brief = (self._brief + 1) % _CLOSELY
        brief = self._brief and self._found is not None
        if brief:
            faces = people(pixels, briefly=True)
        if not brief or len(faces) != self._found or told(faces) - self._said:  # what is new is looked at closely
            faces = people(pixels, briefly=False)
            self._behind += [found] if faces and (found := behind(pixels)) else []
            self._rooms += [Fraction(faces[0].head[1], len(pixels))] if faces and faces[0].head else []
        self._found = len(faces)
        self._looks[index] = self._said = told(faces)
        self._main += faces[:1]
        if index * self.step < _BEGINNING and index == len(self._mouths):
            self._mouths.append(faces[0].mouth_open if faces else None)

    def end(self) -> Person:
        """All that was seen, when there is no more."""
        sights = self._filled()
        spans = {sight.value: self._spans(sight in each for each in sights) for sight in Sight}
        seen = Person(
            step=self.step,
            pictures=len(sights),
            looked=len(self._looks),
            seen=len(self._main),
            share=median(face.share or Fraction(0) for face in self._main) if self._main else None,
            background=self._background(),
            background_evenness=_exact(median(each.evenness for each in self._behind)) if self._behind else None,
            frozen=self._frozen(),
            head_room=_exact(float(median(self._rooms))) if self._rooms else None,
            mouth_closed=self._closed(),
            followed=len(self._moves),
            shaking=self._spans(self._shakes(len(sights))),
        )
        return replace(seen, **spans)

    def _filled(self) -> list[Sights]:
        """What is said of every picture; of one that was not looked at what is said of the one before."""
        filled, last = [], frozenset[Sight]()
        for index, dark in enumerate(self._lights):
            last = self._looks.get(index, last)
            filled.append(dark or last)
        return filled

    def _closed(self) -> Fraction | None:
        """Seconds until the mouth opens or is seen no more."""
        if not self._mouths or self._mouths[0] is None:
            return None
        shut = takewhile(lambda opening: opening is not None and opening < _OPEN, self._mouths)
        return sum(1 for _ in shut) * self.step

    def _shakes(self, count: int) -> Iterator[bool]:
        """Whether the camera moves, for every picture; of one that was not followed as at the last one that was, for as
        long as two looks are apart.
        """
        last = -_EVERY
        for index in range(count):
            last = index if index in self._moves else last
            yield index - last < _EVERY and self._moves[last] >= camera.MOVED

    def _background(self) -> str | None:
        """The colour that is behind the person nearly all the time."""
        colour, times = Counter(each.colour for each in self._behind).most_common(1)[0] if self._behind else (None, 0)
        return colour if times >= _NEARLY * len(self._behind) else MIXED

    def _frozen(self) -> tuple[Span, ...]:
        """Where nothing moves for long. A black or white stretch is told as such."""
        still = [stood and not dark for stood, dark in zip(self._stood, self._lights, strict=True)]
        return tuple(
            Span(max(Fraction(0), span.start - self.step), span.end)
            for span in self._spans(still)
            if span.end - span.start + self.step >= _FROZEN
        )

    def _spans(self, flags: Iterable[bool]) -> tuple[Span, ...]:
        spans: list[Span] = []
        for index, flag in enumerate(flags):
            start, end = index * self.step, (index + 1) * self.step
            if flag and spans and spans[-1].end == start:
                spans[-1] = Span(spans[-1].start, end)
            elif flag:
                spans.append(Span(start, end))
        return tuple(spans)


def _exact(value: float) -> Fraction:
    return Fraction(round(value * 1000), 1000)


def measure(path: Path, stream: VideoStream, length: Fraction | None) -> Person | None:
    """The person in picture stream `stream` of footage that is `length` seconds long; None where nothing decodes.

    Raises ToolMissing without the networks' files, and ToolMissing and TimedOut as ffmpeg does.
    """
    if stream.size is None or min(stream.size) < 1:
        return None
    watcher = Watcher(frames.step_of(length))
    count, joins = frames.watch(path, stream, frames.small(stream.size), watcher.step, watcher.take)
    if not count:
        return None
    seen = watcher.end()
    # Into black and out of it is no join of takes.
    dark = [Span(one.start - seen.step, one.end + seen.step) for one in (*seen.black, *seen.white)]
    joined = tuple(one for one in joins if not any(gap.start <= one.start and one.end <= gap.end for gap in dark))
    return replace(seen, joined=joined)


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of footage with the person in it; where nothing can be seen, with a remark that says why.

    Raises ToolMissing and TimedOut as ffmpeg does.
    """
    stream = info.video[0]
    if not decodable(stream.codec):
        return _unseen(info, _refused(stream))
    try:
        load()
    except ToolMissing as missing:  # rules that need an answer stop the run for it
        return _unseen(info, missing.text)
    person = measure(path, stream, info.duration)
    return replace(info, person=person) if person else _unseen(info, _NOTHING)


_NOTHING: Final = Text(
    "No picture comes out of the footage, so nobody can be seen in it. Export it again.",
    "视频解码后没有任何画面，无法检测其中的人物。请重新导出。",
)


def _refused(stream: VideoStream) -> Text:
    return Text(
        f"Nobody is looked for in {stream.codec} pictures. Export it as H.264, H.265 or ProRes.",
        f"无法在 {stream.codec} 画面中检测人物。请导出为 H.264、H.265 或 ProRes。",
    )


def _unseen(info: MediaInfo, why: Text) -> MediaInfo:
    return replace(info, remarks=(*info.remarks, why))
