"""The suite on every Python found here, with the oldest and with the newest versions that pyproject.toml allows.

`compat.py` runs all of it and prints a table; `compat.py --newest` runs what every submission can afford: on the newest
Python with the newest versions, the tour of `make run` and the canaries. Exit code 1 if anything is red.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parent.parent
PLACE = TOP / ".compat"
OLDEST_PYTHON = (3, 11)
# Without a wheel for a Python they are not allowed there: to compile FFmpeg or OpenCV is not what a user would do.
NATIVE = ("av", "numpy", "opencv-python-headless", "pillow", "pillow-heif", "pypdfium2", "scikit-image", "scipy")
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}


class Cell(NamedTuple):
    """One Python with one set of versions, and how the suite ended there."""

    python: str
    versions: str
    libraries: str
    said: str
    seconds: float
    green: bool


def pythons() -> dict[tuple[int, int], Path]:
    """The newest patch of each Python that is recent enough: on the path, and side by side where pyenv is."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    minors = [Path(found) for n in range(11, 30) if (found := shutil.which(f"python3.{n}"))]
    found: dict[tuple[int, int], tuple[tuple[int, ...], Path]] = {}
    for program in [*root.glob("3.*/bin/python3"), *minors, Path(sys.executable)]:
        asked = subprocess.run(
            [program, "-c", "import sys; print(*sys.version_info[:3])"], capture_output=True, text=True, check=False
        )
        version = tuple(map(int, asked.stdout.split()))
        if len(version) == 3 and version[:2] >= OLDEST_PYTHON:
            minor = (version[0], version[1])
            found[minor] = max(found.get(minor, ((0,), program)), (version, program))
    return {minor: program for minor, (_, program) in sorted(found.items())}


def environment(python: Path, name: str, resolution: str) -> Path:
    """A virtual environment of its own with this package in it; returns its Python."""
    uv = str(Path(sys.executable).parent / "uv")
    home = PLACE / name
    ours = home / "bin" / "python"
    wheels = [word for package in NATIVE for word in ("--only-binary", package)]
    resolved = str(PLACE / f"{name}.txt")
    quiet = ["--quiet", "--python", str(ours)]
    PLACE.mkdir(exist_ok=True)
    for words in (
        ["venv", "--quiet", "--clear", "--python", str(python), str(home)],
        [
            "pip",
            "compile",
            *quiet,
            "--resolution",
            resolution,
            *wheels,
            "--extra",
            "dev",
            "pyproject.toml",
            "-o",
            resolved,
        ],
        ["pip", "install", *quiet, "--no-deps", "-r", resolved, "-r", ".ci/data.txt"],
        ["pip", "install", *quiet, "--no-deps", "--no-build-isolation", "-e", "."],
    ):
        subprocess.run([uv, *words], cwd=TOP, check=True)
    return ours


def libraries(python: Path) -> str:
    """The versions of those that change most."""
    code = (
        "from importlib.metadata import version as v; "
        "print(*(f'{n} {v(d)}' for n, d in (('av', 'av'), ('numpy', 'numpy'), ('opencv', 'opencv-python-headless'), "
        "('pillow', 'pillow'))), sep=', ')"
    )
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def run(minor: tuple[int, int], python: Path, versions: str, tests: list[str]) -> Cell:
    """The suite, or these tests of it, in one cell."""
    name = f"{minor[0]}.{minor[1]}-{versions}"
    print(f"--- {name}: {python}", flush=True)
    ours = environment(python, name, RESOLUTIONS[versions])
    began = time.monotonic()
    suite = [str(ours), "-m", "pytest", "-n", "3", "--dist", "worksteal", "-p", "no:cacheprovider", *tests]
    commands = [suite]
    if tests:
        commands.insert(0, [str(ours), "-m", "samples.tour", "--samples", "samples/out", "--out", f"out/compat-{name}"])
    said, green = [], True
    for command in commands:
        done = subprocess.run(
            command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        lines = done.stdout.strip().splitlines() or [""]
        green = green and done.returncode == 0
        said.append(re.sub(r" in [\d.]+s.*", "", lines[-1].strip("= ")))
        if done.returncode:
            (PLACE / f"{name}.log").write_text(done.stdout, encoding="utf-8")
            wrong = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
            print("\n".join(wrong[:40] or lines[-40:]), flush=True)
    cell = Cell(f"{minor[0]}.{minor[1]}", versions, libraries(ours), "; ".join(said), time.monotonic() - began, green)
    print(f"    {cell.said}", flush=True)
    return cell


def main() -> int:
    """Run the cells asked for, print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--newest", action="store_true", help="newest Python, newest versions, tour and canaries")
    asked.add_argument("--only", metavar="CELL", action="append", help="such as 3.11-oldest; may be repeated")
    options = asked.parse_args()
    found = pythons()
    if options.newest:
        minor = max(found)
        cells = [run(minor, found[minor], "newest", ["tests/test_canaries.py"])]
    else:
        wanted = [(minor, versions) for minor in found for versions in RESOLUTIONS]
        if options.only:
            wanted = [(minor, v) for minor, v in wanted if f"{minor[0]}.{minor[1]}-{v}" in options.only]
        cells = [run(minor, found[minor], versions, []) for minor, versions in wanted]
    print("\n| Python | versions | libraries | result | seconds |\n|---|---|---|---|---|")
    for cell in cells:
        print(f"| {cell.python} | {cell.versions} | {cell.libraries} | {cell.said} | {cell.seconds:.0f} |")
    return 0 if cells and all(cell.green for cell in cells) else 1


if __name__ == "__main__":
    sys.exit(main())
