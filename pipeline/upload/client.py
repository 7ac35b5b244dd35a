"""One way to the far end: time limits everywhere, no redirects, TLS verified, and a clear word about every failure.

The difference that matters is between *refused* (the far end said no), *not done* (it cannot have happened: try again)
and *unknown* (it may have happened: look before trying again). A call that creates something is never repeated blindly.
"""

from __future__ import annotations

import email.utils
import functools
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from pipeline.documents import strict
from pipeline.documents.facts import KINDS, Misfit, named, wrong
from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload import allowance
from pipeline.upload.credentials import Secrets
from pipeline.upload.error_codes import ErrorCodes
from pipeline.upload.rate_limit import Bucket
from pipeline.upload.retry import Patience, Retryable, retry
from pipeline.upload.transfer import LOOPBACK, Body, Refused, Unknown, secure

_SKEW: Final = 60.0  # seconds between the clocks above which signatures are dated by the far end's clock
_SAID: Final = 300  # characters of a far end's words that are shown
_STORES: Final = ErrorCodes()  # of a far end that has no codes of its own


def unlike(asked: str, key: str, why: Text) -> UploadError:
    """The error of an answer that is not as it is documented."""
    return UploadError(
        f"{asked}: the answer is not as documented: {key}: {why.en}. Run the same command again; if it stays so, the "
        f"platform has changed.",
        f"{asked}：应答与文档不符：{key}：{why.zh}。请重新运行同一命令；若仍如此，则平台接口已变更。",
    )


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: str = ""  # the call: method and path

    def json(self) -> Fields:
        """The body as an object; empty when there is none. Raises Misfit for a body that is something else."""
        if not self.body.strip():
            return {}
        strict.whole(self.body)
        data = json.loads(self.body)
        if not isinstance(data, dict):
            raise Misfit(wrong(KINDS["object"], named(data)))
        return data

    def _said(self) -> Fields:
        try:
            return self.json()
        except Misfit:  # it has no fields then; its status and its text are told
            return {}

    @property
    def code(self) -> str:
        """The error code, or empty: `error_code` in JSON, as platforms answer, or <Code> in XML, as stores do."""
        code = self._said().get("error_code")
        if code and isinstance(code, str | int):
            return str(code)[:_SAID]
        text = self.body[:4096].decode("utf-8", "replace")
        return text.split("<Code>", 1)[1].split("</Code>", 1)[0][:_SAID] if "<Code>" in text else ""

    @property
    def message(self) -> str:
        """What the platform says, shortened."""
        return str(self._said().get("error_msg") or self.body[:_SAID].decode("utf-8", "replace"))[:_SAID]

    @property
    def date(self) -> float | None:
        """The far end's clock, in Unix seconds; None where it does not tell."""
        try:
            return email.utils.parsedate_to_datetime(self.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError):  # none, or none that can be: nothing is known
            return None


def _encrypted(answer: Answer) -> bool:
    """Whether the store encrypts with a key of its key service: the ETag is no MD5 then."""
    return any(
        name.lower().endswith("-server-side-encryption") and "kms" in value for name, value in answer.headers.items()
    )


@functools.cache
def _trust() -> ssl.SSLContext:
    """Whose certificates are believed; read once."""
    return httpx.create_ssl_context()


