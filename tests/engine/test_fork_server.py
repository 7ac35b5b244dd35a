"""The process that forks workers: there while somebody needs it, and replaced where it was killed."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from pipeline.engine import fork_server
from pipeline.engine.fork_server import warmed
from pipeline.engine.pool import Pool
from pipeline.errors import WorkerLost
from tests.engine.pool_work import SOON, work
from tests.engine.test_pool import ended, gone

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others start each worker by itself")


def test_it_ends_with_the_last_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "SERVER", fork_server._Server())  # nobody else in this process holds this one
    with warmed():
        server = fork_server.SERVER._pid
        with Pool(work, 1, SOON) as pool:
            list(pool.run([("double", 1)]))
            assert fork_server.SERVER._pid == server
        os.kill(server, 0)
    assert gone(server)


def test_a_worker_is_its_child_and_not_ours() -> None:
    with warmed(), Pool(work, 1, SOON) as pool:
        found = ended(list(pool.run([("read", "/proc/self/stat")])))
        assert int(found[0].result.rpartition(")")[2].split()[1]) == fork_server.SERVER._pid


def test_one_that_was_killed_is_replaced_and_no_job_is_lost() -> None:
    """Its workers die with it, and what they held is tried again."""
    with Pool(work, 2, SOON) as pool:
        found = []
        for event in pool.run([("progress", 3), *(("double", n) for n in range(1, 9))]):
            if not found:
                os.kill(fork_server.SERVER._pid, signal.SIGKILL)
            found.append(event)
    assert [event.result for _, event in sorted(ended(found).items())] == [3, *range(2, 18, 2)]


def test_where_no_process_can_be_had_it_is_told() -> None:
    news, told = os.pipe()
    os.close(told)
    with pytest.raises(WorkerLost, match="standard error"):
        fork_server.Worker(news)


def test_how_a_worker_ended_is_known() -> None:
    with Pool(work, 1, SOON) as pool:
        list(pool.run([("double", 1)]))
        process = pool._workers[0].process
        assert process.exitcode is None
        process.kill()
        process.join(10)
        assert process.exitcode == -signal.SIGKILL
        process.kill()  # again: nothing happens
