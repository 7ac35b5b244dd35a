"""Repair of videos; also takes the sound out of one where the role delivers a container for sound."""

from __future__ import annotations

from typing import Final

from pipeline.convert.av.audio import FILE_FIXES
from pipeline.convert.av.recipe import PICTURE_FIXES, SOUND_FIXES
from pipeline.convert.av.run import convert, steps

# Checks whose fixes this module carries out. Names of files are the publisher's work, asked for the same way.
HANDLES: Final = FILE_FIXES | PICTURE_FIXES | SOUND_FIXES | {"video.count", "video.codec_in_container", "audio.count"}

__all__ = ["HANDLES", "convert", "steps"]
