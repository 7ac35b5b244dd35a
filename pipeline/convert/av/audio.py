"""Repair of recordings and music."""

from __future__ import annotations

from typing import Final

from pipeline.checks.speech import SILENCES
from pipeline.convert.av.recipe import SOUND_FIXES
from pipeline.convert.av.run import convert, steps

# Of the file as a whole, whatever is in it.
FILE_FIXES: Final = frozenset(
    {
        "file.size",
        "file.name",
        "file.name_length",
        "file.extension",
        "file.extension_agrees",
        "file.format",
        "container.format",
        "container.faststart",
        "container.sizes",
        "media.other_streams",
        "media.duration",
    }
)
# Checks whose fixes this module carries out. Names of files are the publisher's work, asked for the same way.
HANDLES: Final = FILE_FIXES | SOUND_FIXES | {"audio.count", *SILENCES}

__all__ = ["HANDLES", "convert", "steps"]
