"""Groups of frames that are not decoded: changes are found where they were drawn, and what comes and goes is seen."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.convert.cut import quiet, stretches
from pipeline.probe import probe
from pipeline.probe.av import timeline
from samples.deck_video import Scene, Video, page

RATE = Fraction(25)
PAGES = [page(number, random.Random(number)) for number in range(1, 4)]  # noqa: S311  the same pages every time


def written(path: Path, scenes: list[Scene], **more: object) -> Video:
    video = Video((320, 180), RATE, scenes, group=25, **more)  # type: ignore[arg-type]
    video.write(path)
    return video


def found(path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], float]:
    """Where the stretches begin, and the share of the frames that were decoded for it."""
    info = probe(path)
    frames = timeline.frames(path, info.video[0].index)
    assert frames is not None
    decoded: list[int] = []
    shown = quiet.Entries.shown
    monkeypatch.setattr(quiet.Entries, "shown", lambda self: decoded.extend(shown(self)) or shown(self))
    work.mkdir()
    told = stretches.find(path, info, frames, work, lambda _: None)
    monkeypatch.undo()
    return [one.begin for one in told], len(decoded) / len(frames.times)


@pytest.mark.every(3)
# MPEG-4 and HEVC have pictures that lead into an entry point. This HEVC spends that many bytes that all is decoded.
@pytest.mark.parametrize(("codec", "most"), [("libx264", 0.4), ("mpeg4", 0.4), ("libx265", 1.0)])
def test_still_pages_are_hardly_decoded_and_their_changes_are_where_they_are(
    codec: str, most: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [
        Scene(number, look, 6, 0, change, 0.6)
        for number, look, change in zip((1, 2, 3), PAGES, ("cut", "fade", "push"), strict=True)
    ]
    video = written(tmp_path / "a.mp4", scenes, codec=codec)
    begins, share = found(tmp_path / "a.mp4", tmp_path / "work", monkeypatch)
    assert len(begins) == len(video.truth)
    assert all(abs(one - first) <= 2 for one, (_, first) in zip(begins, video.truth, strict=True))
    assert 0 < share <= most


def test_what_comes_and_goes_between_two_entry_points_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = [Scene(1, PAGES[0], 4.4), Scene(2, PAGES[1], 0.4), Scene(1, PAGES[0], 4.2)]
    video = written(tmp_path / "a.mp4", scenes)
    begins, share = found(tmp_path / "a.mp4", tmp_path / "work", monkeypatch)
    assert [abs(one - first) <= 2 for one, (_, first) in zip(begins, video.truth, strict=True)] == [True] * 3
    assert 0 < share < 0.5
