"""What the tools call themselves. Part of every report and of every asset's identity in the journal."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

from pipeline.errors import PreflightError
from pipeline.publish import workshop
from pipeline.tools.ceilings import ASK
from pipeline.tools.process import run
from pipeline.tools.programs import ffmpeg, soffice


def _ask(program: str, pattern: str, *arguments: str) -> str | None:
    with workshop(Path(tempfile.gettempdir())) as home:  # one that a later run removes, should this one be killed
        done = run([program, *arguments], cwd=home, ceiling=ASK)
    found = re.search(pattern, done.stdout)
    return found[1] if found else None


@cache
def ffmpeg_version() -> str | None:
    """Such as "9.0.2"; None when there is no usable ffmpeg."""
    try:
        return _ask(ffmpeg(), r"ffmpeg version n?(\S+)", "-version")
    except PreflightError:
        return None


@cache
def office_version() -> str | None:
    """Such as "7.4.7.2"; None when there is no usable LibreOffice."""
    try:
        return _ask(soffice(), r"LibreOffice (\S+)", "--version")
    except PreflightError:
        return None
