"""What is known of any file before it is opened."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.facts import Kind, MediaInfo


def unopened(path: Path, kind: Kind, size: int) -> MediaInfo:
    """The facts that every reader starts from: the name of the file at `path`, its kind, and its size in bytes."""
    return MediaInfo(name=path.name, kind=kind, size=size, extension=path.suffix.lower().lstrip("."))
