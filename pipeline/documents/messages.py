"""Sentences about findings, in both languages. The only place where they are put together."""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.checks import CHECKS
from pipeline.model.facts import Kind, Text, Value
from pipeline.model.limits import Pattern
from pipeline.model.results import Finding, Fix, Verdict
from pipeline.model.rules import Check, Role, Rule, Safety
from pipeline.model.units import both, show

_SAFETY = {
    Safety.LOSSLESS: Text("without loss", "无损"),
    Safety.LOSSY: Text("re-encoded", "有损"),
    Safety.MANUAL: Text("by hand", "需人工"),
}
_REWRITTEN: Final = Text("changes the script", "改动文案")  # nothing is encoded anew in a text


def limit(rule: Rule, lang: str) -> str:
    """The limit in signs and figures."""
    return rule.limit.describe(lang)


def _place(where: Text | None, actual: str, lang: str) -> str:
    """Where it was found, unless that is what was found."""
    if where is None or where.of(lang) == actual:
        return ""
    return f"（{where.zh}）" if lang == "zh" else f" ({where.en})"


def _said(finding: Finding, lang: str) -> str:
    check = CHECKS[finding.rule.check]
    actual = show(finding.actual, check.type, lang)
    if finding.verdict is Verdict.UNKNOWN and finding.reason:
        actual += f" – {finding.reason.en}" if lang == "en" else f"——{finding.reason.zh}"
    head = check.title.of(lang) + _place(finding.where, actual, lang)
    if isinstance(finding.rule.limit, Pattern) and finding.rule.note:  # the note says it in words
        return f"{head}: {actual}" if lang == "en" else f"{head}：{actual}"
    wanted = limit(finding.rule, lang)
    return f"{head}: {actual}; wanted {wanted}" if lang == "en" else f"{head}：{actual}；要求 {wanted}"


def message(finding: Finding) -> Text:
    """What was found, what was wanted, where, and what can be done."""
    said = Text(_said(finding, "en"), _said(finding, "zh"))
    if finding.verdict is Verdict.PASS:
        return said
    for extra in _advice(finding):
        said = said.plus(Text(f". {extra.en}", f"。{extra.zh}"))
    if finding.reason and finding.verdict is Verdict.FAIL:
        said = said.plus(Text(f" ({finding.reason.en})", f"（{finding.reason.zh}）"))
    return said


def _advice(finding: Finding) -> list[Text]:
    """The note of the rule, and what a person can do where no fix does it."""
    helped = finding.advice or (CHECKS[finding.rule.check].help if finding.fix is None else None)
    return [Text(one.en.rstrip("."), one.zh.rstrip("。")) for one in (finding.rule.note, helped) if one]


class Apart(NamedTuple):
    """The parts of such a sentence, which a table or a page sets apart."""

    title: Text
    found: Text
    limit: Text | None  # None: the rest says it in words
    rest: Text | None  # note, advice, reason


_UNITS: Final = {"characters": " 字", "degrees": "°", "pixels": " 像素"}  # the others are written alike


def apart(finding: Finding) -> Apart:
    """What was found, what was wanted and the rest, each on its own."""
    check = CHECKS[finding.rule.check]
    rest = ([finding.reason] if finding.reason else []) + _advice(finding)
    if finding.verdict is Verdict.FAIL:
        rest = rest[1:] + rest[:1] if finding.reason else rest
    in_words = isinstance(finding.rule.limit, Pattern) and rest
    return Apart(
        title=check.title,
        found=value(finding.actual, check),
        limit=None if in_words else Text(limit(finding.rule, "en"), limit(finding.rule, "zh")),
        rest=Text(". ".join(one.en for one in rest), "。".join(one.zh for one in rest)) if rest else None,
    )


def value(actual: Value | None, check: Check) -> Text:
    """A value with its unit."""
    said = both(actual, check.type)
    if check.unit and actual is not None and check.type in {"count", "number"}:
        return said.plus(Text(f" {check.unit}", _UNITS.get(check.unit, f" {check.unit}")))
    return said


def edit(fix: Fix) -> Text:
    """What a fix does: "60 fps -> 30 fps (re-encoded)"."""
    check = CHECKS[fix.check]
    if check.says is not None:
        change = check.says(fix.actual, fix.value)
    else:
        change = both(fix.actual, check.type).plus(Text.same(" -> ")).plus(both(fix.value, check.type))
    written = check.kinds <= {Kind.TEXT, Kind.SUBTITLE} and fix.safety is Safety.LOSSY
    safety = _REWRITTEN if written else _SAFETY[fix.safety]
    return Text(f"{change.en} ({safety.en})", f"{change.zh}（{safety.zh}）")


def role(role: Role) -> Text:
    """The role with its short name."""
    return Text(f"{role.name}: {role.title.en}", f"{role.name}：{role.title.zh}")
