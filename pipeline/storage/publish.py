"""How an output appears: complete, under its name, or not at all. And the private folder it is made in.

A run can be killed between the moment an output gets its name and the moment the journal knows of it. Before the
first name is given, the private folder therefore holds a receipt: the names, sizes and digests to come. Whoever
finds the receipt of a dead run takes back what the journal does not know, and the work is done anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.errors import AssetError, UsageError
from pipeline.storage.atomic import sync_folder
from pipeline.storage.digest import content_md5

WORK: Final = ".preflight-work-"  # first part of the name of every private folder
RECEIPT: Final = "receipt.json"
LOCK: Final = ".preflight-journal.lock"
_STRANGER: Final = 24 * 3600.0  # seconds after which another host's folder that nobody touches counts as left
DYING: Final = 10.0  # seconds for the workers of a killed run to be gone
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
    if not (folder / RECEIPT).exists():
        shutil.rmtree(folder, ignore_errors=True)
        return
    for entry in folder.iterdir():
        if entry.name != RECEIPT:
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def publish_all(pairs: Iterable[tuple[Path, Promise]], out: Path, work: Path, *, ours: Callable[[str], bool]) -> None:
    """Give every finished file its name below `out`: all of them, or none.

    `ours` tells which names in the way may be replaced. The receipt is on the disk before the first name is
    given and stays in `work`; after the journal knows the names it is for `settle`.
    Raises AssetError when a name is taken, OSError when the disk refuses.
    """
    todo = list(pairs)
    receipt = work / RECEIPT
    with receipt.open("w", encoding="utf-8") as file:
        json.dump([promise for _, promise in todo], file)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(work)
    given: list[Path] = []
    try:
        for made, (name, _, _) in todo:
            publish(made, out / name, replace=ours(name))
            given.append(out / name)
    except BaseException:
        for final in given:
            final.unlink(missing_ok=True)
        receipt.unlink(missing_ok=True)
        raise


def promised(out: Path, name: str, md5: str) -> bool:
    """Whether a receipt says that this file was made for its name: by an attempt that was lost before it could tell."""
    return any(entry[0] == name and entry[2] == md5 for folder in out.glob(f"{WORK}*") for entry in _promises(folder))


def settle(out: Path, folder: str) -> None:
    """The journal knows these outputs: their receipt is no longer needed."""
    if folder:
        shutil.rmtree(out / folder, ignore_errors=True)


@contextmanager
def claim(out: Path) -> Iterator[None]:
    """`out` for this run alone; freed by the kernel however the run ends. Raises UsageError when it is taken."""
    if os.name != "posix":
        yield
        return
    import fcntl

    try:
        lock = (out / LOCK).open("a")
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", f"{out}：{error.strerror}") from None
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
    for folder in sorted(out.glob(f"{WORK}*")):
        while not (dead := _dead(folder)) and not _mine(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not dead:
            continue
        if (folder / RECEIPT).exists():
            names = known() if names is None else names
            _take_back(folder, out, names)
        shutil.rmtree(folder, ignore_errors=True)


def _take_back(folder: Path, out: Path, known: set[str]) -> None:
    for name, size, md5 in _promises(folder):
        final = out / name
        with contextlib.suppress(OSError):  # gone already, or not ours to remove; the name stays taken and is told
            if name not in known and final.stat().st_size == size and content_md5(final) == md5:
                final.unlink()


def _promises(folder: Path) -> list[Promise]:
    try:
        return [(name, size, md5) for name, size, md5 in json.loads((folder / RECEIPT).read_text("utf-8"))]
    except (OSError, ValueError):  # none, or killed while it was written: no name had been given
        return []


def _mine(folder: Path) -> bool:
    return folder.name.startswith(f"{WORK}{os.getpid()}-")


def _dead(folder: Path) -> bool:
    """Whether whoever made the folder is gone; not told where that cannot be known."""
    owner, where, *_ = [*folder.name.removeprefix(WORK).split("-"), ""]
    if not owner.isdigit():
        return False
    if len(where) == len(here()) and where.startswith("h") and where != here():
        with contextlib.suppress(OSError):  # gone meanwhile: nothing left to sweep
            return time.time() - folder.stat().st_mtime > _STRANGER
        return False
    return not alive(int(owner))


def alive(process: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:  # the answer
        return False
    except PermissionError:  # somebody else's, so it lives
        return True
    return not _ended(process)


def _ended(process: int) -> bool:
    """Whether it has ended and only waits to be collected (Linux)."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] in "ZX"
    except (OSError, IndexError):  # not Linux, or gone meanwhile: taken as it was found
        return False


def share(source: Path, target: Path) -> str:
    """Give `source` a second name at no cost where the file system can; returns how it was done.

    A hard link, else a copy (which the kernel makes a reflink where it can). Raises OSError.
    """
    with contextlib.suppress(OSError):
        # Resolved first: link(2) on Linux would give the symbolic link a second name, not the file.
        os.link(source.resolve(), target)
        return "hard link"
    shutil.copyfile(source, target)
    return "copy"


def publish(made: Path, final: Path, *, replace: bool) -> None:
    """Move a finished file to its name: synced, in one rename, and never over a file that must stay.

    Raises AssetError when the name is taken and `replace` is False, OSError when the disk refuses.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    if replace:
        made.replace(final)
    else:
        try:
            os.link(made, final)  # fails when the name is taken; a rename would not
        except FileExistsError:
            raise AssetError(
                f"{final} exists and is not of this run. Pass --overwrite always, or choose another folder.",
                f"{final} 已存在且不属于本次运行。请使用 --overwrite always 或更换输出目录。",
            ) from None
        except OSError:  # a file system without links
            if final.exists():
                raise AssetError(f"{final} exists already.", f"{final} 已存在。") from None
            made.replace(final)
        made.unlink(missing_ok=True)
    sync_folder(final.parent)
