"""What a verb says: entries as they come, the end of a run, its exit code."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Collection, Generator, Iterable
from functools import partial
from typing import Final, TypeVar

import msgspec

from pipeline.cli.options import Options
from pipeline.documents.entry import plain
from pipeline.documents.facts import encode
from pipeline.documents.spool import E, Entry, Line, Spool, line, with_trace, write_document
from pipeline.documents.types import AssetEntry, FindingEntry, Head, PlannedAsset
from pipeline.errors import OurFault
from pipeline.model.facts import Text
from pipeline.model.job import Watch
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level
from pipeline.report.progress import progress

A = TypeVar("A", bound=AssetEntry)
_MANY: Final = 500  # above so many assets those that are in order have no line
_NOT_IN_ORDER: Final = frozenset({"blocked", "failed", "error", "changed"})


def watch(options: Options, verb: str) -> Watch:
    """Who tells how far a batch is, in the form that was asked for."""
    silent = options.quiet or options.json
    return partial(progress, verb=verb, lang=options.lang, events=options.jsonl, silent=silent, noisy=options.verbose)


def keeping(
    spool: Spool[E], options: Options, event: str, *, fail_fast: bool = False
) -> Callable[[Generator[tuple[int, Line | Entry], None, None]], None]:
    """What keeps every entry that comes; with --jsonl each is also printed, with --fail-fast a bad one is the last."""

    def keep(pairs: Generator[tuple[int, Line | Entry], None, None]) -> None:
        with contextlib.closing(pairs):
            for index, entry in pairs:
                one = entry if isinstance(entry, Line) else line(entry)
                one = with_trace(one, spool.type) if options.verbose else one
                spool.put(index, one)
                if options.jsonl:
                    sys.stdout.write(f'{{"event": "{event}", "index": {index}, {one.text[1:].decode("utf-8")}\n')
                    sys.stdout.flush()
                if fail_fast and (one.error or one.status in _NOT_IN_ORDER):
                    left = spool.expected - len(spool)
                    if left:
                        told = Text(f"stopped; {left} not looked at", f"已停止；{left} 个文件未检查")
                        sys.stderr.write(f"preflight: --fail-fast: {told.of(options.lang)}\n")
                    break

    return keep


def print_line(told: object) -> None:
    """One JSON value on a line of standard output, at once."""
    sys.stdout.write(encode(told).decode() + "\n")
    sys.stdout.flush()


def exit_code(spool: Spool[E], extra: Iterable[FindingEntry] = ()) -> int:
    """Of a run with these entries and these findings about all of them: 3, 4, 1 or 0, whichever holds first.

    Raises OurFault where an asset met one.
    """
    faults(spool.traces)
    codes = {0} | {3 if error == "ToolMissing" else 4 for error in spool.errors}
    if spool.statuses.keys() & {"fixable", "blocked", "changed"}:
        codes.add(1)
    if any(f.verdict is Verdict.FAIL and f.level is Level.ERROR for f in extra):
        codes.add(1)
    return next(code for code in (3, 4, 1, 0) if code in codes)


def faults(traces: Collection[str]) -> None:
    """Raise OurFault for what nobody expected of single assets; the run went on, and its document is out."""
    if traces:
        raise OurFault(
            "at least one file met a fault of ours; the others were dealt with",
            "至少一个文件遇到本工具的缺陷；其余文件已处理",
            traces,
            documented=True,
        )


def tell(
    head: Head,
    spool: Spool[A],
    summed: tuple[FindingEntry, ...],
    statuses: tuple[Status, ...],
    options: Options,
    *,
    full: bool,
    plans: bool = False,
) -> None:
    """The end of a verb: one document, the last event, or a table with the summary below it.

    What people see is a line for each asset and the causes of all; a table of everything where they asked for it, with
    the source of every rule in `full`. `plans` follow below.
    """
    lang = options.lang
    tail = spool.tail(statuses, summed)
    if options.json:
        write_document(sys.stdout, head, "assets", spool, tail)
        return
    if options.jsonl:
        print_line({"event": "summary"} | msgspec.structs.asdict(head) | msgspec.structs.asdict(tail))
        return
    from pipeline.report import brief, console

    out = console.console()
    if not options.quiet:
        whole = options.verbose or full
        if whole:
            out.print(console.assets_table(spool, lang, full=full))
        else:
            calm = len(spool) > _MANY
            shown = spool.entries(leaving=frozenset({"pass", "ready"} if calm else ()))
            for one in brief.lines(shown, lang, out):
                out.print(one, soft_wrap=True)
            if calm:
                out.print(console.say("calm", lang))
        for asset in spool if plans and (whole or len(spool) == 1) else ():
            for line in console.plan_lines(asset, lang, full=whole) if isinstance(asset, PlannedAsset) else ():
                out.print(line, soft_wrap=True)
        for asset in spool if options.verbose else ():
            if asset.error and asset.error.trace:
                console.console(error=True).print(console.clean(asset.error.trace))
        for found in summed:
            if found.verdict is Verdict.FAIL:
                out.print(f"{console.say(f'level-{found.level}', lang)} {console.clean(found.message)}")
    out.print(console.summary_line(tail.summary, lang))


def emit(told: object, options: Options) -> bool:
    """Print as JSON when asked to; whether that was done."""
    if options.json or options.jsonl:
        json.dump(plain(told), sys.stdout, ensure_ascii=False, indent=1 if options.json else None)
        sys.stdout.write("\n")
    return bool(options.json or options.jsonl)
