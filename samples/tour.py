"""Prepare every sample against the preset it is meant for, and compare with what is expected of it.

`python -m samples.tour --samples DIR --out DIR` is what `make run` does: it makes the samples, starts the same
command a user would (`preflight prepare ... --json`), once per preset and role, and prints a table. Exit code 1
when any sample ends otherwise than `samples/expected.toml` says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from samples import SAMPLES, build

EXPECTED = Path(__file__).with_name("expected.toml")
_GOOD = {"ready": "green", "fixed": "cyan", "blocked": "yellow", "failed": "magenta"}


def expected() -> Iterator[tuple[str, str | None, dict[str, str]]]:
    """Preset, role (None: by kind) and the status each sample must end with."""
    tables: Mapping[str, Mapping[str, str]] = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))
    for heading, samples in tables.items():
        preset, _, role = heading.partition("#")
        yield preset, role or None, dict(samples)


def prepare(preset: str, role: str | None, files: list[Path], out: Path) -> list[dict[str, Any]]:
    """What `preflight prepare` says about these files, in their order."""
    command = [sys.executable, "-m", "pipeline", "prepare", "-p", preset, "-o", str(out), "--json"]
    if role:
        command += ["--role", role]
    done = subprocess.run([*command, "--", *map(str, files)], capture_output=True, text=True, check=False)
    if not done.stdout.lstrip().startswith("{"):
        raise SystemExit(f"preflight prepare -p {preset} gave no report:\n{done.stderr}")
    answer = json.loads(done.stdout)
    if "assets" not in answer:
        raise SystemExit(f"preflight prepare -p {preset}: {answer['error']['message']}")
    return [asset for asset in answer["assets"] if "inside" not in asset]


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m samples.tour", description=__doc__)
    parser.add_argument("--samples", type=Path, default=Path("samples/out"))
    parser.add_argument("--out", type=Path, default=Path("out/samples"))
    parser.add_argument("--all", action="store_true", help="the samples that take long to make, too")
    options = parser.parse_args()
    screen = Console(highlight=False)
    if not screen.is_terminal:
        screen.width = 150
    wanted = [(p, r, {n: s for n, s in w.items() if options.all or not SAMPLES[n].slow}) for p, r, w in expected()]
    names = sorted({name for _, _, samples in wanted for name in samples})
    screen.print(f"making {len(names)} samples in {escape(str(options.samples))}")
    paths = build(names, options.samples)
    table = Table(show_edge=False, pad_edge=False)
    for column in ("sample", "preset", "status", "expected", "what happened"):
        table.add_column(column, overflow="fold", vertical="top")
    wrong = skipped = 0
    for preset, role, samples in wanted:
        present = [name for name in samples if name in paths]
        skipped += len(samples) - len(present)
        if not present:
            continue
        folder = options.out / preset.replace("/", "_") / (role or "")
        for name, asset in zip(present, prepare(preset, role, [paths[n] for n in present], folder), strict=True):
            status = asset["status"]
            fits = status == samples[name]
            wrong += not fits
            colour = _GOOD[status] if fits else "bold red"
            verdict = "" if fits else f"[bold red]{samples[name]}[/]"
            table.add_row(name, f"{preset} {role or ''}", f"[{colour}]{status}[/]", verdict, escape(_story(asset)))
    screen.print(table)
    count = sum(len(samples) for _, _, samples in wanted) - skipped
    if skipped:
        screen.print(f"{skipped} left out: a tool they are made with is missing (`preflight doctor`)")
    screen.print(f"{count - wrong} of {count} samples ended as expected; outputs and manifests in {options.out}")
    return 1 if wrong else 0


def _story(asset: Mapping[str, Any]) -> str:
    """One line: the error, what stands in the way, or what was made."""
    if asset["error"]:
        return str(asset["error"]["message"])
    if asset["outputs"]:
        did = "; ".join(step["does"] for step in asset["steps"])
        more = len(asset["outputs"]) - 1
        return f"{did} → {asset['outputs'][0]['path']}" + (f" and {more} more" if more else "")
    blocking = [f["message"] for f in asset["blocked"] or asset["findings"] if f["blocks"]]
    return blocking[0] if blocking else ""


if __name__ == "__main__":
    sys.exit(main())
