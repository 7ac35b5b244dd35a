"""One way to the far end: time limits everywhere, no redirects, TLS verified, and a clear word about every failure.

The difference that matters is between *refused* (the far end said no), *not done* (it cannot have happened: try again)
and *unknown* (it may have happened: look before trying again). A call that creates something is never repeated blindly.
"""

from __future__ import annotations

import email.utils
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from pipeline.errors import UploadError, UsageError
from pipeline.upload.codes import told
from pipeline.upload.rates import Bucket
from pipeline.upload.secrets import Secrets

CHUNK: Final = 1 << 20  # bytes read and handed to the socket at a time
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_BUSY: Final = frozenset({"APIGW.0308", "APIG.0308"})  # over the rate limit (MS-Intro 4.3)
_SKEW: Final = 60.0  # seconds between the clocks above which signatures are dated by the far end's clock
_ANSWER: Final = 8 << 20  # bytes of an answer that are read at most


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try: attempts, and seconds between them (doubled each time, with jitter, up to a cap)."""

    attempts: int = 8
    first: float = 0.5
    cap: float = 30.0

    def pause(self, attempt: int) -> None:
        """Sleep before attempt number `attempt` (from 1)."""
        time.sleep(random.uniform(0.5, 1.0) * min(self.cap, self.first * 2 ** (attempt - 1)))  # noqa: S311  jitter


class Unknown(UploadError):
    """The far end may or may not have done it."""


class Refused(UploadError):
    """The far end said no; trying the same again is useless."""

    def __init__(self, en: str, zh: str, *, status: int, code: str) -> None:
        super().__init__(en, zh)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; empty when there is none."""
        try:
            data = json.loads(self.body) if self.body.strip() else {}
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}

    @property
    def code(self) -> str:
        """The platform's error code, or empty."""
        data = self.json()
        if data.get("error_code"):
            return str(data["error_code"])
        text = self.body[:4096].decode("utf-8", "replace")
        return text.split("<Code>", 1)[1].split("</Code>", 1)[0] if "<Code>" in text else ""

    @property
    def message(self) -> str:
        """What the platform says, shortened."""
        data = self.json()
        return str(data.get("error_msg") or self.body[:300].decode("utf-8", "replace"))


def secure(url: str) -> str:
    """The URL, if bytes and secrets may go there: https, or http to this machine. Raises UsageError."""
    split = urlsplit(url)
    if split.scheme == "https" or (split.scheme == "http" and split.hostname in _LOOPBACK):
        return url
    shown = f"{split.scheme}://{split.netloc}"
    raise UsageError(
        f"{shown}: only https is used; plain http goes to this machine alone",
        f"{shown}：只使用 https；明文 http 仅限本机",
    )


class Body:
    """A stretch of a file, read as it is sent: counted, slowed down where asked. One use."""

    def __init__(self, path: Path, start: int, length: int, sent: Callable[[int], None], limit: Bucket | None) -> None:
        self._path, self._start, self.length = path, start, length
        self._sent, self._limit = sent, limit
        self.position = 0
        self.whole = False  # every byte has been handed over: the far end may have stored it

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(self._start)
            while self.position < self.length:
                chunk = file.read(min(CHUNK, self.length - self.position))
                if not chunk:
                    raise UploadError(
                        f"{self._path}: became shorter while it was sent", f"{self._path}：发送过程中文件变短"
                    )
                if self._limit:
                    self._limit.take(len(chunk))
                self.position += len(chunk)
                self.whole = self.position == self.length
                yield chunk
                self._sent(len(chunk))


