"""What a file is known by: its base64 MD5 (RFC 1864: the raw 16 bytes, never their hexadecimal form), its state."""

from __future__ import annotations

import base64
import hashlib
import os
from io import BufferedReader
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
        return md5_of(file)


def md5_of(file: BufferedReader) -> str:
    """The same of an open file, from where it stands. Raises OSError."""
    digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode("ascii")


def file_state(path: Path | str) -> str:
    """What tells, without reading it, that a file was not written to since. Raises OSError.

    A new name or other permissions do not count: our own hard links would look like a change.
    """
    stat = os.stat(path)  # noqa: PTH116  names of programs are texts
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


def strict_state(stat: os.stat_result) -> str:
    """As `file_state`, for answers that outlive a run: nor replaced, nor its times set back."""
    return f"{stat.st_size} {stat.st_ino} {stat.st_dev} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def content_type(path: Path) -> str:
    """The media type to send with a file of this extension."""
    return CONTENT_TYPES.get(path.suffix.lower().lstrip("."), "application/octet-stream")
