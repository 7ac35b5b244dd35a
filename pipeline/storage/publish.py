"""How an output appears: complete, under its name, or not at all. And the private folder it is made in.

A run can be killed between the moment an output gets its name and the moment the journal knows of it. Before the
first name is given, the private folder therefore holds a receipt: the names, sizes and digests to come. Whoever
finds the receipt of a dead run takes back what the journal does not know, and the work is done anew.

Only receipts and folders of this user count, and a receipt only speaks of plain names below its own output folder:
in a folder that others write to, nothing of theirs is believed or removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.errors import AssetError, UsageError, in_chinese
from pipeline.model.facts import Text
from pipeline.storage import paths, state
from pipeline.storage.digest import md5_of
from pipeline.storage.regular import opened

WORK: Final = ".preflight-work-"  # first part of the name of every private folder
RECEIPT: Final = "receipt.json"
LOCK: Final = ".preflight-journal.lock"
_MADE_BY: Final = re.compile(rf"{re.escape(WORK)}([0-9]{{1,9}})-(h[0-9a-f]{{8}})?.*", re.DOTALL)  # process, machine
RECEIPT_MOST: Final = 16 << 20  # bytes of a receipt that are read; of the largest deck it has about a tenth
_STRANGER: Final = 24 * 3600.0  # seconds after which another host's folder that nobody touches counts as left
DYING: Final = 10.0  # seconds for the workers of a killed run to be gone
_FICLONE: Final = 0x40049409  # linux/fs.h
Promise = tuple[str, int, str]  # path below the output folder, bytes, base64 MD5


@cache
def here() -> str:
    """This machine since its start and, in a container, this container: where a process number means something."""
    words = [platform.node()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):  # not Linux, or no /proc: the other words must do
            words.append(str(Path(path).stat().st_ino) if path.endswith("pid") else Path(path).read_text("ascii"))
    return "h" + hashlib.sha256("\0".join(words).encode()).hexdigest()[:8]


def private(out: Path, label: str = "") -> Path:
    """A new folder (mode 0700) below `out` whose name says which process of which machine it belongs to."""
    return Path(tempfile.mkdtemp(prefix=f"{WORK}{os.getpid()}-{here()}-{label}", dir=out))


@contextmanager
def workshop(out: Path) -> Iterator[Path]:
    """A private folder on the file system of `out`. Afterwards it is gone, or holds its receipt and no more."""
    out.mkdir(parents=True, exist_ok=True)
    folder = private(out)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        with state.HeldFolder.at(folder) as held:
            held.clear(but=RECEIPT)
            if held.stat(RECEIPT) is None:
                folder.rmdir()
    except OSError:  # removed by somebody, or the disk refuses: the next run removes it
        return


def scratch() -> Path:
    """A new private folder in the temporary folder, for `drop`; what killed runs of this user left there goes now.

    Raises AssetError when there is no room for it.
    """
    try:
        top = state.temporary()
        sweep(top)
        try:
            return private(top)
        except FileNotFoundError:  # another run ended just now and took the empty folder away
            return private(state.temporary())
    except OSError as error:
        raise no_scratch(error) from None


def drop(folder: Path) -> None:
    """Remove a folder that `scratch` made."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # others of this user's runs are at work there
        folder.parent.rmdir()


@contextmanager
def scratched() -> Iterator[Path]:
    """A folder as `scratch` makes it, gone afterwards."""
    folder = scratch()
    try:
        yield folder
    finally:
        drop(folder)


def no_scratch(error: OSError) -> AssetError:
    """What is said where nothing can be written to the temporary folder."""
    place = os.environ.get("TMPDIR", tempfile.tempdir or "")
    return AssetError(
        f"no scratch space in {place}: {error.strerror}; set TMPDIR to a larger disk",
        f"{place} 中没有临时空间：{in_chinese(error)}；请将 TMPDIR 指向更大的磁盘",
    )


