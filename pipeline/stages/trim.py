"""Ends of footage that show nothing of use, cut off where that was asked for: the plan is one for what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from pipeline.checks.person import ENDS, left, within
from pipeline.convert.av import split as parts
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.job import Job
from pipeline.model.measured import Span
from pipeline.model.results import Finding, Fix, Part, Plan, Verdict
from pipeline.model.rules import Safety
from pipeline.rules import plan as planning

Findings = tuple[Finding, ...]
_Key = tuple[str, int | None]  # rule and stream: where something is may move when what is before it is cut off

_NOTHING: Final = Text("Were its ends cut off (--trim), nothing would be left.", "若剪去首尾（--trim），将一无所剩。")
_LOSSY: Final = Text(
    "Its ends are not cut off, for the picture may have to be encoded for it (--at-least).",
    "未剪去首尾，因为可能需要重新编码画面（--at-least）。",
)


def plan(
    job: Job, info: MediaInfo, findings: Findings, judge: Callable[[MediaInfo], Findings]
) -> tuple[Findings, Plan]:
    """The plan for these facts and what is told of them; where ends are cut off, for what `judge` says of the rest."""

    def planned(said: Findings) -> Plan:
        return planning.plan(said, job.at_least, job.allow, info.kind)

    whole = planned(findings)
    refused = [f for f in findings if f.rule.check in job.allow & ENDS.keys() and f.verdict is Verdict.FAIL]
    if info.person is None or not refused:
        return findings, whole
    length = info.person.pictures * info.person.step
    kept = left(info.person, lambda check, lasts: any(_refuses(f, check, lasts) for f in refused))
    if kept == Span(Fraction(0), length):
        return findings, whole
    if kept.start >= kept.end or job.at_least > Safety.LOSSY:
        why = _NOTHING if kept.start >= kept.end else _LOSSY
        stuck = {_key(f): replace(f, reason=why, advice=None) for f in refused}
        others = tuple(f for f in whole.blocked if _key(f) not in stuck)
        return _told(findings, stuck), replace(whole, blocked=(*others, *stuck.values()))
    part = Part(number=1, of=1, start=kept.start, length=None if kept.end == length else kept.end - kept.start)
    rest = judge(replace(parts.facts(info, part), person=within(info.person, kept)))
    made = planned(rest)
    known = {(_key(f), f.actual) for f in whole.blocked}
    stuck = {_key(f): replace(f, reason=_left(kept)) for f in made.blocked if (_key(f), f.actual) not in known}
    blocked = tuple(stuck.get(_key(f), f) for f in made.blocked)
    step = Fraction(info.person.step)
    slack = step if all(f.rule.limit.accepts(step) for f in refused) else Fraction(0)
    mended = {_key(f): _mended(f, rest) for f in refused}
    return _told(findings, mended | stuck), replace(made, blocked=blocked, split=True, parts=(part,), slack=slack)


def _key(finding: Finding) -> _Key:
    return finding.rule.id, finding.stream


def _refuses(finding: Finding, check: str, lasts: Fraction) -> bool:
    return finding.rule.check == check and not finding.rule.limit.accepts(lasts)


def _left(kept: Span) -> Text:
    span = f"{float(kept.start):g}-{float(kept.end):g} s"
    return Text(
        f"That is what is left once its ends are cut off (--trim): {span}.", f"此为剪去首尾（--trim）后所剩：{span}。"
    )


def _mended(finding: Finding, rest: Findings) -> Finding:
    """The finding with what cutting off the ends does to its value, where that is enough."""
    after = next((f for f in rest if _key(f) == _key(finding) and f.verdict is Verdict.PASS), None)
    if after is None or after.actual is None or finding.actual is None:
        return finding
    check = finding.rule.check
    fix = Fix(check=check, stream=finding.stream, actual=finding.actual, value=after.actual, safety=Safety.LOSSY)
    return replace(finding, fix=fix, advice=None)


def _told(findings: Findings, instead: Mapping[_Key, Finding]) -> Findings:
    return tuple(instead.get(_key(f), f) for f in findings)
