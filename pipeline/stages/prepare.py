"""One asset through repair, proof and publication."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from msgspec.structs import replace

from pipeline.convert.av import mono
from pipeline.convert.av import split as parts
from pipeline.convert.av.recipe import recipe
from pipeline.convert.requirements import NAMING
from pipeline.errors import AssetError, ProofFailed
from pipeline.model.case import Case
from pipeline.model.facts import Kind, MediaInfo, Text
from pipeline.model.job import Job
from pipeline.model.measured import Person
from pipeline.model.results import Category, Finding, Made, Outcome, Output, Part, Plan, Problem, Proof, Status, Step
from pipeline.model.rules import Role, Safety
from pipeline.plots import publish as drawing
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.stages import duplicates
from pipeline.stages.check import check, judged, problem
from pipeline.storage import publish
from pipeline.storage.digest import content_md5, content_type, file_state
from pipeline.verify import media as proving
from pipeline.verify.compare import prove

if TYPE_CHECKING:
    from pipeline.model.job import Progress


class Converter(Protocol):
    """What every module of `pipeline.convert` offers."""

    def steps(self, info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
        """What will be done, with the exact commands. Pure."""

    def convert(
        self, source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Progress
    ) -> tuple[Made, ...]:
        """Do it inside `work`."""


_SEEN: Final = frozenset({"person"})  # takes long to measure, and is the same after all that is repaired

# Imported when used: each brings its own heavy library.
_CONVERTERS: Final = {
    Kind.VIDEO: "pipeline.convert.av.video",
    Kind.AUDIO: "pipeline.convert.av.audio",
    Kind.IMAGE: "pipeline.convert.image.convert",
    Kind.SLIDES: "pipeline.convert.slides.convert",
    Kind.ARCHIVE: "pipeline.convert.package.convert",
    Kind.TEXT: "pipeline.convert.text.convert",
    Kind.SUBTITLE: "pipeline.convert.text.convert",
}


def converter(kind: Kind) -> Converter:
    """The module that repairs this kind of file."""
    return cast(Converter, importlib.import_module(_CONVERTERS[kind]))


def decodes(case: Case) -> bool:
    """Whether one run decodes all that is in the source, and the proof of what it made the rest.

    Nothing is lost by that: where either fails, the source is decoded on its own, and what `check --deep` says holds.
    """
    info, role, plan = case.facts, case.role, case.plan
    if info is None or role is None or info.kind is not Kind.VIDEO or plan.blocked or plan.split:
        return False
    try:
        return converts(plan, role, info) and recipe(info, without_names(plan), role).strict
    except AssetError:  # said where it is carried out
        return False


def _copies(info: MediaInfo, plan: Plan, role: Role) -> bool:
    """Whether the pictures of a whole video go into another file as they are."""
    if info.kind is not Kind.VIDEO or plan.split:
        return False
    chosen = recipe(info, without_names(plan), role)
    return chosen.video is not None and chosen.picture is None


def _re_encoded(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings where what was to be copied into another file was encoded after all."""
    return tuple(
        replace(one, fix=replace(one.fix, safety=Safety.LOSSY)) if one.fix and one.fix.stream is None else one
        for one in findings
    )


_DOUBTFUL: Final = frozenset({"ToolFailed", "ProofFailed"})  # ends of a run that may be the fault of the source


def prepare(case: Case, progress: Progress) -> Outcome:
    """A checked asset through every further stage, its outputs published below `job.out`. Never raises for it."""
    outcome = _ended(case, progress)
    if outcome.error and outcome.error.type in _DOUBTFUL and not case.job.deep and decodes(case):
        return _ended(check(replace(case.job, deep=True)), progress)
    return outcome


