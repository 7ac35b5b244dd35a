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


def _place(where: str | None, actual: str, lang: str) -> str:
    """Where it was found, unless that is what was found."""
    if where is None or where == actual:
        return ""
    if lang == "zh":
        for en, zh in (("line ", "行 "), ("column ", "列 "), ("paragraph ", "段落 ")):
            where = where.replace(en, zh)
        return f"（{where}）"
    return f" ({where})"


def _said(finding: Finding, lang: str) -> str:
    check = CHECKS[finding.rule.check]
    actual = show(finding.actual, check.type, lang)
    if finding.verdict is Verdict.UNKNOWN and finding.reason:
        actual += f" – {finding.reason.en}" if lang == "en" else f"——{finding.reason.zh}"
    head = check.title.of(lang) + _place(finding.where, actual, lang)
    wanted = limit(finding.rule, lang)
    return f"{head}: {actual}; wanted {wanted}" if lang == "en" else f"{head}：{actual}；要求 {wanted}"


def message(finding: Finding) -> Text:
    """What was found, what was wanted, where, and what can be done."""
    check = CHECKS[finding.rule.check]
    said = Text(_said(finding, "en"), _said(finding, "zh"))
    if finding.verdict is Verdict.PASS:
        return said
    for extra in (finding.rule.note, finding.advice or (check.help if finding.fix is None else None)):
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
