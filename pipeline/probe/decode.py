"""Decoding a file whole, of whatever kind, to know that it is undamaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.model.facts import MediaInfo


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `intact`, of a picture `decodes`, and remarks on what is damaged. Raises CeilingExceeded."""
    if info.image:
        from pipeline.probe.image.read import decoded

        return decoded(path, info)
    from pipeline.probe.av.decode import decode_all
    from pipeline.probe.av.open import opens_as

    verdict = decode_all(path, opens_as(str(info.container)))
    intact = verdict.intact if info.intact is None else info.intact
    return replace(info, intact=intact, remarks=info.remarks + verdict.remarks)
