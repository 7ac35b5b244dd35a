"""A server of `preflight serve`, asked from a program: what it says comes as types, what a broken line cut goes on.

    from media_preflight.client import Served

    with Served("https://preflight.example.org", token) as server:
        batch = server.open()
        server.send(batch, Path("clip.mp4"))
        server.run(batch, "metastudio/video-production")
        for state in server.events(batch):
            print(state.state, [file.fraction for file in state.files])
        server.fetch(batch, "all.zip", Path("all.zip"))

Every function raises `Declined` where the server says no, and httpx.TransportError where it was not reached for as long
as `patience` says. Threads may share a server, but no two programs should add files to the same batch.
"""

from __future__ import annotations

import base64
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self, TypeVar

import httpx
import msgspec

from pipeline.documents.read import document
from pipeline.documents.types import Document
from pipeline.errors import PreflightError
from pipeline.model.repairs import Repairs
from pipeline.serve.messages import (
    API,
    BUSY,
    Asked,
    BatchLine,
    BatchState,
    Chosen,
    OpenedBatch,
    OrderForm,
    PresetLine,
    Refusal,
    Sending,
    SendPlan,
    StoredFile,
    going,
)

_TUS: Final = {"Tus-Resumable": "1.0.0"}
_PIECE: Final = 64 << 20  # bytes of one request: what a break costs at most
_CHUNK: Final = 1 << 20
_LATER: Final = frozenset({409, 423, 503})  # of a piece: the server still waits for the rest of the one before
_FIRST, _CAP = 0.1, 5.0  # seconds between two tries

T = TypeVar("T")


