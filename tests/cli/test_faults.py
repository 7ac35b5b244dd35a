"""What the system refuses, and what nobody expected: a sentence, the right exit code, no trace, one document."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import presets
from pipeline.cli.main import main
from pipeline.errors import OurFault, SystemRefused
from pipeline.storage import crash
from tests import ROOT
from tests.stages.undecodable import wav

FULL = Path("/dev/full")
posix = pytest.mark.skipif(os.name != "posix", reason="streams by number")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PREFLIGHT_CACHE", "off")
    return tmp_path / "state" / "media-preflight"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.wav"
    path.write_bytes(wav())
    return path


def preflight(*words: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | more
    env = os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("env", {})  # type: ignore[operator]
    command = [sys.executable, "-m", "pipeline", *words]
    return subprocess.run(command, env=env, timeout=120, check=False, **more)  # type: ignore[call-overload,no-any-return]


def calm(said: bytes) -> bool:
    """Whether these are words for people: no trace, and no complaint of Python's own."""
    return not any(word in said for word in (b"Traceback", b"Errno", b"Exception ignored", b"Error:"))


# --- standard streams ---------------------------------------------------------------------------------


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("more", [(), ("--json",), ("--jsonl",)])
def test_standard_output_is_full(sound: Path, more: tuple[str, ...]) -> None:
    with FULL.open("wb") as full:
        done = preflight("check", str(sound), "-p", "tencent/driver-audio", *more, stdout=full)
    assert done.returncode == 4
    assert b"no room" in done.stderr
    assert calm(done.stderr)


