"""A batch that is done, sent on to a platform: what may be ordered there, what would be sent, and how far it is.

Where to is what the server was started with (`--send`), and the keys are in its environment: nobody who asks says or
sees them. An order names files of its own batch alone. What was sent stands in a journal in the folder of the batch, as
with `preflight upload`: sent again, it goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pipeline.documents.facts import encode
from pipeline.documents.types import ManifestDocument
from pipeline.errors import PreflightError, UsageError
from pipeline.model.facts import Text
from pipeline.rules import toml
from pipeline.serve import log
from pipeline.serve.batches import DroppedBatch
from pipeline.serve.http_api import JSON, Handler, body
from pipeline.serve.messages import (
    BatchState,
    FieldForm,
    KeptLine,
    OrderForm,
    PlannedLine,
    Sending,
    SendPlan,
    SendState,
    SentLine,
    TableForm,
)
from pipeline.serve.runs import words
from pipeline.serve.sessions import Full, Room
from pipeline.upload import destinations
from pipeline.upload import items as entries
from pipeline.upload import order as orders
from pipeline.upload.credentials import Secrets
from pipeline.upload.deliver import How, planned, send_all
from pipeline.upload.destination import Destination, Stopped, Target
from pipeline.upload.items import Item
from pipeline.upload.journal import UploadJournal
from pipeline.upload.order import Field, Table

_AT_ONCE: Final = 4  # batches on their way
_TRANSFERS: Final = 4  # of one batch
_WAIT: Final = 60.0  # seconds for a platform's verdict; who sends again asks again
_OUT: Final = "out/"  # where outputs lie in a batch; an order names them without, as they are in its zip


def opened(where: str) -> None:
    """Whether something can be sent there with the keys that are here. Raises UsageError."""
    destinations.opened(Target(where=where, preset=""), Secrets()).close()


class Departure(NamedTuple):
    """A batch that may go."""

    place: Destination
    items: list[Item]
    secrets: Secrets


class Sender:
    """What sends the batches of a room on. At its end nothing more goes out; `team`: who looks after it is told."""

    def __init__(self, places: Sequence[str], room: Room, *, team: bool = False) -> None:
        self._places, self._room, self._team = tuple(dict.fromkeys(places)), room, team
        self._guard = threading.Lock()
        self._going: dict[str, DroppedBatch] = {}
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._guard:
            self._open = False
            for batch in self._going.values():
                batch.stop.set()

    def forms(self, batch: DroppedBatch) -> list[OrderForm]:
        """Destinations for this batch with their orders; none where nothing of it can be sent."""
        document = batch.document
        if batch.state != "done" or not isinstance(document, ManifestDocument) or not batch.outputs():
            return []
        preset = document.preset.id if document.preset else ""
        found = []
        for where in self._places:
            try:
                tables = destinations.tables(where, preset)
            except UsageError:  # of another platform: it is not offered
                continue
            found.append(OrderForm(to=where, tables=tuple(map(_form, tables))))
        return found

    def plan(self, batch: DroppedBatch, asked: Sending) -> SendPlan:
        """Every call that sending would make. Raises Full."""
        secrets = Secrets()
        target, items = self._asked(batch, asked, dry=True)
        try:
            with closing(destinations.opened(target, secrets)) as place:
                units, left = planned(place, items, force=False)
                return SendPlan(
                    destination=place.place,
                    units=tuple(
                        PlannedLine(
                            sources=unit.sources,
                            bytes=unit.bytes,
                            calls=tuple(_told(batch, secrets, call) for call in unit.calls),
                        )
                        for unit in units
                    ),
                    refused=tuple(KeptLine(source=one.source, why=one.refusal) for one in left if one.refusal),
                )
        except PreflightError as error:
            raise _refused(batch, secrets, error) from None

    def prepared(self, batch: DroppedBatch, asked: Sending) -> Departure:
        """What `begin` takes. Raises Full."""
        secrets = Secrets()
        target, items = self._asked(batch, asked, dry=False)
        try:
            return Departure(destinations.opened(target, secrets), items, secrets)
        except PreflightError as error:
            raise _refused(batch, secrets, error) from None

    def begin(self, batch: DroppedBatch, asked: Sending, made: Departure) -> None:
        """Send it, in a thread of its own; called where runs begin, so that not both begin. Raises Full."""
        with self._guard:
            if batch.busy or batch.id in self._going:
                made.place.close()
                raise Full(409, "This batch is worked on, or on its way.", "该批次正在处理或发送。")
            if len(self._going) >= _AT_ONCE or not self._open:
                made.place.close()
                raise Full(429, "Other batches are being sent. Try again later.", "其他批次正在发送，请稍后再试。")
            self._going[batch.id] = batch
            batch.stop.clear()
            total = sum(item.size for item in made.items if not item.refusal)
            batch.sent = SendState(to=asked.to, state="sending", bytes=0, total=total, entries=(), error=None)
        self._saved(batch)
        how = How(jobs=_TRANSFERS, force=False, wait=_WAIT, bandwidth=None, lang=asked.lang)
        threading.Thread(target=self._send, args=(batch, made, how), daemon=True).start()

    def _saved(self, batch: DroppedBatch) -> None:
        """It begins to go, or has ended: noted for the next start, and told."""
        if self._open:
            self._room.note(batch)
        if self._team:
            log.sent(batch)

    def _asked(self, batch: DroppedBatch, asked: Sending, *, dry: bool) -> tuple[Target, list[Item]]:
        """Where to, and what. Raises Full."""
        document = batch.document  # once: a run that begins meanwhile takes it away
        if not isinstance(document, ManifestDocument) or asked.to not in [form.to for form in self.forms(batch)]:
            raise Full(
                404,
                "This batch cannot be sent there: it was not prepared for it, or this server sends nothing there.",
                "该批次不能发往此处：并非为其准备，或本服务未开启向其发送。",
            )
        document = replace(
            document,
            assets=tuple(
                replace(one, outputs=tuple(replace(o, path=o.path.removeprefix(_OUT)) for o in one.outputs))
                for one in document.assets
            ),
        )
        try:
            tables = destinations.order_tables()
            order = orders.parsed(asked.order.encode("utf-8", "replace"), "order", tables)
            named: set[str] = set()
            order = orders.located(order, tables, partial(_own, batch, named=named))
            found = entries.items(document, batch.folder / _OUT)
            # What goes with the order is no asset that stays behind.
            items = [one for one in found if not (one.refusal and str(batch.folder / one.source) in named)]
        except PreflightError as error:
            raise Full(400, error.text.en, error.text.zh) from None
        preset = document.preset.id if document.preset else ""
        return Target(where=asked.to, preset=preset, order=order, dry=dry), items

    def _send(self, batch: DroppedBatch, made: Departure, how: How) -> None:
        place, items, secrets = made

        def sent(count: int) -> None:
            if batch.stop.is_set():
                raise Stopped
            batch.touched = time.monotonic()
            self._note(batch, bytes=count)

        def told(_name: str, _words: Text) -> None:
            sent(0)  # what waits for a platform hears that it is to end, too

        error: Text | None = None
        try:
            with (
                closing(place),
                UploadJournal(batch.folder, place.place) as journal,
                closing(send_all(place, items, journal, secrets, how, sent, told)) as ending,
            ):
                for _, entry in ending:
                    said = _told(batch, secrets, entry.message)
                    fetched = tuple(_fetched(batch, entry.ids))
                    ids = _shown(entry.ids, partial(_told, batch, secrets))
                    line = SentLine(source=entry.source, status=entry.status, message=said, ids=ids, fetched=fetched)
                    self._note(batch, line)
        except PreflightError as refused:
            error = _refused(batch, secrets, refused).text
        except Exception as fault:  # noqa: BLE001  the page must say that it ended
            if not batch.stop.is_set():  # else its folder may be gone already
                error = words(fault)
        ended = [line.status for line in batch.sent.entries] if batch.sent else []
        whole = error is None and len(ended) == len(items) and not {"failed", "refused"} & {*ended}
        state: Literal["done", "failed", "stopped"] = "done" if whole else "failed"
        if batch.stop.is_set() and not whole:
            state = "stopped"
        with self._guard:
            if batch.sent:
                batch.sent = replace(batch.sent, state=state, error=error)
            self._going.pop(batch.id, None)
        self._saved(batch)

    def _note(self, batch: DroppedBatch, *lines: SentLine, bytes: int = 0) -> None:  # noqa: A002  as the message has it
        with self._guard:
            if batch.sent:
                now = batch.sent
                batch.sent = replace(now, bytes=now.bytes + bytes, entries=(*now.entries, *lines))


class SendDesk:
    """Handlers of what is asked about sending. `found` is the batch of a request, `told` its state."""

    def __init__(
        self,
        sender: Sender,
        found: Callable[[Request], DroppedBatch],
        told: Callable[[DroppedBatch], BatchState],
    ) -> None:
        self.sender, self.found, self.told = sender, found, told

    def handlers(self) -> dict[str, Handler]:
        """By the names of the table of calls."""
        return {"orders": self.orders, "send_plan": self.send_plan, "send": self.send}

    async def orders(self, request: Request) -> Response:
        """Where a batch may be sent on, and what an order may say there."""
        return Response(encode(self.sender.forms(self.found(request))), media_type=JSON)

    async def send_plan(self, request: Request) -> Response:
        """What sending it would do; nothing is sent."""
        batch = self.found(request)
        asked = await body(request, Sending)
        return Response(encode(await run_in_threadpool(self.sender.plan, batch, asked)), media_type=JSON)

    async def send(self, request: Request) -> Response:
        """Send it on."""
        batch = self.found(request)
        asked = await body(request, Sending)
        self.sender.begin(batch, asked, await run_in_threadpool(self.sender.prepared, batch, asked))
        return Response(encode(self.told(batch)), 202, media_type=JSON)


def _told(batch: DroppedBatch, secrets: Secrets, text: str) -> str:
    """What may be told: no secrets, and nothing of where the batch lies on this machine."""
    for top in (os.path.realpath(batch.folder), str(batch.folder)):
        text = text.replace(f"{top}/{_OUT}", "").replace(f"{top}/", "")
    return secrets.redact(text)


def _shown(held: Any, told: Callable[[str], str]) -> Any:
    """The same with every text in it as it may be told."""
    if isinstance(held, dict):
        return {key: _shown(one, told) for key, one in held.items()}
    if isinstance(held, list):
        return [_shown(one, told) for one in held]
    return told(held) if isinstance(held, str) else held


def _fetched(batch: DroppedBatch, held: object) -> Iterator[str]:
    """Paths in the batch of what was fetched from the far end, wherever they stand in what it gave: a demo, a film."""
    if isinstance(held, dict | list):
        for one in held.values() if isinstance(held, dict) else held:
            yield from _fetched(batch, one)
    elif isinstance(held, str):
        tops = (os.path.realpath(batch.folder), str(batch.folder))
        yield from {held.removeprefix(f"{top}/") for top in tops if held.startswith(f"{top}/{_OUT}")}


def _refused(batch: DroppedBatch, secrets: Secrets, error: PreflightError) -> Full:
    return Full(400, _told(batch, secrets, error.text.en), _told(batch, secrets, error.text.zh))


def _own(batch: DroppedBatch, name: str, named: set[str]) -> str:
    """A file of the batch by its name: an output, else one that was dropped, which is added to `named`.

    Raises UsageError for any other.
    """
    for number, output in enumerate(batch.outputs()):
        if output.path.removeprefix(_OUT) == name:
            path = batch.output(number)
            if path:
                return str(path)
    dropped = next((file for file in batch.files if file.name == name and file.whole), None)
    if dropped is None:
        raise UsageError(
            f"order: {name[:100]!r} is no file of this batch; drop it with the others, and name it as it is listed",
            f"订单：{name[:100]!r} 不是本批次的文件；请与其他文件一起上传，并按列表中的名称填写",
        )
    named.add(str(dropped.path))
    return str(dropped.path)


def _form(table: Table) -> TableForm:
    rows = sorted(table.fields.items(), key=lambda row: not row[1].needed)
    fields = tuple(
        FieldForm(
            name=name,
            kind=_kind(field),
            values=field.values,
            wants=field.wants,
            example=field.example,
            needed=field.needed,
        )
        for name, field in rows
    )
    return TableForm(name=table.name, fields=fields, notes=tuple(relation.text for relation in table.relations))


def _kind(field: Field) -> Literal["text", "number", "choice", "toml"]:
    """How a value of it is written by a person."""
    if field.values:
        return "choice"
    value = toml.parsed(f"value = {field.example}".encode())["value"]
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "toml"
