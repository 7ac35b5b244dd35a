"""The MetaStudio asset library as MS-API chapter 4 describes it, beyond what its tables say."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.model.fields import Fields
from pipeline.upload.emulator.backend import Backend, Url, b64
from pipeline.upload.emulator.messages import Request, Response, fail, listed
from pipeline.upload.metastudio import fields

_ALIVE: Final = frozenset({"CREATING", "UPLOADED", "REVIEW", "CREATED"})
_NAME: Final = re.compile(r"[0-9A-Za-z_\-\u3400-\u4dbf\u4e00-\u9fff]+")
# Table 4-180, read here a second time: what the client sends is held to the document and not to the client.
_CONTENT_TYPES: Final = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
}


def _create_asset(backend: Backend, _request: Request, body: Fields) -> Response:
    name, kind, tags = str(body.get("asset_name", "")), body.get("asset_type"), body.get("tags", [])
    properties = body.get("system_properties", [])
    own = kind in ("VOICE_MODEL", "HUMAN_MODEL_2D")  # nobody may bring these (Table 4-3)
    if own or not name or not all(tags) or (kind != "VIDEO" and body.get("is_need_generate_cover")):
        return fail(400, "MSS.10000003", "Invalid parameter")
    if not _NAME.fullmatch(name):
        return fail(500, "MSS.20010019", "asset_name has illegal characters")
    live = [asset for asset in backend.assets.values() if asset["asset_state"] not in ("FAILED", "DELETED")]
    if any(asset["asset_name"] == name for asset in live):
        return fail(400, "MSS.20010008", "Duplicate asset name")
    asset_id = backend.new_id("asset")
    backend.assets[asset_id] = {
        "asset_id": asset_id,
        "project_id": backend.account.project,
        "asset_name": name,
        "asset_type": kind,
        "asset_state": "CREATING",
        "tags": tags,
        "system_properties": properties,
        "asset_extra_meta": body.get("asset_extra_meta", {}),
        "supported_service": body.get("supported_service", []),
        "asset_description": body.get("asset_description"),
        "files": [],
        "create_time": datetime.now(UTC).isoformat(),
    }
    return Response.json({"asset_id": asset_id})


def _analysed(asset: Fields) -> None:
    """A deck that is to be taken apart is so a little later than it is accepted; one that cannot be says so."""
    deck = asset["asset_extra_meta"].get("ppt_meta", {})
    if not deck.get("auto_analysis") or asset["asset_state"] != "ACTIVED":
        return
    steps = ["WAITING", "CONVERTING", "FAILED" if "torndeck" in asset["asset_name"] else "SUCCEEDED"]
    before = steps.index(deck["ppt_analysis_status"]) + 1 if deck.get("ppt_analysis_status") in steps else 0
    deck["ppt_analysis_status"] = steps[min(before, 2)]
    if deck["ppt_analysis_status"] == "FAILED":
        deck["error_info"] = {"error_code": "MSS.10001030", "error_msg": "the deck is too complex"}


def _now(asset: Fields) -> Fields:
    """The asset as it stands at this moment: review ends with time."""
    if asset["asset_state"] == "CREATING" and asset.get("ready_at", float("inf")) <= time.monotonic():
        for file in asset["files"]:
            if file["state"] == "UPLOADED":
                file["state"] = "CREATED"
        bad = asset.get("reject")
        asset["asset_state"] = "FAILED" if bad else "ACTIVED"
        if bad:
            asset |= {"fail_type": "AUTOMATIC_REVIEW_REJECT", "reason": bad}
    _analysed(asset)
    return asset


def _list_assets(backend: Backend, request: Request, _body: Fields) -> Response:
    tag, name = request.query.get("tag", ""), request.query.get("name", "")
    found = [
        _now(asset)
        for asset in backend.assets.values()
        if (not tag or any(tag in one for one in asset["tags"])) and name in asset["asset_name"]
    ]
    return listed(request, "assets", found)


def _show_asset(backend: Backend, _request: Request, _body: Fields, asset_id: str) -> Response:
    asset = backend.assets.get(asset_id)
    return Response.json(_now(asset)) if asset else fail(404, "MSS.10001001", "Asset not found")


def _update_asset(backend: Backend, _request: Request, body: Fields, asset_id: str) -> Response:
    asset = backend.assets.get(asset_id)
    if asset is None:
        return fail(404, "MSS.10001001", "Asset not found")
    if "asset_state" in body:
        if asset["asset_state"] not in ("ACTIVED", "UNACTIVED"):
            return fail(400, "MSS.10001013", "Invalid asset state change")
        asset["asset_state"] = body["asset_state"]
    pages = body.get("asset_extra_meta", {}).get("ppt_meta", {}).get("pages", [])
    pictures = {file["file_id"] for file in asset["files"] if file["asset_file_category"] == "PAGE"}
    if any(page.get("file_id") not in pictures for page in pages):
        return fail(400, "MSS.10001004", "File not found")
    meta = body.get("asset_extra_meta", {})
    known = asset["asset_extra_meta"]
    asset["asset_extra_meta"] = known | {key: known.get(key, {}) | value for key, value in meta.items()}
    before = asset["system_properties"]
    plain = ("asset_name", "asset_description", "tags", "asset_order", "supported_service")
    asset |= {key: body[key] for key in plain if key in body}
    if "system_properties" in body:  # one by one, as its action says (Table 4-24)
        kept = {one["key"]: one for one in before}
        for one in body["system_properties"]:
            kept.pop(one["key"], None) if one.get("action") == "DELETE" else kept.update({one["key"]: one})
        asset["system_properties"] = [{"key": one["key"], "value": one["value"]} for one in kept.values()]
    return Response.json(asset)


def _delete_asset(backend: Backend, request: Request, _body: Fields, asset_id: str) -> Response:
    """To the bin; with mode=force for good (Table 4-111)."""
    asset = backend.assets.get(asset_id)
    if asset is None:
        return fail(404, "MSS.10001001", "Asset not found")
    asset["asset_state"] = "DELETED" if request.query.get("mode") == "force" else "WAITING_DELETE"
    return Response(200)


def _restore_asset(backend: Backend, _request: Request, _body: Fields, asset_id: str) -> Response:
    """Out of the bin; what was deleted for good stays so (Table 4-118, asset_state)."""
    asset = backend.assets.get(asset_id)
    if asset is None or asset["asset_state"] not in ("WAITING_DELETE", "DELETING"):
        return fail(400, "MSS.10001001", "Asset not found")
    asset["asset_state"] = "ACTIVED"
    return Response(200)


def _create_small(backend: Backend, request: Request, body: Fields) -> Response:
    return _create_file(backend, request, body, large=False)


def _create_large(backend: Backend, request: Request, body: Fields) -> Response:
    return _create_file(backend, request, body, large=True)


def _create_file(backend: Backend, request: Request, body: Fields, *, large: bool) -> Response:
    asset = backend.assets.get(str(body.get("asset_id")))
    if asset is None:
        return fail(404, "MSS.10001001", "Asset not found")
    name, size, category = str(body.get("file_name", "")), body.get("file_size", 0), body.get("asset_file_category")
    count, md5 = body.get("file_multipart_count", 1), body.get("file_md5")
    if category not in fields.CATEGORIES.get(asset["asset_type"], {"MAIN"}) or (
        large and category not in fields.LARGE_CATEGORIES
    ):
        return fail(400, "MSS.10001048", "File category not supported")
    held = [file for file in asset["files"] if file["state"] in _ALIVE]
    for unique, code in (("MAIN", "MSS.10001008"), ("COVER", "MSS.10001009")):
        if category == unique and any(file["asset_file_category"] == unique for file in held):
            return fail(400, code, f"{unique} file already exists")
    used = sum(file["file_size"] for file in backend.files.values() if file["state"] in _ALIVE)
    if used + size > backend.account.quota:
        return fail(400, "MSS.10001024", "Total file size exceeds the quota")
    file_id = backend.new_id("file")
    suffix = Path(name).suffix.lower().lstrip(".")
    record = {
        "file_id": file_id,
        "file_name": name,
        "file_md5": md5,
        "file_size": size,
        "file_type": body.get("file_type") or suffix,
        "asset_file_category": category,
        "state": "CREATING",
        "parts": count,
        "asset_id": asset["asset_id"],
        "large": large,
    }
    backend.files[file_id] = record
    asset["files"].append(record)
    kind_of = _CONTENT_TYPES.get(suffix, "application/octet-stream")
    until = backend.now() + backend.url_age
    parts: list[int | None] = [*range(1, count + 1)] if large and count > 1 else [None]
    urls = [backend.presign(request.base, Url(file_id, until, kind_of, md5, part=part)) for part in parts]
    answer = {"file_id": file_id} | ({"upload_urls": urls} if large else {"upload_url": urls[0]})
    return Response.json(answer)


def _complete(backend: Backend, _request: Request, body: Fields, file_id: str) -> Response:
    file, state = backend.files.get(file_id), body.get("state")
    if file is None:
        return fail(404, "MSS.10001004", "File not found")
    if file["state"] != "CREATING":
        return fail(400, "MSS.10001013", "Invalid state change")
    if state != "CREATED":
        file["state"] = state
        return Response(200)
    parts = backend.parts.get(file_id, {})
    if file["parts"] > 1 and len(parts) == file["parts"]:
        backend.objects[file_id] = backend.join(file_id, parts)
    stored = backend.objects.get(file_id)
    if stored is None:
        return fail(400, "MSS.10001016", "The object does not exist in OBS")
    if stored.size != file["file_size"] or (file["file_md5"] and b64(stored.md5) != file["file_md5"]):
        file["state"] = "FAILED"
        backend.assets[file["asset_id"]]["asset_state"] = "FAILED"
        return fail(400, "MSS.10001028", "File does not match what was declared")
    file["state"] = "UPLOADED" if backend.review else "CREATED"
    file["file_md5"] = b64(stored.md5)
    asset = backend.assets[file["asset_id"]]
    if file["asset_file_category"] == "MAIN":
        asset["ready_at"] = time.monotonic() + backend.review
        if "rejectme" in asset["asset_name"]:
            asset["reject"] = "the picture did not pass review"
    return Response(200)


def _delete_file(backend: Backend, _request: Request, _body: Fields, file_id: str) -> Response:
    if file_id not in backend.files:
        return fail(404, "MSS.10001004", "File not found")
    file = backend.files[file_id]
    file["state"] = "DELETED"
    backend.objects.pop(file_id, None)
    backend.assets[file["asset_id"]]["files"].remove(file)
    return Response(200)


def _replication(backend: Backend, _request: Request, _body: Fields, asset_id: str) -> Response:
    """What another region needs to copy an asset; sealed there, here only its id."""
    if backend.assets.get(asset_id, {}).get("asset_state") != "ACTIVED":
        return fail(404, "MSS.10001001", "Asset not found")
    sealed = {"algorithm": "AES128_GCM", "key_id": 1, "iv": "sandbox"}  # a number, as the sample has it
    told = {"asset_id": asset_id, "asset_info": f"sealed:{asset_id}", "encryption_info": sealed}
    return Response.json(told | {"expire_time": int((backend.now() + 3600) * 1000)})


def _replicated(backend: Backend, _request: Request, body: Fields) -> Response:
    asset = backend.assets.get(str(body.get("asset_id")))
    if asset is None or body.get("asset_info") != f"sealed:{asset['asset_id']}":
        return fail(400, "MSS.10000003", "Invalid parameter")
    copy = backend.new_id("asset")
    backend.assets[copy] = asset | {"asset_id": copy, "asset_name": f"{asset['asset_name']}_copy", "tags": []}
    return Response(200)


CALLS: Final[dict[str, Callable[..., Response]]] = {
    "create_digital_asset": _create_asset,
    "list_assets": _list_assets,
    "show_asset": _show_asset,
    "update_digital_asset": _update_asset,
    "delete_asset": _delete_asset,
    "restore_asset": _restore_asset,
    "create_file": _create_small,
    "create_large_file": _create_large,
    "confirm_file_upload": _complete,
    "delete_file": _delete_file,
    "show_asset_replication_info": _replication,
    "create_asset_by_replication_info": _replicated,
}
