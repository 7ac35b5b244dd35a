"""Which layers of isolation work on this machine; asked by `doctor`, used by `launch`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pipeline.errors import PreflightError
from pipeline.tools.ceilings import ASK
from pipeline.tools.process import run

_PROBE = """
import json, resource, socket, sys
answers = {}
answers["memory limit"] = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
status = open("/proc/self/status").read()
answers["no new privileges"] = "NoNewPrivs:\\t1" in status
names = [line.split(":")[0].strip() for line in open("/proc/net/dev").read().splitlines()[2:]]
answers["no network"] = set(names) <= {"lo"}
print(json.dumps(answers))
"""


def layers() -> dict[str, bool]:
    """Layer -> whether a program started by us really has it, found by starting one and looking."""
    import json

    if not sys.platform.startswith("linux"):
        return {"memory limit": False, "no new privileges": False, "no network": False}
    with tempfile.TemporaryDirectory(prefix="preflight-") as home:
        try:
            done = run([sys.executable, "-I", "-S", "-c", _PROBE], cwd=Path(home), ceiling=ASK)
            answers: dict[str, bool] = json.loads(done.stdout)
        except (PreflightError, ValueError):
            return {"memory limit": False, "no new privileges": False, "no network": False}
    return answers
