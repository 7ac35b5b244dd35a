"""Sentences about findings, in both languages. The only place where they are put together."""

from __future__ import annotations

from pipeline.checks import CHECKS
from pipeline.model import Finding, Fix, Role, Rule, Safety, Text, Verdict
from pipeline.values import show

_SAFETY = {
    Safety.LOSSLESS: Text("without loss", "无损"),
    Safety.LOSSY: Text("re-encoded", "有损"),
    Safety.MANUAL: Text("by hand", "需人工"),
}


def limit(rule: Rule, lang: str) -> str:
    """The limit in signs and figures."""
    return rule.limit.describe(lang)


def message(finding: Finding) -> Text:
    """What was found, what was wanted, where, and what can be done."""
    check = CHECKS[finding.rule.check]
    where = f" ({finding.where})" if finding.where else ""
    wanted = Text(limit(finding.rule, "en"), limit(finding.rule, "zh"))
    if finding.verdict is Verdict.UNKNOWN:
        reason = finding.reason or Text("", "")
        said = Text(
            f"{check.title.en}{where}: unknown – {reason.en}; wanted {wanted.en}",
            f"{check.title.zh}{where}：未知——{reason.zh}；要求 {wanted.zh}",
        )
    else:
        actual = show(finding.actual, check.type)
        said = Text(
            f"{check.title.en}{where}: {actual}; wanted {wanted.en}",
            f"{check.title.zh}{where}：{actual}；要求 {wanted.zh}",
        )
    if finding.verdict is Verdict.PASS:
        return said
    for extra in (finding.rule.note, check.help if finding.fix is None else None):
        if extra:
            said = Text(f"{said.en}. {extra.en.rstrip('.')}", f"{said.zh}。{extra.zh.rstrip('。')}")
    if finding.reason and finding.verdict is Verdict.FAIL:
        said = Text(f"{said.en} ({finding.reason.en})", f"{said.zh}（{finding.reason.zh}）")
    return said


def edit(fix: Fix) -> Text:
    """What a fix does: "60 fps -> 30 fps (re-encoded)"."""
    kind = CHECKS[fix.check].type
    change = f"{show(fix.actual, kind)} -> {show(fix.value, kind)}"
    safety = _SAFETY[fix.safety]
    return Text(f"{change} ({safety.en})", f"{change}（{safety.zh}）")


def role(role: Role) -> Text:
    """The role with its short name."""
    return Text(f"{role.name}: {role.title.en}", f"{role.name}：{role.title.zh}")
