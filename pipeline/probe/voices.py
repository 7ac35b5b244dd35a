"""What voices sound like: in a recording, or in each recording of a package."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.facts import MediaInfo


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with what its default sound is like, or what those in the package are like. Raises as their readers."""
    if info.archive:
        from pipeline.probe.archive.voices import heard

        return heard(path, info)
    from pipeline.probe.speech import measure

    return measure.add(path, info)
