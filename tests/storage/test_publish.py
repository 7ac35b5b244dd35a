"""An output appears complete, under its name, or not at all; and nothing is ever in its way by accident."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import AssetError, UsageError
from pipeline.storage import publish as publishing
from pipeline.storage.digest import content_md5
from pipeline.storage.publish import (
    RECEIPT,
    WORK,
    alive,
    claim,
    private,
    promised,
    publish,
    publish_all,
    settle,
    share,
    sweep,
    workshop,
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "out.mp4"
    path.parent.mkdir()
    path.write_bytes(b"made")
    return path


def fail(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no links here")


# --- publishing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("replace", [True, False])
def test_a_finished_file_moves_to_its_name(tmp_path: Path, made: Path, replace: bool) -> None:
    final = tmp_path / "out" / "sub" / "clip.mp4"
    publish(made, final, replace=replace)
    assert final.read_bytes() == b"made"
    assert not made.exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_in_the_way_stays_as_it_is(
    tmp_path: Path, made: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "clip.mp4"
    final.write_bytes(b"yours")
    if not links:
        monkeypatch.setattr(os, "link", fail)
    with pytest.raises(AssetError, match=r"clip\.mp4 exists") as caught:
        publish(made, final, replace=False)
    assert str(final) in caught.value.text.zh
    assert final.read_bytes() == b"yours"
    assert made.read_bytes() == b"made"


def test_so_does_a_link_that_leads_nowhere(tmp_path: Path, made: Path) -> None:
    final = tmp_path / "clip.mp4"
    final.symlink_to("nowhere")
    with pytest.raises(AssetError):
        publish(made, final, replace=False)
    assert final.is_symlink()


def test_a_file_is_replaced_only_when_asked(tmp_path: Path, made: Path) -> None:
    final = tmp_path / "clip.mp4"
    final.write_bytes(b"ours, of an earlier run")
    publish(made, final, replace=True)
    assert final.read_bytes() == b"made"


def test_replacing_a_name_leaves_what_else_had_that_content(tmp_path: Path, made: Path) -> None:
    """The old output may be a second name of the source."""
    source, final = tmp_path / "source.mp4", tmp_path / "clip.mp4"
    source.write_bytes(b"source")
    os.link(source, final)
    publish(made, final, replace=True)
    assert source.read_bytes() == b"source"


def test_where_there_are_no_links_a_rename_does(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", fail)
    publish(made, tmp_path / "clip.mp4", replace=False)
    assert (tmp_path / "clip.mp4").read_bytes() == b"made"
    assert not made.exists()


@pytest.mark.parametrize("replace", [True, False])
def test_before_it_has_its_name_it_is_on_the_disk(
    tmp_path: Path, made: Path, replace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "clip.mp4"
    named_at_sync: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: named_at_sync.append(final.exists()))
    publish(made, final, replace=replace)
    assert named_at_sync[0] is False
    if os.name == "posix":
        assert named_at_sync[1:] == [True], "and then its name is"


@pytest.mark.parametrize("replace", [True, False])
def test_a_disk_that_refuses_leaves_no_partial_output(
    tmp_path: Path, made: Path, replace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        publish(made, tmp_path / "out" / "clip.mp4", replace=replace)
    assert list((tmp_path / "out").iterdir()) == []


# --- what stays as it is --------------------------------------------------------------------------------


@pytest.mark.parametrize("clones", [True, False])
def test_what_is_done_to_a_file_that_was_kept_never_reaches_its_source(
    tmp_path: Path, clones: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not clones:
        monkeypatch.setattr(publishing, "_cloned", lambda *_: False)
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.write_bytes(b"source")
    said = share(source, target)
    assert target.read_bytes() == b"source"
    assert "copy" in said.en
    assert "副本" in said.zh
    with target.open("r+b") as file:
        file.write(b"edited")
    assert source.read_bytes() == b"source"


def test_a_source_that_is_a_link_is_shared_as_the_file_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real.mp4").write_bytes(b"source")
    (tmp_path / "link.mp4").symlink_to("real.mp4")
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "b.mp4"
    share(tmp_path / "link.mp4", target)
    assert not target.is_symlink()
    assert target.read_bytes() == b"source"


# --- the private folder -----------------------------------------------------------------------------


def test_work_is_done_in_a_private_folder_beside_the_outputs(tmp_path: Path) -> None:
    with workshop(tmp_path / "out") as folder:
        assert folder.parent == tmp_path / "out"
        if os.name == "posix":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "half").write_bytes(b"half")
    assert list((tmp_path / "out").iterdir()) == []


def test_which_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    def crash() -> None:
        with workshop(tmp_path) as folder:
            (folder / "half").write_bytes(b"half")
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        crash()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    for name in (f"{WORK}{ended.pid}-x", f"{WORK}{os.getpid()}-y", f"{WORK}who-z", "yours"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_bytes(b"half")
    (tmp_path / "clip.mp4").write_bytes(b"yours")
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{WORK}{os.getpid()}-y", f"{WORK}who-z", "yours", "clip.mp4"}


def test_a_process_of_somebody_else_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError

    (tmp_path / f"{WORK}123-x").mkdir()
    monkeypatch.setattr(publishing.os, "kill", denied)
    sweep(tmp_path)
    assert (tmp_path / f"{WORK}123-x").is_dir()


def test_sweeping_where_there_is_nothing_is_no_mistake(tmp_path: Path) -> None:
    sweep(tmp_path / "nosuch")
    assert list(tmp_path.iterdir()) == []


# --- a run that is killed between a name and the journal --------------------------------------------


def promise(made: Path, name: str) -> tuple[Path, tuple[str, int, str]]:
    return made, (name, made.stat().st_size, content_md5(made))


def left_by_the_dead(out: Path) -> Path:
    """A private folder of a process that ended."""
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    folder = private(out)
    return folder.rename(out / folder.name.replace(f"{WORK}{os.getpid()}-", f"{WORK}{ended.pid}-"))


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """An output folder in which a run gave two outputs their names and was killed."""
    out = tmp_path / "out"
    out.mkdir()
    work = left_by_the_dead(out)
    for name in ("one", "two"):
        (work / name).write_bytes(name.encode())
    publish_all([promise(work / n, f"{n}.mp4") for n in ("one", "two")], out, work, ours=lambda _: False)
    return out


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_outputs_of_a_killed_run_that_no_journal_knows_are_taken_back(killed: Path) -> None:
    assert {"one.mp4", "two.mp4"} < visible(killed)
    sweep(killed, lambda: {"two.mp4"})
    assert visible(killed) == {"two.mp4"}


def test_but_not_what_somebody_put_in_their_place(killed: Path) -> None:
    (killed / "one.mp4").write_bytes(b"yours")
    sweep(killed)
    assert visible(killed) == {"one.mp4"}


def test_an_attempt_after_one_that_was_lost_may_replace_what_that_made(killed: Path) -> None:
    assert promised(killed, "one.mp4", content_md5(killed / "one.mp4"))
    assert not promised(killed, "one.mp4", content_md5(killed / "two.mp4"))
    assert not promised(killed, "yours.mp4", content_md5(killed / "one.mp4"))


def test_a_receipt_stays_until_it_is_settled(tmp_path: Path) -> None:
    with workshop(tmp_path) as work:
        (work / "made").write_bytes(b"made")
        publish_all([promise(work / "made", "a.mp4")], tmp_path, work, ours=lambda _: False)
    assert [path.name for path in work.iterdir()] == [RECEIPT]
    settle(tmp_path, work.name)
    assert visible(tmp_path) == {"a.mp4"}


def test_all_outputs_of_an_asset_appear_or_none(tmp_path: Path) -> None:
    (tmp_path / "two.png").write_bytes(b"yours")

    def prepare() -> None:
        with workshop(tmp_path) as work:
            for name in ("one.png", "two.png"):
                (work / name).write_bytes(b"made")
            publish_all([promise(work / n, n) for n in ("one.png", "two.png")], tmp_path, work, ours=lambda _: False)

    with pytest.raises(AssetError, match=r"two\.png exists"):
        prepare()
    assert visible(tmp_path) == {"two.png"}
    assert (tmp_path / "two.png").read_bytes() == b"yours"


def test_folders_of_other_machines_are_left_for_a_day(tmp_path: Path) -> None:
    other = tmp_path / f"{WORK}1-h00000000-x"
    other.mkdir()
    sweep(tmp_path)
    assert other.is_dir()
    os.utime(other, (0, 0))
    sweep(tmp_path)
    assert not other.exists()


@pytest.mark.skipif(os.name != "posix", reason="locks as POSIX has them")
def test_a_folder_is_for_one_run_at_a_time(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(UsageError, match="another run"), claim(tmp_path):
        pass
    with claim(tmp_path):
        pass


# --- whether a process lives, and what else is left alone -----------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux tells it")
def test_a_process_that_only_waits_to_be_collected_is_gone() -> None:
    """Its name may hold brackets and spaces: what the kernel says comes after the last of them."""
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", "open('/proc/self/comm', 'w').write('a) S (')"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{ended.pid}/stat").read_text("ascii").split(" (", 1)[1].startswith("a) S (")
    os.kill(ended.pid, 0)  # its number is still taken
    assert not alive(ended.pid)
    ended.wait()
    assert not alive(ended.pid)
    assert alive(os.getpid())
    assert alive(os.getppid())
    assert not alive(1 << 70)  # no system has so many


def test_a_day_is_a_day(tmp_path: Path) -> None:
    other = tmp_path / f"{WORK}1-h00000000-x"
    other.mkdir()
    for hours, left in ((23.9, True), (24.1, False)):
        at = time.time() - hours * 3600
        os.utime(other, (at, at))
        sweep(tmp_path)
        assert other.is_dir() is left


def test_a_file_below_folders_that_are_not_there_yet_has_its_name(tmp_path: Path, made: Path) -> None:
    publish(made, tmp_path / "out" / "a" / "b" / "clip.mp4", replace=False, below=tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b" / "clip.mp4").read_bytes() == b"made"


def test_how_a_copy_was_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(b"given")
    for cloned, said in ((True, "copy that shares its blocks"), (False, "copy")):
        monkeypatch.setattr(publishing, "_cloned", lambda *_, cloned=cloned: cloned)
        assert share(tmp_path / "source", tmp_path / "target").en == said
