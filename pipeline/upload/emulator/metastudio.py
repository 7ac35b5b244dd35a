"""The MetaStudio asset library as MS-API chapters 3 and 4 describe it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pipeline.upload.emulator.backend import Backend, Url, b64
from pipeline.upload.emulator.messages import Request, Response
from pipeline.upload.metastudio import fields, rates, signing

_WINDOW: Final = timedelta(minutes=15)  # between the signature's date and the gateway's clock
_ALIVE: Final = frozenset({"CREATING", "UPLOADED", "REVIEW", "CREATED"})
_NAME: Final = re.compile(r"[0-9A-Za-z_\-\u3400-\u4dbf\u4e00-\u9fff]+")
_UPPER: Final = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
}


def fail(status: int, code: str, message: str) -> Response:
    """An error as the platform writes it."""
    return Response.json({"error_code": code, "error_msg": message}, status)


def admitted(backend: Backend, request: Request) -> Response | None:
    """None when the caller is known and its signature is good; else the gateway's answer."""
    given = request.headers.get("x-auth-token")
    if given is not None:
        return None if given == backend.account.token else fail(401, "APIGW.0301", "Incorrect IAM token")
    found = re.fullmatch(
        r"SDK-HMAC-SHA256 Access=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    if not found or found[1] != backend.account.access:
        return fail(401, "APIGW.0301", "Incorrect IAM authentication information")
    try:
        date = datetime.strptime(request.headers.get("x-sdk-date", ""), signing.DATE).replace(tzinfo=UTC)
    except ValueError:  # the answer says it, in the platform's words
        return fail(401, "APIGW.0301", "X-Sdk-Date is missing")
    if abs(date.timestamp() - backend.now()) > _WINDOW.total_seconds():
        return fail(401, "APIGW.0301", "Incorrect IAM authentication information: x-sdk-date expired")
    names = found[2].split(";")
    headers = {name: request.headers.get(name, "") for name in names if name not in ("host", "x-sdk-date")}
    url = f"http://{request.headers['host']}{request.path}" + (f"?{request.raw_query}" if request.raw_query else "")
    wanted = signing.sign(
        request.method, url, headers, request.body, backend.account.access, backend.account.secret, date.timestamp()
    )
    if wanted["Authorization"] != request.headers["authorization"]:
        return fail(401, "APIGW.0301", "Incorrect IAM authentication information: verify aksk signature fail")
    return None


def limited(backend: Backend, group: str) -> Response | None:
    """The gateway's answer when this call is one too many, else None."""
    if backend.over(group, rates.stated(backend.region)[group]):
        return fail(429, "APIGW.0308", "The throttling threshold has been reached")
    return None


def project_path(backend: Backend, request: Request) -> str | Response:
    """The path below the project, or why the caller may not be there."""
    found = re.fullmatch(r"/v1/([^/]+)(/.*)", request.path)
    if not found:
        return fail(404, "APIGW.0101", "The API does not exist or has not been published")
    if found[1] != backend.account.project:
        return fail(403, "APIGW.0305", "The user has no access to this project")
    return found[2]


def handle(backend: Backend, request: Request) -> Response:
    """Any call of the library, or of IAM."""
    if request.path == "/v3/auth/tokens":
        return _token(backend, request)
    refused = admitted(backend, request)
    path = project_path(backend, request)
    if refused or not isinstance(path, str):
        return refused or (path if not isinstance(path, str) else fail(404, "APIGW.0101", ""))
    for method, pattern, group, function in _ROUTES:
        found = re.fullmatch(pattern, path)
        if method == request.method and found:
            try:
                body = json.loads(request.body) if request.body else {}
            except ValueError:  # the answer says it, in the platform's words
                return fail(400, "MSS.10000002", "Invalid JSON")
            return limited(backend, group) or function(backend, request, body, *found.groups())
    return fail(404, "APIGW.0101", "The API does not exist or has not been published")


def _token(backend: Backend, request: Request) -> Response:
    try:
        scope = json.loads(request.body)["auth"]["scope"]["project"]["id"]
    except (ValueError, KeyError, TypeError):  # the answer says it, in the platform's words
        return fail(400, "IAM.0011", "Request body is invalid")
    if scope != backend.account.project:
        return fail(401, "IAM.0101", "The project does not exist")
    return Response(201, b"{}", {"X-Subject-Token": backend.account.token})


def _create_asset(backend: Backend, _request: Request, body: dict[str, Any]) -> Response:
    name, kind, tags = str(body.get("asset_name", "")), body.get("asset_type"), body.get("tags", [])
    properties = body.get("system_properties", [])
    wrong = (
        not 1 <= len(name) <= fields.NAME
        or kind not in fields.TYPES
        or len(tags) > fields.TAGS
        or any(not 1 <= len(str(tag)) <= fields.TAG for tag in tags)
        or len(properties) > fields.TAGS
        or any(not 1 <= len(str(one.get("value", ""))) <= fields.PROPERTY for one in properties)
        or not set(body.get("supported_service", ())) <= fields.SERVICES
        or (kind != "VIDEO" and body.get("is_need_generate_cover"))
    )
    if wrong:
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
        "files": [],
        "create_time": datetime.now(UTC).isoformat(),
    }
    return Response.json({"asset_id": asset_id})


