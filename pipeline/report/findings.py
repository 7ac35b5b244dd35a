"""The findings of an asset as a page shows them: put together, worst first, with the rule they came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Final

from msgspec import Struct

from pipeline.checks import CHECKS
from pipeline.documents.entry import solved_by
from pipeline.documents.messages import value
from pipeline.documents.types import AssetEntry, FindingEntry, PlannedAsset, PreparedAsset
from pipeline.errors import PresetError
from pipeline.model.facts import Size, Text, Value
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level, Preset, Rule
from pipeline.report.scale import Scale, scale
from pipeline.rules import presets

RulesById = Mapping[str, tuple[Rule, ...]]

_LANGS: Final = ("en", "zh")
_WHOLE: Final = frozenset({"bytes", "hertz", "bits", "count"})
_PARTS: Final = frozenset({"seconds", "rate", "share", "number", "ratio"})
_NOTHING: Final = Text("", "")


class Shown(Struct, frozen=True):
    """One finding, ready to be shown. Sentences are in both languages."""

    rule: str
    level: Level
    verdict: Verdict
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
            return 0 if self.verdict is Verdict.FAIL else 1
        return _WEIGHTS[self.level] + (3 if self.verdict is Verdict.UNKNOWN else 0)


_WEIGHTS: Final = {Level.ERROR: 2, Level.WARNING: 3, Level.INFO: 4}


@cache
def rules_of(preset: str) -> Mapping[str, tuple[Rule, ...]]:
    """The rules of a preset by id, as they are today; empty when it is not here."""
    out: dict[str, tuple[Rule, ...]] = {}
    loaded = loadable(preset)
    for role in loaded.roles if loaded else ():
        for rule in role.rules:
            out[rule.id] = (*out.get(rule.id, ()), rule)
    return out


def rule_of(finding: FindingEntry, rules: RulesById) -> Rule | None:
    """The rule behind a finding, if its limit is still the one that was written down."""
    for rule in rules.get(finding.rule, ()):
        if any(finding.limit == rule.limit.describe(lang, units=units) for lang in _LANGS for units in (False, True)):
            return rule
    return None


@cache
def loadable(preset: str) -> Preset | None:
    """The preset, if it is one that is shipped. A report never makes us open a file it names."""
    try:
        return presets.load(preset) if preset in presets.names() else None
    except PresetError:  # shipped and broken: checking says so; a report tells what its document does
        return None


def value_of(raw: str | float | bool | None, type_: str) -> Value | None:
    """A value as a JSON document holds it, as the model holds it; None when it is not of its type."""
    if raw is None:
        return None
    try:
        if type_ in _WHOLE:
            return int(raw)
        if type_ in _PARTS:
            return Fraction(str(raw))
        if type_ == "size":
            width, _, height = str(raw).partition("x")
            return Size(int(width), int(height))
    except (ValueError, ZeroDivisionError):  # a document of another version, or edited: shown as it is written
        return None
    if type_ == "flag":
        return {"yes": True, "no": False}.get(str(raw), raw if isinstance(raw, bool) else None)
    return str(raw)


_SIGNS: Final = ((">= ", "≥ "), ("<= ", "≤ "), (" -> ", " → "))


def signs(said: Text | None) -> Text:
    """Our own sentences as they are set in print."""
    en, zh = (said.en, said.zh) if said else ("", "")
    for typed, printed in _SIGNS:
        en, zh = en.replace(typed, printed), zh.replace(typed, printed)
    return Text(en, zh)


def shown(
    finding: FindingEntry, rule: Rule | None, where: tuple[Text, ...] = (), more: int = 0, *, solved: bool = False
) -> Shown:
    """One finding; `where` and `more` are places of the same rule and value, when several were put together."""
    check = CHECKS.get(finding.check)
    type_ = check.type if check else "text"
    held = value_of(finding.actual, type_)
    told = finding.told
    if told is None:  # what passed is said again from its check
        title = check.title if check else Text.same(finding.check)
        found, limit, rest = _value(finding), Text.same(finding.limit), _NOTHING
    else:
        title, found, limit, rest = told.title, told.found, told.limit or _NOTHING, told.rest or _NOTHING
    return Shown(
        rule=finding.rule,
        level=finding.level,
        verdict=finding.verdict,
        blocks=finding.blocks,
        title=title,
        found=found,
        limit=signs(limit),
        rest=rest,
        fix=signs(finding.fix.said) if finding.fix else None,
        safety=finding.fix.safety if finding.fix else None,
        sources=tuple(
            f"{s.document} {s.section}" + (f" ({s.date})" if s.date else "") for s in (finding.source, *finding.also)
        ),
        code=finding.code,
        where=where,
        more=more,
        scale=scale(held, rule.limit, type_) if rule and finding.verdict is not Verdict.UNKNOWN else None,
        solved=solved,
    )


def _value(finding: FindingEntry) -> Text:
    check = CHECKS.get(finding.check)
    held = value_of(finding.actual, check.type) if check else None
    return value(held, check) if check and held is not None else Text.same(str(finding.actual))


PLACES: Final = 6  # places of one rule that are listed
RULES: Final = 40  # rules of one asset that are listed


def stopped(entry: AssetEntry) -> list[FindingEntry]:
    """The findings of an asset; those that kept it from being repaired say why, and promise nothing."""
    blocked = entry.blocked if isinstance(entry, PlannedAsset | PreparedAsset) else ()
    named = {f.place: f for f in blocked}
    return [named.get(f.place, f) for f in entry.findings]


def solved(entry: AssetEntry) -> frozenset[str]:
    """The rules that its source may break and that what was made of it keeps. Nothing is made while a rule blocks."""
    if not isinstance(entry, PreparedAsset):
        return frozenset()
    done = entry.status is Status.FIXED
    return solved_by(entry.outputs) | {f.rule for f in entry.findings if done and f.blocks}


def stream_of(finding: FindingEntry) -> Text | None:
    """The stream it is about, in words."""
    if finding.stream is None:
        return None
    return Text(f"stream {finding.stream}", f"第 {finding.stream} 条流")


def wrong(findings: Sequence[FindingEntry]) -> list[FindingEntry]:
    """What is not in order, or not known and in the way."""
    return [f for f in findings if f.verdict is Verdict.FAIL or (f.verdict is Verdict.UNKNOWN and f.blocks)]


def grouped(
    findings: Sequence[FindingEntry], rules: RulesById, solved: Collection[str] = ()
) -> tuple[list[Shown], int]:
    """What is not in order, worst first, the same rule and value put together; and how many are left out."""
    groups: dict[tuple[str, object, Verdict], list[FindingEntry]] = {}
    for finding in wrong(findings):
        groups.setdefault((finding.rule, finding.actual, finding.verdict), []).append(finding)
    out = []
    for group in groups.values():
        places = [f.where or (stream_of(f) if len(group) > 1 else None) for f in group]
        named = tuple(place for place in places if place)[:PLACES]
        more = max(0, len(group) - max(1, len(named)))
        out.append(shown(group[0], rule_of(group[0], rules), named, more, solved=group[0].rule in solved))
    out.sort(key=lambda one: one.weight)
    return out[:RULES], max(0, len(out) - RULES)


def unmeasured(findings: Sequence[FindingEntry]) -> list[tuple[Text, Text]]:
    """What could not be told and keeps nothing from passing: title and reason of each."""
    seen: dict[str, tuple[Text, Text]] = {}
    for finding in findings:
        if finding.told and finding.verdict is Verdict.UNKNOWN and not finding.blocks:
            seen.setdefault(finding.check, (finding.told.title, finding.told.rest or _NOTHING))
    return list(seen.values())[:RULES]


def passed(findings: Sequence[FindingEntry]) -> list[tuple[Text, Text]]:
    """What is in order: title and value of each rule, once."""
    seen: dict[tuple[str, object], tuple[Text, Text]] = {}
    for finding in findings:
        if finding.verdict is Verdict.PASS:
            check = CHECKS.get(finding.check)
            title = check.title if check else Text.same(finding.check)
            seen.setdefault((finding.check, finding.actual), (title, _value(finding)))
    return list(seen.values())[: 2 * RULES]
