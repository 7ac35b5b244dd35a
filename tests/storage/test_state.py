"""Only what this user made is believed: others may plant what they like in a folder that they can write to."""

from __future__ import annotations

import contextlib
import itertools
import json
import ntpath
import os
import posixpath
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.engine.journal import NAME, Journal
from pipeline.errors import AssetError, UsageError
from pipeline.storage import publish, regular, state
from pipeline.storage.digest import content_md5
from pipeline.storage.paths import odd
from pipeline.storage.publish import LOCK, RECEIPT, WORK, claim, promised, receipt, scratched, settle, sweep
from pipeline.storage.state import HeldFolder, beneath, database, replaceable
from pipeline.upload import journal as uploads
from tests import ROOT
from tests.watching import alarm

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners, modes and links as POSIX has them")
ANOTHER = 65534  # nobody's
DEAD = 4194305  # above the kernel's highest process number
Plant = Callable[[Path], None]


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    with alarm(60):
        yield


def given_away(path: Path) -> Path:
    """As if another user had made it."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file that is somebody else's")
    os.chown(path, ANOTHER, ANOTHER, follow_symlinks=False)
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of ours that somebody else would like to see gone."""
    (tmp_path / "home").mkdir()
    path = tmp_path / "home" / "thesis.txt"
    path.write_bytes(b"years of work")
    return path


# --- what may stand where a file of ours should -----------------------------------------------------


def _link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(b"another file")
    path.symlink_to(path.parent / "elsewhere")


def _nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def _second_name(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(b"another file")
    os.link(path.parent / "elsewhere", path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def _writable(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o666)


def _of_a_group(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o620)


def _anothers(path: Path) -> None:
    path.write_bytes(b"")
    given_away(path)


PLANTED: dict[str, Plant] = {
    "a link": _link,
    "a link to nothing": _nowhere,
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a folder": Path.mkdir,
    "a second name": _second_name,
    "a file that all may write to": _writable,
    "a file that a group may write to": _of_a_group,
    "a file of another user": _anothers,
}
planted = pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED.keys())


def _claim(folder: Path) -> None:
    with claim(folder):
        pass


def _journal(folder: Path) -> None:
    with Journal(folder) as journal:
        journal.names()


def _upload(folder: Path) -> None:
    with uploads.UploadJournal(folder, "there") as journal:
        journal.begin("key", "step")


OPENED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "lock": (LOCK, _claim),
    "journal": (NAME, _journal),
    "journal's log": (f"{NAME}-wal", _journal),
    "journal's memory": (f"{NAME}-shm", _journal),
    "journal's roll-back": (f"{NAME}-journal", _journal),
    "journal of uploads": (uploads.NAME, _upload),
    "its log": (f"{uploads.NAME}-wal", _upload),
    "lock of uploads": (uploads.LOCK, _upload),
}


