"""What the user named on the command line, as a list of assets in a stable order."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.errors import UsageError, in_chinese
from pipeline.storage import urls
from pipeline.storage.beneath import whole
from pipeline.storage.digest import strict_state
from pipeline.storage.paths import plain

_MAGIC: Final = re.compile(r"[*?\[]")
_MOST: Final = 256 << 20  # bytes of a list
PROJECT: Final = "preflight.toml"  # says what the other files of its folder are for
# What operating systems and editors leave lying about, and ours; never an asset when found by walking.
_LITTER = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", PROJECT})


class Input(Struct, frozen=True):
    """One input file, and where its output goes below the output folder (without extension)."""

    path: str  # or address
    stem: str
    state: str = ""  # what tells without reading that it is still the same, bytes first; "" where nothing does


class _Named(Struct, frozen=True):
    path: str
    relative: str  # with "/" between folders
    state: str = ""
    real: str = ""  # where links lead to, or the address


def find(
    paths: Iterable[str],
    *,
    from_file: str | None = None,
    null: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> list[Input]:
    """Every file named, those below a folder named, sorted, and those that a pattern (`*?[]`, `**`) matches.

    Each may be an address that fsspec knows. `from_file` names a list, one path per line (NUL-separated with `null`
    and when it holds NULs; "-" is standard input); what it names and is not there is told with the asset.
    Files named outright are always taken; `include` and `exclude` filter what walking finds. `outputs` are folders, or
    their addresses, that outputs go to: one inside a folder that was named is passed over by walking, like hidden ones.
    Raises UsageError for a path that does not exist, a source in such a folder, and when nothing at all was named.
    """
    listed = list(_listed(from_file, null=null)) if from_file else []
    named = list(paths)
    if not named and not listed and not from_file:
        raise UsageError("nothing to do: name at least one file or folder", "没有输入：请至少给出一个文件或文件夹")
    walk = _Walk(include, exclude, _Apart(outputs))
    distinct: dict[str, _Named] = {}
    for number, name in enumerate([*named, *listed]):
        for one in _expand(urls.local(name), walk, listed=number >= len(named)):
            distinct.setdefault(one.real, one)
    for one in distinct.values():
        walk.apart.hold(one.path, one.real)
    # Two sources that would make the same output keep their extensions in its name.
    named_stems = [_stem(one.relative) for one in distinct.values()]
    stems = Counter(stem.casefold() for stem in named_stems)
    taken = {stem for stem, count in stems.items() if count == 1}
    found: list[Input] = []
    for one, stem in zip(distinct.values(), named_stems, strict=True):
        own = stem
        if stems[stem.casefold()] > 1:
            own = _clear(f"{stem}_{_ending(one.relative)}", taken)
            taken.add(own.casefold())
        found.append(Input(one.path, own, one.state))
    return found


def apart(stem: str, path: str, taken: set[str]) -> str:
    """`stem`, or where another source has that name (`taken`, in small letters) one with the extension of `path`."""
    return stem if stem.casefold() not in taken else _clear(f"{stem}_{_ending(path)}", taken)


def _clear(stem: str, taken: set[str]) -> str:
    number, candidate = 1, stem
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem}_{number}"
    return candidate


def _stem(relative: str) -> str:
    folder, slash, name = relative.rpartition("/")
    dot = name.rfind(".")
    stem = name[:dot] if 0 < dot < len(name) - 1 else name
    if stem.startswith("."):
        stem = name.lstrip(".") or "file"
    # Outputs are listed in a manifest, and may go to any system: what a path there may not hold is left out of theirs.
    stem = f"{folder}{slash}{stem}"
    return plain(stem if stem.isascii() else stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _ending(relative: str) -> str:
    return Path(relative).suffix.lstrip(".")


def _listed(name: str, *, null: bool) -> Iterator[str]:
    raw = sys.stdin.buffer.read(_MOST) if name == "-" else whole(name, _MOST)
    null = null or b"\0" in raw
    for line in raw.split(b"\0" if null else b"\n"):
        text = os.fsdecode(line if null else line.removesuffix(b"\r"))
        if text:
            yield text


class _Apart:
    """The folders of outputs: no source may lie in one, and walking passes them over."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self._far = [name for name in outputs if urls.is_url(name)]
        near = {name: os.path.realpath(name) for name in outputs if name and not urls.is_url(name)}
        self._near = {name: os.path.join(real, "") for name, real in near.items()}  # noqa: PTH118  ends with one slash
        self._known = list[tuple[int, int]]()
        for folder in near.values():
            with contextlib.suppress(OSError):  # not there yet, so nothing is found in it
                found = os.stat(folder)  # noqa: PTH116  as it was spelled
                self._known.append((found.st_ino, found.st_dev))

    def passes(self, one: os.DirEntry[str]) -> bool:
        """Whether this folder is one of them, by whatever name."""
        inode = one.inode() if self._known else 0
        return any(inode == known and _device(one) == device for known, device in self._known)

    def passes_far(self, named: str, url: str) -> bool:
        """Whether `url`, found below `named`, is in one of them, and that is below `named`."""
        from pipeline.storage import remote

        return any(remote.inside(url, far) and not remote.inside(named, far) for far in self._far)

    def hold(self, path: str, real: str) -> None:
        """Raises UsageError when a source lies in one of them: an output could take its place.

        `real` is where the links of its path lead to.
        """
        if urls.is_url(path):
            from pipeline.storage import remote

            inside = next((far for far in self._far if remote.inside(path, far)), None)
        else:
            inside = next((name for name, top in self._near.items() if f"{real}/".startswith(top)), None)
        if inside is not None:
            named, folder = _printable(path), _printable(inside)
            raise UsageError(
                f"{named} lies in the output folder {folder}; choose another one",
                f"{named} 位于输出目录 {folder} 中；请更换输出目录",
            )


