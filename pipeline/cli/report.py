"""`preflight report`: a report or manifest as HTML, JSON, JUnit XML, CSV or Markdown. The ending decides."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import IO

from pipeline.errors import UsageError
from pipeline.report.formats import ENDINGS, FLAT, publish, read
from pipeline.report.html import Source, write


def report_verb(options: Namespace, lang: str) -> int:
    """Write the report whole or not at all. Exit code 2 when it cannot be written."""
    target = Path(options.out)
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"{options.out}: the ending says what is written: {', '.join(ENDINGS)}",
            f"{options.out}：扩展名决定格式：{', '.join(ENDINGS)}",
        )
    sources = [Source(read(name), Path() if name == "-" else Path(name).parent) for name in options.reports]
    if any(Path(name).resolve() == target.resolve() for name in options.reports if name != "-"):
        raise UsageError(f"{options.out} is one of the sources", f"{options.out} 是输入文件之一")

    def fill(out: IO[str]) -> None:
        if ending == ".html":
            from pipeline.engine.pool import cores

            write(out, sources, lang, options.jobs or cores(), pictures=not options.no_pictures)
        else:
            FLAT[ending](out, sources, lang)

    publish(target, fill)
    if options.json or options.jsonl:
        print(json.dumps({"report": str(target), "bytes": target.stat().st_size}))
    elif not options.quiet:
        from pipeline.report import console

        console.console().print(console.clean(str(target)), soft_wrap=True)
    return 0
