"""What one file is good for: held against every role of every scenario, from one look at it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.convert.av.formats import SOUND_ONLY
from pipeline.model.case import Case
from pipeline.model.facts import Kind, MediaInfo, Text
from pipeline.model.job import Job
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level, Role, Safety
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.stages import foreign
from pipeline.stages.check import judged, measured, moves

_FEW: Final = 2  # scenarios; a role of more is a common use of such files
_CONTENT: Final = frozenset({"faces", "speech"})  # measures of what is in a file, not of its form
_UNREAD: Final = frozenset({"card", "letter"})  # seconds for a picture; `check` reads it in the scenario that is chosen
_LATER: Final = frozenset({"person"})  # minutes for long footage, which is mostly none that would be looked at
_KINDS: Final = frozenset(kind.value for kind in Kind) | {"slide", "file"}
_KINDS_ZH: Final = frozenset({"视频", "音频", "图片", "文本", "演示文稿"})
_TOGETHER: Final = 3  # characters of a Chinese word that are hardly met by accident
_OURS: Final = "media-preflight"  # the document of rules that no platform wrote
_NOBODY: Final = Text("No scenario takes such a file", "没有场景接受此类文件")


def fit(job: Job) -> tuple[Kind, tuple[Case, ...], Text | None]:
    """What the file is, and a case for every role of every shipped scenario that takes such a file, best first.

    Where there is none: what helps. Each case says what `check` with that scenario and role says, but that papers are
    not read: rules on them are unknown. Raises what probing and measuring raise.
    """
    path = Path(job.path)
    info = probe(path, encoding=job.encoding)
    looks = {info.kind: info}
    if moves(info):
        looks[Kind.VIDEO] = probe(path, moving=True)
    wanted = list(_roles(looks))
    if not wanted:
        return info.kind, (), foreign.advice(info) or _NOBODY
    for kind, look in looks.items():
        asked = (judging.needs(role, kind) for _, role, as_ in wanted if as_ is kind)
        looks[kind] = measured(job, look, frozenset[str]().union(*asked) - _LATER - _UNREAD)
    cases, seen = list[Case](), set[Kind]()
    for preset, role, kind in wanted:
        asked_of = replace(job, preset=preset, role=role.name)
        later = judging.needs(role, kind) & _LATER
        if later:  # looked at for those that nothing else stands in the way of, and once for all of them
            case = _case(asked_of, _eager(role), looks[kind])
            if case.plan.blocked:
                cases.append(case)
                continue
            if kind not in seen:
                seen.add(kind)
                looks[kind] = measured(job, looks[kind], later)
        cases.append(_case(asked_of, role, looks[kind]))
    return info.kind, tuple(sorted(cases, key=_rank)), None


def _eager(role: Role) -> Role:
    """The role without rules on what is measured last."""
    return replace(role, rules=tuple(rule for rule in role.rules if CHECKS[rule.check].needs.isdisjoint(_LATER)))


def _roles(looks: Mapping[Kind, MediaInfo]) -> Iterator[tuple[str, Role, Kind]]:
    """Scenario and role for all that take such a file, with the kind that it is to them.

    Where they differ in nothing else, the order they come in decides: short names first, roles as their scenario has
    them, which is how one is chosen where none is asked for.
    """
    for name in sorted(presets.names(), key=lambda one: (len(one), one)):
        for role in presets.load(name).roles:
            kind = next((kind for kind in looks if kind in role.kinds), None)
            if kind is not None:
                yield name, presets.in_force(role, kind), kind


def _case(job: Job, role: Role, info: MediaInfo) -> Case:
    findings = judged(job, info, role)
    plan = planning.plan(findings, job.at_least, job.allow, info.kind)
    return Case(job=job, role=role, facts=info, findings=findings, plan=plan)


def _rank(case: Case) -> tuple[int, ...]:
    """For sorting, best first.

    What is in order or can be made so before what cannot; what leads to a platform before conversions and papers of our
    own; what reads the file as what it is before what would read its markup aloud; a use that few scenarios have (a
    paper, a sticker) after all others, repaired ones too, where only headers speak for it; as it is before repaired;
    what its name says it is; the role that a scenario itself chooses for such a file before its others, and before one
    to which a video is but its sound; without loss before encoded anew; then the role that asks for most and gets it,
    since few files meet a strict one by accident: of what is seen and heard in it, each thing once however many
    documents say it, then of all; then the fewest warnings.
    """
    chosen = presets.load(case.job.preset).role_for(case.kind)
    role, failed = case.role, [one.rule for one in case.findings if one.verdict is Verdict.FAIL]
    own = role is not None and _own(case.job.preset, role.name)
    kept = {f.rule for f in case.findings if f.verdict is Verdict.PASS and f.rule.level is Level.ERROR}
    content = {rule.check for rule in kept if not CHECKS[rule.check].needs.isdisjoint(_CONTENT)}
    lossy = sum(fix.safety is not Safety.LOSSLESS for fix in case.plan.fixes)
    warned = {rule.id for rule in failed if rule.level is Level.WARNING}
    blocked = {one.rule.id for one in case.plan.blocked}
    named = _named(case)
    other = chosen is None or chosen.name != case.job.role
    other |= case.kind is Kind.VIDEO and any(fix.value in SOUND_ONLY for fix in case.plan.fixes)
    rare = role is not None and _uses()[role.name] <= _FEW and not content and not named
    order = (len(blocked), own, _aloud(case), rare, case.status is not Status.PASS, -named, other, lossy)
    return *order, -len(content), -len({rule.id for rule in kept}), len(warned)


def _aloud(case: Case) -> bool:
    """Whether a script has markup that no rule of the role looks into."""
    text = case.facts.text if case.facts else None
    heeded = case.role is not None and any(one.check.startswith("ssml.") for one in case.role.rules)
    return text is not None and text.format == "ssml" and not heeded


@cache
def _own(preset: str, role: str) -> bool:
    """Whether no platform wrote the rules of a role: all are ours first, and some are nobody else's."""
    written = presets.load(preset).role(role)
    documents = [[source.document for source in rule.sources] for rule in (written.rules if written else ())]
    return all(one[0] == _OURS for one in documents) and any(set(one) == {_OURS} for one in documents)