def publish_all(pairs: Iterable[tuple[Path, Promise]], out: Path, work: Path, *, ours: Callable[[str], bool]) -> None:
    """Give every finished file its name below `out`: all of them, or none.

    `ours` tells which names in the way may be replaced. The receipt is on the disk before the first name is
    given and stays in `work`; after the journal knows the names it is for `settle`.
    Raises AssetError when a name is taken, OSError when the disk refuses.
    """
    import msgspec

    todo = list(pairs)
    with state.HeldFolder.at(work) as ours_alone:
        with os.fdopen(ours_alone.open(RECEIPT, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(msgspec.json.encode([promise for _, promise in todo]))
            file.flush()
            os.fsync(file.fileno())
        ours_alone.sync()
        given: list[str] = []
        try:
            for made, (name, _, _) in todo:
                publish(made, out / name, replace=ours(name), below=out)
                given.append(name)
        except BaseException:
            for name in given:
                with state.beneath(out, name) as (folder, last), contextlib.suppress(FileNotFoundError):  # it is gone
                    folder.unlink(last)
            ours_alone.unlink(RECEIPT)
            raise


def promised(out: Path, name: str, md5: str) -> bool:
    """Whether a receipt says that this file was made for its name: by an attempt that was lost before it could tell."""
    with state.HeldFolder.at(out) as top:
        return any(entry[0] == name and entry[2] == md5 for folder in _works(top) for entry in _promises(top, folder))


def settle(out: Path, folder: str) -> None:
    """The journal knows these outputs: their receipt is no longer needed."""
    if folder.startswith(WORK) and "/" not in folder:
        with state.HeldFolder.at(out) as top:
            top.remove(folder)


@contextmanager
def claim(out: Path) -> Iterator[None]:
    """`out` for this run alone; freed by the kernel however the run ends. Raises UsageError when it is taken."""
    if os.name != "posix":
        yield
        return
    import fcntl

    try:
        with state.HeldFolder.at(out) as top:
            lock = os.fdopen(top.own(LOCK, os.O_RDWR | os.O_CREAT), "rb")
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", f"{out}：{in_chinese(error)}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another run is at work in {out}; wait for its end or choose another folder",
                f"另一个任务正在使用 {out}；请等待其结束或更换目录",
            ) from None
        except OSError:  # a file system without locks: the receipts still keep what is finished apart
            yield
            return
        yield


def sweep(out: Path, known: Callable[[], set[str]] = set, *, wait: float = 0.0) -> None:
    """Remove the private folders of runs that were killed, and the outputs they gave a name but not to the journal.

    `known` is asked for the names in the journal when there is a receipt to settle. Folders of processes that
    live are left, after `wait` seconds for them to end; so are those of other machines, for a day.
    """
    deadline = time.monotonic() + wait
    names: set[str] | None = None
    try:
        top = state.HeldFolder.at(out)
    except OSError:  # none, or it cannot be looked into: whoever writes there says so
        return
    with top:
        for name in _works(top):
            while not (dead := _dead(top, name)) and _mine(name) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not dead:
                continue
            promises = _promises(top, name)
            if promises:
                names = known() if names is None else names
                for promise in promises:
                    if promise[0] not in names:
                        _take_back(out, promise)
            top.remove(name)


def _works(top: state.HeldFolder) -> Iterator[str]:
    """The names of private folders that this user made in `top`."""
    for name in top.names():
        folder = top.ours(name) if name.startswith(WORK) else None
        if folder:
            folder.__exit__()
            yield name


def _take_back(out: Path, promise: Promise) -> None:
    """Remove an output that was given its name and is still what was promised."""
    name, size, md5 = promise
    with (
        contextlib.suppress(OSError, AssetError),  # gone, or not ours to remove; the name stays taken and is told
        state.beneath(out, name) as (folder, last),
        os.fdopen(folder.open(last), "rb") as file,
    ):
        found = os.fstat(file.fileno())
        if found.st_size == size and md5_of(file) == md5:
            now = folder.stat(last)
            if now and os.path.samestat(now, found):
                folder.unlink(last)


def _promises(top: state.HeldFolder, name: str) -> list[Promise]:
    """What the receipt in a private folder says; nothing where none was written to its end: no name had been given."""
    folder = top.ours(name)
    if folder is None:
        return []
    with folder, contextlib.suppress(OSError, UsageError):  # no receipt, or not one of ours
        return receipt(folder.read(RECEIPT, RECEIPT_MOST))
    return []


def receipt(text: bytes) -> list[Promise]:
    """The promises of a receipt; none at all where it is not what `publish_all` writes."""
    import msgspec

    try:
        promises = msgspec.json.decode(text, type=list[Promise])
    except (ValueError, RecursionError):  # killed while it was written, or of somebody else's making
        return []
    return promises if not any(paths.odd(name) for name, _, _ in promises) else []


def _mine(name: str) -> bool:
    return name.startswith(f"{WORK}{os.getpid()}-")


def _dead(top: state.HeldFolder, name: str) -> bool:
    """Whether whoever made the folder is gone; not told where that cannot be known."""
    made_by = _MADE_BY.fullmatch(name)
    if not made_by:
        return False
    process, where = made_by.groups()
    if where and where != here():
        found = top.stat(name)
        return found is not None and time.time() - found.st_mtime > _STRANGER
    return not alive(int(process))


def alive(process: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:  # the answer
        return False
    except PermissionError:  # somebody else's, so it lives
        return True
    except OverflowError:  # no system has so many
        return False
    return not _ended(process)


def _ended(process: int) -> bool:
    """Whether it has ended and only waits to be collected (Linux)."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] in "ZX"
    except (OSError, IndexError):  # not Linux, or gone meanwhile: taken as it was found
        return False


def again(made: Path, target: Path) -> None:
    """Give what was made a second name, at no cost where the file system can. Never of a source. Raises OSError."""
    try:
        os.link(made, target)
    except OSError:  # a file system without links
        share(made, target)


def share(source: Path, target: Path) -> Text:
    """Put what is in `source` at `target`, and tell how. Nothing done to the one ever reaches the other.

    Blocks are shared where the file system can (Btrfs, XFS), at no cost until either is written to; else it is a copy.
    Raises OSError.
    """
    if _cloned(source, target):
        return Text("copy that shares its blocks", "共享数据块的副本")
    shutil.copyfile(source, target)
    return Text("copy", "副本")


def _cloned(source: Path, target: Path) -> bool:
    """Whether the file system made `target` of the blocks of `source`."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    with source.open("rb") as given, target.open("wb") as made:
        try:
            fcntl.ioctl(made, _FICLONE, given.fileno())
        except OSError:  # it cannot, or not between these two
            return False
    return True


def publish(made: Path, final: Path, *, replace: bool, below: Path | None = None) -> None:
    """Move a finished file to its name: synced, in one rename, and never over a file that must stay.

    `below` is a folder that the name is in and that no link on the way to it leads out of.
    Raises AssetError when the name is taken and `replace` is False, or leads elsewhere; OSError when the disk refuses.
    """
    top = below or final.parent
    top.mkdir(parents=True, exist_ok=True)
    with state.beneath(top, final.relative_to(top).as_posix(), make=True) as (folder, name):
        handle = opened(made)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if replace:
            folder.take(made, name)
        else:
            try:
                folder.take(made, name, link=True)  # fails when the name is taken; a rename would not
            except FileExistsError:
                raise AssetError(
                    f"{final} exists and is not of this run. Pass --overwrite always, or choose another folder.",
                    f"{final} 已存在且不属于本次运行。请使用 --overwrite always 或更换输出目录。",
                ) from None
            except OSError:  # a file system without links
                if folder.stat(name):
                    raise AssetError(f"{final} exists already.", f"{final} 已存在。") from None
                folder.take(made, name)
            made.unlink(missing_ok=True)
        folder.sync()
