"""The private folder of the local page: what was dropped, what was made of it, and who may reach which file."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from pipeline.documents.read import document
from pipeline.documents.types import Document, Frozen, ManifestDocument, OutputEntry
from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.model.results import Category, Status
from pipeline.serve.book import Asked, Book, NotedBatch, NotedFile
from pipeline.storage.publish import scratched
from pipeline.storage.state import HeldFolder, refused

MAX_FILES: Final = 1000  # of one batch
MAX_BATCHES: Final = 20  # kept at once
IDLE: Final = 2 * 3600.0  # seconds after which a batch that nobody looks at is swept
BUSY: Final = frozenset({"waiting", "running", "reporting"})
_ZIP: Final = "all.zip"
_NAMED: Final = 3  # files of a batch in a list
RESERVE: Final = 1 << 30  # bytes of the disk that stay free
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


class FileState(Frozen, frozen=True, kw_only=True):
    """How far one file is."""

    number: int  # of its folder: what it is called by when it is taken out
    name: str
    size: int
    fraction: float  # 0 to 1
    status: str | None


class OutputState(Frozen, frozen=True, kw_only=True):
    """One output that can be fetched."""

    name: str
    size: int
    category: Category


class BatchLine(Frozen, frozen=True, kw_only=True):
    """A batch in the list of a person's own."""

    id: str
    made: float
    state: str
    files: int
    names: tuple[str, ...]  # of the first of them
    summary: dict[Status, int] | None


class BatchState(Frozen, frozen=True, kw_only=True):
    """A batch as the page shows it."""

    id: str
    made: float  # seconds since 1970
    state: str
    place: int | None  # how many batches have a turn before it; None: it waits for none
    asked: Asked | None
    error: Text | None
    files: tuple[FileState, ...]
    summary: dict[Status, int] | None
    outputs: tuple[OutputState, ...]


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
    stop: threading.Event = field(default_factory=threading.Event)
    touched: float = field(default_factory=time.monotonic)

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
        return next((one for one in self.files if int(one.path.parent.name) == number), None)

    def outputs(self) -> list[OutputEntry]:
        """Every output of the run, in order."""
        assets = self.document.assets if isinstance(self.document, ManifestDocument) else ()
        return [output for asset in assets for output in asset.outputs]

    def output(self, number: int) -> Path | None:
        """The file of an output. Numbers reach files, names never do."""
        held = self.outputs()
        if not 0 <= number < len(held):
            return None
        top = Path(os.path.realpath(self.folder / "out"))
        path = Path(os.path.realpath(self.folder / held[number].path))
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
                    number=int(file.path.parent.name),
                    name=file.name,
                    size=file.size,
                    fraction=float(self.fractions.get(number, 0.0)),  # a share that knows its speed is no JSON
                    status=self.statuses.get(number),
                )
                for number, file in enumerate(self.files)
            ),
            summary=self.document.summary if self.document else None,
            outputs=tuple(
                OutputState(name=Path(o.path).name, size=o.size, category=o.category) for o in self.outputs()
            ),
        )


class Full(Exception):
    """There is no room for this: too large, too many, or the disk is full. `status` is the HTTP answer."""

    def __init__(self, status: int, en: str, zh: str) -> None:
        super().__init__(en)
        self.status, self.text = status, Text(en, zh)


