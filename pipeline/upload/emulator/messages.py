"""What goes over the wire, as the emulated platforms see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Request:
    """A request, its body on disk when it is an object."""

    method: str
    path: str
    query: dict[str, str]
    raw_query: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    received: Path | None  # the object's bytes
    size: int
    md5: str  # hexadecimal, of the bytes received
    base: str  # http://host:port


@dataclass
class Response:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    date: float | None = None  # Unix seconds; the far end's clock unless said otherwise

    @classmethod
    def xml_error(cls, status: int, code: str, message: str) -> Response:
        """An error as stores give it."""
        more = "<Resource>/</Resource><RequestId>sandbox</RequestId><TraceId>sandbox</TraceId>"
        said = f"<Code>{code}</Code><Message>{message}</Message>{more}"
        text = f"<?xml version='1.0' encoding='UTF-8'?><Error>{said}</Error>"
        return cls(status, text.encode(), {"Content-Type": "application/xml"})

    @classmethod
    def json(cls, data: object, status: int = 200) -> Response:
        """A JSON answer."""
        return cls(status, json.dumps(data, ensure_ascii=False).encode(), {"Content-Type": "application/json"})


def listed(request: Request, key: str, rows: list[Any]) -> Response:
    """The page of a list that was asked for, and how many there are."""
    start, count = int(request.query.get("offset", 0)), int(request.query.get("limit", 10))
    return Response.json({"count": len(rows), key: rows[start : start + count]})


def fail(status: int, code: str, message: str) -> Response:
    """An error as MetaStudio writes it."""
    return Response.json({"error_code": code, "error_msg": message}, status)
