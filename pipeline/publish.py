"""How an output appears: complete, under its name, or not at all. And the private folder it is made in."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import AssetError

WORK: Final = ".preflight-work-"  # first part of the name of every private folder


@contextmanager
def workshop(out: Path) -> Iterator[Path]:
    """A private folder (mode 0700) on the file system of `out`, gone afterwards."""
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{WORK}{os.getpid()}-", dir=out))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(out: Path) -> None:
    """Remove the private folders of runs that were killed: those whose process is gone."""
    for folder in out.glob(f"{WORK}*"):
        owner = folder.name.removeprefix(WORK).split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
    _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