@posix
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_nobody_reads(more: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = preflight("presets", "list", *more, stdout=out)
    assert done.returncode == 141  # as of any program that SIGPIPE ends
    assert done.stderr == b""


@posix
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_streams_are_closed(sound: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    done = preflight("check", str(sound), "-p", "tencent/driver-audio", preexec_fn=close)
    assert done.returncode == 0
    assert calm(done.stderr)


# --- encodings ----------------------------------------------------------------------------------------

ASCII = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@posix
def test_names_are_ascii_and_files_have_others(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = ["声音.wav".encode(), b"bad\xff\xfe.wav", b"two\nlines\x1b[31m.wav"]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(wav())  # noqa: PTH118  bytes
    asked = ("prepare", str(folder), "-p", "tencent/driver-audio", "-o", str(tmp_path / "out"))
    done = preflight(*asked, "--json", env=ASCII)
    told = json.loads(done.stdout.decode("utf-8"))  # strictly: the document is UTF-8 whatever the locale
    assert [asset["error"] for asset in told["assets"]] == [None] * 3
    assert sorted(asset["source"].rpartition("/")[2] for asset in told["assets"]) == sorted(
        ["声音.wav", "bad\\xff\\xfe.wav", "two\nlines\x1b[31m.wav"]
    )
    shown = preflight(
        "check", str(folder), "-p", "tencent/driver-audio", "--lang", "zh", env={"PYTHONIOENCODING": "ascii"}
    )
    assert shown.returncode == 0
    assert shown.stdout.isascii()
    assert b"\x1b[31m" not in shown.stdout


def test_a_file_that_is_not_there_and_whose_name_is_no_text_is_told(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_bytes(os.fsencode(tmp_path) + b"/gone\xff.wav\n")
    for words in (("probe",), ("check", "-p", "tencent/driver-audio"), ("plan", "-p", "tencent/driver-audio")):
        done = preflight(*words, "--from-file", str(names), "-j", "1", "--json")
        (asset,) = json.loads(done.stdout.decode("utf-8"))["assets"]
        assert (done.returncode, asset["source"]) == (4, f"{tmp_path}/gone\\xff.wav")
        assert asset["error"]["message"]
        assert calm(done.stderr)


def test_lone_surrogates_out_of_a_file_are_escapes(tmp_path: Path) -> None:
    """UTF-16 that ends in half a pair, where PDF writes who made it."""
    from samples.decks import pdf_bytes

    maker = b"<feff" + "maker".encode("utf-16-be").hex().encode() + b"d800>"
    data = pdf_bytes(1, "maker").replace(b"<feff" + "maker".encode("utf-16-be").hex().encode() + b">", maker)
    assert maker in data
    (tmp_path / "a.pdf").write_bytes(data)
    for verb in (("check", "-p", "tencent/authorization"), ("probe",)):
        done = preflight(verb[0], str(tmp_path / "a.pdf"), *verb[1:], "--json")
        asset = json.loads(done.stdout.decode("utf-8"))["assets"][0]
        assert asset["error"] is None
        assert asset["facts"]["slides"]["producer"].startswith("maker")


# --- folders ------------------------------------------------------------------------------------------


def test_no_temporary_folder(sound: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/x']")

    monkeypatch.setattr("tempfile.TemporaryFile", none)
    assert main(["check", str(sound), "-p", "tencent/driver-audio", "--json"]) == 2
    said = capsys.readouterr()
    assert "TMPDIR" in json.loads(said.out)["error"]["message"]
    assert "TMPDIR" in said.err


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, 4),
        (errno.EMFILE, 4),
        (errno.EIO, 4),
        (errno.EROFS, 2),
        (errno.EACCES, 2),
        (errno.ENOENT, 2),
        (errno.EISDIR, 2),
        (errno.ENAMETOOLONG, 2),
    ],
)
def test_the_system_refuses_in_our_words(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> int:
        raise OSError(number, os.strerror(number), "/some/place")

    monkeypatch.setattr(presets, "run", refuse)
    assert main(["presets", "list", "--json", "--lang", "zh"]) == code
    said = capsys.readouterr()
    told = json.loads(said.out)["error"]
    assert told["type"] == SystemRefused.__name__
    assert told["message"].startswith("/some/place：")
    assert os.strerror(number) not in said.out + said.err
    assert calm(said.err.encode())


@posix
@pytest.mark.parametrize("place", ["full", "file"])
def test_an_output_folder_that_cannot_be(sound: Path, tmp_path: Path, place: str) -> None:
    out = tmp_path / "file" / "out" if place == "file" else Path("/proc/out")
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = preflight("prepare", str(sound), "-p", "tencent/driver-audio", "-o", str(out), "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"]
    assert calm(done.stderr)


@posix
@pytest.mark.parametrize("most", [4, 6, 9, 14, 20])
def test_no_file_descriptors(sound: Path, most: int) -> None:
    import resource

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    done = preflight("check", str(sound), "-p", "tencent/driver-audio", "--json", preexec_fn=few)
    assert done.returncode in {0, 1, 3, 4}  # 1 is Python's own, where it cannot even begin
    assert done.returncode != 1 or b"pipeline" not in done.stderr
    if done.returncode == 4:
        assert json.loads(done.stdout)


# --- faults of ours -----------------------------------------------------------------------------------

SECRET = "hunter2"  # noqa: S105  of nothing


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(_: object) -> int:
        try:
            {}[SECRET]
        except KeyError as first:
            raise RuntimeError(f'https://u:{SECRET}@h/p?sig={SECRET} "{SECRET}"\n  at {{"k": "{SECRET}"}}') from first

    monkeypatch.setattr(presets, "run", fall)
    monkeypatch.setenv("TOKEN", SECRET)


def test_a_fault_ends_in_a_sentence_and_a_report(broken: None, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "list", "--json", "--lang=en"]) == 70
    said = capsys.readouterr()
    (report,) = state.iterdir()
    assert str(report) in json.loads(said.out)["error"]["message"]
    assert said.err.count("\n") == 1
    assert str(report) in said.err
    assert SECRET not in said.out + said.err
    assert report.stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700
    text = report.read_text(encoding="utf-8")
    assert SECRET not in text
    assert "RuntimeError" in text
    assert "KeyError" in text
    assert "presets --json --lang" in text
    assert "test_faults.py" in text


def test_values_of_options_are_left_out(state: Path) -> None:
    path = crash.write(("x",), ("upload", f"--token={SECRET}", f"-p{SECRET}", "--to", f"s3://{SECRET}", SECRET))
    assert path is not None
    assert SECRET not in path.read_text(encoding="utf-8")
    assert SECRET not in path.name


def test_a_state_folder_of_others_is_not_used(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.parent.mkdir()
    (tmp_path / "theirs").mkdir()
    state.symlink_to(tmp_path / "theirs")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    path = crash.write(("x",), ("check",))
    assert path is not None
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not list((tmp_path / "theirs").iterdir())


def test_a_report_that_cannot_be_written_is_said(
    broken: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("pipeline.storage.crash._state", full)
    monkeypatch.setattr("pipeline.storage.crash._temporary", full)
    assert main(["presets", "list"]) == 70
    assert "could not be written" in capsys.readouterr().err


def test_a_fault_with_one_file_costs_that_file(
    sound: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, its document is whole, and 70 stands before what the others would have it."""
    import msgspec

    from pipeline.documents import entry as document
    from pipeline.documents.read import entry
    from pipeline.documents.spool import Line, line
    from pipeline.documents.types import AssetEntry
    from pipeline.engine import batch
    from pipeline.stages.check import problem

    (tmp_path / "other.wav").write_bytes(wav(channels=0))
    real = batch.entries

    def entries(*words: object, **more: object) -> Iterator[tuple[int, object]]:
        for index, made in real(*words, **more):  # type: ignore[arg-type,var-annotated]
            if index:
                yield index, made
                continue
            assert isinstance(made, Line)
            told = document.error(problem(ValueError(SECRET)), "en")
            yield index, line(msgspec.structs.replace(entry(made.text, AssetEntry), status="error", error=told))

    monkeypatch.setattr(batch, "entries", entries)
    assert main(["check", str(sound), str(tmp_path / "other.wav"), "-p", "tencent/driver-audio", "--json"]) == 70
    said = capsys.readouterr()
    told = json.loads(said.out)  # one document
    assert [asset["status"] for asset in told["assets"]] == ["error", "blocked"]
    assert len(list(state.iterdir())) == 1
    assert said.err.count("\n") == 1


def test_a_fault_is_the_first_of_all_codes() -> None:
    assert OurFault("", "", ()).exit_code == 70
