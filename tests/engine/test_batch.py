"""A batch: nothing is done twice, nothing that was touched is left, equal files are converted once."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.job import Job
from pipeline.report import progress as shown
from pipeline.report.progress import BatchProgress, clock
from pipeline.rules import presets
from pipeline.stages.duplicates import groups, suspects
from pipeline.storage.inputs import find
from pipeline.tools.ffmpeg import Meter, Share
from tests import ROOT

Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def prepare(source: Path, out: Path, *more: str, preset: str | Path = PICTURES) -> dict[str, Any]:
    done = run("prepare", source, "-p", preset, "-o", out, "--json", "-j", "2", *more)
    assert done.returncode in (0, 1, 4), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def times(out: Path) -> dict[str, int]:
    """When each output was made: a name that is given anew gets another inode."""
    return {p.name: p.stat().st_ino for p in out.rglob("*") if p.is_file() and not p.name.startswith(".")}


def hidden(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if path.name.startswith(".preflight-work")}


@pytest.fixture
def source(tmp_path: Path, sample: Sample) -> Path:
    """One picture that complies and one that is converted."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copyfile(sample("images/good.jpeg"), folder / "good.jpeg")
    shutil.copyfile(sample("images/scan.tiff"), folder / "scan.tiff")
    return folder


# --- a second run -----------------------------------------------------------------------------------


def test_a_second_run_does_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, made = prepare(source, out), times(out)
    os.utime(source / "scan.tiff", ns=(1, 1))  # touched, and the same
    second = prepare(source, out)
    assert [a["status"] for a in first["assets"]] == ["ready", "fixed"]
    assert second["assets"] == first["assets"]
    assert {n: i for n, i in times(out).items() if n != "manifest.json"} == {
        n: i for n, i in made.items() if n != "manifest.json"
    }
    assert hidden(out) == set()


def test_nor_does_it_after_both_folders_moved(source: Path, tmp_path: Path) -> None:
    first = prepare(source, tmp_path / "out")
    source.rename(tmp_path / "in2")
    (tmp_path / "out").rename(tmp_path / "out2")
    second = prepare(tmp_path / "in2", tmp_path / "out2")
    assert [a["seconds"] for a in second["assets"]] == [a["seconds"] for a in first["assets"]]
    assert [a["source"] for a in second["assets"]] == [str(tmp_path / "in2" / n) for n in ("good.jpeg", "scan.tiff")]


def test_another_content_under_the_same_name_replaces_what_was_made_of_the_first(
    source: Path, tmp_path: Path, sample: Sample
) -> None:
    out = tmp_path / "out"
    first = prepare(source, out)
    shutil.copyfile(sample("images/upper.JPG"), source / "good.jpeg")
    with (source / "good.jpeg").open("ab") as file:
        file.write(b"another")
    second = prepare(source, out)
    assert [a["status"] for a in second["assets"]] == ["ready", "fixed"]
    assert second["assets"][0]["outputs"][0]["md5"] != first["assets"][0]["outputs"][0]["md5"]
    assert second["assets"][1] == first["assets"][1]


