"""Base64 MD5 of a file's bytes, streamed (RFC 1864: the raw 16 bytes, never their hexadecimal form)."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

# As the platform's upload page lists them (MS-API 4.2.1 Table 4-180); everything else is octet-stream.
CONTENT_TYPES = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
}


def content_md5(path: Path) -> str:
    """The 24 characters for `Content-MD5`. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode("ascii")


def content_type(path: Path) -> str:
    """The media type to send with a file of this extension."""
    return CONTENT_TYPES.get(path.suffix.lower().lstrip("."), "application/octet-stream")
