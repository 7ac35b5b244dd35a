"""One asset against the rules of its role. What goes wrong comes back as a value, never as an exception."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.checks import CHECKS
from pipeline.convert.av.formats import SOUND_ONLY
from pipeline.convert.requirements import NAMING
from pipeline.errors import PreflightError
from pipeline.model import budget
from pipeline.model.case import Case
from pipeline.model.ceilings import CHECK, DEEP, JobTime
from pipeline.model.facts import Kind, MediaInfo, Size, Text
from pipeline.model.job import Job
from pipeline.model.limits import OneOf
from pipeline.model.measures import MEASURES
from pipeline.model.results import Finding, Part, Plan, Problem, Verdict
from pipeline.model.rules import Level, Preset, Role, Rule, Source
from pipeline.probe import measure, probe
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from pipeline.rules import presets
from pipeline.stages import company, foreign, trim
from pipeline.storage import crash
from pipeline.tools import allowance

_TEXT_NAMES: Final = frozenset({"txt", "ssml", "xml", "srt", "vtt"})
_UNREADABLE_TEXT: Final = Text(
    "Its name says text, but its bytes are text in no known encoding, or in two at once; save it as UTF-8",
    "文件名表明是文本，但内容不属于任何已知编码，或混用了两种编码；请另存为 UTF-8",
)
_USELESS: Final = Text("This scenario has no use for such a file.", "该场景不使用此类文件。")
_NAMES: Final = Text(
    "names of this system are ASCII, and one here is not; set PYTHONUTF8=1 or a UTF-8 locale",
    "系统的文件名编码为 ASCII，而此处的名称不是；请设置 PYTHONUTF8=1 或使用 UTF-8 区域设置",
)
_CONTAINERS: Final = frozenset({"container.format", "file.format"})
_SILENT: Final = Text(
    "Sound is wanted and this video has none; give a file with sound", "需要声音，但该视频没有声音；请提供有声音的文件"
)
_SEEN: Final = frozenset({"faces", "person"})  # blocks that faces are looked for for
_DEEPER: Final = frozenset(name for name, one in MEASURES.items() if one.deep == "yes")


def check(job: Job, spared: Callable[[Case], bool] | None = None) -> Case:
    """One asset against the rules of its role, and what would be done about it.

    A job that is `deep` has it decoded whole, unless it is a video that is `spared` it as the case then stands: whose
    case says `deep=False`.
    """
    started = time.monotonic()
    role: Role | None = None
    info: MediaInfo | None = None
    try:
        preset = presets.load(job.preset)
        info = probe(Path(job.path), encoding=job.encoding)
        role = role_for(job, info.kind)
        if role is None and moves(info):
            moving = probe(Path(job.path), moving=True)
            role = role_for(job, moving.kind)
            info = moving if role else info
        if role is None:
            findings: tuple[Finding, ...] = (_wrong_kind(preset, job.role, info),)
            plan = planning.plan(findings, job.at_least, job.allow, info.kind)
        else:
            if planning.PAGES in job.allow and info.kind is Kind.VIDEO:
                from pipeline.stages import cut_slides  # decks and their pages stand behind it

                job = cut_slides.paged(job)
            needs = judging.needs(role, info.kind)
            if spared and job.deep and info.kind is Kind.VIDEO:
                shallow = replace(job, deep=False)
                info, needs = measured(shallow, info, needs, role), frozenset()
                findings, plan = _planned(shallow, info, role)
                case = Case(job=shallow, role=role, facts=info, findings=findings, plan=plan)
                if spared(case):
                    return replace(case, seconds=time.monotonic() - started)
            info = measured(job, info, needs, role)
            findings, plan = _planned(job, info, role)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return Case(job=job, role=role, facts=info, error=problem(error), seconds=time.monotonic() - started)
    return Case(job=job, role=role, facts=info, findings=findings, plan=plan, seconds=time.monotonic() - started)


def _planned(job: Job, info: MediaInfo, role: Role) -> tuple[tuple[Finding, ...], Plan]:
    """What the rules of its role say of measured facts, and what would be done about it."""
    findings = judged(job, info, role)
    findings, plan = trim.plan(job, info, findings, partial(judged, job, role=role))
    return findings, _cut(job, plan)


def _cut(job: Job, plan: Plan) -> Plan:
    """The plan, with a part for each clip that the job names."""
    if not job.cuts:
        return plan
    parts = (
        Part(number=number, of=len(job.cuts), start=start, length=end - start, label=label)
        for number, (label, start, end) in enumerate(job.cuts, 1)
    )
    return replace(plan, split=True, parts=tuple(parts))


def measured(job: Job, info: MediaInfo, needs: frozenset[str], role: Role | None = None) -> MediaInfo:
    """The facts with the blocks of MEASURES that rules need, and those that the job asks for. Raises as `measure`.

    Memory is asked for to make what `role` takes of it, where the job has a place for it.
    """
    needs |= _DEEPER if job.deep else frozenset()
    largest = _largest(info, role) if role else None
    allowance.ask(info.name, budget.memory(info, needs, converted=bool(job.out), largest=largest))
    info = measure(Path(job.path), info, needs)
    if job.company is not None and info.letter is not None:
        info = replace(info, letter=company.compared(info.letter, job.company))
    if job.cards is None or info.person is None:
        return info
    from pipeline.probe.person import identity  # an extra stands behind it

    return identity.add(Path(job.path), info, job.cards)


def _largest(info: MediaInfo, role: Role) -> int | None:
    """Pixels of the largest moving picture that is made of it for the role; None: no rule bounds it."""
    sizes = [rule.limit for rule in role.rules if rule.check == "video.size" and rule.level is Level.ERROR]
    fitted = [limit.nearest(stream.size) for limit in sizes for stream in info.video if stream.size]
    return max((one.width * one.height for one in fitted if isinstance(one, Size)), default=None)


def judged(job: Job, info: MediaInfo, role: Role) -> tuple[Finding, ...]:
    """What the rules of a role say of measured facts. Raises ToolMissing."""
    findings = _possible(judging.judge(info, role), info)
    _looked_at(info, findings)
    return _decoded(findings) if job.deep else findings


def moves(info: MediaInfo) -> bool:
    """Whether it is a picture to a role that takes pictures, and to one that takes none a short video."""
    return info.image is not None and info.image.format == "gif" and (info.image.frames or 1) > 1


def _looked_at(info: MediaInfo, findings: tuple[Finding, ...]) -> None:
    """Raises ToolMissing where it takes another package to say more: to decode a HEIC, or to look for faces."""
    if info.image and info.image.format == "heif" and any(one.blocks for one in findings):
        from pipeline.probe import heic

        heic.ready("heif", info.name)
    if any(one.blocks and one.verdict is Verdict.UNKNOWN and _SEEN & CHECKS[one.rule.check].needs for one in findings):
        from pipeline.probe.face import models

        for name in models.FILES:
            models.data_file(name)


def _possible(findings: tuple[Finding, ...], info: MediaInfo) -> tuple[Finding, ...]:
    """The findings less the repairs that would take sound out of a video that has none."""
    if info.kind is not Kind.VIDEO or info.audio:
        return findings
    return tuple(
        replace(finding, fix=None, advice=_SILENT)
        if finding.fix and finding.rule.check in _CONTAINERS and finding.fix.value in SOUND_ONLY
        else finding
        for finding in findings
    )


def _decoded(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of a file that was to be decoded whole: one that stays as it is and could not be does not pass.

    A repair that makes it anew decodes what it takes, and is proven.
    """
    if any(finding.blocks and finding.rule.check not in NAMING for finding in findings):
        return findings
    return tuple(
        replace(finding, rule=replace(finding.rule, unknown_blocks=True))
        if finding.rule.check == "media.intact"
        else finding
        for finding in findings
    )