def _ended(case: Case, progress: Progress) -> Outcome:
    started = time.monotonic()
    report = case.report
    outcome = Outcome(
        source=report.source,
        source_md5=None,
        kind=report.kind,
        role=report.role,
        status=Status.FAILED if report.error else Status.BLOCKED,
        facts=report.facts,
        findings=report.findings,
        error=report.error,
        blocked=case.plan.blocked,
    )
    try:
        if report.status is Status.BLOCKED:
            drawing.draw(case.job, report.facts)
        elif report.error is None:
            outcome = _prepare(case, outcome, progress)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        outcome = replace(outcome, status=Status.FAILED, error=problem(error))
    return replace(outcome, seconds=case.seconds + time.monotonic() - started)


def _prepare(case: Case, outcome: Outcome, progress: Progress) -> Outcome:
    job, role, info, plan = case.job, case.role, case.facts, case.plan
    if info is None or role is None:
        raise AssetError("there is nothing to prepare", "没有可处理的内容")
    source, facts = Path(job.path), info
    before = file_state(source)
    with publish.workshop(Path(job.out)) as work, ThreadPoolExecutor(1) as beside:
        read: Future[str] | None = None
        if converts(plan, role, info):
            read = beside.submit(content_md5, source)
            plan = parts.laid_out(source, info, plan, role)
            tried = _tried(job, info, plan, role, work, progress)
            if tried.failed and job.at_least <= Safety.LOSSY and _copies(info, plan, role):
                anew = _tried(job, info, replace(plan, encoded=True), role, work, progress)
                if not anew.failed:
                    tried, outcome = anew, replace(outcome, findings=_re_encoded(outcome.findings))
            if tried.short:
                finer = _tried(job, info, replace(plan, finer=True), role, work, progress)
                # What is finer and yet not right helps nobody, where the first one was.
                tried = finer if finer.failed is None or tried.failed else _tried(job, info, plan, role, work, progress)
            info, steps, made, outputs, proofs = tried.facts, tried.steps, tried.made, tried.outputs, tried.proofs
            if tried.failed:
                return replace(outcome, status=Status.FAILED, error=tried.failed, steps=steps, proof=proofs)
        else:
            how = publish.share(source, work / "kept")
            steps = (_kept_step(how),)
            made = (Made(path=str(work / "kept"), name="{stem}" + _suffix(info)),)
            outputs, proofs = (_finding_free(made[0], info, case.findings),), ()
        if file_state(source) != before:
            raise AssetError("the file changed while it was read; run again", "读取过程中文件被修改，请重新运行")
        drawing.draw(job, info, made, work)
        named = _names(made, job, plan, role)
        progress("publish")
        finished = tuple(
            replace(output, path=name, content_type=content_type(Path(name)))
            for output, name in zip(outputs, named, strict=True)
        )
        promised = [(Path(file.path), (one.path, one.size, one.md5)) for file, one in zip(made, finished, strict=True)]
        publish.publish_all(promised, Path(job.out), work, ours=lambda name: ours(job, name))
    facts = replace(facts, speech=info.speech)
    if decodes(case):
        facts = replace(facts, begins=True, intact=True)
        outcome = replace(outcome, findings=judged(replace(job, deep=True), facts, role))
    kept = len(finished) == 1 and not (plan.fixes or plan.parts)
    changed = bool(plan.fixes or plan.parts) or len(finished) > 1 or Path(named[0]).suffix != source.suffix
    return replace(
        outcome,
        facts=facts,
        source_md5=finished[0].md5 if kept else read.result() if read else content_md5(source),
        status=Status.FIXED if changed else Status.READY,
        steps=steps,
        outputs=finished,
        proof=proofs,
        receipt=work.name,
    )


def ours(job: Job, name: str) -> bool:
    """Whether what has this name may be replaced: asked for, or made for this asset earlier and not touched since."""
    path = Path(job.out, name)
    if job.replace or not path.is_file():
        return job.replace
    md5 = content_md5(path)
    return (name, md5) in job.ours or publish.promised(Path(job.out), name, md5)


class _Tried(NamedTuple):
    """What came of converting and proving."""

    facts: MediaInfo
    steps: tuple[Step, ...]
    made: tuple[Made, ...]
    outputs: tuple[Output, ...]
    proofs: tuple[Proof, ...]
    failed: Problem | None

    @property
    def short(self) -> bool:
        """Whether encoding it finer may come nearer to what is aimed at."""
        return any(proof.short for proof in self.proofs)


