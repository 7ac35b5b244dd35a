"""Dask: a real scheduler and two worker processes on loopback give the answers of the local pool, one killed too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.dask import Cluster
from pipeline.engine.pool import Pool, WorkerEvent
from pipeline.errors import TimedOut, UsageError, WorkerLost
from pipeline.model.ceilings import JobTime
from pipeline.storage.digest import content_md5
from tests import ROOT
from tests.engine.pool_work import SOON, Job, work

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytestmark = [
    pytest.mark.slow,
    # Dask's own, on its way out; nothing of ours can close what it leaves to the interpreter's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

Sample = Callable[[str], Path]


@dataclass
class Farm:
    """A scheduler and its workers."""

    folder: Path
    processes: list[subprocess.Popen[bytes]]
    address: str = ""

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{len(self.processes)}.log").open("wb")
        command = [sys.executable, "-m", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        name = f"w{len(self.processes)}"
        options = ["--nthreads", "1", "--no-dashboard", "--resources", "preflight=1", "--local-directory", name]
        return self.start("distributed.cli.dask_worker", self.address, "--no-nanny", *options)

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """Those that live."""
        return [process for process in self.processes[1:] if process.poll() is None]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    made = Farm(tmp_path_factory.mktemp("farm"), [])
    try:
        where = made.folder / "scheduler.json"
        made.start(
            "distributed.cli.dask_scheduler",
            *("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)),
        )
        deadline = time.monotonic() + 60
        while not where.exists() or not where.read_text():
            assert time.monotonic() < deadline, (made.folder / "0.log").read_text()
            time.sleep(0.05)
        made.address = json.loads(where.read_text())["address"]
        yield made
    finally:
        made.end()


@pytest.fixture
def farm(land: Farm) -> Farm:
    """A scheduler with two workers, whatever the test before did to them."""
    while len(land.workers) < 2:
        land.worker()
    return land


# --- the same suite wherever the work runs ----------------------------------------------------------


class Here:
    """Two worker processes of this one."""

    def __init__(self) -> None:
        self.pool: Pool[Job, Any] | None = None

    def run(self, jobs: Sequence[Job], patience: JobTime = SOON) -> Iterator[WorkerEvent[Any]]:
        with Pool(work, 2, patience) as self.pool:
            yield from (event for event in self.pool.run(jobs) if event.ended)

    def kill(self) -> None:
        """One worker process, while it is at work."""
        assert self.pool is not None
        os.kill(self.pool._workers[0].process.pid, signal.SIGKILL)


class There:
    """Two workers of a Dask scheduler."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm

    def run(self, jobs: Sequence[Job], patience: JobTime = SOON) -> Iterator[WorkerEvent[Any]]:
        with Cluster(work, self.farm.address, patience) as cluster:
            yield from cluster.run(jobs)

    def kill(self) -> None:
        """One Dask worker with everything it holds."""
        victim = self.farm.workers[0]
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()


@pytest.fixture(params=["local", "dask"])
def place(request: pytest.FixtureRequest) -> Here | There:
    return Here() if request.param == "local" else There(request.getfixturevalue("farm"))


def once(found: Sequence[WorkerEvent[Any]], count: int) -> dict[int, WorkerEvent[Any]]:
    assert Counter(event.index for event in found) == Counter(range(count)), "nothing lost, nothing double"
    return {event.index: event for event in found}


@pytest.mark.every(2)
def test_results_crashes_and_hangs_end_once_each(place: Here | There, tmp_path: Path) -> None:
    jobs: list[Job] = [("double", n) for n in range(30)]
    bad: dict[int, tuple[Job, type]] = {
        7: (("crash", 0), WorkerLost),
        11: (("exit", 3), WorkerLost),
        13: (("hang", 0), TimedOut),
        17: (("raise", "a fault of ours"), WorkerLost),
    }
    for number, (job, _) in bad.items():
        jobs[number] = job
    jobs[19] = ("nothing", 0)
    jobs.append(("once", str(tmp_path / "tried")))
    found = once(list(place.run(jobs, patience=JobTime(3.0, 3.0))), len(jobs))
    assert {n: type(found[n].error) for n in found if found[n].error} == {n: error for n, (_, error) in bad.items()}
    assert {n: found[n].result for n in range(30) if n not in bad} == {
        n: None if n == 19 else n * 2 for n in range(30) if n not in bad
    }
    assert found[30].result == "second time"


