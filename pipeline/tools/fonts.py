"""Which fonts this machine draws with, and which of them have the widths of another."""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from bisect import bisect
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.errors import PreflightError
from pipeline.model.ceilings import ASK
from pipeline.model.facts import FontSwap
from pipeline.tools.process import run

# Drawn so that every letter is as wide as in the font they stand for (fontconfig's 30-metric-aliases.conf, and
# VCL.xcu in LibreOffice, which puts them in its place by itself).
_TWINS: Final = {
    "arial": ("Liberation Sans", "Arimo"),
    "helvetica": ("Liberation Sans", "Arimo", "Nimbus Sans"),
    "arial narrow": ("Liberation Sans Narrow",),
    "times new roman": ("Liberation Serif", "Tinos"),
    "times": ("Liberation Serif", "Tinos", "Nimbus Roman"),
    "courier new": ("Liberation Mono", "Cousine"),
    "courier": ("Liberation Mono", "Cousine", "Nimbus Mono PS"),
    "calibri": ("Carlito",),
    "cambria": ("Caladea",),
    "georgia": ("Gelasio",),
    "segoe ui": ("Selawik",),
}
# Where fontconfig looks on Linux unless told otherwise.
FOLDERS: Final = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("~/.fonts").expanduser(),
    Path("~/.local/share/fonts").expanduser(),
    Path("/etc/fonts"),
)


# What most decks name; a family like these names what it can write.
_COMMON: Final = ("Calibri", "Cambria", "Arial", "Times New Roman", "Courier New")
_SPAN: Final = re.compile(r"[0-9a-f]{1,6}(?:-[0-9a-f]{1,6})?")  # of a character set, as fontconfig writes it
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn", "Me"})  # Unicode's categories
_CHINESE: Final = " cjk "


def same(font: str) -> str:
    """A font's name as it is compared: case, spaces and underscores aside."""
    return " ".join(font.replace("_", " ").split()).casefold()


@cache
def installed() -> frozenset[str] | None:
    """Names of the families installed here, each as `same` writes it; None where fontconfig is missing."""
    program = shutil.which("fc-list")
    if program is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="preflight-") as home:
            done = run([program, ":", "family", "fullname"], cwd=Path(home), ceiling=ASK)
    except PreflightError:  # not known; `doctor` says that nobody answered
        return None
    names = done.stdout.replace(":fullname=", ",").replace("\\", "").replace("\n", ",").split(",")
    return frozenset(same(name) for name in names if name.strip()) or None


@cache
def covered() -> tuple[tuple[int, int], ...] | None:
    """First and last code of each run of characters that some font here can draw; None where fontconfig is missing."""
    program = shutil.which("fc-list")
    if program is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="preflight-") as home:
            done = run([program, ":", "charset"], cwd=Path(home), ceiling=ASK)
    except PreflightError:  # not known; `doctor` says that nobody answered
        return None
    spans = set(done.stdout.replace(":charset=", " ").split())
    pairs = [tuple(int(end, 16) for end in span.split("-")) for span in spans if _SPAN.fullmatch(span)]
    merged: list[tuple[int, int]] = []
    for first, last in sorted((pair[0], pair[-1]) for pair in pairs):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged) or None


def undrawn(words: str) -> str:
    """The characters of `words` that no font here can draw, each once; those are none whose fonts are not known.

    Blanks, controls, joiners and variation selectors draw nothing, and what is in private use has fonts of its own.
    """
    runs = covered()
    if runs is None:
        return ""
    seen = (letter for letter in dict.fromkeys(words) if unicodedata.category(letter) not in _UNSEEN)
    return "".join(letter for letter in seen if not _within(ord(letter), runs))


def _within(code: int, runs: tuple[tuple[int, int], ...]) -> bool:
    at = bisect(runs, code, key=lambda run: run[0]) - 1
    return at >= 0 and code <= runs[at][1]


def doctored() -> dict[str, str | None]:
    """What slides need most: use -> the family here that serves it, None where there is none. Empty: not known."""
    here = installed()
    if here is None:
        return {}
    found: dict[str, str | None] = {"Chinese": next((name for name in sorted(here) if _CHINESE in name), None)}
    for font in _COMMON:
        able = (font, *_TWINS[same(font)])
        found[font] = next((name for name in able if same(name) in here), None)
    return found


def swaps(used: Iterable[str], carried: Iterable[str] = ()) -> tuple[FontSwap, ...] | None:
    """What takes the place of each font that is neither `carried` by the deck nor installed; None: not known."""
    here = installed()
    if here is None:
        return None
    there = here | {same(font) for font in carried}
    return tuple(
        FontSwap(font=font, by=next((twin for twin in _TWINS.get(same(font), ()) if same(twin) in here), None))
        for font in used
        if same(font) not in there
    )
