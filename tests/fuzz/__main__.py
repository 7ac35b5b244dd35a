"""`python -m tests.fuzz --count 20000 --seed 1 --kind media|documents`; without --kind, both."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import documents, media

SHOWN = 50  # of what was wrong


def _told(kind: str, statuses: Counter[str], wrong: list[str]) -> Iterator[str]:
    total = sum(statuses.values())
    yield f"{kind}: {total} mutants: " + ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    bound = f"; with 95 % confidence fewer than {3 / total:.4%} of such files" if total and not wrong else ""
    yield f"{kind}: {len(wrong)} uncaught, lost, over time, written elsewhere, or taken for good{bound}"
    yield from wrong[:SHOWN]


def _now(wrong: str) -> None:
    sys.stderr.write(f"{wrong[:500]}\n")
    sys.stderr.flush()


def main() -> int:
    """Entry point."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=20_000, help="mutants of each kind")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--first", type=int, default=0, help="number of the first mutant, to look at one again")
    options.add_argument("--kind", choices=("media", "documents"), help="only these")
    given = options.parse_args()
    worst: list[str] = []
    for kind in ("documents", "media"):
        if given.kind not in (None, kind):
            continue
        with tempfile.TemporaryDirectory(prefix="preflight-fuzz-") as folder:
            if kind == "media":
                samples = media.pristine(Path("samples/out"))
                found = media.campaign(samples, given.count, given.seed, Path(folder), given.first)
                statuses, wrong = found.statuses, found.wrong
            else:
                told = documents.campaign(given.count, given.seed, Path(folder), given.first, _now)
                statuses, wrong = told.statuses, told.wrong
        sys.stdout.write("\n".join(_told(kind, statuses, wrong)) + "\n")
        sys.stdout.flush()
        worst += wrong
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
