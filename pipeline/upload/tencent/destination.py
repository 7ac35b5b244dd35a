"""Tencent's digital human: files to its store, optional checks, and the make request from an order.

What makes it exactly once: keys are made from names, so that a file is found again with HEAD; a make request carries
an AnchorName, and the platform takes each name once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pipeline.errors import UsageError
from pipeline.model.facts import Text
from pipeline.upload.client import Caller, Reply, answer
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Destination, Receipt, Target, Tools, Unit, single
from pipeline.upload.items import File, Item
from pipeline.upload.rate_limit import Bucket
from pipeline.upload.retry import Patience, Retryable, retry
from pipeline.upload.tencent import cos, error_codes, signing
from pipeline.upload.tencent import tasks as making
from pipeline.upload.tencent.cos import Credentials, Store, prefix
from pipeline.upload.tencent.tasks import CHECKS, MANAGER
from pipeline.upload.transfer import Refused, Unknown, secure

_BASE: Final = "https://gw.tv.s.qq.com"  # API overview (2024-11-13)
_RATE: Final = 5.0  # calls a second; nothing is published: a pace no service minds
FOLDERS: Final = frozenset({"idcard", "video", "audio", "photo", "zeroshot"})


def opened(target: Target, secrets: Secrets) -> Destination:
    """Files to the store, and what the order asks for. Raises UsageError."""
    return Tencent(secrets, target.order)


class Tencent:
    """One appkey."""

    def __init__(self, secrets: Secrets, order: dict[str, dict[str, Any]], patience: Patience | None = None) -> None:
        self._secrets, self.order = secrets, order
        self.appkey = secrets.find("TENCENT_APPKEY") or ""
        self._token = secrets.find("TENCENT_ACCESSTOKEN") or ""
        if not self.appkey or not self._token:
            raise UsageError(
                "Tencent needs PREFLIGHT_TENCENT_APPKEY and PREFLIGHT_TENCENT_ACCESSTOKEN: in the environment, in a "
                "file for --secrets, or in the keyring",
                "腾讯云需要 PREFLIGHT_TENCENT_APPKEY 与 PREFLIGHT_TENCENT_ACCESSTOKEN："
                "可放在环境变量、--secrets 文件或密钥环中",
            )
        self.endpoint = secure(secrets.setting("TENCENT_ENDPOINT") or _BASE).rstrip("/")
        # Its name is not in the documents (T24): `signature` unless told otherwise.
        self._parameter = secrets.setting("TENCENT_SIGNATURE_PARAMETER") or "signature"
        known = hashlib.sha256(self.appkey.encode()).hexdigest()[:12]
        self.place = f"tencent:{urlsplit(self.endpoint).netloc}/{known}"
        self.caller = Caller(secrets, patience or Patience())
        self._bucket = Bucket(_RATE, depth=_RATE)
        self._store: Store | None = None
        self._guard = threading.Lock()

    @property
    def store(self) -> Store:
        """The store, its SDK loaded with the first file."""
        with self._guard:
            if self._store is None:
                near = self._secrets.setting("TENCENT_COS_ENDPOINT")
                self._store = Store(self._credentials, self.caller.now, self._secrets, self.caller.patience, near)
            return self._store

    def close(self) -> None:
        """Let connections go."""
        self.caller.close()
        if self._store:
            self._store.close()

    # --- calls ----------------------------------------------------------------------------------------------

    def call(self, path: str, payload: dict[str, Any], *, again: bool = True) -> Reply:
        """One call; the payload of its answer. Raises Refused, Unknown, UploadError."""
        what = path.rsplit("/", 1)[-1]

        def url() -> str:
            query = {"appkey": self.appkey, "timestamp": str(int(self.caller.now()))}
            signed = query | {self._parameter: signing.sign(query, self._token)}
            return f"{self.endpoint}{path}?{urlencode(signed)}"

        body = {"Header": {}, "Payload": payload}
        headers = {"Content-Type": "application/json;charset=utf-8"}

        def attempt(_: int) -> Reply:
            used = self.caller.skew
            came = self.caller.call("POST", url, lambda _: headers, body, bucket=self._bucket, again=again, what=what)
            told = came.json()
            header = told.get("Header")
            header = header if isinstance(header, dict) else {}
            code = str(header.get("Code", ""))
            if code == "0":
                found = told.get("Payload")
                return found if isinstance(found, Reply) else Reply({}, came.asked)
            meaning, said = error_codes.told(path, code), self._secrets.redact(str(header.get("Message", "")))
            sentence = f"{what}: {code}: {meaning.en} ({said})", f"{what}：{code}：{meaning.zh}（{said}）"
            refused = Refused(*sentence, status=came.status, code=code)
            if code == "100005" and self.caller.catch_up(came, used):
                raise Retryable(refused, at_once=True)
            if code != "100000":
                raise refused
            unsure = Unknown(*sentence)
            raise Retryable(unsure) if again else unsure

        return retry(self.caller.patience, attempt)

    def _credentials(self) -> Credentials:
        """Temporary credentials, asked for anew."""
        told = self.call(MANAGER + "getuploadcredentials", {})
        one = Reply(answer(told, "Credentials", dict), told.asked)
        bucket, region, path = prefix(answer(told, "PathPrefix", str))
        secret, key, token = (answer(one, name, str) for name in ("TmpSecretId", "TmpSecretKey", "Token"))
        self._secrets.learn(secret, key, token)
        return Credentials(
            secret_id=secret,
            secret_key=key,
            token=token,
            until=answer(one, "ExpiredTime", float),
            bucket=bucket,
            region=region,
            prefix=path,
        )

    # --- units ----------------------------------------------------------------------------------------------

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Every asset on its own; with a make order all together. Equal names are told apart by their bytes."""
        seen: set[str] = set()
        named = []
        for item in items:
            if item.folder not in FOLDERS:
                raise UsageError(
                    f"{item.source}: role {item.role} has no folder at Tencent; prepare it with a tencent/ preset",
                    f"{item.source}：角色 {item.role} 在腾讯云没有对应目录；请使用 tencent/ 预设",
                )
            files = []
            for file in item.files:
                name = file.name
                if f"{item.folder}/{name}" in seen:
                    path = Path(name)
                    name = f"{path.stem[:40]}_{item.marker[9:17]}{path.suffix}"
                seen.add(f"{item.folder}/{name}")
                files.append(replace(file, name=name))
            named.append(replace(item, files=tuple(files)))
        if "make" not in self.order or not named:
            return single(named)
        key = hashlib.sha256("\0".join([*sorted(i.key for i in named), repr(self.order["make"])]).encode()).hexdigest()
        return [Unit(key, named[0].name, tuple(named))]

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        lines = [f"POST {MANAGER}getuploadcredentials"]
        for item in unit.items:
            lines += [c for f in item.files for c in cos.calls(f"{{PathPrefix}}{item.folder}/{f.name}", f)]
            check = CHECKS.get(str(item.folder))
            if check and self.order.get("check", {}).get(check[4]):
                lines += [f"POST {check[0]}{check[1]}", f"POST {check[0]}{check[2]} until it has ended"]
        if "make" in self.order:
            body = making.payload(self.order, unit, {}, None, dry=True)
            lines += [f"POST {MANAGER}make {body}", f"POST {MANAGER}getprogress until it has ended"]
            if "confirm" in self.order:
                lines.append(f"POST {MANAGER}customerconfirm {self.order['confirm']} when the demo waits")
        return lines

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        if "make" in self.order:
            making.payload(self.order, unit, {}, None, dry=True)
        before, patience = tools.journal.facts(unit.key).get("delivered"), self.caller.patience
        sent, verified, urls = False, [], dict[str, str]()
        checks: dict[str, Any] = {}
        audio_id: str | None = None
        for item in unit.items:
            for file in item.files:
                new, url, proof = self._file(unit, item, file, tools)
                sent = sent or new
                verified.append(proof)
                urls[f"{item.folder}/{file.name}"] = url
                asked = self.order.get("check", {})
                found = making.check(self.call, asked, unit, str(item.folder), url, tools, patience)
                if found is not None:
                    checks[file.name] = found
                    audio_id = str(found["AudioId"]) if found.get("AudioId") else audio_id
        ids: dict[str, Any] = {"urls": urls} | ({"checks": checks} if checks else {})
        if "make" in self.order:
            task = making.make(self.call, making.payload(self.order, unit, urls, audio_id), unit, tools, patience)
            status, words, progress = making.follow(self.call, task, self.order.get("confirm"), unit, tools, patience)
            ids |= {"task_id": task, "progress": progress}
            if status == "sent":
                tools.journal.end(unit.key, "delivered", delivered=True)
                status = "skipped" if before else "sent"
            return Receipt(status, words, ids, verified)
        tools.journal.end(unit.key, "delivered", delivered=True)
        said = Text("", "") if sent else Text("the store holds it already", "存储中已有相同内容")
        return Receipt("sent" if sent else "skipped", said, ids, verified)

    def _file(self, unit: Unit, item: Item, file: File, tools: Tools) -> tuple[bool, str, dict[str, Any]]:
        """One object: whether it was sent, its URL, what the store says of it."""
        name = f"{item.folder}/{file.name}"
        known = tools.journal.facts(unit.key).get("objects", {}).get(name)
        if known and known.get("md5") == file.md5:
            return False, str(known["url"]), dict(known)
        # The credentials may have been renewed, and their prefix with them: the key is of now.
        key = self.store.credentials()[0].prefix + name
        new, etag = self.store.put(key, file, unit.key, tools)
        url = self.store.url(key)
        proof = {"name": name, "url": url, "size": file.size, "md5": file.md5, "etag": etag}
        objects = tools.journal.facts(unit.key).get("objects", {})
        tools.journal.end(unit.key, f"stored {name}", objects=objects | {name: proof})
        return new, url, proof
