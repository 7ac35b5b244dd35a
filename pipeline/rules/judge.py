"""Facts against rules. Pure: reads nothing but its arguments."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.model.facts import Kind, MediaInfo, Text, Value, decodable
from pipeline.model.measures import MEASURES
from pipeline.model.results import Finding, Fix, Verdict
from pipeline.model.rules import Check, Condition, Level, Reading, Role, Rule, Safety

_NOTHING_READ = Text("the file holds nothing this rule could be read from", "文件中没有可供该规则读取的内容")
_NO_VALUE = Text("the file does not tell", "文件未提供该信息")


def needs(role: Role, kind: Kind) -> frozenset[str]:
    """The costly measurements that the rules of this role ask for on this kind of file."""
    asked = (CHECKS[rule.check] for rule in role.rules)
    return frozenset[str]().union(*(check.needs for check in asked if kind in check.kinds))


def judge(info: MediaInfo, role: Role) -> tuple[Finding, ...]:
    """What every rule of the role that applies to this kind of file says about it.

    A rule that reads nothing answers *unknown*, unless it is optional. A rule whose condition does not hold
    is not asked.
    """
    return tuple(finding for rule in role.rules for finding in _ask(rule, info, role))


def holds(condition: Condition | None, info: MediaInfo) -> bool:
    """Whether a rule with this condition applies: every value is known and accepted."""
    if condition is None:
        return True
    values = [reading.value for reading in CHECKS[condition.check].read(info)]
    return bool(values) and all(value is not None and condition.limit.accepts(value) for value in values)


def _ask(rule: Rule, info: MediaInfo, role: Role) -> Iterable[Finding]:
    check = CHECKS[rule.check]
    if info.kind not in check.kinds or not holds(rule.when, info):
        return
    readings = tuple(check.read(info))
    if not readings and not rule.optional:
        reason = _unmeasured(check, info) or _NOTHING_READ
        yield Finding(rule=rule, verdict=Verdict.UNKNOWN, actual=None, reason=reason)
    findings = [_weigh(rule, check, info, reading, role) for reading in readings]
    yield from _together(findings) if check.together else findings


def _together(findings: list[Finding]) -> Iterable[Finding]:
    """The same, those that fail at a place as one that names all these places; values are named as their places."""
    failed: list[Finding] = []
    places: list[Text] = []
    for finding in findings:
        if finding.verdict is Verdict.FAIL and finding.where:
            failed.append(finding)
            places.append(finding.where)
        else:
            yield finding
    if failed:
        where = Text(", ".join(one.en for one in places), "、".join(one.zh for one in places))
        actual = where.en if isinstance(failed[0].actual, str) else failed[0].actual
        yield replace(failed[0], actual=actual, where=None if actual == where.en else where)


def _unmeasured(check: Check, info: MediaInfo) -> Text | None:
    asked = [MEASURES[name] for name in sorted(check.needs)]
    missing = next((one for one in asked if one.block(info) is None), None)
    if missing is None and check.untold is not None:
        return check.untold
    if missing is not None and missing.remarked and info.remarks:
        why = info.remarks[-1]  # it could not even be tried: it says what to run, or what is wrong with the file
        return Text(why.en.rstrip("."), why.zh.rstrip("。"))
    return asked[0].unknown if asked else None


def _weigh(rule: Rule, check: Check, info: MediaInfo, reading: Reading, role: Role) -> Finding:
    value = reading.value
    if value is None:
        verdict, reason = Verdict.UNKNOWN, _unmeasured(check, info) or _NO_VALUE
    else:
        verdict, reason = (Verdict.PASS if rule.limit.accepts(value) else Verdict.FAIL), None
    fix = _fix(rule, check, info, reading, role) if verdict is Verdict.FAIL else None
    if fix and fix.safety is Safety.LOSSY and (closed := _undecodable(info, reading.stream)):
        fix, reason = None, closed
    return Finding(
        rule=rule,
        verdict=verdict,
        actual=value,
        stream=reading.stream,
        where=reading.where,
        fix=fix,
        reason=reason,
        advice=check.advise(info, rule.limit) if check.advise and verdict is Verdict.FAIL else None,
    )


def _undecodable(info: MediaInfo, stream: int | None) -> Text | None:
    """Why this stream of a recording cannot be made anew; None: it can."""
    codecs = [(s.codec, _PICTURE) for s in info.video if s.index == stream]
    codecs += [(s.codec, _SOUND) for s in info.audio if s.index == stream]
    for codec, instead in codecs:
        if not decodable(codec):
            return Text(f"its codec {codec} is none that is decoded here: ", f"编码 {codec} 不在可解码之列：").plus(
                instead
            )
    return None


_PICTURE = Text("export the picture as H.264, H.265 or ProRes", "请将画面导出为 H.264、H.265 或 ProRes")
_SOUND = Text("export the sound as AAC or PCM (WAV)", "请将声音导出为 AAC 或 PCM（WAV）")


def _obeys(role: Role, info: MediaInfo, checks: frozenset[str]) -> bool:
    """Whether a file with these facts would break no rule of level error on these checks."""
    return all(
        reading.value is None or rule.limit.accepts(reading.value)
        for rule in role.rules
        if rule.check in checks and rule.level is Level.ERROR and holds(rule.when, info)
        for reading in CHECKS[rule.check].read(info)
    )


def _fix(rule: Rule, check: Check, info: MediaInfo, reading: Reading, role: Role) -> Fix | None:
    """The edit that would satisfy this rule, if a converter can make it."""
    value: Value | None = reading.value
    if value is None or check.safety is None or info.kind not in check.repairs:
        return None
    target = rule.limit.nearest(value)
    if target is not None and check.prefer is not None:
        better = check.prefer(info, reading, target, lambda changed, names: _obeys(role, changed, names))
        target = better if rule.limit.accepts(better) else target
    if target is None or (safety := check.safety(value, target)) is Safety.MANUAL:
        return None
    return Fix(check=check.name, stream=reading.stream, actual=value, value=target, safety=safety)
