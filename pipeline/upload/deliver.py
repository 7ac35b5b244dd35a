"""A batch: several units at a time, each once, each with a receipt. One that fails does not stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.documents.upload import Delivery, PlannedUnit, UploadEntry, UploadFault, UploadFile
from pipeline.errors import UploadError, UsageError, system_words
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Destination, GaveUp, Receipt, Stopped, Tools, Unit
from pipeline.upload.items import Item, fresh
from pipeline.upload.journal import UploadJournal
from pipeline.upload.rate_limit import Bucket

_INTERRUPTED: Final = Text("interrupted; run again to continue", "已中断，重新运行即可继续")


class How(Struct, frozen=True):
    """How to send."""

    jobs: int
    force: bool
    wait: float  # seconds for the far end's verdict
    bandwidth: float | None  # bytes a second, all transfers together
    lang: str


def planned(destination: Destination, items: Sequence[Item], *, force: bool) -> tuple[list[PlannedUnit], list[Item]]:
    """Every call that sending would make, and what would be refused. Raises UploadError, UsageError."""
    sendable = [item for item in items if not item.refusal or (force and item.files)]
    units = [
        PlannedUnit(
            sources=tuple(item.source for item in unit.items), bytes=unit.size, calls=tuple(destination.plan(unit))
        )
        for unit in destination.units(sendable)
    ]
    return units, [item for item in items if item not in sendable]


def send_all(
    destination: Destination,
    items: Sequence[Item],
    journal: UploadJournal,
    secrets: Secrets,
    how: How,
    sent: Callable[[int], None],
    told: Callable[[str, Text], None] = lambda _name, _words: None,
) -> Generator[tuple[int, UploadEntry], None, None]:
    """Every item's entry with its place in `items`, as they end. Raises UsageError when nothing can go there."""
    places: dict[str, int] = {}
    sendable: list[Item] = []
    seen: dict[str, Item] = {}
    for number, item in enumerate(items):
        if item.refusal and not (how.force and item.files):
            yield number, _entry(item, "refused", item.refusal.of(how.lang))
        elif item.key in seen:
            said = {"en": f"the same as {seen[item.key].source}", "zh": f"与 {seen[item.key].source} 相同"}[how.lang]
            yield number, _entry(item, "skipped", said)
        else:
            seen[item.key], places[item.key] = item, number
            sendable.append(item)
    stop = threading.Event()

    def counted(count: int) -> None:
        if stop.is_set():
            raise Stopped
        sent(count)

    limit = Bucket(how.bandwidth, depth=how.bandwidth / 4) if how.bandwidth else None
    tools = Tools(journal=journal, sent=counted, bandwidth=limit, wait=how.wait, told=told)
    try:
        units = destination.units(sendable)
    except UsageError as error:
        if len(sendable) == len(items):
            raise
        # What is missing may be what was refused above: that is told, and this beside it.
        for item in sendable:
            yield places[item.key], _failed(item, error, secrets, how, [])
        return
    with ThreadPoolExecutor(how.jobs, thread_name_prefix="upload") as executor:
        running: dict[Future[list[UploadEntry]], Unit] = {
            executor.submit(_deliver, destination, unit, tools, secrets, how, stop): unit for unit in units
        }
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED, timeout=1.0)
                for future in done:
                    unit = running.pop(future)
                    for item, entry in zip(unit.items, future.result(), strict=True):
                        yield places[item.key], entry
        except BaseException:
            stop.set()
            for future in running:
                future.cancel()
            raise


def _deliver(
    destination: Destination, unit: Unit, tools: Tools, secrets: Secrets, how: How, stop: threading.Event
) -> list[UploadEntry]:
    """One unit from first to last; an entry for each of its items."""
    if stop.is_set():
        return [_entry(item, "failed", _INTERRUPTED.of(how.lang)) for item in unit.items]
    items: list[Item] = list(unit.items)
    try:
        items = [fresh(item, force=how.force) for item in unit.items]
        receipt = destination.send(replace(unit, items=tuple(items)), tools)
        _unchanged(items)
    except GaveUp as error:
        return [_failed(item, error, secrets, how, error.abandoned) for item in items]
    except (UploadError, UsageError) as error:
        return [_failed(item, error, secrets, how, []) for item in items]
    except Stopped:  # the run is being interrupted; what has been done is in the journal
        return [_entry(item, "failed", _INTERRUPTED.of(how.lang)) for item in items]
    except Exception as error:  # noqa: BLE001  one asset never stops a batch; its entry names the fault
        said = system_words(error) if isinstance(error, OSError) else Text(f"unexpected: {error}", f"意外错误：{error}")
        wrapped = UploadError(said.en, said.zh)
        return [_failed(item, wrapped, secrets, how, []) for item in items]
    return [_delivered(item, receipt, how.lang) for item in items]


def _unchanged(items: Sequence[Item]) -> None:
    """The files still have the sizes that were sent; their bytes were checked by the far end against the digest."""
    for item in items:
        for file in item.files:
            if file.path.stat().st_size != file.size:
                raise UploadError(
                    f"{file.path}: changed while it was sent; run `preflight prepare` again",
                    f"{file.path}：发送过程中被修改；请重新运行 `preflight prepare`",
                )


def _entry(item: Item, status: Delivery, message: str) -> UploadEntry:
    return UploadEntry(
        source=item.source,
        role=item.role,
        status=status,
        message=message,
        files=tuple(
            UploadFile(path=file.place, category=file.category, size=file.size, md5=file.md5) for file in item.files
        ),
        forced=item.forced,
    )


def _delivered(item: Item, receipt: Receipt, lang: str) -> UploadEntry:
    return replace(
        _entry(item, receipt.status, receipt.message.of(lang)),
        ids=receipt.ids,
        verified=tuple(receipt.verified),
        abandoned=tuple(receipt.abandoned),
    )


def _failed(
    item: Item, error: UploadError | UsageError, secrets: Secrets, how: How, left: Sequence[Fields]
) -> UploadEntry:
    said = secrets.redact(error.text.of(how.lang))
    told = UploadFault(type=type(error).__name__, message=said)
    return replace(_entry(item, "failed", said), abandoned=tuple(left), error=told)