def test_what_somebody_else_changed_is_never_replaced(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = prepare(source, out)
    made = out / first["assets"][1]["outputs"][0]["path"]
    made.write_bytes(b"edited by hand")
    second = prepare(source, out)
    assert second["assets"][1]["status"] == "failed"
    assert "exists" in second["assets"][1]["error"]["message"]
    assert made.read_bytes() == b"edited by hand"


def test_an_edited_preset_redoes_what_it_touches_and_nothing_else(source: Path, tmp_path: Path, sample: Sample) -> None:
    shutil.copyfile(sample("audio/other.flac"), source / "sound.flac")
    text = (presets.folder() / "metastudio" / "asset-library.toml").read_text("utf-8")
    edited, out = tmp_path / "mine.toml", tmp_path / "out"
    edited.write_text(text, "utf-8")
    first = prepare(source, out, preset=edited)
    kinds = {a["kind"]: a["role"] for a in first["assets"]}
    assert kinds.keys() == {"image", "audio"}

    def inode(asset: Any) -> int:
        return (out / asset["outputs"][0]["path"]).stat().st_ino

    inode_before = {a["kind"]: inode(a) for a in first["assets"] if Path(a["source"]).suffix != ".jpeg"}["image"]
    role = kinds["image"]
    assert kinds["audio"] != role
    assert text.count(f"[role.{role}]\n") == 1
    # another title is an edit like any other
    head, tail = text.split(f"[role.{role}]\n")
    lines = tail.split("\n")
    place = next(n for n, line in enumerate(lines) if line.startswith("title"))
    lines[place] = 'title = { en = "pictures, edited", zh = "图片（已编辑）" }'
    edited.write_text(f"{head}[role.{role}]\n" + "\n".join(lines), "utf-8")
    again = {a["kind"]: a for a in prepare(source, out, preset=edited)["assets"] if Path(a["source"]).suffix != ".jpeg"}
    before = {a["kind"]: a for a in first["assets"] if Path(a["source"]).suffix != ".jpeg"}
    assert again["audio"] == before["audio"]
    assert inode(again["image"]) != inode_before, "done anew"
    assert again["image"]["status"] == "fixed"


def test_resume_can_be_refused(source: Path, tmp_path: Path) -> None:
    first = prepare(source, tmp_path / "out")
    second = prepare(source, tmp_path / "out", "--no-resume")
    assert [a["status"] for a in second["assets"]] == ["ready", "fixed"]
    assert second["assets"][1]["seconds"] != first["assets"][1]["seconds"]


# --- equal files ------------------------------------------------------------------------------------


def test_equal_files_are_converted_once_and_each_has_its_output(source: Path, tmp_path: Path) -> None:
    for name in ("a/scan.tiff", "b/other name.tiff"):
        (source / name).parent.mkdir()
        shutil.copyfile(source / "scan.tiff", source / name)
    told = prepare(source, tmp_path / "out")
    outputs = [a["outputs"][0] for a in told["assets"] if a["source"].endswith(".tiff")]
    assert [a["status"] for a in told["assets"]] == ["ready", "fixed", "fixed", "fixed"]
    assert len({o["path"] for o in outputs}) == 3
    assert len({o["md5"] for o in outputs}) == 1
    places = {(tmp_path / "out" / o["path"]).stat().st_ino for o in outputs}
    assert len(places) == 1, "one file with three names"


def test_suspects_agree_in_size_and_both_ends(tmp_path: Path) -> None:
    files = {"a": b"x" * 500_000, "b": b"x" * 500_000, "c": b"x" * 499_999 + b"y", "d": b"short", "e": b"short"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    jobs = [Job(path=str(tmp_path / name), stem=name) for name in (*files, "nosuch")]
    assert suspects(jobs, range(6)) == [0, 1, 3, 4]


def test_equal_bytes_under_another_extension_are_another_matter() -> None:
    jobs = [Job(path=name, stem="x") for name in ("a.jpg", "b.JPG", "c.png", "d.jpg")]
    assert groups(jobs, range(4), dict.fromkeys(range(4), "same")) == {0: [1, 3]}


# --- what could not be done -------------------------------------------------------------------------


@pytest.fixture
def mixed(source: Path) -> Path:
    (source / "中文 -name.tiff").write_bytes(b"no picture")
    if sys.platform.startswith("linux"):
        (source / os.fsdecode(b"\xff bytes.jpg")).write_bytes(b"no picture either")
    return source


def test_what_could_not_be_done_is_counted_by_reason_and_listed_for_another_try(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = prepare(mixed, out)
    bad = [a for a in told["assets"] if a["status"] in {"blocked", "failed"}]
    assert sum(reason["count"] for reason in told["reasons"]) >= len(bad) > 0
    listed = [found.path for found in find([], from_file=str(out / "quarantine.list"))]
    assert len(listed) == len(bad)
    assert all(Path(path).is_file() for path in listed), "by their true names, whatever bytes those are"
    for path in listed:
        Path(path).unlink()
    prepare(mixed, out)
    assert not (out / "quarantine.list").exists()


def test_reasons_name_status_rule_and_code(tmp_path: Path, sample: Sample) -> None:
    done = run("check", sample("images/over-4k.png"), sample("images/79x79.png"), "-p", PICTURES, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["reasons"]
    for reason in told["reasons"]:
        assert reason["status"] in {"fixable", "blocked"}
        assert reason["rule"].startswith("metastudio.")
        matching = [a for a in told["assets"] for f in a["findings"] if f["rule"] == reason["rule"] and f["blocks"]]
        assert reason["count"] == len({a["source"] for a in matching})


def test_fail_fast_stops_and_says_what_was_left(mixed: Path, tmp_path: Path) -> None:
    for number in range(30):
        (mixed / f"z{number}.jpg").write_bytes(f"{number}".encode())
    done = run("check", mixed, "-p", PICTURES, "--fail-fast", "--json", "-j", "1")
    told = json.loads(done.stdout)
    assert len(told["assets"]) < 10
    assert "not looked at" in done.stderr
    assert done.returncode in (1, 4)


# --- two at once ------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="locks as POSIX has them")
def test_a_second_run_into_the_same_folder_is_refused(source: Path, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    with (out / ".preflight-journal.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("prepare", source, "-p", PICTURES, "-o", out)
    assert done.returncode == 2
    assert "another run" in done.stderr
    assert prepare(source, out)["summary"]["failed"] == 0, "and allowed when the first has ended"


# --- what is told meanwhile -------------------------------------------------------------------------


class News:
    def __init__(self, index: int, fraction: float | None, step: str | None = None, speed: float | None = None) -> None:
        self.index, self.fraction, self.step, self.ended = index, fraction, step, fraction is None and step is None
        self.speed = speed


def test_progress_is_of_the_work_not_of_the_number_of_files() -> None:
    measure = BatchProgress([0, 0, 100_000_000])
    measure.see(News(0, None))
    measure.see(News(1, None))
    assert measure.ended == 2
    assert measure.done / measure.total < 0.02
    measure.see(News(2, 0.5))
    assert 0.5 < measure.done / measure.total < 0.52
    assert measure.part(2) == 0.5
    measure.see(News(2, None))
    assert (measure.done, measure.part(2)) == (measure.total, 0.0)
    assert measure.remaining() == 0.0


def test_every_step_is_an_event_of_its_own(source: Path, tmp_path: Path) -> None:
    done = run("prepare", source, "-p", PICTURES, "-o", tmp_path / "out", "--jsonl", "-j", "1")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    steps = {n: [one["step"] for one in told if one["event"] == "step" and one["index"] == n] for n in (0, 1)}
    assert steps == {0: ["check", "publish"], 1: ["check", "convert", "prove", "publish"]}
    last = {n: max(i for i, one in enumerate(told) if one.get("index") == n) for n in (0, 1)}
    assert [told[last[n]]["event"] for n in (0, 1)] == ["prepared", "prepared"]
    assert told[-1]["event"] == "summary"


def test_work_that_begins_names_its_source_and_its_number_is_that_of_the_run(source: Path, tmp_path: Path) -> None:
    """Of a second run too, in which most is done already and numbers of what is left are no longer 0, 1, 2."""
    words = ("prepare", source, "-p", PICTURES, "-o", tmp_path / "out", "--jsonl", "-j", "1")
    for new in (None, "zz.tiff"):
        if new:
            shutil.copy(sorted(source.iterdir())[-1], source / new)
            (source / new).write_bytes((source / new).read_bytes() + b"\0")  # not an equal file, but as readable
        told = [json.loads(line) for line in run(*words).stdout.splitlines()]
        begun = {one["index"]: (one["source"], one["id"]) for one in told if one["event"] == "started"}
        ended = {one["index"]: (one["source"], one["id"]) for one in told if one["event"] == "prepared"}
        assert begun.items() <= ended.items()
        if new:
            assert [Path(name).name for name, _ in begun.values()] == [new]
        for index in begun:
            events = [one["event"] for one in told if one.get("index") == index]
            assert (events[0], events[-1]) == ("started", "prepared")
            assert events.count("started") == 1
    assert begun


def test_progress_of_an_asset_never_goes_back() -> None:
    measure = BatchProgress([1])
    seen = []
    for fraction in (0.2, 0.6, 0.1, 0.7):  # tried once more, from the beginning
        measure.see(News(0, fraction))
        seen.append(measure.part(0))
    assert seen == [0.2, 0.6, 0.6, 0.7]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("name", "value", "bar"), [("CI", "true", False), ("TERM", "dumb", False), ("TERM", "xterm", True)]
)
def test_a_terminal_that_is_a_log_gets_lines(name: str, value: str, bar: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(shown, "_FIRST", 0.0)
    how = {"events": False, "silent": False, "noisy": False}
    with shown.progress(["a", "b"], [0, 1], [1, 1], lambda: [(0, 1)], verb="check", lang="en", **how) as tell:
        tell(News(0, None))
    written = sys.stderr.getvalue()
    assert ("\x1b" in written) == bar
    assert written.startswith("check: 1 of 2 done") != bar


def test_speed_is_that_of_a_job_and_of_all_that_run_together() -> None:
    measure = BatchProgress([1, 1, 1])
    assert measure.speed() is None
    measure.see(News(0, 0.1, speed=3.2))
    measure.see(News(1, 0.1))
    measure.see(News(2, 0.1, speed=1.0))
    assert [measure.speed(index) for index in (0, 1, 2, None)] == [3.2, None, 1.0, 4.2]
    measure.see(News(0, None))
    assert measure.speed() == 1.0
    measure.see(News(2, None, "prove"))
    assert measure.speed() is None
    assert [shown.times(speed) for speed in (None, 3.21, 240.4)] == ["", " 3.2x", " 240x"]


def test_speed_comes_from_what_ffmpeg_reports() -> None:
    meter = Meter(Fraction(10))
    lines = ("frame=3", "speed=N/A", "out_time_us=1000000", "speed= 3.2x", "out_time_us=99000000")
    told = [part and (float(part), part.speed) for part in map(meter.read, lines)]
    assert told == [None, None, (0.1, None), None, (1.0, 3.2)]
    assert Meter(None).read("out_time_us=1000000") is None
    again = pickle.loads(pickle.dumps(Share(0.5, 2.0)))  # noqa: S301  as it travels from a worker
    assert (float(again), again.speed) == (0.5, 2.0)


def test_before_anything_was_measured_nothing_is_promised() -> None:
    assert BatchProgress([1]).remaining() is None
    assert [clock(s) for s in (None, 0, 61, 3723.4)] == ["-:--", "0:00", "1:01", "1:02:03"]
