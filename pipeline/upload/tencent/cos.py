"""Tencent's object store through its official SDK, with temporary credentials that are renewed before they lapse.

The SDK signs and speaks; what to do after a lost answer is decided here: the store is asked what it holds before a byte
is sent again. Parts are found again with ListParts, whole objects with HEAD.
"""

from __future__ import annotations

import email.utils
import importlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from msgspec import Struct

from pipeline.errors import UploadError, UsageError
from pipeline.model.fields import Fields
from pipeline.upload.credentials import Secrets, hush
from pipeline.upload.destination import Tools
from pipeline.upload.error_codes import ErrorCodes
from pipeline.upload.items import File
from pipeline.upload.multipart import Parts, Stretch, UploadPart
from pipeline.upload.retry import Patience, Retryable, retry
from pipeline.upload.transfer import Refused, Unknown, secure

R = TypeVar("R")

PART: Final = 32 << 20  # bytes; files above go up in parts
_PARTS: Final = 10_000  # parts the store takes
_EARLY: Final = 300.0  # seconds before the credentials lapse at which new ones are asked for
_CODES: Final = ErrorCodes()  # a store answers with the names of all stores
_LAPSED: Final = frozenset({"ExpiredToken", "InvalidAccessKeyId"})
_SKEW: Final = 900.0  # seconds between the clocks that the store's signatures bear
_AGAIN: Final = frozenset({"BadDigest", "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"})


class Credentials(Struct, frozen=True):
    """What getuploadcredentials answers, PathPrefix taken apart."""

    secret_id: str
    secret_key: str
    token: str
    until: float  # Unix seconds
    bucket: str
    region: str
    prefix: str  # of every key, with one slash at its end


def prefix(url: str) -> tuple[str, str, str]:
    """Bucket, region and key prefix of a PathPrefix (TX-Custom, Upload credentials API; T26).

    Raises UploadError when it is not of the form https://{bucket}.cos.{region}.myqcloud.com/{prefix}/.
    """
    split = urlsplit(url)
    bucket, cos, rest = (split.hostname or "").partition(".cos.")
    region, dot, domain = rest.partition(".")
    if not (bucket and cos and region and dot) or domain != "myqcloud.com" or split.scheme != "https":
        raise UploadError(
            f"PathPrefix {url!r} is not https://{{bucket}}.cos.{{region}}.myqcloud.com/...",
            f"PathPrefix {url!r} 不符合 https://{{bucket}}.cos.{{region}}.myqcloud.com/...",
        )
    path = split.path.strip("/")
    return bucket, region, f"{path}/" if path else ""


def calls(key: str, file: File) -> list[str]:
    """What storing a file calls."""
    count, head = len(_stretches(file.size)), f"HEAD {key}"
    if count == 1:
        return [head, f"PUT {key} {file.size} bytes Content-MD5: {file.md5}", head]
    parts = [f"PUT {key}?partNumber={n} of {count}" for n in range(1, count + 1)]
    return [head, f"POST {key}?uploads", f"GET {key}?uploadId", *parts, f"POST {key}?uploadId", head]


