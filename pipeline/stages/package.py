"""A voice package is built from clips with texts, or from one long take with its script.

Where a scenario takes one recording and no package, the clips are joined to one.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.documents import entry as document
from pipeline.documents.types import FileEntry, PackageEntry
from pipeline.errors import AssetError, UsageError
from pipeline.model.facts import Kind, default_sound
from pipeline.model.job import Job, Progress
from pipeline.model.results import Status
from pipeline.model.rules import Role
from pipeline.rules import presets
from pipeline.stages.check import check, problem
from pipeline.storage import publish
from pipeline.storage.digest import content_md5


class Order(Struct, frozen=True, kw_only=True):
    """What is to be built; travels to a worker."""

    source: str
    preset: str
    role: str | None
    out: str
    script: str | None
    cuts: str | None
    in_order: bool  # somebody says that the lines of the script were read once each, in order
    replace: bool
    lang: str


def role_of_package(preset: str, name: str | None) -> Role:
    loaded = presets.load(preset)
    role = loaded.role(name) if name else loaded.role_for(Kind.ARCHIVE) or loaded.role_for(Kind.AUDIO)
    if role is None or not role.kinds & {Kind.ARCHIVE, Kind.AUDIO}:
        raise UsageError(
            f"preset {loaded.id} has no role {name or ''} for packages or recordings; give one for voices",
            f"预设 {loaded.id} 没有用于压缩包或录音的角色 {name or ''}；请使用声音相关的预设",
        )
    return role


def joins(role: Role) -> bool:
    return Kind.ARCHIVE not in role.kinds


def build_entry(order: Order, progress: Progress) -> PackageEntry:
    """Build, judge and publish one package; what goes wrong is in the entry."""
    listed: list[str] = []
    try:
        entry = _built(order, progress, listed)
    except Exception as error:  # noqa: BLE001  comes back as a value, as from every worker
        blocked = type(error) is AssetError  # it is for the person who records, not for us
        entry = PackageEntry(
            source=document.shown(order.source),
            cuts=None,
            outputs=(),
            findings=(),
            error=document.error(problem(error), order.lang),
            status=Status.BLOCKED if blocked else Status.FAILED,
        )
    return msgspec.structs.replace(entry, cuts=listed[0]) if listed else entry


def _built(order: Order, progress: Progress, cuts_at: list[str]) -> PackageEntry:
    """What is known of the package in the end; where its cuts are listed is told even when it comes to nothing."""
    from pipeline.convert.package import build as package_build
    from pipeline.convert.package import cut_take as package_build_take
    from pipeline.probe import probe
    from pipeline.probe.speech import recogniser

    source, out = Path(order.source), Path(order.out)
    role = role_of_package(order.preset, order.role)
    if joins(role):
        return _joined(order, role, source, out)
    shape = package_build.shape(role)
    with publish.workshop(out) as work:
        (parts := work / "clips").mkdir()
        if source.is_dir():
            clips = package_build.gather(source, texts=shape.texts)
        elif not (order.script or order.cuts):
            clips = [package_build.Clip(source)]
        else:
            info = probe(source)
            if not info.audio:
                raise AssetError(f"{source.name} has no sound.", f"{source.name} 没有声音。")
            stream = default_sound(info.audio)
            if order.cuts:
                given = Path(order.cuts)
                cuts = package_build_take.reviewed(package_build.read(given), given.name)
            else:
                cuts = package_build_take.find(source, stream, package_build.lines(Path(str(order.script))))
                listed = work / f"{source.stem}.cuts.csv"
                listed.write_text(package_build_take.listed(cuts, order.lang), encoding="utf-8")
                cuts_at.append(_published(listed, out, replace=True).path)
            heard = recogniser.installed() is not None
            package_build_take.settled(cuts, source.name, in_order=order.in_order or heard)
            clips = package_build_take.clips(source, stream, cuts, parts)
            if not order.cuts:
                package_build_take.read_right(clips, source.name)
        made = package_build.build(clips, shape, work / f"{source.stem}.zip", parts, progress)
        return _judged(order, role, made, out)


def _joined(order: Order, role: Role, source: Path, out: Path) -> PackageEntry:
    """The clips of a folder as one recording."""
    from pipeline.convert.package import build as package_build
    from pipeline.convert.package import join as package_join

    with publish.workshop(out) as work:
        (parts := work / "clips").mkdir()
        clips = package_build.gather(source, texts=False)
        return _judged(order, role, package_join.join(clips, work / f"{source.stem}.wav", parts), out)


def _judged(order: Order, role: Role, made: Path, out: Path) -> PackageEntry:
    """What the rules say about what was made; published when it passes."""
    job = Job(path=str(made), stem=made.stem, preset=order.preset, role=role.name, lang=order.lang, deep=True)
    report = check(job).report
    passed = report.status is Status.PASS
    return PackageEntry(
        source=document.shown(order.source),
        cuts=None,
        outputs=(_published(made, out, replace=order.replace),) if passed else (),
        findings=document.findings(report.findings, order.lang),
        error=document.error(report.error, order.lang),
        status=Status.READY if passed else report.status,
    )


def _published(file: Path, out: Path, *, replace: bool) -> FileEntry:
    told = FileEntry(path=document.shown(file.name), size=file.stat().st_size, md5=content_md5(file))
    publish.publish(file, out / file.name, replace=replace)
    return told
