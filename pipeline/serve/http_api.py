"""The page's routes for programs: one table, from which come the routes and their OpenAPI document.

A program says who it is by `Authorization: Bearer TOKEN`; what it may see and have is what the page of that person may.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import pipeline
from pipeline.documents.facts import encode
from pipeline.rules import presets
from pipeline.serve.batches import DroppedBatch
from pipeline.serve.messages import (
    API,
    Asked,
    BatchLine,
    BatchState,
    Chosen,
    OpenedBatch,
    OrderForm,
    PresetLine,
    Refusal,
    RoleLine,
    Sending,
    SendPlan,
    StoredFile,
    going,
)
from pipeline.serve.sessions import Full, Room

Handler = Callable[[Request], Awaitable[Response]]
_LOOKED: Final = 0.5  # seconds between two looks at a batch whose events are listened to
_ALIVE: Final = 30  # looks after which a listener hears something although nothing happened
JSON: Final = "application/json"
_BODY: Final = 1 << 18  # bytes of a JSON request
S = TypeVar("S", bound=msgspec.Struct)


class RouteRow(NamedTuple):
    """One thing that can be asked for."""

    method: str
    path: str  # below API
    handler: str
    says: str  # what it does
    status: int
    gives: Any = None  # a type; a media type, for what is not JSON; None for nothing
    asks: Any = None


CALLS: Final = (
    RouteRow("GET", "/presets", "presets", "Scenarios that can be asked for", 200, list[PresetLine]),
    RouteRow("GET", "/batches", "mine", "Your batches, newest first", 200, list[BatchLine]),
    RouteRow("POST", "/batches", "open", "A new, empty batch", 201, OpenedBatch),
    RouteRow("GET", "/batches/{id}", "state", "How far a batch is", 200, BatchState),
    RouteRow("DELETE", "/batches/{id}", "close", "Forget a batch with all its files", 204),
    RouteRow("PUT", "/batches/{id}/files", "upload", "Add a file, whose bytes are the body", 201, StoredFile, bytes),
    RouteRow("DELETE", "/batches/{id}/files/{number}", "remove", "Take a file out before the run", 204),
    RouteRow("POST", "/batches/{id}/uploads", "begin", "Begin a file that may come in pieces (tus)", 201, StoredFile),
    RouteRow("HEAD", "/batches/{id}/uploads/{number}", "offset", "How much of it is here (tus)", 200),
    RouteRow("PATCH", "/batches/{id}/uploads/{number}", "go_on", "The next bytes of it (tus)", 204),
    RouteRow("DELETE", "/batches/{id}/uploads/{number}", "give_up", "Give it up (tus)", 204),
    RouteRow("POST", "/batches/{id}/split", "split", "Files of it as a batch of their own", 201, OpenedBatch, Chosen),
    RouteRow("POST", "/batches/{id}/run", "run", "Check, prepare or fit its files, or anew", 202, BatchState, Asked),
    RouteRow("POST", "/batches/{id}/stop", "stop", "End the run", 204),
    RouteRow(
        "GET",
        "/batches/{id}/events",
        "events",
        "Its state whenever it changes, until it ends",
        200,
        "text/event-stream",
    ),
    RouteRow("GET", "/batches/{id}/result", "result", "The manifest, or the report of a check", 200, dict[str, Any]),
    RouteRow("GET", "/batches/{id}/report.html", "report", "The report as a page", 200, "text/html"),
    RouteRow(
        "GET", "/batches/{id}/outputs/{number}", "output", "A file that was made", 200, "application/octet-stream"
    ),
    RouteRow(
        "GET",
        "/batches/{id}/all.zip",
        "packed",
        "All of them with manifest and report",
        200,
        "application/octet-stream",
    ),
    RouteRow("GET", "/batches/{id}/orders", "orders", "Where it may be sent on, and the orders", 200, list[OrderForm]),
    RouteRow("POST", "/batches/{id}/send/plan", "send_plan", "What sending would do", 200, SendPlan, Sending),
    RouteRow("POST", "/batches/{id}/send", "send", "Send it on to a platform", 202, BatchState, Sending),
    RouteRow(
        "GET",
        "/batches/{id}/fetched/{number}",
        "fetched",
        "A demo or film that the platform made",
        200,
        "application/octet-stream",
    ),
    RouteRow("GET", "/metrics", "metrics", "Figures for Prometheus", 200, "text/plain"),
    RouteRow("GET", "/openapi.json", "described", "This description", 200, dict[str, Any]),
)


def routes(handlers: Mapping[str, Handler]) -> list[Route]:
    """The table as routes."""
    return [
        Route(API + call.path.replace("{number}", "{number:int}"), handlers[call.handler], methods=[call.method])
        for call in CALLS
    ]


async def body(request: Request, form: type[S]) -> S:
    """A small JSON object of this form. Raises Full for anything else."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _BODY:
            raise Full(413, "Request too large.", "请求过大。")
    try:
        return msgspec.json.decode(raw, type=form)
    except msgspec.ValidationError:
        raise Full(400, "Not what is asked for here: see the documents.", "请求内容不符合接口说明。") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Full(400, "Not a JSON object.", "不是 JSON 对象。") from None


