"""Which files of a folder have come whole."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.job import Job
from pipeline.storage.coming import Coming, written


@pytest.fixture(autouse=True)
def deaf() -> Iterator[None]:
    """As `preflight watch` is to who opens a file that is asked about."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGIO, before)


def leases(folder: Path) -> bool:
    """Whether this file system tells of open writers."""
    (folder / "lease").touch()
    with (folder / "lease").open("rb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError:
            return False
    return True


def test_who_has_a_file_open_for_writing_is_seen(tmp_path: Path) -> None:
    if not leases(tmp_path):
        pytest.skip("this file system does not tell who has a file open")
    path = tmp_path / "a"
    with path.open("wb"):
        assert written(str(path))
    assert not written(str(path))
    with path.open("rb"):
        assert not written(str(path))
    assert not written(str(tmp_path / "nosuch"))


def test_a_file_that_changes_again_is_taken_again(tmp_path: Path) -> None:
    path, coming = tmp_path / "a.wav", Coming(0.0)
    job = Job(path=str(path), stem="a")
    assert coming.settled([job]) == []  # not there
    path.write_bytes(b"1")
    assert (coming.settled([job]), coming.waiting) == ([], True)
    assert (coming.settled([job]), coming.waiting) == ([job], False)
    coming.done([job])
    assert (coming.settled([job]), coming.waiting) == ([], False)
    path.write_bytes(b"12")
    assert (coming.settled([job]), coming.waiting) == ([], True)
    assert coming.settled([job]) == [job]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not written(str(tmp_path / "pipe"))
