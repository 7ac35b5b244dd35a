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

from pipeline.documents.types import Document, Frozen, ManifestDocument, OutputEntry
from pipeline.model.facts import Text
from pipeline.model.results import Category, Status
from pipeline.storage.publish import scratched

MAX_FILES: Final = 1000  # of one batch
MAX_BATCHES: Final = 20  # kept at once
IDLE: Final = 2 * 3600.0  # seconds after which a batch that nobody looks at is swept
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
    size: int = 0
    whole: bool = False


class FileState(Frozen, frozen=True, kw_only=True):
    """How far one file is."""

    name: str
    size: int
    fraction: float  # 0 to 1
    status: str | None


class OutputState(Frozen, frozen=True, kw_only=True):
    """One output that can be fetched."""

    name: str
    size: int
    category: Category


class BatchState(Frozen, frozen=True, kw_only=True):
    """A batch as the page shows it."""

    id: str
    state: str
    error: Text | None
    files: tuple[FileState, ...]
    summary: dict[Status, int] | None
    outputs: tuple[OutputState, ...]


@dataclass(slots=True)
class DroppedBatch:
    """Files dropped together, and how far their run is."""

    id: str
    folder: Path
    files: list[Dropped] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # of folders: one is never given twice
    state: str = "collecting"  # waiting, running, reporting, done, failed, stopped
    fractions: dict[int, float] = field(default_factory=dict)
    statuses: dict[int, str] = field(default_factory=dict)
    error: Text | None = None
    document: Document | None = None
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

    def told(self) -> BatchState:
        """The batch as the page shows it."""
        return BatchState(
            id=self.id,
            state=self.state,
            error=self.error,
            files=tuple(
                FileState(
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
    """All batches of one server, in one private folder."""

    def __init__(self, folder: Path, max_size: int) -> None:
        self.folder, self.max_size = folder, max_size
        self.batches: dict[str, DroppedBatch] = {}

    def open(self) -> DroppedBatch:
        """A new, empty batch. Raises Full when there are too many that are still looked at."""
        self.sweep()
        if len(self.batches) >= MAX_BATCHES:
            raise Full(429, "Too many batches are open. Close one.", "打开的批次过多，请先关闭一个。")
        batch = DroppedBatch(id=secrets.token_urlsafe(12), folder=Path(tempfile.mkdtemp(dir=self.folder)))
        (batch.folder / "in").mkdir()
        self.batches[batch.id] = batch
        return batch

    def get(self, id_: str) -> DroppedBatch | None:
        """The batch with this id, kept from being swept for a while."""
        batch = self.batches.get(id_)
        if batch:
            batch.touched = time.monotonic()
        return batch

    def close(self, batch: DroppedBatch) -> None:
        """Forget a batch and everything in it."""
        batch.stop.set()
        self.batches.pop(batch.id, None)
        shutil.rmtree(batch.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Close what nobody has looked at for IDLE seconds, except what still runs."""
        now = time.monotonic()
        for batch in list(self.batches.values()):
            if now - batch.touched > IDLE and batch.state not in {"waiting", "running", "reporting"}:
                self.close(batch)

    def place(self, batch: DroppedBatch, name: str, announced: int | None) -> Dropped:
        """Where the next dropped file goes. Raises Full."""
        if batch.state != "collecting":
            raise Full(409, "The run of this batch has begun.", "该批次已开始处理。")
        if len(batch.files) >= MAX_FILES:
            raise Full(413, f"At most {MAX_FILES} files at once.", f"一次最多 {MAX_FILES} 个文件。")
        self.admit(announced or 0)
        folder = batch.folder / "in" / f"{next(batch.numbers):04}"
        folder.mkdir()
        file = Dropped(name=safe_name(name), path=folder / safe_name(name))
        batch.files.append(file)
        return file

    def admit(self, size: int) -> None:
        """Whether a file may have (or have reached) this many bytes. Raises Full."""
        if size > self.max_size:
            raise Full(
                413,
                f"Larger than {self.max_size} bytes, the most this page takes (--max-size).",
                f"超过本页面的上限 {self.max_size} 字节（--max-size）。",
            )
        if shutil.disk_usage(self.folder).free - size < RESERVE:
            raise Full(507, "The disk is nearly full.", "磁盘空间不足。")

    def drop(self, batch: DroppedBatch, file: Dropped) -> None:
        """Take back a file that did not arrive whole."""
        shutil.rmtree(file.path.parent, ignore_errors=True)
        if file in batch.files:
            batch.files.remove(file)

    def packed(self, batch: DroppedBatch) -> Path:
        """All outputs with manifest and report in one zip, stored and not compressed: media do not shrink."""
        target = batch.folder / "all.zip"
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
