"""Uploads that go on where they were cut off: the tus protocol 1.0.0 with creation and termination (tus.io).

What arrived of a file stays when its connection breaks, and when the server does; who sends it asks how much that is
and sends the rest.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pipeline.documents.facts import encode
from pipeline.serve.batches import Dropped, DroppedBatch
from pipeline.serve.http_api import JSON, Handler
from pipeline.serve.messages import StoredFile
from pipeline.serve.sessions import Full, Room

VERSION: Final = "1.0.0"
SPOKEN: Final = {"Tus-Resumable": VERSION}
_BODY: Final = "application/offset+octet-stream"
_MOST: Final = 1 << 50  # bytes that anybody may announce; what is taken is far less


class Uploads:
    """Handlers of the protocol. `found` is the batch of a request."""

    def __init__(self, room: Room, found: Callable[[Request], DroppedBatch]) -> None:
        self.room, self.found = room, found

    def handlers(self) -> dict[str, Handler]:
        """By the names of the table of calls."""
        return {"begin": self.begin, "offset": self.offset, "go_on": self.go_on, "give_up": self.give_up}

    async def begin(self, request: Request) -> Response:
        """A place for a file of which the length is known."""
        batch = self.found(request)
        _speaks(request)
        length = _number(request, "upload-length")
        name = _metadata(request).get("filename", "")
        file = self.room.place(batch, name, length)
        file.length = length
        file.path.touch(exist_ok=False)
        file.whole = length == 0
        self.room.note(batch)
        number = file.number
        told = StoredFile(name=file.name, size=0, number=number)
        head = SPOKEN | {"Location": f"{request.url.path}/{number}"}
        return Response(encode(told), 201, head, media_type=JSON)

    async def offset(self, request: Request) -> Response:
        """How much of it is here."""
        _, file = self._file(request)
        return Response(headers=SPOKEN | {"Upload-Offset": str(file.size), "Upload-Length": str(file.length)})

    async def go_on(self, request: Request) -> Response:
        """The next bytes of it; those that came before a connection broke are kept."""
        batch, file = self._file(request)
        if request.headers.get("content-type", "") != _BODY:
            raise Full(415, f"Wanted Content-Type: {_BODY}.", f"应为 Content-Type: {_BODY}。")
        if file.busy:
            raise Full(423, "This file is being sent already.", "该文件正在上传。")
        if _number(request, "upload-offset") != file.size or file.length is None:
            raise Full(
                409, f"{file.size} bytes of it are here; go on there.", f"已收到 {file.size} 字节，请从该处继续。"
            )
        file.busy = True
        try:
            with file.path.open("r+b") as out:
                out.seek(file.size)
                async for chunk in request.stream():
                    batch.touched = time.monotonic()
                    if file.size + len(chunk) > file.length:
                        raise Full(413, "More than was announced.", "超过声明的长度。")
                    self.room.admit(batch.person, file.size + len(chunk), len(chunk))
                    await run_in_threadpool(out.write, chunk)
                    file.size += len(chunk)
        except ClientDisconnect:  # what came is kept; nobody is there to be told
            return Response(status_code=204)
        finally:
            file.busy = False
        if self.room.get(batch.id, batch.person) is None:
            raise Full(404, "This batch is gone.", "该批次已不存在。")
        file.whole = file.size == file.length
        self.room.note(batch)
        return Response(status_code=204, headers=SPOKEN | {"Upload-Offset": str(file.size)})

    async def give_up(self, request: Request) -> Response:
        """Take back a file that is not whole."""
        batch, file = self._file(request)
        if file.busy or file.whole:
            raise Full(423, "This file is being sent, or is here.", "该文件正在上传或已上传完毕。")
        self.room.drop(batch, file)
        self.room.note(batch)
        return Response(status_code=204, headers=SPOKEN)

    def _file(self, request: Request) -> tuple[DroppedBatch, Dropped]:
        batch = self.found(request)
        _speaks(request)
        file = batch.file(request.path_params["number"])
        if file is None or file.length is None:
            raise Full(404, "There is no such upload.", "没有该上传。")
        return batch, file


def _speaks(request: Request) -> None:
    """Raises Full for whoever speaks another version."""
    if request.headers.get("tus-resumable") != VERSION:
        raise Full(412, f"Wanted Tus-Resumable: {VERSION}.", f"应为 Tus-Resumable: {VERSION}。")


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and int(text) < _MOST):
        raise Full(400, f"Wanted {name} as a number of bytes.", f"{name} 应为字节数。")
    return int(text)


def _metadata(request: Request) -> dict[str, str]:
    """Pairs of `Upload-Metadata`: a key and base64 of its value, apart by commas."""
    told = {}
    for pair in request.headers.get("upload-metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            told[key] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            raise Full(400, "Wanted Upload-Metadata in base64.", "Upload-Metadata 应为 base64。") from None
    return told
