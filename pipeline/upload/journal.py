"""What has been done at the far end, on disk, so that a run killed anywhere goes on and nothing happens twice.

Every step is written before it is tried and again when it has ended; both rows are on the disk (SQLite, write-ahead,
full synchronisation) before the next thing happens. A step that has begun and not ended is the interesting one: the
far end may or may not have done it, and the destination asks before it tries again.

Nothing secret is stored: pre-signed URLs only sealed with the account's own secret
(`pipeline.upload.credentials.seal`).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from pipeline.errors import UsageError
from pipeline.model.fields import Fields
from pipeline.storage import state

NAME: Final = ".preflight-upload.sqlite"
LOCK: Final = ".preflight-upload.lock"
_WAIT: Final = 30.0  # seconds for another thread's write to finish
# What a damaged or edited database raises: text that is none is a ValueError, and no error of sqlite3.
_DAMAGE: Final = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError, RecursionError)


class _File(msgspec.Struct):
    """How far a file of an asset is."""

    id: str = ""
    at: float = 0.0  # seconds since 1970: when its URLs were given
    put: bool = False
    done: bool = False
    parts: dict[str, str] = {}


class _Object(msgspec.Struct):
    """What a store said of an object."""

    url: str
    md5: str


class _Known(msgspec.Struct):
    """The facts that hold others, as destinations write them; a row that was edited is not acted on."""

    files: dict[str, _File] = {}
    stored: dict[str, str] = {}  # step to content MD5
    objects: dict[str, _Object] = {}
    uploads: dict[str, str] = {}  # key to the id of its multipart upload
    parts: dict[str, dict[str, str]] = {}  # slot to number to ETag
    done: list[str] = []
    at: float | None = None


_TABLES: Final = """
CREATE TABLE IF NOT EXISTS item (place TEXT, key TEXT, facts TEXT NOT NULL, PRIMARY KEY (place, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step (
  n INTEGER PRIMARY KEY, place TEXT NOT NULL, key TEXT NOT NULL,
  step TEXT NOT NULL, phase TEXT NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS step_of ON step (place, key);
"""


class UploadJournal:
    """The journal of one manifest's uploads to one place. Threads share it; processes do not."""

    def __init__(self, folder: Path, place: str) -> None:
        self._path, self._place = folder / NAME, place
        self._guard = threading.RLock()
        with contextlib.ExitStack() as opened:
            try:
                lock = state.database(folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False)
                self._lock = opened.enter_context(contextlib.closing(lock))
                self._lock.execute("BEGIN EXCLUSIVE")  # let go by the kernel when this process ends, however it ends
            except OSError as error:
                raise UsageError(f"{folder}: {error.strerror}", f"{folder}：{error.strerror}") from None
            except sqlite3.Error as error:
                raise UsageError(
                    f"{folder}: another upload of this manifest is running ({error}); wait for it to end",
                    f"{folder}：该清单的另一个上传正在进行（{error}），请等待其结束",
                ) from None
            try:
                db = state.database(self._path, timeout=_WAIT, check_same_thread=False)
                self._db = opened.enter_context(contextlib.closing(db))
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_TABLES)
            except _DAMAGE as error:
                raise self._unusable(error) from None
            opened.pop_all()  # both are closed where this journal is

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(
            f"{self._path}: the journal of uploads cannot be used: {error}. Without it an asset could be sent twice; "
            f"free the disk, or delete it if you are sure.",
            f"{self._path}：无法使用上传日志：{error}。没有它可能重复上传；请释放磁盘空间，或确认后删除该文件。",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._db.close()
            self._lock.close()

    def facts(self, key: str) -> Fields:
        """What is known of this item: ids given by the far end, what has been sent. Raises UsageError."""
        try:
            with self._guard:
                row = self._db.execute(
                    "SELECT facts FROM item WHERE place = ? AND key = ?", (self._place, key)
                ).fetchone()
            found = msgspec.json.decode(row[0], type=Fields) if row else {}
            msgspec.convert(found, _Known)
        except _DAMAGE as error:
            raise self._unusable(error) from None
        return found

    def begin(self, key: str, step: str, **facts: Any) -> None:
        """About to try a step; on return that is on the disk. Raises UsageError."""
        self._write(key, step, "begin", facts)

    def end(self, key: str, step: str, **facts: Any) -> None:
        """A step has ended well; `facts` are added to what is known (None takes one away). Raises UsageError."""
        self._write(key, step, "end", facts)

    def _write(self, key: str, step: str, phase: str, facts: Fields) -> None:
        try:
            with self._guard, self._db:
                if facts:
                    known = {k: v for k, v in (self.facts(key) | facts).items() if v is not None}
                    row = (self._place, key, json.dumps(known, ensure_ascii=False))
                    self._db.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", row)
                self._db.execute(
                    "INSERT INTO step (place, key, step, phase, at) VALUES (?, ?, ?, ?, ?)",
                    (self._place, key, step, phase, time.time()),
                )
        except _DAMAGE as error:
            raise self._unusable(error) from None

    def open(self, key: str, step: str) -> bool:
        """Whether this step has begun and its end is not known."""
        try:
            with self._guard:
                row = self._db.execute(
                    "SELECT phase FROM step WHERE place = ? AND key = ? AND step = ? ORDER BY n DESC LIMIT 1",
                    (self._place, key, step),
                ).fetchone()
        except _DAMAGE as error:
            raise self._unusable(error) from None
        return row is not None and row[0] == "begin"

    def steps(self, key: str) -> list[tuple[str, str]]:
        """All steps of an item in order, as (step, phase)."""
        query = "SELECT step, phase FROM step WHERE place = ? AND key = ? ORDER BY n"
        try:
            with self._guard:
                return [(str(step), str(phase)) for step, phase in self._db.execute(query, (self._place, key))]
        except _DAMAGE as error:
            raise self._unusable(error) from None
