"""Reports and outcomes as the parts of a document. The only place that writes them; `docs/json.md` is the promise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final, Literal, TypeVar, cast

import msgspec

import pipeline
from pipeline.checks import CHECKS
from pipeline.documents import facts as held
from pipeline.documents.facts import printable
from pipeline.documents.messages import apart, edit, message
from pipeline.documents.types import (
    AssetEntry,
    ErrorEntry,
    FindingEntry,
    FitEntry,
    FittedAsset,
    FixEntry,
    Head,
    OutputEntry,
    PackageEntry,
    PlannedAsset,
    PreparedAsset,
    PresetName,
    ProbedAsset,
    StepEntry,
    Told,
    Tool,
)
from pipeline.errors import AssetError
from pipeline.model.case import Case
from pipeline.model.facts import Kind, MediaInfo, Text, Value
from pipeline.model.job import Job
from pipeline.model.results import Category, Finding, Fix, Outcome, Output, Part, Problem, Report, Status, Step, Verdict
from pipeline.model.rules import Check, Level, Preset
from pipeline.model.units import bare
from pipeline.storage import urls

A = TypeVar("A", bound=AssetEntry | PackageEntry)
N = TypeVar("N", bound=AssetEntry | ProbedAsset | FittedAsset)
_UNITS: Final = {"bytes": "bytes", "seconds": "s", "hertz": "Hz", "bits": "bps"}  # of what has no other unit
_NUMBERS: Final = frozenset({"number", "share"})  # what was measured; ratios, rates and times are exact


def solved_by(outputs: Iterable[OutputEntry]) -> frozenset[str]:
    """The rules that were asked of the main outputs and hold for all of them."""
    asked = [f for output in outputs if output.category is Category.MAIN for f in output.findings]
    return frozenset(f.rule for f in asked) - {f.rule for f in asked if f.verdict is not Verdict.PASS}


def fix(edit_: Fix | None, lang: str) -> FixEntry | None:
    """A repair in words, or None."""
    if edit_ is None:
        return None
    said = edit(edit_)
    safety = cast(Literal["manual", "lossy", "lossless"], edit_.safety.name.lower())
    return FixEntry(does=said.of(lang), safety=safety, said=said)


def _actual(value: Value | None, check: Check) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    return held.measured(value) if isinstance(value, Fraction) and check.type in _NUMBERS else bare(value)


def finding(found: Finding, lang: str) -> FindingEntry:
    """What one rule says about one value."""
    rule, check = found.rule, CHECKS[found.rule.check]
    said = message(found)
    # Both languages where somebody has to act; what passed can be said again from the rule.
    calm = found.verdict is Verdict.PASS
    return FindingEntry(
        rule=rule.id,
        check=rule.check,
        stream=found.stream,
        where=found.where,
        verdict=found.verdict,
        blocks=found.blocks,
        level=rule.level,
        actual=_actual(found.actual, check),
        limit=rule.limit.describe(lang, units=False),
        unit=check.unit or _UNITS.get(check.type, ""),
        message=said.of(lang),
        said=None if calm else said,
        told=None if calm else Told(**apart(found)._asdict()),
        fix=fix(found.fix, lang),
        source=rule.sources[0],
        also=rule.sources[1:],
        code=rule.code,
    )


def findings(found: Iterable[Finding], lang: str) -> tuple[FindingEntry, ...]:
    """What the rules say."""
    return tuple([finding(one, lang) for one in found])


def error(problem: Problem | None, lang: str) -> ErrorEntry | None:
    """Why there is no answer, or None."""
    if problem is None:
        return None
    trace = problem.trace or msgspec.UNSET
    return ErrorEntry(type=problem.type, message=problem.message.of(lang), said=problem.message, trace=trace)


def step(one: Step, lang: str) -> StepEntry:
    """One thing done or to do."""
    return StepEntry(does=one.does.of(lang), said=one.does, command=one.command)


def steps(done: Iterable[Step], lang: str) -> tuple[StepEntry, ...]:
    """What is done, in order."""
    return tuple([step(one, lang) for one in done])


def probed(source: str, info: MediaInfo | None, problem: Problem | None, lang: str) -> ProbedAsset:
    """One file of `probe`."""
    name = shown(source)
    return ProbedAsset(source=name, id=id_of(name), facts=held.encoded(info), error=error(problem, lang))


def report(one: Report | Outcome, lang: str) -> AssetEntry:
    """One asset of a report; of an outcome, what a report says too."""
    name = shown(one.source)
    return AssetEntry(
        source=name,
        id=id_of(name),
        kind=one.kind,
        role=one.role,
        status=one.status,
        facts=held.encoded(one.facts),
        findings=findings(one.findings, lang),
        error=error(one.error, lang),
    )


def planned(
    checked: AssetEntry, parts: tuple[Part, ...], done: Iterable[Step], blocked: Iterable[Finding], lang: str
) -> PlannedAsset:
    """As `report`, with what would be done and what stands in the way."""
    return PlannedAsset(
        **msgspec.structs.asdict(checked), parts=parts, steps=steps(done, lang), blocked=findings(blocked, lang)
    )


def _output(one: Output, lang: str) -> OutputEntry:
    return OutputEntry(
        path=shown(one.path),
        category=one.category,
        size=one.size,
        md5=one.md5,
        content_type=one.content_type,
        facts=held.encoded(one.facts),
        findings=findings(one.findings, lang),
        text=one.text,
        part=one.part,
        peak_memory=one.peak_memory,
    )


def outcome(one: Outcome, lang: str) -> PreparedAsset:
    """One asset of a manifest."""
    return PreparedAsset(
        **msgspec.structs.asdict(report(one, lang)),
        source_md5=one.source_md5,
        steps=steps(one.steps, lang),
        outputs=tuple([_output(o, lang) for o in one.outputs]),
        proof=one.proof,
        seconds=round(one.seconds, 3),
        blocked=findings(one.blocked, lang),
        inside=one.inside or msgspec.UNSET,
    )


def _problem(error: AssetError) -> Problem:
    return Problem(type=type(error).__name__, message=error.text)


def fits(case: Case) -> FitEntry:
    """How a file stands to the role of a scenario, in the language of its job."""
    lang, role = case.job.lang, case.role
    assert role is not None  # noqa: S101  only roles that take such a file are asked
    repairs = []
    for one in case.plan.fixes:
        made = fix(one, lang)
        assert made is not None  # noqa: S101  as there is one
        said = CHECKS[one.check].title.plus(Text(": ", "：")).plus(made.said)
        repairs.append(msgspec.structs.replace(made, does=said.of(lang), said=said))
    warned = (f for f in case.findings if f.verdict is Verdict.FAIL and f.rule.level is Level.WARNING)
    return FitEntry(
        preset=case.job.preset,
        role=role.name,
        title=role.title,
        status=case.status,
        repairs=() if case.plan.blocked else tuple(repairs),
        blocked=findings(sorted(case.plan.blocked, key=lambda f: f.verdict is Verdict.UNKNOWN), lang),
        warnings=len({one.rule.id for one in warned}),
    )


def fitted(job: Job, kind: Kind, cases: Iterable[Case], advice: Text | None, problem: Problem | None) -> FittedAsset:
    """One file of `fit`; `cases` are the best first, `advice` says what helps where there are none."""
    name, told = shown(job.path), tuple([fits(case) for case in cases])
    return FittedAsset(
        source=name,
        id=id_of(name),
        kind=kind,
        status=Status.ERROR if problem else told[0].status if told else Status.BLOCKED,
        fits=told,
        advice=advice,
        error=error(problem, job.lang),
    )


def unfitted(job: Job, error: AssetError) -> FittedAsset:
    """The entry of a file whose worker gave no answer."""
    return fitted(job, Kind.UNKNOWN, (), None, _problem(error))


def unread(job: Job, error: AssetError) -> ProbedAsset:
    """The entry of a file whose worker gave no facts."""
    return probed(job.path, None, _problem(error), job.lang)


def lost(job: Job, error: AssetError, type_: type[A]) -> A:
    """The entry of an asset whose worker gave no answer, of the verb whose entries are of `type_`."""
    failed = issubclass(type_, PreparedAsset | PackageEntry)
    gone = Outcome(
        source=job.path,
        source_md5=None,
        kind=Kind.UNKNOWN,
        role=job.role,
        status=Status.FAILED if failed else Status.ERROR,
        error=_problem(error),
    )
    members = msgspec.structs.asdict(outcome(gone, job.lang)) | {"parts": (), "cuts": None}
    return type_(**{name: members[name] for name in type_.__struct_fields__})


def head(schema: str, preset: Preset | None) -> Head:
    """What stands above the assets."""
    from pipeline.tools.versions import ffmpeg_version

    return Head(
        schema=schema,
        tool=Tool(version=pipeline.__version__, ffmpeg=ffmpeg_version()),
        preset=PresetName(id=preset.id, sha256=preset.sha256) if preset else None,
    )


def plain(part: object) -> Any:
    """A part as JSON holds it, for documents that are put together elsewhere."""
    return msgspec.json.decode(held.encode(part))


def named(one: N, source: str) -> N:
    """The same entry, of an asset that is called so."""
    return msgspec.structs.replace(one, source=source, id=id_of(source))


def shown(path: str) -> str:
    """A file name that can be printed and stored: bytes that are not UTF-8 are escapes, addresses hold no secrets."""
    return printable(urls.shown(path) if urls.is_url(path) else path)


def id_of(source: str) -> str:
    """The id of an asset: the same in every run that names its source so (BLAKE2b of the name as shown, 64 bits)."""
    return hashlib.blake2b(source.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
