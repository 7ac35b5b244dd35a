"""`manifest.json`: the record of a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.documents.read import entry
from pipeline.documents.spool import E, Spool, write_document
from pipeline.documents.types import Head, Tail
from pipeline.storage.atomic import replacing

NAME: Final = "manifest.json"
QUARANTINE: Final = "quarantine.list"


def write(folder: Path, head: Head, spool: Spool[E], tail: Tail) -> Path:
    """Write the manifest whole or not at all. Raises OSError."""
    path = folder / NAME
    with replacing(path) as file:
        write_document(file, head, "assets", spool, tail)
    return path


class _Named(msgspec.Struct):
    source: str
    inside: dict[str, Any] | None = None


def quarantine(folder: Path, paths: Sequence[str], spool: Spool[E], earlier: Mapping[str, str]) -> None:
    """List the sources that could not be made ready, as `--from-file` takes them; no file when there are none.

    `paths` are those of this run, `earlier` those of others by their names in the manifest. The sources themselves
    stay where they are. What was found inside one of them has no path of its own.
    """
    bad = frozenset({"blocked", "failed"})
    left = [paths[index] for index in spool.at(bad) if index < len(paths)]
    others = (entry(text, _Named) for index, text in spool.numbered() if index >= len(paths))
    left += [earlier[one.source] for one in others if one.source in earlier and one.inside is None]
    path = folder / QUARANTINE
    if not left:
        path.unlink(missing_ok=True)
        return
    with replacing(path, errors="surrogateescape") as file:  # a name that is no text keeps its bytes
        file.writelines(f"{name}\0" for name in left)
