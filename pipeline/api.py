"""What `media_preflight` exports: the verbs as functions, and many files at once as a `Batch`.

Files are read in limited worker processes of their own, never in the process that asks; none is left when a function
returns or a batch is closed. What is wrong with a file is told in its result; what is wrong with the question (no such
preset, role or path) is raised before any file is read. Units are those of `pipeline.model.facts`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

from msgspec import Struct

import pipeline.errors
from pipeline.checks import CHECKS
from pipeline.errors import AssetError, UsageError, nearest_word
from pipeline.model.facts import Kind, MediaInfo, Text
from pipeline.model.job import Busy, Job, News, Progress, Running, Watch, unwatched
from pipeline.model.measures import MEASURES
from pipeline.model.results import Outcome, Plan, Problem, Report, Status, Step
from pipeline.model.rules import Preset, Safety
from pipeline.rules import presets as shipped

if TYPE_CHECKING:
    from pipeline.stages.reverify import Recheck

A = TypeVar("A", Report, Outcome)
StrPath = str | os.PathLike[str]
ProgressCallback = Callable[[str, News], None]
"""Takes the path of a file and the news of it: the step that begins, the fraction done (0 to 1), or that it ended."""


class Planned(Struct, frozen=True, kw_only=True):
    """What `plan` says: the report, the edits, and the steps with their exact commands (none where it is blocked)."""

    report: Report
    plan: Plan
    steps: tuple[Step, ...]


class Verified(Struct, frozen=True, kw_only=True):
    """What has become of one output of a manifest."""

    path: str  # relative to the manifest
    status: Literal["ok", "changed", "error"]
    message: str  # what differs, or why it could not be looked at; "" when it is ok


def presets() -> tuple[str, ...]:
    """The ids of all shipped presets, sorted."""
    return tuple(shipped.names())


def load_preset(name: StrPath) -> Preset:
    """The shipped preset with this id, or the one in this `.toml` file.

    Raises PresetError naming file, table, key and the nearest known word.
    """
    return shipped.load(os.fspath(name))


@contextmanager
def warm() -> Iterator[None]:
    """Keep the process that workers are forked from while the block lasts, for programs that ask often.

    Without it every call starts that process, which loads the decoders in 0.3 to 0.5 s, and ends it.
    """
    from pipeline.engine import fork_server

    with fork_server.warmed():
        yield


def probe(path: StrPath, *, measure: Collection[str] = ()) -> MediaInfo:
    """All facts about a file; what is not known is None, never a guess.

    `measure` names what costs time: "decode" (every frame and sample), "faces", "person" (who is in footage), "speech"
    (loudness, noise, silence).
    Raises Unreadable, CeilingExceeded, TimedOut, WorkerLost and ToolMissing.
    """
    for name in measure:
        _known(name, MEASURES, Text("measurement", "测量项"))
    job = Job(path=os.fspath(path), stem="", deep=bool(measure))
    found = _one(partial(_probed, needs=frozenset(measure)), job, None, lambda _, error: _problem(error))
    if isinstance(found, Problem):
        kind = getattr(pipeline.errors, found.type, AssetError)
        raise kind(found.message.en, found.message.zh)
    return cast(MediaInfo, found)


def check(path: StrPath, preset: str, *, role: str | None = None, deep: bool = False) -> Report:
    """A file against the rules of a preset; changes nothing.

    `role` says what the file is for (else its kind decides), `deep` decodes everything. A file that cannot be read has
    status "error" and says why. Raises UsageError for a role and PresetError for a preset that does not exist.
    """
    loaded = _preset(preset, role)
    job = Job(path=os.fspath(path), stem="", preset=preset, role=role, deep=deep)
    return cast(Report, _one(_checked, job, loaded, _lost))


def plan(
    path: StrPath,
    preset: str,
    *,
    role: str | None = None,
    deep: bool = False,
    at_least: Safety = Safety.LOSSY,
    allow: Collection[str] = (),
) -> Planned:
    """What `prepare` would do with a file, with the exact commands; changes nothing. Arguments and errors as there."""
    loaded, path = _preset(preset, role), os.fspath(path)
    job = Job(path=path, stem="", preset=preset, role=role, deep=deep, at_least=at_least, allow=_allowed(allow))

    def lost(job: Job, error: AssetError) -> Planned:
        return Planned(report=_lost(job, error), plan=Plan(), steps=())

    return cast(Planned, _one(_planned, job, loaded, lost))


def prepare(
    path: StrPath,
    preset: str,
    out: StrPath,
    *,
    role: str | None = None,
    deep: bool = False,
    at_least: Safety = Safety.LOSSY,
    allow: Collection[str] = (),
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Repair a file, prove the result and publish it below the folder `out`, with `out/manifest.json`.

    The source is never touched. `at_least` is the least safe repair that is accepted; `allow` names checks whose repair
    is made on request only ("media.duration" cuts). With `overwrite`, files in the way that no earlier run made are
    replaced. What was taken out of a deck is in the manifest only. Status "ready" and "fixed" mean that it complies;
    "blocked" and "failed" say why not. Raises UsageError (also when another run is at work in `out`) and PresetError.
    """
    more: dict[str, Any] = {"at_least": at_least, "allow": allow, "overwrite": overwrite, "progress": progress}
    batch = Batch([path], preset, out=out, role=role, deep=deep, jobs=1, **more)
    return next(outcome for outcome in list(batch) if outcome.inside is None)


