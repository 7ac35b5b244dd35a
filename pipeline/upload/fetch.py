"""What the far end has made, brought here: written beside the manifest under another name, then moved."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from pipeline.errors import UploadError, UsageError
from pipeline.upload.client import Caller

DEMO: Final = "demo"  # folder beside the manifest
LARGEST: Final = 64 << 30  # bytes of a file that is fetched
_PART: Final = ".part"


def name_of(url: str, fallback: str) -> str:
    """The file name that an address ends in, made harmless; else `fallback`."""
    last = PurePosixPath(unquote(urlsplit(url).path)).name
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in last).lstrip(".")
    return kept[-120:] or fallback


def shown(caller: Caller, urls: list[str], beside: Path, task: str) -> list[str]:
    """Demos as files beside a manifest; of one that cannot be fetched its address without the query, which is a key."""
    found = []
    for number, url in enumerate(urls, 1):
        target = beside / DEMO / f"{name_of(task, 'task')}-{number}-{name_of(url, 'demo')}"
        try:
            fetched(caller, url, target, what=f"demo {number}")
        except (UploadError, UsageError):  # it is for a person either way, and the platform's console has it too
            found.append(url.partition("?")[0])
        else:
            found.append(str(target))
    return found


def fetched(caller: Caller, url: str, target: Path, *, what: str) -> int:
    """Fetch an address into a file; its bytes. What is there already is not fetched again. Raises UploadError."""
    if target.is_file():
        return target.stat().st_size
    part = target.with_name(f".{target.name}{_PART}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            size = caller.fetch(url, out.write, LARGEST, what=what)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    except OSError as error:
        raise UploadError(
            f"{what}: {target}: {error.strerror or error}. Free the disk, then run the same command again.",
            f"{what}：{target}：{error.strerror or error}。请释放磁盘空间后重新运行。",
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return size
