"""Which paths below a folder are plain: the same names, and in the same place, on every system."""

from __future__ import annotations

import os
import re
from typing import Final

from pipeline.model.facts import Text

_LONGEST: Final = 4096  # bytes of a path, as Linux takes them
_PART: Final = 255  # bytes of a name, as nearly every file system takes them
UNSEEN: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_DRIVE: Final = re.compile(r"[^/]:", re.DOTALL)  # whatever stands before the colon, Windows takes it for a drive
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])([. ].*)?")  # devices, on Windows


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