@planted
@pytest.mark.parametrize(("name", "opening"), OPENED.values(), ids=OPENED.keys())
def test_what_somebody_put_in_its_place_is_refused(
    tmp_path: Path, plant: Plant, name: str, opening: Callable[[Path], None]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    plant(folder / name)
    before = os.lstat(folder / name)
    with pytest.raises(UsageError) as caught:
        opening(folder)
    assert str(folder / name) in caught.value.text.en
    assert str(folder / name) in caught.value.text.zh
    assert os.path.samestat(os.lstat(folder / name), before)
    assert not (folder / "nothing").exists(), "nothing is made through a link"
    if (folder / "elsewhere").exists():
        assert (folder / "elsewhere").read_bytes() == b"another file"


@pytest.mark.parametrize(("name", "opening"), OPENED.values(), ids=OPENED.keys())
def test_what_is_ours_is_for_us_alone_and_taken_again(
    tmp_path: Path, name: str, opening: Callable[[Path], None]
) -> None:
    opening(tmp_path)
    opening(tmp_path)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name


def test_a_journal_made_under_an_older_mode_goes_on(tmp_path: Path) -> None:
    """Readable by others is no reason to refuse it: they could not write to it."""
    _journal(tmp_path)
    (tmp_path / NAME).chmod(0o644)
    _journal(tmp_path)


def test_a_database_that_is_swapped_while_it_is_opened_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    _journal(tmp_path)
    (tmp_path / "other").mkdir()
    _journal(tmp_path / "other")
    connect = sqlite3.connect

    def late(path: Path, **options: Any) -> sqlite3.Connection:
        (tmp_path / NAME).unlink()
        (tmp_path / NAME).symlink_to(tmp_path / "other" / NAME)
        return connect(path, **options)

    monkeypatch.setattr(sqlite3, "connect", late)
    with pytest.raises(UsageError, match="symbolic link"):
        database(tmp_path / NAME)


def test_a_file_system_that_keeps_no_owners_is_asked_what_ours_look_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a memory stick: whatever is made there belongs to whoever the mount says."""
    _journal(tmp_path)
    monkeypatch.setattr(state, "_user", lambda: 12345)
    _journal(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {NAME}
    given_away(tmp_path / NAME)
    with pytest.raises(UsageError, match="another user"):
        _journal(tmp_path)


# --- receipts ---------------------------------------------------------------------------------------


def work_folder(out: Path, text: bytes | None = None, mode: int = 0o700) -> Path:
    """The private folder of a run that was killed, with this receipt."""
    folder = out / f"{WORK}{DEAD}-{publish.here()}-x"
    folder.mkdir(mode=mode)
    folder.chmod(mode)
    if text is not None:
        (folder / RECEIPT).write_bytes(text)
    return folder


def naming(path: Path, name: str | None = None) -> bytes:
    """A receipt for the bytes of a file, under any name."""
    return json.dumps([[str(path) if name is None else name, path.stat().st_size, content_md5(path)]]).encode()


@pytest.fixture(params=["an output folder", "the temporary folder"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that everybody may write to."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    if request.param == "the temporary folder":
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _looked_through(shared: Path) -> None:
    sweep(shared)
    with scratched():
        pass


@pytest.mark.parametrize("name", ["an absolute one", "../home/thesis.txt", "thesis.txt"])
def test_the_receipt_of_another_user_is_not_acted_on(shared: Path, secret: Path, name: str) -> None:
    if name == "thesis.txt":  # below that very folder, where it could be an output of ours
        secret = secret.rename(shared / name)
    folder = work_folder(shared, naming(secret, None if name.startswith("an") else name))
    for one in (*folder.iterdir(), folder):
        given_away(one)
    _looked_through(shared)
    assert secret.read_bytes() == b"years of work"
    assert (folder / RECEIPT).exists(), "nor is what they made removed"
    assert not promised(shared, name, content_md5(secret))


@pytest.mark.parametrize(
    "name", [None, "../home/thesis.txt", "./../home/thesis.txt", "a/../../home/thesis.txt", "way/thesis.txt"]
)
def test_not_even_a_receipt_of_ours_leads_out_of_its_folder(tmp_path: Path, secret: Path, name: str | None) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").mkdir()
    (out / "way").symlink_to(secret.parent)
    folder = work_folder(out, naming(secret, name))
    sweep(out)
    assert secret.read_bytes() == b"years of work"
    assert not folder.exists()


def test_a_receipt_in_a_folder_that_others_may_write_to_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"yours")
    for mode in (0o770, 0o702, 0o777):
        folder = work_folder(tmp_path, naming(tmp_path / "clip.mp4", "clip.mp4"), mode)
        sweep(tmp_path)
        assert (tmp_path / "clip.mp4").exists()
        assert folder.exists()
        (folder / RECEIPT).unlink()
        folder.rmdir()


def test_nor_is_one_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"yours")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / RECEIPT).write_bytes(naming(tmp_path / "clip.mp4", "clip.mp4"))
    (tmp_path / f"{WORK}{DEAD}-x").symlink_to(tmp_path / "real")
    sweep(tmp_path)
    assert (tmp_path / "clip.mp4").exists()
    assert (tmp_path / "real" / RECEIPT).exists()
    assert (tmp_path / f"{WORK}{DEAD}-x").is_symlink()


@planted
def test_what_is_no_receipt_of_ours_promises_nothing(tmp_path: Path, plant: Plant) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"yours")
    folder = work_folder(tmp_path)
    plant(folder / RECEIPT)
    other = folder / "elsewhere"
    if other.exists():
        other.write_bytes(naming(tmp_path / "clip.mp4", "clip.mp4"))
    elif (folder / RECEIPT).is_file():
        (folder / RECEIPT).write_bytes(naming(tmp_path / "clip.mp4", "clip.mp4"))
    sweep(tmp_path)
    assert (tmp_path / "clip.mp4").read_bytes() == b"yours"
    assert not folder.exists()


def test_what_is_removed_with_a_folder_is_never_what_a_link_in_it_leads_to(tmp_path: Path, secret: Path) -> None:
    folder = work_folder(tmp_path)
    (folder / "sub").mkdir()
    for place in (folder, folder / "sub"):
        (place / "folder").symlink_to(secret.parent)
        (place / "file").symlink_to(secret)
        os.link(secret, place / "name")
        os.mkfifo(place / "pipe")
    sweep(tmp_path)
    assert not folder.exists()
    assert secret.read_bytes() == b"years of work"


@pytest.mark.parametrize("name", ["../home", f"{WORK}x/../../home", "/etc", "", ".", "sub"])
def test_a_worker_cannot_have_anything_but_its_receipt_settled(tmp_path: Path, secret: Path, name: str) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    work_folder(tmp_path / "out").rename(tmp_path / "out" / f"{WORK}x")
    settle(tmp_path / "out", name)
    assert secret.exists()
    assert (tmp_path / "out" / "sub").is_dir()


ODD = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "an object": b'{"a": 1}',
    "a word": b'"a"',
    "a list for a word": b'[[["a"], 1, "x"]]',
    "a word for a number": b'[["a", "1", "x"]]',
    "a list too short": b'[["a", 1]]',
    "a list too long": b'[["a", 1, "x", 2]]',
    "null": b"[null]",
    "no number": b'[["a", NaN, "x"]]',
    "a number beyond all": b'[["a", 1e999, "x"]]',
    "a NUL": b'[["a\\u0000b", 1, "x"]]',
    "a backslash": b'[["..\\\\a", 1, "x"]]',
    "a drive": b'[["C:a", 1, "x"]]',
    "half a character": b'[["\\ud800", 1, "x"]]',
    "deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "deep and closed": b"[" * 200_000 + b"]" * 200_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_an_odd_receipt_is_none(tmp_path: Path, text: bytes) -> None:
    assert receipt(text) == []
    work_folder(tmp_path, text)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nor_is_one_that_is_too_long_read(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"yours")
    folder = work_folder(tmp_path, naming(tmp_path / "clip.mp4", "clip.mp4"))
    with (folder / RECEIPT).open("r+b") as file:
        file.seek(0, 2)
        file.write(b" " * 100)
        file.truncate(100 << 20)
    sweep(tmp_path)
    assert (tmp_path / "clip.mp4").exists()


_FREE = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # one alarm for all examples
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@_FREE
@given(_JSON)
def test_whatever_a_receipt_holds_it_names_plain_paths_or_nothing(value: Any) -> None:
    for name, size, md5 in receipt(json.dumps(value).encode("utf-8", "surrogatepass")):
        assert odd(name) is None
        assert isinstance(size, int)
        assert isinstance(md5, str)


@_FREE
@given(st.text(st.sampled_from("a./\\:C\0 é"), max_size=12))
def test_a_plain_name_stays_below_its_folder_on_every_system(name: str) -> None:
    """As the path modules of both families read it."""
    if odd(name):
        return
    assert name
    for flavour in (posixpath, ntpath):
        assert not flavour.isabs(name)
        drive = flavour.splitdrive(name)[0]
        assert not re.match("[A-Za-z]", drive)
        if not drive:  # `ntpath` takes any character before a colon for a drive; Windows has letters only
            assert flavour.normpath(flavour.join("top", name)).replace("\\", "/") == f"top/{name}"


@pytest.mark.parametrize("name", ["a", "a/b", "片头 1.mp4", ".hidden", "a..b", "...", "ab:c", "-", "a/-b"])
def test_ordinary_names_are_plain(name: str) -> None:
    assert odd(name) is None


# --- the temporary folder ---------------------------------------------------------------------------


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_work_in_the_temporary_folder_lies_in_one_of_our_own(temporary: Path) -> None:
    with scratched() as one, scratched() as two:
        assert one.parent == two.parent == temporary / f"preflight-{os.geteuid()}"
        assert stat.S_IMODE(one.parent.stat().st_mode) == stat.S_IMODE(one.stat().st_mode) == 0o700
    assert list(temporary.iterdir()) == []


def test_nothing_beside_it_is_touched(temporary: Path) -> None:
    """Neither theirs nor ours: names in that folder are anybody's."""
    (temporary / "clip.mp4").write_bytes(b"yours")
    folder = work_folder(temporary, naming(temporary / "clip.mp4", "clip.mp4"))
    ours = temporary / f"preflight-{os.geteuid()}"
    ours.mkdir(mode=0o700)
    left = work_folder(ours)
    with scratched():
        assert not left.exists()
    assert (temporary / "clip.mp4").exists()
    assert (folder / RECEIPT).exists()


def _folder_of_another(path: Path) -> None:
    path.mkdir(mode=0o700)
    given_away(path)


def _open_folder(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _link_to_a_folder(path: Path) -> None:
    (path.parent / "theirs").mkdir(mode=0o700)
    path.symlink_to(path.parent / "theirs")


SQUATTED: dict[str, Plant] = {
    "a folder of another user": _folder_of_another,
    "a folder that all may write to": _open_folder,
    "a link": _link_to_a_folder,
    "a file": Path.touch,
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("plant", SQUATTED.values(), ids=SQUATTED.keys())
def test_where_somebody_took_the_name_another_is_found(temporary: Path, plant: Plant) -> None:
    squatted = temporary / f"preflight-{os.geteuid()}"
    plant(squatted)
    before = sorted(temporary.iterdir())
    with scratched() as made:
        assert made.parent.parent == temporary
        assert made.parent != squatted
        assert made.parent.stat().st_uid == os.geteuid()
        assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert sorted(temporary.iterdir()) == before


def test_no_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nosuch"))
    with pytest.raises(AssetError, match="set TMPDIR"), scratched():
        pass


# --- below a folder ---------------------------------------------------------------------------------


def test_no_output_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "made").write_bytes(b"made")
    with pytest.raises(AssetError, match="symbolic link") as caught:
        publish.publish(tmp_path / "made", tmp_path / "out/sub/clip.mp4", replace=True, below=tmp_path / "out")
    assert str(tmp_path / "out" / "sub") in caught.value.text.zh
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "made").exists()


def test_the_folder_itself_may_be_a_link_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    (tmp_path / "made").write_bytes(b"made")
    publish.publish(tmp_path / "made", tmp_path / "out/sub/clip.mp4", replace=False, below=tmp_path / "out")
    assert (tmp_path / "disk/sub/clip.mp4").read_bytes() == b"made"


def test_nor_while_somebody_swaps_a_folder_for_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A race that the other side repeats as often as it can: every file lands in the folder or is refused."""
    out, outside = tmp_path / "out", tmp_path / "outside"
    (out / "sub").mkdir(parents=True)
    outside.mkdir()
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the race is about names
    over, swaps = threading.Event(), [0]

    def swap() -> None:
        for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
            with contextlib.suppress(OSError):  # the other side made a folder in between
                (out / "sub").rename(out / f"aside{number}")
                (out / "sub").symlink_to(outside)
                swaps[0] += 1
            with contextlib.suppress(OSError):
                (out / "sub").unlink()

    thread = threading.Thread(target=swap)
    thread.start()
    landed = 0
    try:
        for number in range(100_000):
            if number >= 300 and swaps[0]:  # a busy machine may not have let the other side begin
                break
            made = tmp_path / "made"
            made.write_bytes(b"made")
            try:
                publish.publish(made, out / f"sub/{number}", replace=True, below=out)
                landed += 1
            except (AssetError, OSError):  # refused: the link was there just then, or nothing was
                continue
    finally:
        over.set()
        thread.join()
    assert list(outside.iterdir()) == []
    assert swaps[0] > 0
    assert landed == len([path for path in out.rglob("*") if path.name.isdigit()])


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a//x", "", "a\0b", "C:x", "a\\x", "."])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssetError, match="would leave"), beneath(tmp_path, name, make=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_of_a_private_folder_what_is_in_the_way_stays_where_it_leads(tmp_path: Path) -> None:
    with HeldFolder.at(tmp_path) as top:
        (tmp_path / "link").symlink_to(tmp_path)
        assert top.ours("link") is None
        assert top.ours("nosuch") is None
        top.remove("link")
    assert (tmp_path / "link").is_symlink()


# --- regular files only -----------------------------------------------------------------------------


@pytest.mark.parametrize("plant", [os.mkfifo, _socket, Path.mkdir], ids=["a pipe", "a socket", "a folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, plant: Plant) -> None:
    plant(tmp_path / "x")
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        with pytest.raises(OSError, match=r"pipe|socket|directory"):
            regular.opened(tmp_path / "x", flags)
    with pytest.raises(OSError, match=r"pipe|socket|directory"):
        content_md5(tmp_path / "x")


def test_nor_is_a_device() -> None:
    with pytest.raises(OSError, match="device"):
        regular.reading("/dev/zero")


def test_a_regular_file_is_read_as_usual(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    with regular.reading(tmp_path / "link") as file:
        assert os.get_blocking(file.fileno())
        assert file.read() == b"abc"


# --- tried before the work begins -------------------------------------------------------------------


def test_what_cannot_be_replaced_is_told_at_once(tmp_path: Path) -> None:
    replaceable(tmp_path / "a", tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match="is a directory") as caught:
        replaceable(tmp_path / "a", tmp_path / "b")
    assert str(tmp_path / "b") in caught.value.text.zh
    with pytest.raises(UsageError, match="No such file"):
        replaceable(tmp_path / "nosuch" / "a")


def test_a_folder_that_is_not_for_us_is_told_at_once(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="Permission denied"):
            replaceable(tmp_path / "a")
    finally:
        tmp_path.chmod(0o700)


def test_where_only_owners_replace_files_others_are_told_so() -> None:
    """As an ordinary user in a folder like /tmp, who could find out only when all work was done."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    code = (
        "import os, sys; from pathlib import Path; from pipeline.errors import UsageError\n"
        "from pipeline.storage import state; os.setgid(65534); os.setuid(65534)\n"
        "try: state.replaceable(Path(sys.argv[1]))\n"
        "except UsageError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:  # where other users get to
        Path(folder).chmod(0o1777)
        Path(folder, "manifest.json").write_bytes(b"theirs")
        asked = [sys.executable, "-c", code, f"{folder}/manifest.json"]
        told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "belongs to another user (0)" in told.stdout, told.stderr
