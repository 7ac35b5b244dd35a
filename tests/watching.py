"""What lies around a folder that hostile things are tried in, before and after: nothing there may change."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRET = b"of another person, and nobody's to read, move or remove\n" * 20
_DIGESTED = 1 << 20  # bytes of a file whose content is compared; a larger one by its size and times


def canaries(folder: Path) -> Path:
    """Another person's files, beside whatever is tried: to be read by nobody, and to stay as they are."""
    if folder.exists():  # as an earlier attempt left it
        shutil.rmtree(folder)
    (folder / "below").mkdir(parents=True)
    (folder / "victim.bin").write_bytes(SECRET)
    (folder / "below" / "letter.txt").write_bytes(SECRET)
    (folder / "pointer").symlink_to("victim.bin")
    return folder


def _seen(path: str, found: os.stat_result) -> tuple[object, ...]:
    if stat.S_ISLNK(found.st_mode):
        return "link", os.readlink(path)  # noqa: PTH115  names that are no text
    if stat.S_ISDIR(found.st_mode):
        return "folder", found.st_mode
    held = b""
    if stat.S_ISREG(found.st_mode) and found.st_size <= _DIGESTED and os.access(path, os.R_OK):
        with open(path, "rb") as file:  # noqa: PTH123  names that are no text
            held = hashlib.sha256(file.read()).digest()
    return "file", found.st_mode, found.st_size, found.st_mtime_ns, held


def _walk(top: str, leaving: frozenset[str]) -> Iterator[tuple[str, tuple[object, ...]]]:
    with os.scandir(top) as listing:
        inside = sorted(listing, key=lambda one: one.name)
    for one in inside:
        if one.path in leaving:
            continue
        try:
            yield one.path, _seen(one.path, one.stat(follow_symlinks=False))
        except FileNotFoundError:  # a working file of something that still ends; it is seen where it stays
            continue
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            yield one.path, ("deeper than a path can name",)
            continue
        if one.is_dir(follow_symlinks=False):
            yield from _walk(one.path, leaving)


def snapshot(top: Path, *leaving: Path) -> dict[str, tuple[object, ...]]:
    """Everything below `top` but these: what it is, its mode, size, time and content."""
    return dict(_walk(str(top), frozenset(map(str, leaving))))


def differences(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> list[str]:
    """What was added, removed or changed, in words."""
    told = [f"removed: {name!r}" for name in before.keys() - after.keys()]
    told += [f"written: {name!r}" for name in after.keys() - before.keys()]
    told += [f"changed: {name!r}" for name in before.keys() & after.keys() if before[name] != after[name]]
    return sorted(told)


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Nothing in here may wait for somebody at the other end: the kernel ends what does."""

    def rung(*_: object) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, rung)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