def _named(case: Case) -> int:
    """How many words of scenario and role, and of their Chinese titles, are in the name of file and folder.

    Words for a kind of file say nothing.
    """
    name = "/".join(Path(case.job.path).with_suffix("").parts[-2:])
    preset = presets.load(case.job.preset)
    role = preset.role(case.job.role) if case.job.role else None
    titles = f"{preset.title.zh} {role.title.zh if role else ''}"
    said = _words(name) & (_words(case.job.preset) | _words(case.job.role or "")) - _KINDS
    return len(said) + sum(_says(name, word) for word in _titled(titles))


@cache
def _titled(titles: str) -> frozenset[str]:
    """The Chinese words of titles, without what stands in brackets."""
    return frozenset(re.findall(r"[\u4e00-\u9fff]{2,}", re.sub(r"（[^）]*）", " ", titles))) - _KINDS_ZH


def _says(name: str, word: str) -> bool:
    """Whether three characters of a Chinese word stand together in a name, or all of a shorter one."""
    return any(word[at : at + _TOGETHER] in name for at in range(max(1, len(word) - _TOGETHER + 1)))


def _words(text: str) -> frozenset[str]:
    """Its words, in the singular."""
    return frozenset(word.removesuffix("s") for word in re.findall(r"[^\W\d_]{2,}", text.casefold()))


@cache
def _uses() -> Mapping[str, int]:
    """In how many scenarios each role is."""
    return Counter(role.name for name in presets.names() for role in presets.load(name).roles)
