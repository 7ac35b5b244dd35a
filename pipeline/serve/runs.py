"""The run of a batch: the stages of `preflight prepare` and `preflight check`, in a thread of the server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import msgspec

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
from pipeline.model.rules import Preset
from pipeline.report.html import write
from pipeline.report.summary import LocatedDocument
from pipeline.serve.sessions import DroppedBatch
from pipeline.stages.check import patience
from pipeline.storage import crash

_TURN: Final = threading.Semaphore(1)  # one run at a time: it uses every processor


def start(
    batch: DroppedBatch, preset: Preset, role: str | None, verb: str, lang: str, workers: int
) -> threading.Thread:
    """Run the batch in a thread of its own. `verb` is check or prepare."""
    batch.state = "waiting"
    thread = threading.Thread(target=_run, args=(batch, preset, role, verb, lang, workers), daemon=True)
    thread.start()
    return thread


def _run(batch: DroppedBatch, preset: Preset, role: str | None, verb: str, lang: str, workers: int) -> None:
    try:
        with _TURN:
            if not batch.stop.is_set():
                _work(batch, preset, role, verb, lang, workers)
    except PreflightError as error:
        batch.error, batch.state = error.text, "failed"
    except Exception as error:  # noqa: BLE001  the page must say that its run ended
        if not batch.stop.is_set():  # else its folder may be gone already, and nobody waits for it
            batch.error, batch.state = _words(error), "failed"
    if batch.stop.is_set():
        batch.state = "stopped"


def _words(error: Exception) -> Text:
    """What the system refused, or a fault of ours with its crash report."""
    return system_words(error) if isinstance(error, OSError) else reported((crash.trace(error),), type(error).__name__)


def reported(traces: Iterable[str], what: str) -> Text:
    """A sentence about a fault of ours, once its crash report is written."""
    path = crash.write(traces, ("serve",))
    return Text(
        f"A fault of ours ({what}); the crash report is {path}.", f"本工具的缺陷（{what}）；崩溃报告位于 {path}。"
    )


def _work(batch: DroppedBatch, preset: Preset, role: str | None, verb: str, lang: str, workers: int) -> None:
    out = batch.folder / "out"
    out.mkdir(exist_ok=True)
    jobs = [
        Job(path=str(file.path), stem=stem, preset=preset.id, role=role, lang=lang, out=str(out))
        for file, stem in zip(batch.files, _stems(batch), strict=True)
    ]
    batch.state = "running"
    making = verb == "prepare"
    function: Work[Job, Record | PlannedAsset] = work.prepare_entry if making else work.plan_entry
    allowed = PREPARE if making else patience(preset, deep=False)
    further = count(len(jobs))  # numbers for what is found inside
    type_: type[AssetEntry] = PreparedAsset if making else PlannedAsset
    with Spool(len(jobs), type_) as spool:
        with Pool(function, workers, allowed, writes=(str(out),)) as pool:
            for event in pool.run(jobs):
                if batch.stop.is_set():
                    return
                if not event.ended:
                    batch.fractions[event.index] = event.fraction or batch.fractions.get(event.index, 0.0)
                    continue
                lost = event.error or AssetError("nothing came back", "没有结果")
                made = event.result or document.lost(jobs[event.index], lost, type_)
                entry: AssetEntry = made.asset if isinstance(made, Record) else made
                found = made.found if isinstance(made, Record) else ()
                batch.fractions[event.index] = 1.0
                batch.statuses[event.index] = entry.status
                spool.put(event.index, line(_inside(entry, batch.folder)))
                for one in found:
                    spool.put(next(further), line(_inside(one, batch.folder)))
        if spool.traces:
            reported(spool.traces, "files")
        tail = spool.tail(PREPARED if making else CHECKED, totals.findings(preset, spool, lang))
        parts = msgspec.structs.asdict(document.head(MANIFEST if making else REPORT, preset)) | {"assets": tuple(spool)}
        whole = ManifestDocument if making else PlanDocument
        told: Document = whole(**parts, **msgspec.structs.asdict(tail))
    batch.state = "reporting"
    batch.document = told
    text = msgspec.json.format(encode(told), indent=1)
    batch.manifest.write_bytes(text)
    with batch.report.open("w", encoding="utf-8", errors="backslashreplace") as file:
        located = LocatedDocument(told, batch.folder, sha256=hashlib.sha256(text).hexdigest())
        write(file, [located], lang, partial(cards, workers=workers))
    batch.state = "done"


def _stems(batch: DroppedBatch) -> list[str]:
    """A name for the outputs of each file, no two alike on any file system."""
    taken: set[str] = set()
    out = []
    for file in batch.files:
        stem, number = Path(file.name).stem, 1
        while (named := stem if number == 1 else f"{stem}_{number}").casefold() in taken:
            number += 1
        taken.add(named.casefold())
        out.append(named)
    return out


A = TypeVar("A", bound=AssetEntry)


def _inside(entry: A, folder: Path) -> A:
    """Paths below the batch's folder: where it lies on this machine is nobody's business."""
    entry = document.named(entry, str(Path(entry.source).relative_to(folder)))
    if not isinstance(entry, PreparedAsset):
        return entry
    outputs = tuple(msgspec.structs.replace(output, path=f"out/{output.path}") for output in entry.outputs)
    return msgspec.structs.replace(entry, outputs=outputs)