def role_of(preset: Preset, kind: Kind, name: str | None) -> Role | None:
    """The role called `name`, else the first that takes this kind; None when there is none."""
    role = preset.role(name) if name else preset.role_for(kind)
    return presets.in_force(role, kind) if role and kind in role.kinds else None


def role_for(job: Job, kind: Kind) -> Role | None:
    """The role of a job's asset of this kind, delivering what the job asks for; None when there is none."""
    role = role_of(presets.load(job.preset), kind, job.role)
    if role is None or not job.deliver:
        return role
    return replace(role, deliver=tuple(sorted({**dict(role.deliver), **dict(job.deliver)}.items())))


def patience(preset: Preset | None, *, deep: bool) -> JobTime:
    """How long one asset may take to be judged: as long as the slowest of what is measured.

    That is what rules ask for and what `plan` has to know before a file is made; with `deep`, of any length.
    """
    if deep:
        return DEEP
    roles = preset.roles if preset else ()
    asked = frozenset[str]().union(*(judging.needs(role, kind) for role in roles for kind in role.kinds))
    made = {pair for role in roles for pair in role.deliver}
    all_ = [one.patience for name, one in MEASURES.items() if name in asked or one.delivers in made]
    return max(all_, default=CHECK)


def _wrong_kind(preset: Preset, role_name: str | None, info: MediaInfo) -> Finding:
    role = preset.role(role_name) if role_name else None
    kinds = role.kinds if role else frozenset[Kind]().union(*(r.kinds for r in preset.roles))
    unreadable = info.kind is Kind.UNKNOWN and info.extension in _TEXT_NAMES
    rule = Rule(
        id=f"{preset.id.replace('/', '.')}.kind",
        check="file.kind",
        limit=OneOf(tuple(sorted(kind.value for kind in kinds)), "word"),
        level=Level.ERROR,
        sources=(Source(preset.id, "roles", ""),),
        note=_UNREADABLE_TEXT if unreadable else foreign.advice(info) or _USELESS,
    )
    return Finding(rule=rule, verdict=Verdict.FAIL, actual=info.kind.value)


def problem(error: Exception) -> Problem:
    """An exception as a value that can be told to people."""
    if isinstance(error, PreflightError):
        return Problem(type=type(error).__name__, message=error.text)
    if isinstance(error, OSError):
        said = error.strerror or str(error)
        named = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        told = Text(f"{named}: {said}", f"{named}：{said}") if named else Text(said, said)
        return Problem(type=type(error).__name__, message=told)
    if isinstance(error, UnicodeEncodeError) and error.encoding == sys.getfilesystemencoding() != "utf-8":
        return Problem(type=type(error).__name__, message=_NAMES)
    if isinstance(error, MemoryError):
        return Problem(
            type="MemoryError",
            message=Text("more memory was needed than one file may use", "所需内存超过单个文件的上限"),
        )
    return Problem(
        type=type(error).__name__,
        message=Text(f"unexpected: {error} (`-v` shows where)", f"意外错误：{error}（`-v` 显示位置）"),
        trace=crash.trace(error),
    )
