"""`preflight watch FOLDER`: what comes into a folder is prepared once it has settled."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.cli.arguments import Parser
from pipeline.cli.options import INPUT, OUTPUT, WORK, Options, Repairing, Scenarios, overwriting, workers
from pipeline.cli.prepare import PrepareOptions
from pipeline.errors import OurFault, ToolMissing, UsageError
from pipeline.model.facts import Text

if TYPE_CHECKING:
    from pipeline.cli.inputs import Portion
    from pipeline.model.job import Job

# What programs call a file that they have not fetched whole.
_UNFINISHED: Final = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp")
_TICK: Final = 500  # milliseconds between two looks at what has not settled
_ANYWAY: Final = 60.0  # seconds after which the folder is looked through where nobody tells of changes, as on NFS
_MOST: Final = 256  # files of one round; the others wait for the next
_SHARE: Final = 10  # a tenth of the time at most goes into looking


@dataclass(frozen=True, kw_only=True)
class WatchOptions(Options, Scenarios, Repairing):
    """Of `preflight watch`."""

    folder: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    jobs: int | None
    out: str
    overwrite: str
    settle: float  # seconds


def declare(parser: Parser) -> type[WatchOptions]:
    """Add the arguments; they become what is returned."""
    group = parser.group(INPUT)
    group.add_argument("folder", metavar="FOLDER", help=Text("where files come", "文件到达的目录"))
    group.add_argument(
        "--include", action="append", default=[], metavar="GLOB", help=Text("only these", "只取这些文件")
    )
    group.add_argument("--exclude", action="append", default=[], metavar="GLOB", help=Text("not these", "排除这些文件"))
    Scenarios.declare(parser)
    Repairing.declare(parser)
    workers(parser)
    parser.group(WORK).add_argument(
        "--settle",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help=Text(
            "how long a file has to stay as it is before it is taken (default: 2)",
            "文件保持不变多久之后才处理（默认：2）",
        ),
    )
    parser.group(OUTPUT).add_argument(
        "-o", "--out", required=True, metavar="OUT", help=Text("output folder", "输出目录")
    )
    overwriting(parser)
    Options.declare(parser)
    return WatchOptions


def run(options: WatchOptions) -> int:
    """Prepare what settles, round by round, until interrupted; the exit code is that of all rounds together.

    Raises UsageError, ToolMissing.
    """
    if options.json:
        raise UsageError("--json has one document at the end; use --jsonl", "--json 在结束时才有一份文档；请用 --jsonl")
    if not 0.1 <= options.settle <= 3600:
        raise UsageError("--settle needs 0.1 to 3600 seconds", "--settle 需要 0.1–3600 秒")
    if not Path(options.folder).is_dir():
        raise UsageError(f"{options.folder} is no folder", f"{options.folder} 不是目录")
    try:
        import watchfiles
    except ImportError:
        raise ToolMissing(
            "watching a folder needs watchfiles: pip install 'media-preflight[watch]'",
            "监视目录需要 watchfiles：pip install 'media-preflight[watch]'",
        ) from None
    from pipeline.cli import inputs
    from pipeline.storage.coming import Coming

    asked = _asked(options)
    # What is wrong now is said before anything is waited for.
    inputs.run_of(asked, repairs=asked.repairs, out=options.out, unplaced=lambda _: None)
    out = os.path.realpath(options.out)
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # what is sent when somebody opens a file that is asked about

    def wanted(_: object, path: str) -> bool:
        return not f"{path}{os.sep}".startswith(f"{out}{os.sep}")  # what we make there ourselves calls nobody

    told = Text(f"watching {options.folder}; Ctrl-C ends", f"正在监视 {options.folder}；按 Ctrl-C 结束")
    sys.stderr.write("" if options.quiet else f"preflight: {told.of(options.lang)}\n")
    coming, rounds = Coming(options.settle), _Rounds(asked)
    looked, due, called = 0.0, 0.0, True
    mistakes = set[str]()

    def mistaken(error: UsageError) -> None:  # such as a file that no pattern takes: the others are prepared
        if (said := error.text.of(options.lang)) not in mistakes:
            mistakes.add(said)
            sys.stderr.write(f"preflight: {said}\n")

    anew = options.overwrite == "always"
    try:
        for changed in watchfiles.watch(
            options.folder, watch_filter=wanted, debounce=_TICK, rust_timeout=_TICK, yield_on_timeout=True
        ):
            now = time.monotonic()
            called = called or bool(changed) or coming.waiting or now - looked > _ANYWAY
            if not called or now < due:
                continue
            parts: tuple[inputs.Portion, ...] = ()
            try:
                parts = inputs.run_of(asked, repairs=asked.repairs, out=options.out, anew=anew, unplaced=mistaken).parts
            except UsageError as error:
                mistaken(error)
            looked = now
            due = looked + max(options.settle / 2, _SHARE * (time.monotonic() - looked))
            every = {job.path: job for part in parts for job in part.jobs}
            settled = coming.settled(list(every.values()))[:_MOST]
            called = len(settled) == _MOST
            paths = {job.path for job in settled}
            for part in parts:
                if jobs := [job for job in part.jobs if job.path in paths]:
                    rounds.prepare(part, jobs)
            coming.done(settled)
    except KeyboardInterrupt:  # how watching is ended
        pass
    return rounds.code()


def _asked(options: WatchOptions) -> PrepareOptions:
    """What a run of prepare over the folder would have been asked."""
    given: dict[str, Any] = {one.name: getattr(options, one.name) for one in fields(options)}
    del given["folder"], given["settle"]
    usual = {"from_file": None, "null": False, "allow_empty": True, "fail_fast": False, "executor": "local"}
    rest = {
        "scheduler": None,
        "deep": False,
        "identity": False,
        "encoding": None,
        "no_resume": False,
        "plots": None,
        "dry_run": False,
    }
    exclude = (*options.exclude, *(f"*{ending}" for ending in _UNFINISHED))
    return PrepareOptions(**given | usual | rest | {"paths": (options.folder,), "exclude": exclude})


class _Rounds:
    """Runs of prepare into a folder for each scenario, one after the other; the manifest is whole after each."""

    def __init__(self, asked: PrepareOptions) -> None:
        self._asked = asked
        self._codes: dict[str, int] = {}  # of each folder after its last round
        self._traces: list[str] = []

    def prepare(self, part: Portion, jobs: list[Job]) -> None:
        """One round. Interrupted, what is finished is recorded before KeyboardInterrupt goes on."""
        usual = signal.getsignal(signal.SIGINT)
        try:
            stopped = self._round(part, jobs)
        finally:
            signal.signal(signal.SIGINT, usual)
        if stopped:
            raise KeyboardInterrupt

    def _round(self, part: Portion, jobs: list[Job]) -> bool:
        """Whether it was interrupted. From the moment when its manifest is written it is not: its exit code is told."""
        from pipeline.cli import output
        from pipeline.documents.entry import shown
        from pipeline.documents.types import PREPARED, PreparedAsset
        from pipeline.engine.prepare import prepare
        from pipeline.report import brief, console

        asked, stopped = self._asked, False

        def later(*_: object) -> None:
            nonlocal stopped
            stopped = True

        with output.Ending(asked, PREPARED, explain=asked.explain) as told:
            spool = told.spool(len(jobs), PreparedAsset, part.preset)
            keep = told.keeping(spool, "prepared")

            def until(pairs: Generator[tuple[int, Any], None, None]) -> None:
                nonlocal stopped
                try:
                    keep(pairs)
                except KeyboardInterrupt:  # goes on below, when the manifest is written and what it says is known
                    stopped = True
                signal.signal(signal.SIGINT, later)

            running = asked.running(output.watch(asked, "watch"))
            made = prepare(jobs, part.preset, part.out, running, asked.lang, spool, until)
            told.add(made.head, made.batch, part.why)
            ours = {shown(job.path) for job in jobs}
            silent = asked.jsonl or asked.quiet
            if not silent:
                new = [one for one in spool if one.source in ours or one.source.partition("#")[0] in ours]
                out = console.console()
                if asked.verbose or asked.explain:
                    out.print(console.assets_table(new, asked.lang, full=asked.explain))
                else:
                    for one in brief.lines(new, asked.lang, out):
                        out.print(one, soft_wrap=True)
                out.print(console.summary_line(spool.tail(PREPARED, made.batch).summary, asked.lang))
            try:
                self._codes[part.out] = told.end() if silent else output.exit_code(spool, made.batch)
                sys.stdout.flush()
            except OurFault as fault:  # of one file; the next ones are prepared all the same, and the end tells it
                self._traces += fault.traces
        return stopped

    def code(self) -> int:
        """The exit code of the folders as they are, the worst of them. Raises OurFault where a file met one."""
        from pipeline.cli.output import faults

        faults(self._traces)
        return max(self._codes.values(), default=0)
