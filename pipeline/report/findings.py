"""A finding of a report or manifest, told anew in both languages from the rule it names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Final

from pipeline.checks import CHECKS
from pipeline.documents.messages import place
from pipeline.errors import PresetError
from pipeline.model.facts import Size, Text, Value
from pipeline.model.limits import Pattern
from pipeline.model.rules import Preset, Rule
from pipeline.model.units import show
from pipeline.report.scale import Scale, scale
from pipeline.report.translate import words
from pipeline.rules import presets

Entry = Mapping[str, Any]
Rules = Mapping[str, tuple[Rule, ...]]

_LANGS: Final = ("en", "zh")
_WHOLE: Final = frozenset({"bytes", "hertz", "bits", "count"})
_PARTS: Final = frozenset({"seconds", "rate", "share", "number", "ratio"})


@dataclass(frozen=True, slots=True)
class Told:
    """One finding, ready to be shown. Sentences are in both languages."""

    rule: str
    level: str  # error, warning, info
    verdict: str
    blocks: bool
    title: Text
    found: Text  # the value measured
    limit: Text
    rest: Text  # note, advice, reason
    fix: Text | None
    safety: str | None
    sources: tuple[str, ...]
    code: str | None
    where: tuple[Text, ...]
    more: int  # further places of the same rule
    scale: Scale | None
    solved: bool  # an output was made in which it is in order

    @property
    def weight(self) -> int:
        """For sorting: what blocks first, then warnings."""
        if self.blocks:
            return 0 if self.verdict == "fail" else 1
        return {"error": 2, "warning": 3, "info": 4}[self.level] + (3 if self.verdict == "unknown" else 0)


@cache
def rules_of(preset: str) -> Mapping[str, tuple[Rule, ...]]:
    """The rules of a preset by id, as they are today; empty when it is not here."""
    out: dict[str, tuple[Rule, ...]] = {}
    loaded = loadable(preset)
    for role in loaded.roles if loaded else ():
        for rule in role.rules:
            out[rule.id] = (*out.get(rule.id, ()), rule)
    return out


def rule_of(finding: Entry, rules: Rules) -> Rule | None:
    """The rule behind a finding, if its limit is still the one that was written down."""
    for rule in rules.get(finding["rule"], ()):
        if any(
            finding["limit"] == rule.limit.describe(lang, units=units) for lang in _LANGS for units in (False, True)
        ):
            return rule
    return None


@cache
def loadable(preset: str) -> Preset | None:
    """The preset, if it is one that is shipped. A report never makes us open a file it names."""
    try:
        return presets.load(preset) if preset in presets.names() else None
    except PresetError:
        return None


def value_of(raw: str | None, type_: str) -> Value | None:
    """A value as a JSON document holds it, as the model holds it; None when it is not of its type."""
    if raw is None:
        return None
    try:
        if type_ in _WHOLE:
            return int(raw)
        if type_ in _PARTS:
            return Fraction(raw)
        if type_ == "size":
            width, _, height = raw.partition("x")
            return Size(int(width), int(height))
    except (ValueError, ZeroDivisionError):
        return None
    return {"yes": True, "no": False}.get(raw) if type_ == "flag" else raw


def _shown(value: Value | None, raw: str | None, type_: str) -> Text:
    if value is None:
        return Text(raw, raw) if raw is not None else Text("not known", "未知")
    en, zh = show(value, type_, "en"), show(value, type_, "zh")
    return Text(en, words(zh) if type_ == "text" else zh.replace(" bytes", " 字节"))


_SIGNS: Final = ((">= ", "≥ "), ("<= ", "≤ "), (" -> ", " → "))


def signs(said: Text) -> Text:
    """Our own sentences as they are set in print."""
    en, zh = said
    for typed, printed in _SIGNS:
        en, zh = en.replace(typed, printed), zh.replace(typed, printed)
    return Text(en, zh)


def both(entry: Entry, key: str) -> Text:
    """A sentence in both languages: `said` where the document has it, else the one language it was written in."""
    said = entry.get("said")
    if isinstance(said, Mapping):
        return Text(str(said["en"]), str(said["zh"]))
    return Text(str(entry.get(key) or ""), str(entry.get(key) or ""))


def _limit(finding: Entry, rule: Rule | None) -> Text:
    en = rule.limit.describe("en") if rule else str(finding["limit"])
    zh = rule.limit.describe("zh") if rule else str(finding["limit"])
    return signs(Text(en, words(zh).replace(" bytes", " 字节")))


_WANTED: Final = {"en": "; wanted ", "zh": "；要求 "}
_UNKNOWN: Final = {"en": " – ", "zh": "——"}


def _rest(finding: Entry, rule: Rule | None) -> Text:
    """What the sentence adds to title, value and limit, which are shown on their own."""
    whole = both(finding, "message")
    out = []
    for lang in ("en", "zh"):
        said = whole.of(lang)
        limit = _WANTED[lang] + (rule.limit.describe(lang) if rule else str(finding["limit"]))
        before, at, after = said.partition(limit)
        if finding["verdict"] == "unknown":
            said = before.partition(_UNKNOWN[lang])[2] + (after if at else "")
        elif at:
            said = after
        else:  # written by another version: what follows the first sentence
            said = said.partition("; wanted " if lang == "en" else "；要求 ")[2].partition(
                ". " if lang == "en" else "。"
            )[2]
        said = said.strip(" .。；;")
        alone = said[:1] in {"(", "（"} and said[-1:] in {")", "）"}
        out.append(said[1:-1] if alone else said)
    return Text(*out)


def tell(
    finding: Entry, rule: Rule | None, where: tuple[str, ...] = (), more: int = 0, *, solved: bool = False
) -> Told:
    """One finding; `where` and `more` are places of the same rule and value, when several were put together."""
    check = CHECKS.get(finding["check"])
    type_ = check.type if check else "text"
    value = value_of(finding["actual"], type_)
    title = check.title if check else Text(finding["check"], finding["check"])
    found = _shown(value, finding["actual"], type_)
    if check and check.unit and value is not None and type_ in {"count", "number"}:
        found = found.plus(Text(f" {check.unit}", _UNITS.get(check.unit, f" {check.unit}")))
    limit = _limit(finding, rule)
    rest = _rest(finding, rule)
    if rule and isinstance(rule.limit, Pattern) and rest.en:
        limit = Text("", "")  # the note says it in words
    sources = [finding["source"], *finding.get("also", ())]
    return Told(
        rule=finding["rule"],
        level=finding["level"],
        verdict=finding["verdict"],
        blocks=bool(finding.get("blocks", finding["level"] == "error" and finding["verdict"] == "fail")),
        title=title,
        found=found,
        limit=limit,
        rest=rest,
        fix=signs(both(finding["fix"], "does")) if finding["fix"] else None,
        safety=finding["fix"]["safety"] if finding["fix"] else None,
        sources=tuple(f"{s['document']} {s['section']}" + (f" ({s['date']})" if s["date"] else "") for s in sources),
        code=finding["code"],
        where=tuple(place(one) for one in where),
        more=more,
        scale=scale(value, rule.limit, type_) if rule and finding["verdict"] != "unknown" else None,
        solved=solved,
    )


_UNITS: Final = {"characters": " 字", "degrees": "°"}
PLACES: Final = 6  # places of one rule that are listed
RULES: Final = 40  # rules of one asset that are listed


def stopped(entry: Entry) -> list[Entry]:
    """The findings of an asset; those that kept it from being repaired say why, and promise nothing."""
    named = {(f["rule"], f["stream"], f["where"]): f for f in entry.get("blocked") or ()}
    return [named.get((f["rule"], f["stream"], f["where"]), f) for f in entry["findings"]]


def told(findings: list[Entry], rules: Rules, solved: Collection[str] = ()) -> tuple[list[Told], int]:
    """What is not in order, worst first, the same rule and value put together; and how many are left out."""
    groups: dict[tuple[str, str | None, str], list[Entry]] = {}
    for finding in findings:
        if finding["verdict"] == "fail" or (finding["verdict"] == "unknown" and finding["blocks"]):
            groups.setdefault((finding["rule"], finding["actual"], finding["verdict"]), []).append(finding)
    out = []
    for group in groups.values():
        several = len(group) > 1
        places = [f["where"] or (f"stream {f['stream']}" if several and f["stream"] is not None else "") for f in group]
        named = tuple(place for place in places if place)[:PLACES]
        more = max(0, len(group) - max(1, len(named)))
        done = group[0]["rule"] in solved
        out.append(tell(group[0], rule_of(group[0], rules), named, more, solved=done))
    out.sort(key=lambda one: one.weight)
    return out[:RULES], max(0, len(out) - RULES)


def unmeasured(findings: list[Entry], rules: Rules) -> list[tuple[Text, Text]]:
    """What could not be told and keeps nothing from passing: title and reason of each."""
    seen: dict[str, tuple[Text, Text]] = {}
    for finding in findings:
        if finding["verdict"] == "unknown" and not finding["blocks"]:
            one = tell(finding, rule_of(finding, rules))
            seen.setdefault(finding["check"], (one.title, one.rest))
    return list(seen.values())[:RULES]


def passed(findings: list[Entry], rules: Rules) -> list[tuple[Text, Text]]:
    """What is in order: title and value of each rule, once."""
    seen: dict[tuple[str, str | None], tuple[Text, Text]] = {}
    for finding in findings:
        if finding["verdict"] == "pass":
            one = tell(finding, rule_of(finding, rules))
            seen.setdefault((finding["check"], finding["actual"]), (one.title, one.found))
    return list(seen.values())[: 2 * RULES]
