"""Tencent's digital human: files to its store, optional checks, and the make request from an order.

What makes it exactly once: keys are made from names, so that a file is found again with HEAD; a make request carries
an AnchorName, and the platform takes each name once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec.structs import replace

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload import fetch
from pipeline.upload.client import Caller
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Destination, Receipt, Target, Tools, Unit, single, together
from pipeline.upload.items import File, Item
from pipeline.upload.protocol import Reply
from pipeline.upload.rate_limit import Bucket
from pipeline.upload.retry import Patience, Retryable, retry
from pipeline.upload.tencent import checks, cos, error_codes, making, signing, tasks
from pipeline.upload.tencent.cos import Credentials, Store, prefix
from pipeline.upload.tencent.protocol import TABLES
from pipeline.upload.transfer import Refused, Unknown, secure

_RATE: Final = 5.0  # calls a second; nothing is published: a pace no service minds
FOLDERS: Final = frozenset({"idcard", "video", "audio", "photo", "zeroshot"})


def opened(target: Target, secrets: Secrets) -> Destination:
    """Files to the store, and what the order asks for. Raises UsageError."""
    return Tencent(secrets, target.order, region=target.region, dry=target.dry)


class Tencent:
    """One appkey."""

    def __init__(
        self,
        secrets: Secrets,
        order: dict[str, Fields],
        patience: Patience | None = None,
        region: str | None = None,
        *,
        dry: bool = False,
    ) -> None:
        """`dry`: nothing will be called; no keys are asked for."""
        if region not in (None, *TABLES.hosts):
            raise UsageError(
                f"{region!r} is no region; there are {', '.join(TABLES.hosts)}",
                f"{region!r} 不是区域；可用：{'、'.join(TABLES.hosts)}",
            )
        self._secrets, self.order = secrets, order
        self.appkey = "" if dry else secrets.find("TENCENT_APPKEY") or ""
        self._token = "" if dry else secrets.find("TENCENT_ACCESSTOKEN") or ""
        if not dry and not (self.appkey and self._token):
            raise UsageError(
                "Tencent needs PREFLIGHT_TENCENT_APPKEY and PREFLIGHT_TENCENT_ACCESSTOKEN: in the environment, in a "
                "file for --secrets, or in the keyring",
                "腾讯云需要 PREFLIGHT_TENCENT_APPKEY 与 PREFLIGHT_TENCENT_ACCESSTOKEN："
                "可放在环境变量、--secrets 文件或密钥环中",
            )
        self.endpoint = secure(secrets.setting("TENCENT_ENDPOINT") or TABLES.hosts[region or "china"]).rstrip("/")
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

    def call(self, name: str, payload: Fields, *, gives: tuple[str, ...] = (), again: bool = True) -> Reply:
        """One call of the tables, checked before it goes; the payload of its answer.

        `gives` are the fields without which the answer is none. Raises Refused, Unknown, UploadError.
        """
        row = TABLES.calls[name]
        for wrong in TABLES.wrong(name, "body", payload):
            raise UploadError(f"{name}: nothing was sent: {wrong.text.en}", f"{name}：未发送：{wrong.text.zh}")

        def url() -> str:
            query = {"appkey": self.appkey, "timestamp": str(int(self.caller.now()))}
            signed = query | {"signature": signing.sign(query, self._token)}
            return f"{self.endpoint}{row.path}?{urlencode(signed)}"

        body = {"Header": {}, "Payload": payload}
        headers = {"Content-Type": "application/json;charset=utf-8"}

        def attempt(_: int) -> Reply:
            used = self.caller.skew
            answer = self.caller.call("POST", url, lambda _: headers, body, bucket=self._bucket, again=again, what=name)
            told = answer.json()
            header = told.get("Header") if isinstance(told.get("Header"), dict) else {}
            code = str(header.get("Code", "") if isinstance(header, dict) else "")
            if code == "0":
                rows, table = row.side("answer")
                return Reply(TABLES, rows, told.get("Payload"), table).given(gives, name, again=again)
            meaning, said = (
                error_codes.told(row.path, code),
                self._secrets.redact(str((header or {}).get("Message", ""))),
            )
            sentence = f"{name}: {code}: {meaning.en} ({said})", f"{name}：{code}：{meaning.zh}（{said}）"
            refused = Refused(*sentence, status=answer.status, code=code)
            if code == "100005" and self.caller.catch_up(answer, used):
                raise Retryable(refused, at_once=True)
            if code not in ("100000", ""):
                raise refused
            unsure = Unknown(*sentence)
            raise Retryable(unsure) if again else unsure

        return retry(self.caller.patience, attempt)

    def _credentials(self) -> Credentials:
        """Temporary credentials, asked for anew. Their times stand beside them, not in them."""
        told = self.call("getuploadcredentials", {}, gives=("PathPrefix",))
        one, until = told.one("Credentials"), told.number("ExpiredTime")
        bucket, region, path = prefix(told.must("PathPrefix"))
        found = Credentials(
            secret_id=one.must("TmpSecretId"),
            secret_key=one.must("TmpSecretKey"),
            token=one.must("Token"),
            until=self.caller.now() if until is None else until,  # not told: good for this call
            bucket=bucket,
            region=region,
            prefix=path,
        )
        self._secrets.learn(found.token, found.secret_key, found.secret_id)
        return found

    # --- units ----------------------------------------------------------------------------------------------

    def units(self, items: Sequence[Item]) -> list[Unit]:
        """Every asset on its own; with a make order all together. Equal names are told apart by their bytes.

        Raises UsageError for what the order and the files do not agree on.
        """
        if "confirm" in self.order and "make" not in self.order:
            raise UsageError(
                "order: [confirm] wants the [make] whose demo it is about",
                "订单：[confirm] 需要同时写它所确认的 [make]",
            )
        seen: set[str] = set()
        named = []
        for item in items:
            if item.folder not in FOLDERS and not ("make" in self.order and making.is_text(item)):
                raise UsageError(
                    f"{item.source}: role {item.role} has no folder at Tencent; prepare it with a tencent/ preset",
                    f"{item.source}：角色 {item.role} 在腾讯云没有对应目录；请使用 tencent/ 预设",
                )
            checks.asked(self.order.get("check", {}), item)
            files = []
            for file in item.files:
                name = file.name
                if f"{item.folder}/{name}" in seen:
                    path = Path(name)
                    name = f"{path.stem[:40]}_{item.marker[9:17]}{path.suffix}"
                seen.add(f"{item.folder}/{name}")
                files.append(replace(file, name=name))
            named.append(replace(item, files=tuple(files)))
        if items:
            checks.idle(self.order.get("check", {}), items)
        if "make" not in self.order or not named:
            return single(named)
        making.payload(self.order, named, self._promised(named))
        return [together(named[0].name, named, self.order["make"])]

    def _promised(self, items: Sequence[Item]) -> dict[str, str]:
        """What each file will become in the request, as far as it is known before anything is sent."""
        found: dict[str, str] = {}
        for item in items:
            for file in item.files:
                if making.is_text(item):
                    found[str(file.path)] = making.read(file.path)
                elif making.field(item) != "AudioId":
                    found[str(file.path)] = "{url}"
                elif self.order.get("check", {}).get("zeroshot"):
                    found[str(file.path)] = "{AudioId}"
        return found

    def plan(self, unit: Unit) -> list[str]:
        """The calls."""
        path = {name: row.path for name, row in TABLES.calls.items()}
        lines = [f"POST {path['getuploadcredentials']}"]
        for item in unit.items:
            if making.is_text(item):
                continue
            lines += [c for f in item.files for c in cos.calls(f"{{PathPrefix}}{item.folder}/{f.name}", f)]
            check = checks.asked(self.order.get("check", {}), item)
            if check:
                lines += [f"POST {path[check.ask]}", f"POST {path[check.look]} until it has ended"]
        if "make" in self.order:
            body = making.payload(self.order, unit.items, self._promised(unit.items))
            lines += [f"POST {path['make']} {body}", f"POST {path['getprogress']} until it has ended"]
            if "confirm" in self.order:
                lines.append(f"POST {path['customerconfirm']} {self.order['confirm']} when the demo waits")
        return lines

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        before, patience = tools.journal.facts(unit.key).get("delivered"), self.caller.patience
        sent, verified, urls = False, [], dict[str, str]()
        given: dict[str, str] = {}
        passed: Fields = {}
        for item in unit.items:
            if making.is_text(item) and "make" in self.order:
                given[str(item.files[0].path)] = making.read(item.files[0].path)
                continue
            for file in item.files:
                new, url, proof = self._file(unit, item, file, tools)
                sent = sent or new
                verified.append(proof)
                urls[f"{item.folder}/{file.name}"] = given[str(file.path)] = url
                ended = checks.run(self.call, self.order.get("check", {}), unit, item, url, tools, patience)
                if ended is not None:
                    passed[file.name] = tasks.told(ended.raw)
                if making.field(item) == "AudioId":
                    del given[str(file.path)]
                    if ended is not None:
                        given[str(file.path)] = ended.must("AudioId")
        ids: Fields = {"urls": urls} | ({"checks": passed} if passed else {})
        if "make" in self.order:
            body = making.payload(self.order, unit.items, given)
            task = tasks.make(self.call, body, unit, tools, patience)

            def bring(addresses: list[str]) -> list[str]:
                return fetch.shown(self.caller, addresses, unit.items[0].beside, task)

            decision = self.order.get("confirm")
            status, words, known = tasks.follow(self.call, task, decision, unit, tools, patience, bring)
            ids |= {"task_id": task} | known
            if status == "sent":
                tools.journal.end(unit.key, "delivered", delivered=True)
                status = "skipped" if before else "sent"
            return Receipt(status, words, ids, verified)
        tools.journal.end(unit.key, "delivered", delivered=True)
        said = Text("", "") if sent else Text("the store holds it already", "存储中已有相同内容")
        return Receipt("sent" if sent else "skipped", said, ids, verified)

    def _file(self, unit: Unit, item: Item, file: File, tools: Tools) -> tuple[bool, str, Fields]:
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
