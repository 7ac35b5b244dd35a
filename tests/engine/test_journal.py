"""The journal: what was finished is known after any end, and never believed once anything has changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest
from msgspec import Struct

from pipeline.documents import entry as document
from pipeline.engine import journal as module
from pipeline.engine.journal import NAME, Journal, Slot, content, digest, fingerprint, size_in
from pipeline.engine.record import Record
from pipeline.errors import UsageError
from pipeline.model.facts import Kind
from pipeline.model.results import Category, Outcome, Output, Status
from pipeline.rules import presets
from pipeline.storage.digest import file_state
from tests import ROOT, factory

SLOT = Slot("clip", "tools 1")
DIGEST = "1B2M2Y8AsgTpgAmY7PhCfg=="  # of nothing, as RFC 1321 gives it in hex


def entry(*outputs: Path) -> Record:
    made = tuple(
        Output(
            path=path.name,
            category=Category.MAIN,
            size=path.stat().st_size,
            md5=DIGEST,
            content_type="video/mp4",
            facts=factory.video(),
        )
        for path in outputs
    )
    done = Outcome(
        source="片段.mp4", source_md5=DIGEST, kind=Kind.VIDEO, role="video", status=Status.READY, outputs=made
    )
    return Record(document.outcome(done, "en"))


def rules(_: Record) -> str:
    return "rules 1"


def remember(journal: Journal, source: Path, told: Record, slot: Slot = SLOT) -> None:
    journal.write(slot, str(source), (file_state(source), content(source)), "rules 1", told)


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
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) is None
        remember(journal, source, entry(output))
    with Journal(tmp_path) as journal:
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) == entry(output)


def test_the_last_word_counts(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry())
        remember(journal, source, entry(output))
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) == entry(output)


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, source: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        monkeypatch.setattr(module, "content", lambda _: pytest.fail("read"))
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path))


def test_a_row_survives_a_run_that_is_killed(tmp_path: Path, source: Path) -> None:
    """Killed without a word right after the first row was written, and in the middle of the second."""
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from pipeline.engine.journal import Journal, Slot
        from tests.engine.test_journal import entry

        folder, source = Path(sys.argv[1]), Path(sys.argv[2])
        journal = Journal(folder)
        journal.write(Slot("first", ""), str(source), ("6 0 0", "content"), "rules", entry())
        journal._db.execute("BEGIN IMMEDIATE")
        journal._db.execute("INSERT INTO assets VALUES ('second', 6, 'content', '', 'rules', '{}')")
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run(  # a fixed program of ours
        [sys.executable, "-c", script, str(tmp_path), str(source)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -9
    with Journal(tmp_path) as journal:
        slots = [row[0] for row in journal._db.execute("SELECT slot FROM assets")]
        assert slots == ["first"]
        remember(journal, source, entry())


def test_the_folder_can_be_moved(tmp_path: Path, source: Path) -> None:
    first, second = tmp_path / "out", tmp_path / "elsewhere"
    first.mkdir()
    (first / "clip.out.mp4").write_bytes(b"output")
    with Journal(first) as journal:
        remember(journal, source, entry(first / "clip.out.mp4"))
    first.rename(second)
    with Journal(second) as journal:
        assert journal.done(SLOT, str(source), rules, partial(size_in, second))


def test_what_a_place_holds_is_ours_whatever_made_it(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.outputs(SLOT) == {}
        remember(journal, source, entry(output))
        assert journal.outputs(Slot("clip", "tools 2")) == {"clip.out.mp4": DIGEST}
        assert journal.names() == {"clip.out.mp4"}


# --- identity ---------------------------------------------------------------------------------------


def test_a_file_that_was_only_touched_is_the_same_asset(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        os.utime(source, ns=(1, 1))
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path))


def test_so_is_a_copy_in_another_place(tmp_path: Path, source: Path, output: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(source.read_bytes())
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        assert journal.done(SLOT, str(copy), rules, partial(size_in, tmp_path))


@pytest.mark.parametrize("changed", [b"longer than before", b"equals"])
def test_other_bytes_are_another_asset(tmp_path: Path, source: Path, output: Path, changed: bytes) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        source.write_bytes(changed)
        os.utime(source, ns=(1, 1))
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) is None


def test_other_tools_or_options_mean_anew(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        assert journal.done(Slot("clip", "tools 2"), str(source), rules, partial(size_in, tmp_path)) is None
        assert journal.done(Slot("other", "tools 1"), str(source), rules, partial(size_in, tmp_path)) is None


def test_so_do_other_rules(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        assert journal.done(SLOT, str(source), lambda _: "rules 2", partial(size_in, tmp_path)) is None


def test_a_source_that_is_gone_is_told(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        source.unlink()
        with pytest.raises(FileNotFoundError):
            journal.done(SLOT, str(source), rules, partial(size_in, tmp_path))


def test_an_output_that_is_gone_means_anew(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output))
        output.unlink()
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) is None


def test_so_does_an_output_of_another_size(tmp_path: Path, source: Path, output: Path) -> None:
    second = tmp_path / "page.png"
    second.write_bytes(b"page")
    with Journal(tmp_path) as journal:
        remember(journal, source, entry(output, second))
        second.write_bytes(b"cut")
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) is None


def test_words_do_not_run_together() -> None:
    names = [digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("c", "ab")]
    assert len(set(names)) == len(names)


class Value(Struct, frozen=True):
    words: frozenset[str]
    pattern: re.Pattern[str]


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """Sets of words have another order in each: Python seeds their hashes at random."""
    script = (
        "from pipeline.rules import presets; from pipeline.engine.journal import fingerprint;"
        "print(*[fingerprint(r) for r in presets.load('metastudio/asset-library').roles])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_a_fingerprint_tells_every_difference_apart() -> None:
    values = [
        Value(frozenset("ab"), re.compile("a")),
        Value(frozenset("abc"), re.compile("a")),
        Value(frozenset("ab"), re.compile("a", re.IGNORECASE)),
        Value(frozenset("ab"), re.compile("b")),
        *presets.load("metastudio/asset-library").roles,
    ]
    assert len({fingerprint(value) for value in values}) == len(values)


# --- damage -----------------------------------------------------------------------------------------


def test_a_file_that_is_no_journal_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"this is no database, and long enough to be taken for none" * 100)
    with pytest.raises(UsageError, match="Delete it") as caught:
        Journal(tmp_path)
    assert NAME in caught.value.text.zh


def test_so_is_damage_that_shows_only_when_it_is_read(tmp_path: Path, source: Path, output: Path) -> None:
    with Journal(tmp_path) as journal:
        for number in range(500):
            remember(journal, source, entry(output), Slot(f"{number:064}", ""))
    path = tmp_path / NAME
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with Journal(tmp_path) as journal, pytest.raises(UsageError, match="Delete it"):
        journal.done(Slot(f"{7:064}", ""), str(source), rules, partial(size_in, tmp_path))


def test_so_is_a_row_that_is_no_entry(tmp_path: Path, source: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry())
        with journal._db:
            journal._db.execute("UPDATE assets SET entry = 'half an ent'")
        with pytest.raises(UsageError, match="Delete it"):
            journal.done(SLOT, str(source), rules, partial(size_in, tmp_path))


def test_what_an_earlier_version_made_is_ours_and_made_again(tmp_path: Path, source: Path) -> None:
    with Journal(tmp_path) as journal:
        remember(journal, source, entry())
        row = '{"source": "a", "outputs": [{"path": "old.mp4", "size": 6, "md5": "z"}]}'
        journal._db.execute("UPDATE assets SET entry = ?", (row,))
        assert journal.done(SLOT, str(source), rules, partial(size_in, tmp_path)) is None
        assert journal.outputs(SLOT) == {"old.mp4": "z"}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nosuch"):
        Journal(tmp_path / "nosuch")


def test_the_manifest_that_was_written_last_is_known(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.manifest() == ""
        journal.wrote("first")
        journal.wrote("second")
        assert journal.manifest() == "second"
    with pytest.raises(AttributeError):
        SLOT.name = "other"  # type: ignore[misc]  # it is frozen