class Room:
    """All batches of one server, in one private folder; those in its book, if it has one, are there again.

    `quota` is what all files of a person may have together, in bytes; `keep` the seconds after which a batch is swept
    that nobody looks at (None: IDLE).
    """

    def __init__(
        self,
        folder: Path,
        max_size: int,
        *,
        quota: int | None = None,
        keep: float | None = None,
        book: Book | None = None,
    ) -> None:
        self.folder, self.max_size, self.quota, self.keep, self._book = folder, max_size, quota, keep, book
        self.batches: dict[str, DroppedBatch] = {}
        for noted in book.all() if book else ():
            batch = _again(noted, folder)
            if batch:
                self.batches[batch.id] = batch
            elif book:
                book.strike(noted.id)

    def open(self, person: str = "") -> DroppedBatch:
        """A new, empty batch. Raises Full when this person has too many that are still looked at."""
        self.sweep()
        if len(self.of(person)) >= MAX_BATCHES:
            raise Full(429, "Too many batches are open. Close one.", "打开的批次过多，请先关闭一个。")
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        batch = DroppedBatch(id=secrets.token_urlsafe(12), folder=folder, person=person)
        (batch.folder / "in").mkdir()
        self.batches[batch.id] = batch
        self.note(batch)
        return batch

    def get(self, id_: str, person: str = "") -> DroppedBatch | None:
        """This person's batch with this id, kept from being swept for a while."""
        batch = self.batches.get(id_)
        if batch is None or batch.person != person:
            return None
        batch.touched = time.monotonic()
        return batch

    def of(self, person: str) -> list[DroppedBatch]:
        """This person's batches, newest first."""
        return sorted((b for b in self.batches.values() if b.person == person), key=lambda b: -b.made)

    def note(self, batch: DroppedBatch) -> None:
        """What is to be known of it when the server comes again."""
        if self._book and batch.id in self.batches:
            files = tuple(
                NotedFile(f.name, int(f.path.parent.name), f.size if f.length is None else f.length)
                for f in batch.files
                if f.whole or f.length is not None
            )
            last = max((int(f.path.parent.name) for f in batch.files), default=0)
            told = (batch.id, batch.person, batch.folder.name, batch.state, batch.made)
            self._book.note(NotedBatch(*told, files, last, batch.asked, batch.error, dict(batch.statuses)))

    def close(self, batch: DroppedBatch) -> None:
        """Forget a batch and everything in it."""
        batch.stop.set()
        self.batches.pop(batch.id, None)
        if self._book:
            self._book.strike(batch.id)
        shutil.rmtree(batch.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Close what nobody has looked at for long, except what still runs."""
        now, keep = time.monotonic(), IDLE if self.keep is None else self.keep
        for batch in list(self.batches.values()):
            if now - batch.touched > keep and batch.state not in BUSY:
                self.close(batch)

    def place(self, batch: DroppedBatch, name: str, announced: int | None) -> Dropped:
        """Where the next dropped file goes. Raises Full."""
        if batch.state != "collecting":
            raise Full(409, "The run of this batch has begun.", "该批次已开始处理。")
        if len(batch.files) >= MAX_FILES:
            raise Full(413, f"At most {MAX_FILES} files at once.", f"一次最多 {MAX_FILES} 个文件。")
        self.admit(batch.person, announced or 0, announced or 0)
        folder = batch.folder / "in" / f"{next(batch.numbers):04}"
        folder.mkdir()
        file = Dropped(name=safe_name(name), path=folder / safe_name(name))
        batch.files.append(file)
        return file

    def admit(self, person: str, size: int, more: int = 0) -> None:
        """Whether a file may have (or have reached) this many bytes, `more` of which are still to come. Raises Full."""
        if size > self.max_size:
            raise Full(
                413,
                f"Larger than {self.max_size} bytes, the most this page takes (--max-size).",
                f"超过本页面的上限 {self.max_size} 字节（--max-size）。",
            )
        if self.quota is not None and sum(f.size for b in self.of(person) for f in b.files) + more > self.quota:
            raise Full(
                413,
                f"Your batches may hold {self.quota} bytes together (--quota). Close one that is done.",
                f"您的全部批次合计上限为 {self.quota} 字节（--quota）。请关闭已完成的批次。",
            )
        if shutil.disk_usage(self.folder).free - more < RESERVE:
            raise Full(507, "The disk is nearly full.", "磁盘空间不足。")

    def drop(self, batch: DroppedBatch, file: Dropped) -> None:
        """Take back a file that did not arrive whole."""
        shutil.rmtree(file.path.parent, ignore_errors=True)
        if file in batch.files:
            batch.files.remove(file)

    def packed(self, batch: DroppedBatch) -> Path:
        """All outputs with manifest and report in one zip, stored and not compressed: media do not shrink."""
        target = batch.folder / _ZIP
        if not target.exists():
            handle, temporary = tempfile.mkstemp(dir=batch.folder)
            os.close(handle)
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as out:
                for number, output in enumerate(batch.outputs()):
                    path = batch.output(number)
                    if path:
                        out.write(path, output.path.removeprefix("out/"))
                for path in (batch.manifest, batch.report):
                    out.write(path, path.name)
            Path(temporary).replace(target)
        return target


def _arrived(noted: NotedFile, path: Path) -> Dropped | None:
    """As much of a file as is here; None where it is gone."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    return Dropped(noted.name, path, size, whole=size == noted.size, length=noted.size)


def _again(noted: NotedBatch, top: Path) -> DroppedBatch | None:
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
    )
    if batch.state == "done":
        try:
            batch.document = document(str(batch.manifest)).document
        except UsageError as error:
            batch.state, batch.error = "failed", error.text
    batch.fractions = dict.fromkeys(batch.statuses, 1.0)
    return batch


@contextmanager
def room(max_size: int) -> Iterator[Room]:
    """A private folder (mode 0700) for as long as the server runs; those of dead servers are swept.

    Raises AssetError when there is no room for one.
    """
    with scratched() as folder:
        held = Room(folder, max_size)
        try:
            yield held
        finally:
            for batch in held.batches.values():
                batch.stop.set()


@contextmanager
def kept_room(place: Path, max_size: int, quota: int, keep: float) -> Iterator[Room]:
    """A folder that stays: batches are there again when the server comes again. Raises UsageError."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with HeldFolder.at(place.parent) as above:
            ours = above.ours(place.name)
        if ours is None:
            raise refused(place, Text("is not a folder of our own (mode 0700)", "不是本用户的私有目录（0700）"))
        with ours:
            ours.below("batches", make=True).__exit__()
        book = Book(place)
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}", f"{place}：{error.strerror}") from None
    try:
        held = Room(place / "batches", max_size, quota=quota, keep=keep, book=book)
        known = {batch.folder.name for batch in held.batches.values()}
        for stray in held.folder.iterdir():  # of a batch that was closed while the server was killed
            if stray.name not in known:
                shutil.rmtree(stray, ignore_errors=True)
        yield held
    finally:
        book.close()