class _Walk(Struct, frozen=True):
    """What is wanted of what walking finds."""

    include: Sequence[str]
    exclude: Sequence[str]
    apart: _Apart

    def wants(self, relative: str) -> bool:
        taken = not self.include or _matches(relative, self.include)
        return taken and not _matches(relative, self.exclude)


def _device(one: os.DirEntry[str]) -> int:
    try:
        return one.stat(follow_symlinks=False).st_dev
    except OSError:  # it went away
        return -1


def _printable(name: str) -> str:
    name = urls.shown(name) if urls.is_url(name) else name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _expand(name: str, walk: _Walk, *, listed: bool) -> Iterator[_Named]:
    if urls.is_url(name):
        yield from _elsewhere(name, walk)
        return
    try:
        seen = os.stat(name)  # noqa: PTH116  a list may name thousands
    except (OSError, ValueError) as error:
        if listed:
            yield _Named(name, Path(name).name, real=os.path.realpath(name))
        elif _MAGIC.search(name):
            yield from _matching(name, walk)
        else:
            said = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"{name}: {said}", f"{name}：{said}") from None
        return
    if stat.S_ISDIR(seen.st_mode):
        yield from _walk(Path(name), walk)
    else:
        yield _Named(name, Path(name).name, strict_state(seen), os.path.realpath(name))


def _elsewhere(url: str, walk: _Walk) -> Iterator[_Named]:
    from pipeline.storage import remote

    for one in remote.find(url):
        if one.url == url:
            yield _Named(url, one.relative, one.state, url)
        elif not _hidden(one.relative) and walk.wants(one.relative) and not walk.apart.passes_far(url, one.url):
            yield _Named(one.url, one.relative, one.state, one.url)


def _matching(pattern: str, walk: _Walk) -> Iterator[_Named]:
    """Files that the pattern matches; their outputs keep their place below its fixed part. Raises UsageError."""
    parts = Path(pattern).parts
    first = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
    top, wild = Path(*parts[:first]), parts[first:]
    depth = None if "**" in wild else len(wild)
    found = [one for one in _walk(top, walk, depth) if _fits(one.relative.split("/"), wild)]
    if not found:
        raise UsageError(f"{pattern}: no file matches", f"{pattern}：没有匹配的文件")
    yield from found


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    at = {0}  # how many parts are matched: in as many steps as there are pairs, whatever the pattern
    for wanted in pattern:
        if not at:
            return False
        if wanted == "**":  # any number of folders, or all that is left
            at = set(range(min(at), len(parts) + 1))
        else:
            at = {number + 1 for number in at if number < len(parts) and fnmatch.fnmatchcase(parts[number], wanted)}
    return len(parts) in at


def matches(relative: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns matches: by its name alone, or from the folder on where the pattern has a "/".

    Small and capital letters are the same; a pattern that ends with "/" is a folder and all below it.
    """
    parts = relative.casefold().split("/")
    for pattern in patterns:
        wanted = (f"{pattern}**" if pattern.endswith("/") else pattern).casefold().split("/")
        wanted += ["*"] if len(wanted) > 1 and wanted[-1] == "**" else []  # what is in a folder, not a file of its name
        if _fits(parts if len(wanted) > 1 else parts[-1:], wanted):
            return True
    return False


def _walk(top: Path, walk: _Walk, depth: int | None = None) -> Iterator[_Named]:
    """Files below `top`, at most `depth` folders down; links are not followed.

    Raises UsageError for a folder that cannot be listed: passed over, nothing in it would be looked at.
    """
    base, real = ("" if str(top) == "." else os.path.join(top, "")), os.path.join(os.path.realpath(top), "")  # noqa: PTH118  ends with one slash
    folders = [("", 1)]
    while folders:
        folder, deep = folders.pop()
        try:
            with os.scandir((base + folder)[:-1] or ("/" if base else ".")) as listing:
                inside = sorted((one for one in listing if not _hidden(one.name)), key=lambda one: one.name)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}", f"{error.filename}：{in_chinese(error)}") from None
        for one in inside:
            relative = folder + one.name
            if one.is_file(follow_symlinks=False) and walk.wants(relative):
                yield _Named(base + relative, relative, _state(one), real + relative)
        if deep != depth:
            below = [one for one in inside if one.is_dir(follow_symlinks=False) and not walk.apart.passes(one)]
            folders += [(f"{folder}{one.name}/", deep + 1) for one in reversed(below)]


def _state(one: os.DirEntry[str]) -> str:
    try:
        return strict_state(one.stat(follow_symlinks=False))
    except OSError:  # it went away; said where it is read
        return ""


def _hidden(relative: str) -> bool:
    return any(part[:1] == "." or part in _LITTER for part in relative.split("/"))


def _matches(relative: str, globs: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(relative, g) or fnmatch.fnmatch(Path(relative).name, g) for g in globs)
