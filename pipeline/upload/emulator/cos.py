"""Tencent's object store as its SDK speaks to it: V5 signatures, temporary credentials, multipart uploads."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import Final
from urllib.parse import quote, unquote
from xml.etree.ElementTree import ParseError, fromstring
from xml.sax.saxutils import escape

from pipeline.upload.emulator.backend import Backend, b64
from pipeline.upload.emulator.messages import Request, Response
from pipeline.upload.emulator.obs import error

_HOST: Final = ".myqcloud.com"
_LARGEST: Final = 5 << 30  # bytes of a PUT or of a part


def mine(host: str) -> bool:
    """Whether a request for this host is meant for the store."""
    return host.split(":")[0].endswith(_HOST)


def _admitted(backend: Backend, request: Request) -> Response | None:
    given = dict(pair.split("=", 1) for pair in request.headers.get("authorization", "").split("&") if "=" in pair)
    account = backend.credentials.get(given.get("q-ak", ""))
    if account is None:
        return error(403, "InvalidAccessKeyId", "The Access Key Id you provided does not exist")
    if request.headers.get("x-cos-security-token") != account["Token"]:
        return error(403, "AccessDenied", "The security token is wrong")
    if backend.now() > account["ExpiredTime"]:
        return error(403, "ExpiredToken", "The temporary credentials have expired")
    start, _, end = given.get("q-sign-time", "0;0").partition(";")
    if not int(start) - 900 <= backend.now() <= int(end):
        return error(403, "RequestTimeTooSkewed", "The difference between the request time and our time is too large")

    def listed(names: str, values: dict[str, str]) -> str:
        return "&".join(f"{n}={quote(values.get(n, ''), safe='-_.~')}" for n in names.split(";") if n)

    queries = {quote(k, safe="-_.~").lower(): v for k, v in request.query.items()}
    text = "\n".join(
        (
            request.method.lower(),
            unquote(request.path),
            listed(given.get("q-url-param-list", ""), queries),
            listed(given.get("q-header-list", ""), request.headers),
            "",
        )
    )
    signed = f"sha1\n{given['q-sign-time']}\n{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}\n"
    key = hmac.digest(account["TmpSecretKey"].encode(), given["q-sign-time"].encode(), "sha1").hex()
    if hmac.digest(key.encode(), signed.encode(), "sha1").hex() != given.get("q-signature"):
        return error(403, "SignatureDoesNotMatch", "The signature does not match")
    if not unquote(request.path).lstrip("/").startswith(account["prefix"]) and "uploads" not in request.query:
        return error(403, "AccessDenied", "The key lies outside of the granted prefix")
    return None


def handle(backend: Backend, request: Request) -> Response:
    """PUT, HEAD, and the multipart calls."""
    bucket = request.headers["host"].split(".cos.")[0]
    if bucket != backend.account.bucket:
        return error(404, "NoSuchBucket", "The specified bucket does not exist")
    refused = _admitted(backend, request)
    if refused:
        return refused
    key, query = unquote(request.path).lstrip("/"), request.query
    if request.method == "HEAD":
        stored = backend.objects.get(key)
        if stored is None:
            return Response(404)
        return Response(200, headers={"ETag": f'"{stored.etag}"', "Content-Length": str(stored.size)})
    if request.method == "PUT":
        return _put(backend, request, key)
    if request.method == "POST" and "uploads" in query:
        upload = backend.new_id("upload")
        backend.uploads[upload] = key
        return _xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
    if request.method == "GET" and "uploads" in query:
        found = [(k, u) for u, k in backend.uploads.items() if k.startswith(query.get("prefix", ""))]
        rows = "".join(f"<Upload><Key>{escape(k)}</Key><UploadId>{u}</UploadId></Upload>" for k, u in found)
        return _xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{rows}</ListMultipartUploadsResult>")
    upload = query.get("uploadId", "")
    if backend.uploads.get(upload) != key:
        return error(404, "NoSuchUpload", "The specified upload does not exist")
    if request.method == "GET":
        rows = "".join(
            f'<Part><PartNumber>{n}</PartNumber><ETag>"{p.etag}"</ETag><Size>{p.size}</Size></Part>'
            for n, p in sorted(backend.parts.get(upload, {}).items())
        )
        return _xml(f"<ListPartsResult><IsTruncated>false</IsTruncated>{rows}</ListPartsResult>")
    if request.method == "DELETE":
        del backend.uploads[upload]
        return Response(204)
    return _complete(backend, request, key, upload)


def _xml(text: str) -> Response:
    return Response(200, f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode(), {"Content-Type": "application/xml"})


def _put(backend: Backend, request: Request, key: str) -> Response:
    declared = request.headers.get("content-md5")
    if declared is not None and declared != b64(request.md5):
        return error(400, "BadDigest", "The Content-MD5 you specified did not match what we received")
    if request.size > _LARGEST or request.received is None:
        return error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size")
    if sum(one.size for one in backend.objects.values()) + request.size > backend.account.quota:
        return error(507, "InsufficientStorage", "No space left")
    upload, number = request.query.get("uploadId"), request.query.get("partNumber")
    if upload is None or number is None:
        backend.objects[key] = backend.keep(key, request.received, request.size, request.md5)
        return Response(200, headers={"ETag": f'"{request.md5}"'})
    if backend.uploads.get(upload) != key:
        return error(404, "NoSuchUpload", "The specified upload does not exist")
    stored = backend.keep(f"{key}#{number}", request.received, request.size, request.md5)
    backend.parts.setdefault(upload, {})[int(number)] = stored
    return Response(200, headers={"ETag": f'"{stored.etag}"'})


def _complete(backend: Backend, request: Request, key: str, upload: str) -> Response:
    try:
        tree = fromstring(request.body)  # noqa: S314  our own client sends it; expat bounds what entities grow to
    except ParseError:
        return error(400, "MalformedXML", "The XML you provided was not well-formed")
    parts = backend.parts.get(upload, {})
    named = [(int(p.findtext("PartNumber", "0")), p.findtext("ETag", "").strip('"')) for p in tree.iter("Part")]
    if not named or any(n not in parts or parts[n].etag != tag for n, tag in named):
        return error(400, "InvalidPart", "One or more of the specified parts could not be found")
    stored = backend.join(key, {n: parts[n] for n, _ in named})
    backend.objects[key] = stored
    del backend.uploads[upload]
    return _xml(f'<CompleteMultipartUploadResult><ETag>"{stored.etag}"</ETag></CompleteMultipartUploadResult>')


def credentials(backend: Backend, appkey: str) -> dict[str, object]:
    """Temporary credentials for one prefix, as getuploadcredentials answers."""
    now = int(backend.now())
    name = re.sub(r"\W", "", appkey)
    prefix = f"customer-pipeline/1000/{hashlib.sha256(name.encode()).hexdigest()[:32]}/"
    secret_id = backend.new_id("AKID")
    account = {
        "Token": backend.new_id("token"),
        "TmpSecretId": secret_id,
        "TmpSecretKey": backend.new_id("key"),
    }
    until = now + int(backend.credential_age)
    backend.credentials[secret_id] = account | {"prefix": prefix, "made": time.time(), "ExpiredTime": until}
    path = f"https://{backend.account.bucket}.cos.accelerate.myqcloud.com/{prefix}"
    return {"Credentials": account, "StartTime": now, "ExpiredTime": until, "PathPrefix": path}
