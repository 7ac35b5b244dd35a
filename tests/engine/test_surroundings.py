"""What stands in the way of a run, goes away meanwhile, or is no file: told in time, and never told as done."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.documents.spool import Spool, line
from pipeline.documents.types import PreparedAsset
from pipeline.engine import cache as remembered
from pipeline.engine.journal import NAME, Journal
from pipeline.engine.prepare import prepare
from pipeline.errors import UsageError
from pipeline.model.job import Job, Running
from pipeline.rules import presets
from pipeline.storage import inputs
from pipeline.storage.inputs import find
from pipeline.tools import cache, versions
from tests import ROOT
from tests.watching import alarm

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, links and signals as POSIX has them")
Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    with alarm(300):
        yield


@pytest.fixture
def source(tmp_path: Path, sample: Sample) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("good.jpeg", "scan.tiff"):
        shutil.copyfile(sample(f"images/{name}"), folder / name)
    return folder


def outputs(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.suffix in {".jpg", ".jpeg", ".png"})


def told(out: Path) -> dict[str, str]:
    assets = json.loads((out / "manifest.json").read_text("utf-8"))["assets"]
    return {Path(asset["source"]).name: asset["status"] for asset in assets}


# --- what is to be written is tried first -----------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "quarantine.list"])
def test_a_folder_where_a_document_is_to_be_is_told_before_the_work(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    assert main(["prepare", str(source), "-p", PICTURES, "-o", str(out), "-j", "1"]) == 2
    assert f"{out / name} is a directory" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [name], "nothing was begun"


@pytest.mark.parametrize(
    ("words", "name"),
    [(["scenes", "{in}/a.txt", "-p", "metastudio/video-production", "-o", "{out}"], "scenes.json")],
)
def test_so_it_is_for_other_verbs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], name: str
) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "a.txt").write_text("你好世界。", "utf-8")
    places = {"in": str(tmp_path), "out": str(tmp_path / "out")}
    assert main([word.format_map(places) for word in words]) == 2
    assert f"{name} is a directory" in capsys.readouterr().err


# --- an output folder inside of what is prepared ----------------------------------------------------


def test_an_output_folder_among_the_sources_is_passed_over_each_time(source: Path) -> None:
    out = source / "out"
    words = ["prepare", str(source), "-p", PICTURES, "-o", str(out), "-q", "-j", "1"]
    ended = [main(words), main(words)]
    assert ended == [0, 0]
    assert told(out) == {"good.jpeg": "ready", "scan.tiff": "fixed"}
    # By a pattern, by another name of the folder, and as the place of pictures, it is passed over alike.
    (source.parent / "alias").symlink_to(out)
    for paths, folder in (([f"{source}/**/*"], out), ([str(source)], source.parent / "alias")):
        assert len(find(paths, outputs=[str(folder)])) == 2


@pytest.mark.parametrize("named", ["{out}/old.png", "{out}", "{out}/sub"])
def test_what_was_named_inside_it_is_refused(tmp_path: Path, named: str) -> None:
    """An output could take its place."""
    (tmp_path / "out" / "sub").mkdir(parents=True)
    for name in ("old.png", "sub/old.png"):
        (tmp_path / "out" / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="lies in the output folder"):
        find([named.format(out=tmp_path / "out")], outputs=[str(tmp_path / "out")])


def test_programs_are_refused_it_too(tmp_path: Path, sample: Sample) -> None:
    import media_preflight

    shutil.copyfile(sample("images/good.jpeg"), tmp_path / "good.jpeg")
    with pytest.raises(UsageError, match="lies in the output folder"):
        media_preflight.prepare(tmp_path / "good.jpeg", PICTURES, tmp_path, overwrite=True)


def test_names_of_outputs_are_plain_on_every_system(tmp_path: Path) -> None:
    for name in ("a\\b.png", "C:x.png", "x..\\up.png"):
        (tmp_path / name).write_bytes(b"x")
    assert sorted(one.stem for one in find([str(tmp_path)])) == ["C_x", "a_b", "x.._up"]


# --- what goes away while a run is at work ----------------------------------------------------------


def _prepared(source: Path, out: Path, meanwhile: Callable[[], None]) -> None:
    """Prepare all that is in `source`; something happens when the first asset is ready."""
    preset = presets.load(PICTURES)
    jobs = [
        Job(path=one.path, stem=one.stem, state=one.state, preset=PICTURES, out=str(out)) for one in find([str(source)])
    ]
    with Spool(len(jobs), PreparedAsset) as spool:

        def keep(pairs: Iterator[tuple[int, PreparedAsset]]) -> None:
            for number, (index, entry) in enumerate(pairs):
                spool.put(index, line(entry))
                if number == 0:
                    meanwhile()

        prepare(jobs, preset, str(out), Running(workers=1), "en", spool, keep)


def test_an_output_that_was_taken_away_is_not_told_as_ready(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def clear() -> None:
        for name in outputs(out):
            (out / name).unlink()

    _prepared(source, out, clear)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    lost = [asset for asset in manifest["assets"] if asset["status"] == "failed"]
    assert lost  # the other one too, where its output was there already
    for one in lost:
        assert "was made, and then removed" in one["error"]["message"]
        assert one["outputs"] == []
    assert manifest["summary"]["failed"] == len(lost)
    for asset in manifest["assets"]:
        assert all((out / output["path"]).is_file() for output in asset["outputs"])
    assert (out / "quarantine.list").exists()
    words = ["prepare", str(source), "-p", PICTURES, "-o", str(out), "-q", "-j", "1"]
    assert main(words) == 0, "the same command again makes it good"
    assert set(told(out).values()) == {"ready", "fixed"}


def test_a_folder_that_was_taken_away_ends_the_run(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=r"removed while the run was at work|manifest could not be written"):
        _prepared(source, out, lambda: out.rename(tmp_path / "elsewhere"))
    assert not (out / "manifest.json").exists()
    assert main(["prepare", str(source), "-p", PICTURES, "-o", str(out), "-q", "-j", "1"]) == 0
    assert set(told(out).values()) == {"ready", "fixed"}


def test_so_does_one_that_went_away_at_the_very_end(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (source / "scan.tiff").unlink()
    with pytest.raises(UsageError, match="manifest could not be written"):
        _prepared(source, out, lambda: shutil.rmtree(out))


# --- what is no file --------------------------------------------------------------------------------


def test_a_pipe_among_the_sources_keeps_nobody_waiting(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "clip.mp4")
    out = tmp_path / "out"
    named = [str(path) for path in source.iterdir()]
    assert main(["prepare", *named, "-p", PICTURES, "-o", str(out), "-q", "-j", "1"]) == 4
    assert told(out) == {"good.jpeg": "ready", "scan.tiff": "fixed", "clip.mp4": "failed"}


def test_a_pipe_among_the_outputs_keeps_nobody_waiting(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["prepare", str(source), "-p", PICTURES, "-o", str(out), "-q", "-j", "1"]
    assert main(words) == 0
    (out / "good.jpeg").unlink()
    os.mkfifo(out / "good.jpeg")
    assert main(["verify", str(out / "manifest.json"), "-q"]) != 0
    assert main(words) in {0, 4}, "made again over it, or told: never waited for"


def test_a_list_is_a_file_or_what_the_shell_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    os.mkfifo(tmp_path / "list")
    with pytest.raises(UsageError, match="named pipe"):
        find([], from_file=str(tmp_path / "list"))
    with pytest.raises(UsageError, match="directory"):
        find([], from_file=str(tmp_path))
    reading, writing = os.pipe()
    os.write(writing, os.fsencode(tmp_path / "a.png"))
    os.close(writing)
    try:
        assert len(find([], from_file=f"/dev/fd/{reading}")) == 1
    finally:
        os.close(reading)
    (tmp_path / "long").write_bytes(b"x" * 101)
    monkeypatch.setattr(inputs, "_MOST", 100)
    with pytest.raises(UsageError, match="larger than 100 bytes"):
        find([], from_file=str(tmp_path / "long"))


# --- rows that nobody of ours wrote -----------------------------------------------------------------


@pytest.mark.parametrize("row", ["[", "[" * 200_000, '{"outputs":' * 200_000, '{"outputs": {}}', "\0", b"\xff", b"{}"])
def test_a_row_that_is_no_entry_is_told(tmp_path: Path, row: str | bytes) -> None:
    with Journal(tmp_path):
        pass
    with sqlite3.connect(tmp_path / NAME) as db:
        db.execute("INSERT INTO assets VALUES ('slot', 1, 'x', 'tools', 'rules', ?)", (row,))
    db.close()
    with Journal(tmp_path) as journal, pytest.raises(UsageError, match="cannot be used"):
        journal.names()


# --- the cache --------------------------------------------------------------------------------------


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _elsewhere(path: Path) -> None:
    (path.parent.parent / "other.sqlite").write_bytes(b"mine")
    path.symlink_to(path.parent.parent / "other.sqlite")


def _open(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o666)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PREFLIGHT_CACHE", str(tmp_path / "kept"))
    caches = (cache.folder, versions.ffmpeg_version)
    for one in caches:
        one.cache_clear()
    yield tmp_path / "kept"
    for one in caches:
        one.cache_clear()


@pytest.mark.parametrize("plant", [_fifo, _elsewhere, _open, Path.mkdir], ids=["pipe", "link", "open to all", "folder"])
def test_what_stands_in_for_the_cache_is_gone_around(
    source: Path, kept: Path, capsys: pytest.CaptureFixture[str], plant: Callable[[Path], None]
) -> None:
    kept.mkdir(mode=0o700)
    for name in (remembered.NAME, "ffmpeg-version.json"):
        plant(kept / name) if not (kept / name).exists() else None
    other = kept.parent / "other.sqlite"
    assert main(["check", str(source / "good.jpeg"), "-p", PICTURES, "--json", "-j", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["assets"][0]["status"] == "pass"
    assert not other.exists() or other.read_bytes() == b"mine"


def test_a_cache_that_is_not_ours_is_passed_by_with_a_word(
    source: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.mkdir()
    kept.chmod(0o777)
    words = ["check", str(source / "good.jpeg"), "-p", PICTURES, "--json", "-j", "1"]
    assert main(words) == 0
    assert f"the cache {kept} may be written to by others" in capsys.readouterr().err
    assert main([*words, "--lang", "zh"]) == 0
    assert f"缓存 {kept} 其他用户可写" in capsys.readouterr().err
    assert list(kept.iterdir()) == []


# --- signals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGHUP", "SIGQUIT", "SIGTERM"])
def test_who_is_asked_to_end_leaves_nothing(tmp_path: Path, name: str) -> None:
    """Twice, as a terminal that closes and its shell do: cleaning up goes on."""
    number = getattr(signal, name)
    (tmp_path / "tmp").mkdir()
    code = (
        "import sys, time, pipeline.cli.main as program; from types import SimpleNamespace as Verb\n"
        "from pathlib import Path; from pipeline.storage import publish\n"
        "def run(_):\n"
        "    with publish.workshop(Path(sys.argv[1])) as one, publish.scratched() as two:\n"
        "        for folder in (one, two): [(folder / str(n)).write_bytes(b'') for n in range(3000)]\n"
        "        print('at work', flush=True); time.sleep(300)\n"
        "program.parsed = lambda _: (Verb(run=run), None)\n"
        "sys.exit(program.main(['x']))"
    )
    asked = [sys.executable, "-c", code, str(tmp_path / "out")]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(number)
        time.sleep(0.02)
        process.send_signal(number)
        assert process.wait() == 128 + number
    assert list((tmp_path / "out").iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_under_nohup_a_terminal_that_closes_changes_nothing() -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from pipeline.cli.main import main; main(['presets', 'list'])\n"
        "print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "True", done.stderr
