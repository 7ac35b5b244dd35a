"""What a verb says: entries as they come, the end of a run, its exit code."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import Namespace
from collections.abc import Generator, Iterable
from typing import Final, TypeVar

import msgspec

from pipeline.documents.facts import encode
from pipeline.documents.spool import E, Entry, Line, Spool, line, with_trace, write_document
from pipeline.documents.types import AssetEntry, FindingEntry, Head, PlannedAsset
from pipeline.engine import batch
from pipeline.model.job import Job
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level

A = TypeVar("A", bound=AssetEntry)
_TABLE: Final = 500  # above so many assets the table leaves out those that are in order


def collect(
    pairs: Generator[tuple[int, Line | Entry], None, None], spool: Spool[E], options: Namespace, event: str
) -> None:
    """Keep every entry; with --jsonl each is also printed as it comes."""
    with contextlib.closing(pairs):
        for index, entry in pairs:
            one = entry if isinstance(entry, Line) else line(entry)
            one = with_trace(one, spool.type) if options.verbose else one
            spool.put(index, one)
            if options.jsonl:
                sys.stdout.write(f'{{"event": "{event}", "index": {index}, {one.text[1:].decode("utf-8")}\n')
                sys.stdout.flush()
            if batch.stopped(one, options, spool.expected - len(spool)):
                break


def print_line(told: object) -> None:
    sys.stdout.write(encode(told).decode() + "\n")
    sys.stdout.flush()


def exit_code(spool: Spool[E], extra: Iterable[FindingEntry] = ()) -> int:
    """Of a run with these entries and these findings about all of them: 3, 4, 1 or 0, whichever holds first."""
    codes = {0} | {3 if error == "ToolMissing" else 4 for error in spool.errors}
    if spool.statuses.keys() & {"fixable", "blocked", "changed"}:
        codes.add(1)
    if any(f.verdict is Verdict.FAIL and f.level is Level.ERROR for f in extra):
        codes.add(1)
    return next(code for code in (3, 4, 1, 0) if code in codes)


def tell(
    head: Head,
    spool: Spool[A],
    summed: tuple[FindingEntry, ...],
    statuses: tuple[Status, ...],
    options: Namespace,
    lang: str,
) -> None:
    """The end of a verb: one document, the last event, or a table with the summary below it."""
    tail = spool.tail(statuses, summed)
    if options.json:
        write_document(sys.stdout, head, "assets", spool, tail)
        return
    if options.jsonl:
        print_line({"event": "summary"} | msgspec.structs.asdict(head) | msgspec.structs.asdict(tail))
        return
    from pipeline.report import console

    out = console.console()
    if not options.quiet:
        calm = len(spool) > _TABLE and not options.explain
        shown = spool.entries(leaving=frozenset({"pass", "ready"} if calm else ()))
        out.print(console.assets_table(shown, lang, full=options.explain))
        if calm:
            out.print(console.say("calm", lang))
        for asset in spool if options.verb == "plan" else ():
            for line in console.plan_lines(asset) if isinstance(asset, PlannedAsset) else ():
                out.print(line, soft_wrap=True)
        for asset in spool if options.verbose else ():
            if asset.error and asset.error.trace:
                console.console(error=True).print(console.clean(asset.error.trace))
        if calm:
            out.print(console.rows_table(_reasons(spool), ("count", "status", "rule", "code")))
        for found in summed:
            if found.verdict is Verdict.FAIL:
                out.print(f"{console.say(found.level, lang)} {console.clean(found.message)}")
    out.print(console.summary_line(tail.summary, lang))


def _reasons(spool: Spool[A]) -> list[tuple[str, ...]]:
    return [(str(r.count), r.status, r.rule or r.error or "", r.code or "") for r in spool.reasons()]


def path_of(job: Job) -> str:
    """The name of a job, as progress and errors tell it."""
    return job.path


def emit(told: object, options: Namespace) -> bool:
    """Print as JSON when asked to; whether that was done."""
    if options.json or options.jsonl:
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1 if options.json else None)
        sys.stdout.write("\n")
    return bool(options.json or options.jsonl)
