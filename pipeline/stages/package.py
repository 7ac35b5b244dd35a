"""`preflight package`: build a voice package from clips with texts, or from one long take with its script.

Where a scenario takes one recording and no package, the clips are joined to one.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.documents import entry as document
from pipeline.engine.pool import Pool
from pipeline.errors import AssetError, UsageError
from pipeline.model.ceilings import PREPARE_WALL
from pipeline.model.facts import Kind, default_sound
from pipeline.model.job import Job, Progress
from pipeline.model.rules import Role
from pipeline.report import console
from pipeline.rules import presets
from pipeline.stages.check import check, problem
from pipeline.storage import publish
from pipeline.storage.digest import content_md5

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
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


def _role(preset: str, name: str | None) -> Role:
    loaded = presets.load(preset)
    role = loaded.role(name) if name else loaded.role_for(Kind.ARCHIVE) or loaded.role_for(Kind.AUDIO)
    if role is None or not role.kinds & {Kind.ARCHIVE, Kind.AUDIO}:
        raise UsageError(
            f"preset {loaded.id} has no role {name or ''} for packages or recordings; give one for voices",
            f"预设 {loaded.id} 没有用于压缩包或录音的角色 {name or ''}；请使用声音相关的预设",
        )
    return role


def _joins(role: Role) -> bool:
    return Kind.ARCHIVE not in role.kinds


def build_entry(order: Order, progress: Progress) -> Entry:
    """Build, judge and publish one package; what goes wrong is in the entry."""
    entry: Entry = {"source": document.shown(order.source), "cuts": None, "outputs": [], "findings": [], "error": None}
    try:
        entry |= _built(order, progress, entry)
    except Exception as error:  # noqa: BLE001  comes back as a value, as from every worker
        blocked = type(error) is AssetError  # it is for the person who records, not for us
        entry |= {"status": "blocked" if blocked else "failed", "error": document.error(problem(error), order.lang)}
    return entry


def _built(order: Order, progress: Progress, entry: Entry) -> Entry:
    """What is known of the package in the end; the list of cuts is told in `entry` even when it comes to nothing."""
    from pipeline.convert.package import build as package_build
    from pipeline.convert.package import cut_take as package_build_take
    from pipeline.probe import probe
    from pipeline.probe.speech import recogniser

    source, out = Path(order.source), Path(order.out)
    role = _role(order.preset, order.role)
    if _joins(role):
        return _joined(order, role, source, out)
    wanted = package_build.shape(role)
    with publish.workshop(out) as work:
        (parts := work / "clips").mkdir()
        if source.is_dir():
            clips = package_build.gather(source, texts=wanted.texts)
        elif not (order.script or order.cuts):
            clips = [package_build.Clip(source)]
        else:
            info = probe(source)
            if not info.audio:
                raise AssetError(f"{source.name} has no sound.", f"{source.name} 没有声音。")
            stream = default_sound(info.audio)
            if order.cuts:
                given = Path(order.cuts)
                cuts = package_build_take.reviewed(given.read_text("utf-8-sig"), given.name)
            else:
                cuts = package_build_take.find(source, stream, package_build.lines(Path(str(order.script))))
                listed = work / f"{source.stem}.cuts.csv"
                listed.write_text(package_build_take.listed(cuts, order.lang), encoding="utf-8")
                entry["cuts"] = _published(listed, out, replace=True)["path"]
            heard = recogniser.installed() is not None
            package_build_take.settled(cuts, source.name, in_order=order.in_order or heard)
            clips = package_build_take.clips(source, stream, cuts, parts)
            if not order.cuts:
                package_build_take.read_right(clips, source.name)
        made = package_build.build(clips, wanted, work / f"{source.stem}.zip", parts, progress)
        return _judged(order, role, made, out)


def _joined(order: Order, role: Role, source: Path, out: Path) -> Entry:
    """The clips of a folder as one recording."""
    from pipeline.convert.package import build as package_build
    from pipeline.convert.package import join as package_join

    with publish.workshop(out) as work:
        (parts := work / "clips").mkdir()
        clips = package_build.gather(source, texts=False)
        return _judged(order, role, package_join.join(clips, work / f"{source.stem}.wav", parts), out)


def _judged(order: Order, role: Role, made: Path, out: Path) -> Entry:
    """What the rules say about what was made; published when it passes."""
    job = Job(path=str(made), stem=made.stem, preset=order.preset, role=role.name, lang=order.lang)
    report = document.report(check(job), order.lang)
    told: Entry = {"status": report["status"], "findings": report["findings"], "error": report["error"]}
    if report["status"] == "pass":
        told |= {"status": "ready", "outputs": [_published(made, out, replace=order.replace)]}
    return told


def _published(file: Path, out: Path, *, replace: bool) -> Entry:
    told = {"path": file.name, "size": file.stat().st_size, "md5": content_md5(file)}
    publish.publish(file, out / file.name, replace=replace)
    return told


def package_verb(options: Namespace, lang: str) -> int:
    """Do what the options ask; returns the exit code of the contract."""
    from pipeline.convert.package.build import shape

    source = Path(options.source)
    if not source.exists():
        raise UsageError(f"{source} does not exist", f"{source} 不存在")
    role = _role(options.preset, options.role)
    if _joins(role) and not source.is_dir():
        raise UsageError(
            f"preset {options.preset} takes one recording as it is: give a folder of clips to join, or use prepare",
            f"预设 {options.preset} 直接使用单条录音：请提供待拼接的录音文件夹，或使用 prepare",
        )
    if source.is_file() and not _joins(role) and shape(role).texts and not (options.script or options.cuts):
        raise UsageError(
            f"{source} is one recording: give its sentences with --script, one a line, or its cuts with --cuts",
            f"{source} 是单个录音：请用 --script 提供逐行的句子，或用 --cuts 提供切分清单",
        )
    for given in (options.script, options.cuts):
        if given and not Path(given).is_file():
            raise UsageError(f"{given} is not a file", f"{given} 不是文件")
    order = Order(
        source=str(source),
        preset=options.preset,
        role=options.role,
        out=options.out,
        script=options.script,
        cuts=options.cuts,
        in_order=options.in_order,
        replace=options.overwrite == "always",
        lang=lang,
    )
    entry: Entry = {}
    Path(options.out).mkdir(parents=True, exist_ok=True)
    with Pool(build_entry, 1, PREPARE_WALL, writes=(options.out,)) as pool:
        for event in pool.run([order]):
            if event.error is not None:
                told = {"type": type(event.error).__name__, "message": event.error.text.of(lang)}
                entry = {"source": document.shown(order.source), "status": "failed", "outputs": [], "error": told}
            elif event.result is not None:
                entry = event.result
    if not options.verbose and entry.get("error"):
        entry["error"].pop("trace", None)
    _print(entry, options, lang)
    if entry["status"] == "ready":
        return 0
    kind = entry["error"]["type"] if entry["error"] else ""
    return 3 if kind == "ToolMissing" else 4 if entry["status"] in {"failed", "error"} else 1


def _print(entry: Entry, options: Namespace, lang: str) -> None:
    if options.json or options.jsonl:
        told = document.head("media-preflight/package/1", presets.load(options.preset)) | entry
        json.dump(told, sys.stdout, ensure_ascii=False, indent=None if options.jsonl else 1)
        sys.stdout.write("\n")
        return
    out = console.console()
    for found in entry.get("findings", ()):
        # What nobody could tell stands in the way, or it is allowed and not worth a line.
        told = found["verdict"] == "fail" or (found["verdict"] == "unknown" and entry["status"] != "ready")
        if told and not options.quiet:
            out.print(console.clean(f"{console.say(found['level'], lang)} {found['message']}"), soft_wrap=True)
    if entry["error"]:
        out.print(console.clean(entry["error"]["message"]), soft_wrap=True)
    for path in [*([entry["cuts"]] if entry.get("cuts") else []), *(made["path"] for made in entry["outputs"])]:
        out.print(console.clean(str(Path(options.out, path))), soft_wrap=True)
