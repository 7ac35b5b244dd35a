"""Decoding a file of whatever kind: whole, to know that it is undamaged, or its beginning, to know that it can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.model.facts import MediaInfo


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `intact`, of a picture `decodes`, and remarks on what is damaged. Raises CeilingExceeded."""
    if info.image:
        from pipeline.probe.image.read import decoded

        return decoded(path, info)
    if info.archive:
        from pipeline.probe.archive.decode import clips_decoded

        return clips_decoded(path, info)
    from pipeline.probe.av.decode import decode_all
    from pipeline.probe.av.open import opens_as

    verdict = decode_all(path, opens_as(str(info.container)))
    intact = verdict.intact if info.intact is None else info.intact
    begins = True if verdict.intact else info.begins
    remarks = info.remarks + verdict.remarks
    if info.container == "gif":  # FFmpeg shows whatever part of a frame there is, and says nothing
        from pipeline.probe.image.whole import harm

        if wrong := harm(path, "gif"):
            intact, remarks = False, (*remarks, wrong.told(info.name))
    return replace(info, begins=begins, intact=intact, remarks=remarks)


def begin(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `begins`, where decoding it whole has not shown that. Raises Unreadable."""
    if info.begins is not None:
        return info
    from pipeline.probe.av.decode import begins
    from pipeline.probe.av.open import opens_as

    indexes = [*(one.index for one in info.video), *(one.index for one in info.audio)]
    return replace(info, begins=begins(path, opens_as(str(info.container)), indexes))
