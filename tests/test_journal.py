"""The journal: what was finished is known after any end, and never believed once anything has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.journal import NAME, Journal, key

ROOT = Path(__file__).parent.parent


def entry(*outputs: Path) -> dict[str, Any]:
    return {
        "source": "片段.mp4",
        "outputs": [{"path": path.name, "size": path.stat().st_size} for path in outputs],
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"source")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "clip.out.mp4"
    path.write_bytes(b"output")
    return path


# --- remembering ------------------------------------------------------------------------------------


def test_what_was_written_is_found_again_by_another_run(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.done(key(source), tmp_path) is None
        journal.write(key(source), entry(output))
    with Journal(tmp_path) as journal:
        assert journal.done(key(source), tmp_path) == entry(output)


def test_the_last_word_counts(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write(key(source), entry())
        journal.write(key(source), entry(output))
        assert journal.done(key(source), tmp_path) == entry(output)


def test_two_runs_can_write_at_once(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as one, Journal(tmp_path) as other:
        one.write("one", entry(output))
        other.write("other", entry(output))
        assert one.done("other", tmp_path) == other.done("one", tmp_path) == entry(output)


def test_a_row_survives_a_run_that_is_killed(tmp_path: Path, output: Path) -> None:
    """Killed without a word right after the first row was written, and in the middle of the second."""
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from pipeline.journal import Journal

        journal = Journal(Path(sys.argv[1]))
        journal.write("first", {"outputs": []})
        journal._db.execute("BEGIN IMMEDIATE")
        journal._db.execute("INSERT INTO done VALUES ('second', '{}')")
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run(  # a fixed program of ours
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -9
    with Journal(tmp_path) as journal:
        assert journal.done("first", tmp_path) == {"outputs": []}
        assert journal.done("second", tmp_path) is None
        journal.write("third", entry(output))


# --- not believing ----------------------------------------------------------------------------------


def test_the_same_file_has_the_same_key(source: Path) -> None:
    link = source.with_name("link.mp4")
    link.symlink_to(source)
    assert key(source, "role") == key(source, "role") == key(link, "role")


def test_a_change_in_size_is_another_asset(source: Path) -> None:
    before, times = key(source), source.stat()
    source.write_bytes(b"longer than before")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert key(source) != before


def test_a_change_in_modification_time_is_another_asset(source: Path) -> None:
    before, times = key(source), source.stat()
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert key(source) != before


def test_a_copy_is_another_asset(source: Path) -> None:
    copy = source.with_name("copy.mp4")
    copy.write_bytes(source.read_bytes())
    times = source.stat()
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert key(copy) != key(source)


def test_a_change_in_preset_role_or_tools_is_another_asset(source: Path) -> None:
    keys = [
        key(source),
        key(source, "preset", "role"),
        key(source, "preset2", "role"),
        key(source, "presetrole"),
        key(source, "role", "preset"),
    ]
    assert len(set(keys)) == len(keys)


def test_a_source_that_is_gone_has_no_key(source: Path) -> None:
    source.unlink()
    with pytest.raises(FileNotFoundError):
        key(source)


def test_an_output_that_is_gone_means_anew(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write(key(source), entry(output))
        output.unlink()
        assert journal.done(key(source), tmp_path) is None


def test_so_does_an_output_of_another_size(tmp_path: Path, source: Path, output: Path) -> None:
    second = tmp_path / "page.png"
    second.write_bytes(b"page")
    with Journal(tmp_path) as journal:
        journal.write(key(source), entry(output, second))
        second.write_bytes(b"cut")
        assert journal.done(key(source), tmp_path) is None


# --- damage -----------------------------------------------------------------------------------------


def test_a_file_that_is_no_journal_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"this is no database, and long enough to be taken for none" * 100)
    with pytest.raises(UsageError, match="--no-resume") as caught:
        Journal(tmp_path)
    assert NAME in caught.value.text.zh


def test_so_is_damage_that_shows_only_when_it_is_read(tmp_path: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        for number in range(500):
            journal.write(f"{number:064}", entry(output))
    path = tmp_path / NAME
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with Journal(tmp_path) as journal, pytest.raises(UsageError, match="--no-resume"):
        journal.done(f"{7:064}", tmp_path)


def test_so_is_a_row_that_is_no_entry(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        with journal._db:
            journal._db.execute("INSERT INTO done VALUES ('x', 'half an ent')")
        with pytest.raises(UsageError, match="--no-resume"):
            journal.done("x", tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nosuch"):
        Journal(tmp_path / "nosuch")
