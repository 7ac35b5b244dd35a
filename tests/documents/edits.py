"""Edits of a manifest, made from what stands in it: every key with every kind of wrong value."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

Path = tuple[str | int, ...]
MISSING: Final = object()
HUGE: Final = 10**30
DEEP: Final = 200_000  # lists within each other
ATTACKS: Final = (
    "/etc/passwd",
    "../clip.png",
    "a/../../clip.png",
    "a//clip.png",
    "./clip.png",
    "",
    ".",
    "..",
    "a\\clip.png",
    "C:clip.png",
    "C:/clip.png",
    "//server/share/clip.png",
    "\\\\server\\share\\clip.png",
    "file:///etc/passwd",
    "zip://a.zip::clip.png",
    "clip\0.png",
    "clip\n.png",
    "clip\u202egnp.png",
    "CON",
    "a/nul.png",
    "a/" * 3000 + "clip.png",
    "a" * 300,
)


class Edit(NamedTuple):
    """One edit, and the key that it is about."""

    name: str
    key: str
    whole: dict[str, Any]


def _values(found: Any) -> Iterator[tuple[str, Any]]:
    """Wrong values to put in place of one."""
    yield "missing", MISSING
    yield "null", None
    yield "text", "\0"
    yield "number", -1.5
    yield "huge", HUGE
    yield "yes", True
    yield "list", []
    yield "lists", [[], {}]
    yield "object", {}
    yield "word", {"en": 1}
    if isinstance(found, str):
        yield "words", [found]
        yield "long", "x" * 100_000
    if isinstance(found, list):
        yield "twice", found + found
    if isinstance(found, dict):
        yield "in a list", [found]


def _paths(whole: Any, at: Path = ()) -> Iterator[Path]:
    """Of everything in it; of a list only what its first member has."""
    if at:
        yield at
    if isinstance(whole, dict):
        for key, value in whole.items():
            yield from _paths(value, (*at, key))
    elif isinstance(whole, list) and whole:
        yield from _paths(whole[0], (*at, 0))


def changed(whole: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The same with another value there."""
    made = copy.deepcopy(whole)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    if value is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


def edits(whole: dict[str, Any]) -> Iterator[Edit]:
    """Every edit."""
    for path in _paths(whole):
        found: Any = whole
        for step in path:
            found = found[step]
        key = (
            "asset"
            if path in {("assets", 0), ("assets",)}
            else str(path[-1] if isinstance(path[-1], str) else path[-2])
        )
        key = "" if path[0] == "summary" and len(path) > 1 else key  # told by its table, or by its own
        for name, value in _values(found):
            yield Edit(f"{'.'.join(map(str, path))} {name}", key, changed(whole, path, value))
    for attack in ATTACKS:
        path = ("assets", 0, "outputs", 0, "path")
        yield Edit(f"path {attack[:20]!r}", "path", changed(whole, path, attack))
