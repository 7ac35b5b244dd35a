"""The platform's own checks of a file before it is ordered from: faces of a photo, quality of a recording."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import Tools, Unit
from pipeline.upload.items import Item
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Patience
from pipeline.upload.tencent.error_codes import DETECTION, told
from pipeline.upload.tencent.evaluation import shortcomings
from pipeline.upload.tencent.order import CHECKS, MADE
from pipeline.upload.tencent.protocol import TABLES
from pipeline.upload.tencent.tasks import Call, looks


class PlatformCheck(Struct, frozen=True):
    """One check: what is asked, where its end is looked at, the field of the address, fields the order may add."""

    ask: str
    look: str
    address: str
    more: tuple[str, ...]


# switch in the order -> its check
_CHECKS: Final = {
    "face": PlatformCheck("facedetect", "getfacedetectstate", "ImageUrl", ("CheckerVersion",)),
    "audio": PlatformCheck("audioevaluation", "getaudioevaluationstate", "AudioUrl", ("ReferenceText", "Language")),
    "zeroshot": PlatformCheck(
        "detectaudioquality", "getdetectprogress", "AudioUrl", ("ReferenceText", "TextId", "Language")
    ),
}


def asked(order: Fields, item: Item) -> PlatformCheck | None:
    """The check of this file, where the order asks for one. Raises UsageError for what no check takes."""
    switch = CHECKS.get(item.preset, ("",))[0]
    if not order.get(switch):
        return None
    if switch == "audio" and item.kind == "archive":
        raise UsageError(
            f"order: [check] audio: {item.source} is a package; the check takes one recording (Audio evaluation task "
            f"creation). Take audio out of [check].",
            f"订单：[check] audio：{item.source} 是压缩包；该检测只接受单个录音。请从 [check] 中删除 audio。",
        )
    extra = sorted(key for key in ("TextId",) if key in order and key not in _CHECKS[switch].more)
    if extra:
        raise UsageError(
            f"order: [check] {extra[0]} is for zeroshot alone; for audio write ReferenceText",
            f"订单：[check] {extra[0]} 仅用于 zeroshot；audio 请用 ReferenceText",
        )
    return _CHECKS[switch]


def idle(order: Fields, items: Sequence[Item]) -> None:
    """Whether every check that the order asks for has a file, and every field a check. Raises UsageError."""
    known = {CHECKS[item.preset][0] for item in items if item.preset in CHECKS}
    for name in order:
        takes = {switch for switch, check in _CHECKS.items() if name == switch or name in check.more}
        if takes & known and (name in _CHECKS or any(order.get(switch) for switch in takes & known)):
            continue
        if name in _CHECKS and not order[name]:
            continue
        wants = " / ".join(f"{switch} = true" for switch in sorted(takes)) if name not in _CHECKS else ""
        raise UsageError(
            f"order: [check] {name} has no effect: " + (f"it wants {wants}" if wants else "no file here is checked so"),
            f"订单：[check] {name} 不起作用：" + (f"需要同时写 {wants}" if wants else "此处没有可这样检测的文件"),
        )


def run(call: Call, order: Fields, unit: Unit, item: Item, url: str, tools: Tools, patience: Patience) -> Reply | None:
    """The platform's verdict, where the order asks for it. Raises UploadError."""
    check = asked(order, item)
    if check is None:
        return None
    body: Fields = {check.address: url} | {key: order[key] for key in check.more if key in order}
    if check.ask == "facedetect":
        edition = MADE[item.preset][1] or 0  # the fast edition has version 1 of the check, the premium one version 2
        body |= {"RequestId": str(uuid.uuid4()), "CheckerVersion": order.get("CheckerVersion", edition + 1)}
    tools.journal.begin(unit.key, check.ask)
    task = call(check.ask, body, gives=("TaskId",)).must("TaskId")
    waiting = looks(patience, tools)
    while True:
        ended = call(check.look, {"TaskId": task})
        state = _state(check, ended)
        if state in ("SUCCESS", "FAIL", "FAILED"):
            break
        if waiting.over():
            raise UploadError(
                f"{check.ask}: the check has not ended yet ({state}); run again to ask",
                f"{check.ask}：检测尚未结束（{state}），稍后重新运行即可查询",
            )
    tools.journal.end(unit.key, check.ask)
    why = _against(check, ended, state, order)
    if why:
        raise UploadError(
            f"{check.ask}: {item.files[0].name}: " + "; ".join(one.en for one in why),
            f"{check.ask}：{item.files[0].name}：" + "；".join(one.zh for one in why),
        )
    return ended


def _state(check: PlatformCheck, answer: Reply) -> str:
    """The state of a task: the tables say TaskState, the sample of the audio evaluation Status (T7)."""
    status = check.ask == "audioevaluation" and not answer.text("TaskState")
    return answer.word("Status" if status else "TaskState")


def _against(check: PlatformCheck, ended: Reply, state: str, order: Fields) -> list[Text]:
    """What the platform has against a file; nothing only where its answer says so."""
    if check.ask == "facedetect":
        code = ended.text("ErrorCode")
        if state != "SUCCESS":
            means = told(TABLES.calls[check.ask].path, code)
            return [Text(f"{state} {code}: {means.en}", f"{state} {code}：{means.zh}")]
        if ended.flag("IsPassDetect") is not True:
            said = _faces(ended)
            return [Text(f"the photo did not pass ({said})", f"照片未通过人脸检测（{said}）")]
        return []
    if state != "SUCCESS":
        said = ended.text("ErrorMsg" if check.ask == "audioevaluation" else "DetectionMsg") or "no reason given"
        return [Text(f"{state}: {said}", f"{state}：{said}")]
    if check.ask == "detectaudioquality":
        detection = ended.number("DetectionCode")
        if detection == 0 and ended.must("AudioId"):
            return []
        code, said = str(detection), ended.text("DetectionMsg")
        means = DETECTION.get(int(detection or 0), Text("not passed", "未通过"))
        return [Text(f"{code}: {means.en} ({said})", f"{code}：{means.zh}（{said}）")]
    return shortcomings(ended.one("Result"), str(order.get("Language", "chi")), text="ReferenceText" in order)


def _faces(ended: Reply) -> str:
    """What was measured of each face, as the platform names it."""
    keys = ("Rotation", "Yaw", "Pitch", "AreaRatio", "FaceRadio", "FeatureRadio")
    faces = ended.many("Faces")
    rows = [", ".join(f"{key} {face.number(key):g}" for key in keys if face.number(key) is not None) for face in faces]
    return f"{len(faces)} faces" + (f": {'; '.join(rows)}" if faces else "")
