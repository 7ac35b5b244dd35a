"""What is remembered between runs: kept where nobody else writes, and forgotten when it may be wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.tools import cache, programs, versions


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PREFLIGHT_CACHE", str(tmp_path / "kept"))
    for remembered in (cache.folder, versions.ffmpeg_version, programs.ffmpeg):
        remembered.cache_clear()
    yield tmp_path / "kept"
    for remembered in (cache.folder, versions.ffmpeg_version, programs.ffmpeg):
        remembered.cache_clear()


def fake(path: Path, version: str) -> Path:
    path.write_text(f"#!/bin/sh\necho 'ffmpeg version {version} of ours'\n", "utf-8")
    path.chmod(0o755)
    return path


def test_a_program_is_asked_once_and_again_when_it_is_another(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFLIGHT_FFMPEG", str(fake(tmp_path / "ffmpeg", "1.0")))
    assert versions.ffmpeg_version() == "1.0"
    versions.ffmpeg_version.cache_clear()
    with monkeypatch.context() as deaf:
        deaf.setattr(versions, "asked_ffmpeg", lambda: None)
        assert versions.ffmpeg_version() == "1.0"
    fake(tmp_path / "other", "22.0").replace(tmp_path / "ffmpeg")
    versions.ffmpeg_version.cache_clear()
    assert versions.ffmpeg_version() == "22.0"
    assert [path.name for path in place.iterdir()] == ["ffmpeg-version.json"]


@pytest.mark.parametrize("damage", ["", "[]", "{}", "no JSON", "[1, 2, 3]"])
def test_damage_is_asked_away(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setenv("PREFLIGHT_FFMPEG", str(fake(tmp_path / "ffmpeg", "1.0")))
    place.mkdir(mode=0o700)
    (place / "ffmpeg-version.json").write_text(damage, "utf-8")
    assert versions.ffmpeg_version() == "1.0"


def test_the_folder_is_for_its_owner_alone(place: Path) -> None:
    assert cache.folder() == place
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_one_that_others_may_write_to_is_not_used(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)
    assert cache.folder() is None


def test_nor_is_a_link(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    assert cache.folder() is None


def test_it_can_be_switched_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFLIGHT_CACHE", "off")
    assert cache.folder() is None
    assert not place.exists()
