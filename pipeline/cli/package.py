"""`preflight package`: what was built, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.cli.arguments import Parser
from pipeline.cli.options import OUTPUT, Options, Rules, overwriting
from pipeline.cli.output import emit, faults
from pipeline.documents import entry as document
from pipeline.documents.types import PACKAGE, PackageDocument, PackageEntry
from pipeline.engine.pool import Pool
from pipeline.errors import AssetError, UsageError
from pipeline.model.ceilings import PREPARE
from pipeline.model.facts import Text
from pipeline.model.job import Job
from pipeline.model.results import Status, Verdict
from pipeline.report import console
from pipeline.rules import presets
from pipeline.stages.package import Order, build_entry, joins, role_of_package


@dataclass(frozen=True, kw_only=True)
class PackageOptions(Options, Rules):
    """Of `preflight package`."""

    source: str
    script: str | None
    cuts: str | None
    in_order: bool
    out: str
    overwrite: str


def declare(parser: Parser) -> type[PackageOptions]:
    """Add the arguments; they become what is returned."""
    Rules.declare(parser)
    parser.add_argument(
        "source",
        metavar="FOLDER-or-TAKE",
        help=Text("clips with their texts, or one recording", "录音片段及其文本，或一条录音"),
    )
    parser.add_argument(
        "--script", metavar="FILE", help=Text("of a take: its sentences, one a line", "长录音的文本，每行一句")
    )
    parser.add_argument(
        "--cuts",
        metavar="FILE",
        help=Text("of a take: the list of cuts, looked through and corrected", "长录音的切分清单，已核对修改"),
    )
    parser.add_argument(
        "--in-order",
        action="store_true",
        help=Text("of a take: its lines were read once each, in order", "长录音中每行按顺序只读了一遍"),
    )
    parser.group(OUTPUT).add_argument(
        "-o", "--out", required=True, metavar="OUT", help=Text("output folder", "输出目录")
    )
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
    Path(options.out).mkdir(parents=True, exist_ok=True)
    entry = _made(order)
    traces = [entry.error.trace] if entry.error and entry.error.trace else []
    if not options.verbose and entry.error:
        entry = msgspec.structs.replace(entry, error=msgspec.structs.replace(entry.error, trace=msgspec.UNSET))
    _print(entry, options)
    faults(traces)
    if entry.status is Status.READY:
        return 0
    kind = entry.error.type if entry.error else ""
    return 3 if kind == "ToolMissing" else 4 if entry.status in {Status.FAILED, Status.ERROR} else 1


def _made(order: Order) -> PackageEntry:
    """In a worker: recordings come from strangers."""
    error = AssetError("nothing came back", "没有结果")
    with Pool(build_entry, 1, PREPARE, writes=(order.out,)) as pool:
        for event in pool.run([order]):
            if event.result is not None:
                return event.result
            error = event.error or error
    stem = Path(order.source).stem
    job = Job(path=order.source, stem=stem, preset=order.preset, role=order.role, lang=order.lang)
    return document.lost(job, error, PackageEntry)


def _print(entry: PackageEntry, options: PackageOptions) -> None:
    head = document.head(PACKAGE, presets.load(options.preset)) if options.json or options.jsonl else None
    if head and emit(PackageDocument(**msgspec.structs.asdict(head), **msgspec.structs.asdict(entry)), options):
        return
    out = console.console()
    for found in entry.findings:
        # What nobody could tell stands in the way, or it is allowed and not worth a line.
        told = found.verdict is Verdict.FAIL or (found.verdict is Verdict.UNKNOWN and entry.status is not Status.READY)
        if told and not options.quiet:
            out.print(
                console.clean(f"{console.say(f'level-{found.level}', options.lang)} {found.message}"), soft_wrap=True
            )
    if entry.error:
        out.print(console.clean(entry.error.message), soft_wrap=True)
    for path in [*([entry.cuts] if entry.cuts else []), *(made.path for made in entry.outputs)]:
        out.print(console.clean(str(Path(options.out, path))), soft_wrap=True)
