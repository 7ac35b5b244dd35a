"""What has been prepared, on disk, so that a run killed anywhere continues and a second run costs a `stat`.

SQLite in write-ahead mode with full synchronisation: a row that was written survives a power cut. An asset is
known by its content, the rules of its role and the versions of the tools. A content is known by path, size,
modification time and inode, and read again only when one of them changed. Nothing in here names the output
folder, so it can be moved. Rows hold a `Record`, as JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
import stat
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from pipeline.documents.facts import encode
from pipeline.documents.read import entry
from pipeline.engine.record import Record
from pipeline.errors import UsageError
from pipeline.storage import state, urls
from pipeline.storage.digest import file_state
from pipeline.storage.regular import reading

NAME: Final = ".preflight-journal.sqlite"
_MANIFEST: Final = b"manifest.json"  # among paths, which are absolute
_WAIT: Final = 30.0  # seconds for another run's write to finish
# What a damaged or edited database raises: text that is none is a ValueError, and no error of sqlite3.
_DAMAGE: Final = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError)
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS seen (path BLOB PRIMARY KEY, stat TEXT NOT NULL, content TEXT NOT NULL) WITHOUT ROWID",
    # One row for each place that outputs go to: a later answer takes the place of an earlier one.
    """CREATE TABLE IF NOT EXISTS assets (slot TEXT PRIMARY KEY, size INTEGER NOT NULL, content TEXT NOT NULL,
    made_by TEXT NOT NULL, rules TEXT NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID""",
)


def digest(*words: str) -> str:
    """One name for several words, whatever is in them."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()


def content(path: Path) -> str:
    """The identity of a file's bytes (BLAKE2b, 256 bits). Raises OSError, also for what is not a regular file."""
    with reading(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


class _Output(msgspec.Struct):
    path: str
    md5: str


class _Held(msgspec.Struct):
    """As much of a row as tells what is ours, of any version."""

    outputs: tuple[_Output, ...] = ()
    found: tuple[_Held, ...] = ()
    asset: _Held | None = None

    def all(self) -> tuple[_Output, ...]:
        inside = (self.asset, *self.found) if self.asset else self.found
        return (*self.outputs, *(output for one in inside for output in one.all()))


def fingerprint(value: object) -> str:
    """A name for one of our frozen values that is the same in every process: sets are sorted, patterns written."""
    return digest(_canonical(value))


def _canonical(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        inner = ",".join(f"{name}={_canonical(getattr(value, name))}" for name in value.__struct_fields__)
        return f"{type(value).__name__}({inner})"
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(_canonical(item) for item in value)) + "}"
    if isinstance(value, tuple | list):
        return "[" + ",".join(_canonical(item) for item in value) + "]"
    if isinstance(value, re.Pattern):
        return repr((value.pattern, value.flags))
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return repr(value)


class Slot(Struct, frozen=True):
    """Where an asset's outputs go, and everything but content and rules that decides what they are."""

    name: str
    made_by: str


class Journal:
    """Finished assets of one output folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        with contextlib.ExitStack() as opened:
            try:
                self._db = opened.enter_context(contextlib.closing(state.database(self._path, timeout=_WAIT)))
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                known = self._db.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('seen', 'assets')")
                if known.fetchone()[0] < len(_TABLES):
                    self._db.executescript(f"BEGIN; {'; '.join(_TABLES)}; COMMIT")
                self._file = self._path.stat()
            except _DAMAGE as error:
                raise self._unusable(error) from None
            opened.pop_all()  # it is closed where this journal is

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(
            f"{self._path}: the journal cannot be used: {error}. Delete it or choose another folder.",
            f"{self._path}：无法使用日志：{error}。请删除它或更换目录。",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _row(self, query: str, *values: object) -> Any:
        try:
            return self._db.execute(query, values).fetchone()
        except _DAMAGE as error:
            raise self._unusable(error) from None

    def seen(self, name: str, now: str) -> str:
        """The content of what has this path or address and is in this state; "" when it was never read."""
        row = self._row("SELECT content FROM seen WHERE path = ? AND stat = ?", _bytes(name), now)
        return "" if row is None else str(row[0])

    def content(self, path: Path) -> str:
        """The content of a file, from memory where it was not written to since. Raises OSError."""
        name, now = _bytes(str(path)), file_state(path)
        known = self.seen(str(path), now)
        if known:
            return known
        found = content(path)
        self._write("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (name, now, found))
        return found

    def done(
        self,
        slot: Slot,
        path: str,
        rules: Callable[[Record], str],
        size: Callable[[str], int | None],
        now: str = "",
    ) -> Record | None:
        """The record written for this asset, if nothing that decides it changed and every output is still there.

        `rules` names the rules that now hold for a record, `size` tells the bytes of an output, None without it.
        `now` is the state of a source that is elsewhere: it is never read here.
        Raises UsageError when the journal is damaged, OSError when the file cannot be read.
        """
        row = self._row("SELECT size, content, rules, entry FROM assets WHERE slot = ? AND made_by = ?", *_key(slot))
        if row is None or not self._same(path, now, row[0], row[1]):
            return None
        try:
            record = entry(_text(row[3]), Record)
        except msgspec.ValidationError:
            return None  # of another version: what it holds is ours, and it is made again
        except (ValueError, RecursionError) as error:
            raise self._unusable(error) from None
        if rules(record) != row[2] or any(size(o.path) != o.size for o in record.outputs):
            return None
        return record

    def _same(self, path: str, now: str, size: int, content: str) -> bool:
        if urls.is_url(path):
            return now != "" and self.seen(path, now) == content
        return Path(path).stat().st_size == size and self.content(Path(path)) == content

    def _held(self, text: object) -> tuple[_Output, ...]:
        try:
            return entry(_text(text), _Held).all()
        except (ValueError, RecursionError) as error:
            raise self._unusable(error) from None

    def outputs(self, slot: Slot) -> dict[str, str]:
        """Name -> base64 MD5 of what an earlier run made for this place: these files are ours to replace."""
        row = self._row("SELECT entry FROM assets WHERE slot = ?", slot.name)
        return {output.path: output.md5 for output in self._held(row[0])} if row else {}

    def names(self) -> set[str]:
        """The names of all outputs, of every asset."""
        try:
            rows = self._db.execute("SELECT entry FROM assets")
            return {output.path for (text,) in rows for output in self._held(text)}
        except _DAMAGE as error:
            raise self._unusable(error) from None

    def write(self, slot: Slot, path: str, seen: tuple[str, str], rules: str, record: Record) -> None:
        """Remember an asset; on return the row is on the disk. `seen` is its state and content when it was read.

        Raises UsageError when it cannot be written, or would be lost: with the folder, the file was taken away.
        """
        self._there()
        now, found = seen
        row = (slot.name, int(now.split()[0]), found, slot.made_by, rules, encode(record).decode())
        try:
            with self._db:
                self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (_bytes(path), now, found))
                self._db.execute("INSERT OR REPLACE INTO assets VALUES (?, ?, ?, ?, ?, ?)", row)
        except _DAMAGE as error:
            raise self._unusable(error) from None

    def _there(self) -> None:
        try:
            if os.path.samestat(self._path.stat(), self._file):
                return
        except OSError:  # told like one that was replaced
            pass
        raise UsageError(
            f"{self._path} was removed while the run was at work, with the folder or out of it: what was made since is "
            "not remembered. Run the same command again, and leave the folder alone meanwhile.",
            f"{self._path} 在运行期间被删除（或随目录被删除）：之后的结果未被记录。请重新运行同一命令，"
            "期间不要改动该目录。",
        )

    def manifest(self) -> str:
        """The digest of the manifest as the last run here wrote it; "" when none did."""
        row = self._row("SELECT content FROM seen WHERE path = ?", _MANIFEST)
        return "" if row is None else str(row[0])

    def wrote(self, manifest: str) -> None:
        """Remember the digest of the manifest. Raises UsageError."""
        self._write("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (_MANIFEST, "", manifest))

    def copy(self, target: sqlite3.Connection) -> None:
        """All of it as it is now. Raises UsageError."""
        try:
            self._db.backup(target)
        except _DAMAGE as error:
            raise self._unusable(error) from None

    def _write(self, statement: str, row: tuple[object, ...]) -> None:
        try:
            with self._db:
                self._db.execute(statement, row)
        except _DAMAGE as error:
            raise self._unusable(error) from None


def _text(value: object) -> bytes:
    """A text as the tables hold it. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("a row that is no text")
    return value.encode("utf-8", "surrogatepass")


def _key(slot: Slot) -> tuple[str, str]:
    return slot.name, slot.made_by


def _bytes(path: str) -> bytes:
    if urls.is_url(path):  # it may hold a signature, which is nobody's to keep
        return f"{urls.shown(path)} {digest(path)}".encode("utf-8", "surrogateescape")
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100  Path.absolute keeps "..", which names a file twice


def size_in(folder: Path, name: str) -> int | None:
    """Bytes of a file below `folder`; None when there is none."""
    try:
        found = (folder / name).stat()
    except (OSError, ValueError):  # gone or out of reach: the asset it belongs to is prepared again
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
