"""A second `check` looks at nothing that did not change, and says word for word what the first one said."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import main
from pipeline.engine import batch
from pipeline.engine import cache as remembered
from pipeline.model.job import Job
from pipeline.rules import presets
from pipeline.tools import cache

Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


@dataclass
class Desk:
    """`check` in this process, and what it had to ask workers for."""

    capsys: pytest.CaptureFixture[str]
    folder: Path
    cache: Path
    asked: list[str] = field(default_factory=list)

    def check(self, *words: str | Path, preset: str | Path = PICTURES, verb: str = "check") -> tuple[str, list[str]]:
        """Standard output, and the names of the files that were looked at."""
        self.asked.clear()
        presets.load.cache_clear()
        main([verb, *map(str, words or (self.folder,)), "-p", str(preset), "--json", "-j", "1"])
        return self.capsys.readouterr().out, sorted(self.asked)


@pytest.fixture
def desk(tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    folder, store = tmp_path / "in", tmp_path / "cache"
    folder.mkdir()
    for name in ("images/good.jpeg", "images/79x79.png", "texts/good.txt"):
        shutil.copyfile(sample(name), folder / Path(name).name)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    monkeypatch.setenv("PREFLIGHT_CACHE", str(store))
    cache.folder.cache_clear()
    monkeypatch.setattr(remembered, "_SETTLED", -(10**18))  # these files are younger than any that is remembered
    made = Desk(capsys, folder, store)
    entries = batch.entries

    def asking(function: Any, jobs: Sequence[Job], *rest: Any, **more: Any) -> Any:
        made.asked += [Path(job.path).name for job in jobs]
        return entries(function, jobs, *rest, **more)

    monkeypatch.setattr(batch, "entries", asking)
    return made


EVERY = ["79x79.png", "broken.png", "good.jpeg", "good.txt"]


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_a_second_run_says_the_same_and_looks_at_nothing(desk: Desk, verb: str) -> None:
    first = desk.check(verb=verb)
    assert first[1] == EVERY
    assert {asset["status"] for asset in json.loads(first[0])["assets"]} >= {"pass", "error"}
    assert desk.check(verb=verb) == (first[0], [])
    assert desk.check("--no-resume", desk.folder, verb=verb) == (first[0], EVERY)


def test_what_changed_is_looked_at_whatever_its_time_says(desk: Desk) -> None:
    desk.check()
    picture = desk.folder / "79x79.png"
    before, data = picture.stat(), picture.read_bytes()
    picture.write_bytes(data[:-1] + b"x")
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert picture.stat().st_size == before.st_size
    assert desk.check()[1] == ["79x79.png"]
    (desk.folder / "good.txt").replace(desk.folder / "other.txt")
    assert desk.check()[1] == ["other.txt"]


def test_the_name_is_told_as_it_was_given(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = json.loads(desk.check()[0])
    monkeypatch.chdir(desk.folder)
    second, asked = desk.check(".")
    assert asked == []
    assert [asset["source"] for asset in json.loads(second)["assets"]] == EVERY
    assert [asset | {"source": "", "id": ""} for asset in json.loads(second)["assets"]] == [
        asset | {"source": "", "id": ""} for asset in first["assets"]
    ]


def test_an_edited_preset_asks_again_for_what_it_touches(desk: Desk, tmp_path: Path, sample: Sample) -> None:
    text = (presets.folder() / "metastudio" / "asset-library.toml").read_text("utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text, "utf-8")
    shutil.copyfile(sample("audio/mono.wav"), desk.folder / "mono.wav")
    first = json.loads(desk.check(preset=mine)[0])
    role = next(asset["role"] for asset in first["assets"] if asset["kind"] == "audio")
    other = next(asset["role"] for asset in first["assets"] if asset["kind"] == "image")
    assert role != other
    edited = text.replace('en = "audio asset"', 'en = "edited"')
    assert edited != text
    mine.write_text(edited, "utf-8")
    # What has no role, or could not be read, is judged by all roles together.
    assert desk.check(preset=mine)[1] == ["broken.png", "good.txt", "mono.wav"]
    mine.write_text(mine.read_text("utf-8") + "\n# a remark\n", "utf-8")
    assert desk.check(preset=mine)[1] == []


def test_another_question_has_another_answer(desk: Desk) -> None:
    desk.check()
    assert desk.check("--lang", "zh", str(desk.folder))[1] == EVERY
    assert desk.check("--deep", str(desk.folder))[1] == EVERY
    assert desk.check(preset="metastudio/video-production")[1] == EVERY


def test_other_tools_and_other_fonts_ask_again(desk: Desk, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(sample("decks/good.pptx"), desk.folder / "deck.pptx")
    desk.check()
    monkeypatch.setattr(remembered, "_fonts", lambda: "one more")
    assert desk.check()[1] == ["deck.pptx"]
    monkeypatch.setattr(remembered, "_machine", lambda: "another ffmpeg")
    assert desk.check()[1] == sorted([*EVERY, "deck.pptx"])


def test_what_was_written_just_now_is_not_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_SETTLED", 3600 * 10**9)
    desk.check()
    assert desk.check()[1] == EVERY
    monkeypatch.setattr(remembered, "_SETTLED", 2 * 10**9)
    later = (desk.folder / "good.txt").stat().st_mtime_ns + 3600 * 10**9  # the clock was set back since
    os.utime(desk.folder / "good.txt", ns=(later, later))
    assert "good.txt" in (desk.check()[1], desk.check()[1])[1]


def test_a_damaged_cache_is_no_obstacle_and_never_believed(desk: Desk) -> None:
    first = desk.check()[0]
    with sqlite3.connect(desk.cache / remembered.NAME) as db:
        db.execute("UPDATE verdicts SET text = CAST(substr(text, 1, 50) || X'00' || substr(text, 52) AS BLOB)")
    db.close()
    assert desk.check() == (first, EVERY)
    (desk.cache / remembered.NAME).write_bytes(b"no database at all" * 100)
    assert desk.check() == (first, EVERY)
    assert desk.check() == (first, EVERY)
    assert desk.check() == (first, []), "begun anew"


def test_only_errors_of_the_file_itself_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = json.loads(desk.check()[0])
    assert [a["error"]["type"] for a in first["assets"] if a["error"]] == ["Unreadable"]
    monkeypatch.setattr(remembered, "_LASTING", frozenset({None}))
    (desk.cache / remembered.NAME).unlink()
    desk.check()
    assert desk.check()[1] == ["broken.png"]
