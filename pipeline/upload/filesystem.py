"""Delivery to a folder, or to anything fsspec can write to. The default: a local folder needs nothing else."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Final, TypeVar
from urllib.parse import unquote, urlsplit

from pipeline.errors import AssetError, UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.storage import remote
from pipeline.storage.pace import lasting, waited
from pipeline.storage.state import HeldFolder, beneath
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Destination, Receipt, Target, Tools, Unit, single
from pipeline.upload.items import File, Item
from pipeline.upload.transfer import CHUNK

R = TypeVar("R")

_PART: Final = ".part"
_HELD: Final = 64 << 20  # bytes; file systems of stores hold so much, or less, before any of it goes out


def opened(target: Target, secrets: Secrets) -> Destination:
    """A folder of this machine, or what fsspec makes of the address. Raises UsageError."""
    del secrets  # fsspec finds its own
    return Folder(target.where) if target.where.startswith("file:") else Anywhere(target.where)


class Folder:
    """A folder of this machine: written under another name, synced, renamed, read back."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        if split.netloc not in ("", "localhost") or not split.path.startswith("/"):
            raise UsageError(f"{url}: wants file:///folder", f"{url}：应为 file:///目录")
        self.top = Path(unquote(split.path))
        self.place = f"file://{self.top}"

    def close(self) -> None:
        """Nothing is held."""

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Every asset on its own."""
        return single(items)

    def plan(self, unit: Unit) -> list[str]:
        """What would be written."""
        return [f"write {self.top / file.place}" for file in unit.items[0].files]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """Copy what is not there, read back what is. Raises UploadError."""
        item, skipped, verified = unit.items[0], True, []
        for file in item.files:
            target = self.top / file.place
            try:
                self.top.mkdir(parents=True, exist_ok=True)
                with beneath(self.top, file.place, make=True) as (folder, name):
                    opened = partial(_read, folder, name)
                    if not _same(opened, file):
                        skipped = False
                        tools.journal.begin(unit.key, f"write {file.name}")
                        self._copy(file, folder, name, tools)
                        if not _same(opened, file):
                            raise _differs(str(target), file)
                        tools.journal.end(unit.key, f"write {file.name}")
            except AssetError as error:
                raise UploadError(error.text.en, error.text.zh) from None
            except OSError as error:
                raise UploadError(
                    f"{target}: {error.strerror or error}. Free the disk or choose another folder, then run again.",
                    f"{target}：{error.strerror or error}。请释放空间或更换目录后重新运行。",
                ) from None
            verified.append({"name": str(target), "size": file.size, "md5": file.md5})
        return _receipt(verified, skipped=skipped)

    def _copy(self, file: File, folder: HeldFolder, name: str, tools: Tools) -> None:
        part = f".{name}{_PART}"
        with contextlib.suppress(FileNotFoundError):  # else of an upload that was killed
            folder.unlink(part)
        made = os.fdopen(folder.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        try:
            with made as out:
                for chunk in tools.body(file):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            folder.take(part, name)
        except BaseException:
            folder.unlink(part)
            raise
        with contextlib.suppress(OSError):  # a folder cannot be synced everywhere
            folder.sync()


class Anywhere:
    """Any URL that fsspec knows: s3://, sftp://, memory://, ... Whole objects only, read back after writing."""

    def __init__(self, url: str) -> None:
        self._system, top = remote.system(url)
        self._url = url
        self._top = top.rstrip("/")
        split = urlsplit(url)
        host = split.hostname or ""
        self.place = f"{split.scheme}://{host}{split.path}"  # without user and password

    def close(self) -> None:
        """fsspec keeps its own connections."""

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Every asset on its own."""
        return single(items)

    def plan(self, unit: Unit) -> list[str]:
        """What would be written."""
        return [f"write {self.place}/{file.place}" for file in unit.items[0].files]

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """Copy what is not there, read back what is. Raises UploadError."""
        item, skipped, verified = unit.items[0], True, []
        for file in item.files:
            name = f"{self._top}/{file.place}"

            def opened(name: str = name) -> IO[bytes]:
                stored: IO[bytes] = self._system.open(name, "rb")
                return stored

            try:
                if not self._holds(name, opened, file):
                    skipped = False
                    tools.journal.begin(unit.key, f"write {file.name}")
                    self._ask(partial(self._system.makedirs, str(PurePosixPath(name).parent), exist_ok=True))
                    self._write(name, file, tools)
                    if not self._ask(partial(_same, opened, file), file.size):
                        raise _differs(name, file)  # noqa: TRY301  the sentence is made where it is known
                    tools.journal.end(unit.key, f"write {file.name}")
            except UploadError:
                raise
            except Exception as error:  # noqa: BLE001  each file system of fsspec raises its own
                said = remote.why(error)
                raise UploadError(
                    f"{self.place}: {file.name}: {said.en}", f"{self.place}：{file.name}：{said.zh}"
                ) from None
            verified.append({"name": f"{self.place}/{file.place}", "size": file.size, "md5": file.md5})
        return _receipt(verified, skipped=skipped)

    def _ask(self, call: Callable[[], R], size: int = 0) -> R:
        """What the file system answers to a call that moves so many bytes, unless it takes too long."""
        return waited(self._url, lasting(size), call)

    def _holds(self, name: str, opened: Callable[[], IO[bytes]], file: File) -> bool:
        there = self._ask(partial(self._system.exists, name)) and self._ask(partial(self._system.size, name))
        return there == file.size and self._ask(partial(_same, opened, file), file.size)

    def _write(self, name: str, file: File, tools: Tools) -> None:
        """Whole or not at all. Closing an object commits what has been written, so what was not written to its end is
        taken away again. Pauses of our own are not the far end's: each piece has its time."""
        with remote.whole(self._system, self._url, name) as part:
            try:
                out = self._ask(partial(self._system.open, part, "wb"))
                try:
                    for chunk in tools.body(file):
                        self._ask(partial(out.write, chunk), _HELD)
                finally:
                    self._ask(out.close, _HELD)
            except BaseException:
                with contextlib.suppress(Exception):  # each file system raises its own; the first error counts
                    self._ask(partial(self._system.rm_file, part))
                raise


def _read(folder: HeldFolder, name: str) -> IO[bytes]:
    return os.fdopen(folder.open(name), "rb")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _same(opened: Callable[[], IO[bytes]], file: File) -> bool:
    """Whether what can be read there is this file."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    try:
        with opened() as stored:
            for chunk in _chunks(stored):
                digest.update(chunk)
                size += len(chunk)
                if size > file.size:  # and it may go on for ever
                    break
    except FileNotFoundError:  # then it is written
        return False
    return size == file.size and base64.b64encode(digest.digest()).decode("ascii") == file.md5


def _differs(name: str, file: File) -> UploadError:
    return UploadError(
        f"{name}: read back, it is not what was written ({file.size} bytes, {file.md5})",
        f"{name}：回读内容与写入不一致（应为 {file.size} 字节，{file.md5}）",
    )


def _receipt(verified: list[Fields], *, skipped: bool) -> Receipt:
    said = Text("the same bytes are there already", "目标已有相同内容") if skipped else Text("", "")
    return Receipt("skipped" if skipped else "sent", said, {}, verified)
