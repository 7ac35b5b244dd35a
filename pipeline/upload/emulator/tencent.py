"""Tencent's customisation services as TX-Custom describes them."""

from __future__ import annotations

import hmac
import json
import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pipeline.upload.emulator import cos
from pipeline.upload.emulator.backend import Backend
from pipeline.upload.emulator.messages import Request, Response
from pipeline.upload.tencent import signing

_WINDOW: Final = 300.0  # seconds; the documents say "now" and give no window
_TYPES: Final = frozenset({"IMAGE", "IMAGE_GENERAL", "IMAGE_4K", "IMAGE_PHOTO", "VOICE", "ZERO_SHOT_VOICE"})
_FREE: Final = frozenset({"IMAGE_PHOTO", "ZERO_SHOT_VOICE"})  # need no authorisation
_NAME: Final = re.compile(r"[0-9A-Za-z_\-\u3400-\u4dbf\u4e00-\u9fff]{2,50}")


def _said(backend: Backend, payload: Any, code: int = 0, message: str = "") -> Response:
    header = {"Code": code, "Message": message, "RequestID": backend.new_id("request"), "SessionID": ""}
    return Response.json({"Header": header, "Payload": payload})


def handle(backend: Backend, request: Request) -> Response:
    """Any call below /v2/ivh/."""
    query = dict(request.query)
    signature = query.pop("signature", "")
    if query.get("appkey") != backend.account.appkey:
        return _said(backend, {}, 100005, "UnauthorizedOperation: project not created")
    wanted = signing.sign(query, backend.account.accesstoken)
    if not hmac.compare_digest(signature, wanted):
        return _said(backend, {}, 100005, "UnauthorizedOperation: signature")
    if abs(int(query.get("timestamp", "0")) - backend.now()) > _WINDOW:
        return _said(backend, {}, 100005, "UnauthorizedOperation: timestamp expired")
    try:
        body = json.loads(request.body)
        payload = body["Payload"]
        if not isinstance(body["Header"], dict) or not isinstance(payload, dict):
            return _said(backend, {}, 100001, "miss Content Length")
    except (ValueError, KeyError, TypeError):  # the answer says it, in the platform's words
        return _said(backend, {}, 100001, "miss Content Length")
    name = request.path.rsplit("/", 1)[-1]
    handlers = {
        "getuploadcredentials": lambda: _said(backend, cos.credentials(backend, query["appkey"])),
        "make": lambda: _make(backend, payload),
        "getprogress": lambda: _progress(backend, payload),
        "customerconfirm": lambda: _confirm(backend, payload),
        "facedetect": lambda: _task(backend, payload, "ImageUrl", "photo/"),
        "getfacedetectstate": lambda: _state(backend, payload, "face"),
        "audioevaluation": lambda: _task(backend, payload, "AudioUrl", "audio/"),
        "getaudioevaluationstate": lambda: _state(backend, payload, "audio"),
        "detectaudioquality": lambda: _task(backend, payload, "AudioUrl", "zeroshot/"),
        "getdetectprogress": lambda: _state(backend, payload, "zeroshot"),
    }
    return handlers[name]() if name in handlers else Response(404)


def _held(backend: Backend, url: str) -> bool:
    split = urlsplit(url)
    return cos.mine(split.netloc) and unquote(split.path).lstrip("/") in backend.objects


def _task(backend: Backend, payload: dict[str, Any], field: str, folder: str) -> Response:
    url = str(payload.get(field, ""))
    if not url:
        return _said(backend, {}, 100001, f"{field} is missing")
    if f"/{folder}" not in url or not _held(backend, url):
        return _said(backend, {}, 200002 if field == "ImageUrl" else 100002, f"{field} cannot be downloaded")
    task = backend.new_id("task")
    backend.tasks[task] = {"looks": 0, "url": url}
    return _said(backend, {"TaskId": task})


def _state(backend: Backend, payload: dict[str, Any], kind: str) -> Response:
    task = backend.tasks.get(str(payload.get("TaskId")))
    if task is None:
        return _said(backend, {}, 200003 if kind == "face" else 110006, "no such task")
    task["looks"] += 1
    state = "PROCESSING" if task["looks"] < 2 else "SUCCESS"
    bad = "badquality" in task["url"]
    answers: dict[str, dict[str, Any]] = {
        "face": {"Status": "FAILED", "ErrorCode": 300001} if bad and state == "SUCCESS" else {"Status": state},
        "audio": {"Status": state, "Result": _measured(task["url"])},
        "zeroshot": {"Status": state, "DetectionCode": -3 if bad else 0, "AudioId": "audio-" + task["url"][-12:]},
    }
    return _said(backend, answers[kind])


