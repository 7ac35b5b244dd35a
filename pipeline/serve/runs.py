"""The run of a batch: the stages of `preflight prepare` and `preflight check`, in a thread of the server."""

from __future__ import annotations

import threading
import traceback
from itertools import count
from pathlib import Path
from typing import Any, Final

from pipeline.documents import entry as document
from pipeline.documents import totals
from pipeline.documents.spool import Spool, line
from pipeline.engine import tasks as work
from pipeline.engine.pool import Pool
from pipeline.errors import AssetError, PreflightError
from pipeline.model.ceilings import PREPARE_WALL
from pipeline.model.job import Job
from pipeline.model.rules import Preset
from pipeline.report.html import Source, write
from pipeline.serve.sessions import Batch
from pipeline.stages.check import wall

_TURN: Final = threading.Semaphore(1)  # one run at a time: it uses every processor


def start(batch: Batch, preset: Preset, role: str | None, verb: str, lang: str, workers: int) -> threading.Thread:
    """Run the batch in a thread of its own. `verb` is check or prepare."""
    batch.state = "waiting"
    thread = threading.Thread(target=_run, args=(batch, preset, role, verb, lang, workers), daemon=True)
    thread.start()
    return thread


def _run(batch: Batch, preset: Preset, role: str | None, verb: str, lang: str, workers: int) -> None:
    try:
        with _TURN:
            if not batch.stop.is_set():
                _work(batch, preset, role, verb, lang, workers)
    except PreflightError as error:
        batch.error, batch.state = {"en": error.text.en, "zh": error.text.zh}, "failed"
    except Exception as error:  # noqa: BLE001  the page must say that its run ended
        traceback.print_exc()
        batch.error, batch.state = {"en": f"unexpected: {error}", "zh": f"意外错误：{error}"}, "failed"
    if batch.stop.is_set():
        batch.state = "stopped"


def _work(batch: Batch, preset: Preset, role: str | None, verb: str, lang: str, workers: int) -> None:
    out = batch.folder / "out"
    out.mkdir(exist_ok=True)
    jobs = [
        Job(path=str(file.path), stem=stem, preset=preset.id, role=role, lang=lang, out=str(out))
        for file, stem in zip(batch.files, _stems(batch), strict=True)
    ]
    batch.state = "running"
    making = verb == "prepare"
    function, seconds = (work.prepare_entry, PREPARE_WALL) if making else (work.plan_entry, wall(preset, deep=False))
    further = count(len(jobs))  # numbers for what is found inside
    with Spool(len(jobs)) as spool:
        with Pool(function, workers, seconds) as pool:
            for event in pool.run(jobs):
                if batch.stop.is_set():
                    return
                if not event.ended:
                    batch.fractions[event.index] = event.fraction or batch.fractions.get(event.index, 0.0)
                    continue
                failed = "failed" if verb == "prepare" else "error"
                entry = event.result or _lost(jobs[event.index], event.error, failed)
                found = entry.pop("found", [])
                for one in (entry, *found):
                    _inside(one, batch.folder)
                batch.fractions[event.index] = 1.0
                batch.statuses[event.index] = entry["status"]
                spool.put(event.index, line(entry))
                for one in found:
                    spool.put(next(further), line(one))
        schema, statuses = (
            (document.MANIFEST, document.PREPARED) if verb == "prepare" else (document.REPORT, document.CHECKED)
        )
        told: dict[str, Any] = document.head(schema, preset)
        told |= {"assets": list(spool), "batch": totals.findings(preset, spool, lang)}
        told["summary"] = spool.summary(statuses)
    batch.state = "reporting"
    batch.document = told
    with batch.report.open("w", encoding="utf-8", errors="backslashreplace") as file:
        write(file, [Source(told, batch.folder)], lang, workers)
    batch.state = "done"


def _stems(batch: Batch) -> list[str]:
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


def _inside(entry: dict[str, Any], folder: Path) -> None:
    """Paths below the batch's folder: where it lies on this machine is nobody's business."""
    entry["source"] = str(Path(entry["source"]).relative_to(folder))
    for output in entry.get("outputs") or ():
        output["path"] = f"out/{output['path']}"


def _lost(job: Job, error: AssetError | None, status: str) -> dict[str, Any]:
    """The entry of a file whose worker gave no answer."""
    text = error.text if error else None
    return {
        "source": job.path,
        "kind": "unknown",
        "role": job.role,
        "status": status,
        "facts": {},
        "findings": [],
        "error": {
            "type": type(error).__name__,
            "message": text.of(job.lang) if text else "",
            "said": text._asdict() if text else None,
        },
        "steps": [],
        "outputs": [],
        "proof": [],
        "blocked": [],
        "source_md5": None,
        "seconds": 0.0,
    }
