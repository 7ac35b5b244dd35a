"""`preflight scenes`: a deck or a script as scenes within the limits of a scenario, written to OUT."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.cli.arguments import Parser
from pipeline.cli.inputs import encoding_of, preset_of
from pipeline.cli.options import OUTPUT, Options, Rules, encoding
from pipeline.cli.output import emit
from pipeline.documents.entry import plain
from pipeline.documents.types import ScenesDocument
from pipeline.engine.apart import apart
from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.model.results import Verdict
from pipeline.stages.scenes import ScenesJob, holds, scenes_document
from pipeline.storage.publish import publish, workshop
from pipeline.storage.state import replaceable

NAMES: Final = ("scenes.json", "script.json")  # all that is known, and the body of a request alone, to be sent as it is


@dataclass(frozen=True, kw_only=True)
class ScenesOptions(Options, Rules):
    """Of `preflight scenes`."""

    path: str
    out: str
    strip_tags: bool
    encoding: str | None


def declare(parser: Parser) -> type[ScenesOptions]:
    """Add the arguments; they become what is returned."""
    Rules.declare(parser)
    parser.add_argument(
        "path",
        metavar="FILE",
        help=Text(
            "plain text, SSML, DOCX, XLSX, ODT, RTF, PPTX, PPT, ODP or PDF",
            "纯文本、SSML、DOCX、XLSX、ODT、RTF、PPTX、PPT、ODP 或 PDF",
        ),
    )
    parser.group(OUTPUT).add_argument(
        "-o", "--out", required=True, metavar="OUT", help=Text("output folder", "输出目录")
    )
    parser.add_argument(
        "--strip-tags",
        action="store_true",
        help=Text("remove SSML elements that the rules refuse", "删除规则不接受的 SSML 元素"),
    )
    encoding(parser)
    Options.declare(parser)
    return ScenesOptions


def run(options: ScenesOptions) -> int:
    """Write OUT/scenes.json, and OUT/script.json where a request can be made.

    Exit code 1 when a limit is broken, 4 when the file cannot be read.
    """
    preset_of(options.preset, options.role)
    out, lang = Path(options.out), options.lang
    if not Path(options.path).is_file():
        raise UsageError(f"{options.path}: no such file", f"{options.path}：文件不存在")
    out.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        replaceable(out / name)
    job = ScenesJob(
        path=options.path,
        preset=options.preset,
        role=options.role,
        out=str(out),
        strip=options.strip_tags,
        encoding=encoding_of(options.encoding),
        lang=lang,
    )
    told = apart(scenes_document, job, job.out)
    with workshop(out) as work:
        for name, what in zip(NAMES, (plain(told), told.request), strict=True):
            if what is None:
                (out / name).unlink(missing_ok=True)  # that of an earlier run, whose scenes were others
            else:
                (work / name).write_text(json.dumps(what, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
                publish(work / name, out / name, replace=True)
    if not emit(told, options):
        _print(told, lang, quiet=options.quiet)
    return int(not holds(told.scenes, told.findings))


def _print(told: ScenesDocument, lang: str, *, quiet: bool) -> None:
    from pipeline.report import console

    out = console.console()
    heads = {"en": ("scene", "page", "characters", "seconds", "text"), "zh": ("场景", "页", "字数", "秒", "文本")}[lang]
    if not quiet:
        rows = [
            (
                str(s.sequence_no),
                str(s.page or ""),
                str(s.characters),
                str(s.seconds),
                s.title + "".join(f"\n! {f.message}" for f in s.findings if f.blocks),
            )
            for s in told.scenes
        ]
        out.print(console.rows_table(rows, heads))
    for f in told.findings:
        mark = "ok" if f.verdict is Verdict.PASS else "!"
        out.print(f"{mark} {f.check}: {f.actual} ({f.limit})")
    summary = told.summary
    minutes = round(summary.seconds / 60, 1)
    line = {
        "en": f"{summary.scenes} scenes, {summary.characters} characters, about {minutes} min",
        "zh": f"{summary.scenes} 个场景，{summary.characters} 字，约 {minutes} 分钟",
    }
    out.print(line[lang])
