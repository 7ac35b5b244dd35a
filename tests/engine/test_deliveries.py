"""A folder that is delivered in several runs: one manifest of them all, no name taken from another source."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.rules import presets

Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ})


def prepare(folder: Path, *words: str, code: int = 0, preset: str | Path = PICTURES) -> dict[str, Any]:
    done = run(folder, "prepare", *words, "-p", preset, "-o", "out", "--json", "-j", "1")
    assert done.returncode == code, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    if code in (0, 1, 4):
        assert told == json.loads((folder / "out" / "manifest.json").read_text("utf-8"))
    return told


def statuses(told: dict[str, Any]) -> dict[str, str]:
    return {asset["source"]: asset["status"] for asset in told["assets"]}


def outputs(told: dict[str, Any]) -> dict[str, list[str]]:
    return {asset["source"]: [output["path"] for output in asset["outputs"]] for asset in told["assets"]}


@pytest.fixture
def folder(tmp_path: Path, sample: Sample) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    shutil.copyfile(sample("images/good.jpeg"), tmp_path / "a" / "good.jpeg")
    (tmp_path / "a" / "b" / "bad.png").write_bytes(b"no picture")
    return tmp_path


def test_the_list_of_what_was_left_leads_back_into_the_same_manifest(folder: Path, sample: Sample) -> None:
    assert statuses(prepare(folder, "a", code=1))["a/b/bad.png"] == "blocked"
    shutil.copyfile(sample("images/portrait.png"), folder / "a" / "b" / "bad.png")
    told = prepare(folder, "--from-file", "out/quarantine.list")
    assert outputs(told) == {"a/good.jpeg": ["good.jpeg"], "a/b/bad.png": ["b/bad.png"]}, "each in its place"
    assert told["summary"]["ready"] == 2
    assert not (folder / "out" / "quarantine.list").exists()
    verified = run(folder, "verify", "out/manifest.json", "--json")
    assert json.loads(verified.stdout)["summary"]["ok"] == 2


def test_what_still_does_not_comply_counts_in_every_run(folder: Path, sample: Sample) -> None:
    prepare(folder, "a", code=1)
    shutil.copyfile(sample("images/79x79.png"), folder / "more.png")
    told = prepare(folder, "more.png", code=1)
    assert sorted(statuses(told).values()) == ["blocked", "ready", "ready"]
    listed = (folder / "out" / "quarantine.list").read_bytes()
    assert listed == b"a/b/bad.png\0"
    (folder / "a" / "b" / "bad.png").unlink()
    told = prepare(folder, "more.png")
    assert sorted(statuses(told).values()) == ["ready", "ready"], (
        "what is gone and was never delivered is no part of it"
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of any bytes are a matter of Linux")
def test_a_name_that_is_no_text_stays_on_the_list(folder: Path, sample: Sample) -> None:
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"no picture either")
    prepare(folder, os.fsdecode(b"\xff.png"), code=1)
    shutil.copyfile(sample("images/79x79.png"), folder / "more.png")
    prepare(folder, "more.png", code=1)
    assert (folder / "out" / "quarantine.list").read_bytes() == b"\xff.png\0"


def test_a_source_of_the_same_name_elsewhere_takes_nobodys_place(folder: Path, sample: Sample) -> None:
    (folder / "c").mkdir()
    shutil.copyfile(sample("images/portrait.png"), folder / "c" / "good.jpeg")  # content decides its ending
    shutil.copyfile(sample("images/79x79.png"), folder / "c" / "GOOD.png")
    prepare(folder, "a/good.jpeg")
    first = (folder / "out" / "good.jpeg").read_bytes()
    told = prepare(folder, "c")
    names = [path for paths in outputs(told).values() for path in paths]
    assert len({name.casefold() for name in names}) == len(names) == 3
    assert outputs(told)["a/good.jpeg"] == ["good.jpeg"]
    assert (folder / "out" / "good.jpeg").read_bytes() == first
    again = prepare(folder, "c", "a/good.jpeg")
    assert outputs(again) == outputs(told), "and each keeps its name"


def test_one_source_is_one_asset_however_it_is_spelled(folder: Path) -> None:
    prepare(folder, "a/good.jpeg")
    for spelled in ("./a/good.jpeg", str(folder / "a" / "good.jpeg"), "a/b/../good.jpeg"):
        assert outputs(prepare(folder, spelled)) == {spelled: ["good.jpeg"]}


def test_an_output_that_was_removed_is_told_by_the_next_run(folder: Path, sample: Sample) -> None:
    prepare(folder, "a/good.jpeg")
    (folder / "out" / "good.jpeg").unlink()
    shutil.copyfile(sample("images/79x79.png"), folder / "more.png")
    told = prepare(folder, "more.png", code=4)
    assert statuses(told) == {"more.png": "ready", "a/good.jpeg": "failed"}
    lost = told["assets"][1]
    assert not lost["outputs"]
    assert "good.jpeg" in lost["error"]["message"]
    assert sorted(statuses(prepare(folder, "a/good.jpeg")).values()) == ["ready", "ready"], "and made again"


def test_another_scenario_wants_another_folder_and_a_damaged_manifest_is_not_written_over(folder: Path) -> None:
    prepare(folder, "a/good.jpeg")
    said = prepare(folder, "a/good.jpeg", code=2, preset="metastudio/livestream")["error"]["message"]
    assert PICTURES in said
    assert "metastudio/livestream" in said
    (folder / "out" / "manifest.json").write_text('{"schema": "media-preflight/manifest/2", "assets": [')
    before = (folder / "out" / "manifest.json").read_bytes()
    assert "move that file away" in prepare(folder, "a/good.jpeg", code=2)["error"]["message"]
    assert (folder / "out" / "manifest.json").read_bytes() == before


def mine(folder: Path, more: str) -> Path:
    """The preset for pictures, with something below it."""
    text = (presets.folder() / f"{PICTURES}.toml").read_text("utf-8")
    path = folder / "mine.toml"
    path.write_text(text + more, "utf-8")
    return path


def test_what_rules_that_were_edited_since_let_through_is_not_ready(folder: Path, sample: Sample) -> None:
    prepare(folder, "a/good.jpeg", preset=mine(folder, ""))
    edited = mine(folder, "\n# edited\n")
    shutil.copyfile(sample("images/79x79.png"), folder / "more.png")
    told = prepare(folder, "more.png", preset=edited, code=4)
    assert statuses(told) == {"more.png": "ready", "a/good.jpeg": "failed"}
    assert sorted(statuses(prepare(folder, "a/good.jpeg", preset=edited)).values()) == ["ready", "ready"]


def test_limits_of_a_batch_count_what_earlier_runs_delivered(folder: Path, sample: Sample) -> None:
    shutil.copyfile(sample("images/79x79.png"), folder / "more.png")
    most = sum((folder / name).stat().st_size for name in ("a/good.jpeg", "more.png")) - 1
    rule = f"""
