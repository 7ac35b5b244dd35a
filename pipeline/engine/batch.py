"""Many assets at once: where their work runs, and what the journal and equal files spare."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pipeline
from pipeline.documents import entry as document
from pipeline.engine.journal import Journal, Slot, digest, fingerprint, found_in, size_in
from pipeline.errors import AssetError, UsageError
from pipeline.model.ceilings import PREPARE_WALL, GiB, MiB
from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.rules import Preset
from pipeline.plots import publish as drawing
from pipeline.stages import duplicates
from pipeline.stages.check import role_of
from pipeline.storage import publish, urls
from pipeline.storage.digest import file_state
from pipeline.tools.programs import states

if TYPE_CHECKING:
    from pipeline.documents.spool import Line
    from pipeline.engine.pool import Work
    from pipeline.engine.remote_output import Away

J = TypeVar("J")
Entry = dict[str, Any]

# Memory of one conversion: Python, the decoders and a page of a deck; then by size, as far as a 4K encoder goes.
_BASE: Final = 300 * MiB
_PER_BYTE: Final = 8
_MOST: Final = 3 * GiB // 2
DONE: Final = frozenset({"ready", "fixed"})


def weight(job: Job) -> int:
    """Bytes of memory that converting this asset may need."""
    return _BASE + min(_PER_BYTE * _size(job.path), _MOST)


def _path(job: Job) -> str:
    return job.path


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:  # told where it is read
        return 0


def entries(
    function: Work[J, Any],
    jobs: Sequence[J],
    options: Namespace,
    wall: float,
    failed: Callable[[J, AssetError], Entry],
    *,
    weigh: Callable[[J], int] | None = None,
    names: Callable[[J], str] = str,
) -> Generator[tuple[int, Any], None, None]:
    """What became of every job, as they end. Close it to stop; workers end with it.

    Without `weigh` the work only reads, and workers may write nowhere but into their own temporary folder and the
    one for pictures, where `--plots` names it.
    """
    if not jobs:
        return
    from pipeline.report.progress import progress

    with ExitStack() as stack:
        plots = getattr(options, "plots", None)
        if plots:
            stack.enter_context(_gallery(Path(plots)))
        pool = stack.enter_context(_executor(function, options, wall, weigh, moved=_moved(jobs)))
        sizes = [job.known_size if isinstance(job, Job) and job.state else _size(names(job)) for job in jobs]
        told = [os.path.basename(names(job)) for job in jobs]  # noqa: PTH119  10,000 of them
        tell = stack.enter_context(progress(options, told, sizes, pool.busy))
        for event in pool.run(jobs):
            tell(event)
            if event.said and options.verbose:
                _say(told[event.index], event.said)
            if event.error is not None:
                yield event.index, failed(jobs[event.index], event.error)
            elif event.result is not None:
                yield event.index, event.result


@contextmanager
def _gallery(folder: Path) -> Iterator[None]:
    """The folder for pictures: there before a fence is drawn around it, and swept like an output folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}", f"{folder}：{error.strerror}") from None
    publish.sweep(folder)
    try:
        yield
    finally:  # what workers held open until now: an office and its profile
        publish.sweep(folder, wait=publish.DYING)


def _say(name: str, said: str) -> None:
    """What a library printed about a file, without whatever could move the cursor of a terminal."""
    from pipeline.report.console import clean, console

    for line in said.splitlines():
        console(error=True).print(f"{clean(name)}: {clean(line)}", soft_wrap=True)


def _moved(jobs: Sequence[object]) -> bool:
    return any(isinstance(job, Job) and urls.away(job) for job in jobs)


def _executor(
    function: Work[J, Any], options: Namespace, wall: float, weigh: Callable[[J], int] | None, *, moved: bool
) -> Any:
    """Local workers, or those of a Dask cluster; what is elsewhere is fetched and delivered around them."""
    from pipeline.engine.pool import Pool, cores  # where the journal knows everything, nobody needs workers

    workers = cores() if options.jobs is None else options.jobs
    if workers < 1:
        raise UsageError("-j needs a number above 0", "-j 需要大于 0 的数")
    plots = getattr(options, "plots", None)
    if getattr(options, "executor", "local") == "dask":
        if plots:
            raise UsageError("--plots draws on this machine only", "--plots 只能在本机绘制")
        from pipeline.engine.dask import Cluster

        return Cluster(function, options.scheduler, wall, weighed=weigh is not None)
    if getattr(options, "scheduler", None):
        raise UsageError("--scheduler needs --executor dask", "--scheduler 需要与 --executor dask 一起使用")
    pool = Pool(function, workers, wall, weigh=weigh, writes=None if weigh else (plots,) if plots else ())
    if not moved:
        return pool
    from pipeline.engine.staging import Mover

    return Mover(pool, workers)


