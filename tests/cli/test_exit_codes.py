"""Every exit code that scripts may rely on, from the command as a process; those of `upload` are in `tests/upload`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from pipeline.cli.verbs import _EXIT_CODES
from tests import ROOT

WORDS = [sys.executable, "-m", "pipeline"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PREFLIGHT_LANG": "en", **more}


def ends(folder: Path, *words: str, **more: str) -> tuple[int, str]:
    """The exit code, and standard error."""
    env = environment(**more)
    done = subprocess.run([*WORDS, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound that complies with `convert/mono-wav`, one that does not, and one that is none."""
    for name, channels in (("mono.wav", 1), ("stereo.wav", 2)):
        with wave.open(str(tmp_path / name), "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(2)
            out.setframerate(48000)
            out.writeframes(b"\1\2" * channels * 4800)
    (tmp_path / "bad.wav").write_bytes(b"RIFF\x10\0\0\0WAVEfmt ")
    return tmp_path


JUDGED = ("-p", "convert/mono-wav", "-q")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ("check", "mono.wav", *JUDGED)),
        (1, ("check", "mono.wav", "stereo.wav", *JUDGED)),
        (2, ("check", "mono.wav", "-p", "nosuch")),
        (2, ("check", "empty", *JUDGED)),
        (0, ("check", "empty", "--allow-empty", *JUDGED)),
        (4, ("check", "bad.wav", *JUDGED)),
        (4, ("check", "bad.wav", "stereo.wav", *JUDGED)),  # what could not be checked comes before what does not comply
        (0, ("prepare", "stereo.wav", "-o", "out", *JUDGED)),
    ],
)
def test_of_files(folder: Path, code: int, words: tuple[str, ...]) -> None:
    (folder / "empty").mkdir()
    assert ends(folder, *words)[0] == code


def test_3_a_tool_is_missing(folder: Path) -> None:
    code, said = ends(folder, "prepare", "stereo.wav", "-o", "out", *JUDGED, PREFLIGHT_FFMPEG="/nowhere/ffmpeg")
    assert code == 3, said


def test_5_a_delivery_failed(folder: Path) -> None:
    assert ends(folder, "prepare", "mono.wav", "-o", "out", *JUDGED)[0] == 0
    (folder / "out" / "mono.wav").unlink()
    assert ends(folder, "upload", "out/manifest.json", "--to", f"file://{folder}/there", "-q")[0] == 5


def test_70_a_fault_of_ours_names_its_report(folder: Path) -> None:
    """One is put in where Python looks before it begins."""
    (folder / "broken").mkdir()
    fault = "import pipeline.rules.presets as it\nit.names = lambda: [][1]\n"
    (folder / "broken" / "sitecustomize.py").write_text(fault)
    path = f"{folder / 'broken'}{os.pathsep}{ROOT}"
    code, said = ends(folder, "presets", "list", PYTHONPATH=path, XDG_STATE_HOME=str(folder / "state"))
    assert code == 70
    (report,) = (folder / "state" / "media-preflight").iterdir()
    assert str(report) in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_was_ended_says_by_what(number: signal.Signals, code: int, folder: Path) -> None:
    words = [*WORDS, "sandbox", "--json"]
    with subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        run.stdout.readline()  # it is up
        run.send_signal(number)
        try:
            assert run.wait(timeout=60) == code
        finally:
            run.kill()


def test_the_help_says_them() -> None:
    assert [code for code, _ in _EXIT_CODES] == [0, 1, 2, 3, 4, 5, 6, 70, 130]
