"""Which layers of isolation work on this machine; asked by `doctor`, used by `launch`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from pipeline.errors import PreflightError
from pipeline.model.ceilings import ASK
from pipeline.tools.process import run

_PROBE: Final = """
import json, os, resource, socket, sys
answers = {}
answers["memory limit"] = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
status = open("/proc/self/status").read()
answers["no new privileges"] = "NoNewPrivs:\\t1" in status
names = [line.split(":")[0].strip() for line in open("/proc/net/dev").read().splitlines()[2:]]
answers["no network"] = set(names) <= {"lo"}
answers["process namespace"] = str(os.getpid()) != os.readlink("/proc/self")
try:
    open(sys.argv[1]).close()
    answers["file fence"] = False
except PermissionError:
    answers["file fence"] = True
print(json.dumps(answers))
"""
_LAYERS: Final = ("memory limit", "no new privileges", "no network", "process namespace", "file fence")


def layers() -> dict[str, bool]:
    """Layer -> whether a program started by us really has it, found by starting one and looking."""
    off = dict.fromkeys(_LAYERS, False)
    if not sys.platform.startswith("linux"):
        return off
    with tempfile.TemporaryDirectory(prefix="preflight-") as home, tempfile.NamedTemporaryFile() as beside:
        try:
            command = [sys.executable, "-I", "-S", "-c", _PROBE, beside.name]
            done = run(command, cwd=Path(home), ceiling=ASK)
            answers: dict[str, bool] = json.loads(done.stdout)
        except (PreflightError, ValueError):  # no layer is claimed that was not seen at work
            return off
    return answers
