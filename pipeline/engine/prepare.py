"""A whole run of `prepare`: the output folder is claimed, the journal kept, leftovers swept, the manifest written."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from pipeline.documents import entry as document
from pipeline.documents import manifest as manifests
from pipeline.documents import totals
from pipeline.documents.read import Held, content
from pipeline.documents.read import entry as read
from pipeline.documents.spool import Spool, line
from pipeline.documents.types import MANIFEST, PREPARED, FindingEntry, Head, PreparedAsset
from pipeline.engine import batch
from pipeline.engine.earlier import Earlier
from pipeline.engine.journal import Journal, size_in
from pipeline.errors import AssetError, UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.model.job import Job, Running
from pipeline.model.results import Problem, Status
from pipeline.model.rules import Preset
from pipeline.storage import publish, state, urls

if TYPE_CHECKING:
    from pipeline.engine.remote_output import Away

Keep = Callable[[Generator[tuple[int, PreparedAsset], None, None]], object]
"""Puts every entry into the spool as it comes; may stop before the last."""


class Prepared(Struct, frozen=True, kw_only=True):
    """What stands above and below the assets of the manifest."""

    head: Head
    batch: tuple[FindingEntry, ...]


def prepare(
    jobs: list[Job], preset: Preset, out: str, running: Running, lang: str, spool: Spool[PreparedAsset], keep: Keep
) -> Prepared:
    """Prepare every job into `out`, a folder or its address. Raises UsageError when that cannot be written."""
    if urls.is_url(out):
        from pipeline.engine.remote_output import Away

        with Away(out) as there:
            return _there(jobs, preset, there, running, lang, spool, keep)
    return _here(jobs, preset, Path(out), running, lang, spool, keep)


def _here(
    jobs: list[Job], preset: Preset, out: Path, running: Running, lang: str, spool: Spool[PreparedAsset], keep: Keep
) -> Prepared:
    with claimed(out) as journal:
        earlier = Earlier.of(out, preset, journal.manifest())
        jobs = earlier.named(jobs)
        keep(batch.prepared(jobs, running, journal, preset, out))
        return recorded(jobs, preset, out, lang, spool, earlier, journal)


@contextmanager
def claimed(out: Path) -> Iterator[Journal]:
    """The journal of a folder that is ours alone, swept before and after. Raises UsageError when it cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", f"{out}：{in_chinese(error)}") from None
    state.replaceable(out / manifests.NAME, out / manifests.QUARANTINE)
    with publish.claim(out), Journal(out) as journal:
        publish.sweep(out, journal.names, wait=publish.DYING)
        try:
            yield journal
        finally:  # what workers held open until now: an office and its profile, or all when interrupted
            publish.sweep(out, journal.names, wait=publish.DYING)


def _there(
    jobs: list[Job], preset: Preset, out: Away, running: Running, lang: str, spool: Spool[PreparedAsset], keep: Keep
) -> Prepared:
    with Journal(out.folder) as journal:
        out.take_back(journal)
        earlier = Earlier.of(out.folder, preset)
        jobs = earlier.named(jobs)
        try:
            keep(batch.prepared(jobs, running, journal, preset, out))
        finally:
            out.push(journal)
    made = recorded(jobs, preset, out.folder, lang, spool, earlier)
    out.finish()
    return made


def _still_there(out: Path, lang: str, spool: Spool[PreparedAsset]) -> None:
    """An asset whose outputs were taken away while others were prepared is not ready: its entry says so."""
    for index, text in spool.numbered():
        gone = [one.path for one in read(text, Held).outputs if size_in(out, one.path) != one.size]
        if gone:
            said = Text(
                f"{gone[0]} was made, and then removed or changed by somebody. Run the same command again.",
                f"{gone[0]} 生成后被删除或修改。请重新运行同一命令。",
            )
            error = document.error(Problem(type=AssetError.__name__, message=said), lang)
            made = read(text, PreparedAsset)
            lost = msgspec.structs.replace(made, status=Status.FAILED, outputs=(), proof=(), error=error)
            spool.put(index, line(lost))


def recorded(
    jobs: list[Job],
    preset: Preset,
    folder: Path,
    lang: str,
    spool: Spool[PreparedAsset],
    earlier: Earlier,
    journal: Journal | None = None,
) -> Prepared:
    """Manifest and quarantine list in `folder`, where the outputs are too if there is its `journal`. Raises UsageError.

    What earlier runs made ready stays in both: it comes after what this run looked at.
    """
    for one in list(earlier.left((read(text, Held) for text in spool.lines()), lang)):
        spool.put(spool.expected, line(one))
    if journal:
        _still_there(folder, lang, spool)
    summed = totals.findings(preset, spool, lang)
    head = document.head(MANIFEST, preset)
    try:
        manifests.quarantine(folder, [job.path for job in jobs], spool, earlier.sources())
        written = manifests.write(folder, head, spool, spool.tail(PREPARED, summed)).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{folder}: the manifest could not be written: {error.strerror}. Run the same command again.",
            f"{folder}：无法写入清单：{in_chinese(error)}。请重新运行同一命令。",
        ) from None
    if journal:
        journal.wrote(content(written))
    return Prepared(head=head, batch=summed)
