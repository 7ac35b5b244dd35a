"""Text accuracy, with recognisers that are plugged in: in this process, and as installed packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.convert.package import cut_take as package_build_take
from pipeline.convert.package.build import Clip
from pipeline.errors import AssetError, ToolFailed
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.probe.speech import recogniser
from pipeline.stages.check import check
from pipeline.tools.isolation import layers
from tests import ROOT
from tests.probe.test_speech import save, voice


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("欢迎", "欢迎你", 1)],
)
def test_the_distance_of_two_texts(one: str, other: str, apart: int) -> None:
    assert recogniser.distance(one, other) == apart


def test_accuracy_counts_letters_only() -> None:
    assert recogniser.accuracy("Hello, World!", "hello world") == 1
    assert recogniser.accuracy("一二三四", "一二四") == Fraction(3, 4)
    assert recogniser.accuracy("ab", "xyxyxy") == 0
    assert recogniser.accuracy("?!", "a") is None


def test_a_recogniser_is_asked_only_where_a_text_lies_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Parrot:
        def transcribe(self, path: Path) -> str:
            assert path.name == "take.wav"
            return "good day"

    path = save(tmp_path / "take.wav", voice(1))
    assert recogniser.measure(path) is None
    monkeypatch.setattr(recogniser, "installed", Parrot)
    assert recogniser.measure(path) is None
    path.with_suffix(".txt").write_text("Good day!", encoding="utf-8")
    assert recogniser.measure(path) == 1
    monkeypatch.setattr(recogniser, "installed", lambda: None)
    assert recogniser.measure(path) is None


def test_a_recogniser_tells_a_line_from_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listener:
        def transcribe(self, path: Path) -> str:
            return {"0.wav": "Look at the camera", "1.wav": "Look at the keyboard"}[path.name]

    monkeypatch.setattr(recogniser, "installed", Listener)
    lines = ("Look at the camera!", "Look at the keyboard.")
    package_build_take.read_right([Clip(tmp_path / f"{n}.wav", line) for n, line in enumerate(lines)], "take.wav")
    # More than half of the letters agree all the same: it is the other line that gives it away.
    crossed = [Clip(tmp_path / f"{1 - n}.wav", line) for n, line in enumerate(lines)]
    with pytest.raises(AssetError, match="clip 0 says something else"):
        package_build_take.read_right(crossed, "take.wav")
    with pytest.raises(AssetError, match="clip 0 says something else"):
        package_build_take.read_right([Clip(tmp_path / "1.wav", "Keep this room quiet.")], "take.wav")


class Broken:
    """Fails on the first recording, and has no words for the second."""

    def transcribe(self, path: Path) -> object:
        if path.name == "first.wav":
            raise RuntimeError("no model")
        return None


@pytest.mark.parametrize(
    ("name", "why"), [("first.wav", "failed on first.wav .RuntimeError: no model"), ("b.wav", "gave no text for b.wav")]
)
def test_a_recogniser_that_fails_is_named(name: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser, "installed", Broken)
    with pytest.raises(ToolFailed, match=why):
        recogniser.transcribed(Path(name))


_PARROT = """
import socket
loaded = 0
class Parrot:
    def __init__(self):
        global loaded
        loaded += 1
    def transcribe(self, path):
        found = [] if loaded == 1 else ["loaded again"]
        try:
            path.with_suffix(".out").touch()
            found.append("wrote beside the recording")
        except OSError:
            pass
        try:
            socket.create_connection(("127.0.0.1", 9), 1)
            found.append("has a network")
        except ConnectionRefusedError:
            found.append("has a network")
        except OSError:
            pass
        with open(path, "rb") as file:
            assert file.read(4) == b"RIFF"
        return " ".join(found) or "good day"
"""


def installed(site: Path, code: str, name: str = "parrot") -> None:
    """Put a package of one module where Python finds it, with the entry point that the documentation asks for."""
    (site / f"{name}-1.0.dist-info").mkdir(parents=True)
    (site / f"{name}.py").write_text(code, encoding="utf-8")
    (site / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    point = f"[{recogniser.GROUP}]\nmine = {name}:Parrot\n"
    (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(point)


def checked(site: Path, *paths: Path) -> tuple[int, list[dict[str, object]]]:
    """What `check` says with the packages of `site` installed."""
    words = [
        sys.executable,
        "-m",
        "pipeline",
        "check",
        *map(str, paths),
        "-p",
        "tencent/voice-instant",
        "--json",
        "-j1",
    ]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}
    done = subprocess.run(words, cwd=site, env=env, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)["assets"]


def test_an_installed_recogniser_is_loaded_once_and_works_behind_the_fence(tmp_path: Path) -> None:
    installed(tmp_path / "site", _PARROT)
    paths = [save(tmp_path / name, voice(2)) for name in ("one.wav", "two.wav")]
    for path in paths:
        path.with_suffix(".txt").write_text("Good day!", encoding="utf-8")
    _, assets = checked(tmp_path / "site", *paths)
    fenced, working = layers(), [asset["facts"]["speech"]["text_accuracy"] for asset in assets]  # type: ignore[index]
    if fenced["file fence"] and fenced["no network"]:
        assert working == [1, 1]
        assert sorted(p.name for p in tmp_path.glob("*.*")) == ["one.txt", "one.wav", "two.txt", "two.wav"]
    told = {f["rule"]: f["verdict"] for f in assets[0]["findings"] if "text-accuracy" in f["rule"]}  # type: ignore[attr-defined]
    assert set(told.values()) == {"pass"}


def test_a_recogniser_that_does_not_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "raise ImportError('no such model')", "broken_parrot")
    monkeypatch.syspath_prepend(tmp_path)
    path = save(tmp_path / "one.wav", voice(1))
    assert recogniser.measure(path) is None, "nothing is loaded where there is no text to compare with"
    path.with_suffix(".txt").write_text("Good day!", encoding="utf-8")
    recogniser.installed.cache_clear()
    report = check(Job(path=str(path), stem="one", preset="tencent/voice-instant"))
    recogniser.installed.cache_clear()
    assert (report.status, report.error.type if report.error else None) == (Status.ERROR, "ToolFailed")
    assert report.error is not None
    assert "recogniser mine could not be loaded (ImportError: no such model)" in report.error.message.en
