"""What a code of any platform means, for people who have been told one."""

from __future__ import annotations

from pipeline.model.facts import Text
from pipeline.upload.metastudio import error_codes as metastudio
from pipeline.upload.tencent import error_codes as tencent


def meaning(code: str) -> Text | None:
    """What this code means and what to do about it; None when no platform has it."""
    found = metastudio.MEANINGS.get(code.upper()) or tencent.GENERAL.get(code) or tencent.FACE.get(code)
    if found is None and code.lstrip("-").isdecimal():
        return tencent.DETECTION.get(int(code))
    return found
