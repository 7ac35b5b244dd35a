"""What a team's server remembers of its batches when it ends: one row each, in a database beside their folders."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.serve.messages import Asked, FitLine, SendState
from pipeline.storage import state

_TABLE = "CREATE TABLE IF NOT EXISTS batches (id TEXT PRIMARY KEY, body BLOB NOT NULL)"


class NotedFile(msgspec.Struct, frozen=True):
    """One uploaded file."""

    name: str
    number: int  # of its folder
    size: int  # when it is whole
    fits: tuple[FitLine, ...] = ()


class NotedBatch(msgspec.Struct, frozen=True):
    """One batch."""

    id: str
    person: str
    folder: str
    state: str
    made: float  # seconds since 1970
    files: tuple[NotedFile, ...]
    last: int  # the largest number given so far
    asked: Asked | None
    error: Text | None
    statuses: dict[int, str]
    sent: SendState | None = None


class Book:
    """All batches of a server. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError when the database is not ours or another server has it, OSError."""
        self._lock = threading.Lock()
        path = folder / "batches.sqlite"
        self._db = state.database(path, check_same_thread=False, isolation_level=None, timeout=0)
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_TABLE)
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db.close()
            raise UsageError(
                f"{path}: {error}. Does another server use {folder}? End it, or give this one a folder of its own.",
                f"{path}：{error}。是否有另一个服务正在使用 {folder}？请将其结束，或使用其他目录。",
            ) from None

    def note(self, one: NotedBatch) -> None:
        """In place of what was noted of this batch before."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO batches VALUES (?, ?)", (one.id, msgspec.json.encode(one)))

    def strike(self, id_: str) -> None:
        """Forget a batch."""
        with self._lock:
            self._db.execute("DELETE FROM batches WHERE id = ?", (id_,))

    def all(self) -> Iterator[NotedBatch]:
        """Every batch; a row of another version is passed over."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM batches").fetchall()
        for (body,) in rows:
            try:
                yield msgspec.json.decode(body, type=NotedBatch)
            except (msgspec.DecodeError, UnicodeDecodeError):  # of another version: its folder is swept
                continue

    def close(self) -> None:
        """Nothing is noted any more."""
        with self._lock:
            self._db.close()
