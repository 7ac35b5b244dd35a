"""Sentences about findings, in both languages. The only place where they are put together."""

from __future__ import annotations

import re
from typing import Final

from pipeline.checks import CHECKS
from pipeline.model.facts import Kind, Text
from pipeline.model.results import Finding, Fix, Verdict
from pipeline.model.rules import Role, Rule, Safety
from pipeline.model.units import show

_SAFETY = {
    Safety.LOSSLESS: Text("without loss", "无损"),
    Safety.LOSSY: Text("re-encoded", "有损"),
    Safety.MANUAL: Text("by hand", "需人工"),
}
_REWRITTEN: Final = Text("changes the script", "改动文案")  # nothing is encoded anew in a text
LANGS: Final = ("en", "zh")


def limit(rule: Rule, lang: str) -> str:
    """The limit in signs and figures."""
    return rule.limit.describe(lang)


# How places are written, and how they are said in Chinese.
_PLACES: Final = (
    (re.compile(r"\bline (\d+), column (\d+)"), r"第 \1 行第 \2 列"),
    (re.compile(r"\bparagraph (\d+)"), r"第 \1 段"),
    (re.compile(r"\bstream (\d+)"), r"第 \1 条流"),
    (re.compile(r": (?=mismatched|not well|unclosed|undefined|duplicate|no element|a document|junk|nested)"), "："),
    (re.compile(r"\bslides? (?=\d)"), "幻灯片 "),
    (re.compile(r"(?<=”) in "), "，字体为 "),
    (re.compile(r"\bmismatched tag"), "标签不配对"),
    (re.compile(r"\bnot well-formed \(invalid token\)"), "此处的字符无效"),
    (re.compile(r"\bunclosed token"), "标签未写完"),
    (re.compile(r"\bundefined entity"), "未定义的实体"),
    (re.compile(r"\bduplicate attribute"), "属性重复"),
    (re.compile(r"\bno element found"), "标签未闭合"),
    (re.compile(r"\ba document type \(DTD\) or an entity is declared"), "声明了文档类型（DTD）或实体"),
    (re.compile(r"\bnested deeper than (\d+) elements"), r"嵌套超过 \1 层"),
)


def place(where: str) -> Text:
    """A place of a finding in both languages."""
    said = where
    for pattern, chinese in _PLACES:
        said = pattern.sub(chinese, said)
    return Text(where, said)


def _place(where: str | None, actual: str, lang: str) -> str:
    """Where it was found, unless that is what was found."""
    if where is None or where == actual:
        return ""
    said = place(where).of(lang)
    return f"（{said}）" if lang == "zh" else f" ({said})"


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
    check = CHECKS[fix.check]
    if check.says is not None:
        change = check.says(fix.actual, fix.value)
    else:
        change = Text(
            *(f"{show(fix.actual, check.type, lang)} -> {show(fix.value, check.type, lang)}" for lang in LANGS)
        )
    written = check.kinds <= {Kind.TEXT, Kind.SUBTITLE} and fix.safety is Safety.LOSSY
    safety = _REWRITTEN if written else _SAFETY[fix.safety]
    return Text(f"{change.en} ({safety.en})", f"{change.zh}（{safety.zh}）")


def role(role: Role) -> Text:
    """The role with its short name."""
    return Text(f"{role.name}: {role.title.en}", f"{role.name}：{role.title.zh}")
