"""What `check` and `plan` found out earlier, in the user's cache folder: a file that did not change costs one `stat`.

A verdict holds for a path as long as the file keeps device, inode, size and both times, the rules of its role and
the machine (this package, its libraries, the outside programs; for decks the fonts) stay as they were, and the same
is asked in the same language. It comes out byte for byte as it was told. Errors are remembered only where the file
itself is the reason.

The folder is a cache: nothing in it is ever needed, and where it is damaged, busy or too large it is begun anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import site
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pipeline
from pipeline.documents import entry as document
from pipeline.documents.facts import encode
from pipeline.documents.spool import Line
from pipeline.engine.journal import digest, fingerprint
from pipeline.errors import UsageError
from pipeline.model.ceilings import GiB
from pipeline.model.facts import Kind
from pipeline.model.job import Job, Running
from pipeline.model.rules import Preset
from pipeline.rules import presets
from pipeline.rules.plan import PAGES
from pipeline.stages.check import role_of
from pipeline.storage import state, urls
from pipeline.storage.digest import file_state
from pipeline.tools.cache import folder, passed_by
from pipeline.tools.programs import states

if TYPE_CHECKING:
    import sqlite3

NAME: Final = "verdicts.sqlite"
_MOST: Final = 1 * GiB  # of the file; one that has grown beyond is begun anew
_SETTLED: Final = 2_000_000_000  # ns: times of some file systems are that coarse, and a later write might not show
_TOGETHER: Final = 200  # verdicts written at a time
_BUSY: Final = 1.0  # seconds to wait for another run that writes; then these verdicts are not remembered
_LASTING: Final = frozenset({None, "Unreadable", "CeilingExceeded"})  # errors that another look would find again
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/. -]+")
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS folders (folder BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (question TEXT, folder BLOB, name BLOB, state TEXT, preset TEXT, rules TEXT,
 status TEXT, kind TEXT, error TEXT, reasons TEXT, sum INTEGER, text BLOB, PRIMARY KEY (question, folder, name));
"""
_ASK: Final = """SELECT name, state, preset, rules, status, kind, error, reasons, sum, text FROM verdicts
 WHERE question = ? AND folder = ? AND name BETWEEN ? AND ?"""
_KEEP: Final = "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def entries(
    jobs: Sequence[Job],
    running: Running,
    preset: Preset,
    verb: str,
    ask: Callable[[Sequence[Job], Sequence[int]], Generator[tuple[int, Line], None, None]],
) -> Generator[tuple[int, Line], None, None]:
    """What is remembered of `verb` at once, the rest as `ask` finds it out, which is then remembered too.

    `ask` takes jobs, and their numbers in the run.
    """
    with contextlib.ExitStack() as stack:
        memory = _memory(jobs, running, preset, verb)
        if memory is None:
            yield from ask(jobs, range(len(jobs)))
            return
        stack.enter_context(memory)
        left = dict.fromkeys(range(len(jobs)))
        for index, line in memory.recall(jobs):
            del left[index]
            yield index, line
        todo = list(left)
        if not todo:  # and nothing that works on files is even loaded
            return
        pairs = stack.enter_context(contextlib.closing(ask([jobs[index] for index in todo], todo)))
        for position, entry in pairs:
            index = todo[position]
            memory.keep(jobs[index], entry)
            yield index, entry


def rules_of(preset: str, kind: str | None, role: str | None) -> str:
    """A name for what this preset asks of a file: by the role that it has, or by all roles where they decide."""
    return _rules_of(presets.load(preset), Kind(kind) if kind else None, role)


@cache
def _rules_of(preset: Preset, kind: Kind | None, role: str | None) -> str:
    return fingerprint((role_of(preset, kind, role) if kind else None) or preset.roles)


def anything(path: str) -> bool:
    """Whether something is remembered of this file or of what is below this folder."""
    place = _place()
    if place is None or not place.exists():
        return False
    top = _absolute(path)
    ask = "SELECT 1 FROM folders WHERE folder = ? OR (folder >= ? AND folder < ?) LIMIT 1"
    try:
        with contextlib.closing(_connected(place)) as db:
            return db.execute(ask, (os.path.dirname(top), top, top + b"0")).fetchone() is not None  # noqa: PTH120  bytes
    except (UsageError, OSError, _broken()):
        return False


def _place() -> Path | None:
    cached = folder()
    return cached / NAME if cached else None


def _broken() -> type[Exception]:
    import sqlite3

    return sqlite3.Error


def _connected(place: Path) -> sqlite3.Connection:
    db = state.database(place, timeout=_BUSY)
    try:
        db.execute("PRAGMA synchronous=OFF")  # a power cut may cost the cache: every text has its checksum
        db.execute("PRAGMA journal_mode=TRUNCATE")
        db.executescript(_TABLES)
    except _broken():
        db.close()
        raise
    return db


def _memory(jobs: Sequence[Job], running: Running, preset: Preset, verb: str) -> _Memory | None:
    """None where nothing is to be remembered: the work has other results than its verdict, hangs on other files too, or
    is done elsewhere.
    """
    if not running.resume or running.executor != "local" or not jobs or jobs[0].plots:
        return None
    if any(job.cards is not None or PAGES in job.allow for job in jobs):
        return None
    place = _place()
    if place is None:
        told = passed_by()
        if told:
            sys.stderr.write(f"preflight: {told.of(jobs[0].lang)}\n")
        return None
    with contextlib.suppress(OSError):  # there is none yet, or it cannot be looked at: then opening it says so
        if place.stat().st_size > _MOST:
            place.unlink()
    try:
        db = _connected(place)
    except (UsageError, OSError, _broken()):  # no database, or another run's work on it: this one goes without, a
        # later one begins anew
        with contextlib.suppress(OSError):
            place.unlink()
        return None
    first = jobs[0]
    asked = (
        first.role or "",
        first.lang,
        first.encoding or "",
        str(first.deep),
        str(first.at_least),
        str(sorted(first.allow)),
        str(first.deliver),
        first.company or "",
    )
    return _Memory(db, digest(verb, preset.id, *asked, _machine())[:32], preset, first.role)