def _tried(job: Job, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Progress) -> _Tried:
    """Convert and prove; what an earlier try made is written over."""
    progress("convert")
    info, steps, made = _converted(job, info, without_names(plan), role, work, progress)
    progress("prove")
    try:
        return _Tried(info, steps, made, *_judged(made, job, role, info, plan, work), None)
    except ProofFailed as error:
        return _Tried(info, steps, made, (), error.proof, problem(error))


def _converted(
    job: Job, info: MediaInfo, edits: Plan, role: Role, work: Path, progress: Progress
) -> tuple[MediaInfo, tuple[Step, ...], tuple[Made, ...]]:
    """The facts, with what was measured on the way; what was done; what was made."""
    source, module = Path(job.path), converter(info.kind)
    made = () if edits.parts else duplicates.made(job, work)  # a twin may be whole
    if not made and mono.wanted(info, edits, role):
        return mono.convert(source, info, edits, role, work, progress)
    info = mono.heard(source, info, edits, role)
    return info, module.steps(info, edits, role), made or module.convert(source, info, edits, role, work, progress)


def _judged(
    made: tuple[Made, ...], job: Job, role: Role, info: MediaInfo, plan: Plan, work: Path
) -> tuple[tuple[Output, ...], tuple[Proof, ...]]:
    """Each made file, looked at again with the same eyes. Raises ProofFailed."""
    beside = ThreadPoolExecutor(1)
    try:
        digests = [beside.submit(content_md5, Path(one.path)) for one in made]
        return _proven(made, digests, job, role, info, plan, work)
    finally:
        beside.shutdown(cancel_futures=True)


def _proven(
    made: tuple[Made, ...],
    digests: Sequence[Future[str]],
    job: Job,
    role: Role,
    info: MediaInfo,
    plan: Plan,
    work: Path,
) -> tuple[tuple[Output, ...], tuple[Proof, ...]]:
    outputs, proofs = [], list[Proof]()
    for one, digest in zip(made, digests, strict=True):
        path = Path(one.path)
        seen = _seen(info, plan, one)
        needs = judging.needs(role, info.kind) - (_SEEN if seen else frozenset())
        voices = info.archive is not None and "speech" in needs
        probed = probe(path, needs - {"speech"} if voices else needs)
        if voices and probed.archive is not None:
            from pipeline.probe.archive.voices import carried  # what decodes them stands behind it

            probed = carried(path, probed, Path(job.path), info)
        name = Path(one.name.format(stem=stem(job, plan))).name
        extension = Path(name).suffix.lower().lstrip(".")
        probed = replace(probed, name=name, extension=extension, person=seen or probed.person)
        findings: tuple[Finding, ...] = ()
        if one.category is Category.MAIN:
            findings = judging.judge(probed, role)
            wrong = [f for f in findings if f.blocks]
            if wrong:
                raise ProofFailed(*_still_wrong(wrong, one.part))
            if {probed.kind, info.kind} <= {Kind.VIDEO, Kind.AUDIO}:
                edits = without_names(plan)
                proofs.extend(proving.media(Path(job.path), info, one, probed, edits, role, work))
            else:
                proofs.extend(prove(info, probed, plan))
        proofs.extend(one.proof)
        outputs.append(_output(one, path, probed, findings, digest.result()))
    if plan.parts and not plan.parts[0].alone:
        proofs.append(proving.together(info, plan.parts, [output.facts for output in outputs]))
    failed = [proof for proof in proofs if not proof.passed]
    if failed:
        en = "; ".join(f"{p.name.en}: {p.found.en}, expected {p.expected.en}" for p in failed)
        zh = "；".join(f"{p.name.zh}：{p.found.zh}，应为 {p.expected.zh}" for p in failed)
        raise ProofFailed(
            f"a new file was made, compared with its source and thrown away, for it is not what was promised: {en}. "
            "The source is as it was. Export it again and try that; if this one opens well elsewhere, from end to end, "
            "the fault is of this program.",
            f"已生成新文件并与源文件比较，因与承诺不符而舍弃：{zh}。源文件未改动。请重新导出后再试；"
            "如该源文件在其他程序中可完整打开，则为本程序的问题。",
            tuple(proofs),
        )
    return tuple(outputs), tuple(proofs)


