"""Files that were dropped together: their names on disk, how far their run is, and what of it may be reached."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pipeline.convert.cut.listing import names as lists_of
from pipeline.documents.read import document
from pipeline.documents.types import Document, ManifestDocument, OutputEntry
from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.serve.book import NotedBatch, NotedFile
from pipeline.serve.messages import BUSY, Asked, BatchLine, BatchState, FileState, FitLine, OutputState, SendState

_ZIP: Final = "all.zip"
_NAMED: Final = 3  # files of a batch in a list
MOST_CUTS: Final = 1 << 20  # bytes of a list of cuts
_LONGEST: Final = 120  # bytes of a stored name; outputs append to it
# What file systems, shells and eyes trip over: separators, controls, direction characters, reserved signs.
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f/\\:*?\"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def safe_name(name: str) -> str:
    """A name to store a dropped file under: one path component that no file system reads as anything else."""
    last = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()).replace("\\", "/").rpartition("/")[2]
    flat = _UNSAFE.sub("_", last).strip(" .").lstrip("-~")
    stem, dot, ending = flat.rpartition(".")
    if not dot or len(ending) > 10:
        stem, ending = flat, ""
    while len(stem.encode()) > _LONGEST:
        stem = stem[:-1]
    return f"{stem or 'file'}.{ending}" if ending else stem or "file"


@dataclass(slots=True)
class Dropped:
    """One uploaded file."""

    name: str
    path: Path
    size: int = 0  # bytes that are here
    whole: bool = False
    length: int | None = None  # bytes there will be, of one that may come in pieces
    busy: bool = False  # a piece is arriving
    fits: tuple[FitLine, ...] = ()  # scenarios that take it, best first

    @property
    def number(self) -> int:
        """What it is called by: that of its folder."""
        return int(self.path.parent.name)


@dataclass(slots=True)
class DroppedBatch:
    """Files dropped together, and how far their run is."""

    id: str
    folder: Path
    person: str = ""  # whose it is; empty on the local page
    made: float = field(default_factory=time.time)  # seconds since 1970
    files: list[Dropped] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # of folders: one is never given twice
    state: str = "collecting"  # waiting, running, reporting, done, failed, stopped
    fractions: dict[int, float] = field(default_factory=dict)
    statuses: dict[int, str] = field(default_factory=dict)
    error: Text | None = None
    asked: Asked | None = None
    document: Document | None = None  # once it is done
    sent: SendState | None = None  # once it was sent on
    stop: threading.Event = field(default_factory=threading.Event)
    touched: float = field(default_factory=time.monotonic)

    @property
    def busy(self) -> bool:
        """Whether its run has not ended, or it is on its way to a platform."""
        return self.state in BUSY or (self.sent is not None and self.sent.state == "sending")

    @property
    def report(self) -> Path:
        """Where the HTML report lies."""
        return self.folder / "report.html"

    @property
    def manifest(self) -> Path:
        """Where the document of the run lies."""
        return self.folder / "manifest.json"

    def cleared(self) -> Path:
        """Its folder for outputs, empty: what an earlier run made is gone."""
        out = self.folder / "out"
        self.document, self.error = None, None
        self.fractions.clear()
        self.statuses.clear()
        for name in (self.report, self.manifest, self.folder / _ZIP):
            name.unlink(missing_ok=True)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return out

    def file(self, number: int) -> Dropped | None:
        """The file of this number."""
        return next((one for one in self.files if one.number == number), None)

    def stems(self) -> list[str]:
        """A name for the outputs of each file, no two alike on any file system."""
        taken: set[str] = set()
        out = []
        for file in self.files:
            stem, number = Path(file.name).stem, 1
            while (named := stem if number == 1 else f"{stem}_{number}").casefold() in taken:
                number += 1
            taken.add(named.casefold())
            out.append(named)
        return out

    def _cuts(self, stem: str) -> str | None:
        """The list by which a video would be cut, as CSV; None where it is no such video."""
        try:
            with self.cuts(stem).open("rb") as file:
                return file.read(MOST_CUTS).decode("utf-8", "replace")
        except OSError:  # it was not asked for
            return None

    def cuts(self, stem: str) -> Path:
        """Where the list lies by which a video is cut."""
        return self.folder / "out" / lists_of(stem)[0]

    def outputs(self) -> list[OutputEntry]:
        """Every output of the run, in order."""
        assets = self.document.assets if isinstance(self.document, ManifestDocument) else ()
        return [output for asset in assets for output in asset.outputs]

    def output(self, number: int) -> Path | None:
        """The file of an output. Numbers reach files, names never do."""
        held = self.outputs()
        return self._made(held[number].path) if 0 <= number < len(held) else None

    def fetched(self, number: int) -> Path | None:
        """A file that the far end made, as `output` finds its own."""
        held = [name for line in self.sent.entries for name in line.fetched] if self.sent else []
        return self._made(held[number]) if 0 <= number < len(held) else None

    def _made(self, name: str) -> Path | None:
        top = Path(os.path.realpath(self.folder / "out"))
        path = Path(os.path.realpath(self.folder / name))
        return path if path.is_relative_to(top) and path.is_file() else None

    def line(self) -> BatchLine:
        """The batch in a list."""
        summary = self.document.summary if self.document else None
        names = tuple(file.name for file in self.files[:_NAMED])
        return BatchLine(
            id=self.id, made=self.made, state=self.state, files=len(self.files), names=names, summary=summary
        )

    def told(self, place: int | None) -> BatchState:
        """The batch as the page shows it."""
        return BatchState(
            id=self.id,
            made=self.made,
            state=self.state,
            place=place,
            asked=self.asked,
            error=self.error,
            files=tuple(
                FileState(
                    number=file.number,
                    name=file.name,
                    size=file.size,
                    fraction=float(self.fractions.get(number, 0.0)),  # a share that knows its speed is no JSON
                    status=self.statuses.get(number),
                    fits=file.fits,
                    cuts=self._cuts(stem) if self.statuses.get(number) == "failed" else None,
                )
                for number, (file, stem) in enumerate(zip(self.files, self.stems(), strict=True))
            ),
            summary=self.document.summary if self.document else None,
            outputs=tuple(
                OutputState(name=Path(o.path).name, size=o.size, category=o.category) for o in self.outputs()
            ),
            sent=self.sent,
        )

    def packed(self) -> Path:
        """All outputs with manifest and report in one zip, stored and not compressed: media do not shrink."""
        target = self.folder / _ZIP
        if not target.exists():
            handle, temporary = tempfile.mkstemp(dir=self.folder)
            os.close(handle)
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as out:
                for number, output in enumerate(self.outputs()):
                    path = self.output(number)
                    if path:
                        out.write(path, output.path.removeprefix("out/"))
                for path in (self.manifest, self.report):
                    out.write(path, path.name)
            Path(temporary).replace(target)
        return target


def _arrived(noted: NotedFile, path: Path) -> Dropped | None:
    """As much of a file as is here; None where it is gone."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    return Dropped(noted.name, path, size, whole=size == noted.size, length=noted.size, fits=noted.fits)


def again(noted: NotedBatch, top: Path) -> DroppedBatch | None:
    """A batch as it was noted; None when its folder is not there any more."""
    folder = top / noted.folder
    if not folder.is_dir():
        return None
    files = [_arrived(f, folder / "in" / f"{f.number:04}" / f.name) for f in noted.files]
    batch = DroppedBatch(
        id=noted.id,
        folder=folder,
        person=noted.person,
        made=noted.made,
        files=[file for file in files if file],
        numbers=count(noted.last + 1),
        state="waiting" if noted.state in BUSY else noted.state,
        statuses=noted.statuses,
        error=noted.error,
        asked=noted.asked,
        sent=noted.sent,
    )
    if batch.sent and batch.sent.state == "sending":  # its server was ended; what went out is in the journal
        batch.sent = replace(batch.sent, state="stopped")
    if batch.state == "done":
        try:
            batch.document = document(str(batch.manifest)).document
        except UsageError as error:
            batch.state, batch.error = "failed", error.text
    batch.fractions = dict.fromkeys(batch.statuses, 1.0)
    return batch
