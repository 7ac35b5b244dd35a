"""What every transfer has: bytes from a file, and the three ways a call can end badly."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.storage import beneath
from pipeline.upload.rate_limit import Bucket

CHUNK: Final = 1 << 20  # bytes read and handed to the socket at a time
AHEAD: Final = 64 << 20  # bytes; up to here a file is digested before anything is asked: a tenth of a second
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Unknown(UploadError):
    """The far end may or may not have done it."""


class Refused(UploadError):
    """The far end said no; trying the same again is useless."""

    def __init__(self, en: str, zh: str, *, status: int, code: str) -> None:
        super().__init__(en, zh)
        self.status, self.code = status, code


def late(size: int) -> bool:
    """Whether a file of so many bytes is digested on its way out instead of before."""
    return size > AHEAD


class Changed(UploadError):
    """The file is not what `prepare` made; it was noticed before its last byte had left."""

    def __init__(self, path: Path, found: Text, wanted: Text) -> None:
        super().__init__(
            f"{path}: changed since prepare: {found.en}; the manifest says {wanted.en}. Run `preflight prepare` again, "
            f"or pass --force to send it as it is.",
            f"{path}：prepare 之后被修改：{found.zh}；清单为 {wanted.zh}。请重新运行 `preflight prepare`，"
            f"或用 --force 按现状发送。",
        )


def secure(url: str) -> str:
    """The URL, if bytes and secrets may go there: https, or http to this machine. Raises UsageError."""
    split = urlsplit(url)
    if split.scheme == "https" or (split.scheme == "http" and split.hostname in LOOPBACK):
        return url
    shown = f"{split.scheme}://{split.netloc}"
    raise UsageError(
        f"{shown}: only https is used; plain http goes to this machine alone",
        f"{shown}：只使用 https；明文 http 仅限本机",
    )


class Body:
    """A stretch of a file, read as it is sent: counted, slowed down where asked, digested where asked. One use.

    With `md5` (base64) the bytes are digested as they go out, and the last of them only go when the digest is the
    expected one: what is not the expected stretch never arrives whole. Raises Changed then.
    """

    def __init__(
        self,
        path: Path,
        start: int,
        length: int,
        sent: Callable[[int], None],
        limit: Bucket | None,
        md5: str | None = None,
    ) -> None:
        self._path, self._start, self.length, self._md5 = path, start, length, md5
        self._sent, self._limit = sent, limit
        self.position = 0
        self.whole = False  # every byte has been handed over: the far end may have stored it

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[bytes]:
        # Slowed down it goes in smaller steps, or the far end would take the pauses for the end.
        step = max(4096, min(CHUNK, int(self._limit.rate / 4))) if self._limit else CHUNK
        digest = hashlib.md5(usedforsecurity=False) if self._md5 else None
        with beneath.regular(self._path) as file:
            file.seek(self._start)
            while self.position < self.length:
                chunk = file.read(min(step, self.length - self.position))
                if not chunk:
                    raise shorter(self._path)
                if digest:
                    digest.update(chunk)
                if self._limit:
                    self._limit.take(len(chunk))
                self.position += len(chunk)
                whole = self.position == self.length
                if whole and digest and self._md5:
                    agreed(self._path, digest.digest(), self._md5)
                self.whole = whole
                yield chunk
                self._sent(len(chunk))


def agreed(path: Path, digest: bytes, md5: str) -> None:
    """Raises Changed when the raw digest is not the expected one (base64)."""
    found = base64.b64encode(digest).decode("ascii")
    if found != md5:
        raise Changed(path, what(found), what(md5))


def shorter(path: Path) -> Changed:
    """The error of a file that ends before its time."""
    return Changed(path, Text("it became shorter while it was sent", "发送过程中变短"), Text("more bytes", "更多字节"))


def what(md5: str, size: int | None = None) -> Text:
    """A digest, and a size in bytes, in words."""
    if size is None:
        return Text(f"MD5 {md5}", f"MD5 {md5}")
    return Text(f"{size} bytes, MD5 {md5}", f"{size} 字节，MD5 {md5}")
