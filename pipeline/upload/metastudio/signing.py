"""MetaStudio's request signature. Written out, because a signature is thirty lines and its SDK is twenty megabytes;
tests compare every byte with what the official SDK signs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ALGORITHM: Final = "SDK-HMAC-SHA256"
DATE: Final = "%Y%m%dT%H%M%SZ"


def sign(
    method: str, url: str, headers: Mapping[str, str], body: bytes, access: str, secret: str, at: float
) -> dict[str, str]:
    """The headers X-Sdk-Date and Authorization of a call signed with AK and SK (MS-API 3.2).

    `headers` are signed as given, with host and date; `at` is the time of signing in Unix seconds.
    """
    split = urlsplit(url)
    date = datetime.fromtimestamp(at, UTC).strftime(DATE)
    signed = {name.lower(): value.strip() for name, value in headers.items()}
    signed |= {"host": split.netloc, "x-sdk-date": date}
    names = sorted(signed)
    path = "/".join(quote(part, safe="~") for part in unquote(split.path).split("/"))
    query = "&".join(
        f"{quote(key, safe='~')}={quote(value, safe='~')}"
        for key, value in sorted(parse_qsl(split.query, keep_blank_values=True))
    )
    canonical = "\n".join(
        (
            method.upper(),
            path if path.endswith("/") else path + "/",
            query,
            "".join(f"{name}:{signed[name]}\n" for name in names),
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        )
    )
    text = f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
    return {
        "X-Sdk-Date": date,
        "Authorization": f"{ALGORITHM} Access={access}, SignedHeaders={';'.join(names)}, Signature={signature}",
    }
