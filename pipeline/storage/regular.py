"""Opening what may be anything: only a regular file is taken, and no open ever waits for somebody at the other end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

_AT_ONCE: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_BYTES: Final = getattr(os, "O_BINARY", 0)  # Windows would end lines and files by itself
_KINDS: Final = (
    (stat.S_ISDIR, "Is a directory"),
    (stat.S_ISLNK, "Is a symbolic link"),
    (stat.S_ISFIFO, "Is a named pipe"),
    (stat.S_ISSOCK, "Is a socket"),
)
_REFUSED: Final = {errno.ENXIO: "Is a pipe or a socket", errno.ELOOP: "Is a symbolic link"}  # told as what it is


def kind(mode: int) -> str:
    """What something with this `st_mode` is, in the words of the system; "" for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    return next((said for is_one, said in _KINDS if is_one(mode)), "Is a device")


def opened(path: str | Path, flags: int = os.O_RDONLY, mode: int = 0o600, *, folder: int | None = None) -> int:
    """A descriptor of a regular file; links are followed unless `flags` forbid it.

    `folder` is the descriptor that `path` is below, `mode` what a file is made with. Raises OSError, also where
    something else has this name.
    """
    try:
        handle = os.open(path, flags | _AT_ONCE | _BYTES, mode, dir_fd=folder)
    except OSError as error:
        said = _REFUSED.get(error.errno or 0)
        if said is None:
            raise
        raise OSError(error.errno, said, str(path)) from None
    said = kind(os.fstat(handle).st_mode)
    if said:
        os.close(handle)
        raise OSError(errno.EISDIR if said == "Is a directory" else errno.EINVAL, said, str(path))
    if hasattr(os, "set_blocking"):
        os.set_blocking(handle, True)
    return handle


def reading(path: str | Path) -> BufferedReader:
    """The regular file at `path`, to be read. Raises OSError.

    One without a byte is not asked for more: those of the kernel say so, and some of them wait or never end.
    """
    file = os.fdopen(opened(path), "rb")
    if os.fstat(file.fileno()).st_size:
        return file
    file.close()
    return open(os.devnull, "rb")  # noqa: PTH123  nothing, and an end
