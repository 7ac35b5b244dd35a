"""`python -m tests.attack`: every attack there is, and a table of what held. More words go to pytest."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.attack.promises import ELSEWHERE

TOP = Path(__file__).parent.parent.parent


class Table:
    """A plugin of pytest that counts what held, by promise."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.fell: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One attack has ended."""
        if report.when != "call" and report.passed:
            return
        file = report.nodeid.partition("::")[0]
        words = report.nodeid.partition("[")[2].rstrip("]")
        promise = ELSEWHERE.get(file) or next((part for part in words.split("-") if ": " in part), words)
        counted = self.counts.setdefault(promise.partition(": ")[0], Counter())
        if report.failed:
            self.fell.append(report.nodeid)
        counted["fell" if report.failed else "skipped" if report.skipped else "held"] += 1

    def told(self) -> str:
        """The table."""
        rows = [
            f"| {promise} | {sum(counted.values())} | {counted['held']} | {counted['fell']} | {counted['skipped']} |"
            for promise, counted in sorted(self.counts.items())
        ]
        total: Counter[str] = sum(self.counts.values(), Counter())
        last = f"| all | {total.total()} | {total['held']} | {total['fell']} | {total['skipped']} |"
        head = "| promise | attacks | held | fell | not tried here |\n|---|---|---|---|---|"
        return "\n".join(["", head, *rows, last, *[f"fell: {name}" for name in self.fell]])


def main() -> int:
    """Entry point."""
    table = Table()
    places = ["tests/attack", *sorted(name for name in ELSEWHERE if (TOP / name).exists())]
    words = ["-m", "attack or alone", "-n", "2", "--dist", "worksteal", *sys.argv[1:], *places]
    code = pytest.main(words, plugins=[table])
    print(table.told())
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
