"""What a verb says: entries as they come, the end of a run, its exit code."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any, Final

from pipeline.cli.options import Options
from pipeline.documents.spool import Line, Spool, line, with_trace, write_document
from pipeline.model.job import Watch
from pipeline.report.progress import progress

_TABLE: Final = 500  # above so many assets the table leaves out those that are in order
_NOT_IN_ORDER: Final = frozenset({"blocked", "failed", "error", "changed"})
Entry = dict[str, Any]


def watch(options: Options, verb: str) -> Watch:
    """Who tells how far a batch is, in the form that was asked for."""
    silent = options.quiet or options.json
    return partial(progress, verb=verb, events=options.jsonl, silent=silent, noisy=options.verbose)


def keeping(
    spool: Spool, options: Options, event: str, *, fail_fast: bool = False
) -> Callable[[Generator[tuple[int, Line | Entry], None, None]], None]:
    """What keeps every entry that comes; with --jsonl each is also printed, with --fail-fast a bad one is the last."""

    def keep(pairs: Generator[tuple[int, Line | Entry], None, None]) -> None:
        with contextlib.closing(pairs):
            for index, entry in pairs:
                one = line(entry) if isinstance(entry, dict) else entry
                one = with_trace(one) if options.verbose else one
                spool.put(index, one)
                if options.jsonl:
                    sys.stdout.write(f'{{"event": "{event}", "index": {index}, {one.text[1:].decode("utf-8")}\n')
                    sys.stdout.flush()
                if fail_fast and (one.error or one.status in _NOT_IN_ORDER):
                    left = spool.expected - len(spool)
                    if left:
                        sys.stderr.write(f"preflight: --fail-fast: stopped; {left} not looked at\n")
                    break

    return keep


def print_line(told: object) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def exit_code(spool: Spool, extra: Iterable[Entry] = ()) -> int:
    """Of a run with these entries and these findings about all of them: 3, 4, 1 or 0, whichever holds first."""
    codes = {0} | {3 if error == "ToolMissing" else 4 for error in spool.errors}
    if spool.statuses.keys() & {"fixable", "blocked", "changed"}:
        codes.add(1)
    if any(f["verdict"] == "fail" and f["level"] == "error" for f in extra):
        codes.add(1)
    return next(code for code in (3, 4, 1, 0) if code in codes)


def tell(
    head: Entry,
    spool: Spool,
    summed: list[Entry],
    statuses: tuple[str, ...],
    options: Options,
    *,
    full: bool,
    plans: bool = False,
) -> None:
    """The end of a verb: one document, the last event, or a table with the summary below it.

    In the table findings are told in `full` or not, and `plans` follow below.
    """
    lang = options.lang
    summary = spool.summary(statuses)
    tail = {"batch": summed, "summary": summary, "reasons": spool.reasons()}
    if options.json:
        write_document(sys.stdout, head, "assets", spool, tail)
        return
    if options.jsonl:
        print_line({"event": "summary", **head, **tail})
        return
    from pipeline.report import console

    out = console.console()
    if not options.quiet:
        calm = len(spool) > _TABLE and not full
        shown = spool.entries(leaving=frozenset({"pass", "ready"} if calm else ()))
        out.print(console.assets_table(shown, lang, full=full))
        if calm:
            out.print(console.say("calm", lang))
        for asset in spool if plans else ():
            for line in console.plan_lines(asset):
                out.print(line, soft_wrap=True)
        for asset in spool if options.verbose else ():
            if asset["error"] and asset["error"].get("trace"):
                console.console(error=True).print(console.clean(asset["error"]["trace"]))
        if calm:
            out.print(console.rows_table(_reasons(spool), ("count", "status", "rule", "code")))
        for found in summed:
            if found["verdict"] == "fail":
                out.print(f"{console.say(found['level'], lang)} {console.clean(found['message'])}")
    out.print(console.summary_line(summary, lang))


def _reasons(spool: Spool) -> list[tuple[str, ...]]:
    return [(str(r["count"]), r["status"], r["rule"] or r["error"], r["code"] or "") for r in spool.reasons()]


def emit(told: object, options: Options) -> bool:
    """Print as JSON when asked to; whether that was done."""
    if options.json or options.jsonl:
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1 if options.json else None)
        sys.stdout.write("\n")
    return bool(options.json or options.jsonl)
