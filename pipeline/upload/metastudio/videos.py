"""The video of a script (MS-API 5.3): ordered once, followed to its end, fetched, held against the platform's record.

A task is found again by its script: one video is made of each.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.errors import UploadError
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.storage.digest import content_md5
from pipeline.upload import fetch
from pipeline.upload.destination import Receipt, Tools, Unit
from pipeline.upload.metastudio.api import Api
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Retryable, Waiting, retry
from pipeline.upload.transfer import Unknown

_MADE: Final = frozenset({"SUCCEED", "SUCCESS"})
_FOLDER: Final = "video"  # beside the manifest


class Task(Struct, frozen=True):
    """A kind of video: the calls that order it and look at it."""

    order: str
    show: str


SCRIPTED: Final = Task("create2_d_digital_human_video", "show2_d_digital_human_video")


def plan(api: Api, task: Task = SCRIPTED) -> list[str]:
    """The calls."""
    return [
        f"GET {api.path('list_digital_human_video')}?script_id={{script_id}}",
        f"POST {api.path(task.order)}",
        f"GET {api.path(task.show)} until SUCCEED",
        f"GET {api.path('show_asset')} and its download_url",
    ]


def asked(order: Fields) -> Fields:
    """What the table [video] of an order says, as the body of "create video" has it."""
    body = {key: value for key, value in order.items() if key != "asset_name"}
    return body | ({"output_asset_config": {"asset_name": order["asset_name"]}} if "asset_name" in order else {})


def made(
    api: Api, body: Fields, script: str, unit: Unit, tools: Tools, so_far: Receipt, task: Task = SCRIPTED
) -> Receipt:
    """Order the video of a script, or go on with what is ordered: the receipt of the script with what came of it.

    Raises UploadError.
    """
    job = _ordered(api, body | {"script_id": script}, unit, tools, task)
    waiting, shown = Waiting(tools.wait), ""
    while True:
        told = api.call(task.show, what="query video", gives=("state",), job_id=job)
        state = told.word("state")
        if state != shown:
            shown = state
            tools.told(unit.name, Text(f"video {job}: {state}", f"视频 {job}：{state}"))
        ids = so_far.ids | {"video_job_id": job, "video_state": state}
        if state in _MADE:
            return _fetched(api, told, unit, tools, Receipt(so_far.status, Text("", ""), ids, so_far.verified))
        if state in ("FAILED", "CANCELED", "BLOCK"):
            why = told.one("error_info")
            said = f"{why.text('error_code')} {why.text('error_msg')}".strip() or "no reason given"
            tools.journal.end(unit.key, "video ended", video_job=None)
            raise UploadError(
                f"{unit.name}: video {job}: the platform says {state}: {said}. Correct the script, and run again.",
                f"{unit.name}：视频 {job} 状态为 {state}：{said}。请修正剧本后重新运行。",
            )
        if waiting.over():
            later = Text(f"video {job}: {state}; run again to ask", f"视频 {job}：{state}；稍后重新运行即可查询")
            return Receipt("pending", later, ids, so_far.verified)


def _ordered(api: Api, body: Fields, unit: Unit, tools: Tools, task: Task) -> str:
    """The task of this script: known, found at the platform, or ordered now."""
    known = tools.journal.facts(unit.key).get("video_job")
    if known:
        return str(known)

    def attempt(_: int) -> str:
        of = {"script_id": body["script_id"]}
        for one in api.listed("list_digital_human_video", "jobs", of, what="query videos"):
            if one.word("state") not in ("FAILED", "CANCELED", "BLOCK"):
                return one.must("job_id")
        tools.journal.begin(unit.key, "order video")
        try:
            return api.call(task.order, body, what="order video", gives=("job_id",), again=False).must("job_id")
        except Unknown as error:  # the next attempt looks for it first
            raise Retryable(error) from None

    job = retry(api.caller.patience, attempt)
    tools.journal.end(unit.key, "order video", video_job=job)
    return job


def _fetched(api: Api, told: Reply, unit: Unit, tools: Tools, receipt: Receipt) -> Receipt:
    """The finished video beside the manifest, its size and MD5 those of the library's record. Raises UploadError."""
    asset_id = told.one("output_asset_config").must("asset_id")
    asset = api.call("show_asset", what="query asset", gives=("asset_state",), asset_id=asset_id)
    main = next((one for one in asset.many("files") if one.text("asset_file_category") == "MAIN"), None)
    if main is None:
        raise UploadError(
            f"{unit.name}: the finished video {asset_id} has no main file in the library",
            f"{unit.name}：成品视频 {asset_id} 在资产库中没有主文件",
        )
    target = unit.items[0].beside / _FOLDER / f"{asset_id}-{fetch.name_of(main.text('file_name'), 'video.mp4')}"
    size = fetch.fetched(api.caller, main.must("download_url"), target, what=f"video {asset_id}")
    md5 = content_md5(target)
    if size != (main.number("file_size") or size) or md5 != (main.text("file_md5") or md5):
        target.unlink()
        raise UploadError(
            f"{target.name}: {size} bytes, MD5 {md5} came; the platform's record says {main.number('file_size')}, "
            f"{main.text('file_md5')}. It was thrown away; run again.",
            f"{target.name}：收到 {size} 字节，MD5 {md5}；平台记录为 {main.number('file_size')}，"
            f"{main.text('file_md5')}。已丢弃，请重新运行。",
        )
    tools.journal.end(unit.key, "video", video=str(target))
    receipt.ids |= {"video_asset_id": asset_id, "video": str(target)}
    receipt.verified = [*receipt.verified, {"name": str(target), "size": size, "md5": md5}]
    receipt.message = Text(f"the video is made: {target}", f"视频已完成：{target}")
    return receipt
