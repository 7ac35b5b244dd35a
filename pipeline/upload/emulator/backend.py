"""What the emulator remembers: objects on disk, records in memory, one clock, one lock."""

from __future__ import annotations

import base64
import hashlib
import itertools
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline.model.fields import Fields
from pipeline.upload.emulator.faults import Faults

URL_AGE: Final = 24 * 3600.0  # seconds; upload URLs (Table 4-180)


@dataclass
class Account:
    """Who may call. Made up, and the same in every emulator, so that nobody needs a secret to try it."""

    project: str = "sandboxproject"
    access: str = "SANDBOXACCESSKEY"
    secret: str = "sandbox-secret-key-of-nobody"  # noqa: S105  a made-up account of a made-up platform
    token: str = "sandbox-token-of-nobody"  # noqa: S105  as above
    appkey: str = "sandboxappkey"
    accesstoken: str = "sandbox-access-token"
    bucket: str = "sandbox-cos-1250000000"
    quota: int = 5 << 30  # bytes: "free 5 GB" (MS-Intro 4.11)


@dataclass
class Stored:
    """An object: where its bytes lie and what they are."""

    path: Path
    size: int
    md5: str  # hexadecimal
    etag: str


@dataclass
class Url:
    """A pre-signed URL."""

    target: str  # name of the object
    until: float
    content_type: str | None
    md5: str | None  # base64
    part: int | None = None
    single: bool = False  # dies with the first good use
    used: bool = False
    get: bool = False  # for fetching, else for storing
    most: int | None = None  # bytes that may be put


@dataclass
class Backend:
    """Everything. Handlers hold `guard` while they look or write."""

    folder: Path
    account: Account = field(default_factory=Account)
    faults: Faults = field(default_factory=Faults)
    clock_offset: float = 0.0  # seconds the emulator's clock is ahead of the machine's
    review: float = 0.0  # seconds an asset stays in review
    pace: float = 1.0  # of the stated rates
    region: str = "cn-north-4"
    url_age: float = URL_AGE
    credential_age: float = 7200.0  # both printed examples span 7200 s

    base: str = ""  # http://host:port, once it runs

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.guard = threading.RLock()
        self.assets: dict[str, Fields] = {}
        self.files: dict[str, Fields] = {}
        self.jobs: dict[str, Fields] = {}
        self.tasks: dict[str, Fields] = {}
        self.urls: dict[str, Url] = {}
        self.objects: dict[str, Stored] = {}
        self.parts: dict[str, dict[int, Stored]] = {}  # by object or upload id
        self.scripts: dict[str, Fields] = {}
        self.videos: dict[str, Fields] = {}
        self.rooms: dict[str, Fields] = {}
        self.subtitles: set[str] = set()  # subtitle files that have been made
        self.uploads: dict[str, str] = {}  # COS upload id -> key
        self.credentials: dict[str, Fields] = {}
        self.calls: list[str] = []  # "METHOD path status", in order
        self.transcript: list[tuple[str, Fields, int, Any]] = []  # call of the tables, body, status, answer
        self.stored: dict[str, int] = {}  # how often each object or part was stored
        self._numbers = itertools.count(1)
        self._seen: dict[str, deque[float]] = {}

    def now(self) -> float:
        """The emulator's time."""
        return time.time() + self.clock_offset

    def new_id(self, kind: str) -> str:
        """An id nobody has."""
        return f"{kind}{next(self._numbers):06d}{secrets.token_hex(4)}"

    def over(self, group: str, rate: float) -> bool:
        """Whether one more call of this group in the last second is too many."""
        with self.guard:
            seen, now = self._seen.setdefault(group, deque()), time.monotonic()
            while seen and now - seen[0] > 1.0:
                seen.popleft()
            if len(seen) >= max(1.0, rate * self.pace):
                return True
            seen.append(now)
            return False

    def keep(self, name: str, source: Path, size: int, md5: str) -> Stored:
        """Take a received file as the object of this name."""
        with self.guard:
            path = self.folder / (hashlib.sha256(name.encode()).hexdigest()[:32] + f"-{next(self._numbers)}")
            source.replace(path)
            self.stored[name] = self.stored.get(name, 0) + 1
            return Stored(path, size, md5, md5)

    def join(self, name: str, parts: dict[int, Stored]) -> Stored:
        """One object from its parts, its ETag made as stores make it."""
        path = self.folder / (hashlib.sha256(name.encode()).hexdigest()[:32] + "-joined")
        whole = hashlib.md5(usedforsecurity=False)
        with path.open("wb") as out:
            for number in sorted(parts):
                data = parts[number].path.read_bytes()
                whole.update(data)
                out.write(data)
        tags = b"".join(bytes.fromhex(parts[number].md5) for number in sorted(parts))
        etag = f"{hashlib.md5(tags, usedforsecurity=False).hexdigest()}-{len(parts)}"
        return Stored(path, path.stat().st_size, whole.hexdigest(), etag)

    def presign(self, base: str, url: Url) -> str:
        """A URL that may be PUT to."""
        key = secrets.token_urlsafe(24)
        self.urls[key] = url
        part = f"&partNumber={url.part}&uploadId={url.target[-8:]}" if url.part else ""
        return f"{base}/obs/{url.target}?AccessKeyId={self.account.access}&Signature={key}{part}"


def b64(hexadecimal: str) -> str:
    """A digest from ETag form to Content-MD5 form."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode("ascii")
