"""The library of MetaStudio, beyond uploads: an asset shown, changed, put into the bin, taken out, copied to another
region (MS-API 4.1.3 to 4.1.10); a voice listened to before it speaks a script (10).

An asset is deleted by its id and by the name that it has: a wrong id deletes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import UploadError, UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.model.fields import Fields
from pipeline.upload import fetch
from pipeline.upload.credentials import Secrets
from pipeline.upload.destination import Action, ActionInput, Do, Done, Target
from pipeline.upload.items import MARKER
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.asset_files import shown
from pipeline.upload.metastudio.fields import checked
from pipeline.upload.protocol import Reply
from pipeline.upload.retry import Patience, Waiting
from pipeline.upload.transfer import Refused, Unknown

ACTIONS: Final = {
    "show": Action("ASSET_ID...", Text("tells how assets stand", "查看资产"), most=None),
    "update": Action(
        "ASSET_ID... --order FILE", Text("changes what [update] says", "按 [update] 修改资产"), "update", most=None
    ),
    "delete": Action("ASSET_ID --name NAME [--for-good]", Text("puts an asset into the bin", "将资产放入回收站")),
    "restore": Action("ASSET_ID...", Text("takes assets out of the bin", "从回收站恢复资产"), most=None),
    "copy": Action(
        "ASSET_ID... --into REGION", Text("copies assets to another region", "复制资产到其他区域"), most=None
    ),
    "audition": Action(
        "TEXT_FILE --order FILE",
        Text("speaks a text with the voice of [audition]", "用 [audition] 的音色试听文本"),
        "audition",
    ),
}
_GONE: Final = frozenset({"DELETING", "DELETED", "WAITING_DELETE"})
_SOUND: Final = "audition"  # folder beside the text
_TEXT: Final = 10_000  # characters; the limit of a scene without its tags (Table 5-11): the audition states none


@contextmanager
def doing(target: Target, secrets: Secrets) -> Iterator[Do]:
    """See `pipeline.upload.destinations.Upkeep`."""

    def api(region: str | None) -> Api:
        return Api(secrets, Patience(), region, target.project)

    with closing((here := api(target.region)).caller):

        def do(action: str, asked: ActionInput) -> Done:
            if action == "copy":
                if not asked.into:
                    raise UsageError("copy wants --into REGION", "copy 需要 --into 区域")
                with closing((there := api(asked.into)).caller):
                    return [_copied(here, there, one) for one in asked.what]
            return [_DO[action](here, one, asked) for one in asked.what]

        yield do


def _line(asset: Reply, zh: str, en: str) -> tuple[str, str, Text]:
    asset_id, state, name = asset.text("asset_id"), asset.word("asset_state"), asset.text("asset_name")
    return asset_id, state, Text(f"{name}: {en}", f"{name}：{zh}")


def _show(api: Api, asset_id: str, _asked: ActionInput) -> tuple[str, str, Text]:
    asset = shown(api, asset_id)
    files = ", ".join(f"{f.text('asset_file_category')} {f.text('file_name')}" for f in asset.many("files"))
    said = f"{asset.text('asset_type')} {files}".strip()
    return _line(asset, said, said)


def _updated(api: Api, asset_id: str, asked: ActionInput) -> tuple[str, str, Text]:
    """What the order says, and no more; the tag by which an upload finds its asset again stays."""
    said = {key: value for key, value in asked.order.get("system_properties", {}).items() if value}
    checked({**asked.order, "system_properties": said})
    names = {"description": "asset_description"}
    body: Fields = {names.get(key, key): value for key, value in asked.order.items()}
    if not body:
        raise UsageError("order: [update] says nothing", "订单：[update] 没有内容")
    if "tags" in body:
        ours = [tag for tag in shown(api, asset_id).each("tags") if MARKER.fullmatch(tag)]
        body["tags"] = [*body["tags"], *ours]
    if "system_properties" in body:
        body["system_properties"] = [
            {"key": key, "action": "ADD", "value": value} if value else {"key": key, "action": "DELETE"}
            for key, value in body["system_properties"].items()
        ]
    api.call("update_digital_asset", body, what="update asset", asset_id=asset_id)
    asset = shown(api, asset_id)
    for field in ("asset_name", "asset_description"):
        if field in body and asset.text(field) != body[field]:
            raise UploadError(
                f"{asset_id}: {field} is {asset.text(field)!r} after the update; asked was {body[field]!r}",
                f"{asset_id}：更新后 {field} 为 {asset.text(field)!r}，要求 {body[field]!r}",
            )
    changed = ", ".join(asked.order)
    return _line(asset, f"已修改 {changed}", f"changed {changed}")


def _deleted(api: Api, asset_id: str, asked: ActionInput) -> tuple[str, str, Text]:
    asset = shown(api, asset_id)
    name, kind, state = asset.text("asset_name"), asset.text("asset_type"), asset.word("asset_state")
    if asked.name != name:
        raise UsageError(
            f"{asset_id} is {name!r} ({kind}, {state}); nothing was deleted. Say so with --name {name!r} to delete it.",
            f"{asset_id} 是 {name!r}（{kind}，{state}），未删除。确认删除请加 --name {name!r}。",
        )
    query = {"mode": "force"} if asked.for_good else None
    try:
        api.call("delete_asset", query=query, what="delete asset", asset_id=asset_id)
    except Refused as error:
        if error.status != 404:  # it was there a moment ago: an earlier attempt's answer was lost
            raise
    now = _state(api, asset_id)
    if now not in _GONE:
        raise UploadError(f"{asset_id}: the platform still says {now}", f"{asset_id}：平台状态仍为 {now}")
    if asked.for_good:
        return asset_id, now, Text(f"{name}: deleted for good", f"{name}：已彻底删除")
    return (
        asset_id,
        now,
        Text(f"{name}: in the bin; `restore` takes it out", f"{name}：已放入回收站，可用 restore 恢复"),
    )


def _state(api: Api, asset_id: str) -> str:
    try:
        return shown(api, asset_id).word("asset_state")
    except Refused as error:
        if error.status != 404:
            raise
        return "DELETED"


def _restored(api: Api, asset_id: str, _asked: ActionInput) -> tuple[str, str, Text]:
    if shown(api, asset_id).word("asset_state") in _GONE:
        try:
            api.call("restore_asset", what="restore asset", asset_id=asset_id)
        except Refused:
            if shown(api, asset_id).word("asset_state") in _GONE:  # else an earlier attempt's answer was lost
                raise
    asset = shown(api, asset_id)
    if asset.word("asset_state") in _GONE:
        state = asset.word("asset_state")
        raise UploadError(f"{asset_id}: the platform still says {state}", f"{asset_id}：平台状态仍为 {state}")
    return _line(asset, "在用", "in use")


def _copied(here: Api, there: Api, asset_id: str) -> tuple[str, str, Text]:
    """Not repeated: each time makes a copy, and no answer names it (4.1.10)."""
    told = here.call("show_asset_replication_info", what="query copy", gives=("asset_info",), asset_id=asset_id)
    sealed = told.one("encryption_info")
    body: Fields = {"asset_id": told.must("asset_id"), "asset_info": told.must("asset_info")}
    body["encryption_info"] = {key: sealed.text(key) for key in ("algorithm", "key_id", "iv") if sealed.text(key)}
    if (until := told.number("expire_time")) is not None:
        body["expire_time"] = int(until)
    try:
        there.call("create_asset_by_replication_info", body, what="copy asset", again=False)
    except Unknown as error:
        raise UploadError(
            f"{asset_id}: {error} It may be copied: look into the library of {there.region} first.",
            f"{asset_id}：{error.text.zh}可能已复制：重试前请先查看 {there.region} 的资产库。",
        ) from None
    return asset_id, "COPIED", Text(f"copied to {there.region}", f"已复制到 {there.region}")


def _heard(api: Api, path: str, asked: ActionInput) -> tuple[str, str, Text]:
    """The sound of a text, as files beside it. Ordered once: a voice of others costs (10.1)."""
    text = _text(Path(path))
    names = {"voice_asset_id": "emotion"}
    body = {"text": text} | {names.get(key, key): value for key, value in asked.order.items()}
    told = api.call("create_tts_audition", body, what="order audition", gives=("job_id",), again=False)
    job, waiting = told.must("job_id"), Waiting(asked.wait, first=1.0)  # the documents advise five seconds (Table 10-9)
    while True:
        made = api.call("show_tts_audition_file", what="query audition", job_id=job)
        if made.flag("is_file_complete"):
            break
        if waiting.over():
            why = made.text("message")
            raise UploadError(f"audition {job}: not made yet {why}".strip(), f"试听 {job}：尚未完成 {why}".strip())
    found = []
    for number, file in enumerate(made.many("files"), 1):
        url = file.must("download_url")
        target = Path(path).parent / _SOUND / f"{fetch.name_of(job, 'job')}-{number}-{fetch.name_of(url, 'sound.wav')}"
        fetch.fetched(api.caller, url, target, what=f"audition {job}")
        found.append(str(target))
    if not found:
        why = made.text("message") or "no reason given"
        raise UploadError(f"audition {job}: no sound came: {why}", f"试听 {job}：没有生成音频：{why}")
    return path, "MADE", Text(", ".join(found), "、".join(found))


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        en, zh = (error.strerror, in_chinese(error)) if isinstance(error, OSError) else ("not UTF-8", "不是 UTF-8 编码")
        raise UsageError(f"{path}: {en}", f"{path}：{zh}") from None
    if not 1 <= len(text) <= _TEXT:
        raise UsageError(
            f"{path}: {len(text)} characters, wanted 1 to {_TEXT}", f"{path}：{len(text)} 字符，应为 1–{_TEXT}"
        )
    return text


_DO: Final[dict[str, Callable[[Api, str, ActionInput], tuple[str, str, Text]]]] = {
    "show": _show,
    "update": _updated,
    "delete": _deleted,
    "restore": _restored,
    "audition": _heard,
}