class Declined(PreflightError):
    """The server says no; `status` is that of HTTP (`docs/http-api.md`)."""

    exit_code = 5

    def __init__(self, status: int, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.status = status


class Served:
    """One server, as one person sees it."""

    def __init__(self, address: str, token: str, patience: float = 60.0) -> None:
        """`address` without path, like http://127.0.0.1:8765; `patience`: seconds of pauses until one is given up."""
        self.patience, self._guard = patience, threading.Lock()
        self._http = httpx.Client(
            base_url=address.rstrip("/") + API,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(60.0, connect=15.0),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    # --- what there is --------------------------------------------------------------------------------------

    def presets(self) -> list[PresetLine]:
        """Scenarios that can be asked for."""
        return self._told("GET", "/presets", list[PresetLine])

    def batches(self) -> list[BatchLine]:
        """Your own, newest first."""
        return self._told("GET", "/batches", list[BatchLine])

    def state(self, batch: str) -> BatchState:
        """How far a batch is."""
        return self._told("GET", f"/batches/{batch}", BatchState)

    # --- a batch --------------------------------------------------------------------------------------------

    def open(self) -> str:
        """A new, empty batch: its id. (Where an answer is lost, an empty one stays behind until it is swept.)"""
        return self._told("POST", "/batches", OpenedBatch).id

    def close(self, batch: str) -> None:
        """Forget a batch with all its files; one that is gone already is no error."""
        try:
            self._patient(lambda: self._asked("DELETE", f"/batches/{batch}"))
        except Declined as error:
            if error.status != 404:
                raise

    def send(self, batch: str, path: Path, *, number: int | None = None) -> int:
        """Add a file, in pieces, each from where the server has it: its number. `number`: it was begun before, and goes
        on, even after this program or the server was killed. Raises OSError; ValueError: it was begun for another."""
        size = path.stat().st_size
        with path.open("rb") as source:
            if number is None:
                number = self._begin(batch, path.name, size)
            here = self._here(batch, number, size)
            while here < size:
                here = self._patient(lambda: self._piece(batch, number, source, size), _LATER)
        return number

    def _begin(self, batch: str, name: str, size: int) -> int:
        """A place for it. Where an answer was lost, what is new in the batch is that place."""
        told = f"filename {base64.b64encode(name.encode('utf-8', 'replace')).decode()}"
        head = _TUS | {"Upload-Length": str(size), "Upload-Metadata": told}
        with self._guard:
            before = {file.number for file in self.state(batch).files}

            def attempt() -> int:
                for file in self.state(batch).files:
                    if file.number not in before:
                        return file.number
                answer = self._asked("POST", f"/batches/{batch}/uploads", head)
                return msgspec.json.decode(answer.content, type=StoredFile).number

            return self._patient(attempt)

    def _here(self, batch: str, number: int, size: int) -> int:
        """How much of it the server has."""
        head = self._patient(lambda: self._asked("HEAD", f"/batches/{batch}/uploads/{number}", _TUS)).headers
        if int(head["Upload-Length"]) != size:
            raise ValueError(f"upload {number} was begun for {head['Upload-Length']} bytes, this file has {size}")
        return int(head["Upload-Offset"])

    def _piece(self, batch: str, number: int, source: IO[bytes], size: int) -> int:
        """The next bytes; how many are there then."""
        here = self._here(batch, number, size)
        source.seek(here)
        length = min(size - here, _PIECE)

        def read() -> Iterator[bytes]:
            left = length
            while left and (chunk := source.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk

        head = {"Upload-Offset": str(here), "Content-Length": str(length)}
        head |= _TUS | {"Content-Type": "application/offset+octet-stream"}
        if not length:
            return here
        try:
            self._asked("PATCH", f"/batches/{batch}/uploads/{number}", head, content=read())
        except httpx.TransportError:
            if (there := self._here(batch, number, size)) == here:
                raise
            return there  # cut, but some of it arrived: the next begins there, with all the patience anew
        return here + length

    def run(
        self,
        batch: str,
        preset: str = "",
        verb: Literal["check", "prepare", "fit"] = "prepare",
        role: str | None = None,
        lang: Literal["en", "zh"] = "en",
        repairs: Repairs | None = None,
        cuts: dict[int, str] | None = None,
    ) -> BatchState:
        """Begin its run, or run it once more; `fit` takes no preset, and tells scenarios in the state of each file.

        `cuts` are lists of cuts that somebody looked through, by the numbers of files.
        """
        asked = Asked(preset=preset, verb=verb, role=role, lang=lang, repairs=repairs or Repairs(), cuts=cuts or {})
        body = msgspec.json.encode(asked)
        tries = itertools.count(1)

        def attempt() -> BatchState:
            again = next(tries) > 1
            try:
                answer = self._asked("POST", f"/batches/{batch}/run", content=body)
            except Declined as error:
                state = self.state(batch)
                if error.status == 409 and again and state.state in BUSY:  # it was heard, and its answer lost
                    return state
                raise
            return msgspec.json.decode(answer.content, type=BatchState)

        return self._patient(attempt)

    def orders(self, batch: str) -> list[OrderForm]:
        """Where it may be sent on to, and what an order may say there; the server decides (`--send`)."""
        return self._told("GET", f"/batches/{batch}/orders", list[OrderForm])

    def send_plan(self, batch: str, to: str, order: str = "") -> SendPlan:
        """What sending it on would do; `order` is TOML, as in a file of `preflight upload --order`."""
        sending = msgspec.json.encode(Sending(to=to, order=order))
        answer = self._patient(lambda: self._asked("POST", f"/batches/{batch}/send/plan", content=sending))
        return msgspec.json.decode(answer.content, type=SendPlan)

    def send_on(self, batch: str, to: str, order: str = "", lang: Literal["en", "zh"] = "en") -> BatchState:
        """Send it on; `events` tells how far it is. Again, it goes on. (Where an answer is lost: 409.)"""
        sending = msgspec.json.encode(Sending(to=to, order=order, lang=lang))
        answer = self._patient(lambda: self._asked("POST", f"/batches/{batch}/send", content=sending))
        return msgspec.json.decode(answer.content, type=BatchState)

    def split(self, batch: str, files: Sequence[int]) -> str:
        """A new batch of these files, which leave this one: its id. (Answer lost: 409, and it is listed.)"""
        body = msgspec.json.encode(Chosen(files=tuple(files)))
        answer = self._patient(lambda: self._asked("POST", f"/batches/{batch}/split", content=body))
        return msgspec.json.decode(answer.content, type=OpenedBatch).id

    def stop(self, batch: str) -> None:
        """End its run."""
        self._patient(lambda: self._asked("POST", f"/batches/{batch}/stop"))

    def events(self, batch: str) -> Iterator[BatchState]:
        """Its state now and after every change, until the run has ended; over restarts of the server too."""
        last: BatchState | None = None
        while True:
            state = self.state(batch)
            if state != last:  # the end too may be what was missed
                yield state
            last = state
            if not going(state):
                return
            with (
                suppress(httpx.TransportError),  # cut: it is asked again, with patience
                self._http.stream("GET", f"/batches/{batch}/events") as stream,
            ):
                for line in stream.iter_lines() if stream.status_code == httpx.codes.OK else ():
                    if line.startswith("data: "):
                        state = msgspec.json.decode(line.removeprefix("data: "), type=BatchState)
                        if state != last:
                            yield state
                        last = state
            if not going(last):
                return
            time.sleep(_FIRST)

    def result(self, batch: str, target: Path) -> Document:
        """The manifest, or the report of a check, written to `target` and read. Raises UsageError: it is none."""
        self.fetch(batch, "result", target)
        return document(str(target)).document

    def fetch(self, batch: str, what: str, target: Path) -> None:
        """Write to `target` what a batch has. Raises OSError.

        `what` is `result`, `report.html`, `all.zip`, `outputs/N` or `fetched/N`.
        """
        part = target.with_name(f".{target.name}.part")

        def attempt() -> None:
            with self._http.stream("GET", f"/batches/{batch}/{what}") as stream, part.open("wb") as out:
                _checked(stream)
                for chunk in stream.iter_bytes(_CHUNK):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())

        try:
            self._patient(attempt)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    # --- asking ---------------------------------------------------------------------------------------------

    def _told(self, method: str, path: str, kind: type[T]) -> T:
        return msgspec.json.decode(self._patient(lambda: self._asked(method, path)).content, type=kind)

    def _asked(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
    ) -> httpx.Response:
        return _checked(self._http.request(method, path, headers=headers, content=content))

    def _patient(self, action: Callable[[], T], later: frozenset[int] = frozenset({503})) -> T:
        """Done again, after growing pauses, while the server is out of reach or says `later`. A try may take as long as
        it moves bytes: only the pauses count."""
        left, pause = self.patience, _FIRST
        while True:
            try:
                return action()
            except httpx.TransportError:
                if left <= 0:
                    raise
            except Declined as error:
                if error.status not in later or left <= 0:
                    raise
            time.sleep(pause)
            left, pause = left - pause, min(_CAP, 2 * pause)


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it is a no. Raises Declined."""
    if answer.is_success:
        return answer
    answer.read()
    try:
        said = msgspec.json.decode(answer.content, type=Refusal).error
    except msgspec.MsgspecError:  # of a proxy, or of a server that is full
        raise Declined(answer.status_code, f"HTTP {answer.status_code}", f"HTTP {answer.status_code}") from None
    raise Declined(answer.status_code, said.en, said.zh)
