"""A worker has few rights: it knows nothing of our environment, and changes nothing but what it is for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import fork_server
from pipeline.engine.pool import Pool
from pipeline.engine.worker import environment
from pipeline.model.ceilings import CHECK
from pipeline.tools.isolation import layers
from tests import ROOT
from tests.engine.pool_work import Job, work
from tests.engine.test_pool import ended, gone
from tests.tools.test_rights import SECRET, given  # noqa: F401  a fixture
from tests.tools.tries import Given, tried

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the layers are Linux's")


@pytest.fixture
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of this test's own, with what the environment is now."""
    monkeypatch.setenv("CLOUD_SECRET_KEY", SECRET)
    monkeypatch.setattr(fork_server, "SERVER", fork_server._Server())


def attempts(asked: Given, _: object) -> dict[str, str]:
    """In a worker."""
    return tried(asked)


@linux
@pytest.mark.usefixtures("nobody_else")
def test_a_worker_gets_nothing_but_what_its_user_may_read(given: Given, tmp_path: Path) -> None:  # noqa: F811
    if not layers()["file fence"]:
        pytest.skip("this kernel has no Landlock")
    mine = tmp_path / "out"
    mine.mkdir()
    asked: Given = {**given, "folders": [*given["folders"], str(mine)]}
    with Pool(attempts, 1, CHECK, writes=(str(mine),)) as workers:
        (event,) = workers.run([asked])
    assert event.result is not None, event.said
    got = {name for name, what in event.result.items() if what}
    # It starts programs in namespaces of their own; reading is what it is for.
    assert got <= {"user namespace", f"write in {mine}", *(f"read {file}" for file in given["files"])}
    assert f"write in {mine}" in got


@linux
@pytest.mark.usefixtures("nobody_else")
def test_the_server_of_workers_knows_no_secret_and_holds_no_file_of_ours(tmp_path: Path) -> None:
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        with Pool(work, 1, CHECK) as workers:
            list(workers.run([("double", 1)]))
            process = Path(f"/proc/{fork_server.SERVER._pid}")
            assert SECRET.encode() not in (process / "environ").read_bytes()
            assert str(tmp_path / "ours") not in [str(entry.readlink()) for entry in (process / "fd").iterdir()]


def test_an_environment_is_handed_on_by_name() -> None:
    ours = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "PYTHONPATH": "/here",
        "PREFLIGHT_FFMPEG": "/opt/ffmpeg",
        "PREFLIGHT_TENCENT_APPKEY": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "SSH_AUTH_SOCK": "/run/agent",
        "https_proxy": f"http://me:{SECRET}@proxy",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/bus",
    }
    assert list(environment(ours)) == ["PATH", "HOME", "LC_ALL", "PYTHONPATH", "PREFLIGHT_FFMPEG"]


@linux
def test_nobody_reads_the_environment_that_the_command_was_started_with(tmp_path: Path) -> None:
    """Another process of the same user, or of a root without the right to trace."""
    reader = """
        import os, sys
        from pipeline.cli import main
        from pipeline.tools import launch
        class Module:
            @staticmethod
            def run(options):
                child = os.fork()
                if child == 0:
                    launch.give_up()
                    try:
                        print(open(f"/proc/{os.getppid()}/environ").read())
                    except PermissionError:
                        print("refused")
                    sys.stdout.flush()
                    os._exit(0)
                os.waitpid(child, 0)
                return 0
        main.parsed = lambda given: (Module, None)
        sys.exit(main.main([]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(reader)],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "CLOUD_SECRET_KEY": SECRET},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "refused\n"


# --- where no server forks workers ------------------------------------------------------------------


def told(job: Job, _: object) -> Any:
    """In a worker."""
    return json.dumps(dict(os.environ)) if job[0] == "environment" else work(job, lambda _: None)


def test_workers_that_are_started_one_by_one_do_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on systems without a server: results, crashes, time limits, and no secret."""
    monkeypatch.setattr(fork_server, "forking", lambda: False)
    monkeypatch.setenv("CLOUD_SECRET_KEY", SECRET)
    jobs: list[Job] = [("double", 1), ("exit", 3), ("environment", 0), ("double", 2), ("say", "words"), ("process", 0)]
    with Pool(told, 2, CHECK, writes=(str(tmp_path),)) as workers:
        found = ended(list(workers.run(jobs)))
    assert [found[n].result for n in (0, 3, 4)] == [2, 4, "done"]
    assert "exit code 3" in found[1].error.text.en  # type: ignore[union-attr]
    assert SECRET not in found[2].result
    assert "PATH" in json.loads(found[2].result)
    assert found[4].said == "words" * 2
    assert gone(found[5].result)