[[rule]]
id = "mine.total-bytes"
role = "image"
check = "file.size"
max = {most}
sources = ["MS-API 12.2 (2024-11-14)"]
batch = true
"""
    preset = mine(folder, rule)
    prepare(folder, "a/good.jpeg", preset=preset)
    told = prepare(folder, "more.png", preset=preset, code=1)
    assert [(one["rule"], one["verdict"], one["actual"]) for one in told["batch"]] == [
        ("mine.total-bytes", "fail", most + 1)
    ]


# --- nothing to do ------------------------------------------------------------------------------------


@pytest.mark.every(5)
@pytest.mark.parametrize("verb", ["probe", "check", "plan", "prepare"])
@pytest.mark.parametrize("given", ["folder", "pattern of a folder", "list"])
def test_nothing_to_do_is_a_mistake_unless_it_is_in_order(tmp_path: Path, verb: str, given: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list").write_bytes(b"")
    named = {"folder": ["empty"], "pattern of a folder": [".", "--include", "*.mp4"], "list": ["--from-file", "list"]}
    words = [verb, *named[given], *(["-p", PICTURES] if verb != "probe" else [])]
    words += ["-o", "out"] if verb == "prepare" else []
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert "--allow-empty" in done.stderr
    assert run(tmp_path, *words, "--allow-empty").returncode == 0


def test_of_two_presets_none_is_dropped_in_silence(folder: Path) -> None:
    done = run(folder, "check", "a", "-p", PICTURES, "-p", "metastudio/livestream", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)["reports"]
    assert [one["preset"]["id"] for one in told] == [PICTURES, "metastudio/livestream"]
    assert [len(one["assets"]) for one in told] == [2, 2]
    twice = run(folder, "check", "a", "-p", PICTURES, "--role", "image", "--role", "video")
    assert twice.returncode == 2
    assert "--role was given twice: image and video" in twice.stderr


def test_what_was_found_inside_a_deck_goes_and_comes_with_it(tmp_path: Path, sample: Sample) -> None:
    shutil.copyfile(sample("decks/video.pptx"), tmp_path / "talk.pptx")
    shutil.copyfile(sample("images/79x79.png"), tmp_path / "more.png")
    preset = "metastudio/video-production"
    first = [asset["source"] for asset in prepare(tmp_path, "talk.pptx", preset=preset)["assets"]]
    assert len(first) == 2
    assert [asset["source"] for asset in prepare(tmp_path, "more.png", preset=preset)["assets"]] == ["more.png", *first]
    again = [asset["source"] for asset in prepare(tmp_path, "talk.pptx", preset=preset)["assets"]]
    assert sorted(again) == sorted(["more.png", *first])


# --- what an earlier run wrote ------------------------------------------------------------------------


def test_a_manifest_is_doubted_where_it_is_not_the_one_that_was_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What this program wrote itself is not read as a stranger's; one changed sign, and all of it is."""
    from pipeline.cli.main import main
    from pipeline.documents import strict

    doubted: list[bytes] = []
    whole = strict.whole
    monkeypatch.setattr(strict, "whole", lambda text: (doubted.append(text), whole(text))[1])
    monkeypatch.chdir(folder)
    words = ["prepare", "-p", PICTURES, "-o", "out", "-q", "-j", "1"]
    assert main([*words, "a/good.jpeg"]) == 0
    shutil.copyfile("a/good.jpeg", "more.jpeg")
    assert main([*words, "more.jpeg"]) == 0
    assert not any(b"good.jpeg" in text for text in doubted)
    manifest = folder / "out" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"status":"ready"', '"status":"fixed"', 1), "utf-8")
    shutil.copyfile("a/good.jpeg", "third.jpeg")
    main([*words, "third.jpeg"])
    assert any(b"good.jpeg" in text for text in doubted)
    capsys.readouterr()
