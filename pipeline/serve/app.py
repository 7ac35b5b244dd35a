"""Routes of the page, behind its doorman."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pipeline.documents.facts import encode
from pipeline.errors import PresetError, UsageError, system_words
from pipeline.model.repairs import Repairs
from pipeline.rules import presets
from pipeline.rules.asked import asked as asked_of
from pipeline.serve import http_api, log, page, runs
from pipeline.serve.batches import DroppedBatch
from pipeline.serve.door import MINE, PERSON, Door, Doorman
from pipeline.serve.http_api import body
from pipeline.serve.messages import BUSY, Asked, BatchState, Chosen, OpenedBatch, StoredFile
from pipeline.serve.sending import SendDesk, Sender
from pipeline.serve.sessions import Full, Room
from pipeline.serve.turns import Turns
from pipeline.serve.tus import SPOKEN, VERSION, Uploads
from pipeline.storage import crash


def application(room: Room, door: Door, workers: int, lang: str, sender: Sender | None = None) -> ASGIApp:
    """The whole page behind its doorman. What waited for its turn in the room waits again.

    `sender` sends batches on to platforms; nothing is sent anywhere without.
    """
    desk = _Desk(room, workers, lang, team=door.team)
    base = "/{token}"
    one = f"{base}/batches/{{id}}"
    routes = [
        Route("/", desk.home, methods=["GET"]),
        Route(f"{base}/", desk.page, methods=["GET"]),
        Route(f"{base}/batches", desk.mine, methods=["GET"]),
        Route(f"{base}/batches", desk.open, methods=["POST"]),
        Route(one, desk.state, methods=["GET"]),
        Route(one, desk.close, methods=["DELETE"]),
        Route(f"{one}/files", desk.upload, methods=["PUT"]),
        Route(f"{one}/files/{{number:int}}", desk.remove, methods=["DELETE"]),
        Route(f"{one}/split", desk.split, methods=["POST"]),
        Route(f"{one}/run", desk.run, methods=["POST"]),
        Route(f"{one}/stop", desk.stop, methods=["POST"]),
        Route(f"{one}/report.html", desk.report, methods=["GET"]),
        Route(f"{one}/outputs/{{number:int}}", desk.output, methods=["GET"]),
        Route(f"{one}/fetched/{{number:int}}", desk.fetched, methods=["GET"]),
        Route(f"{one}/all.zip", desk.packed, methods=["GET"]),
    ]
    uploads, programs = Uploads(room, desk.batch).handlers(), http_api.Programs(room, desk.batch, desk.told).handlers()
    sends = SendDesk(sender or Sender((), room), desk.batch, desk.told).handlers()
    further = uploads | sends
    routes += [
        Route(base + call.path.replace("{number}", "{number:int}"), further[call.handler], methods=[call.method])
        for call in http_api.CALLS
        if call.handler in further
    ]
    routes += http_api.routes(desk.handlers() | programs | further)
    return Doorman(Starlette(routes=routes, exception_handlers={Full: _full, OSError: _gone, Exception: _fault}), door)


async def _full(request: Request, error: Exception) -> Response:
    told, status = (error.text, error.status) if isinstance(error, Full) else ({}, 500)
    answer = _answer({"error": told}, status)
    answer.headers["connection"] = "close"
    if "tus-resumable" in request.headers:
        answer.headers.update(SPOKEN | {"Tus-Version": VERSION})
    return answer


async def _gone(_: Request, error: Exception) -> Response:
    """What the system refused: the batch was closed meanwhile, or there is no room."""
    return _answer({"error": system_words(error) if isinstance(error, OSError) else {}}, 507)


async def _fault(_: Request, error: Exception) -> Response:
    return _answer({"error": runs.reported((crash.trace(error),), type(error).__name__)}, 500)


def _answer(told: object, status: int = 200) -> Response:
    return Response(encode(told), status, media_type="application/json")


class _Desk:
    """The routes."""

    def __init__(self, room: Room, workers: int, lang: str, *, team: bool) -> None:
        self.room, self.team, self.lang = room, team, lang
        self.turns = Turns(lambda batch, most: runs.begin(batch, workers, most), self.saved, workers)
        for batch in sorted(room.batches.values(), key=lambda one: one.made):
            if batch.state in BUSY:
                self.turns.add(batch)

    def handlers(self) -> dict[str, http_api.Handler]:
        """What page and programs both ask for, by name."""
        names = ("mine", "open", "state", "close", "upload", "remove", "split", "run", "stop")
        return {name: getattr(self, name) for name in (*names, "report", "output", "fetched", "packed")}

    def saved(self, batch: DroppedBatch) -> None:
        """Its run waits, or has ended: noted for the next start, and told to who looks after a team's server."""
        self.room.note(batch)
        if self.team:
            log.told(batch)

    def batch(self, request: Request) -> DroppedBatch:
        """The batch that is asked for, if it is of whoever asks. Raises Full."""
        batch = self.room.get(request.path_params["id"], request.scope[PERSON])
        if batch is None:
            raise Full(404, "This batch is gone.", "该批次已不存在。")
        return batch

    async def home(self, _: Request) -> Response:
        """To the page of whom a proxy names: nobody else comes here."""
        return RedirectResponse(f"/{MINE}/")

    async def page(self, _: Request) -> Response:
        """The page itself."""
        return HTMLResponse(page.html(self.lang, team=self.team), headers={"content-security-policy": page.policy()})

    async def mine(self, request: Request) -> Response:
        """The batches of whoever asks, newest first."""
        return _answer([batch.line() for batch in self.room.of(request.scope[PERSON])])

    async def open(self, request: Request) -> Response:
        """A new batch."""
        return _answer(OpenedBatch(id=self.room.open(request.scope[PERSON]).id), 201)

    async def state(self, request: Request) -> Response:
        """How far a batch is."""
        return _answer(self.told(self.batch(request)))

    def told(self, batch: DroppedBatch) -> BatchState:
        """How far a batch is."""
        return batch.told(self.turns.place(batch) if batch.state == "waiting" else None)

    async def close(self, request: Request) -> Response:
        """Forget a batch."""
        self.room.close(self.batch(request))
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        """One file, streamed to the private folder; what is too large is refused as soon as that is known."""
        batch = self.batch(request)
        announced = request.headers.get("content-length", "")
        file = self.room.place(
            batch, request.query_params.get("name", ""), int(announced) if announced.isdecimal() else None
        )
        try:
            with file.path.open("xb") as out:
                async for chunk in request.stream():
                    file.size += len(chunk)
                    batch.touched = time.monotonic()
                    self.room.admit(batch.person, file.size)
                    await run_in_threadpool(out.write, chunk)
        except (Full, OSError, ClientDisconnect) as error:
            self.room.drop(batch, file)
            if isinstance(error, OSError):
                raise Full(507, f"Could not be stored: {error.strerror}", f"无法保存：{error.strerror}") from error
            raise
        if self.room.get(batch.id, batch.person) is None:
            raise Full(404, "This batch is gone.", "该批次已不存在。")
        file.whole = True
        self.room.note(batch)
        return _answer(StoredFile(name=file.name, size=file.size, number=file.number), 201)

    async def remove(self, request: Request) -> Response:
        """Take a file out of a batch whose run has not begun."""
        batch = self.batch(request)
        if batch.state != "collecting":
            raise Full(409, "The run of this batch has begun.", "该批次已开始处理。")
        file = batch.file(request.path_params["number"])
        if file is None or not file.whole:
            raise Full(404, "There is no such file.", "没有该文件。")
        self.room.drop(batch, file)
        self.room.note(batch)
        return Response(status_code=204)

    async def split(self, request: Request) -> Response:
        """Some files of a batch as a batch of their own."""
        batch = self.batch(request)
        chosen = await body(request, Chosen)
        made = await run_in_threadpool(self.room.split, batch, chosen.files)
        return _answer(OpenedBatch(id=made.id), 201)

    async def run(self, request: Request) -> Response:
        """Begin the run of a batch, or run it once more: its files are here."""
        batch = self.batch(request)
        asked = await body(request, Asked)
        role = asked.role or None
        if batch.busy:
            raise Full(409, "The run of this batch has begun.", "该批次已开始处理。")
        if not batch.files or not all(file.whole for file in batch.files):
            raise Full(409, "No files yet, or some are still arriving.", "尚无文件，或仍在上传。")
        try:
            # Ids of shipped presets only: a request never makes the server open a file it names.
            preset = presets.load(asked.preset) if asked.preset in presets.names() else None
            asked_of(asked.repairs)
        except (PresetError, UsageError) as error:
            raise Full(400, error.text.en, error.text.zh) from error
        if asked.verb == "fit":
            # What was made of the files would be gone.
            if asked.preset or role or batch.document or asked.repairs != Repairs():
                raise Full(
                    409,
                    "fit takes no scenario and no repairs, and no batch that is done.",
                    "fit 不需要场景和修复选项，且批次须未处理。",
                )
        elif preset is None or (role and preset.role(role) is None):
            raise Full(400, "Unknown scenario, use or action.", "未知的场景、用途或操作。")
        if batch.state != "collecting":
            batch.stop.clear()
        batch.asked = msgspec.structs.replace(asked, role=role)
        self.turns.add(batch)
        return _answer(self.told(batch), 202)

    async def stop(self, request: Request) -> Response:
        """End the run of a batch."""
        self.batch(request).stop.set()
        return Response(status_code=204)

    async def report(self, request: Request) -> Response:
        """The report of a finished batch; it carries its own policy."""
        batch = self.batch(request)
        if batch.state != "done":
            raise Full(404, "Not finished yet.", "尚未完成。")
        return FileResponse(batch.report, media_type="text/html; charset=utf-8")

    async def output(self, request: Request) -> Response:
        """One prepared file, always as a download: nothing a stranger made is shown by the browser."""
        batch = self.batch(request)
        path = batch.output(request.path_params["number"])
        if path is None:
            raise Full(404, "There is no such file.", "没有该文件。")
        return _download(path, path.name)

    async def fetched(self, request: Request) -> Response:
        """A file that a platform made of what was sent."""
        path = self.batch(request).fetched(request.path_params["number"])
        if path is None:
            raise Full(404, "There is no such file.", "没有该文件。")
        return _download(path, path.name)

    async def packed(self, request: Request) -> Response:
        """All prepared files and the manifest."""
        batch = self.batch(request)
        if batch.state != "done" or not batch.outputs():
            raise Full(404, "There are no files.", "没有文件。")
        return _download(await run_in_threadpool(batch.packed), "preflight.zip")


def _download(path: Path, name: str) -> Response:
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return FileResponse(path, media_type="application/octet-stream", headers=headers)
