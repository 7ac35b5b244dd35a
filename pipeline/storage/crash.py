"""Crash reports: what we need to mend a fault of ours, and nothing that is somebody else's business.

Versions, the verb, the names of its options and where in the code it happened. Values of options, the environment and
contents of files are left out; of what an exception says, quoted text, queries and credentials of addresses.
"""

from __future__ import annotations

import os
import platform
import re
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pipeline

_LIBRARIES: Final = ("av", "PIL", "numpy", "cv2", "pypdfium2", "pptx", "msgspec", "starlette", "uvicorn", "httpx")
_SAID: Final = 300  # characters of what an exception says
_SECRET: Final = (
    (re.compile(r"(\w+://)[^/\s@]*@"), r"\1...@"),
    (re.compile(r"(\w+://[^\s?#'\"]*)[?#][^\s'\"]*"), r"\1?..."),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "'...'"),
)


def trace(error: BaseException) -> str:
    """Where it happened, what led to it last; lines of our code and of libraries only."""
    return "\n".join(_told(traceback.TracebackException.from_exception(error, limit=-40)))


def _told(one: traceback.TracebackException) -> list[str]:
    before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    lines = [*_told(before), "which led to:"] if before else []
    lines += [f"  {_shortened(at.filename)}:{at.lineno} in {at.name}: {at.line}" for at in one.stack]
    said = "".join(one.format_exception_only()).strip()
    for pattern, less in _SECRET:
        said = pattern.sub(less, said)
    return [*lines, " ".join(said.split())[:_SAID]]


def _shortened(path: str) -> str:
    """Less what comes before a package: where somebody's Python lies names people."""
    parts = Path(path).parts
    found = next((n for n, part in enumerate(parts) if part in {"pipeline", "media_preflight", "site-packages"}), None)
    return "/".join(parts[found:]) if found is not None else Path(path).name


def write(traces: Iterable[str], given: Sequence[str]) -> Path | None:
    """A new private file that tells of these traces; `given` is the command line. None where none can be written."""
    options = sorted({_name(word) for word in given[1:] if word.startswith("-") and len(word) > 1})
    text = "\n\n".join(
        (
            f"media-preflight {pipeline.__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            f"{given[0] if given and given[0].isalpha() else ''} {' '.join(options)}".strip(),
            "\n".join(f"{name} {version}" for name, version in _versions()),
            *traces,
        )
    )
    for folder in (_state, _temporary):
        try:
            path = folder() / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{os.urandom(3).hex()}.txt"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text + "\n")
        except (OSError, RuntimeError):  # no home, no room, somebody else's: the other place
            continue
        return path
    return None


def _name(word: str) -> str:
    """Of an option, without the value that may stand in the same word."""
    return word.partition("=")[0] if word.startswith("--") else word[:2]


def _versions() -> list[tuple[str, str]]:
    """Of the libraries that are loaded: whatever it was, it was with these."""
    found = ((name, getattr(sys.modules.get(name), "__version__", "")) for name in _LIBRARIES)
    return [(name, str(version)) for name, version in found if version]


def _state() -> Path:
    """`media-preflight` in the user's state folder, mode 0700. Raises OSError where it is not the user's alone."""
    top = os.environ.get("XDG_STATE_HOME")
    place = Path(top or Path.home() / ".local" / "state") / "media-preflight"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    others = os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o022)
    if others or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(13, "not a folder of this user alone", str(place))
    return place


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="preflight-crash-"))
