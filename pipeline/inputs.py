"""What the user named on the command line, as a list of assets in a stable order."""

from __future__ import annotations

import fnmatch
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError

# What operating systems and editors leave lying about; never an asset when found by walking.
_LITTER = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})


@dataclass(frozen=True, slots=True)
class Found:
    """One input file, and where its output goes below the output folder (without extension)."""

    path: str
    stem: str


def find(
    paths: Iterable[str],
    *,
    from_file: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> list[Found]:
    """Every file named, and every file below every folder named; folders are walked in sorted order.

    `from_file` names a list, one path per line (NUL-separated when it holds NULs; "-" is standard input).
    Files named outright are always taken; `include` and `exclude` filter what walking finds.
    Raises UsageError for a path that does not exist and when nothing at all was named.
    """
    named = [*paths, *(_listed(from_file) if from_file else ())]
    if not named:
        raise UsageError("nothing to do: name at least one file or folder", "没有输入：请至少给出一个文件或文件夹")
    distinct: dict[str, tuple[str, str]] = {}
    for name in named:
        for path, relative in _expand(name, include, exclude):
            distinct.setdefault(os.path.realpath(path), (path, relative))
    # Two sources that would make the same output keep their extensions in its name.
    stems = Counter(_stem(relative).casefold() for _, relative in distinct.values())
    taken = {stem for stem, count in stems.items() if count == 1}
    found: list[Found] = []
    for path, relative in distinct.values():
        stem = _stem(relative)
        if stems[stem.casefold()] > 1:
            stem = _clear(f"{stem}_{Path(relative).suffix.lstrip('.')}", taken)
            taken.add(stem.casefold())
        found.append(Found(path, stem))
    return found


def _clear(stem: str, taken: set[str]) -> str:
    number, candidate = 1, stem
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem}_{number}"
    return candidate


def _stem(relative: str) -> str:
    path = Path(relative)
    # Names that are not UTF-8 become printable; outputs can then be listed in a manifest.
    stem = path.stem if path.stem and not path.stem.startswith(".") else path.name.lstrip(".") or "file"
    parts = [*path.parent.parts, stem]
    return "/".join(part.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for part in parts)


def _listed(name: str) -> Iterator[str]:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}", f"{name}：{error.strerror}") from None
    for line in raw.split(b"\0" if b"\0" in raw else b"\n"):
        text = os.fsdecode(line.rstrip(b"\r"))
        if text:
            yield text


def _expand(name: str, include: Sequence[str], exclude: Sequence[str]) -> Iterator[tuple[str, str]]:
    path = Path(name)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}", f"{name}：{error.strerror}") from None
    if stat.S_ISDIR(mode):
        yield from _walk(path, include, exclude)
    else:
        yield name, path.name


def _closed(error: OSError) -> None:
    """A folder that cannot be listed is told, not passed over: nothing in it would be looked at."""
    raise UsageError(f"{error.filename}: {error.strerror}", f"{error.filename}：{error.strerror}") from None


def _walk(top: Path, include: Sequence[str], exclude: Sequence[str]) -> Iterator[tuple[str, str]]:
    for folder, folders, files in os.walk(top, onerror=_closed):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _LITTER)
        for file in sorted(files):
            path = Path(folder, file)
            relative = str(path.relative_to(top))
            if file.startswith(".") or file in _LITTER or path.is_symlink() or not path.is_file():
                continue
            if include and not _matches(relative, include):
                continue
            if _matches(relative, exclude):
                continue
            yield str(path), relative


def _matches(relative: str, globs: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(relative, g) or fnmatch.fnmatch(Path(relative).name, g) for g in globs)
