"""The libraries that this is built on: which versions are here, and which ones it is known to work with.

The bounds are those of `pyproject.toml`, read from what was installed from it. They are compared before a verb runs,
so that a library of the wrong age is named instead of failing in the middle of a file.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from typing import Final, NamedTuple

from pipeline.errors import ToolMissing
from pipeline.model.facts import Text

_OURS: Final = "media-preflight"
_NEEDED: Final = re.compile(r"Requires-Dist: ([\w.-]+)(?:\[[^]]*\])?\s*([<>=!~.,\d ]*)(?:;\s*(.*))?$")
_EXTRA: Final = re.compile(r"extra == [\"'](\w+)[\"']")
_CLAUSE: Final = re.compile(r"(>=|<)(\d+(?:\.\d+)*)$")
# Extras of people who change this; the others are looked at where they are installed.
_DEVELOPMENT: Final = frozenset({"dev"})


class Library(NamedTuple):
    """One library and whether it serves."""

    name: str  # of the distribution
    version: str | None  # None: not installed
    bounds: str  # as in pyproject.toml, such as ">=15,<20"
    extra: str | None  # the extra that wants it; None: always needed

    @property
    def serves(self) -> bool:
        """Installed within its bounds, or not installed and not needed."""
        return self.extra is not None if self.version is None else within(self.version, self.bounds)

    @property
    def command(self) -> str:
        """What puts it right."""
        return f"{os.path.basename(sys.executable)} -m pip install '{self.name}{self.bounds}'"  # noqa: PTH119  no pathlib before a verb

    @property
    def fault(self) -> Text:
        """What is wrong and what to run, as a sentence."""
        if self.version is None:
            return Text(
                f"The library {self.name} is missing; {self.bounds} is needed. Run: {self.command}",
                f"缺少库 {self.name}（需要 {self.bounds}）。请运行：{self.command}",
            )
        return Text(
            f"The library {self.name} is {self.version}; this works with {self.bounds}. Run: {self.command}",
            f"库 {self.name} 的版本为 {self.version}，本工具支持 {self.bounds}。请运行：{self.command}",
        )


def within(version: str, bounds: str) -> bool:
    """Whether `version` is within `bounds`, such as ">=15,<20". A pre-release counts as what it comes before."""
    found = _numbers(version)
    for clause in bounds.split(","):
        parted = _CLAUSE.match(clause.strip())
        if parted is None:
            raise ValueError(f"a bound that is neither >= nor <: {clause!r}")
        limit = _numbers(parted[2])
        if (found < limit) if parted[1] == ">=" else (found >= limit):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version without zeros at its end: 13.0.0 and 13 are equal."""
    release = re.match(r"(?:\d+!)?(\d+(?:\.\d+)*)", version)
    numbers = [int(part) for part in release[1].split(".")] if release else [0]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _installed() -> dict[str, tuple[str, str]]:
    """Version and folder of metadata of every distribution, by its normal name; the first on the path wins.

    One listing of each folder: importlib.metadata takes as long to import as a whole check.
    """
    found: dict[str, tuple[str, str]] = {}
    for place in sys.path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208  as above
        except OSError:
            continue  # what is on the path need not exist, and may be an archive
        for name in names:
            stem, _, ending = name.rpartition(".")
            if ending == "dist-info" and "-" in stem:
                distribution, _, version = stem.rpartition("-")
                found.setdefault(_normal(distribution), (version, os.path.join(place, name)))  # noqa: PTH118  as above
    return found


def known() -> tuple[Library, ...]:
    """Every library that is needed or can be used, once each. Empty where this was not installed as a package."""
    ours = _installed().get(_OURS)
    if ours is None:
        return ()
    try:
        with open(os.path.join(ours[1], "METADATA"), encoding="utf-8") as lines:  # noqa: PTH118, PTH123  as above
            needed = [found for line in lines if (found := _NEEDED.match(line.rstrip("\n")))]
    except OSError:  # not installed as a distribution: no bounds to hold
        return ()
    libraries: dict[str, Library] = {}
    for name, bounds, marker in ((one[1], one[2].strip(), one[3] or "") for one in needed):
        extra = _EXTRA.search(marker)
        if not bounds or _normal(name) == _OURS or (extra and extra[1] in _DEVELOPMENT) or not _applies(marker):
            continue
        rising = ",".join(sorted(bounds.split(","), reverse=True))  # ">=15,<20", as people write it
        libraries.setdefault(name, Library(name, _version(name), rising, extra[1] if extra else None))
    return tuple(libraries.values())


def _version(name: str) -> str | None:
    """Of a distribution, as its folder says; where there is none (an egg, an archive), as importlib finds it."""
    if (found := _installed().get(_normal(name))) is not None:
        return found[0]
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # the answer
        return None


def _applies(marker: str) -> bool:
    """Whether a requirement is for this Python; the only other thing our markers ask."""
    asked = re.search(r"python_version >= [\"'](\d+)\.(\d+)[\"']", marker)
    return asked is None or sys.version_info >= (int(asked[1]), int(asked[2]))


def require() -> None:
    """Raise ToolMissing, with a sentence for each library that does not serve."""
    faults = [library.fault for library in known() if not library.serves]
    if faults:
        raise ToolMissing(" ".join(fault.en for fault in faults), "".join(fault.zh for fault in faults))
