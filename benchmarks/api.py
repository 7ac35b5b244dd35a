"""What using the package from Python costs: its import, and a call with and without what `warm` keeps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._run import environment, seconds, table
from samples import build

PRESET = "metastudio/asset-library"
RUNS = 9


def import_time() -> float:
    """Milliseconds that `import media_preflight` takes with all that it loads, as `-X importtime` counts them."""
    words = [sys.executable, "-X", "importtime", "-c", "import media_preflight"]
    said = subprocess.run(words, capture_output=True, text=True, env=environment(), check=True).stderr
    _, whole, name = said.splitlines()[-1].split("|")
    assert name.strip() == "media_preflight"
    return int(whole) / 1000


def calls(path: Path) -> tuple[float, float]:
    """Seconds of one `check` as it is, and within `warm`."""
    import media_preflight as mp

    alone = seconds(lambda: mp.check(path, PRESET))
    with mp.warm():
        mp.check(path, PRESET)
        return alone, seconds(lambda: mp.check(path, PRESET))


def main() -> None:
    """Entry point."""
    fastest = min(import_time() for _ in range(RUNS))
    table([(f"best of {RUNS}", "ms"), ("import media_preflight", f"{fastest:.1f}")])
    with tempfile.TemporaryDirectory() as name:
        alone, warm = calls(build(["images/good.jpeg"], Path(name))["images/good.jpeg"])
    table(
        [
            ("check of one picture, median of 5", "ms"),
            ("alone", f"{alone * 1000:.0f}"),
            ("in warm()", f"{warm * 1000:.0f}"),
        ]
    )
