"""Digests of a file's parts, for uploads in parts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from msgspec import Struct

from pipeline.storage import regular
from pipeline.upload.items import File
from pipeline.upload.transfer import CHUNK, agreed, late, shorter

Stretch = tuple[int, int]  # start and length, bytes


class UploadPart(Struct, frozen=True):
    """One part to send."""

    number: int  # from 1
    start: int
    length: int
    md5: str  # base64, as Content-MD5 wants it
    tag: str  # hexadecimal, as ETags write it


class Parts:
    """A file's parts in order, each digested while the one before it is being sent.

    The same pass digests the whole file, and the last part is only given out when that is what the manifest says: of
    a file that changed the far end never gets all parts, and every part that it gets was covered by that digest.
    Iterating again does not read again. Raises Changed, OSError.
    """

    def __init__(self, file: File, stretches: Sequence[Stretch], alive: Callable[[], object]) -> None:
        self._file, self._stretches, self._alive = file, stretches, alive
        self._known: list[UploadPart] = []
        # What is small was digested whole before anything was asked.
        self._whole: Final = hashlib.md5(usedforsecurity=False) if late(file.size) else None

    def __len__(self) -> int:
        return len(self._stretches)

    def __iter__(self) -> Iterator[UploadPart]:
        with ThreadPoolExecutor(1, thread_name_prefix="digest") as executor:
            ahead: Future[None] | None = None
            for number in range(1, len(self) + 1):
                if ahead:
                    ahead.result()
                if len(self._known) < number:
                    self._next()
                ahead = executor.submit(self._next) if len(self._known) == number < len(self) else None
                if number == len(self) and self._whole:
                    agreed(self._file.path, self._whole.digest(), self._file.md5)
                yield self._known[number - 1]

    def _next(self) -> None:
        """Digest the first part that is not known yet."""
        start, length = self._stretches[len(self._known)]
        digest, left = hashlib.md5(usedforsecurity=False), length
        with regular.reading(self._file.path) as file:
            file.seek(start)
            while left:
                self._alive()
                chunk = file.read(min(CHUNK, left))
                if not chunk:
                    raise shorter(self._file.path)
                digest.update(chunk)
                if self._whole:
                    self._whole.update(chunk)
                left -= len(chunk)
        md5 = base64.b64encode(digest.digest()).decode("ascii")
        self._known.append(UploadPart(len(self._known) + 1, start, length, md5, digest.hexdigest()))

    @property
    def etag(self) -> str:
        """The ETag stores give the joined object: the MD5 of all parts' MD5s, and their number."""
        tags = b"".join(bytes.fromhex(part.tag) for part in self)
        return f"{hashlib.md5(tags, usedforsecurity=False).hexdigest()}-{len(self)}"
