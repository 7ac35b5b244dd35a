"""What a verb says: entries as they come, the end of a run, its exit code."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import Namespace
from collections.abc import Generator, Iterable
from typing import Any, Final, TypeVar

from pipeline.documents import entry as document
from pipeline.documents.spool import Line, Spool, line, with_trace, write_document
from pipeline.engine import batch
from pipeline.errors import AssetError
from pipeline.model.job import Job

J = TypeVar("J")
_TABLE: Final = 500  # above so many assets the table leaves out those that are in order
Entry = dict[str, Any]


def collect(
    pairs: Generator[tuple[int, Line | Entry], None, None], spool: Spool, options: Namespace, event: str
) -> Spool:
    """Keep every entry; with --jsonl each is also printed as it comes."""
    with contextlib.closing(pairs):
        for index, entry in pairs:
            one = line(entry) if isinstance(entry, dict) else entry
            one = with_trace(one) if options.verbose else one
            spool.put(index, one)
            if options.jsonl:
                sys.stdout.write(f'{{"event": "{event}", "index": {index}, {one.text[1:].decode("utf-8")}\n')
                sys.stdout.flush()
            if batch.stopped(one, options, spool.expected - len(spool)):
                break
    return spool


def print_line(told: object) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def lost(job: Job, error: AssetError) -> Entry:
    """The entry of a job whose worker gave no answer."""
    return {
        "source": document.shown(job.path),
        "kind": "unknown",
        "role": job.role,
        "status": "error",
        "facts": {},
        "findings": [],
        "error": {"type": type(error).__name__, "message": error.text.of(job.lang)},
    }


def lost_preparing(job: Job, error: AssetError) -> Entry:
    empty: Entry = {
        "source_md5": None,
        "steps": [],
        "outputs": [],
        "proof": [],
        "seconds": 0.0,
        "blocked": [],
    }
    return lost(job, error) | {"status": "failed"} | empty


def exit_code(spool: Spool, extra: Iterable[Entry] = ()) -> int:
    """Of a run with these entries and these findings about all of them: 3, 4, 1 or 0, whichever holds first."""
    codes = {0} | {3 if error == "ToolMissing" else 4 for error in spool.errors}
    if spool.statuses.keys() & {"fixable", "blocked", "changed"}:
        codes.add(1)
    if any(f["verdict"] == "fail" and f["level"] == "error" for f in extra):
        codes.add(1)
    return next(code for code in (3, 4, 1, 0) if code in codes)


def tell(
    head: Entry, spool: Spool, summed: list[Entry], statuses: tuple[str, ...], options: Namespace, lang: str
) -> None:
    """The end of a verb: one document, the last event, or a table with the summary below it."""
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
        calm = len(spool) > _TABLE and not options.explain
        shown = spool.entries(leaving=frozenset({"pass", "ready"} if calm else ()))
        out.print(console.assets_table(shown, lang, full=options.explain))
        if calm:
            out.print(console.say("calm", lang))
        for asset in spool if options.verb == "plan" else ():
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


def path_of(job: Job) -> str:
    """The name of a job, as progress and errors tell it."""
    return job.path


def emit(told: object, options: Namespace) -> bool:
    """Print as JSON when asked to; whether that was done."""
    if options.json or options.jsonl:
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1 if options.json else None)
        sys.stdout.write("\n")
    return bool(options.json or options.jsonl)