def prepared(
    jobs: Sequence[Job],
    options: Namespace,
    journal: Journal,
    preset: Preset,
    out: Path | Away,
    failed: Callable[[Job, AssetError], Entry],
) -> Generator[tuple[int, Entry], None, None]:
    """Entries from the journal at once, the others as their work ends; equal files after the first of them."""
    jobs = list(jobs)
    slots = [_slot(job, preset) for job in jobs]
    further = count(len(jobs))  # numbers for what is found inside
    rules = _rules_of(preset)
    size = partial(size_in, out) if isinstance(out, Path) else out.size
    todo: list[int] = []
    for index, job in enumerate(jobs):
        entry = None
        if not (options.no_resume or job.replace):
            try:
                entry = journal.done(slots[index], job.path, partial(rules, job.role), size, job.state)
            except OSError:  # it went away; the worker says so
                entry = None
        if entry is None or drawing.missing(job, entry) or _lost_inside(entry):
            todo.append(index)
        else:
            name = document.shown(job.path)
            within = [found_in(name, one) for one in entry.pop("found", ())]
            yield index, entry | {"source": name}
            yield from ((next(further), one) for one in within)
    near = [index for index in todo if not urls.away(jobs[index])]
    contents = {index: journal.content(Path(jobs[index].path)) for index in duplicates.suspects(jobs, near)}
    pairs = duplicates.groups(jobs, todo, contents)
    later = {index for others in pairs.values() for index in others}
    todo = [index for index in todo if index not in later]
    if todo:
        from pipeline.engine.tasks import journaled_entry
    while todo:
        after: list[int] = []
        again = [_with_ours(jobs[index], journal.outputs(slots[index])) for index in todo]
        for position, entry in entries(
            journaled_entry, again, options, PREPARE_WALL, failed, weigh=weight, names=_path
        ):
            index, job = todo[position], again[position]
            found: list[Entry] = entry.get("found") or []
            receipts = [one.pop("receipt", "") for one in (entry, *found)]
            seen = entry.pop("seen", ("", ""))
            if urls.is_url(job.path):
                seen = (job.state, seen[1])
            if entry["status"] in DONE and _untouched(job, seen):
                journal.write(slots[index], job.path, seen, rules(job.role, entry), entry)
            if isinstance(out, Path):
                for receipt in receipts:
                    publish.settle(out, receipt)
            else:  # one for all that was delivered together
                out.settle(receipts[0], journal)
            entry.pop("found", None)
            yield index, entry
            yield from ((next(further), one) for one in found)
            if index in pairs:
                made = duplicates.outputs(entry) if entry["status"] in DONE else ()
                for other in pairs[index]:
                    jobs[other] = replace(jobs[other], twin=made)
                after += pairs[index]
        todo = after


def _lost_inside(entry: Entry) -> bool:
    """Whether something inside failed the last time: it is tried again with its deck."""
    return any(one["status"] == "failed" for one in entry.get("found", ()))


def _with_ours(job: Job, outputs: dict[str, str]) -> Job:
    return replace(job, ours=tuple(outputs.items())) if outputs else job


def _untouched(job: Job, seen: tuple[str, str]) -> bool:
    """Whether what the worker saw is still what is there: only then is its content known."""
    if urls.is_url(job.path):  # looked at when it was fetched
        return all(seen)
    try:
        return bool(seen[1]) and file_state(job.path) == seen[0]
    except OSError:
        return False


def _slot(job: Job, preset: Preset) -> Slot:
    tools = (pipeline.__version__, *states())
    made_by = digest(str(job.at_least), str(sorted(job.allow)), str(job.deliver), job.lang, str(job.deep), *tools)
    return Slot(digest(preset.id, job.role or "", job.stem), made_by)


def _rules_of(preset: Preset) -> Callable[[str | None, Entry], str]:
    """A name for the rules that hold for an entry: the same as long as nothing in its role was edited."""

    @cache
    def named(kind: str, role: str | None) -> str:
        return fingerprint(role_of(preset, Kind(kind), role))

    def both(role: str | None, entry: Entry) -> str:
        inside = [named(one["kind"], one["role"]) for one in entry.get("found", ())]
        return digest(named(entry["kind"], role), *inside) if inside else named(entry["kind"], role)

    return both


def stopped(one: Line, options: Namespace, left: int) -> bool:
    """Whether --fail-fast ends the run after this entry; says so when it does."""
    if not getattr(options, "fail_fast", False) or not (one.error or one.status in _NOT_DONE):
        return False
    if left:
        sys.stderr.write(f"preflight: --fail-fast: stopped; {left} not looked at\n")
    return True


_NOT_DONE: Final = frozenset({"blocked", "failed", "error", "changed"})
