"""`preflight package`: what was built, and what stands in the way."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.options import Options, Rules, overwriting
from pipeline.documents import entry as document
from pipeline.engine.pool import Pool
from pipeline.errors import UsageError
from pipeline.model.ceilings import PREPARE_WALL
from pipeline.report import console
from pipeline.rules import presets
from pipeline.stages.package import Entry, Order, build_entry, joins, role_of_package


@dataclass(frozen=True, kw_only=True)
class PackageOptions(Options, Rules):
    """Of `preflight package`."""

    source: str
    script: str | None
    cuts: str | None
    in_order: bool
    out: str
    overwrite: str


def declare(parser: ArgumentParser) -> type[PackageOptions]:
    """Add the arguments; they become what is returned."""
    Rules.declare(parser)
    parser.add_argument("source", metavar="FOLDER-or-TAKE", help="clips with their texts, or one recording")
    parser.add_argument("--script", metavar="FILE", help="of a take: its sentences, one a line")
    parser.add_argument("--cuts", metavar="FILE", help="of a take: the list of cuts, looked through and corrected")
    parser.add_argument("--in-order", action="store_true", help="of a take: its lines were read once each, in order")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="output folder")
    overwriting(parser)
    Options.declare(parser)
    return PackageOptions


def run(options: PackageOptions) -> int:
    """Do what the options ask; returns the exit code of the contract."""
    from pipeline.convert.package.build import shape

    source = Path(options.source)
    if not source.exists():
        raise UsageError(f"{source} does not exist", f"{source} 不存在")
    role = role_of_package(options.preset, options.role)
    if joins(role) and not source.is_dir():
        raise UsageError(
            f"preset {options.preset} takes one recording as it is: give a folder of clips to join, or use prepare",
            f"预设 {options.preset} 直接使用单条录音：请提供待拼接的录音文件夹，或使用 prepare",
        )
    if source.is_file() and not joins(role) and shape(role).texts and not (options.script or options.cuts):
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
        lang=options.lang,
    )
    entry: Entry = {}
    Path(options.out).mkdir(parents=True, exist_ok=True)
    with Pool(build_entry, 1, PREPARE_WALL, writes=(options.out,)) as pool:
        for event in pool.run([order]):
            if event.error is not None:
                told = {"type": type(event.error).__name__, "message": event.error.text.of(options.lang)}
                entry = {"source": document.shown(order.source), "status": "failed", "outputs": [], "error": told}
            elif event.result is not None:
                entry = event.result
    if not options.verbose and entry.get("error"):
        entry["error"].pop("trace", None)
    _print(entry, options)
    if entry["status"] == "ready":
        return 0
    kind = entry["error"]["type"] if entry["error"] else ""
    return 3 if kind == "ToolMissing" else 4 if entry["status"] in {"failed", "error"} else 1


def _print(entry: Entry, options: PackageOptions) -> None:
    if options.json or options.jsonl:
        told = document.plain(document.head("media-preflight/package/1", presets.load(options.preset))) | entry
        json.dump(told, sys.stdout, ensure_ascii=False, indent=None if options.jsonl else 1)
        sys.stdout.write("\n")
        return
    out = console.console()
    for found in entry.get("findings", ()):
        # What nobody could tell stands in the way, or it is allowed and not worth a line.
        told = found["verdict"] == "fail" or (found["verdict"] == "unknown" and entry["status"] != "ready")
        if told and not options.quiet:
            out.print(console.clean(f"{console.say(found['level'], options.lang)} {found['message']}"), soft_wrap=True)
    if entry["error"]:
        out.print(console.clean(entry["error"]["message"]), soft_wrap=True)
    for path in [*([entry["cuts"]] if entry.get("cuts") else []), *(made["path"] for made in entry["outputs"])]:
        out.print(console.clean(str(Path(options.out, path))), soft_wrap=True)
