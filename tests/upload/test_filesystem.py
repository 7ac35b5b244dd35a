"""The default destination: a folder, or anything fsspec can write to; and the journal that all destinations share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.upload.destination import Destination
from pipeline.upload.filesystem import Anywhere, Folder
from pipeline.upload.journal import NAME, UploadJournal
from tests.upload import made


@pytest.fixture(params=["file", "fsspec"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Destination]:
    if request.param == "file":
        return lambda: Folder(f"file://{tmp_path}/far")
    pytest.importorskip("fsspec")
    return lambda: Anywhere(f"local://{tmp_path}/far")


def _far(tmp_path: Path) -> dict[str, str]:
    far = tmp_path / "far"
    return {str(p.relative_to(far)): made.md5(p.read_bytes()) for p in far.rglob("*") if p.is_file()}


def test_files_arrive_where_they_lay(near: Path, tmp_path: Path, place: Callable[[], Destination]) -> None:
    outputs = [made.output(near, "a/片头 1.pdf", b"deck"), made.output(near, "a/片头 1/1.png", b"page", "PAGE")]
    manifest = made.write(near, "metastudio/asset-library", [made.asset("slides", "slides", outputs)])
    told = made.deliver(place(), manifest)
    assert made.statuses(told) == {"sent": 1}
    assert _far(tmp_path) == {"a/片头 1.pdf": made.md5(b"deck"), "a/片头 1/1.png": made.md5(b"page")}
    assert [one["md5"] for one in told[0]["verified"]] == [made.md5(b"deck"), made.md5(b"page")]


def test_again_it_is_skipped_and_what_was_damaged_there_is_repaired(
    near: Path, tmp_path: Path, place: Callable[[], Destination]
) -> None:
    manifest = made.mixed(near, 3)
    made.deliver(place(), manifest)
    assert made.statuses(made.deliver(place(), manifest)) == {"skipped": 3}
    damaged = tmp_path / "far" / "clip001.png"
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    assert made.statuses(made.deliver(place(), manifest)) == {"skipped": 2, "sent": 1}
    assert _far(tmp_path) == made.wanted(manifest)


def test_nothing_half_written_is_left(near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = made.mixed(near, 1)

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        told = made.deliver(Folder(f"file://{tmp_path}/far"), manifest)
    assert "No space left on device. Free the disk" in told[0]["message"]
    assert _far(tmp_path) == {}
    assert made.statuses(made.deliver(Folder(f"file://{tmp_path}/far"), manifest)) == {"sent": 1}


def test_what_was_written_is_read_back(near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that returns other bytes than it was given."""
    manifest = made.mixed(near, 1)
    original = os.replace

    def replace(part: str, name: str, **where: Any) -> None:
        (tmp_path / "far" / part).write_bytes(b"rot")
        original(part, name, **where)

    monkeypatch.setattr(os, "replace", replace)
    told = made.deliver(Folder(f"file://{tmp_path}/far"), manifest)
    assert "read back, it is not what was written" in told[0]["message"]


def test_a_folder_that_cannot_be_written(near: Path, tmp_path: Path, place: Callable[[], Destination]) -> None:
    (tmp_path / "far").write_text("a file in the way")
    told = made.deliver(place(), made.mixed(near, 1))
    assert told[0]["status"] == "failed"
    assert "far" in told[0]["message"]


@pytest.mark.parametrize("url", ["file://host/folder", "file:relative"])
def test_a_file_url_names_a_folder_of_this_machine(url: str) -> None:
    with pytest.raises(UsageError, match="file:///folder"):
        Folder(url)


def test_an_unknown_scheme_is_a_usage_error() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(UsageError, match="nonsense"):
        Anywhere("nonsense://somewhere")


def test_a_password_in_a_url_is_not_kept() -> None:
    pytest.importorskip("fsspec")
    assert "CANARY" not in Anywhere("memory://user:CANARY@host/folder").place


# --- the journal ----------------------------------------------------------------------------------------


def test_what_is_begun_and_not_ended_is_open(tmp_path: Path) -> None:
    with UploadJournal(tmp_path, "there") as journal:
        assert not journal.open("key", "put")
        journal.begin("key", "put", id="1")
        assert journal.open("key", "put")
        journal.end("key", "put", delivered=True)
        assert not journal.open("key", "put")
        journal.begin("key", "put")
    with UploadJournal(tmp_path, "there") as journal:
        assert journal.open("key", "put")
        assert journal.facts("key") == {"id": "1", "delivered": True}
        assert journal.steps("key") == [("put", "begin"), ("put", "end"), ("put", "begin")]
        journal.end("key", "forget", id=None)
        assert journal.facts("key") == {"delivered": True}


@pytest.mark.parametrize(
    "facts",
    [
        '{"files": "a"}',
        '{"files": {"MAIN a.png": "a"}}',
        '{"files": {"MAIN a.png": {"at": "noon"}}}',
        '{"objects": {"a": {"md5": 1, "url": "u"}}}',
        '{"uploads": {"a": ["u"]}}',
        '{"parts": {"slot": "1"}}',
        '{"done": {"slot": true}}',
        '{"at": "noon"}',
        "[]",
    ],
)
def test_an_edited_row_is_told_and_not_acted_on(tmp_path: Path, facts: str) -> None:
    with UploadJournal(tmp_path, "there") as journal:
        journal.end("key", "put", id="1")
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as database, database:
        database.execute("UPDATE item SET facts = ?", (facts,))
    with UploadJournal(tmp_path, "there") as journal, pytest.raises(UsageError, match="journal of uploads"):
        journal.facts("key")


def test_places_and_keys_are_apart(tmp_path: Path) -> None:
    with UploadJournal(tmp_path, "here") as journal:
        journal.end("key", "put", id="1")
        assert journal.facts("other") == {}
    with UploadJournal(tmp_path, "there") as journal:
        assert journal.facts("key") == {}


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    with UploadJournal(tmp_path, "here"):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_a_damaged_journal_is_not_ignored(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"this is no database at all, not even nearly" * 100)
    with pytest.raises(UsageError, match="could be sent twice"):
        UploadJournal(tmp_path, "here")


def test_folders_are_made_and_files_are_as_the_user_wants_new_ones(near: Path, tmp_path: Path) -> None:
    asset = made.asset("image", "image", [made.output(near, "a.png", b"a")])
    manifest = made.write(near, "metastudio/asset-library", [asset])
    before = os.umask(0)
    try:
        assert made.statuses(made.deliver(Folder(f"file://{tmp_path}/x/y/z"), manifest)) == {"sent": 1}
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x/y/z/a.png").stat().st_mode) == 0o666
