"""Footage over its length: where in time each fault is, and what can be seen there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Final

from msgspec import Struct

from pipeline.checks.person import when
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.measured import Span

MOST: Final = 3  # stretches of one kind that a picture is shown of: the longest
WIDTH: Final = 1000  # of the drawing of the whole length

_KINDS: Final[Mapping[str, Text]] = {
    "black": Text("black", "黑屏"),
    "white": Text("over-exposed", "过曝"),
    "frozen": Text("frozen", "画面静止"),
    "nobody": Text("nobody is seen", "无人脸"),
    "several": Text("more than one face", "多张人脸"),
    "lying": Text("lying on its side", "人脸横躺"),
    "turned": Text("turned away", "面部转开"),
    "cut_off": Text("beyond the edge", "超出画面"),
    "covered": Text("face covered", "面部遮挡"),
    "ill_lit": Text("face ill lit", "面部光线不佳"),
    "blurred": Text("face blurred", "面部模糊"),
    "eyes_shut": Text("eyes shut", "闭眼"),
    "shaking": Text("camera moves", "镜头晃动"),
    "joined": Text("takes joined", "疑似拼接"),
}


class Lane(Struct, frozen=True):
    """One kind of fault over the whole length."""

    name: Text
    when: Text
    wrong: bool  # a rule is broken by it
    bars: tuple[tuple[float, float], ...]  # start and width, of WIDTH
    moments: tuple[tuple[Fraction, Text], ...]  # seconds at which a picture tells most, and what it is of


def lanes(info: MediaInfo, broken: Collection[str]) -> list[Lane]:
    """A lane for each kind of fault that there is; `broken` names the checks that failed."""
    person = info.person
    if person is None:
        return []
    whole = Fraction(person.pictures * person.step)
    found = []
    for kind, name in _KINDS.items():
        spans: tuple[Span, ...] = getattr(person, kind)
        told = when(spans)
        if not told or not whole:
            continue
        longest = sorted(spans, key=lambda span: span.start - span.end)[:MOST]
        moments = tuple(((span.start + span.end) / 2, _seconds(span)) for span in sorted(longest))
        bars = tuple((_along(span.start, whole), max(2.0, _along(span.end - span.start, whole))) for span in spans)
        found.append(Lane(name, told, f"person.{kind}" in broken, bars, moments))
    return found


def _along(seconds: Fraction, whole: Fraction) -> float:
    return round(float(min(seconds, whole) / whole * WIDTH), 1)


def _seconds(span: Span) -> Text:
    return Text.same(f"{float(span.start):g}–{float(span.end):g} s")
