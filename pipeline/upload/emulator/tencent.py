"""Tencent's customisation services as TX-Custom describes them."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pipeline.model.fields import Fields
from pipeline.upload.emulator import cos
from pipeline.upload.emulator.backend import Backend
from pipeline.upload.emulator.messages import Request, Response
from pipeline.upload.tencent import signing
from pipeline.upload.tencent.protocol import TABLES

_WINDOW: Final = 300.0  # seconds; the documents say "now" and give no window
_FREE: Final = frozenset({"IMAGE_PHOTO", "ZERO_SHOT_VOICE"})  # need no authorisation
_NAMES: Final = {row.path: name for name, row in TABLES.calls.items()}
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
    name = _NAMES.get(request.path, "")
    if not name:
        return Response(404)
    wrong = TABLES.wrong(name, "body", payload)
    if wrong:
        return _said(backend, {}, 100001, wrong[0].text.en)
    if name == "getuploadcredentials":
        answer = _said(backend, cos.credentials(backend, query["appkey"]))
    else:
        answer = _HANDLERS[name](backend, payload)
    backend.transcript.append((name, payload, answer.status, json.loads(answer.body)))
    return answer


def _held(backend: Backend, url: str) -> bool:
    split = urlsplit(url)
    return cos.mine(split.netloc) and unquote(split.path).lstrip("/") in backend.objects


def _task(backend: Backend, payload: Fields, url: str, folder: str) -> Response:
    if f"/{folder}/" not in url or not _held(backend, url):
        return _said(backend, {}, 200002 if folder == "photo" else 100002, "the file cannot be downloaded")
    task = str(payload.get("RequestId") or backend.new_id("task"))
    backend.tasks.setdefault(task, {"looks": 0, "url": url, "asked": payload})
    return _said(backend, {"TaskId": task})


def _face(backend: Backend, payload: Fields) -> Response:
    return _task(backend, payload, payload["ImageUrl"], "photo")


def _audio(backend: Backend, payload: Fields) -> Response:
    if payload["AudioUrl"].lower().endswith(".zip"):
        return _said(backend, {}, 100002, "AudioUrl is no recording")
    return _task(backend, payload, payload["AudioUrl"], "audio")


def _zeroshot(backend: Backend, payload: Fields) -> Response:
    if {"TextId", "ReferenceText"} <= payload.keys():
        return _said(backend, {}, 100002, "TextId or ReferenceText")
    return _task(backend, payload, payload["AudioUrl"], "zeroshot")


def _looked(backend: Backend, payload: Fields) -> Fields | None:
    """A check one step further with every look."""
    task = backend.tasks.get(payload["TaskId"])
    if task is not None:
        task["looks"] += 1
    return task


def _face_state(backend: Backend, payload: Fields) -> Response:
    task = _looked(backend, payload)
    if task is None:
        return _said(backend, {}, 200003, "no such task")
    told: Fields = {"TaskId": payload["TaskId"], "TaskState": "PROCESSING" if task["looks"] < 2 else "SUCCESS"}
    if told["TaskState"] == "SUCCESS" and "badquality" in task["url"]:
        return _said(backend, told | {"TaskState": "FAILED", "ErrorCode": 300001, "ErrorMsg": "no face"})
    if told["TaskState"] == "SUCCESS":
        box = {"Left": 85, "Top": 103, "Width": 320, "Height": 406}
        face: Fields = {"Box": box, "Rotation": -7, "Score": 1}
        if task["asked"].get("CheckerVersion") == 2:
            face |= {"Yaw": 11.4, "Pitch": -3.9, "AreaRatio": 0.49, "FaceRadio": 0, "FeatureRadio": 0, "MaxCrop": box}
        passed = "turnedaway" not in task["url"]
        told |= {"ErrorCode": 0, "ErrorMsg": "", "IsPassDetect": passed, "Faces": [face]}
    return _said(backend, told)


def _audio_state(backend: Backend, payload: Fields) -> Response:
    """By a name of its own a recording is answered for as the sample of the documents does, with Status."""
    task = _looked(backend, payload)
    if task is None:
        return _said(backend, {}, 110006, "no such task")
    state = "Status" if "samplestate" in task["url"] else "TaskState"
    if task["looks"] < 2:
        return _said(backend, {state: "QUEUING"})
    bad, most = "badquality" in task["url"], 2147483600
    measured = {
        "Snr": (10 if bad else 40, [25, most]),
        "C50": (45, [30, most]),
        "Clipping": (0, [-most, 10]),
        "Duration": (640.5, [300, most]),
        "Wer": (0.93, [0.85, 1]),
    }
    result = {k: {"Value": v, "QualifiedRange": span, "Description": k} for k, (v, span) in measured.items()}
    return _said(backend, {state: "SUCCESS", "Result": result, "ErrorMsg": ""})


def _zeroshot_state(backend: Backend, payload: Fields) -> Response:
    task = _looked(backend, payload)
    if task is None:
        return _said(backend, {}, 110006, "no such task")
    if task["looks"] < 2:
        return _said(backend, {"TaskState": "PROCESSING"})
    bad = "badquality" in task["url"]
    verdict = {"DetectionCode": -3, "DetectionMsg": "noise"} if bad else {"DetectionCode": 0, "DetectionMsg": "success"}
    return _said(backend, {"TaskState": "SUCCESS", "AudioId": "audio-" + task["url"][-12:]} | verdict)


def _texts(backend: Backend, _payload: Fields) -> Response:
    return _said(backend, {"Texts": [{"TextId": "text-1", "Text": "one sentence to read"}]})


def _make(backend: Backend, payload: Fields) -> Response:
    kind, name = payload.get("MakeType"), str(payload.get("AnchorName", ""))
    urls: list[str] = [str(payload[key]) for key in payload if key.endswith("CosUrl") or key == "VoiceDriverCosFile"]
    if not _NAME.fullmatch(name):
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
    backend.tasks[task] |= {"asked": payload, "base": backend.base}
    return _said(backend, {"TaskId": task})


_STAGES: Final = [("SUBMIT", "PROCESSING"), ("AUDIT", "PROCESSING"), ("AUDIT", "SUCCESS"), ("TRAIN", "PROCESSING")]


def _progress(backend: Backend, payload: Fields) -> Response:
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
        urls = [f"{task['base']}/_sandbox/demo/{payload['TaskId']}.mp4"]
        info = json.dumps({"TrainResult": urls, "RejectReason": "", "TrainRecord": []})
        waits = {"Status": "MAKING", "StageV2": "CONFIRM", "StatusV2": "WAIT_PROCESS", "FailMessage": ""}
        return _said(backend, waits | {"StageInfo": info})
    if task["decided"] == "REJECT":
        return _said(backend, {"Status": "FAIL", "StageV2": "CONFIRM", "StatusV2": "FAIL", "FailMessage": "rejected"})
    asset: Fields = {"MakeType": task["kind"]}
    voice = task["kind"] in ("VOICE", "ZERO_SHOT_VOICE")
    asset |= {"TimbreKey": payload["TaskId"]} if voice else {"VirtualmanKey": payload["TaskId"], "Resolution": "1080"}
    ended = {"Status": "SUCCESS", "StageV2": "END", "StatusV2": "SUCCESS", "FailMessage": ""}
    return _said(backend, ended | {"AssetList": [asset]})


def _confirm(backend: Backend, payload: Fields) -> Response:
    task = backend.tasks.get(str(payload.get("TaskId")))
    if task is None:
        return _said(backend, {}, 110006, "record not found")
    operate = payload["Operate"]
    if operate == "REJECT" and not payload.get("Reason"):
        return _said(backend, {}, 100002, "Operate or Reason")
    if task["looks"] <= len(_STAGES) or task["decided"]:
        return _said(backend, {}, 100005, "the demo does not wait for a confirmation")
    task["decided"] = operate
    return _said(backend, {})


_HANDLERS: Final[dict[str, Callable[[Backend, Fields], Response]]] = {
    "make": _make,
    "getprogress": _progress,
    "customerconfirm": _confirm,
    "facedetect": _face,
    "getfacedetectstate": _face_state,
    "audioevaluation": _audio,
    "getaudioevaluationstate": _audio_state,
    "gettext": _texts,
    "detectaudioquality": _zeroshot,
    "getdetectprogress": _zeroshot_state,
}
