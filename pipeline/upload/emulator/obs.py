"""The object store behind pre-signed URLs: digest, type and size enforced, URLs that lapse or die with use."""

from __future__ import annotations

from typing import Final

from pipeline.upload.emulator.backend import Backend, Url, b64
from pipeline.upload.emulator.messages import Request, Response

error: Final = Response.xml_error
_LARGEST: Final = 5 << 30  # bytes of one PUT


def handle(backend: Backend, request: Request) -> Response:
    """PUT to a pre-signed URL, or GET from one."""
    url = backend.urls.get(request.query.get("Signature", ""))
    if url is None or request.method != ("GET" if url.get else "PUT") or request.path != f"/obs/{url.target}":
        return error(403, "SignatureDoesNotMatch", "The request signature does not match")
    if backend.now() > url.until:
        return error(403, "AccessDenied", "Request has expired")
    if url.get:
        return _fetched(backend, request, url)
    if url.single and url.used:
        return error(403, "AccessDenied", "The URL has been used")
    if url.content_type and request.headers.get("content-type") != url.content_type:
        return error(403, "SignatureDoesNotMatch", f"Content-Type must be {url.content_type}")
    declared = request.headers.get("content-md5")
    if url.md5 is not None and declared != url.md5:
        return error(400, "InvalidDigest", "Content-MD5 is not the declared one")
    if declared is not None and declared != b64(request.md5):
        return error(400, "BadDigest", "The Content-MD5 you specified did not match what we received")
    if request.size > (url.most or _LARGEST):
        return error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size")
    used = sum(one.size for one in backend.objects.values())
    if used + request.size > backend.account.quota:
        return error(507, "InsufficientStorage", "No space left")
    if request.received is None:
        return error(400, "IncompleteBody", "No body")
    name = url.target + (f"#{url.part}" if url.part else "")
    stored = backend.keep(name, request.received, request.size, request.md5)
    if url.part:
        backend.parts.setdefault(url.target, {})[url.part] = stored
    else:
        backend.objects[url.target] = stored
    url.used = True
    return Response(200, headers={"ETag": f'"{stored.etag}"'})


def _fetched(backend: Backend, request: Request, url: Url) -> Response:
    """An object, or its first byte where that is asked for."""
    stored = backend.objects.get(url.target)
    if stored is None:
        return error(404, "NoSuchKey", "The specified key does not exist")
    tag = {"ETag": f'"{stored.etag}"'}
    with stored.path.open("rb") as file:
        if request.headers.get("range") == "bytes=0-0":
            return Response(206, file.read(1), tag | {"Content-Range": f"bytes 0-0/{stored.size}"})
        return Response(200, file.read(), tag)
