"""Tencent's tasks: the optional checks, the make request, its progress and the confirmation of its demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.upload.destination import Tools, Unit
from pipeline.upload.retry import Patience, Retryable, Waiting, retry
from pipeline.upload.tencent.error_codes import DETECTION, told
from pipeline.upload.tencent.evaluation import shortcomings
from pipeline.upload.transfer import Refused, Unknown

MANAGER: Final = "/v2/ivh/assetmanager/customservice/"
_FREE: Final = frozenset({"IMAGE_PHOTO", "ZERO_SHOT_VOICE"})  # make types that need no authorisation
# folder -> where to ask, what to ask, where to look, the field with the URL, the switch in the order
CHECKS: Final = {
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
# StageV2 in words
_STAGES: Final = {
    "SUBMIT": Text("submitted", "已提交"),
    "AUDIT": Text("in review", "审核中"),
    "PROCESS": Text("footage is processed", "素材处理中"),
    "TRAIN": Text("in training", "训练中"),
    "CONFIRM": Text("the demo", "效果确认"),
    "END": Text("ended", "已结束"),
}


class Call(Protocol):
    """A signed call; the payload of its answer. Raises Refused, Unknown, UploadError."""

    def __call__(self, path: str, payload: dict[str, Any], *, again: bool = True) -> dict[str, Any]: ...


def check(
    call: Call, order: dict[str, Any], unit: Unit, folder: str, url: str, tools: Tools, patience: Patience
) -> dict[str, Any] | None:
    """The platform's own check of a file, where the order asks for it. Raises UploadError when it fails."""
    if folder not in CHECKS or not order.get(CHECKS[folder][4]):
        return None
    base, ask, look, field, _ = CHECKS[folder]
    payload: dict[str, Any] = {field: url}
    if folder == "photo":
        payload["CheckerVersion"] = order.get("CheckerVersion", 1)
    else:
        payload |= {key: order[key] for key in ("Language", "ReferenceText", "TextId") if key in order}
    tools.journal.begin(unit.key, ask)
    task = call(base + ask, payload).get("TaskId")
    waiting = _waiting(patience, tools)
    while True:
        ended = call(base + look, {"TaskId": task})
        state = _state(ended)
        if state in ("SUCCESS", "FAIL", "FAILED"):
            break
        if waiting.over():
            raise UploadError(
                f"{ask}: the check has not ended yet ({state}); run again to ask",
                f"{ask}：检测尚未结束（{state}），稍后重新运行即可查询",
            )
    tools.journal.end(unit.key, ask)
    detection = ended.get("DetectionCode", 0)
    if state != "SUCCESS" or detection != 0:
        code = str(ended.get("ErrorCode") or ended.get("Code") or detection)
        text = (DETECTION.get(detection) if detection else None) or told(base, code)
        raise UploadError(f"{ask}: {state} {code}: {text.en}", f"{ask}：{state} {code}：{text.zh}")
    result = ended.get("Result")
    language, words = str(order.get("Language", "chi")), bool({"ReferenceText", "TextId"} & set(order))
    short = shortcomings(folder, result if isinstance(result, dict) else {}, language, text=words)
    if short:
        raise UploadError(
            f"{ask}: {'; '.join(one.en for one in short)}", f"{ask}：{'；'.join(one.zh for one in short)}"
        )
    return ended


def _waiting(patience: Patience, tools: Tools) -> Waiting:
    return Waiting(tools.wait, patience.first / 2, patience.cap)


def _state(answer: dict[str, Any]) -> str:
    """The state of a task: the table says TaskState, the sample Status (T7)."""
    return str(answer.get("TaskState") or answer.get("Status") or "")


def payload(
    order: dict[str, dict[str, Any]], unit: Unit, urls: dict[str, str], audio_id: str | None, *, dry: bool = False
) -> dict[str, Any]:
    """The make request from the order and the URLs of what was sent. Raises UsageError."""
    made = dict(order["make"])
    kind = made["MakeType"]
    speed = made.pop("Speed", None)
    if speed is not None:
        made["TimbreInfo"] = {"Speed": speed}
    for item in unit.items:
        for file in item.files:
            url = "{url}" if dry else urls[f"{item.folder}/{file.name}"]
            pdf = Path(file.name).suffix.lower() == ".pdf"
            field = ("IdentityWrittenCosUrl" if pdf else "IdentityCosUrl") if item.folder == "idcard" else ""
            field = field or ("" if item.folder == "zeroshot" else "MaterialCosUrl")
            if field:
                made.setdefault(field, url)
    if kind == "ZERO_SHOT_VOICE":
        checked = audio_id or ("{AudioId}" if dry and order.get("check", {}).get("zeroshot") else None)
        if checked:
            made.setdefault("AudioId", checked)
    wrong = [
        (kind not in _FREE and not {"IdentityCosUrl", "IdentityWrittenCosUrl"} & set(made), "IdentityCosUrl"),
        (kind != "ZERO_SHOT_VOICE" and "MaterialCosUrl" not in made, "MaterialCosUrl"),
        (kind == "ZERO_SHOT_VOICE" and "AudioId" not in made, "AudioId (or [check] zeroshot = true)"),
    ]
    for missing, name in wrong:
        if missing:
            raise UsageError(
                f"order: [make] {kind} wants {name}: a file of the manifest or a URL in the order",
                f"订单：[make] {kind} 缺少 {name}：可来自清单中的文件或在订单中填写",
            )
    return made