@cache
def _machine() -> str:
    """What tells that this package, its libraries and the outside programs are still the same."""
    places = [site.getusersitepackages(), *site.getsitepackages()]
    libraries = [_time(place) for place in places]
    ours = os.path.dirname(pipeline.__file__)  # noqa: PTH120  a text, as those below: every run waits for this
    code = [_time(path) for path in sorted(_below(ours)) if path.endswith(".py")]
    return digest(pipeline.__version__, sys.version, *libraries, *code, *states())


@cache
def _fonts() -> str:
    """What tells that the same fonts are installed: the folders they are in."""
    from pipeline.tools import fonts

    return digest(*(_time(path) for place in fonts.FOLDERS for path in sorted(_below(str(place), folders=True))))


def _below(top: str, *, folders: bool = False) -> Iterator[str]:
    for place, _, files in os.walk(top):
        yield from [place] if folders else (f"{place}{os.sep}{name}" for name in files)


def _time(path: str | Path) -> str:
    try:
        return file_state(path)
    except OSError:
        return ""  # a place that is not there is told apart from every one that is


def _absolute(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100  Path.absolute keeps "..", which names a file twice


def _head(path: str) -> bytes:
    """How the entry of this file begins: the path as it was given this time, and the id that follows from it."""
    if _PLAIN.fullmatch(path):  # as nearly all are: what JSON would make of it, sooner
        name, written = path, b'"' + path.encode("ascii") + b'"'
    else:
        name = document.shown(path)
        written = encode(name)
    return b'{"source":' + written + b',"id":"' + document.id_of(name).encode("ascii") + b'"'


class _Memory:
    """The verdicts that answer one question."""

    def __init__(self, db: sqlite3.Connection, question: str, preset: Preset, role: str | None) -> None:
        self._db, self._question, self._preset, self._role = db, question, preset, role
        self._sha = digest(preset.sha256, presets.load(presets.COMMON).sha256)
        self._rows: list[tuple[Any, ...]] = []
        self._folders: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._db.close()

    def recall(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Line]]:
        """What is known of these jobs, in no order that is promised."""
        places: dict[str, dict[bytes, int]] = defaultdict(dict)
        for index, job in enumerate(jobs):
            if job.state and not urls.is_url(job.path):
                place, slash, name = job.path.rpartition("/")
                places[place + slash or "."][os.fsencode(name)] = index
        with contextlib.suppress(_broken()):  # what cannot be remembered is checked anew; verdicts are the same
            for place, names in places.items():
                for known, row in self._known(_absolute(place), names):
                    index = names.get(known, -1)
                    line = self._line(jobs[index], row) if index >= 0 else None
                    if line:
                        yield index, line

    def _known(self, place: bytes, names: dict[bytes, int]) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
        """Rows of files in a folder, by name: a few one by one, many as one stretch of the table."""
        stretches = [(name, name) for name in names] if len(names) < _TOGETHER else [(min(names), max(names))]
        for first, last in stretches:
            for name, *row in self._db.execute(_ASK, (self._question, place, first, last)):
                yield name, tuple(row)

    def _line(self, job: Job, row: tuple[Any, ...]) -> Line | None:
        state, sha, rules, status, kind, error, reasons, checksum, text = row
        if state != self._state(job, kind) or zlib.adler32(text) != checksum:
            return None
        if sha != self._sha and rules not in self._rules:
            return None
        told = tuple(tuple(reason) for reason in json.loads(reasons)) if reasons != "[]" else ()
        return Line(_head(job.path) + text, status, kind, error, None, told)

    @cached_property
    def _rules(self) -> frozenset[str]:
        """Names of the rules that hold now, for every kind of file."""
        return frozenset(_rules_of(self._preset, kind, self._role) for kind in (None, *Kind))

    def _state(self, job: Job, kind: str) -> str:
        return f"{job.state} {_fonts()}" if kind == Kind.SLIDES.value else job.state

    def keep(self, job: Job, line: Line) -> None:
        """Remember a verdict, if it will hold and its file was not written to just now."""
        head = _head(job.path)
        if not (job.state and line.rules and line.error in _LASTING and line.text.startswith(head)):
            return
        if urls.is_url(job.path) or line.began - max(map(int, job.state.split()[-2:])) < _SETTLED:
            return
        folder, slash, name = job.path.rpartition("/")
        place = self._folders.get(folder) or self._folders.setdefault(folder, _absolute(folder + slash or "."))
        text, why = line.text[len(head) :], json.dumps(line.reasons)
        known = (self._sha, line.rules, line.status, line.kind, line.error, why, zlib.adler32(text), text)
        self._rows.append((self._question, place, os.fsencode(name), self._state(job, line.kind), *known))
        if len(self._rows) >= _TOGETHER:
            self._write()

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        with contextlib.suppress(_broken()), self._db:  # a verdict that is not remembered is found out again
            self._db.executemany("INSERT OR IGNORE INTO folders VALUES (?)", {(row[1],) for row in rows})
            self._db.executemany(_KEEP, rows)