# --- what only programs ask for -----------------------------------------------------------------------


class Programs:
    """Handlers that the page has no use for. `found` is the batch of a request, `told` its state."""

    def __init__(
        self, room: Room, found: Callable[[Request], DroppedBatch], told: Callable[[DroppedBatch], BatchState]
    ) -> None:
        self.room, self.found, self.told = room, found, told

    def handlers(self) -> dict[str, Handler]:
        """By the names of the table."""
        return {name: getattr(self, name) for name in ("presets", "events", "result", "metrics", "described")}

    async def presets(self, _: Request) -> Response:
        """Every shipped scenario."""
        loaded = [presets.load(name) for name in presets.names()]
        listed = [
            PresetLine(id=p.id, title=p.title, roles=tuple(RoleLine(name=r.name, title=r.title) for r in p.roles))
            for p in loaded
        ]
        return Response(encode(listed), media_type=JSON)

    async def events(self, request: Request) -> Response:
        """Server-sent events: the state of a batch at once and after every change; the last one is how it ended."""
        batch = self.found(request)

        async def said() -> AsyncIterator[bytes]:
            last, quiet = b"", 0
            while self.room.get(batch.id, batch.person) is batch:
                state = self.told(batch)
                over, now = not going(state), encode(state)
                if now != last:
                    yield b"event: state\ndata: " + now + b"\n\n"
                    last, quiet = now, 0
                if over:
                    return
                quiet += 1
                if quiet % _ALIVE == 0:
                    yield b": still here\n\n"
                await asyncio.sleep(_LOOKED)

        return StreamingResponse(said(), media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        """The document of a run that is done."""
        batch = self.found(request)
        if batch.state != "done":
            raise Full(404, "Not finished yet.", "尚未完成。")
        return FileResponse(batch.manifest, media_type=JSON)

    async def metrics(self, _: Request) -> Response:
        """Counts over all people, in the text format of Prometheus; nobody is named."""
        held = list(self.room.batches.values())
        states = Counter(batch.state for batch in held)
        statuses = Counter(str(status) for batch in held for status in batch.statuses.values())
        lines = ["# TYPE preflight_batches gauge"]
        lines += [f'preflight_batches{{state="{state}"}} {n}' for state, n in sorted(states.items())]
        lines += ["# TYPE preflight_files gauge"]
        lines += [f'preflight_files{{status="{status}"}} {n}' for status, n in sorted(statuses.items())]
        lines += ["# TYPE preflight_people gauge", f"preflight_people {len({batch.person for batch in held})}"]
        stored = sum(file.size for batch in held for file in batch.files)
        lines += ["# TYPE preflight_stored_bytes gauge", f"preflight_stored_bytes {stored}"]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def described(self, _: Request) -> Response:
        """The OpenAPI document."""
        return Response(msgspec.json.encode(openapi()), media_type=JSON)


# --- OpenAPI ------------------------------------------------------------------------------------------


def openapi() -> dict[str, Any]:
    """The calls as OpenAPI 3.1, their types as JSON Schema."""
    types = [t for call in CALLS for t in (call.gives, call.asks) if t is not None and not isinstance(t, str)]
    types = [t for t in types if t is not bytes] + [Refusal]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = list(zip(types, schemas, strict=True))

    def content(type_: Any) -> dict[str, Any]:
        if isinstance(type_, str):
            return {type_: {}}
        if type_ is bytes:
            return {"application/octet-stream": {}}
        return {JSON: {"schema": next(schema for one, schema in by_type if one == type_)}}

    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        given = [
            {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
            for name, kind in (("id", "string"), ("number", "integer"))
            if f"{{{name}}}" in call.path
        ]
        if call.asks is bytes:
            given.append({"name": "name", "in": "query", "required": True, "schema": {"type": "string"}})
        fine = {"description": call.says} | ({"content": content(call.gives)} if call.gives is not None else {})
        told: dict[str, Any] = {
            "operationId": f"{call.method.lower()}_{call.handler}",
            "summary": call.says,
            "parameters": given,
            "responses": {
                str(call.status): fine,
                "401": {"description": "No token, or one that nobody has"},
                "default": {"description": "Why it was not done", "content": content(Refusal)},
            },
        }
        if call.asks is not None:
            told["requestBody"] = {"required": True, "content": content(call.asks)}
        paths.setdefault(API + call.path, {})[call.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "Media preflight", "version": pipeline.__version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
