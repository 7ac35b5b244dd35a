"""Tencent's tasks: the make request, its progress, the demo that waits for a person, and what is decided about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Protocol

from pipeline.documents.upload import Delivery
from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload.destination import Tools, Unit
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Patience, Retryable, Waiting, retry
from pipeline.upload.tencent.protocol import TABLES
from pipeline.upload.transfer import Refused, Unknown

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
    """A signed call of the tables; the payload of its answer. Raises Refused, Unknown, UploadError."""

    def __call__(self, name: str, payload: Fields, *, gives: tuple[str, ...] = (), again: bool = True) -> Reply: ...


def looks(patience: Patience, tools: Tools) -> Waiting:
    """Looks at a task until the time for its verdict is over."""
    return Waiting(tools.wait, patience.first / 2, patience.cap)


def make(call: Call, body: Fields, unit: Unit, tools: Tools, patience: Patience) -> str:
    """Order it, once; the task. Raises UploadError."""
    task = tools.journal.facts(unit.key).get("task_id")
    if task:
        return str(task)
    doubt = tools.journal.open(unit.key, "make")

    def attempt(_: int) -> str:
        nonlocal doubt
        tools.journal.begin(unit.key, "make")
        try:
            return call("make", body, gives=("TaskId",), again=False).must("TaskId")
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
    return task


def follow(
    call: Call,
    task: str,
    decision: Fields | None,
    unit: Unit,
    tools: Tools,
    patience: Patience,
    bring: Callable[[list[str]], list[str]],
) -> tuple[Delivery, Text, Fields]:
    """Look at a task until it has ended, wants its demo confirmed, or time is over: status, words, what is known of it.

    Every change of stage is told. With a `decision` the demo is agreed to or rejected; without one it is fetched
    (`bring`: addresses -> files) and shown. Raises UploadError.
    """
    waiting, shown = looks(patience, tools), ""
    while True:
        progress = call("getprogress", {"TaskId": task}, gives=("Status",))
        status = progress.word("Status")
        stage, state = (progress.word(key) if progress.text(key) else "" for key in ("StageV2", "StatusV2"))
        words = _STAGES.get(stage, Text("-", "-"))
        said = Text(f"make {task}: {words.en} ({stage} {state})", f"make {task}：{words.zh}（{stage} {state}）")
        if said.en != shown:
            shown = said.en
            tools.told(unit.name, said)
        if status == "FAIL" or state == "FAIL":
            why = progress.text("FailMessage")
            raise UploadError(
                f"make {task}: failed in {stage}: {why or 'no reason given'}. Correct what it names, and order again "
                f"under another AnchorName.",
                f"make {task}：在 {stage} 阶段失败：{why or '平台未说明原因'}。请修正后更换 AnchorName 重新下单。",
            )
        known = {"progress": told({k: v for k, v in progress.raw.items() if k != "StageInfo"})}
        if status == "SUCCESS":
            return "sent", Text("made", "制作完成"), known
        if (stage, state) == ("CONFIRM", "WAIT_PROCESS"):
            if decision is None:
                files = bring(demo(progress))
                there = ", ".join(files) or "-"
                asked = Text(
                    f"the demo waits for you: {there}. Look at it or listen to it, then run again with "
                    f'Operate = "AGREE" or "REJECT" under [confirm] in the order',
                    f"效果等待您确认：{there}。请观看或试听后，"
                    f'在订单 [confirm] 中写 Operate = "AGREE" 或 "REJECT" 重新运行',
                )
                return "waiting", asked, known | {"demo": files}
            _confirm(call, task, decision, unit, tools)
        if waiting.over():
            later = Text(f"{said.en}; run again to ask", f"{said.zh}；稍后重新运行即可查询")
            return "pending", later, known


def told(value: Any) -> Any:
    """What of an answer is recorded: addresses without their query, which is a key."""
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items()}
    if isinstance(value, list):
        return [told(one) for one in value]
    return value.partition("?")[0] if isinstance(value, str) and value.startswith("http") else value


def demo(progress: Reply) -> list[str]:
    """Addresses of the demo that waits: StageInfo is JSON in a text. Raises UploadError when it is not."""
    told = progress.text("StageInfo")
    if not told:
        return []
    fields, table = TABLES.rows("CustomerConfirmContent")
    try:
        content = json.loads(told)
    except (ValueError, RecursionError):  # read as an answer without fields: what is needed is said to be missing
        content = {}
    return [str(url) for url in Reply(TABLES, fields, content, table).each("TrainResult")]


def _confirm(call: Call, task: str, decision: Fields, unit: Unit, tools: Tools) -> None:
    """Agree to the demo or reject it. After a lost answer the progress says whether it was heard."""
    tools.journal.begin(unit.key, f"confirm {decision['Operate']}")
    try:
        call("customerconfirm", {"TaskId": task} | decision, again=False)
    except Unknown:  # the next look at the progress says whether it was heard; if not, it is said again
        return
    tools.journal.end(unit.key, f"confirm {decision['Operate']}")
