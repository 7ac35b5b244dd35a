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

from pipeline.errors import AssetError, UsageError
from pipeline.model.facts import Text
from pipeline.storage import state
from pipeline.storage.regular import reading

_LONGEST: Final = 4096  # bytes of a path, as Linux takes them
_PART: Final = 255  # bytes of a name, as nearly every file system takes them
UNSEEN: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])([. ].*)?")  # devices, on Windows
_HANDED: Final = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")  # open already: opening it waits for nobody
_LINK: Final = Text(
    "a link leads there; outputs are files in the folder of the manifest", "路径经过链接；输出应为清单目录中的文件"
)


def odd(path: str) -> Text | None:
    """What is wrong with a path of a document; None where it is plain: names below its folder, with "/" between."""
    if not path:
        return Text("the path is empty", "路径为空")
    if "\0" in path:
        return Text("the path holds a NUL", "路径含空字符")
    if "\\" in path:
        return Text("the path holds a backslash", "路径含反斜杠")
    if path.startswith("/") or _DRIVE.match(path):
        return Text("the path is absolute", "路径是绝对路径")
    if "::" in path:
        return Text("the path holds '::', which chains file systems", "路径含 '::'，会串联文件系统")
    names = path.split("/")
    if ".." in names:
        return Text("the path leaves the folder of the manifest", "路径超出清单所在目录")
    if "" in names or "." in names:
        return Text("the path is not in its shortest form", "路径不是最简形式")
    if len(os.fsencode(path)) > _LONGEST or any(len(os.fsencode(name)) > _PART for name in names):
        return Text("the path is too long", "路径过长")
    if any(_RESERVED.fullmatch(name) for name in names):
        return Text("the path holds the name of a device", "路径含设备名")
    return None


def plain(path: str) -> str:
    """The path below a folder that is nearest to this one and not `odd`; what is not plain becomes "_"."""
    names = (name if not _RESERVED.fullmatch(name) else f"_{name}" for name in path.split("/"))
    shown = "/".join(names).replace("\\", "_").replace("::", "__")
    return f"{shown[0]}_{shown[2:]}" if _DRIVE.match(shown) else shown


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
    wrong = odd(path) or blocked(folder, path)
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
        raise UsageError(f"{name}: {error.strerror or error}", f"{name}：{error.strerror or error}") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{name!r}: no file can be called so", f"{name!r}：文件名无效") from None
    if len(data) > most:
        size = next((f"{most >> n} {unit}" for n, unit in ((20, "MiB"), (10, "KiB")) if most >> n), f"{most} bytes")
        raise UsageError(f"{name}: larger than {size}", f"{name}：大于 {size}")
    return data
