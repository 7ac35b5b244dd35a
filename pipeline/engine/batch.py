"""Many assets at once: where their work runs, and what the journal and equal files spare."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

import pipeline
from pipeline.documents import entry as document
from pipeline.documents.types import PreparedAsset
from pipeline.engine.journal import Journal, Slot, digest, fingerprint, size_in
from pipeline.engine.record import Record, Worked
from pipeline.errors import AssetError, UsageError, in_chinese
from pipeline.model.ceilings import PREPARE, JobTime
from pipeline.model.facts import Kind
from pipeline.model.job import Job, Running
from pipeline.model.results import Outcome, Problem, Status
from pipeline.model.rules import Preset
from pipeline.plots import publish as drawing
from pipeline.rules.plan import PAGES
from pipeline.stages import duplicates
from pipeline.stages.check import role_of
from pipeline.storage import publish, urls
from pipeline.storage.digest import file_state
from pipeline.tools.programs import states

if TYPE_CHECKING:
    from pipeline.engine.pool import Work
    from pipeline.engine.remote_output import Away

J = TypeVar("J")
R = TypeVar("R")

DONE: Final = frozenset({Status.READY, Status.FIXED})


def weight(job: Job) -> int:
    """How much work converting this asset is, by its bytes."""
    return _size(job.path)


def path_of(job: Job) -> str:
    return job.path


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:  # told where it is read
        return 0


def entries(
    function: Work[J, R],
    jobs: Sequence[J],
    running: Running,
    patience: JobTime,
    failed: Callable[[J, AssetError], R],
    *,
    weigh: Callable[[J], int] | None = None,
    names: Callable[[J], str] = str,
    numbers: Sequence[int] | None = None,
) -> Generator[tuple[int, R], None, None]:
    """What became of every job, as they end. Close it to stop; workers end with it.

    Without `weigh` the work only reads. Workers may write nowhere but into their own temporary folder, the one for
    pictures, where `--plots` names it, and those for outputs. Who watches is told the
    `numbers` of the jobs in the whole run.
    """
    if not jobs:
        return
    with ExitStack() as stack:
        plots = _plots(jobs)
        if plots:
            stack.enter_context(_gallery(Path(plots)))
        pool = stack.enter_context(_executor(function, running, patience, weigh, jobs))
        sizes = [job.known_size if isinstance(job, Job) and job.state else _size(names(job)) for job in jobs]
        told = [names(job) for job in jobs]
        tell = stack.enter_context(running.watch(told, numbers or range(len(jobs)), sizes, pool.busy))
        for event in pool.run(jobs):
            tell(event)
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
        raise UsageError(f"{folder}: {error.strerror}", f"{folder}：{in_chinese(error)}") from None
    publish.sweep(folder)
    try:
        yield
    finally:  # what workers held open until now: an office and its profile
        publish.sweep(folder, wait=publish.DYING)


def _plots(jobs: Sequence[object]) -> str:
    """The folder for pictures, which is the same for all jobs; "" where none are drawn."""
    return jobs[0].plots if isinstance(jobs[0], Job) else ""


def _moved(jobs: Sequence[object]) -> bool:
    return any(isinstance(job, Job) and urls.away(job) for job in jobs)


def _writes(jobs: Sequence[object]) -> tuple[str, ...]:
    """The folders that the work may change. Where outputs go elsewhere, the mover knows them."""
    asked = [job for job in jobs if isinstance(job, Job)]
    return tuple(
        sorted({job.out for job in asked if job.out and not job.far} | {job.plots for job in asked if job.plots})
    )


def _executor(
    function: Work[J, Any], running: Running, patience: JobTime, weigh: Callable[[J], int] | None, jobs: Sequence[J]
) -> Any:
    """Local workers, or those of a Dask cluster; what is elsewhere is fetched and delivered around them."""
    from pipeline.engine.pool import Pool, cores  # where the journal knows everything, nobody needs workers

    workers = cores() if running.workers is None else running.workers
    if workers < 1:
        raise UsageError("-j needs a number above 0", "-j 需要大于 0 的数")
    if running.executor == "dask":
        if _plots(jobs):
            raise UsageError("--plots draws on this machine only", "--plots 只能在本机绘制")
        from pipeline.engine.dask import Cluster

        return Cluster(function, running.scheduler, patience)
    if running.scheduler:
        raise UsageError("--scheduler needs --executor dask", "--scheduler 需要与 --executor dask 一起使用")
    pool = Pool(function, workers, patience, weigh=weigh, writes=_writes(jobs))
    if not _moved(jobs):
        return pool
    from pipeline.engine.staging import Mover

    return Mover(pool, workers)


def prepared(
    jobs: Sequence[Job],
    running: Running,
    journal: Journal,
    preset: Preset,
    out: Path | Away,
    made: Callable[[tuple[Outcome, ...]], object] | None = None,
) -> Generator[tuple[int, PreparedAsset], None, None]:
    """Entries from the journal at once, the others as their work ends; equal files after the first of them.

    `made` takes the outcomes of a job and of what was found inside it, before their entries come.
    """
    jobs = list(jobs)
    slots = [_slot(job, preset) for job in jobs]
    further = count(len(jobs))  # numbers for what is found inside
    rules = _rules_of(preset)
    size = partial(size_in, out) if isinstance(out, Path) else out.size
    todo: list[int] = []
    for index, job in enumerate(jobs):
        record = None
        if running.resume and not job.replace:
            try:
                record = journal.done(slots[index], job.path, partial(rules, job.role), size, job.state)
            except OSError:  # it went away; the worker says so
                record = None
        if record is None or drawing.missing(job, record.asset) or _lost_inside(record):
            todo.append(index)
        else:
            record = record.named(document.shown(job.path))
            yield index, msgspec.structs.replace(record.asset, stem=job.stem)
            yield from ((next(further), one) for one in record.found)
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
        for position, worked in entries(
            partial(journaled_entry, valued=made is not None),
            again,
            running,
            PREPARE,
            _lost,
            weigh=weight,
            names=path_of,
            numbers=todo,
        ):
            index, job, record, seen = todo[position], again[position], worked.record, worked.seen
            asset = record.asset
            if made is not None:
                made(worked.outcomes)
            if urls.is_url(job.path):
                seen = (job.state, seen[1])
            if asset.status in DONE and _untouched(job, seen):
                journal.write(slots[index], job.path, seen, rules(job.role, record), record)
            if isinstance(out, Path):
                for receipt in worked.receipts:
                    publish.settle(out, receipt)
            else:  # one for all that was delivered together
                out.settle(worked.receipts[0] if worked.receipts else "", journal)
            yield index, msgspec.structs.replace(asset, stem=job.stem)
            yield from ((next(further), one) for one in record.found)
            if index in pairs:
                same = duplicates.outputs(asset) if asset.status in DONE else ()
                for other in pairs[index]:
                    jobs[other] = replace(jobs[other], twin=same)
                after += pairs[index]
        todo = after


def _lost(job: Job, error: AssetError) -> Worked:
    return Worked(Record(document.lost(job, error, PreparedAsset)), outcomes=(_lost_outcome(job, error),))


def _lost_outcome(job: Job, error: AssetError) -> Outcome:
    """The outcome of a job whose worker gave no answer."""
    return Outcome(
        source=job.path,
        source_md5=None,
        kind=Kind.UNKNOWN,
        role=job.role,
        status=Status.FAILED,
        error=Problem(type=type(error).__name__, message=error.text),
    )


def _lost_inside(record: Record) -> bool:
    """Whether something inside failed the last time: it is tried again with its deck."""
    return any(one.status is Status.FAILED for one in record.found)


def _with_ours(job: Job, outputs: dict[str, str]) -> Job:
    return replace(job, ours=tuple(outputs.items())) if outputs else job


def _untouched(job: Job, seen: tuple[str, str]) -> bool:
    """Whether what the worker saw is still what is there: only then is its content known."""
    if urls.is_url(job.path):  # looked at when it was fetched
        return all(seen)
    try:
        return bool(seen[1]) and file_state(job.path) == seen[0]
    except OSError:  # gone or out of reach: nothing is remembered; the next run says what is wrong
        return False


def _slot(job: Job, preset: Preset) -> Slot:
    tools = (pipeline.__version__, *states())
    asked = (str(job.at_least), str(sorted(job.allow)), str(job.deliver), str(job.cuts), job.lang)
    said = (job.encoding or "", job.company or "")
    beside = () if job.cards is None else ("identity", *(f"{card} {_state(card)}" for card in job.cards))
    if PAGES in job.allow:
        from pipeline.stages.cut_slides import looked_at  # much stands behind it

        beside += tuple(f"{one} {_state(one)}" for one in looked_at(job))
    made_by = digest(*asked, *said, *tools, *beside)
    return Slot(digest(preset.id, job.role or "", job.stem), made_by)


def _state(path: str) -> str:
    try:
        return file_state(path)
    except OSError:  # gone: it is not what it was
        return ""


def _rules_of(preset: Preset) -> Callable[[str | None, Record], str]:
    """A name for the rules that hold for a record: the same as long as nothing in its role was edited."""

    @cache
    def named(kind: Kind, role: str | None) -> str:
        return fingerprint(role_of(preset, kind, role))

    def both(role: str | None, record: Record) -> str:
        inside = [named(one.kind, one.role) for one in record.found]
        kind = record.asset.kind
        return digest(named(kind, role), *inside) if inside else named(kind, role)

    return both