class Caller:
    """Calls of one destination. Threads share it."""

    def __init__(
        self, secrets: Secrets, patience: Patience, codes: ErrorCodes = _STORES, timeout: float = 60.0
    ) -> None:
        self.secrets, self.patience, self.codes = secrets, patience, codes
        self.skew = 0.0  # the far end's clock less ours, in seconds, once it is known to matter
        self._guard = threading.Lock()
        self._timeout = httpx.Timeout(timeout, connect=15.0)
        self._limits = httpx.Limits(max_connections=32, max_keepalive_connections=16)
        self._clients: dict[bool, httpx.Client] = {}

    def close(self) -> None:
        """Let the connections go."""
        for client in self._clients.values():
            client.close()

    def _client(self, *, near: bool) -> httpx.Client:
        """The connections of the world, or of this machine: a proxy must not see what is meant for it."""
        with self._guard:
            if near not in self._clients:
                self._clients[near] = allowance.counted(
                    httpx.Client(
                        verify=_trust(),
                        timeout=self._timeout,
                        limits=self._limits,
                        follow_redirects=False,
                        trust_env=not near,
                    )
                )
            return self._clients[near]

    def now(self) -> float:
        """The time to sign with, in Unix seconds."""
        return time.time() + self.skew

    def once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None) -> Answer:
        """One attempt. Raises httpx.TransportError."""
        near = urlsplit(secure(url)).hostname in LOOPBACK
        client = self._client(near=near)
        given = dict(headers) | {"Accept-Encoding": "identity"}
        if isinstance(body, Body):
            given["Content-Length"] = str(body.length)
        length = len(body) if body is not None else 0
        with (
            allowance.within(allowance.Allowance.of(length)),
            client.stream(method, url, headers=given, content=body) as response,
        ):
            if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise httpx.RemoteProtocolError("compressed, which was not asked for")
            read = bytearray()
            for piece in response.iter_raw():
                read += piece
                if len(read) > allowance.ANSWER:
                    raise httpx.ReadError("answer too long")
        asked = f"{method} {urlsplit(url).path}"
        return Answer(response.status_code, response.headers, bytes(read), asked)

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
        reads: bool = True,
    ) -> Answer:
        """A JSON call, tried until there is an answer; with `reads` one whose body is an object, or empty.

        `again` says that repeating it does no harm. Without it a lost or broken answer raises Unknown at once; only
        what certainly did not happen (no connection, too many requests) is tried again.
        Raises Refused, Unknown, UploadError.
        """
        body = b"" if payload is None else json.dumps(payload, ensure_ascii=False).encode("utf-8")

        def attempt(_: int) -> Answer:
            bucket.take()
            used, target = self.skew, url if isinstance(url, str) else url()
            try:
                answer = self.once(method, target, sign(body), body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing has been sent
                raise Retryable(self._unreached(what, target, error)) from None
            except httpx.TransportError as error:  # it may have been done
                lost = self._lost(what, error, Unknown)
                raise (Retryable(lost) if again else lost) from None
            if answer.status == 429 or (answer.status >= 400 and answer.code in self.codes.busy):
                raise Retryable(self.refused(what, answer))
            if answer.status >= 500 and self.codes.may_pass(answer.code):
                unsure = Unknown(*self._said(what, answer))
                raise Retryable(unsure) if again else unsure
            if answer.status in (401, 403) and self.catch_up(answer, used):
                raise Retryable(self.refused(what, answer))
            if answer.status >= 300:
                raise self.refused(what, answer)
            if reads:
                self._read(what, answer, again=again)
            return answer

        return retry(self.patience, attempt)

    def _read(self, what: str, answer: Answer, *, again: bool) -> None:
        """Whether the body is an object, or empty. Raises as a lost answer does: it may have been done."""
        try:
            answer.json()
        except Misfit as error:
            found = unlike(f"{what}: {answer.asked}", error.key or "the body", error.text)
            unsure = Unknown(found.text.en, found.text.zh)
            raise (Retryable(unsure) if again else unsure) from None

    def fetch(self, url: str, take: Callable[[bytes], object], most: int, *, what: str) -> int:
        """GET an address piece by piece; how many bytes came. Raises UploadError: one attempt, whoever called asks
        again with the next run."""
        near = urlsplit(secure(url)).hostname in LOOPBACK
        count, cost = 0, allowance.Allowance.of(0, received=most)
        headers = {"Accept-Encoding": "identity"}
        try:
            with (
                allowance.within(cost),
                self._client(near=near).stream("GET", url, headers=headers) as response,
            ):
                length = response.headers.get("content-length", "")
                cost.moves(int(length) if length.isdecimal() else 0)
                if response.status_code != 200:
                    raise UploadError(
                        f"{what}: HTTP {response.status_code} where the file should be; run again for a new address",
                        f"{what}：下载地址返回 HTTP {response.status_code}；请重新运行以获取新地址",
                    )
                for piece in response.iter_raw():
                    count += len(piece)
                    if count > most:
                        raise UploadError(
                            f"{what}: larger than {most} bytes; not fetched", f"{what}：超过 {most} 字节，未下载"
                        )
                    take(piece)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._lost(what, error, UploadError) from None
        return count

    def look(self, url: str, *, bucket: Bucket) -> tuple[int, str] | None:
        """Size in bytes and ETag of what a pre-signed download URL leads to; None when nothing is there.

        One byte is fetched: such a URL is signed for GET, not for HEAD. Raises Refused, UploadError.
        """
        try:
            head = {"Range": "bytes=0-0"}
            answer = self.call("GET", url, lambda _: head, bucket=bucket, again=True, what="look", reads=False)
        except Refused as error:
            if error.status == 404:  # an answer to the question, and no failure
                return None
            raise
        ranged = answer.headers.get("content-range", "").rpartition("/")[2]
        size = ranged or answer.headers.get("content-length", "")
        return (int(size) if re.fullmatch("[0-9]{1,18}", size) else -1), answer.headers.get("etag", "").strip(
            '"'
        ).lower()

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

        Raises Unknown when every byte went out and no answer or a server error came back, Refused on a no (403: the
        URL has lapsed or has been used), UploadError when no attempt succeeded.
        """

        def attempt(_: int) -> None:
            body = make()
            try:
                answer = self.once("PUT", url, headers, body)
            except httpx.TransportError as error:
                if body.whole:  # it may have arrived: who called asks before anything is sent again
                    raise self._lost(what, error, Unknown) from None
                raise Retryable(self._lost(what, error, UploadError)) from None
            if answer.status == 507:
                raise self.refused(what, answer)
            if answer.status >= 500 and body.whole:
                raise Unknown(*self._said(what, answer))
            if answer.status == 429 or answer.status >= 500 or answer.code in ("BadDigest", "IncompleteBody"):
                raise Retryable(UploadError(*self._said(what, answer)))
            if answer.status >= 300:
                raise self.refused(what, answer)
            tag = answer.headers.get("etag", "").strip('"').lower()
            if expected and tag != expected and not _encrypted(answer):
                raise Retryable(
                    UploadError(
                        f"{what}: the store answers with ETag {tag or 'none'} where {expected} was sent",
                        f"{what}：存储返回的 ETag 为 {tag or '无'}，发送的是 {expected}",
                    )
                )

        retry(self.patience, attempt)

    def catch_up(self, answer: Answer, used: float) -> bool:
        """Whether the call was dated by a wrong clock (`used`: the `skew` of that moment; other threads may have
        learnt better meanwhile) and a new attempt makes sense."""
        stamp = answer.date
        if stamp is None:
            return False
        with self._guard:
            skew = stamp - time.time()
            if abs(skew - used) < _SKEW:
                return False
            self.skew = skew
            return True

    def refused(self, what: str, answer: Answer) -> Refused:
        """The far end's no as an error, with the meaning of its code."""
        return Refused(*self._said(what, answer), status=answer.status, code=answer.code)

    def _said(self, what: str, answer: Answer) -> tuple[str, str]:
        meaning = self.codes.told(answer.code, answer.status)
        said = self.secrets.redact(answer.message)
        code = answer.code or f"HTTP {answer.status}"
        return f"{what}: {code}: {meaning.en} ({said})", f"{what}：{code}：{meaning.zh}（{said}）"

    def _unreached(self, what: str, url: str, error: Exception) -> UploadError:
        host, said = urlsplit(url).netloc, self.secrets.redact(str(error))
        return UploadError(
            f"{what}: {host} cannot be reached ({said}). Check region, endpoint and network, then run the same command "
            f"again.",
            f"{what}：无法连接 {host}（{said}）。请检查区域、终端节点与网络，然后重新运行同一命令。",
        )

    def _lost(self, what: str, error: Exception, kind: type[UploadError]) -> UploadError:
        said = next((told for type_, told in _LOST if isinstance(error, type_)), Text("it broke", "连接中断"))
        more = self.secrets.redact(str(error))
        return kind(
            f"{what}: no answer ({said.en}: {more}). Run the same command again to continue.",
            f"{what}：没有应答（{said.zh}：{more}）。重新运行同一命令即可继续。",
        )


_LOST: Final = (
    (httpx.TimeoutException, Text("not within its time", "超时")),
    (httpx.ProtocolError, Text("the answer broke off or is not HTTP", "应答中断或不符合 HTTP")),
    (httpx.ReadError, Text("the answer broke off", "应答中断")),
    (httpx.WriteError, Text("sending broke off", "发送中断")),
)
