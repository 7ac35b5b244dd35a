"""Which layers of isolation work on this machine, found by trying in a program and in a worker; asked by `doctor`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import PreflightError
from pipeline.model.ceilings import ASK
from pipeline.model.job import Progress
from pipeline.tools import attempts, launch
from pipeline.tools.process import run

LAYERS: Final = (
    "memory limit",
    "no new privileges",
    "no capabilities",
    "no network",
    "mount namespace",
    "process namespace",
    "file fence",
    "system call filter",
    "no foreign environment",
    "others out of reach",
)
# Work folders tell by the number of their process whether it lives, so workers have the numbers of everybody.
OF_WORKERS: Final = tuple(layer for layer in LAYERS if layer != "process namespace")
_CANARY: Final = "PREFLIGHT_CANARY"


def layers() -> dict[str, bool]:
    """Layer -> whether a program started by us really has it, found by starting one that tries."""
    if not sys.platform.startswith("linux"):
        return dict.fromkeys(LAYERS, False)
    with outside() as given:
        return _program(given)


@contextmanager
def outside() -> Iterator[attempts.Given]:
    """What this process knows and has, and those that it starts should not reach. Linux only."""
    os.environ[_CANARY] = "x"
    try:
        with tempfile.NamedTemporaryFile() as beside:
            yield attempts.Given(
                starter=os.getpid(), spaces=attempts.spaces(), canary=_CANARY, beside=beside.name, keep=0, reads=False
            )
    finally:
        del os.environ[_CANARY]


def _program(given: attempts.Given) -> dict[str, bool]:
    with tempfile.TemporaryDirectory(prefix="preflight-") as home:
        try:
            command = [sys.executable, "-I", "-S", str(Path(attempts.__file__)), json.dumps(given)]
            answers: dict[str, bool] = json.loads(run(command, cwd=Path(home), ceiling=ASK).stdout)
        except (PreflightError, ValueError):  # no layer is claimed that was not seen at work
            return dict.fromkeys(LAYERS, False)
    return {layer: answers[layer] for layer in LAYERS}


def tried(given: attempts.Given, _: Progress) -> tuple[dict[str, bool], dict[str, bool]]:
    """In a worker: the layers of a program that it starts, as it starts all others, and its own."""
    mine = attempts.held({**given, "keep": launch.FILES_OF_OTHERS, "reads": True})
    return _program(given), {layer: mine[layer] for layer in OF_WORKERS}
