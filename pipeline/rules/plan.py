"""From findings to a plan. Pure, and independent of the order of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.checks.base import grows
from pipeline.checks.speech import SILENCES
from pipeline.model.facts import Kind, Text, Value
from pipeline.model.limits import OneOf
from pipeline.model.results import Finding, Fix, Plan, Verdict
from pipeline.model.rules import Level, Safety

# One round per rule is enough for rules that agree; more means they push a value to and fro.
_ROUNDS = 8


_CONTRADICTION = Text("its rules contradict each other: no value satisfies all", "规则互相矛盾：没有满足全部规则的值")
_TOO_COSTLY = Text("its repair is not among those allowed (--at-least)", "其修复方式不在允许范围内（--at-least）")

_PICTURE_SIZES: Final = frozenset({"image.size", "image.width", "image.height"})

_Place = tuple[str, int | None, Text | None]


# Repairs that take a work apart; nobody is served by one that was not asked for.
ON_REQUEST: Final = {
    "slides.pages": Text("it is split into parts on request (--split)", "需主动要求才会拆分（--split）"),
    "ssml.tag": Text(
        "its tags are removed on request, its words kept (--strip-tags)",
        "需主动要求才会删除标签、保留文字（--strip-tags）",
    ),
    **dict.fromkeys(
        ("face.framed", "face.share"),
        Text("it is cropped to head and shoulders on request (--crop)", "需主动要求才会裁剪为头肩像（--crop）"),
    ),
    "face.roll": Text("it is turned upright on request (--straighten)", "需主动要求才会转正（--straighten）"),
    "image.enlarge": Text(
        "it is enlarged on request (--enlarge), which adds pixels and no detail",
        "需主动要求才会放大（--enlarge）；放大只增加像素，不增加细节",
    ),
    "media.duration": Text(
        "it is cut off at the limit on request (--trim), a video also split into parts (--split)",
        "需主动要求才会截去超出部分（--trim），视频也可拆分为多份（--split）",
    ),
    **dict.fromkeys(
        SILENCES, Text("silence is cut off on request (--trim-silence)", "需主动要求才会截去静音（--trim-silence）")
    ),
}


# Among what was asked for: videos that are too long go on in parts, of which nothing is lost.
PARTS: Final = "media.parts"
PAGES: Final = "media.pages"  # a video of a deck is cut by page; no rule asks for it


def plan(
    findings: Sequence[Finding],
    at_least: Safety = Safety.LOSSY,
    allow: frozenset[str] = frozenset(),
    kind: Kind | None = None,
) -> Plan:
    """The edits that make every rule of level error pass, and what stands in the way.

    One edit per check and stream, satisfying all rules about it. Edits that only warnings ask for are
    `advised`: a converter takes them along when it makes the stream anew anyway, never on their own account.
    `at_least` is the least safety the caller accepts, `allow` names checks of ON_REQUEST that were asked for, `kind`
    is that of the asset: PARTS stands for "media.duration" of a video.
    """
    split = PARTS in allow and kind is Kind.VIDEO
    if split:
        allow |= {"media.duration"}
    asked = [f for f in findings if f.verdict is not Verdict.PASS]
    by_place: dict[_Place, list[Finding]] = {_place(f): [] for f in asked if f.fix is not None}
    for finding in sorted((f for f in findings if _place(f) in by_place), key=lambda f: f.rule.id):
        by_place[_place(finding)].append(finding)
    fixes: list[Fix] = []
    advised: list[Fix] = []
    blocked = [f for f in asked if f.blocks and f.fix is None]
    for group in by_place.values():
        failing = [f for f in group if f.verdict is Verdict.FAIL and f.fix is not None]
        hard = [f for f in failing if f.blocks]
        if not failing or any(f.blocks and f.fix is None for f in group):
            continue
        edit = _agree(group) if hard else _advice(group)
        if edit is None:
            blocked.extend(replace(f, fix=None, reason=_CONTRADICTION) for f in hard)
        elif hard and edit.safety < at_least:
            blocked.extend(replace(f, fix=None, reason=_TOO_COSTLY) for f in hard)
        elif (key := _request(edit)) is not None and key not in allow:
            blocked.extend(replace(f, fix=None, reason=ON_REQUEST[key]) for f in hard)
        elif hard or key is not None:
            if hard or key in allow:  # asked for by name, so made also where only advice wants it
                fixes.append(edit)
        elif edit.safety >= at_least:
            advised.append(edit)
    return Plan(
        fixes=_in_order(fixes),
        advised=_in_order(advised),
        split=split and any(fix.check == "media.duration" for fix in fixes),
        blocked=tuple(sorted(blocked, key=lambda f: (f.rule.id, f.stream or -1, f.where.en if f.where else ""))),
        allowed=allow,
    )


def _place(finding: Finding) -> _Place:
    return finding.rule.check, finding.stream, finding.where


def _request(edit: Fix) -> str | None:
    """The key of ON_REQUEST by which this edit has to be asked for; None: it is made unasked."""
    if edit.check in _PICTURE_SIZES and grows(edit.actual, edit.value):
        return "image.enlarge"
    return edit.check if edit.check in ON_REQUEST else None


def _in_order(fixes: Iterable[Fix]) -> tuple[Fix, ...]:
    return tuple(
        sorted(set(fixes), key=lambda fix: (fix.check, -1 if fix.stream is None else fix.stream, str(fix.value)))
    )


def _agree(group: Sequence[Finding]) -> Fix | None:
    """One edit that all rules of level error about this value accept, and the warnings too where possible."""
    errors = [f for f in group if f.rule.level is Level.ERROR]
    return _edit(group, group) or _edit(group, errors)


def _edit(group: Sequence[Finding], bound: Sequence[Finding]) -> Fix | None:
    first = next(f for f in group if f.fix is not None)
    value = first.actual
    if value is None:
        return None
    # What judging proposes knows the picture; a limit on its own knows only numbers.
    proposed = [f.fix.value for f in group if f.fix is not None]
    suits = [v for v in proposed if all(f.rule.limit.accepts(v) for f in bound)]
    target = min(suits, key=lambda v: _distance(v, value)) if suits else _settle(value, bound)
    check = CHECKS[first.rule.check]
    if target is None or check.safety is None or (safety := check.safety(value, target)) is Safety.MANUAL:
        return None
    return Fix(check=check.name, stream=first.stream, actual=value, value=target, safety=safety)


def _settle(value: Value, bound: Sequence[Finding]) -> Value | None:
    """A value near to this one that all accept: each limit's nearest in turn, else a listed value."""
    limits = [f.rule.limit for f in bound]
    start = value
    for _ in range(_ROUNDS):
        refused = next((limit for limit in limits if not limit.accepts(value)), None)
        if refused is None:
            return value
        nearer = refused.nearest(value)
        if nearer is None:
            break
        value = nearer
    # A list and a bound can push a value to and fro past an entry that suits both.
    listed = [v for limit in limits if isinstance(limit, OneOf) for v in limit.values]
    suits = [v for v in listed if all(limit.accepts(v) for limit in limits)]
    return min(suits, key=lambda v: _distance(v, start), default=None)


def _distance(one: Value, other: Value) -> Fraction:
    """How far two numbers are apart; all other values are equally far, so that their order decides."""
    if isinstance(one, int | Fraction) and isinstance(other, int | Fraction):
        return abs(Fraction(one) - Fraction(other))
    return Fraction(0)


def _advice(group: Sequence[Finding]) -> Fix | None:
    """One edit for what only warnings ask: it never breaks a rule of level error that holds now."""
    errors = [f for f in group if f.rule.level is Level.ERROR]
    warnings = [f for f in group if f.rule.level is Level.WARNING]
    failing = [f for f in warnings if f.verdict is Verdict.FAIL and f.fix is not None]
    tries = [[*errors, *warnings], *([*errors, one] for one in failing)]
    return next((edit for bound in tries if failing and (edit := _edit(group, bound))), None)
