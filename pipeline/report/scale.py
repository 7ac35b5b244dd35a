"""A measured value against its limit as a small drawing: the geometry only, in units of an SVG view box."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from msgspec import Struct

from pipeline.model.facts import Size, Value
from pipeline.model.limits import Aspect, AtLeastBox, Between, FitsBox, OneOf, OneSize
from pipeline.model.rules import Limit
from pipeline.model.units import show

WIDTH: Final = 220.0
_EDGE: Final = 12.0  # room left and right of the axis
_FAR: Final = 6.0  # times the limit; beyond it the axis is logarithmic


class Tick(Struct, frozen=True):
    """A place on the axis with its label."""

    x: float
    label: str
    anchor: str  # start, middle, end


class Scale(Struct, frozen=True):
    """Either an axis (`spans` that are acceptable, `ticks`, `mark`) or nested `boxes` (allowed, then found)."""

    spans: tuple[tuple[float, float], ...] = ()  # x and width
    ticks: tuple[Tick, ...] = ()
    mark: float | None = None
    ok: bool = False
    log: bool = False
    boxes: tuple[tuple[float, float], ...] = ()  # width and height


def _number(value: Value | None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        return None
    return float(value)


def _anchor(x: float) -> str:
    return "start" if x < 40 else "end" if x > WIDTH - 40 else "middle"


class _Axis:
    """Places of numbers on a line that holds all of them."""

    def __init__(self, numbers: Iterable[float]) -> None:
        held = sorted(set(numbers))
        low, high = held[0], held[-1]
        self.log = low > 0 and high / low > _FAR
        if self.log:
            self.low, self.high = math.log(low / 1.6), math.log(high * 1.6)
        else:
            # From nothing, so that lengths can be compared; a limit of nothing still gets an axis.
            start = min(low, 0.0)
            margin = (high - start or 1.0) * 0.12
            self.low, self.high = start - (margin if start < 0 else 0.0), high + margin

    def x(self, number: float) -> float:
        """The place of `number`, kept inside the drawing."""
        if self.log:
            number = math.log(number) if number > 0 else self.low
        share = (number - self.low) / (self.high - self.low)
        return round(_EDGE + min(1.0, max(0.0, share)) * (WIDTH - 2 * _EDGE), 1)


def _between(limit: Between) -> tuple[list[tuple[float | None, float | None]], list[Value]]:
    low = None if limit.low is None else float(limit.low)
    high = None if limit.high is None else float(limit.high)
    return [(low, high)], [bound for bound in (limit.low, limit.high) if bound is not None]


def _ticks(axis: _Axis, stops: list[Value], type_: str) -> tuple[Tick, ...]:
    """Labels that do not run into each other; the outermost ones win."""
    placed = sorted((axis.x(float(stop)), stop) for stop in stops if isinstance(stop, int | Fraction))
    out: list[Tick] = []
    for x, stop in placed:
        label = _short(stop, type_)
        if out and x - out[-1].x < 5.5 * len(label) + 14:
            continue
        out.append(Tick(x, label, _anchor(x)))
    return tuple(out)


def _short(value: Value, type_: str) -> str:
    """A label: without the exact byte count that a sentence would give."""
    return show(value, type_).partition(" (")[0]


def _on_axis(value: float, limit: Limit, type_: str) -> Scale | None:
    spans: list[tuple[float | None, float | None]] = []
    stops: list[Value] = []
    if isinstance(limit, Between):
        spans, stops = _between(limit)
    elif isinstance(limit, OneOf):
        stops = [v for v in limit.values if _number(v) is not None]
        spans = [(float(v), float(v)) for v in stops if isinstance(v, int | Fraction)]
    elif isinstance(limit, Aspect):
        stops = list(limit.ratios)
        slack = float(limit.tolerance)
        spans = [(float(r) * (1 - slack), float(r) * (1 + slack)) for r in limit.ratios]
    numbers = [float(stop) for stop in stops if isinstance(stop, int | Fraction)]
    if not numbers:
        return None
    axis = _Axis([*numbers, value])
    drawn = []
    for low, high in spans:
        left = _EDGE if low is None else axis.x(low)
        right = WIDTH - _EDGE if high is None else axis.x(high)
        drawn.append((max(left - 1.5, 0.0), round(right - left + 3.0, 1)) if right - left < 3 else (left, right - left))
    exact: Value = Fraction(value).limit_denominator(10**6)
    return Scale(
        spans=tuple((round(x, 1), round(w, 1)) for x, w in drawn),
        ticks=_ticks(axis, stops, type_),
        mark=axis.x(value),
        ok=limit.accepts(exact),
        log=axis.log,
    )


_BOX: Final = 44.0  # height of the drawing of boxes


def _boxes(value: Size, limit: FitsBox | AtLeastBox | OneSize) -> Scale | None:
    if isinstance(limit, AtLeastBox):
        allowed = limit.low
    else:
        sizes = limit.boxes if isinstance(limit, FitsBox) else limit.sizes
        upright = value.height > value.width
        turned = [Size(*sorted(s, reverse=not upright)) if isinstance(limit, FitsBox) else s for s in sizes]
        allowed = max(turned, key=lambda s: s.width * s.height)
    if min(*value, *allowed) < 1:
        return None
    unit = max(value.height / _BOX, allowed.height / _BOX, value.width / (WIDTH / 2), allowed.width / (WIDTH / 2))
    drawn = tuple((max(1.0, round(s.width / unit, 1)), max(1.0, round(s.height / unit, 1))) for s in (allowed, value))
    return Scale(boxes=drawn, ok=limit.accepts(value))


def scale(value: Value | None, limit: Limit, type_: str) -> Scale | None:
    """The drawing of `value` against `limit`, or None where there is nothing to draw."""
    if isinstance(value, Size):
        return _boxes(value, limit) if isinstance(limit, FitsBox | AtLeastBox | OneSize) else None
    number = _number(value)
    return None if number is None or not math.isfinite(number) else _on_axis(number, limit, type_)