class Store:
    """One bucket. Threads share it."""

    def __init__(
        self,
        fetch: Callable[[], Credentials],
        now: Callable[[], float],
        secrets: Secrets,
        patience: Patience,
        endpoint: str | None,
    ) -> None:
        hush("qcloud_cos")
        try:
            self._sdk: Any = importlib.import_module("qcloud_cos")
            session: Any = importlib.import_module("pipeline.upload.tencent.session")
        except ImportError:
            raise UsageError(
                "Tencent's store needs the package cos-python-sdk-v5: `pip install media-preflight[upload]`",
                "腾讯云 COS 需要 cos-python-sdk-v5：`pip install media-preflight[upload]`",
            ) from None
        self._fetch, self._now, self._secrets, self._patience = fetch, now, secrets, patience
        self._near = urlsplit(secure(endpoint)) if endpoint else None
        self._session = session.session(direct=self._near is not None)  # no proxy between us and this machine
        self._guard = threading.Lock()
        self._current: Credentials | None = None
        self._client: Any = None

    def close(self) -> None:
        """Let connections go."""
        self._session.close()

    def credentials(self, *, renew: bool = False) -> tuple[Credentials, Any]:
        """Credentials good for some minutes more, and the client that uses them."""
        with self._guard:
            if renew or self._current is None or self._current.until - self._now() < _EARLY:
                self._current = one = self._fetch()
                config = self._sdk.CosConfig(
                    Region=one.region,
                    SecretId=one.secret_id,
                    SecretKey=one.secret_key,
                    Token=one.token,
                    Scheme=self._near.scheme if self._near else "https",
                    IP=self._near.hostname if self._near else None,
                    Port=self._near.port if self._near else None,
                    Timeout=60,
                    AllowRedirects=False,
                )
                self._client = self._sdk.CosS3Client(config, retry=0, session=self._session)
            return self._current, self._client

    def url(self, key: str) -> str:
        """The object's full URL, as make and the checks want it."""
        one, _ = self.credentials()
        return f"https://{one.bucket}.cos.{one.region}.myqcloud.com/{quote(key)}"

    # --- one call -------------------------------------------------------------------------------------------

    def _once(self, what: str, call: Callable[[Any, str], R]) -> R:
        """One call, its failure in our words. Raises Refused, Unknown, UploadError."""
        one, client = self.credentials()
        try:
            return call(client, one.bucket)
        except self._sdk.CosClientError as error:
            said = self._secrets.redact(str(error))[:300]
            raise Unknown(f"{what}: no answer ({said})", f"{what}：没有应答（{said}）") from None
        except self._sdk.CosServiceError as error:
            status, info = int(error.get_status_code()), error.get_digest_msg()
            code = str(info.get("code", "")) if isinstance(info, dict) else _code(str(error.get_origin_msg()))
            if status == 403 and not code and self._skewed(info):
                code = "RequestTimeTooSkewed"  # the answer to a HEAD has no body to say so
            meaning = _CODES.told(code, status)
            sentence = f"{what}: {code or f'HTTP {status}'}: {meaning.en}", f"{what}：{code or status}：{meaning.zh}"
            if status == 403 and (code in _LAPSED or not code):
                self.credentials(renew=True)
                raise UploadError(*sentence) from None
            if status == 507 or (400 <= status < 500 and status not in (408, 429) and code not in _AGAIN):
                raise Refused(*sentence, status=status, code=code) from None
            raise Unknown(*sentence) from None

    @staticmethod
    def _skewed(headers: Any) -> bool:
        """Whether the answer's date is far from this machine's."""
        try:
            stamp = email.utils.parsedate_to_datetime(str(headers["Date"]))
        except (KeyError, TypeError, ValueError):  # without a date the no stands as it was said
            return False
        return abs(stamp.timestamp() - time.time()) > _SKEW

    def _until(self, what: str, call: Callable[[Any, str], R], done: Callable[[], R | None]) -> R:
        """A call, repeated until it succeeds or `done` finds that it already has."""

        def attempt(number: int) -> R:
            found = done() if number > 1 else None
            if found is not None:
                return found
            try:
                return self._once(what, call)
            except Refused:
                raise
            except UploadError as error:  # not done, or not known whether: `done` is asked before it is done again
                raise Retryable(error) from None

        return retry(self._patience, attempt)

    def head(self, key: str) -> tuple[int, str] | None:
        """Size and ETag of an object, or None when it is not there."""

        def call(client: Any, bucket: str) -> tuple[int, str] | None:
            try:
                told = client.head_object(Bucket=bucket, Key=key)
            except self._sdk.CosServiceError as error:
                if int(error.get_status_code()) == 404:  # an answer to the question, and no failure
                    return None
                raise
            return int(told["Content-Length"]), str(told["ETag"]).strip('"').lower()

        return self._until(f"HEAD {key}", call, lambda: None)

    # --- an object ------------------------------------------------------------------------------------------

    def put(self, key: str, file: File, journal_key: str, tools: Tools) -> tuple[bool, str]:
        """Store a file; whether anything was sent, and its ETag. Raises UploadError."""
        parts = tools.parts(file, _stretches(file.size))

        def held() -> str | None:
            """Its ETag where the store holds it. The digests of its parts are worked out only if it may be there."""
            there = self.head(key)
            if there is None or there[0] != file.size:
                return None
            etag = file.hex_md5 if len(parts) == 1 else parts.etag
            return etag if there[1] == etag else None

        etag = held()
        if etag:
            return False, etag

        def attempt(_: int) -> str:
            if len(parts) == 1:
                tools.journal.begin(journal_key, f"put {key}")
                self._until(f"PUT {key}", lambda client, bucket: self._whole(client, bucket, key, file, tools), held)
            else:
                self._multipart(key, file, parts, journal_key, tools, held)
            etag = held()
            if not etag:  # asked of the store itself: a 200 is not an object
                raise Retryable(
                    UploadError(
                        f"{key}: the store does not hold what was sent ({file.size} bytes, MD5 {file.md5})",
                        f"{key}：存储中的对象与发送内容不符（{file.size} 字节，MD5 {file.md5}）",
                    )
                )
            tools.journal.end(journal_key, f"put {key}")
            return etag

        return True, retry(self._patience, attempt)

    @staticmethod
    def _whole(client: Any, bucket: str, key: str, file: File, tools: Tools) -> str:
        body = tools.body(file)
        told = client.put_object(Bucket=bucket, Key=key, Body=body, ContentMD5=file.md5, ContentType=file.content_type)
        return str(told["ETag"])

    def _multipart(
        self,
        key: str,
        file: File,
        parts: Parts,
        journal_key: str,
        tools: Tools,
        held: Callable[[], str | None],
    ) -> None:
        upload = self._upload(key, file, journal_key, tools)
        try:
            there = self._listed(key, upload)
        except Refused as error:
            if error.code != "NoSuchUpload":
                raise
            if held():  # completed already: the answer was lost
                return
            tools.journal.end(journal_key, f"forget upload {key}", uploads=self._others(journal_key, key, tools))
            upload, there = self._upload(key, file, journal_key, tools), {}
        for part in parts:
            if there.get(part.number) == part.tag:
                continue
            step = f"put {key} part {part.number}"
            tools.journal.begin(journal_key, step)

            def send(client: Any, bucket: str, part: UploadPart = part) -> str:
                told = client.upload_part(
                    Bucket=bucket,
                    Key=key,
                    Body=tools.part(file, part),
                    PartNumber=part.number,
                    UploadId=upload,
                    ContentMD5=part.md5,
                )
                return str(told["ETag"]).strip('"').lower()

            def stored(part: UploadPart = part) -> str | None:
                return part.tag if self._listed(key, upload).get(part.number) == part.tag else None

            if self._until(step, send, stored) != part.tag and not stored():
                self._until(step, send, stored)  # the answer or the store was wrong: once more
            tools.journal.end(journal_key, step)
        listed = [{"PartNumber": part.number, "ETag": part.tag} for part in parts]

        def complete(client: Any, bucket: str) -> str:
            client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Part": listed})
            return ""

        try:
            self._until(f"complete {key}", complete, held)
        except Refused as error:
            if error.code == "InvalidPart":
                return  # a part was not kept after all: the same upload is gone through again
            if error.code != "NoSuchUpload":  # completed already, or gone: who called asks what is held
                raise
        tools.journal.end(journal_key, f"complete {key}", uploads=self._others(journal_key, key, tools))

    @staticmethod
    def _others(journal_key: str, key: str, tools: Tools) -> Fields:
        """The multipart uploads of the other files, which go on."""
        return {k: v for k, v in tools.journal.facts(journal_key).get("uploads", {}).items() if k != key}

    def _upload(self, key: str, file: File, journal_key: str, tools: Tools) -> str:
        """The id of this key's multipart upload: known, found at the store, or begun now."""
        known = tools.journal.facts(journal_key).get("uploads", {})
        if key in known:
            return str(known[key])

        def find(client: Any, bucket: str) -> str:
            told = client.list_multipart_uploads(Bucket=bucket, Prefix=key)
            found = [str(u["UploadId"]) for u in told.get("Upload", ()) if u["Key"] == key]
            return found[0] if found else ""

        def begin(client: Any, bucket: str) -> str:
            return str(
                client.create_multipart_upload(Bucket=bucket, Key=key, ContentType=file.content_type)["UploadId"]
            )

        name = f"begin upload {key}"
        found = self._until(name, find, lambda: None) if tools.journal.open(journal_key, name) else ""
        tools.journal.begin(journal_key, name)
        upload = found or self._until(name, begin, lambda: self._until(name, find, lambda: None) or None)
        tools.journal.end(journal_key, name, uploads=known | {key: upload})
        return upload

    def _listed(self, key: str, upload: str) -> dict[int, str]:
        """The parts the store holds, by number."""

        def call(client: Any, bucket: str) -> dict[int, str]:
            held: dict[int, str] = {}
            marker = 0
            while True:
                told = client.list_parts(Bucket=bucket, Key=key, UploadId=upload, PartNumberMarker=marker)
                for part in told.get("Part", ()):
                    held[int(part["PartNumber"])] = str(part["ETag"]).strip('"').lower()
                if str(told.get("IsTruncated")).lower() != "true":
                    return held
                marker = int(told["NextPartNumberMarker"])

        return self._until(f"list parts of {key}", call, lambda: None)


def _code(body: str) -> str:
    """The code of an error body that the SDK could not read."""
    return body.split("<Code>", 1)[1].split("</Code>", 1)[0][:64] if "<Code>" in body else ""


def _stretches(size: int) -> list[Stretch]:
    step = max(PART, -(-size // _PARTS))
    return [(start, min(step, size - start)) for start in range(0, size, step)]
