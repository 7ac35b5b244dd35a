"""Worker processes: what happens in one costs the job it held and nothing else."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.pool import Pool, WorkerEvent, cores
from pipeline.errors import AssetError, TimedOut, WorkerLost
from pipeline.model.ceilings import LEAST_MEMORY, MEMORY_SHARE, WORKER_MEMORY, GiB, JobTime, MiB
from pipeline.tools import isolation
from pipeline.tools.machine import Memory
from tests import ROOT
from tests.engine.pool_work import SOON, Job, work


def events(jobs: Sequence[Job], workers: int = 2, patience: JobTime = SOON) -> list[WorkerEvent[Any]]:
    with Pool(work, workers, patience) as pool:
        return list(pool.run(jobs))


def ended(found: Sequence[WorkerEvent[Any]]) -> dict[int, WorkerEvent[Any]]:
    """The last event of every job; it is an error for a job to have two."""
    last = [event for event in found if event.ended]
    assert len({event.index for event in last}) == len(last)
    return {event.index: event for event in last}


def gone(process: int) -> bool:
    for _ in range(6000):  # a minute: nothing is measured
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


# --- as usual ---------------------------------------------------------------------------------------


def test_every_job_has_its_result_under_its_own_number() -> None:
    found = ended(events([("double", n) for n in range(40)]))
    assert {index: event.result for index, event in found.items()} == {n: n * 2 for n in range(40)}
    assert all(event.error is None for event in found.values())


def test_no_jobs_no_events() -> None:
    assert events([]) == []


def test_no_result_is_an_end_too() -> None:
    assert list(ended(events([("nothing", 0)]))) == [0]


def test_results_do_not_depend_on_the_number_of_workers() -> None:
    jobs = [("double", n) for n in range(12)]
    results = [{index: event.result for index, event in ended(events(jobs, workers)).items()} for workers in (1, 2, 3)]
    assert results[0] == results[1] == results[2]


def test_progress_is_told_before_the_end_and_never_after() -> None:
    found = events([("progress", 3), ("double", 1)])
    mine = [event for event in found if event.index == 0]
    fractions = [event.fraction for event in mine if event.fraction is not None]
    assert fractions
    assert fractions == sorted(fractions)
    assert [event.ended for event in mine] == [False] * len(fractions) + [True]
    assert mine[-1].result == 3


def test_a_result_larger_than_any_pipe_arrives_whole() -> None:
    assert [len(e.result) for e in ended(events([("large", 5_000_000)] * 3)).values()] == [5_000_000] * 3


def test_a_pool_can_be_used_again() -> None:
    with Pool(work, 2, SOON) as pool:
        for n in (1, 2):
            assert [event.result for event in pool.run([("double", n)])] == [n * 2]


def test_work_is_done_elsewhere() -> None:
    (event,) = events([("process", 0)])
    assert event.result != os.getpid()


# --- not as usual -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "how"),
    [
        (("exit", 0), "exit code 0"),
        (("exit", 3), "exit code 3"),
        (("kill", 0), "SIGKILL"),
        (("crash", 0), "SIGSEGV"),
        (("raise", "a fault of ours"), "exit code 1"),
        (("unpicklable", 0), "exit code 1"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_worker_that_dies_costs_its_job_and_no_other(job: Job, how: str) -> None:
    found = ended(events([("double", 1), job, ("double", 2), ("double", 3)]))
    error = found[1].error
    assert isinstance(error, WorkerLost)
    assert how in error.text.en
    assert how in error.text.zh
    assert [found[i].result for i in (0, 2, 3)] == [2, 4, 6]


def test_one_crash_among_a_hundred_jobs_is_one_loss() -> None:
    jobs: list[Job] = [("double", n) for n in range(100)]
    jobs[37] = ("crash", 0)
    found = ended(events(jobs))
    assert Counter(type(event.error) for event in found.values()) == {type(None): 99, WorkerLost: 1}
    assert all(found[n].result == n * 2 for n in range(100) if n != 37)


def test_the_innocent_is_tried_a_second_time(tmp_path: Path) -> None:
    (event,) = ended(events([("once", str(tmp_path / "tried"))])).values()
    assert (event.result, event.error) == ("second time", None)


def test_it_is_tried_when_nothing_else_runs(tmp_path: Path) -> None:
    found = ended(events([("alone", (str(tmp_path), n)) for n in range(8)]))
    assert found[0].result == ["running-0"]
    assert all(event.error is None for event in found.values())
    assert list(found)[-1] == 0, "after all others"


def test_what_libraries_print_is_told_with_their_job_and_on_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    found = ended(
        events([("say", "no such tag\n"), ("double", 1), ("say and die", 0), ("raise", "a fault")], workers=1)
    )
    assert [found[n].said for n in (0, 1, 2)] == ["no such tag\n" * 2, "", "last words"]
    assert "RuntimeError: a fault" in found[3].said
    assert capfd.readouterr() == ("", "")


def test_no_flood_of_words_fills_anything() -> None:
    (event,) = events([("flood", 1000)])
    assert event.result == "held no more"
    assert len(event.said) < 10_000


def test_nothing_but_crashes_still_ends() -> None:
    found = ended(events([("exit", 1)] * 5))
    assert [type(found[n].error) for n in range(5)] == [WorkerLost] * 5


@pytest.mark.parametrize("how", ["hang", "hang loudly"])
def test_a_job_beyond_its_time_is_stopped_and_the_others_go_on(how: str) -> None:
    jobs: list[Job] = [(how, 0), *(("double", n) for n in range(1, 10))]
    found = ended(events(jobs, patience=JobTime(2.0, 2.0)))
    error = found[0].error
    assert isinstance(error, TimedOut)
    assert isinstance(error, AssetError)
    assert [found[n].result for n in range(1, 10)] == [n * 2 for n in range(1, 10)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the address-space limit is Linux's")
def test_memory_beyond_the_ceiling_costs_one_job() -> None:
    found = ended(events([("memory", WORKER_MEMORY + 1), ("memory", 1 << 20)]))
    assert isinstance(found[0].error, WorkerLost)
    assert found[1].result == 1 << 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_workers_have_no_network() -> None:
    if not isolation.layers()["no network"]:
        pytest.skip("this kernel has none of what takes the network away")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (event,) = events([("network", listening.getsockname()[1])])
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody came
            listening.accept()
    assert event.result in {"ENETUNREACH", "EACCES", "EPERM"}  # by a namespace, by Landlock, by the filter of calls


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_workers_that_only_read_can_write_nowhere_else(tmp_path: Path) -> None:
    if not isolation.layers()["file fence"]:
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "allowed").mkdir()
    jobs: list[Job] = [("write", str(tmp_path / "x")), ("write", str(tmp_path / "allowed" / "x"))]
    for writes, expected in (
        (None, ["written", "written"]),
        ((), ["PermissionError", "PermissionError"]),
        ((str(tmp_path / "allowed"),), ["PermissionError", "written"]),
    ):
        with Pool(work, 1, SOON, writes=writes) as pool:
            found = ended(list(pool.run(jobs)))
        assert [found[n].result for n in range(2)] == expected


# --- sharing the machine ----------------------------------------------------------------------------


def heavy(
    jobs: Sequence[Job], workers: int, weigh: Callable[[Job], int], room: int = 1 << 40
) -> list[WorkerEvent[Any]]:
    with Pool(work, workers, SOON, weigh=weigh) as pool:
        pool._room = room
        return [event for event in pool.run(jobs) if event.ended]


def test_the_heaviest_begin_first() -> None:
    found = heavy([("double", n) for n in (1, 3, 2)], 1, lambda job: int(job[1]))
    assert [event.result for event in found] == [6, 4, 2]


def test_no_more_run_at_once_than_memory_has_room_for() -> None:
    spans = sorted(event.result for event in heavy([("span", n) for n in range(4)], 2, lambda _: 60, room=100))
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def test_a_job_larger_than_all_memory_runs_alone() -> None:
    found = heavy([("double", 1), ("double", 2)], 2, lambda _: 60, room=10)
    assert sorted(event.result for event in found) == [2, 4]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="shares of processors need Linux")
def test_many_jobs_share_the_processors_and_the_last_has_them_all() -> None:
    found = {event.index: event.result for event in heavy([("processors", n) for n in range(12)], 2, lambda _: 1)}
    every = sorted(os.sched_getaffinity(0))
    assert all(set(result) <= set(every) for result in found.values())
    assert len(found[0]) == max(1, len(every) // 2)
    (alone,) = heavy([("processors", 0)], 2, lambda _: 1)
    assert alone.result == every


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on what a process writes to is Linux's")
def test_a_job_begins_with_its_part_and_again_with_what_it_asks_for() -> None:
    with Pool(work, 2, SOON) as pool:
        pool._room, pool._part, pool._most = 900 * MiB, 300 * MiB, 900 * MiB  # no room for 700 beside 300
        jobs: list[Job] = [("allowed", 0), ("allowed", 700 * MiB), ("allowed", 0)]
        found = ended(list(pool.run(jobs)))
    assert [found[n].result for n in range(3)] == [300 * MiB, 700 * MiB, 300 * MiB]
    assert list(found)[-1] == 1, "after those that asked for nothing"


def test_what_asks_for_more_than_there_is_is_told_so() -> None:
    with Pool(work, 2, SOON) as pool:
        pool._room, pool._part, pool._most = 1000 * MiB, 300 * MiB, 900 * MiB
        found = ended(list(pool.run([("allowed", 901 * MiB), ("double", 1)])))
    assert "901 MiB" in str(found[0].result)
    assert "900 MiB" in str(found[0].result)
    assert found[1].result == 2


def test_those_that_asked_for_more_run_beside_each_other_only_where_there_is_room() -> None:
    with Pool(work, 2, SOON) as pool:
        pool._room, pool._part, pool._most = 1000 * MiB, 300 * MiB, 900 * MiB
        jobs: list[Job] = [("asking span", 600 * MiB)] * 3
        spans = sorted(event.result for event in pool.run(jobs) if event.ended)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on what a process writes to is Linux's")
def test_memory_that_runs_out_is_tried_again_with_all_there_is() -> None:
    with Pool(work, 2, SOON) as pool:
        pool._room, pool._part, pool._most = 2000 * MiB, 200 * MiB, 1500 * MiB
        found = ended(list(pool.run([("used up", 600 * MiB), ("memory", 1 << 20)])))
    assert found[0].result == 600 * MiB
    assert found[1].result == 1 << 20


@pytest.mark.parametrize("workers", [1, 2, 8, 64, 1000])
def test_parts_of_memory_stay_within_a_share_of_the_machine(workers: int) -> None:
    pool = Pool(work, workers, SOON)
    for all_ in (1, 2, 4, 24, 512):
        for free in (all_, all_ / 2, all_ / 10):
            there = Memory(all_ * GiB, int(free * GiB))
            pool._share_memory(there)
            assert pool._room <= there.all * MEMORY_SHARE
            assert pool._room <= there.free
            assert LEAST_MEMORY <= pool._part <= pool._most <= WORKER_MEMORY
            assert pool._part * workers <= pool._room or pool._part == LEAST_MEMORY


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processor time of others is told in /proc")
def test_a_job_that_burns_is_ended_by_its_processor_time_and_one_that_waits_is_not() -> None:
    jobs: list[Job] = [("burn", 0), ("sleep", 4.0)]
    found = ended(events(jobs, patience=JobTime(cpu=2, wall=600)))
    assert isinstance(found[0].error, TimedOut)
    assert "2 s of processor time" in found[0].error.text.en
    assert found[1].result == 4.0


def test_a_job_that_waits_is_ended_by_the_clock() -> None:
    found = ended(events([("sleep", 60.0), ("double", 1)], patience=JobTime(cpu=600, wall=1.5)))
    assert isinstance(found[0].error, TimedOut)
    assert "1 s" in found[0].error.text.en or "2 s" in found[0].error.text.en
    assert found[1].result == 2


# --- the end ----------------------------------------------------------------------------------------


def test_leaving_the_pool_ends_its_workers_whatever_they_do() -> None:
    with Pool(work, 2, SOON) as pool:
        running = pool.run([("process", 0), ("hang", 0)])
        first = next(event for event in running if event.ended)
    assert gone(first.result)


def test_ctrl_c_ends_the_workers(tmp_path: Path) -> None:
    """A run in a process of its own, interrupted while both its workers are busy."""
    script = textwrap.dedent(f"""
        import sys
        from pipeline.engine.pool import Pool
        from tests.engine.pool_work import SOON, work

        if __name__ == "__main__":
            with Pool(work, 2, SOON) as pool:
                jobs = [("process", 0), ("process", 1), ("hang", 0), ("hang", 1)]
                try:
                    for event in pool.run(jobs):
                        with open({str(tmp_path / "pids")!r}, "a") as file:
                            file.write(f"{{event.result}}\\n")
                except KeyboardInterrupt:
                    sys.exit(130)
    """)
    (tmp_path / "main.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(pids(tmp_path)) < 2:
            time.sleep(0.02)
        assert len(pids(tmp_path)) == 2, "the run did not begin"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everyone in the group
        _, said = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 130, said.decode()
    assert b"Traceback" not in said
    assert all(gone(pid) for pid in pids(tmp_path))


def test_a_run_that_is_killed_takes_its_busy_workers_along(tmp_path: Path) -> None:
    """Nobody tells them: neither signal nor `finally` runs."""
    script = textwrap.dedent(f"""
        from pipeline.engine.pool import Pool
        from tests.engine.pool_work import SOON, work

        if __name__ == "__main__":
            with Pool(work, 2, SOON) as pool:
                for event in pool.run([("process", 0), ("process", 1), ("hang", 0), ("hang", 1)]):
                    with open({str(tmp_path / "pids")!r}, "a") as file:
                        file.write(f"{{event.result}}\\n")
    """)
    (tmp_path / "main.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(pids(tmp_path)) < 2:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert len(pids(tmp_path)) == 2, "the run did not begin"
    assert all(gone(pid) for pid in pids(tmp_path))


def pids(folder: Path) -> list[int]:
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_there_is_at_least_one_processor() -> None:
    assert cores() >= 1