def _make(backend: Backend, payload: dict[str, Any]) -> Response:
    kind, name = payload.get("MakeType"), str(payload.get("AnchorName", ""))
    urls: list[str] = [str(payload[key]) for key in payload if key.endswith("CosUrl") or key == "VoiceDriverCosFile"]
    if kind not in _TYPES or payload.get("SexType") not in ("MALE", "FEMALE"):
        return _said(backend, {}, 100001, "MakeType or SexType")
    if not _NAME.fullmatch(name) or len(str(payload.get("Notes", ""))) > 100:
        return _said(backend, {}, 100002, "AnchorName or Notes")
    if any(task.get("AnchorName") == name for task in backend.tasks.values()):
        return _said(backend, {}, 100002, "AnchorName is duplicated")
    identity = payload.get("IdentityCosUrl") or payload.get("IdentityWrittenCosUrl")
    if kind not in _FREE and not identity:
        return _said(backend, {}, 100001, "IdentityCosUrl or IdentityWrittenCosUrl is missing")
    if kind == "ZERO_SHOT_VOICE" and not payload.get("AudioId"):
        return _said(backend, {}, 100001, "AudioId is missing")
    if kind != "ZERO_SHOT_VOICE" and not payload.get("MaterialCosUrl"):
        return _said(backend, {}, 100001, "MaterialCosUrl is missing")
    if not all(_held(backend, url) for url in urls):
        return _said(backend, {}, 100002, "a URL is not of this bucket")
    task = backend.new_id("make")
    backend.tasks[task] = {"looks": 0, "AnchorName": name, "url": "", "kind": kind, "decided": None}
    return _said(backend, {"TaskId": task})


def _measured(url: str) -> dict[str, Any]:
    """An evaluation: with a verdict on every number, or with numbers alone, as the two samples of the documents do."""
    bad = "badquality" in url
    if "numbers" in url:
        return {"Snr": 10 if bad else 40, "C50": 45, "Clipping": 0, "Duration": 640.5, "Wer": 0.93}
    return {"Snr": {"Value": 10 if bad else 40, "Passed": not bad}}


_STAGES: Final = [("SUBMIT", "PROCESSING"), ("AUDIT", "PROCESSING"), ("AUDIT", "SUCCESS"), ("TRAIN", "PROCESSING")]


def _progress(backend: Backend, payload: dict[str, Any]) -> Response:
    """A task one step further with every look; what is no photo waits for the demo to be confirmed."""
    task = backend.tasks.get(str(payload.get("TaskId")))
    if task is None:
        return _said(backend, {}, 110006, "record not found")
    task["looks"] += 1
    if "failme" in task["AnchorName"]:
        return _said(backend, {"Status": "FAIL", "StageV2": "AUDIT", "StatusV2": "FAIL", "FailMessage": "material"})
    if task["looks"] <= len(_STAGES):
        stage, state = _STAGES[task["looks"] - 1]
        return _said(backend, {"Status": "MAKING", "StageV2": stage, "StatusV2": state, "FailMessage": ""})
    if task["kind"] != "IMAGE_PHOTO" and task["decided"] is None:
        return _said(backend, {"Status": "MAKING", "StageV2": "CONFIRM", "StatusV2": "WAIT_PROCESS", "FailMessage": ""})
    if task["decided"] == "REJECT":
        return _said(backend, {"Status": "FAIL", "StageV2": "CONFIRM", "StatusV2": "FAIL", "FailMessage": "rejected"})
    return _said(backend, {"Status": "SUCCESS", "StageV2": "END", "StatusV2": "SUCCESS", "FailMessage": ""})


def _confirm(backend: Backend, payload: dict[str, Any]) -> Response:
    task = backend.tasks.get(str(payload.get("TaskId")))
    if task is None:
        return _said(backend, {}, 110006, "record not found")
    operate, reason = payload.get("Operate"), str(payload.get("Reason", ""))
    if operate not in ("AGREE", "REJECT") or (operate == "REJECT" and not 1 <= len(reason) <= 300):
        return _said(backend, {}, 100002, "Operate or Reason")
    if task["looks"] <= len(_STAGES) or task["decided"]:
        return _said(backend, {}, 100005, "the demo does not wait for a confirmation")
    task["decided"] = operate
    return _said(backend, {})