def make(call: Call, body: dict[str, Any], unit: Unit, tools: Tools, patience: Patience) -> str:
    """Order it, once; the task. Raises UploadError."""
    task = tools.journal.facts(unit.key).get("task_id")
    if task:
        return str(task)
    doubt = tools.journal.open(unit.key, "make")

    def attempt(_: int) -> Any:
        nonlocal doubt
        tools.journal.begin(unit.key, "make")
        try:
            return call(MANAGER + "make", body, again=False).get("TaskId")
        except Unknown as error:  # repeated under the same AnchorName, which is taken only once
            doubt = True
            raise Retryable(error) from None
        except Refused as error:
            if not doubt:
                tools.journal.end(unit.key, "make")
                raise
            raise UploadError(
                f"make: an answer was lost, and now the platform says: {error} The order was probably taken: "
                f"look for {body['AnchorName']!r} in the console before ordering again.",
                f"make：此前的应答丢失，现平台返回：{error.text.zh}。订单可能已被受理："
                f"请先在控制台查找 {body['AnchorName']!r}。",
            ) from None

    task = retry(patience, attempt)
    tools.journal.end(unit.key, "make", task_id=task)
    return str(task)


def follow(
    call: Call, task: str, decision: dict[str, Any] | None, unit: Unit, tools: Tools, patience: Patience
) -> tuple[str, Text, dict[str, Any]]:
    """Look at a task until it has ended, wants its demo confirmed, or time is over: status, words, the last answer.

    Every change of stage is told. With a `decision` the demo is agreed to or rejected. Raises UploadError.
    """
    waiting, shown = _waiting(patience, tools), ""
    while True:
        progress = call(MANAGER + "getprogress", {"TaskId": task})
        status, stage, state = (str(progress.get(key, "")) for key in ("Status", "StageV2", "StatusV2"))
        words = _STAGES.get(stage, Text(stage.lower(), stage))
        said = Text(f"make {task}: {words.en} ({stage} {state})", f"make {task}：{words.zh}（{stage} {state}）")
        if said.en != shown:
            shown = said.en
            tools.told(unit.name, said)
        if status == "FAIL" or state == "FAIL":
            why = progress.get("FailMessage")
            raise UploadError(
                f"make {task}: failed in {stage}: {why or 'no reason given'}. Correct what it names, and order again "
                f"under another AnchorName.",
                f"make {task}：在 {stage} 阶段失败：{why or '平台未说明原因'}。请修正后更换 AnchorName 重新下单。",
            )
        if status == "SUCCESS":
            return "sent", Text("made", "制作完成"), progress
        if (stage, state) == ("CONFIRM", "WAIT_PROCESS"):
            if decision is None:
                asked = Text(
                    'the demo waits for you: look at it in the console, then run again with Operate = "AGREE" or '
                    '"REJECT" under [confirm] in the order',
                    '效果视频等待确认：请在控制台查看后，在订单 [confirm] 中写 Operate = "AGREE" 或 "REJECT" 重新运行',
                )
                return "pending", asked, progress
            _confirm(call, task, decision, unit, tools)
        if waiting.over():
            later = Text(f"{said.en}; run again to ask", f"{said.zh}；稍后重新运行即可查询")
            return "pending", later, progress


def _confirm(call: Call, task: str, decision: dict[str, Any], unit: Unit, tools: Tools) -> None:
    """Agree to the demo or reject it. After a lost answer the progress says whether it was heard."""
    tools.journal.begin(unit.key, f"confirm {decision['Operate']}")
    try:
        call(MANAGER + "customerconfirm", {"TaskId": task} | decision, again=False)
    except Unknown:  # the next look at the progress says whether it was heard; if not, it is said again
        return
    tools.journal.end(unit.key, f"confirm {decision['Operate']}")
