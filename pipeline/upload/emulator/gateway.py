"""MetaStudio's gateway as MS-API chapters 1 and 3 describe it: who may call, how often, and whether a call keeps to the
tables of the documents. What it answers keeps to them too: a field that no table has is not told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.model.fields import Fields
from pipeline.upload.emulator import library, rooms, scripts, training
from pipeline.upload.emulator.backend import Backend
from pipeline.upload.emulator.messages import Request, Response, fail
from pipeline.upload.metastudio import protocol, signing
from pipeline.upload.metastudio.protocol import TABLES
from pipeline.upload.protocol import ApiField

_WINDOW: Final = timedelta(minutes=15)  # between the signature's date and the gateway's clock
Handler = Callable[..., Response]
_HANDLERS: Final[dict[str, Handler]] = library.CALLS | training.CALLS | scripts.CALLS | rooms.CALLS
_PATHS: Final = [
    (row.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", row.path)), name)
    for name, row in TABLES.calls.items()
    if name in _HANDLERS
]


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


def handle(backend: Backend, request: Request) -> Response:
    """Any call of the platform, or of IAM."""
    if request.path == "/v3/auth/tokens":
        return _token(backend, request)
    refused = admitted(backend, request)
    if refused:
        return refused
    found = re.fullmatch(r"/v1/([^/]+)(/.*)", request.path)
    if found and found[1] != backend.account.project:
        return fail(403, "APIGW.0305", "The user has no access to this project")
    for method, path, name in _PATHS:
        ids = path.fullmatch(found[2]) if found and method == request.method else None
        if ids:
            return _call(backend, request, name, ids.groupdict())
    return fail(404, "APIGW.0101", "The API does not exist or has not been published")


def _call(backend: Backend, request: Request, name: str, ids: dict[str, str]) -> Response:
    """One call of the tables: counted, checked, done, its answer shaped."""
    row = TABLES.calls[name]
    if backend.over(name, protocol.stated(backend.region)[name]):
        return fail(429, "APIGW.0308", "The throttling threshold has been reached")
    if row.project_header and request.headers.get("x-project-id") != backend.account.project:
        return fail(400, "MSS.10000003", "X-Project-Id is missing")
    try:
        body = json.loads(request.body) if request.body else {}
    except ValueError:  # the answer says it, in the platform's words
        return fail(400, "MSS.10000002", "Invalid JSON")
    wrong = TABLES.wrong(name, "body", body) + TABLES.wrong(name, "query", _typed(row.query, request.query))
    if wrong:
        return fail(400, "MSS.10000003", f"Invalid parameter: {wrong[0].text.en}")
    answer = _HANDLERS[name](backend, request, body, **ids)
    if answer.status == 200 and answer.headers.get("Content-Type") == "application/json":
        answer = Response.json(shaped(row.answer, json.loads(answer.body)), row.status)
    backend.transcript.append((name, body, answer.status, json.loads(answer.body) if answer.body else {}))
    return answer


def _typed(rows: Mapping[str, ApiField], query: dict[str, str]) -> Fields:
    """A query as its table types it: in a URL every value is a text."""
    found: Fields = {}
    for key, value in query.items():
        kind = rows[key].type if key in rows else ""
        if kind in ("Integer", "Long") and value.lstrip("-").isdecimal():
            found[key] = int(value)
        elif kind == "Boolean" and value in ("true", "false"):
            found[key] = value == "true"
        elif kind.startswith("["):
            found[key] = value.split(",")
        else:
            found[key] = value
    return found


def shaped(rows: Mapping[str, ApiField], record: object) -> Any:
    """A record with the fields that its table has, and no others."""
    if not isinstance(record, dict):
        return record
    found: Fields = {}
    for key, field in rows.items():
        value = record.get(key)
        if value is None:
            continue
        inner, _ = TABLES.rows(field.inner)
        if inner and isinstance(value, list):
            value = [shaped(inner, one) for one in value]
        elif inner:
            value = shaped(inner, value)
        found[key] = value
    return found


def _token(backend: Backend, request: Request) -> Response:
    try:
        scope = json.loads(request.body)["auth"]["scope"]["project"]["id"]
    except (ValueError, KeyError, TypeError):  # the answer says it, in the platform's words
        return fail(400, "IAM.0011", "Request body is invalid")
    if scope != backend.account.project:
        return fail(401, "IAM.0101", "The project does not exist")
    return Response(201, b"{}", {"X-Subject-Token": backend.account.token})
