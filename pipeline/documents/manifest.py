"""`manifest.json`: the record of a finished run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from pipeline.documents.spool import E, Spool, write_document
from pipeline.documents.types import MANIFEST, Head, Tail
from pipeline.errors import UsageError
from pipeline.storage.atomic import replacing

NAME: Final = "manifest.json"
QUARANTINE: Final = "quarantine.list"
_KNOWN: Final = (MANIFEST, "media-preflight/manifest/1")


def write(folder: Path, head: Head, spool: Spool[E], tail: Tail) -> Path:
    """Write the manifest whole or not at all. Raises OSError."""
    path = folder / NAME
    with replacing(path) as file:
        write_document(file, head, "assets", spool, tail)
    return path


def quarantine(folder: Path, paths: Sequence[str], spool: Spool[E]) -> None:
    """List the sources that could not be made ready, as `--from-file` takes them; no file when there are none.

    The sources themselves stay where they are. What was found inside one of them has no path of its own.
    """
    ended = spool.at(frozenset({"blocked", "failed"}))
    left = [paths[index] for index in ended if index < len(paths)]
    path = folder / QUARANTINE
    if not left:
        path.unlink(missing_ok=True)
        return
    with replacing(path, errors="surrogateescape") as file:  # a name that is no text keeps its bytes
        file.writelines(f"{name}\0" for name in left)


def read(name: str) -> dict[str, Any]:
    """A manifest from disk for uploads, which trust nothing in it. Raises UsageError when it is none."""
    try:
        data = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: not a manifest: {error}", f"{name}：不是清单文件：{error}") from None
    if not isinstance(data, dict) or data.get("schema") not in _KNOWN:
        raise UsageError(f"{name}: schema is not {MANIFEST!r}", f"{name}：schema 不是 {MANIFEST!r}")
    return cast(dict[str, Any], data)
