"""What the tools call themselves. Part of every report and of every asset's identity in the journal."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.errors import PreflightError, UsageError
from pipeline.storage.atomic import replacing
from pipeline.storage.digest import file_state
from pipeline.storage.state import HeldFolder
from pipeline.tools.cache import folder
from pipeline.tools.programs import ffmpeg, soffice

_FFMPEG: Final = r"ffmpeg version n?(\S+)"
_NOTE: Final = 4096  # bytes of the note that remembers it
_OFFICE: Final = r"LibreOffice (\S+)"


def _ask(program: Callable[[], str], pattern: str, argument: str) -> str | None:
    from pipeline.model.ceilings import ASK
    from pipeline.storage.publish import scratched
    from pipeline.tools.process import run

    try:
        with scratched() as home:
            done = run([program(), argument], cwd=home, ceiling=ASK)
    except PreflightError:  # `doctor` and whoever needs it say what is missing
        return None
    found = re.search(pattern, done.stdout)
    return found[1] if found else None


@cache
def ffmpeg_version() -> str | None:
    """Such as "9.0.2"; None when there is no usable ffmpeg. Asked once for each build, and remembered."""
    place = folder()
    note = place / "ffmpeg-version.json" if place else None
    try:
        now = f"{ffmpeg()} {file_state(ffmpeg())}"
        if note:
            # Never asked, damaged, or not ours: it is asked anew.
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError, UsageError):
                seen, answer = json.loads(_noted(note))
                if seen == now:
                    return str(answer)
        version: str | None = asked_ffmpeg()
    except (OSError, PreflightError):  # `doctor` and whoever needs it say what is missing
        return None
    if note and version:
        with contextlib.suppress(OSError), replacing(note) as file:  # asked again next time
            json.dump([now, version], file)
    return version


def _noted(note: Path) -> bytes:
    with HeldFolder.at(note.parent) as place:
        return place.read(note.name, _NOTE)


def asked_ffmpeg() -> str | None:
    """As `ffmpeg_version`, by starting it now."""
    return _ask(ffmpeg, _FFMPEG, "-version")


@cache
def office_version() -> str | None:
    """Such as "7.4.7.2"; None when there is no usable LibreOffice. Takes a second: it is started."""
    return _ask(soffice, _OFFICE, "--version")
