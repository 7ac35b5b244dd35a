"""Files that a document or a person names: opened without hanging, regular ones only, never outside their folder.

A path in a document comes from a stranger. `odd` says whether it is plain, `missing` and `opened` walk to it from its
folder by descriptor, one name at a time, and follow no link. `whole` reads a small file that the user named himself,
whose links are his own.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

from pipeline.errors import AssetError, UsageError
from pipeline.model.facts import Text

_LONGEST: Final = 4096  # bytes of a path, as Linux takes them
_PART: Final = 255  # bytes of a name, as nearly every file system takes them
UNSEEN: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])([. ].*)?")  # devices, on Windows
_OPEN: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd
_HANDED: Final = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")  # open already: opening it waits for nobody


def odd(path: str) -> Text | None:
    """What is wrong with a path of a document; None where it is plain: names below its folder, with "/" between."""
    if not path:
        return Text("the path is empty", "路径为空")
    if UNSEEN.search(path):
        return Text("the path holds control characters", "路径含控制字符")
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


def blocked(folder: Path, path: str) -> Text | None:
    """What stands at a plain path and is no plain file: a link on the way, a pipe, a device. None also for nothing."""
    try:
        os.close(_descend(folder, path))
    except _Unfit as error:
        return error.text
    except OSError:  # not there, or not to be read: whoever wants its bytes tells that
        return None
    return None


def opened(folder: Path, path: str) -> BufferedReader:
    """The regular file at a plain path below `folder`. Raises AssetError for anything else, OSError."""
    try:
        return os.fdopen(_descend(folder, path), "rb")
    except _Unfit as error:
        raise AssetError(f"{path}: {error.text.en}", f"{path}：{error.text.zh}") from None


def regular(path: Path) -> BufferedReader:
    """The regular file of this name; what is none does not keep anybody waiting. Raises OSError."""
    handle = os.open(path, _OPEN)
    try:
        _regular(handle)
    except _Unfit as error:
        os.close(handle)
        raise OSError(errno.EINVAL, error.text.en, str(path)) from None
    return os.fdopen(handle, "rb")


def whole(name: str | Path, most: int) -> bytes:
    """All bytes of a file that the user named, at most `most`. Pipes only where they were handed over open.

    Raises UsageError, naming the file.
    """
    try:
        handed = _HANDED.fullmatch(str(name)) is not None
        handle = os.open(name, _OPEN)
        with os.fdopen(handle, "rb") as file:
            if handed and not stat.S_ISDIR(os.fstat(handle).st_mode):
                os.set_blocking(handle, True)
            else:
                _regular(handle)
            data = file.read(most + 1)
    except _Unfit as error:
        raise UsageError(f"{name}: {error.text.en}", f"{name}：{error.text.zh}") from None
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}", f"{name}：{error.strerror or error}") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{name!r}: no file can be called so", f"{name!r}：文件名无效") from None
    if len(data) > most:
        size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
        raise UsageError(f"{name}: larger than {size}", f"{name}：大于 {size}")
    return data


class _Unfit(Exception):
    """Something stands there that is no plain file."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


_LINK: Final = Text(
    "a link leads there; outputs are files in the folder of the manifest", "路径经过链接；输出应为清单目录中的文件"
)


def _descend(folder: Path, path: str) -> int:
    """A descriptor of the regular file. Raises _Unfit, OSError."""
    wrong = odd(path)
    if wrong:
        raise _Unfit(wrong)
    *above, last = path.split("/")
    if not _BY_DESCRIPTOR:  # no such calls on this system: looked at by name
        if any((folder / "/".join(above[:n]) / name).is_symlink() for n, name in enumerate([*above, last])):
            raise _Unfit(_LINK)
        handle = os.open(folder / path, _OPEN)
    else:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in above:
                below = _linkless(name, os.O_DIRECTORY | os.O_RDONLY | os.O_CLOEXEC, at)
                os.close(at)
                at = below
            handle = _linkless(last, _OPEN, at)
        finally:
            os.close(at)
    try:
        _regular(handle)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _linkless(name: str, flags: int, at: int) -> int:
    try:
        return os.open(name, flags | _NO_LINK, dir_fd=at)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a device without a driver
            raise _Unfit(_kind(0)) from None
        try:
            link = stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        except OSError:  # what could not be opened is told
            raise error from None
        if link:
            raise _Unfit(_LINK) from None
        raise


def _regular(handle: int) -> None:
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise _Unfit(_kind(mode))


def _kind(mode: int) -> Text:
    if stat.S_ISDIR(mode):
        return Text("is a folder, not a file", "是文件夹，不是文件")
    if stat.S_ISFIFO(mode):
        return Text("is a pipe, not a file", "是管道，不是文件")
    return Text("is a device or socket, not a file", "是设备或套接字，不是文件")