def _seen(info: MediaInfo, plan: Plan, one: Made) -> Person | None:
    """Who is seen in what was made, where it shows all that its source does: that it does is proven below."""
    whole = one.category is Category.MAIN and one.part is None and all(f.check != "media.duration" for f in plan.fixes)
    return info.person if whole else None


def _output(one: Made, path: Path, info: MediaInfo, findings: tuple[Finding, ...], md5: str) -> Output:
    return Output(
        path=str(path),
        category=one.category,
        size=path.stat().st_size,
        md5=md5,
        content_type=content_type(path),
        facts=info,
        findings=findings,
        text=one.text,
        part=one.part,
        peak_memory=one.peak_memory,
    )


def _finding_free(one: Made, info: MediaInfo, findings: tuple[Finding, ...]) -> Output:
    return _output(one, Path(one.path), info, findings, content_md5(Path(one.path)))


def _still_wrong(wrong: list[Finding], part: Part | None) -> tuple[str, str]:
    from pipeline.documents.messages import message

    texts = [message(finding) for finding in wrong[:3]]
    of = f"{part.label}: " if part and part.label else ""
    return (
        f"{of}the repaired file still breaks {len(wrong)} rule(s): {'; '.join(t.en for t in texts)}",
        f"{of}修复后的文件仍违反 {len(wrong)} 条规则：{'；'.join(t.zh for t in texts)}",
    )


def converts(plan: Plan, role: Role, info: MediaInfo) -> bool:
    """Whether more than a name has to change."""
    deck = info.slides
    pages = deck is not None and role.wants("pages") is True
    return pages or bool(plan.parts) or any(fix.check not in NAMING for fix in plan.fixes)


def without_names(plan: Plan) -> Plan:
    """The plan less what only changes the name."""
    return replace(
        plan,
        fixes=tuple(fix for fix in plan.fixes if fix.check not in NAMING),
        advised=tuple(fix for fix in plan.advised if fix.check not in NAMING),
    )


def _suffix(info: MediaInfo) -> str:
    """The extension a kept file is published under: its own where it agrees with the content."""
    from pipeline.checks.file import EXTENSIONS, content_format

    content = content_format(info)
    if content is None or info.extension in EXTENSIONS.get(content, {content}):
        return f".{info.extension}" if info.extension else ""
    return "." + {"jpeg": "jpg", "plain": "txt", "tiff": "tif"}.get(content, content)


def stem(job: Job, plan: Plan) -> str:
    """The output's path below the output folder, without extension, in characters the rules accept."""
    folder, _, last = job.stem.rpartition("/")
    for fix in plan.fixes:
        if fix.check == "file.name" and isinstance(fix.value, str):
            last = fix.value
    for fix in plan.fixes:
        if fix.check == "file.name_length" and isinstance(fix.value, int):
            last = last[: fix.value]
    return f"{folder}/{last}" if folder else last


def _names(made: tuple[Made, ...], job: Job, plan: Plan, role: Role) -> list[str]:
    base = stem(job, plan)
    if role.wants("stamped_name") and plan.fixes:
        base = f"{base}_{datetime.now(UTC).astimezone():%Y%m%d%H%M%S}"
    names = [one.name.format(stem=base) for one in made]
    for name in names:
        if re.search(r"(^|/)\.\.(/|$)", name) or name.startswith("/"):
            raise AssetError(f"{name!r} would leave the output folder", f"{name!r} 将超出输出目录")
    return names


def _kept_step(how: Text) -> Step:
    return Step(does=Text(f"complies as it is: {how.en}, not a byte changed", f"已合规：{how.zh}，内容未改动"))