def verify(manifest: StrPath) -> tuple[Verified, ...]:
    """Every output of a finished run again: there, the same bytes, the same verdicts.

    What the manifest says of an asset and cannot be is an entry, too. Raises UsageError when `manifest` is none.
    """
    from pipeline.documents import read
    from pipeline.stages import reverify

    name = os.fspath(manifest)
    reading = read.manifest(name)
    outputs = reverify.outputs(reading, name, "en")
    preset = shipped.load(outputs[0].preset) if outputs and outputs[0].preset else None
    found = dict(
        _each(_verified, outputs, Running(), preset, _unverified, names=lambda one: str(Path(one.folder, one.path)))
    )
    doubts = [Verified(path=doubt.source, status="error", message=doubt.text.en) for doubt in reading.doubts]
    return (*(found[index] for index in sorted(found)), *doubts)


class Batch(Generic[A]):
    """Many files against one preset; the work is done while it is iterated, and results come as they end.

    Without `out` they are checked and give a Report each; with `out`, a folder, they are prepared and give an Outcome
    each, and so does everything taken out of a deck. `paths` may hold folders, which are walked, patterns (`*`, `**`)
    and addresses. `jobs` is the number of workers (default: one a processor). `progress` is called in the thread that
    iterates; what it raises ends the batch. The other arguments are those of `check` and `prepare`.
    Raises UsageError for paths that do not exist, and PresetError.
    """

    @overload
    def __init__(
        self: Batch[Report],
        paths: Sequence[StrPath],
        preset: str,
        *,
        out: None = None,
        role: str | None = None,
        deep: bool = False,
        jobs: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: Batch[Outcome],
        paths: Sequence[StrPath],
        preset: str,
        *,
        out: StrPath,
        role: str | None = None,
        deep: bool = False,
        jobs: int | None = None,
        progress: ProgressCallback | None = None,
        at_least: Safety = Safety.LOSSY,
        allow: Collection[str] = (),
        overwrite: bool = False,
    ) -> None: ...
    def __init__(
        self,
        paths: Sequence[StrPath],
        preset: str,
        *,
        out: StrPath | None = None,
        role: str | None = None,
        deep: bool = False,
        jobs: int | None = None,
        progress: ProgressCallback | None = None,
        at_least: Safety = Safety.LOSSY,
        allow: Collection[str] = (),
        overwrite: bool = False,
    ) -> None:
        from pipeline.storage import inputs

        self._preset, self._out = _preset(preset, role), None if out is None else Path(out)
        asked: dict[str, Any] = {"preset": preset, "role": role, "deep": deep, "out": "" if out is None else str(out)}
        asked |= {"at_least": at_least, "allow": _allowed(allow), "replace": overwrite}
        found = inputs.find([os.fspath(path) for path in paths], outputs=[] if out is None else [os.fspath(out)])
        self._jobs = [Job(path=one.path, stem=one.stem, state=one.state, **asked) for one in found]
        self._running = Running(workers=jobs, resume=False, watch=_watch(progress))

    def __len__(self) -> int:
        """The number of files named; what is found inside them is not known before."""
        return len(self._jobs)

    def __iter__(self) -> Iterator[A]:
        results: Generator[Report | Outcome, None, None]
        results = self._checked() if self._out is None else self._prepared(self._out)
        with closing(results):
            yield from cast(Iterator[A], results)

    def _checked(self) -> Generator[Report, None, None]:
        pairs = _each(_checked, self._jobs, self._running, self._preset, _lost)
        with closing(pairs):
            yield from (report for _, report in pairs)

    def _prepared(self, out: Path) -> Generator[Outcome, None, None]:
        from pipeline.documents.spool import Spool, line
        from pipeline.documents.types import PreparedAsset
        from pipeline.engine import batch, prepare
        from pipeline.engine.earlier import Earlier

        outcomes: list[Outcome] = []
        with prepare.claimed(out) as journal, Spool(len(self._jobs), PreparedAsset) as spool:
            earlier = Earlier.of(out, self._preset, journal.manifest())
            jobs = earlier.named(self._jobs)
            pairs = batch.prepared(jobs, self._running, journal, self._preset, out, made=outcomes.extend)
            try:
                with closing(pairs):
                    for index, entry in pairs:
                        spool.put(index, line(entry))
                        ended, outcomes[:] = tuple(outcomes), ()
                        yield from ended
            finally:
                prepare.recorded(jobs, self._preset, out, "en", spool, earlier, journal)


