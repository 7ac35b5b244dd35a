"""`preflight cut-slides`: a video that shows a deck, cut by page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.cli import output
from pipeline.cli.arguments import Parser
from pipeline.cli.inputs import preset_of
from pipeline.cli.options import OUTPUT, Options, Rules, overwriting
from pipeline.convert.cut.listing import exact, names
from pipeline.documents.types import PREPARED, CutEntry, CutsDocument, PreparedAsset
from pipeline.engine.apart import apart
from pipeline.engine.prepare import prepare
from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.model.job import Job, Running
from pipeline.report import console
from pipeline.rules import plan as planning
from pipeline.stages.cut_slides import CutsJob, cuts_document
from pipeline.storage.state import replaceable


@dataclass(frozen=True, kw_only=True)
class CutOptions(Options, Rules):
    """Of `preflight cut-slides`."""

    deck: str | None
    video: str
    cuts: str | None
    out: str
    overwrite: str
    dry_run: bool


def declare(parser: Parser) -> type[CutOptions]:
    """Add the arguments; they become what is returned."""
    Rules.declare(parser)
    parser.add_argument(
        "deck",
        metavar="DECK",
        nargs="?",
        help=Text(
            "PPTX, PPT, ODP or PDF; without, still stretches count", "PPTX、PPT、ODP 或 PDF；省略则按静止画面切分"
        ),
    )
    parser.add_argument(
        "video", metavar="VIDEO", help=Text("the deck as it was exported as video", "由该演示文稿导出的视频")
    )
    parser.add_argument(
        "--cuts", metavar="FILE", help=Text("the list of cuts, looked through and corrected", "切分清单，已核对修改")
    )
    group = parser.group(OUTPUT)
    group.add_argument("-o", "--out", required=True, metavar="OUT", help=Text("output folder", "输出目录"))
    overwriting(parser)
    group.add_argument("--dry-run", action="store_true", help=Text("write the list of cuts only", "仅写出切分清单"))
    Options.declare(parser)
    return CutOptions


def run(options: CutOptions) -> int:
    """List the cuts, and make the clips where nothing is doubtful. Exit code 1 where somebody has to look first."""
    preset = preset_of(options.preset, options.role)
    for path in filter(None, (options.deck, options.video, options.cuts)):
        if not Path(path).is_file():
            raise UsageError(f"{path}: no such file", f"{path}：文件不存在")
    out, stem = Path(options.out), Path(options.deck or options.video).stem
    out.mkdir(parents=True, exist_ok=True)
    replaceable(*(out / name for name in names(stem)))
    told = apart(
        cuts_document,
        CutsJob(
            deck=options.deck,
            video=options.video,
            cuts=options.cuts,
            preset=options.preset,
            out=options.out,
            stem=stem,
            replace=options.overwrite == "always",
            lang=options.lang,
        ),
        options.out,
    )
    doubtful = bool(told.doubts) or any(one.doubts for one in told.cuts)
    if doubtful or options.dry_run:
        if not output.emit(told, options):
            _print(told, options, str(out / names(stem)[0]), doubtful=doubtful)
        return int(doubtful)
    if not (options.json or options.jsonl):
        _print(told, options, str(out / names(stem)[0]), doubtful=False)
    job = Job(
        path=options.video,
        stem=stem,
        preset=options.preset,
        role=options.role,
        lang=options.lang,
        out=options.out,
        allow=frozenset({planning.PARTS}),
        replace=options.overwrite == "always",
        cuts=tuple((one.clip, exact(one.start), exact(one.end)) for one in told.cuts if one.clip),
    )
    with output.Ending(options, PREPARED, explain=options.explain) as ending:
        spool = ending.spool(1, PreparedAsset, preset)
        running = Running(workers=1, watch=output.watch(options, "prepare"))
        keep = ending.keeping(spool, "prepared")
        made = prepare([job], preset, options.out, running, options.lang, spool, keep)
        ending.add(made.head, made.batch, ())
        return ending.end()


_HEADS = {
    "en": ("page", "from", "to", "seconds", "spoken", "clip", "to look at"),
    "zh": ("页", "开始", "结束", "秒", "口播秒数", "片段", "待核对"),
}


def _print(told: CutsDocument, options: CutOptions, listed: str, *, doubtful: bool) -> None:
    lang = options.lang
    out = console.console()
    if not options.quiet:
        out.print(console.rows_table([_row(one) for one in told.cuts], _HEADS[lang]))
        for doubt in told.doubts:
            out.print(console.clean(f"! {doubt}"))
    count = sum(bool(one.clip) for one in told.cuts)
    line = {"en": f"{count} clips, listed in {listed}", "zh": f"{count} 个片段，清单：{listed}"}[lang]
    if doubtful:
        line += {
            "en": ". Nothing was cut: look through the list, correct it, and give it back with --cuts.",
            "zh": "。尚未切分：请核对并修正清单，然后用 --cuts 提交。",
        }[lang]
    out.print(console.clean(line), soft_wrap=True)


def _row(one: CutEntry) -> tuple[str, ...]:
    spoken = "" if one.spoken is None else f"{one.spoken:.1f}"
    page = "" if one.page is None else str(one.page)
    return page, f"{one.start:.3f}", f"{one.end:.3f}", f"{one.seconds:.1f}", spoken, one.clip, "; ".join(one.doubts)
