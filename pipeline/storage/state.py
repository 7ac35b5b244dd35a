"""State of our own: journals, locks, receipts, caches and work folders are believed only where we made them.

Other people write to shared folders too. What is opened here as ours is therefore shown to be a regular file (or a
folder) of this user with no other name, which nobody else may write to; it is reached from a folder that is held by
descriptor, and no link is followed on the way. Root is a user like any other: what others made is not its own.

Some file systems keep neither owners nor modes (memory sticks, some network drives). There, what a file made this
moment is said to be is what ours look like. Where the system has no calls by descriptor (Windows), paths are used,
and who made a file is not asked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pipeline.errors import AssetError, UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.storage import paths, regular

if TYPE_CHECKING:
    import sqlite3

_BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_BESIDE: Final = ("", "-wal", "-shm", "-journal")  # what SQLite keeps of a database
_CHINESE: Final = {
    "Is a directory": "是目录",
    "Is a symbolic link": "是符号链接",
    "Is a named pipe": "是命名管道",
    "Is a socket": "是套接字",
    "Is a device": "是设备",
}


def unlike(mode: int) -> Text | None:
    """What something with this `st_mode` is instead of a regular file, in both languages; None for a regular file."""
    said = regular.kind(mode)
    return Text(said[0].lower() + said[1:], _CHINESE[said]) if said else None


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


class HeldFolder:
    """A folder that is held: what is done below it is done there, whatever becomes of its path meanwhile.

    Names are single, no part of a path, so no link is followed. Methods raise OSError unless they say otherwise.
    """

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self.handle = path, handle

    @classmethod
    def at(cls, path: Path) -> Self:
        """The folder at `path`, which the user named: links that lead there are followed."""
        if _BY_DESCRIPTOR:
            return cls(path, os.open(path, _FOLDER))
        if not path.is_dir():
            raise FileNotFoundError(2, "No such folder", str(path))
        return cls(path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def _named(self, name: str) -> str:
        return name if self.handle is not None else str(self.path / name)

    def below(self, name: str, *, make: bool = False) -> HeldFolder:
        """The folder of this name in here, made where there is none and `make` asks for it; never through a link."""
        if make:
            with contextlib.suppress(FileExistsError):  # of whatever kind: opening it says so
                os.mkdir(self._named(name), dir_fd=self.handle)
        if self.handle is not None:
            return HeldFolder(self.path / name, os.open(name, _FOLDER | NO_LINK, dir_fd=self.handle))
        found = self.stat(name)
        if found is None or not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(20, "Is no folder", str(self.path / name))
        return HeldFolder(self.path / name, None)

    def names(self) -> list[str]:
        """Of everything in here, sorted."""
        return sorted(os.listdir(self.path if self.handle is None else self.handle))  # noqa: PTH208  by descriptor

    def stat(self, name: str) -> os.stat_result | None:
        """Of what has this name, be it a link; None when nothing has."""
        try:
            return os.stat(self._named(name), dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:  # the answer
            return None

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """A descriptor of the regular file of this name; never through a link."""
        return regular.opened(self._named(name), flags | NO_LINK, mode, folder=self.handle)

    def unlink(self, name: str) -> None:
        """Take this name away, of whatever it is."""
        os.unlink(self._named(name), dir_fd=self.handle)

    def take(self, made: Path | str, name: str, *, link: bool = False) -> None:
        """Give a finished file this name: in place of what has it, or beside (`link`)."""
        source = self.handle if isinstance(made, str) else None
        path = self._named(made) if isinstance(made, str) else made
        if link:
            os.link(path, self._named(name), src_dir_fd=source, dst_dir_fd=self.handle)
        else:
            os.replace(path, self._named(name), src_dir_fd=source, dst_dir_fd=self.handle)

    def sync(self) -> None:
        """Let new names in here survive a loss of power."""
        if self.handle is not None:
            os.fsync(self.handle)

    def clear(self, but: str = "") -> None:
        """Remove everything in here, `but` one file; what cannot be removed stays."""
        for name in self.names():
            found = self.stat(name)
            if found is None or name == but:
                continue
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(self._named(name), ignore_errors=True, dir_fd=self.handle)
            else:
                with contextlib.suppress(OSError):  # as rmtree does: the next run tries again
                    self.unlink(name)

    def remove(self, name: str) -> None:
        """Remove a folder of our own and all that is in it; what cannot be removed, or is not ours, stays."""
        with contextlib.suppress(OSError):  # gone, or not to be entered: nothing of it is removed
            folder = self.ours(name)
            if folder:
                with folder:
                    folder.clear()
                os.rmdir(self._named(name), dir_fd=self.handle)

    # --- what is ours

    def ours(self, name: str) -> HeldFolder | None:
        """The folder of this name, if this user made it and nobody else may write to it."""
        try:
            folder = self.below(name)
        except OSError:  # no folder, a link, or one that is not for us
            return None
        found = self.stat(name) if folder.handle is None else os.fstat(folder.handle)
        if found is None or self.wrong(found):
            folder.__exit__()
            return None
        return folder

    @cached_property
    def _like(self) -> tuple[int, int]:
        """Owner of a file that is made in here now, and who else may write to it."""
        made = self.trial()
        return made.st_uid, made.st_mode & _OTHERS

    def trial(self) -> os.stat_result:
        """What a file that is made in here now looks like; gone again, and where the system can, never with a name."""
        if self.handle is not None and hasattr(os, "O_TMPFILE"):
            try:
                handle = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=self.handle)
            except OSError as error:
                if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}:
                    raise  # else a file system that knows no files without names
            else:
                try:
                    return os.fstat(handle)
                finally:
                    os.close(handle)
        name = f".preflight-{os.urandom(16).hex()}"
        handle = self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            return os.fstat(handle)
        finally:
            os.close(handle)
            self.unlink(name)

    def wrong(self, found: os.stat_result) -> Text | None:
        """Why something in here is not a file or folder of our own; None: it is."""
        other = None if stat.S_ISDIR(found.st_mode) else unlike(found.st_mode)
        if other:
            return other
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            return Text("has a second name elsewhere", "另有其他名称（硬链接）")
        if self.handle is None or (found.st_uid == _user() and not found.st_mode & _OTHERS):
            return None
        try:
            owner, others = self._like
        except OSError:  # nothing of ours can be made here, so it is nothing of ours
            owner, others = _user(), 0
        if found.st_uid != owner:
            return _anothers(found)
        if found.st_mode & _OTHERS & ~others:
            mode = stat.S_IMODE(found.st_mode)
            return Text(f"may be written to by others (mode {mode:04o})", f"其他用户可写（权限 {mode:04o}）")
        return None

    def unlike_folder(self, found: os.stat_result) -> Text | None:
        """As `wrong`, of what should be a folder."""
        return self.wrong(found) or (None if stat.S_ISDIR(found.st_mode) else Text("is no folder", "不是目录"))

    def unlike_file(self, found: os.stat_result) -> Text | None:
        """As `wrong`, of what should be a file."""
        return self.wrong(found) or _folder(found)

    def own(self, name: str, flags: int = os.O_RDONLY) -> int:
        """A descriptor of a file of our own, made (mode 0600) where `flags` say so. Raises UsageError, OSError."""
        found = self.stat(name)
        wrong = found and self.unlike_file(found)
        if wrong:
            raise refused(self.path / name, wrong)
        handle = self.open(name, flags)
        wrong = self.wrong(os.fstat(handle))
        if wrong:  # somebody was quicker
            os.close(handle)
            raise refused(self.path / name, wrong)
        return handle

    def read(self, name: str, most: int) -> bytes:
        """What a file of our own holds, `most` bytes of it at most. Raises UsageError, OSError."""
        with os.fdopen(self.own(name), "rb") as file:
            text = file.read(most + 1)
        if len(text) > most:
            raise refused(self.path / name, Text(f"is larger than {most} bytes", f"大于 {most} 字节"))
        return text


def _anothers(found: os.stat_result) -> Text:
    return Text(f"belongs to another user ({found.st_uid})", f"属于其他用户（{found.st_uid}）")


def _folder(found: os.stat_result) -> Text | None:
    return Text("is a directory", "是目录") if stat.S_ISDIR(found.st_mode) else None


def refused(path: Path, wrong: Text) -> UsageError:
    """What stands where state of ours should is not believed."""
    return UsageError(
        f"{path} {wrong.en}: it is not used, since somebody else may have put it there. Look at it, and remove it or "
        f"choose another folder.",
        f"{path} {wrong.zh}：可能由他人放置，因此不予使用。请查看后删除，或更换目录。",
    )


@contextmanager
def beneath(top: Path, name: str, *, make: bool = False) -> Iterator[tuple[HeldFolder, str]]:
    """The folder that a plain path below `top` is in, and its last part; `make` makes the folders on the way.

    Raises AssetError when the path could lead elsewhere, OSError when there is no way.
    """
    if paths.odd(name):
        raise AssetError(f"{name!r} would leave the folder {top}", f"{name!r} 将超出目录 {top}")
    *folders, last = name.split("/")
    with contextlib.ExitStack() as held:
        place = held.enter_context(HeldFolder.at(top))
        for part in folders:
            found = place.stat(part)
            if found is not None and stat.S_ISLNK(found.st_mode):
                raise AssetError(
                    f"{place.path / part} is a symbolic link, and {name!r} would leave the folder {top} by it. Remove "
                    "the link, or name the folder that it leads to.",
                    f"{place.path / part} 是符号链接，{name!r} 将由此超出目录 {top}。"
                    "请删除该链接，或直接指定其目标目录。",
                )
            place = held.enter_context(place.below(part, make=make))
        yield place, last


def database(path: Path, **options: Any) -> sqlite3.Connection:
    """The database at `path`, of our own, made (mode 0600) where there is none; nothing is asked of it yet.

    SQLite opens by path. The file is therefore looked at before and after, never opened beside it: closing would
    let go of its locks. Raises UsageError when it is not ours, sqlite3.Error, OSError.
    """
    import sqlite3

    with HeldFolder.at(path.parent) as folder:
        for name in (path.name + ending for ending in _BESIDE):
            found = folder.stat(name)
            wrong = found and folder.unlike_file(found)
            if wrong:
                raise refused(folder.path / name, wrong)
        if folder.stat(path.name) is None:
            with contextlib.suppress(FileExistsError):  # another run was quicker: looked at below
                os.close(folder.open(path.name, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        before = folder.stat(path.name)
        db: sqlite3.Connection = sqlite3.connect(path, **options)
        after = folder.stat(path.name)
        wrong = folder.wrong(after) if after else Text("went away", "已消失")
        if before is None or after is None or wrong or not os.path.samestat(before, after):
            db.close()
            raise refused(path, wrong or Text("was replaced meanwhile", "刚刚被替换"))
        return db


# --- in the temporary folder, which is everybody's ------------------------------------------------------


def temporary() -> Path:
    """Where this user's work in the temporary folder lies: one folder with a name that tells whose it is.

    One that somebody else made is passed by, for a new one of another name. Raises OSError.
    """
    place = Path(tempfile.gettempdir(), f"preflight-{_user()}")
    with contextlib.suppress(FileExistsError):  # an earlier run's, or not ours
        place.mkdir(mode=0o700)
    with HeldFolder.at(place.parent) as top:
        folder = top.ours(place.name)
        if folder:
            folder.__exit__()
            return place
    return Path(tempfile.mkdtemp(prefix="preflight-"))


# --- tried before the work begins -----------------------------------------------------------------------


def replaceable(*targets: Path) -> None:
    """Whether a file can be written whole under each name when the work is done; all are in one folder.

    Raises UsageError when not.
    """
    top = targets[0].parent
    try:
        with HeldFolder.at(top) as folder:
            folder.trial()
            for target in targets:
                found = folder.stat(target.name)
                wrong = found and (_folder(found) or _kept(folder, found))
                if wrong:
                    raise UsageError(
                        f"{target} {wrong.en}, and a file is to be written there. Remove it or choose another folder.",
                        f"{target} {wrong.zh}，而该处需要写入文件。请将其删除或更换目录。",
                    )
    except OSError as error:
        raise UsageError(f"{top}: {error.strerror}", f"{top}：{in_chinese(error)}") from None


def _kept(folder: HeldFolder, found: os.stat_result) -> Text | None:
    """Why a file may not be replaced: in a folder with the sticky bit only owners do that."""
    if folder.handle is None or _user() in {0, found.st_uid}:
        return None
    top = os.fstat(folder.handle)
    if not top.st_mode & stat.S_ISVTX or top.st_uid == _user():
        return None
    return _anothers(found)