# --- the engine ---------------------------------------------------------------------------------------


def _each(
    work: Callable[[Any, Progress], Any],
    jobs: Sequence[Any],
    running: Running,
    preset: Preset | None,
    failed: Callable[[Any, AssetError], Any],
    *,
    names: Callable[[Any], str] = lambda job: job.path,
) -> Generator[tuple[int, Any], None, None]:
    """What became of every job, as they end, from workers that may write nowhere."""
    from pipeline.engine import batch
    from pipeline.stages.check import patience

    deep = any(isinstance(job, Job) and job.deep for job in jobs)
    return batch.entries(work, jobs, running, patience(preset, deep=deep), failed, names=names)


def _one(
    work: Callable[[Job, Progress], Any], job: Job, preset: Preset | None, failed: Callable[[Job, AssetError], Any]
) -> Any:
    with closing(_each(work, [job], Running(workers=1), preset, failed)) as pairs:
        return next(pairs)[1]


def _watch(told: ProgressCallback | None) -> Watch:
    if told is None:
        return unwatched

    @contextmanager
    def watching(
        names: Sequence[str], numbers: Sequence[int], sizes: Sequence[int], busy: Busy
    ) -> Iterator[Callable[[News], None]]:
        del numbers, sizes, busy
        yield lambda news: told(names[news.index], news)

    return watching


# --- in the workers -----------------------------------------------------------------------------------


def _probed(job: Job, _: Progress, *, needs: frozenset[str]) -> MediaInfo | Problem:
    from pipeline.probe import probe

    try:
        return probe(Path(job.path), needs)
    except Exception as error:  # noqa: BLE001  raised again where it was asked
        from pipeline.stages.check import problem

        return problem(error)


def _checked(job: Job, _: Progress) -> Report:
    from pipeline.stages.check import check

    return check(job).report


def _planned(job: Job, _: Progress) -> Planned:
    from pipeline.stages.check import check
    from pipeline.stages.plan import planned

    case, steps = planned(check(job))
    return Planned(report=case.report, plan=case.plan, steps=steps)


def _verified(again: Recheck, progress: Progress) -> Verified:
    from pipeline.stages.reverify import verify_entry

    told = verify_entry(again, progress)
    return Verified(path=told.path, status=told.status, message=told.error.message if told.error else told.message)


# --- questions and answers ----------------------------------------------------------------------------


def _preset(name: str, role: str | None) -> Preset:
    """Loaded here, so that a mistake in it is told before any file is read."""
    preset = shipped.load(name)
    if role is not None:
        _known(role, [one.name for one in preset.roles], Text(f"role of {preset.id}", f"{preset.id} 的角色"))
    return preset


def _allowed(checks: Collection[str]) -> frozenset[str]:
    for name in checks:
        _known(name, CHECKS, Text("check", "检查项"))
    return frozenset(checks)


def _known(word: str, known: Collection[str], what: Text) -> None:
    if word not in known:
        hint, every = nearest_word(word, known), ", ".join(sorted(known))
        raise UsageError(
            f"unknown {what.en} {word!r}.{hint.en} Known: {every}", f"未知的{what.zh} {word!r}。{hint.zh}可用：{every}"
        )


def _lost(job: Job, error: AssetError) -> Report:
    """Of a file whose worker gave no answer."""
    return Report(
        source=job.path, kind=Kind.UNKNOWN, role=job.role, status=Status.ERROR, facts=None, error=_problem(error)
    )


def _unverified(again: Recheck, error: AssetError) -> Verified:
    return Verified(path=again.path, status="error", message=str(error))


def _problem(error: AssetError) -> Problem:
    return Problem(type=type(error).__name__, message=error.text)
