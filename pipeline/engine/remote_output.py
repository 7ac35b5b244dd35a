"""An output folder at an address: its journal, its manifest, and one run at a time, as in a folder that is here.

The journal is worked on here and stored there every so often. What was delivered in between is known by receipts
that stay there until it is: the next run takes back what the journal does not know, and does it anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

from pipeline.documents.manifest import NAME as MANIFEST
from pipeline.documents.manifest import QUARANTINE
from pipeline.engine.journal import NAME, Journal
from pipeline.errors import AssetError, UsageError
from pipeline.model.ceilings import LISTED
from pipeline.storage import publish, remote, urls
from pipeline.storage.digest import content_md5
from pipeline.storage.pace import waited

LOCK: Final = ".preflight-lock.json"
_BEAT: Final = 30.0  # seconds between two signs of life, and two journals
_SILENT: Final = 600.0  # seconds without a sign of life after which another machine's run is over


class Away:
    """The output folder at `url`. `folder` is where its journal and manifest are made. Raises UsageError."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._sizes: dict[str, int] = {}
        self._settled: list[str] = []
        self._pushed = time.monotonic()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.folder = publish.scratch()
        try:
            self._list()
            self._claim()
            for name in (NAME, MANIFEST, QUARANTINE):
                if name in self._sizes:
                    remote.fetch(f"{self.url}/{name}", self.folder)
        except AssetError as error:
            self.__exit__()
            raise UsageError(error.text.en, error.text.zh) from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._over.is_set():
            self._over.set()
            if getattr(self, "_beating", None):
                self._beating.join()
                with contextlib.suppress(Exception):  # it ends by itself when nobody refreshes it
                    remote.remove(f"{self.url}/{LOCK}")
        publish.drop(self.folder)

    def _list(self) -> None:
        found, top = remote.system(self.url)
        try:
            found.invalidate_cache()
            listed: dict[str, Any] = waited(self.url, LISTED, lambda: found.find(top, detail=True))
        except FileNotFoundError:  # a new folder: nothing lies in it
            listed = {}
        except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
            raise remote.failed(UsageError, self.url, error) from None
        for path, info in listed.items():
            self._sizes[path.removeprefix(top).lstrip("/")] = int(info.get("size") or 0)

    def size(self, name: str) -> int | None:
        """Bytes of an output that was there when the run began; None when it was not."""
        return self._sizes.get(name)

    # --- one run at a time

    def _claim(self) -> None:
        if LOCK in self._sizes:
            path = remote.fetch(f"{self.url}/{LOCK}", self.folder)
            if _alive(path):
                shown = urls.shown(self.url)
                raise UsageError(
                    f"another run is at work in {shown}; wait for its end or choose another folder",
                    f"另一个任务正在使用 {shown}；请等待其结束或更换目录",
                )
        self._beat()
        self._beating = threading.Thread(target=self._live, daemon=True, name="signs of life")
        self._beating.start()

    def _live(self) -> None:
        while not self._over.wait(_BEAT):
            with contextlib.suppress(AssetError):  # the far end may be away for a moment
                self._beat()

    def _beat(self) -> None:
        note = self.folder / LOCK
        note.write_text(json.dumps({"process": os.getpid(), "machine": publish.here(), "seen": time.time()}))
        remote.store(note, f"{self.url}/{LOCK}", content_md5(note))

    # --- what was delivered

    def take_back(self, journal: Journal) -> None:
        """Remove what runs that were killed delivered and the journal does not know. Raises UsageError."""
        receipts = [
            name
            for name, size in self._sizes.items()
            if name.startswith(publish.WORK) and name.endswith(".json") and size <= publish.RECEIPT_MOST
        ]
        known = journal.names() if receipts else set[str]()
        try:
            for name in receipts:
                path = remote.fetch(f"{self.url}/{name}", self.folder)
                for promised, size, md5 in publish.receipt(path.read_bytes()):
                    url = f"{self.url}/{promised}"
                    if promised not in known and remote.same(url, size, md5):
                        remote.remove(url)
                remote.remove(f"{self.url}/{name}")
                path.unlink()
        except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
            raise remote.failed(UsageError, self.url, error) from None

    def settle(self, receipt: str, journal: Journal) -> None:
        """The journal knows what this receipt promised; both are told there when it is time."""
        self._settled += [receipt] if receipt else []
        begun = time.monotonic()
        if begun - self._pushed >= _BEAT:
            with contextlib.suppress(AssetError):  # the receipts stay until it can be told
                self.push(journal)
            # A large journal takes its time: no more than a tenth of ours goes there.
            self._pushed = time.monotonic() + 9 * (time.monotonic() - begun)

    def push(self, journal: Journal) -> None:
        """Store the journal there; receipts of what it knows are no longer needed. Raises AssetError."""
        copy = self.folder / "journal"
        copy.unlink(missing_ok=True)
        target = sqlite3.connect(copy)
        try:
            journal.copy(target)
        finally:
            target.close()
        remote.store(copy, f"{self.url}/{NAME}", content_md5(copy))
        settled, self._settled = self._settled, []
        for receipt in settled:
            with contextlib.suppress(Exception):  # the next run finds that it promised what the journal knows
                remote.remove(f"{self.url}/{receipt}")

    def finish(self) -> None:
        """Manifest and quarantine list, as they are here. Raises AssetError."""
        for name in (QUARANTINE, MANIFEST):
            path = self.folder / name
            if path.exists():
                remote.store(path, f"{self.url}/{name}", content_md5(path))
            elif name in self._sizes:
                remote.remove(f"{self.url}/{name}")


def _alive(lock: Path) -> bool:
    """Whether the run that wrote this still goes on, as far as can be known."""
    try:
        told = json.loads(lock.read_text("utf-8"))
        process, machine, seen = int(told["process"]), str(told["machine"]), float(told["seen"])
    except (ValueError, KeyError, TypeError):  # stored whole or not at all: no run of ours wrote this
        return False
    if machine == publish.here():
        return publish.alive(process)
    return time.time() - seen < _SILENT
