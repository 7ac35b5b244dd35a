"""Faults of the world: killed, no room, no rights, no answer. The right status, and no damage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PIL import Image

from benchmarks.batch import WRONG, kills
from pipeline.cli.main import main
from pipeline.model import ceilings
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check
from pipeline.tools import office_shared, programs
from tests import ROOT

Sample = Callable[[str], Path]
PICTURES = "metastudio/asset-library"


def prepare(source: Path, out: Path, *, env: dict[str, str] | None = None, limit: str = "") -> dict[str, Any]:
    command = [sys.executable, "-m", "pipeline", "prepare", source, "-p", PICTURES, "-o", out, "--json", "-j", "1"]
    line = [*(["/bin/sh", "-c", f'{limit}; exec "$@"', "sh"] if limit else []), *map(str, command)]
    done = subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )
    assert "Traceback" not in done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def here(source: Path, out: Path) -> Any:
    return preparing.prepare(check(Job(path=str(source), stem="x", preset=PICTURES, out=str(out))), lambda _: None)


def left(out: Path) -> list[str]:
    """Everything but the journal."""
    return sorted(p.name for p in out.iterdir() if not p.name.startswith(".preflight-journal"))


# --- killed -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel of Linux ends the children")
def test_a_batch_killed_at_random_moments_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    found = kills(tmp_path, 3, each=2)
    assert found["kills"] == 3
    assert {what: found[what] for what in WRONG} == dict.fromkeys(WRONG, 0)
    assert found["done again after they were journaled"] == 0


# --- no room, no rights -----------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, how: str) -> Iterator[None]:
    """A file system in memory at this folder; skips where the kernel lets nobody but an administrator do that."""
    mount = ["mount", "-t", "tmpfs", "-o", how, "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system, and not in every container")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607  as mount above, wherever it is


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a small file system")
def test_a_full_disk_costs_what_does_not_fit_and_leaves_nothing_half(tmp_path: Path, sample: Sample) -> None:
    out = tmp_path / "small"
    out.mkdir()
    with mounted(out, "size=600k"):
        source = tmp_path / "in"
        source.mkdir()
        shutil.copyfile(sample("images/good.jpeg"), source / "fits.jpeg")
        (source / "large.jpeg").write_bytes(sample("images/good.jpeg").read_bytes() + bytes(900_000))
        shutil.copyfile(sample("images/scan.tiff"), source / "z.tiff")
        told = {Path(a["source"]).name: a for a in prepare(source, out)["assets"]}
        assert told["fits.jpeg"]["status"] == "ready"
        assert told["large.jpeg"]["status"] == "failed"
        assert "space" in told["large.jpeg"]["error"]["message"]
        assert "large.jpeg" not in left(out)
        assert not list(out.glob(".preflight-work*"))


@pytest.mark.skipif(os.name != "posix", reason="limits as POSIX has them")
def test_no_file_larger_than_allowed_fails_that_asset_alone(tmp_path: Path, sample: Sample) -> None:
    """`ulimit -f` counts blocks of 512 bytes: 600 are enough for the journal, and too few for noise as PNG."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copyfile(sample("images/scan.tiff"), source / "a.tiff")
    Image.effect_noise((1200, 1200), 80).save(source / "b.tiff")
    shutil.copyfile(sample("images/good.jpeg"), source / "c.jpeg")
    told = {Path(a["source"]).name: a for a in prepare(source, out, limit="ulimit -f 600")["assets"]}
    assert {name: a["status"] for name, a in told.items()} == {"a.tiff": "fixed", "b.tiff": "failed", "c.jpeg": "ready"}
    assert "File too large" in told["b.tiff"]["error"]["message"]
    assert not list(out.glob(".preflight-work*"))
    assert [name for name in left(out) if name.startswith("b")] == []


