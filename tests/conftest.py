"""Settings and fixtures shared by all tests."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from pipeline.tools import programs
from samples import build
from tests.attack.promises import ELSEWHERE
from tests.documents.schemas import held

if TYPE_CHECKING:
    from pipeline.upload.emulator.server import Emulator

# No test asserts how long anything takes, and the machines that run them are shared: no deadline. In CI the
# examples are the same every time, so that a failure is of the change that is tested.
settings.register_profile("here", deadline=None)
settings.register_profile(
    "ci", parent=settings.get_profile("here"), derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# What starts the suite in the background has it ignore Ctrl-C or the end of its terminal, and what the tests start
# would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for ending in ("SIGHUP", "SIGQUIT"):
    if hasattr(signal, ending) and signal.getsignal(getattr(signal, ending)) == signal.SIG_IGN:
        signal.signal(getattr(signal, ending), signal.SIG_DFL)

# What a developer's own settings would change in the output of the programs under test.
for name in ("PREFLIGHT_LANG", "LC_ALL", "LANG", "PYTHONWARNINGS", "FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(name, None)

# Where a user's group may write to what is new, files that tests make in place of ours would not pass for ours; what we
# make ourselves does, which tests/storage/test_umask.py tries.
os.umask(0o022)

# Nothing that an earlier run remembered may answer for the code under test.
os.environ["PREFLIGHT_CACHE"] = tempfile.mkdtemp(prefix="preflight-tests-")
atexit.register(shutil.rmtree, os.environ["PREFLIGHT_CACHE"], ignore_errors=True)

_loads = json.loads


def _held(text: str | bytes, *args: Any, **options: Any) -> Any:
    """Whatever of ours a test reads, and however it was made, is held against its schema."""
    told = _loads(text, *args, **options)
    if isinstance(told, dict) and str(sys._getframe(1).f_globals.get("__name__")).startswith("tests."):
        held(told)
    return told


json.loads = _held

# One cache for all workers and runs: `samples.build` makes each sample once and renames it in.
CACHE = Path(__file__).parent.parent / "samples" / "out"


def pytest_make_parametrize_id(val: object) -> str | None:
    """Files made while tests are collected hold the time of day, and workers that collect apart must agree on names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 32 else None


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attacks are marked, for `make attack`, and what `every` leaves to `make thorough`."""
    cases: Counter[str] = Counter()
    for item in items:
        if item.nodeid.partition("::")[0] in ELSEWHERE or "tests/attack/" in item.nodeid:
            item.add_marker("attack")
        if chosen := item.get_closest_marker("every"):
            name = item.nodeid.partition("[")[0]
            if cases[name] % chosen.args[0]:
                item.add_marker("thorough")
            cases[name] += 1


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """The path of a sample, made when first asked for; skips when the tool it is made with is missing."""

    def get(name: str) -> Path:
        made = build([name], CACHE)
        if name not in made:
            pytest.skip(f"{name} cannot be made here: a tool is missing")
        return made[name]

    return get


@pytest.fixture
def near(tmp_path: Path) -> Path:
    """A folder for outputs and their manifest, before they are sent."""
    folder = tmp_path / "near"
    folder.mkdir()
    return folder


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator of both platforms, whose rate limits do not slow a test down."""
    from tests.upload import made  # needs the packages for uploads, which other tests go without

    with made.emulator(tmp_path / "far") as emulator:
        yield emulator


@pytest.fixture
def liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ffmpeg that does nothing and says that all is well."""
    program = tmp_path / "liar"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setattr(programs, "ffmpeg", lambda: str(program))
