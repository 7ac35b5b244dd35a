"""`preflight watch`: what comes into a folder is prepared when it is whole, and the manifest is whole at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.cli.main import main
from tests import ROOT
from tests.storage.test_coming import leases

pytest.importorskip("watchfiles", reason="the extra `watch` is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases and signals as Linux has them")
PATIENCE = 300.0  # seconds until a test gives up; nothing is measured


def sound(path: Path, channels: int = 2) -> bytes:
    """A second of a ramp; two channels have to become one."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(b"".join(int(at % 9000).to_bytes(2, "little") * channels for at in range(48000)))
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


@pytest.fixture
def watching(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `preflight watch in -o out`; what was started is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, rules: tuple[str, ...] = ("-p", "convert/mono-wav")) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipeline", "watch", "in", *rules, "-o", "out", *words]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFLIGHT_LANG": "en"}
        made = subprocess.Popen(
            [*command, "--settle", "0.3"],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(made)
        return made

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate()


def assets(folder: Path, below: str = "") -> dict[str, str]:
    """What the manifest says of each source; nothing where there is none yet. It is never half of one.

    It is asked again and again, so not by what holds every document of a test against its schema.
    """
    try:
        told = msgspec.json.decode((folder / "out" / below / "manifest.json").read_bytes())
    except FileNotFoundError:
        return {}
    return {Path(one["source"]).name: one["status"] for one in told["assets"]}


def until(true: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.2)


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE)
    assert "Traceback" not in said
    return run.returncode, said


def test_files_are_prepared_as_they_come_and_half_copied_ones_are_waited_for(
    folder: Path, watching: Callable[..., subprocess.Popen[str]]
) -> None:
    if not leases(folder):
        pytest.skip("this file system does not tell who has a file open")
    sound(folder / "in" / "there.wav", 1)
    run = watching()
    until(lambda: "there.wav" in assets(folder), run)
    whole = sound(folder / "whole.wav")
    with (folder / "in" / "half.wav").open("wb") as half:
        half.write(whole[: len(whole) // 2])
        half.flush()
        sound(folder / "in" / "later.wav")  # begun after the half one, so settled after it
        until(lambda: "later.wav" in assets(folder), run)
        assert "half.wav" not in assets(folder)
        half.write(whole[len(whole) // 2 :])
    (folder / "in" / "sub").mkdir()
    (folder / "in" / "sub" / "fetched.wav.part").write_bytes(whole)
    until(lambda: "half.wav" in assets(folder), run)
    (folder / "in" / "sub" / "fetched.wav.part").rename(folder / "in" / "sub" / "fetched.wav")
    until(lambda: "fetched.wav" in assets(folder), run)
    assert ended(run)[0] == 0
    assert assets(folder) == {
        **dict.fromkeys(("half.wav", "later.wav", "fetched.wav"), "fixed"),
        "there.wav": "ready",
    }
    with wave.open(str(folder / "out" / "half.wav")) as made:
        assert (made.getnframes(), made.getnchannels()) == (48000, 1)
    assert (folder / "out" / "sub" / "fetched.wav").exists()


def test_interrupted_in_the_middle_of_a_round_the_manifest_is_whole(
    folder: Path, watching: Callable[..., subprocess.Popen[str]]
) -> None:
    for number in range(12):
        sound(folder / "in" / f"{number}.wav")
    run = watching("--jsonl", "-j", "1")
    assert run.stdout
    first = next(json.loads(line) for line in run.stdout if '"event": "prepared"' in line)
    ended(run)
    held = assets(folder)
    assert held[Path(first["source"]).name] == "fixed"
    assert set(held.values()) == {"fixed"}
    made = {path.name for path in (folder / "out").iterdir() if path.suffix == ".wav"}
    assert made == set(held)
    assert main(["verify", str(folder / "out" / "manifest.json"), "-q"]) == 0
    again = watching()
    until(lambda: len(assets(folder)) == 12, again)
    assert ended(again)[0] == 0


def test_what_does_not_comply_is_the_exit_code(folder: Path, watching: Callable[..., subprocess.Popen[str]]) -> None:
    (folder / "in" / "page.wav").write_text("<!DOCTYPE html><html><body>not found</body></html>")
    run = watching()
    until(lambda: bool(assets(folder)), run)
    assert ended(run)[0] == 1
    assert assets(folder) == {"page.wav": "blocked"}


SETTINGS = """
[[match]]
files = ["takes/*.wav"]
preset = "convert/mono-wav"

[[match]]
files = ["titles/*.srt"]
preset = "metastudio/video-production"
"""


def test_settings_above_the_folder_say_which_scenario_a_file_is_for(
    folder: Path, watching: Callable[..., subprocess.Popen[str]]
) -> None:
    (folder / "preflight.toml").write_text(SETTINGS.replace('["t', '["in/t'), encoding="utf-8")
    for name in ("takes", "titles"):
        (folder / "in" / name).mkdir()
    run = watching(rules=())
    (folder / "in" / "stray.bin").write_bytes(b"none takes it")
    sound(folder / "in" / "takes" / "two.wav")
    until(lambda: assets(folder, "convert/mono-wav") == {"two.wav": "fixed"}, run)
    (folder / "in" / "titles" / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n", encoding="utf-8")
    until(lambda: "a.srt" in assets(folder, "metastudio/video-production"), run)
    _, said = ended(run)
    assert said.count("stray.bin") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "nosuch is no folder"),
        ([".", "--json"], "use --jsonl"),
        ([".", "--settle", "0"], "--settle"),
        ([".", "--role", "nosuch"], "has no role 'nosuch'"),
    ],
)
def test_mistakes_are_told_before_anything_is_watched(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["watch", *words, "-p", "convert/mono-wav", "-o", str(tmp_path / "out"), "--lang", "en"])
    assert code == 2
    assert said in "".join(capsys.readouterr())
    assert not (tmp_path / "out").exists()