def test_an_output_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path, sample: Sample) -> None:
    (tmp_path / "file").write_bytes(b"")
    command = [sys.executable, "-m", "pipeline", "prepare", sample("images/good.jpeg"), "-p", PICTURES]
    done = subprocess.run(
        [*command, "-o", tmp_path / "file" / "out"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a file system that is read-only")
def test_an_output_folder_that_is_read_only_is_a_usage_error(tmp_path: Path, sample: Sample) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with mounted(out, "ro"):
        command = [sys.executable, "-m", "pipeline", "prepare", sample("images/good.jpeg"), "-p", PICTURES]
        done = subprocess.run([*command, "-o", out], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"{out}: Read-only file system" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_disk_that_refuses_the_name_leaves_nothing(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(os, "fsync", _full)
    outcome = here(sample("images/scan.tiff"), out)
    assert outcome.status is Status.FAILED
    assert "No space" in outcome.error.message.en
    assert left(out) == []


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


# --- gone, or changing ------------------------------------------------------------------------------


def test_a_source_that_vanished_is_told(tmp_path: Path) -> None:
    outcome = here(tmp_path / "gone.jpg", tmp_path / "out")
    assert outcome.status is Status.FAILED
    assert "existing file" in outcome.error.message.en


def test_a_source_that_changes_meanwhile_gives_no_output(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "scan.tiff", tmp_path / "out"
    shutil.copyfile(sample("images/scan.tiff"), source)
    real = preparing._judged

    def judged(*given: Any) -> Any:
        with source.open("ab") as file:
            file.write(b"more")
        return real(*given)

    monkeypatch.setattr(preparing, "_judged", judged)
    outcome = here(source, out)
    assert outcome.status is Status.FAILED
    assert "changed" in outcome.error.message.en
    assert left(out) == []


def test_clocks_do_not_matter(tmp_path: Path, sample: Sample) -> None:
    """A source from the future, and one from before all clocks."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name, when in (("future.tiff", 4_000_000_000), ("past.tiff", 0)):
        shutil.copyfile(sample("images/scan.tiff"), source / name)
        os.utime(source / name, (when, when))
    first = prepare(source, out)
    assert [a["status"] for a in first["assets"]] == ["fixed", "fixed"]
    os.utime(out, (4_000_000_000, 4_000_000_000))
    assert prepare(source, out)["assets"] == first["assets"]


def test_a_clock_set_back_during_a_run_changes_nothing(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour earlier at every look: limits, progress, sweeping and the journal go on as before."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("good.jpeg", "scan.tiff"):
        shutil.copyfile(sample(f"images/{name}"), source / name)
    now = [time.time()]

    def earlier() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", earlier)
    monkeypatch.setattr(time, "time_ns", lambda: int(earlier() * 1e9))
    words = ["prepare", str(source), "-p", PICTURES, "-o", str(out), "-q", "-j", "1"]
    assert [main(words), main(words)] == [0, 0]
    told = json.loads((out / "manifest.json").read_text("utf-8"))
    assert [a["status"] for a in told["assets"]] == ["ready", "fixed"]
    assert not list(out.glob(".preflight-work*"))
    assert main(["verify", str(out / "manifest.json"), "-q"]) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits as Linux has them")
def test_a_worker_without_memory_costs_its_asset_and_no_other(tmp_path: Path, sample: Sample) -> None:
    """A picture that a quarter of a GiB cannot hold, between two that it can: the ceiling lowered for the run."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("good.jpeg", "scan.tiff"):
        shutil.copyfile(sample(f"images/{name}"), source / name)
    Image.new("RGB", (9_000, 9_000)).save(source / "huge.tiff", compression="tiff_deflate")
    # Every Python of the run reads this as it starts, so the server of the workers does too.
    lowered = "import pipeline.engine.worker\npipeline.engine.worker.WORKER_MEMORY = 480 << 20\n"
    (tmp_path / "sitecustomize.py").write_text(lowered)
    words = ["-m", "pipeline", "prepare", source, "-p", PICTURES, "-o", out, "--json", "-j", "2"]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    told = {Path(a["source"]).name: a for a in json.loads(done.stdout)["assets"]}
    assert {name: a["status"] for name, a in told.items()} == {
        "good.jpeg": "ready",
        "scan.tiff": "fixed",
        "huge.tiff": "failed",
    }
    assert "memory" in told["huge.tiff"]["error"]["message"]
    assert "Traceback" not in done.stderr
    assert not list(out.glob(".preflight-work*"))


# --- no answer --------------------------------------------------------------------------------------


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """A program that says nothing, ignores being asked, and never ends."""
    script = tmp_path / "tools" / "stuck"
    script.parent.mkdir()
    text = """
        #!/bin/sh
        trap '' TERM INT HUP
        while :; do sleep 1; done
    """
    script.write_text(textwrap.dedent(text).lstrip())
    script.chmod(0o755)
    return script


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_a_stuck_ffmpeg_costs_its_asset_in_time(
    tmp_path: Path, sample: Sample, stuck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceilings, "FFMPEG", replace(ceilings.FFMPEG, quiet=0.5))
    real = programs.ffmpeg
    for module in list(sys.modules.values()):
        if getattr(module, "ffmpeg", None) is real:
            monkeypatch.setattr(module, "ffmpeg", lambda: str(stuck))
    outcome = here(sample("audio/other.flac"), tmp_path / "out")
    assert outcome.status is Status.FAILED
    assert outcome.error.type == "TimedOut"
    assert left(tmp_path / "out") == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="LibreOffice as a library is Linux's")
def test_a_stuck_office_costs_its_deck_in_time(
    tmp_path: Path, sample: Sample, stuck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.tools import office

    deck = sample("decks/good.odp")
    small = replace(ceilings.OFFICE, wall=1.0)
    for module in (office, office_shared):
        monkeypatch.setattr(module, "OFFICE", small)
    monkeypatch.setattr(office, "soffice", lambda: str(stuck))
    outcome = here(deck, tmp_path / "out")
    assert outcome.status is Status.FAILED
    assert outcome.error.type == "TimedOut"
    assert left(tmp_path / "out") == []
