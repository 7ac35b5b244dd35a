"""`preflight report`: a report or manifest as HTML, JSON, JUnit XML, CSV or Markdown. The ending decides."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from pipeline.cli.arguments import Parser
from pipeline.cli.options import OUTPUT, Options, workers
from pipeline.documents.read import ReadDocument, document
from pipeline.documents.types import Document
from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.report.formats import ENDINGS, FLAT, publish
from pipeline.report.html import write
from pipeline.report.summary import LocatedDocument
from pipeline.storage import urls


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """Of `preflight report`."""

    reports: tuple[str, ...]
    out: str
    no_pictures: bool
    jobs: int | None


def declare(parser: Parser) -> type[ReportOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument(
        "reports",
        nargs="+",
        metavar="MANIFEST",
        help=Text(
            "manifests and reports, or their addresses; - for standard input", "清单和报告，或其网址；- 表示标准输入"
        ),
    )
    parser.group(OUTPUT).add_argument(
        "-o", "--out", required=True, metavar="FILE", help=Text("the ending says what is written", "扩展名决定格式")
    )
    parser.add_argument("--no-pictures", action="store_true", help=Text("text only", "不含图片"))
    workers(parser)
    Options.declare(parser)
    return ReportOptions


def run(options: ReportOptions) -> int:
    """Write the report whole or not at all. Exit code 2 when it cannot be written, 4 when it tells of doubts."""
    target = Path(options.out)
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"{options.out}: the ending says what is written: {', '.join(ENDINGS)}",
            f"{options.out}：扩展名决定格式：{', '.join(ENDINGS)}",
        )
    readings = [document(name) for name in options.reports]
    sources = [_located(name, reading) for name, reading in zip(options.reports, readings, strict=True)]
    if any(os.path.realpath(name) == os.path.realpath(target) for name in options.reports if name != "-"):
        raise UsageError(f"{options.out} is one of the sources", f"{options.out} 是输入文件之一")

    def fill(out: IO[str]) -> None:
        if ending == ".html":
            from pipeline.engine.cards import cards
            from pipeline.engine.pool import cores

            made = partial(cards, workers=options.jobs or cores())
            write(out, sources, options.lang, made, pictures=not options.no_pictures)
        else:
            FLAT[ending](out, sources, options.lang)

    from pipeline.report import console

    publish(target, fill)
    if options.json or options.jsonl:
        print(json.dumps({"report": str(target), "bytes": target.stat().st_size}))
    elif not options.quiet:
        console.console().print(console.clean(str(target)), soft_wrap=True)
    for reading in readings:
        for doubt in reading.doubts:
            told = f"preflight: {doubt.source}: {doubt.text.of(options.lang)}"
            console.console(error=True).print(console.clean(told), soft_wrap=True)
    return 4 if any(reading.doubts for reading in readings) else 0


def _located(name: str, reading: ReadDocument[Document]) -> LocatedDocument:
    if name == "-" or urls.is_url(urls.local(name)):  # nothing of it is here
        return LocatedDocument(reading.document, Path(), sha256=reading.sha256)
    folder = Path(name).parent
    return LocatedDocument(reading.document, folder, folder.resolve().name, reading.sha256)
