"""Digests of stretches of a file, for uploads in parts."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from pipeline.errors import UploadError

_READ: Final = 1 << 20


def hex_md5(path: Path, start: int, length: int) -> tuple[str, str]:
    """The MD5 of a stretch as Content-MD5 wants it (base64) and as ETags write it (hex). Raises UploadError."""
    digest, left = hashlib.md5(usedforsecurity=False), length
    with path.open("rb") as file:
        file.seek(start)
        while left:
            chunk = file.read(min(_READ, left))
            if not chunk:
                raise UploadError(f"{path}: became shorter while it was sent", f"{path}：发送过程中文件变短")
            digest.update(chunk)
            left -= len(chunk)
    return base64.b64encode(digest.digest()).decode("ascii"), digest.hexdigest()