def test_the_same_job_twice_is_done_twice(place: Here | There, tmp_path: Path) -> None:
    """Dask takes functions for pure unless told otherwise, and would give yesterday's answer for a changed file."""
    (tmp_path / "x").write_text("one")
    (first,) = place.run([("read", str(tmp_path / "x"))])
    (tmp_path / "x").write_text("two")
    (second,) = place.run([("read", str(tmp_path / "x"))])
    assert (first.result, second.result) == ("one", "two")


@pytest.mark.every(2)
def test_a_worker_process_killed_midway_loses_nothing(place: Here | There, tmp_path: Path) -> None:
    jobs: list[Job] = [("note", (str(tmp_path), n)) for n in range(40)]
    events: list[WorkerEvent[Any]] = []
    for event in place.run(jobs):
        events.append(event)
        if len(events) == 8:
            place.kill()
    found = once(events, 40)
    assert {n: (event.result, event.error) for n, event in found.items()} == {n: (n, None) for n in range(40)}
    assert {path.name for path in tmp_path.glob("done-*")} == {f"done-{n}" for n in range(40)}


def test_without_a_scheduler_it_says_so_at_once() -> None:
    with pytest.raises(UsageError, match="--scheduler ADDR"), Cluster(work, None, 1.0):
        pass


# --- the whole command ------------------------------------------------------------------------------


def prepare(source: Path | str, out: Path | str, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "pipeline", "prepare", str(source), "-p", "metastudio/asset-library"]
    done = subprocess.run(
        [*command, "-o", str(out), "--json", *more], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def told_of(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (a["source"], a["status"], [(o["path"], o["size"], o["md5"]) for o in a["outputs"]]) for a in document["assets"]
    ]


def test_a_batch_of_pictures_is_the_same_with_one_of_two_workers_killed(
    farm: Farm, tmp_path: Path, sample: Sample
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    pictures = [sample(f"images/{name}") for name in ("good.jpeg", "exif-rotated.jpg", "cmyk.jpg", "79x79.png")]
    for number in range(12):
        picture = pictures[number % len(pictures)]
        data = picture.read_bytes()
        # no two alike: the trailing bytes are nobody's pixels
        (source / f"{number:02}{picture.suffix}").write_bytes(data + b"\0" * number)
    local = prepare(source, tmp_path / "local")
    victim = farm.workers[-1]
    (tmp_path / "farm-out").mkdir()
    killer = subprocess.Popen([sys.executable, "-I", "-c", _KILLER, str(tmp_path / "farm-out"), str(victim.pid)])
    try:
        clustered = prepare(source, tmp_path / "farm-out", "--executor", "dask", "--scheduler", farm.address)
        assert killer.wait(60) == 0
    finally:
        killer.kill()
        killer.wait()
    assert told_of(clustered) == told_of(local)
    left = {path.name for path in (tmp_path / "farm-out").iterdir() if path.name.startswith(".preflight-work")}
    assert left == set()


def test_hosts_fetch_and_deliver_what_is_elsewhere_themselves(farm: Farm, tmp_path: Path, sample: Sample) -> None:
    """fsspec's other name for the files of this machine stands in for a store that every host reaches."""
    source = tmp_path / "in"
    source.mkdir()
    for name in ("good.jpeg", "scan.tiff", "79x79.png"):
        shutil.copyfile(sample(f"images/{name}"), source / name)
    near = prepare(source, tmp_path / "near")
    words = ("--executor", "dask", "--scheduler", farm.address)
    far = prepare(f"local://{source}", f"local://{tmp_path}/far", *words)
    assert [(status, outputs) for _, status, outputs in told_of(far)] == [
        (status, outputs) for _, status, outputs in told_of(near)
    ]
    for asset in far["assets"]:
        for output in asset["outputs"]:
            assert content_md5(tmp_path / "far" / output["path"]) == output["md5"]
    assert {path.name for path in (tmp_path / "far").glob(".*")} == {".preflight-journal.sqlite"}


_KILLER = """
import os, sys, time
while not any(not name.startswith(".") for name in os.listdir(sys.argv[1])):
    time.sleep(0.01)
os.kill(int(sys.argv[2]), 9)
"""
