"""Tencent's digital human: files to its store, optional checks, and the make request from an order.

What makes it exactly once: keys are made from names, so that a file is found again with HEAD; a make request carries
an AnchorName, and the platform takes each name once.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pipeline.errors import UploadError, UsageError
from pipeline.model import Text
from pipeline.upload import rates, signing
from pipeline.upload.codes import DETECTION, told_tencent
from pipeline.upload.cos import Credentials, Store, prefix
from pipeline.upload.destination import Receipt, Tools, Unit, single
from pipeline.upload.entries import File, Item
from pipeline.upload.http import Caller
from pipeline.upload.rates import Bucket
from pipeline.upload.secrets import Secrets
from pipeline.upload.transfer import Patience, Refused, Unknown, secure

_BASE: Final = "https://gw.tv.s.qq.com"  # API overview (2024-11-13)
_MANAGER: Final = "/v2/ivh/assetmanager/customservice/"
FOLDERS: Final = frozenset({"idcard", "video", "audio", "photo", "zeroshot"})
_FREE: Final = frozenset({"IMAGE_PHOTO", "ZERO_SHOT_VOICE"})  # make types that need no authorisation
# folder -> where to ask, where to look, the field with the URL, the switch in the order
_CHECKS: Final = {
    "photo": ("/v2/ivh/facedetectserver/facedetectservice/", "facedetect", "getfacedetectstate", "ImageUrl", "face"),
    "audio": (
        "/v2/ivh/algotaskserver/algotaskservice/",
        "audioevaluation",
        "getaudioevaluationstate",
        "AudioUrl",
        "audio",
    ),
    "zeroshot": (
        "/v2/ivh/assetmanager/zeroshotservice/",
        "detectaudioquality",
        "getdetectprogress",
        "AudioUrl",
        "zeroshot",
    ),
}
_POLL: Final = 1.0  # seconds between two looks at a task, to begin with


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
        self.endpoint = secure(secrets.find("TENCENT_ENDPOINT") or _BASE).rstrip("/")
        # Its name is not in the documents (T24): `signature` unless told otherwise.
        self._parameter = secrets.find("TENCENT_SIGNATURE_PARAMETER") or "signature"
        known = hashlib.sha256(self.appkey.encode()).hexdigest()[:12]
        self.place = f"tencent:{urlsplit(self.endpoint).netloc}/{known}"
        self.caller = Caller(secrets, patience or Patience())
        self._bucket = Bucket(rates.TENCENT, depth=rates.TENCENT)
        self._store: Store | None = None
        self._guard = threading.Lock()

    @property
    def store(self) -> Store:
        """The store, its SDK loaded with the first file."""
        with self._guard:
            if self._store is None:
                near = self._secrets.find("TENCENT_COS_ENDPOINT")
                self._store = Store(self._credentials, self.caller.now, self._secrets, self.caller.patience, near)
            return self._store

    def close(self) -> None:
        """Let connections go."""
        self.caller.close()
        if self._store:
            self._store.close()

    # --- calls ----------------------------------------------------------------------------------------------

    def call(self, path: str, payload: dict[str, Any], *, again: bool = True) -> dict[str, Any]:
        """One call; the payload of its answer. Raises Refused, Unknown, UploadError."""
        what = path.rsplit("/", 1)[-1]

        def url() -> str:
            query = {"appkey": self.appkey, "timestamp": str(int(self.caller.now()))}
            signed = query | {self._parameter: signing.tencent(query, self._token)}
            return f"{self.endpoint}{path}?{urlencode(signed)}"

        body = {"Header": {}, "Payload": payload}
        headers = {"Content-Type": "application/json;charset=utf-8"}
        for attempt in range(1, self.caller.patience.attempts + 1):
            used = self.caller.skew
            answer = self.caller.call("POST", url, lambda _: headers, body, bucket=self._bucket, again=again, what=what)
            told = answer.json()
            header = told.get("Header") or {}
            code = str(header.get("Code", ""))
            if code == "0":
                found = told.get("Payload")
                return found if isinstance(found, dict) else {}
            if code == "100005" and self.caller.catch_up(answer, used):
                continue
            meaning, said = told_tencent(path, code), self._secrets.redact(str(header.get("Message", "")))
            sentence = f"{what}: {code}: {meaning.en} ({said})", f"{what}：{code}：{meaning.zh}（{said}）"
            if code != "100000":
                raise Refused(*sentence, status=answer.status, code=code)
            last = Unknown(*sentence)
            if not again:
                raise last
            self.caller.patience.pause(attempt)
        raise last

    def _credentials(self) -> Credentials:
        """Temporary credentials, asked for anew."""
        told = self.call(_MANAGER + "getuploadcredentials", {})
        one = told.get("Credentials") or {}
        bucket, region, path = prefix(str(told.get("PathPrefix", "")))
        self._secrets.learn(str(one["Token"]), str(one["TmpSecretKey"]), str(one["TmpSecretId"]))
        return Credentials(
            secret_id=str(one["TmpSecretId"]),
            secret_key=str(one["TmpSecretKey"]),
            token=str(one["Token"]),
            until=float(one["ExpiredTime"]),
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
        lines = [f"POST {_MANAGER}getuploadcredentials"]
        for item in unit.items:
            lines += [f"HEAD, PUT {{PathPrefix}}{item.folder}/{f.name} {f.size} bytes" for f in item.files]
            check = _CHECKS.get(str(item.folder))
            if check and self.order.get("check", {}).get(check[4]):
                lines += [f"POST {check[0]}{check[1]}", f"POST {check[0]}{check[2]} until it has ended"]
        if "make" in self.order:
            payload = self._payload(unit, {}, None, dry=True)
            lines += [f"POST {_MANAGER}make {payload}", f"POST {_MANAGER}getprogress"]
        return lines

    def send(self, unit: Unit, tools: Tools) -> Receipt:
        """See the module's text."""
        if "make" in self.order:
            self._payload(unit, {}, None, dry=True)
        sent, verified, urls = False, [], dict[str, str]()
        checks: dict[str, Any] = {}
        audio_id: str | None = None
        for item in unit.items:
            for file in item.files:
                new, url, proof = self._file(unit, item, file, tools)
                sent = sent or new
                verified.append(proof)
                urls[f"{item.folder}/{file.name}"] = url
                found = self._check(unit, str(item.folder), url, tools)
                if found is not None:
                    checks[file.name] = found
                    audio_id = str(found["AudioId"]) if found.get("AudioId") else audio_id
        ids: dict[str, Any] = {"urls": urls} | ({"checks": checks} if checks else {})
        if "make" in self.order:
            task, progress = self._make(unit, urls, audio_id, tools)
            ids |= {"task_id": task, "progress": progress}
            sent = True
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

    # --- checks and make ------------------------------------------------------------------------------------

    def _check(self, unit: Unit, folder: str, url: str, tools: Tools) -> dict[str, Any] | None:
        """The platform's own check of a file, where the order asks for it. Raises UploadError when it fails."""
        order = self.order.get("check", {})
        if folder not in _CHECKS or not order.get(_CHECKS[folder][4]):
            return None
        base, ask, look, field, _ = _CHECKS[folder]
        payload: dict[str, Any] = {field: url}
        if folder == "photo":
            payload["CheckerVersion"] = order.get("CheckerVersion", 1)
        else:
            payload |= {key: order[key] for key in ("Language", "ReferenceText", "TextId") if key in order}
        tools.journal.begin(unit.key, ask)
        task = self.call(base + ask, payload).get("TaskId")
        ended = self._poll(lambda: self.call(base + look, {"TaskId": task}), tools)
        state = _state(ended)
        tools.journal.end(unit.key, ask)
        detection = ended.get("DetectionCode", 0)
        failed = [k for k, v in (ended.get("Result") or {}).items() if isinstance(v, dict) and v.get("Passed") is False]
        if state != "SUCCESS" or detection != 0 or failed:
            code = str(ended.get("ErrorCode") or ended.get("Code") or detection or ", ".join(failed))
            meaning = DETECTION.get(detection) if detection else told_tencent(base, code)
            text = meaning or Text("refused", "被拒绝")
            raise UploadError(f"{ask}: {state} {code}: {text.en}", f"{ask}：{state} {code}：{text.zh}")
        return ended

    @staticmethod
    def _poll(look: Callable[[], dict[str, Any]], tools: Tools) -> dict[str, Any]:
        until, pause = time.monotonic() + tools.wait, _POLL / 4
        while True:
            found = look()
            if _state(found) in ("SUCCESS", "FAIL", "FAILED"):
                return found
            if time.monotonic() > until:
                raise UploadError("the check has not ended yet; run again to ask", "检测尚未结束，稍后重新运行即可查询")
            time.sleep(pause)
            pause = min(10 * _POLL, pause * 1.5)

    def _payload(self, unit: Unit, urls: dict[str, str], audio_id: str | None, *, dry: bool = False) -> dict[str, Any]:
        """The make request from the order and the URLs of what was sent. Raises UsageError."""
        order = dict(self.order["make"])
        kind = order["MakeType"]
        speed = order.pop("Speed", None)
        if speed is not None:
            order["TimbreInfo"] = {"Speed": speed}
        for item in unit.items:
            for file in item.files:
                url = "{url}" if dry else urls[f"{item.folder}/{file.name}"]
                pdf = Path(file.name).suffix.lower() == ".pdf"
                field = ("IdentityWrittenCosUrl" if pdf else "IdentityCosUrl") if item.folder == "idcard" else ""
                field = field or ("" if item.folder == "zeroshot" else "MaterialCosUrl")
                if field:
                    order.setdefault(field, url)
        if kind == "ZERO_SHOT_VOICE":
            checked = audio_id or ("{AudioId}" if dry and self.order.get("check", {}).get("zeroshot") else None)
            if checked:
                order.setdefault("AudioId", checked)
        wrong = [
            (kind not in _FREE and not {"IdentityCosUrl", "IdentityWrittenCosUrl"} & set(order), "IdentityCosUrl"),
            (kind != "ZERO_SHOT_VOICE" and "MaterialCosUrl" not in order, "MaterialCosUrl"),
            (kind == "ZERO_SHOT_VOICE" and "AudioId" not in order, "AudioId (or [check] zeroshot = true)"),
        ]
        for missing, name in wrong:
            if missing:
                raise UsageError(
                    f"order: [make] {kind} wants {name}: a file of the manifest or a URL in the order",
                    f"订单：[make] {kind} 缺少 {name}：可来自清单中的文件或在订单中填写",
                )
        return order

    def _make(self, unit: Unit, urls: dict[str, str], audio_id: str | None, tools: Tools) -> tuple[str, dict[str, Any]]:
        """The task and how far it is."""
        task = tools.journal.facts(unit.key).get("task_id")
        if not task:
            payload = self._payload(unit, urls, audio_id)
            doubt = tools.journal.open(unit.key, "make")
            for attempt in range(1, self.caller.patience.attempts + 1):
                tools.journal.begin(unit.key, "make")
                try:
                    task = self.call(_MANAGER + "make", payload, again=False).get("TaskId")
                    break
                except Unknown as error:
                    last, doubt = error, True  # repeated under the same AnchorName, which is taken only once
                    self.caller.patience.pause(attempt)
                except Refused as error:
                    if not doubt:
                        tools.journal.end(unit.key, "make")
                        raise
                    raise UploadError(
                        f"make: an answer was lost, and now the platform says: {error} The order was probably taken: "
                        f"look for {payload['AnchorName']!r} in the console before ordering again.",
                        f"make：此前的应答丢失，现平台返回：{error.text.zh}。订单可能已被受理："
                        f"请先在控制台查找 {payload['AnchorName']!r}。",
                    ) from None
            else:
                raise last
            tools.journal.end(unit.key, "make", task_id=task)
        progress = self.call(_MANAGER + "getprogress", {"TaskId": task})
        if progress.get("Status") == "FAIL" or progress.get("StatusV2") == "FAIL":
            why = progress.get("FailMessage") or "no reason given"
            raise UploadError(
                f"make {task}: failed in {progress.get('StageV2')}: {why}",
                f"make {task}：在 {progress.get('StageV2')} 阶段失败：{why}",
            )
        return str(task), progress


def _state(answer: dict[str, Any]) -> str:
    """The state of a task: the table says TaskState, the sample Status (T7)."""
    return str(answer.get("TaskState") or answer.get("Status") or "")
