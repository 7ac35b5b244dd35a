"""What a verb says: entries as they come, the end of a run, its exit code."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Collection, Generator, Iterable
from functools import partial
from typing import Any, Final, Self, TypeVar

import msgspec

from pipeline.cli.options import Options
from pipeline.documents.entry import plain
from pipeline.documents.facts import encode
from pipeline.documents.spool import E, Entry, Line, Spool, line, with_trace, write_document
from pipeline.documents.types import REPORTS, AssetEntry, FindingEntry, Head, Tail
from pipeline.errors import OurFault
from pipeline.model.facts import Text
from pipeline.model.job import Watch
from pipeline.model.results import Status, Verdict
from pipeline.model.rules import Level, Preset
from pipeline.report.progress import progress

A = TypeVar("A", bound=AssetEntry)
_MANY: Final = 500  # above so many assets those that are in order have no line
_FIRST: Final = (3, 4, 1, 0)  # exit codes, the one that counts first
_NOT_IN_ORDER: Final = frozenset({"blocked", "failed", "error", "changed"})


def watch(options: Options, verb: str) -> Watch:
    """Who tells how far a batch is, in the form that was asked for."""
    silent = options.quiet or options.json
    return partial(progress, verb=verb, lang=options.lang, events=options.jsonl, silent=silent, noisy=options.verbose)


def keeping(
    spool: Spool[E], options: Options, event: str, *, fail_fast: bool = False, preset: str = ""
) -> Callable[[Generator[tuple[int, Line | Entry], None, None]], bool]:
    """What keeps every entry that comes, and says whether it ended before the last.

    With --jsonl each is also printed, with its `preset` where there are several; with --fail-fast a bad one is the
    last.
    """
    head = f'{{"event": "{event}", ' + (f'"preset": {json.dumps(preset)}, ' if preset else "")

    def keep(pairs: Generator[tuple[int, Line | Entry], None, None]) -> bool:
        with contextlib.closing(pairs):
            for index, entry in pairs:
                one = entry if isinstance(entry, Line) else line(entry)
                one = with_trace(one, spool.type) if options.verbose else one
                spool.put(index, one)
                if options.jsonl:
                    sys.stdout.write(f'{head}"index": {index}, {one.text[1:].decode("utf-8")}\n')
                    sys.stdout.flush()
                if fail_fast and (one.error or one.status in _NOT_IN_ORDER):
                    left = spool.expected - len(spool)
                    if left:
                        told = Text(f"stopped; {left} not looked at", f"已停止；{left} 个文件未检查")
                        sys.stderr.write(f"preflight: --fail-fast: {told.of(options.lang)}\n")
                    return True
        return False

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
    return _code(spool, extra)


def _code(spool: Spool[E], extra: Iterable[FindingEntry]) -> int:
    codes = {0} | {3 if error == "ToolMissing" else 4 for error in spool.errors}
    if spool.statuses.keys() & {"fixable", "blocked", "changed"}:
        codes.add(1)
    if any(f.verdict is Verdict.FAIL and f.level is Level.ERROR for f in extra):
        codes.add(1)
    return next(code for code in _FIRST if code in codes)


def faults(traces: Collection[str]) -> None:
    """Raise OurFault for what nobody expected of single assets; the run went on, and its document is out."""
    if traces:
        raise OurFault(
            "at least one file met a fault of ours; the others were dealt with",
            "至少一个文件遇到本工具的缺陷；其余文件已处理",
            traces,
            documented=True,
        )


class Ending:
    """What a verb over assets says at its end: for each scenario a document, the last event, or lines for people."""

    def __init__(
        self,
        options: Options,
        statuses: tuple[Status, ...],
        *,
        roof: bool = False,
        matrix: bool = False,
        plans: bool = False,
        explain: bool,
        fail_fast: bool = False,
    ) -> None:
        self._options, self._statuses = options, statuses
        self._explain, self._fail_fast = explain, fail_fast
        self._roof, self._matrix, self._plans = roof, matrix, plans
        self._spools: list[tuple[Preset, Spool[Any]]] = []
        self._parts: list[tuple[Head, Tail, tuple[str, ...]]] = []
        self._open = contextlib.ExitStack()
        self.stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def spool(self, count: int, type_: type[A], preset: Preset) -> Spool[A]:
        """Where the entries of the next scenario are kept."""
        spool = self._open.enter_context(Spool(count, type_))
        self._spools.append((preset, spool))
        return spool

    def keeping(self, spool: Spool[A], event: str) -> Callable[[Generator[tuple[int, Line | Entry], None, None]], None]:
        """As `keeping`, for that scenario; where it ends before the last, `stopped` says so."""
        preset = self._spools[-1][0].id if self._roof else ""
        kept = keeping(spool, self._options, event, fail_fast=self._fail_fast, preset=preset)

        def keep(pairs: Generator[tuple[int, Line | Entry], None, None]) -> None:
            self.stopped = kept(pairs)

        return keep

    def add(self, head: Head, summed: tuple[FindingEntry, ...], why: tuple[str, ...]) -> None:
        """That scenario is done; `summed` are findings about all of its assets, `why` says who chose it."""
        tail = self._spools[-1][1].tail(self._statuses, summed)
        self._parts.append((head, tail, why))
        if self._options.jsonl:
            print_line({"event": "summary"} | msgspec.structs.asdict(head) | msgspec.structs.asdict(tail))

    def end(self) -> int:
        """Say it, in the form that was asked for; the exit code. Raises OurFault where an asset met one."""
        if self._options.json:
            self._documents()
        elif not self._options.jsonl:
            self._lines()
        codes = set()
        faults(set[str]().union(*(spool.traces for _, spool in self._spools)))
        for (_, spool), (_, tail, _) in zip(self._spools, self._parts, strict=True):
            codes.add(_code(spool, tail.batch))
        return next((code for code in _FIRST if code in codes), 0)

    def _documents(self) -> None:
        if self._roof:
            sys.stdout.write(f'{{"schema": "{REPORTS}",\n"reports": [\n')
        for number, ((_, spool), (head, tail, _)) in enumerate(zip(self._spools, self._parts, strict=True)):
            sys.stdout.write(",\n" if number else "")
            write_document(sys.stdout, head, "assets", spool, tail)
        if self._roof:
            sys.stdout.write("]}\n")

    def _lines(self) -> None:
        from pipeline.report import console

        out, lang, quiet = console.console(), self._options.lang, self._options.quiet
        whole = self._options.verbose or self._explain
        if self._matrix and not quiet:
            from pipeline.report import brief

            for row in brief.matrix([(preset.id, spool) for preset, spool in self._spools], lang, out):
                out.print(row, soft_wrap=True)
        for (preset, spool), (_, tail, why) in zip(self._spools, self._parts, strict=True):
            if self._roof:
                out.print(f"\n[bold]{console.clean(preset.id)}[/bold]", soft_wrap=True)
                for one in why if not quiet else ():
                    out.print(f"[dim]{console.clean(one)}[/dim]", soft_wrap=True)
            if not quiet:
                self._part(spool, tail, listed=whole or not self._matrix)
            out.print(console.summary_line(tail.summary, lang))
        if len(self._parts) > 1 and not self._matrix:
            total = {status: sum(tail.summary[status] for _, tail, _ in self._parts) for status in self._statuses}
            out.print()
            out.print(console.summary_line(total, lang))

    def _part(self, spool: Spool[Any], tail: Tail, *, listed: bool) -> None:
        """A line for each asset and the causes of all; a table of everything where they asked for it."""
        from pipeline.report import brief, console

        options, lang, out = self._options, self._options.lang, console.console()
        whole = options.verbose or self._explain
        if whole:
            out.print(console.assets_table(spool, lang, full=self._explain))
        else:
            calm = len(spool) > _MANY
            shown = spool.entries(leaving=frozenset({"pass", "ready"} if calm else ()))
            for one in brief.lines(shown, lang, out, listed=listed):
                out.print(one, soft_wrap=True)
            if calm and listed:
                out.print(console.say("calm", lang))
        for asset in spool if self._plans and (whole or len(spool) == 1) else ():
            for row in console.plan_lines(asset, lang, full=whole):
                out.print(row, soft_wrap=True)
        for asset in spool if options.verbose else ():
            if asset.error and asset.error.trace:
                console.console(error=True).print(console.clean(asset.error.trace))
        for found in tail.batch:
            if found.verdict is Verdict.FAIL:
                out.print(f"{console.say(f'level-{found.level}', lang)} {console.clean(found.message)}")


def emit(told: object, options: Options) -> bool:
    """Print as JSON when asked to; whether that was done."""
    if options.json or options.jsonl:
        json.dump(plain(told), sys.stdout, ensure_ascii=False, indent=1 if options.json else None)
        sys.stdout.write("\n")
    return bool(options.json or options.jsonl)
