"""Everything this package raises on purpose.

    PreflightError                 exit code 4 unless a subclass says otherwise
     ├─ UsageError           2     the command line, a configuration file
     │   └─ PresetError            a preset: file, table, key, nearest known word
     ├─ OurFault      70     nobody expected it: to be mended here, not there
     ├─ ToolMissing          3     an outside program or data file is not there
     ├─ AssetError           4     this one asset cannot be read or converted
     │   ├─ Unreadable             damaged, encrypted, not what its name says
     │   ├─ CeilingExceeded        beyond a safety ceiling (pixels, streams, entries, ...)
     │   ├─ ToolFailed             an outside program did not do its work
     │   │   └─ TimedOut           ... within its time
     │   ├─ Doubtful               what a document says of it cannot be read, or cannot be
     │   ├─ WorkerLost             the worker process died or was killed
     │   └─ ProofFailed            an output is not what the plan promised
     └─ UploadError          5     the far end does not hold what was sent

Each carries its sentence in English and Chinese; `str(error)` is the English one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pipeline.model.facts import Text

if TYPE_CHECKING:
    from pipeline.model.results import Proof


class PreflightError(Exception):
    """An expected failure: what went wrong, where, and what to do about it."""

    exit_code = 4

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.text = Text(en, zh)

    def __str__(self) -> str:
        return self.text.en


class UsageError(PreflightError):
    """The command line or a configuration file asks for something that does not exist."""

    exit_code = 2


class PresetError(UsageError):
    """A preset cannot be used: the sentence names file, table, key and the nearest known word."""


class OurFault(PreflightError):
    """A fault of ours. `traces` say where; `documented`: the document of the run already tells what it did."""

    exit_code = 70

    def __init__(self, en: str, zh: str, traces: Iterable[str], *, documented: bool = False) -> None:
        super().__init__(en, zh)
        self.traces, self.documented = tuple(traces), documented


class SystemRefused(PreflightError):
    """The system has no room, no right or no such thing for us: `exit_code` is that of its reason."""

    def __init__(self, error: OSError) -> None:
        told = system_words(error)
        super().__init__(told.en, told.zh)
        self.exit_code = 2 if error.errno in _CHOSEN else 4


class ToolMissing(PreflightError):
    """An outside program or data file is missing: its name, why it is needed, how to install it."""

    exit_code = 3


class AssetError(PreflightError):
    """One asset cannot be read or converted; the rest of the batch goes on."""


class Unreadable(AssetError):
    """Damaged, encrypted, or not what its name says."""


class CeilingExceeded(AssetError):
    """Beyond a safety ceiling; see `pipeline.model.ceilings`."""


class ToolFailed(AssetError):
    """An outside program did not do its work."""


class TimedOut(ToolFailed):
    """An outside program or a worker did not finish within its time."""


class Doubtful(AssetError):
    """What a document says of an asset cannot be read, or cannot be true."""


class NeedsReview(AssetError):
    """Somebody has to look through a list, which lies beside the outputs, before anything is made by it."""


class WorkerLost(AssetError):
    """The worker process that held this asset died."""


class ProofFailed(AssetError):
    """An output is not what the plan promised; it was removed. `proof` is all that was compared."""

    def __init__(self, en: str, zh: str, proof: tuple[Proof, ...] = ()) -> None:
        super().__init__(en, zh)
        self.proof = proof


class UploadError(PreflightError):
    """The far end does not hold what was sent."""

    exit_code = 5


def nearest_word(word: str, known: Iterable[str]) -> Text:
    """A suggestion for a mistyped word, as a sentence to append; empty when nothing is near."""
    close = get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return Text(f" Did you mean {close[0]!r}?", f"是否想写 {close[0]!r}？") if close else Text("", "")


_REASONS: Final = {
    errno.ENOSPC: Text("there is no room left; free some, or choose another place", "空间已满；请清理或更换位置"),
    errno.EDQUOT: Text("the quota of this user is used up", "该用户的磁盘配额已用完"),
    errno.EROFS: Text("this file system is read-only; choose another place", "文件系统为只读；请更换位置"),
    errno.EACCES: Text("no permission", "没有权限"),
    errno.EPERM: Text("not permitted", "不允许此操作"),
    errno.ENOENT: Text("there is no such file or folder", "没有该文件或目录"),
    errno.EEXIST: Text("it is there already", "已存在"),
    errno.EISDIR: Text("it is a folder", "它是目录"),
    errno.ENOTDIR: Text("a part of this path is no folder", "路径的一部分不是目录"),
    errno.ENAMETOOLONG: Text("the name is too long", "名称过长"),
    errno.ELOOP: Text("its links lead in a circle", "符号链接形成循环"),
    errno.EMFILE: Text(
        "too many files are open at once (`ulimit -n`); use fewer workers (-j)",
        "同时打开的文件过多（`ulimit -n`）；请减少进程数（-j）",
    ),
    errno.ENFILE: Text("this machine has too many files open", "本机打开的文件过多"),
    errno.EIO: Text("the device fails to read or write", "设备读写出错"),
    errno.ENOMEM: Text("there is no memory left", "内存不足"),
    errno.EADDRINUSE: Text("the address is in use already", "地址已被占用"),
    errno.EADDRNOTAVAIL: Text("this machine has no such address", "本机没有该地址"),
}
_KINDS: Final = {  # what `storage/regular.py` says of what is no file
    "Is a symbolic link": "它是符号链接",
    "Is a named pipe": "它是命名管道",
    "Is a pipe or a socket": "它是管道或套接字",
    "Is a socket": "它是套接字",
    "Is a device": "它是设备",
}
_CHOSEN: Final = frozenset(  # another place or name, which the user chooses, is the way out
    {
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    }
)
_NO_TEMPORARY: Final = Text(
    "no temporary folder can be written to; name one with room in TMPDIR",
    "没有可写的临时目录；请用 TMPDIR 指定有空间的目录",
)


def in_chinese(error: OSError) -> str:
    """Why the system refused; as it says it where we have no word for that."""
    said = error.strerror or str(error)
    reason = _REASONS.get(error.errno or 0)
    return _KINDS.get(said) or (reason.zh if reason else said)


def system_words(error: OSError) -> Text:
    """What the system refused, in our words, with the name of what it is about where that is known."""
    said = error.strerror or str(error)
    if error.errno == errno.ENOENT and "temporary directory" in said:  # of the module tempfile
        return _NO_TEMPORARY
    reason = _REASONS.get(error.errno or 0, Text.same(said))
    named = error.filename.decode("utf-8", "backslashreplace") if isinstance(error.filename, bytes) else error.filename
    if isinstance(named, str) and named:
        return Text(f"{named}: ", f"{named}：").plus(reason)
    where = Text(" (the temporary folder, or where the answer goes)", "（临时目录，或结果的输出位置）")
    return reason.plus(where) if error.errno in {errno.ENOSPC, errno.EDQUOT} else reason
