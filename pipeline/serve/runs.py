"""The run of a batch: the stages of `preflight prepare` and `preflight check`, a slice at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from pipeline.convert.cut.listing import DECKS
from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.facts import encode
from pipeline.documents.spool import Spool, line
from pipeline.documents.types import (
    CHECKED,
    MANIFEST,
    PREPARED,
    REPORT,
    AssetEntry,
    Document,
    FittedAsset,
    ManifestDocument,
    PlanDocument,
    PlannedAsset,
    PreparedAsset,
)
from pipeline.engine import tasks as work
from pipeline.engine.cards import cards
from pipeline.engine.pool import Pool, Work
from pipeline.engine.record import Record
from pipeline.errors import AssetError, PreflightError, system_words
from pipeline.model.ceilings import PREPARE
from pipeline.model.facts import Text
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.report.html import write
from pipeline.report.summary import LocatedDocument
from pipeline.rules import presets
from pipeline.rules.asked import asked as asked_of
from pipeline.serve.batches import Dropped, DroppedBatch
from pipeline.serve.messages import FitLine
from pipeline.serve.turns import Slice
from pipeline.stages.check import patience
from pipeline.storage import crash

_BEST: Final = 5  # scenarios that are told of a file
R = TypeVar("R")


def begin(batch: DroppedBatch, workers: int, most: Slice) -> Iterator[None]:
    """The run of a batch, which stops after every `most()` files. However it ends, its state says so."""
    try:
        if not batch.stop.is_set():
            yield from (_fit if batch.asked and batch.asked.verb == "fit" else _work)(batch, workers, most)
    except PreflightError as error:
        batch.error, batch.state = error.text, "failed"
    except Exception as error:  # noqa: BLE001  the page must say that its run ended
        if not batch.stop.is_set():  # else its folder may be gone already, and nobody waits for it
            batch.error, batch.state = words(error), "failed"
    if batch.stop.is_set():
        batch.state = "stopped"


def _fit(batch: DroppedBatch, workers: int, most: Slice) -> Iterator[None]:
    """Which scenarios take each file; the batch is then as it was before, and knows it."""
    batch.cleared()
    batch.state = "running"
    jobs = [Job(path=str(file.path), stem=str(file.number)) for file in batch.files]
    allowed = max(patience(presets.load(name), deep=False) for name in presets.names())

    def keep(number: int, made: FittedAsset | None, lost: AssetError) -> Status:
        told = made or document.unfitted(jobs[number], lost)
        batch.files[number].fits = tuple(
            FitLine(preset=one.preset, role=one.role, title=one.title, status=one.status) for one in told.fits[:_BEST]
        )
        return told.status

    yield from _through(batch, jobs, partial(Pool, work.fit_entry, workers, allowed, writes=()), most, keep)
    batch.statuses.clear()  # they go by the places of files, which may be taken out again
    batch.fractions.clear()
    batch.state = "collecting"


def _through(
    batch: DroppedBatch,
    jobs: Sequence[Job],
    pool: Callable[[], Pool[Job, R]],
    most: Slice,
    keep: Callable[[int, R | None, AssetError], Status],
) -> Iterator[None]:
    """All jobs, `most()` at a time, until the batch is stopped; `keep` is given what came of each."""
    first = 0
    while first < len(jobs) and not batch.stop.is_set():
        after = first + most()
        with pool() as running:
            for event in running.run(jobs[first:after]):
                if batch.stop.is_set():
                    return
                number = first + event.index
                if not event.ended:
                    batch.fractions[number] = max(float(event.fraction or 0), batch.fractions.get(number, 0.0))
                    continue
                lost = event.error or AssetError("nothing came back", "没有结果")
                status = keep(number, event.result, lost)
                batch.fractions[number], batch.statuses[number] = 1.0, status
        first = after
        if first < len(jobs):
            yield


def words(error: Exception) -> Text:
    """What the system refused, or a fault of ours with its crash report."""
    return system_words(error) if isinstance(error, OSError) else reported((crash.trace(error),), type(error).__name__)


def reported(traces: Iterable[str], what: str) -> Text:
    """A sentence about a fault of ours, once its crash report is written."""
    path = crash.write(traces, ("serve",))
    return Text(
        f"A fault of ours ({what}); the crash report is {path}.", f"本工具的缺陷（{what}）；崩溃报告位于 {path}。"
    )


def _work(batch: DroppedBatch, workers: int, most: Slice) -> Iterator[None]:
    asked = batch.asked
    assert asked is not None  # noqa: S101  what waits for its turn was asked for
    preset, lang, chosen = presets.load(asked.preset), asked.lang, asked_of(asked.repairs)
    out, stems = batch.cleared(), batch.stems()
    jobs = [
        Job(
            path=str(file.path),
            stem=stem,
            preset=preset.id,
            role=asked.role,
            lang=lang,
            out=str(out),
            deck=_deck(batch, file),
            **chosen,
        )
        for file, stem in zip(batch.files, stems, strict=True)
    ]
    for given, stem in zip(batch.files, stems, strict=True):
        if given.number in asked.cuts:
            batch.cuts(stem).write_text(asked.cuts[given.number], encoding="utf-8", newline="")
    batch.state = "running"
    making = asked.verb == "prepare"
    function: Work[Job, Record | PlannedAsset] = work.prepare_entry if making else work.plan_entry
    allowed = PREPARE if making else patience(preset, deep=False)
    type_: type[AssetEntry] = PreparedAsset if making else PlannedAsset
    further = count(len(jobs))  # numbers for what is found inside
    with Spool(len(jobs), type_) as spool:

        def keep(number: int, result: Record | PlannedAsset | None, lost: AssetError) -> Status:
            made = result or document.lost(jobs[number], lost, type_)
            entry: AssetEntry = made.asset if isinstance(made, Record) else made
            spool.put(number, line(_inside(entry, batch.folder)))
            for one in made.found if isinstance(made, Record) else ():
                spool.put(next(further), line(_inside(one, batch.folder)))
            return entry.status

        yield from _through(batch, jobs, partial(Pool, function, workers, allowed, writes=(str(out),)), most, keep)
        if batch.stop.is_set():
            return
        if spool.traces:
            reported(spool.traces, "files")
        tail = spool.tail(PREPARED if making else CHECKED, totals.findings(preset, spool, lang))
        parts = msgspec.structs.asdict(document.head(MANIFEST if making else REPORT, preset)) | {"assets": tuple(spool)}
        whole = ManifestDocument if making else PlanDocument
        told: Document = whole(**parts, **msgspec.structs.asdict(tail))
    batch.state = "reporting"
    text = msgspec.json.format(encode(told), indent=1)
    batch.manifest.write_bytes(text)
    with batch.report.open("w", encoding="utf-8", errors="backslashreplace") as file:
        located = LocatedDocument(told, batch.folder, sha256=hashlib.sha256(text).hexdigest())
        write(file, [located], lang, partial(cards, workers=workers))
    batch.document = told
    batch.state = "done"


def _deck(batch: DroppedBatch, video: Dropped) -> str:
    """The deck that a video shows: the one of its name, if there is one."""
    name = Path(video.name).stem.casefold()
    named = (one for one in batch.files if one is not video and Path(one.name).stem.casefold() == name)
    return next((str(one.path) for one in named if one.path.suffix.lower() in DECKS), "")


A = TypeVar("A", bound=AssetEntry)


def _inside(entry: A, folder: Path) -> A:
    """Paths below the batch's folder: where it lies on this machine is nobody's business."""
    entry = document.named(entry, str(Path(entry.source).relative_to(folder)))
    if not isinstance(entry, PreparedAsset):
        return entry
    outputs = tuple(msgspec.structs.replace(output, path=f"out/{output.path}") for output in entry.outputs)
    return msgspec.structs.replace(entry, outputs=outputs)