class Caller:
    """Calls of one destination. Threads share it."""

    def __init__(self, secrets: Secrets, patience: Patience, timeout: float = 60.0) -> None:
        self.secrets, self.patience = secrets, patience
        self.skew = 0.0  # the far end's clock less ours, in seconds, once it is known to matter
        self._guard = threading.Lock()
        self._timeout = httpx.Timeout(timeout, connect=15.0)
        self._limits = httpx.Limits(max_connections=32, max_keepalive_connections=16)
        self._client = httpx.Client(timeout=self._timeout, limits=self._limits, follow_redirects=False)
        # A proxy of the environment must not see what is meant for this machine.
        self._near = httpx.Client(timeout=self._timeout, limits=self._limits, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()
        self._near.close()

    def now(self) -> float:
        """The time to sign with, in Unix seconds."""
        return time.time() + self.skew

    def once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None) -> Answer:
        """One attempt. Raises httpx.TransportError."""
        near = urlsplit(secure(url)).hostname in _LOOPBACK
        client = self._near if near else self._client
        given = dict(headers)
        if isinstance(body, Body):
            given["Content-Length"] = str(body.length)
        with client.stream(method, url, headers=given, content=body) as response:
            read = bytearray()
            for piece in response.iter_bytes():
                read += piece
                if len(read) > _ANSWER:
                    raise httpx.ReadError("answer too long")
        return Answer(response.status_code, response.headers, bytes(read))

    def call(
        self,
        method: str,
        url: str | Callable[[], str],
        sign: Callable[[bytes], dict[str, str]],
        payload: object = None,
        *,
        bucket: Bucket,
        again: bool,
        what: str,
    ) -> Answer:
        """A JSON call, tried until there is an answer.

        `again` says that repeating it does no harm. Without it a lost or broken answer raises Unknown at once; only
        what certainly did not happen (no connection, too many requests) is tried again.
        Raises Refused, Unknown, UploadError.
        """
        body = b"" if payload is None else json.dumps(payload, ensure_ascii=False).encode("utf-8")
        for attempt in range(1, self.patience.attempts + 1):
            if attempt > 1:
                self.patience.pause(attempt - 1)
            bucket.take()
            try:
                answer = self.once(method, url if isinstance(url, str) else url(), sign(body), body)
            except httpx.ConnectError as error:
                last = self._lost(what, error, UploadError)
                continue
            except httpx.TransportError as error:
                last = self._lost(what, error, Unknown)
                if not again:
                    raise last from None
                continue
            if answer.status == 429 or answer.code in _BUSY:
                last = self.refused(what, answer)
                continue
            if answer.status >= 500 and not answer.code.startswith("MSS."):
                last = Unknown(*self._said(what, answer))
                if not again:
                    raise last
                continue
            if answer.status in (401, 403) and self.catch_up(answer):
                last = self.refused(what, answer)
                continue
            if answer.status >= 300:
                raise self.refused(what, answer)
            return answer
        raise last

    def put(
        self,
        url: str,
        headers: Mapping[str, str],
        make: Callable[[], Body],
        *,
        expected: str | None,
        what: str,
    ) -> None:
        """PUT bytes to a pre-signed URL until the far end names the MD5 (hex) that was expected.

        Raises Unknown when every byte went out and no answer came back, Refused on a no (403: the URL has lapsed or
        has been used), UploadError when no attempt succeeded.
        """
        for attempt in range(1, self.patience.attempts + 1):
            if attempt > 1:
                self.patience.pause(attempt - 1)
            body = make()
            try:
                answer = self.once("PUT", url, headers, body)
            except httpx.TransportError as error:
                last = self._lost(what, error, Unknown if body.whole else UploadError)
                if body.whole:
                    raise last from None
                continue
            if answer.status == 429 or answer.status >= 500 or answer.code in ("BadDigest", "IncompleteBody"):
                last = UploadError(*self._said(what, answer))
                continue
            if answer.status >= 300:
                raise self.refused(what, answer)
            tag = answer.headers.get("etag", "").strip('"').lower()
            if expected and tag != expected and "kms" not in answer.headers.get("x-obs-server-side-encryption", ""):
                last = UploadError(
                    f"{what}: the store answers with ETag {tag or 'none'} where {expected} was sent",
                    f"{what}：存储返回的 ETag 为 {tag or '无'}，发送的是 {expected}",
                )
                continue
            return
        raise last

    def catch_up(self, answer: Answer) -> bool:
        """Whether our clock is wrong, the far end's is not yet used, and a new attempt makes sense."""
        stamp = email.utils.parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else None
        if stamp is None:
            return False
        with self._guard:
            skew = stamp.timestamp() - time.time()
            if abs(skew - self.skew) < _SKEW:
                return False
            self.skew = skew
            return True

    def refused(self, what: str, answer: Answer) -> Refused:
        """The far end's no as an error, with the meaning of its code."""
        return Refused(*self._said(what, answer), status=answer.status, code=answer.code)

    def _said(self, what: str, answer: Answer) -> tuple[str, str]:
        meaning = told(answer.code, answer.status)
        said = self.secrets.redact(answer.message)
        code = answer.code or f"HTTP {answer.status}"
        return f"{what}: {code}: {meaning.en} ({said})", f"{what}：{code}：{meaning.zh}（{said}）"

    def _lost(self, what: str, error: Exception, kind: type[UploadError]) -> UploadError:
        said = f"{type(error).__name__}: {self.secrets.redact(str(error))}"
        return kind(
            f"{what}: no answer ({said}). Run the same command again to continue.",
            f"{what}：没有应答（{said}）。重新运行同一命令即可继续。",
        )
