"""What has been prepared, on disk, so that a run killed anywhere continues and a second run costs a `stat`.

SQLite in write-ahead mode with full synchronisation: a row that was written survives a power cut. An asset is
known by its path, size and modification time, the preset's text, its role and the versions of the tools; a
change in any of them means the work is done anew. Rows hold the manifest entry, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pipeline.errors import UsageError

NAME: Final = ".preflight-journal.sqlite"
_WAIT: Final = 30.0  # seconds for another run's write to finish


def key(path: Path, *facts: str) -> str:
    """The identity of an asset. Raises OSError when the file cannot be looked at."""
    stat = path.stat()
    words = (str(path.resolve()), str(stat.st_size), str(stat.st_mtime_ns), *facts)
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()


class Journal:
    """Finished assets of one output folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        try:
            self._db = sqlite3.connect(self._path, timeout=_WAIT)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(
            f"{self._path}: the journal cannot be used: {error}. Delete it or pass --no-resume.",
            f"{self._path}：无法使用日志：{error}。请删除它或使用 --no-resume。",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def done(self, identity: str, folder: Path) -> dict[str, Any] | None:
        """The entry written for this asset, if every output it names is still there in its size.

        Raises UsageError when the journal is damaged.
        """
        try:
            row = self._db.execute("SELECT entry FROM done WHERE key = ?", (identity,)).fetchone()
            if row is None:
                return None
            entry: dict[str, Any] = json.loads(row[0])
        except (sqlite3.Error, ValueError) as error:
            raise self._unusable(error) from None
        for output in entry["outputs"]:
            try:
                if (folder / output["path"]).stat().st_size != output["size"]:
                    return None
            except OSError:
                return None
        return entry

    def write(self, identity: str, entry: dict[str, Any]) -> None:
        """Remember an asset; on return the row is on the disk. Raises UsageError when it cannot be written."""
        text = json.dumps(entry, ensure_ascii=False)
        try:
            with self._db:
                self._db.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (identity, text))
        except sqlite3.Error as error:
            raise self._unusable(error) from None