def _now(asset: dict[str, Any]) -> dict[str, Any]:
    """The asset as it stands at this moment: review ends with time."""
    if asset["asset_state"] == "CREATING" and asset.get("ready_at", float("inf")) <= time.monotonic():
        for file in asset["files"]:
            if file["state"] == "UPLOADED":
                file["state"] = "CREATED"
        bad = asset.get("reject")
        asset["asset_state"] = "FAILED" if bad else "ACTIVED"
        if bad:
            asset |= {"fail_type": "AUTOMATIC_REVIEW_REJECT", "reason": bad}
    hidden = {"ready_at", "reject"}
    return {key: value for key, value in asset.items() if key not in hidden}


def _list_assets(backend: Backend, request: Request, _: dict[str, Any]) -> Response:
    tag, name = request.query.get("tag", ""), request.query.get("name", "")
    found = [
        _now(asset)
        for asset in backend.assets.values()
        if (not tag or any(tag in one for one in asset["tags"])) and name in asset["asset_name"]
    ]
    start, count = int(request.query.get("offset", 0)), int(request.query.get("limit", 10))
    return Response.json({"count": len(found), "assets": found[start : start + count]})


def _show_asset(backend: Backend, _request: Request, _: dict[str, Any], asset_id: str) -> Response:
    asset = backend.assets.get(asset_id)
    return Response.json(_now(asset)) if asset else fail(404, "MSS.10001001", "Asset not found")


def _update_asset(backend: Backend, _request: Request, body: dict[str, Any], asset_id: str) -> Response:
    asset = backend.assets.get(asset_id)
    if asset is None:
        return fail(404, "MSS.10001001", "Asset not found")
    if asset["asset_state"] not in ("ACTIVED", "UNACTIVED"):
        return fail(400, "MSS.10001013", "Invalid asset state change")
    if body.get("asset_state") not in ("ACTIVED", "UNACTIVED"):
        return fail(400, "MSS.10001014", "Only ACTIVED and UNACTIVED")
    asset["asset_state"] = body["asset_state"]
    return Response.json({"asset_id": asset_id})


def _create_file(backend: Backend, request: Request, body: dict[str, Any], kind: str) -> Response:
    large = kind == "large-files"
    asset = backend.assets.get(str(body.get("asset_id")))
    if asset is None:
        return fail(404, "MSS.10001001", "Asset not found")
    name, size, category = str(body.get("file_name", "")), body.get("file_size", 0), body.get("asset_file_category")
    most, count = (fields.LARGE if large else fields.FILE), body.get("file_multipart_count", 1)
    md5 = None if large else body.get("file_md5", "")
    if (
        not 1 <= len(name) <= fields.NAME
        or not isinstance(size, int)
        or not 1 <= size <= most
        or not 1 <= len(str(body.get("file_type", "x"))) <= fields.FILE_TYPE
        or (md5 is not None and len(md5) != 24)
        or not 1 <= count <= fields.PARTS
    ):
        return fail(400, "MSS.10000003", "Invalid parameter")
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
    kind_of = _UPPER.get(suffix, "application/octet-stream")
    until = backend.now() + backend.url_age
    parts: list[int | None] = [*range(1, count + 1)] if large and count > 1 else [None]
    urls = [backend.presign(request.base, Url(file_id, until, kind_of, md5, part=part)) for part in parts]
    answer = {"file_id": file_id} | ({"upload_urls": urls} if large else {"upload_url": urls[0]})
    return Response.json(answer, 201)


def _complete(backend: Backend, _request: Request, body: dict[str, Any], file_id: str) -> Response:
    file, state = backend.files.get(file_id), body.get("state")
    if file is None:
        return fail(404, "MSS.10001004", "File not found")
    if state not in ("CREATED", "FAILED", "CANCELLED"):
        return fail(400, "MSS.10000003", "Invalid parameter")
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


def _delete_file(backend: Backend, _request: Request, _: dict[str, Any], file_id: str) -> Response:
    if file_id not in backend.files:
        return fail(404, "MSS.10001004", "File not found")
    backend.files[file_id]["state"] = "DELETED"
    return Response(200)


_ROUTES: Final[list[tuple[str, str, str, Callable[..., Response]]]] = [
    ("POST", "/digital-assets", "create asset", _create_asset),
    ("GET", "/digital-assets", "query asset", _list_assets),
    ("GET", "/digital-assets/([^/]+)", "query asset", _show_asset),
    ("PUT", "/digital-assets/([^/]+)", "update asset", _update_asset),
    ("POST", "/(files|large-files)", "file", _create_file),
    ("POST", "/files/([^/]+)/complete", "file", _complete),
    ("DELETE", "/files/([^/]+)", "file", _delete_file),
]
