"""The private folder of the server: which batches there are, whose they are, and how much there is room for."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.serve.batches import Dropped, DroppedBatch, again, safe_name
from pipeline.serve.book import Book, NotedBatch, NotedFile
from pipeline.storage.publish import scratched
from pipeline.storage.state import HeldFolder, refused

MAX_FILES: Final = 1000  # of one batch
MAX_BATCHES: Final = 20  # kept at once
IDLE: Final = 2 * 3600.0  # seconds after which a batch that nobody looks at is swept
RESERVE: Final = 1 << 30  # bytes of the disk that stay free


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
            batch = again(noted, folder)
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
                NotedFile(f.name, f.number, f.size if f.length is None else f.length, f.fits)
                for f in batch.files
                if f.whole or f.length is not None
            )
            last = max((f.number for f in batch.files), default=0)
            told = (batch.id, batch.person, batch.folder.name, batch.state, batch.made)
            self._book.note(NotedBatch(*told, files, last, batch.asked, batch.error, dict(batch.statuses), batch.sent))

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
            if now - batch.touched > keep and not batch.busy:
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

    def split(self, batch: DroppedBatch, numbers: Sequence[int]) -> DroppedBatch:
        """A new batch of these files, which leave this one. Killed between, they are in both. Raises Full, OSError."""
        wanted = [file for file in batch.files if file.whole and file.number in numbers]
        if batch.state != "collecting" or not wanted or len(wanted) != len(set(numbers)):
            raise Full(409, "These files are not all here, or their run has begun.", "文件不全，或已开始处理。")
        made = self.open(batch.person)
        for file in wanted:
            path = made.folder / "in" / f"{next(made.numbers):04}" / file.path.name
            path.parent.mkdir()
            os.link(file.path, path)
            made.files.append(replace(file, path=path))
        self.note(made)
        for file in wanted:
            self.drop(batch, file)
        self.note(batch)
        return made

    def drop(self, batch: DroppedBatch, file: Dropped) -> None:
        """Take back a file that did not arrive whole."""
        shutil.rmtree(file.path.parent, ignore_errors=True)
        if file in batch.files:
            batch.files.remove(file)


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
