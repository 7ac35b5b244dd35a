"""What is written like the address of a file elsewhere, and how it is shown: without passwords and signatures."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from pipeline.errors import UsageError
from pipeline.model.job import Job

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(name: str) -> bool:
    """Whether `name` is an address, as s3://bucket/clip.mp4. file:// is one too until `local` made it a path."""
    return _URL.match(name) is not None


def away(job: Job) -> bool:
    """Whether the source of a job or its outputs are elsewhere."""
    return bool(job.far) or is_url(job.path)


def local(name: str) -> str:
    """The path in a file:// address of this machine; everything else as it is."""
    if name[:7].lower() != "file://":
        return name
    split = urlsplit(name)
    return unquote(split.path) if split.netloc in ("", "localhost") else name


def near(name: str) -> str:
    """The path of a manifest. Raises UsageError for an address: manifests are read where their outputs lie."""
    name = local(name)
    if is_url(name):
        raise UsageError(
            f"{shown(name)} is elsewhere, and a manifest is read where its outputs lie: copy its folder here first",
            f"{shown(name)} 不在本机；清单须与其输出放在一起读取：请先把整个文件夹复制到本机",
        )
    return name


def shown(url: str) -> str:
    """The address without user, password, query and fragment: what may stand in documents and messages."""
    head, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    if head.lower() in ("http", "https"):
        path = path.partition("?")[0].partition("#")[0]
        place = place.partition("?")[0]
    return f"{head}{mark}{place.rpartition('@')[2]}{slash}{path}"
