"""One private folder for what can be found out again: versions of programs, reports of files that did not change.

`PREFLIGHT_CACHE` names it ("off" for none), else `media-preflight` in the user's cache folder. It can be deleted at
any time. One that belongs to somebody else, or that others may write to, is not used.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from pathlib import Path


def _place() -> Path | None:
    chosen = os.environ.get("PREFLIGHT_CACHE")
    if chosen:
        return None if chosen == "off" else Path(chosen)
    top = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(top or Path.home() / ".cache") / "media-preflight"
    except RuntimeError:  # nobody's home
        return None


@cache
def folder() -> Path | None:
    """The folder, mode 0700; None where there can be none, and then everything is found out anew."""
    place = _place()
    if place is None:
        return None
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.lstat()
    except OSError:  # nothing is remembered; all is found out anew
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    if os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
        return None
    return place
