"""Signed calls to MetaStudio: AK/SK or token, region, project."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from pipeline.errors import UploadError, UsageError
from pipeline.model.fields import Fields
from pipeline.upload.client import Answer, Caller
from pipeline.upload.credentials import Secrets
from pipeline.upload.metastudio import fields, protocol, signing
from pipeline.upload.metastudio.error_codes import CODES
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.protocol import Reply, Side
from pipeline.upload.retry import Patience, retry
from pipeline.upload.transfer import Refused, secure

_TOKEN_AGE: Final = 23 * 3600.0  # seconds; a token is valid for 24 h (MS-API 3.2)
_REGION: Final = re.compile(r"[a-z]{2}-[a-z]+-\d+")
_LOST: Final = frozenset({"APIG.0301", "APIGW.0301"})
_PAGE: Final = 100  # entries of an answer that lists, at most (Tables 4-30, 5-30, 5-109, 6-42, 8-10, 9-20)
_ANSWERS: Final = 3  # times an answer that is not what the documents say is asked for again


class Api:
    """One project of one region."""

    def __init__(
        self,
        secrets: Secrets,
        patience: Patience,
        region: str | None,
        project: str | None,
        *,
        abroad: bool = False,
        dry: bool = False,
    ) -> None:
        """`dry`: nothing will be called; neither project nor keys are asked for."""
        usual = "ap-southeast-3" if abroad else "cn-north-4"  # the one region of the international site (Table 1-1)
        self.region = region or secrets.setting("METASTUDIO_REGION", "HUAWEICLOUD_REGION") or usual
        if not _REGION.fullmatch(self.region):
            raise UsageError(
                f"{self.region!r} is no region; there are {', '.join(protocol.REGIONS)}",
                f"{self.region!r} 不是区域；可用：{'、'.join(protocol.REGIONS)}",
            )
        self.project = project or secrets.setting("METASTUDIO_PROJECT", "HUAWEICLOUD_SDK_PROJECT_ID") or ""
        endpoint = secrets.setting("METASTUDIO_ENDPOINT") or f"https://metastudio.{self.region}.myhuaweicloud.com"
        self.endpoint = secure(endpoint).rstrip("/")
        self.buckets = protocol.buckets(self.region, _pace(secrets.setting("METASTUDIO_PACE")))
        self.caller = Caller(secrets, patience, CODES)
        self._secrets = secrets
        if dry:
            self.project = self.project or "{project_id}"
            return
        self._access = secrets.find("METASTUDIO_AK", "HUAWEICLOUD_SDK_AK")
        self._secret = secrets.find("METASTUDIO_SK", "HUAWEICLOUD_SDK_SK")
        signs = bool(self._access and self._secret)  # then nothing else is needed, and nothing else is looked for
        self._token = None if signs else secrets.find("METASTUDIO_TOKEN")
        self._user = None if signs else secrets.setting("METASTUDIO_IAM_USER")
        self._app_user = secrets.setting("METASTUDIO_APP_USER")
        self._since = time.monotonic()
        self._guard = threading.Lock()
        if not self.project:
            raise self._missing("METASTUDIO_PROJECT")
        if not ((self._access and self._secret) or self._token or self._user):
            raise self._missing("METASTUDIO_AK and PREFLIGHT_METASTUDIO_SK (or PREFLIGHT_METASTUDIO_TOKEN)")

    @staticmethod
    def _missing(name: str) -> UsageError:
        return UsageError(
            f"MetaStudio needs PREFLIGHT_{name}: in the environment, in a file for --secrets, or in the keyring",
            f"MetaStudio 需要 PREFLIGHT_{name}：可放在环境变量、--secrets 文件或密钥环中",
        )

    @property
    def place(self) -> str:
        """The far end without secrets."""
        return f"metastudio:{urlsplit(self.endpoint).netloc}/{self.project}"

    @property
    def seal_key(self) -> str:
        """The secret that seals pre-signed URLs in the journal."""
        return self._secret or self._secrets.find("METASTUDIO_IAM_PASSWORD") or self._token or ""

    def path(self, name: str, **ids: str) -> str:
        """The path of a call; what is not given stays in braces, for people to read."""
        below = TABLES.calls[name].path
        for key, value in ids.items():
            below = below.replace(f"{{{key}}}", quote(value, safe=""))
        return f"/v1/{self.project}{below}"

    def call(
        self,
        name: str,
        body: Fields | None = None,
        *,
        what: str,
        gives: tuple[str, ...] = (),
        again: bool = True,
        query: Fields | None = None,
        **ids: str,
    ) -> Reply:
        """One call of the documents, its query and body checked against their tables before they go.

        `gives` are the fields without which the answer is none: where they are missing, or hold a word of no table, the
        question is asked again, and what was to be made counts as not known. Raises Refused, Unknown, UploadError.
        """
        row = TABLES.calls[name]
        sides: tuple[tuple[Side, Fields | None], ...] = (("query", query), ("body", body))
        for side, given in sides:
            for wrong in TABLES.wrong(name, side, given or {}):
                raise UploadError(
                    f"{what}: nothing was sent: {wrong.text.en} ({row.section})",
                    f"{what}：未发送：{wrong.text.zh}（{row.section}）",
                )
        url = f"{self.endpoint}{self.path(name, **ids)}" + (f"?{urlencode(query)}" if query else "")

        def sign(sent: bytes) -> dict[str, str]:
            return self._headers(row.method, url, sent)

        def asked() -> Answer:
            bucket = self.buckets[name]
            return self.caller.call(row.method, url, sign, body, bucket=bucket, again=again, what=what)

        def attempt(_: int) -> Reply:
            rows, table = row.side("answer")
            try:
                answer = asked()
            except Refused as error:
                if error.code not in _LOST or not self._user or self._access:
                    raise
                self._token = None  # it has lapsed: another is asked for
                answer = asked()
            return Reply(TABLES, rows, answer.json(), table).given(gives, what, again=again)

        return retry(self.caller.patience.times(_ANSWERS), attempt)

    def listed(self, name: str, key: str, query: Fields, *, what: str) -> Iterator[Reply]:
        """All entries of a list, page after page; `key` is the field of the answer that holds them."""
        seen = 0
        while True:
            told = self.call(name, query=query | {"limit": _PAGE, "offset": seen}, what=what)
            page = told.many(key)
            yield from page
            seen += len(page)
            if not page or seen >= (told.number("count") or 0):
                return

    def _headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        # Some calls demand X-Project-Id and none minds it (3.2); the official SDK sends it with every one.
        headers = {"Content-Type": "application/json", "X-Project-Id": self.project}
        if self._app_user:
            headers["X-App-UserId"] = fields.user_id(self._app_user)
        if self._access and self._secret:
            if len(body) > fields.SIGNED_BODY:
                raise UploadError(
                    f"the request is {len(body)} bytes; signed with AK and SK it may have 12 MB: use a token",
                    f"请求体为 {len(body)} 字节；AK/SK 签名时不得超过 12 MB，请使用令牌",
                )
            at = self.caller.now()
            return headers | signing.sign(method, url, headers, body, self._access, self._secret, at)
        return headers | {"X-Auth-Token": self._current_token()}

    def _current_token(self) -> str:
        """The token, renewed before its 24 hours have passed."""
        with self._guard:
            if self._token and (not self._user or time.monotonic() - self._since < _TOKEN_AGE):
                return self._token
            self._token, self._since = self._new_token(), time.monotonic()
            return self._token

    def _new_token(self) -> str:
        """A token of project scope from IAM (path /v3/auth/tokens)."""
        endpoint = self._secrets.setting("METASTUDIO_IAM_ENDPOINT") or f"https://iam.{self.region}.myhuaweicloud.com"
        password = self._secrets.find("METASTUDIO_IAM_PASSWORD")
        domain = self._secrets.setting("METASTUDIO_IAM_DOMAIN")
        if not password or not domain:
            raise self._missing("METASTUDIO_IAM_PASSWORD and PREFLIGHT_METASTUDIO_IAM_DOMAIN")
        user = {"name": self._user, "password": password, "domain": {"name": domain}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"id": self.project}},
            }
        }
        answer = self.caller.call(
            "POST",
            f"{secure(endpoint).rstrip('/')}/v3/auth/tokens",
            lambda _: {"Content-Type": "application/json"},
            body,
            bucket=self.buckets["update_digital_asset"],
            again=True,
            what="get token",
        )
        token = str(answer.headers.get("x-subject-token", ""))
        if not token:
            raise UploadError("IAM answered without a token", "IAM 应答中没有令牌")
        self._secrets.learn(token)
        return token

    def put(self, url: str, content_type: str, md5: str | None, make: Any, *, etag: str | None, what: str) -> None:
        """PUT to a pre-signed URL with the two headers the documents demand. `make` gives a fresh Body."""
        headers = {"Content-Type": content_type} | ({"Content-MD5": md5} if md5 else {})
        self.caller.put(url, headers, make, expected=etag, what=what)

    def look(self, url: str) -> tuple[int, str] | None:
        """Size in bytes and ETag behind a pre-signed download URL; None when nothing is there."""
        return self.caller.look(url, bucket=self.buckets["show_asset"])


class ProjectDestination:
    """What all destinations in a project share."""

    def __init__(self, api: Api, order: Fields) -> None:
        self.api, self.order, self.place = api, order, api.place

    def close(self) -> None:
        """Let connections go."""
        self.api.caller.close()


def _pace(text: str | None) -> float:
    try:
        pace = float(text or 1)
    except ValueError:
        pace = 0.0  # out of range: refused below with what was found
    if not 0.01 <= pace <= 1000:
        raise UsageError(
            f"PREFLIGHT_METASTUDIO_PACE is {text!r}; it is a number: how many times the stated rate the account has",
            f"PREFLIGHT_METASTUDIO_PACE 为 {text!r}；应为数字：账号速率相对文档值的倍数",
        )
    return pace
