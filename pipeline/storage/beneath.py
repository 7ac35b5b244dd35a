"""Files that a document or a person names.

A path in a document comes from a stranger: plain ones only, and walked from their folder by descriptor without
following a link. The links of what the user named himself are his own.
"""

from __future__ import annotations

import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

from pipeline.errors import AssetError, UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.storage import paths, state
from pipeline.storage.regular import reading

_HANDED: Final = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")  # open already: opening it waits for nobody
_LINK: Final = Text(
    "a link leads there; outputs are files in the folder of the manifest", "路径经过链接；输出应为清单目录中的文件"
)


def blocked(folder: Path, path: str) -> Text | None:
    """What stands at a plain path and is no plain file: a link on the way, a pipe, a device. None also for nothing."""
    *above, last = path.split("/")
    try:
        place = state.HeldFolder.at(folder)
        for name in above:
            with place:
                found = place.stat(name)
                if found is not None and stat.S_ISLNK(found.st_mode):
                    return _LINK
                place = place.below(name)
        with place:
            found = place.stat(last)
    except OSError:  # not there, or not to be read: whoever wants its bytes tells that
        return None
    if found is not None and stat.S_ISLNK(found.st_mode):
        return _LINK
    return state.unlike(found.st_mode) if found is not None else None


def opened(folder: Path, path: str) -> BufferedReader:
    """The regular file at a plain path below `folder`. Raises AssetError for anything else, OSError."""
    wrong = paths.odd(path) or blocked(folder, path)
    if wrong:
        raise AssetError(f"{path}: {wrong.en}", f"{path}：{wrong.zh}")
    with state.beneath(folder, path) as (place, name):
        return os.fdopen(place.open(name), "rb")


def whole(name: str | Path, most: int) -> bytes:
    """All bytes of a file that the user named, at most `most`. Pipes only where a shell handed them over open.

    Raises UsageError, naming the file.
    """
    try:
        with open(name, "rb") if _HANDED.fullmatch(str(name)) else reading(name) as file:  # noqa: PTH123  not a Path yet
            data = file.read(most + 1)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}", f"{name}：{in_chinese(error)}") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{name!r}: no file can be called so", f"{name!r}：文件名无效") from None
    if len(data) > most:
        size = next((f"{most >> n} {unit}" for n, unit in ((20, "MiB"), (10, "KiB")) if most >> n), f"{most} bytes")
        raise UsageError(f"{name}: larger than {size}", f"{name}：大于 {size}")
    return data
