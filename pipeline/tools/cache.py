"""One private folder for what can be found out again: versions of programs, reports of files that did not change.

`PREFLIGHT_CACHE` names it ("off" for none), else `media-preflight` in the user's cache folder. It can be deleted at
any time. One that belongs to somebody else, or that others may write to, is not used, and `passed_by` says so.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pipeline.model.facts import Text
from pipeline.storage import state


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
    except OSError:  # nothing is remembered; all is found out anew
        return None
    return None if passed_by() else place


def passed_by() -> Text | None:
    """Why what is there is not used; None where it is, or nothing is there."""
    place = _place()
    if place is None:
        return None
    try:
        with state.HeldFolder.at(place.parent) as above:
            found = above.stat(place.name)
            wrong = found and above.unlike_folder(found)
    except OSError:  # nothing is there
        return None
    return wrong and Text(
        f"the cache {place} {wrong.en} and is not used; remove it, or name another with PREFLIGHT_CACHE",
        f"缓存 {place} {wrong.zh}，因此不予使用；请删除，或用 PREFLIGHT_CACHE 指定其他目录",
    )
