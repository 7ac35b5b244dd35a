"""Known weaknesses of what the lock installs, asked of the advisory service of the package index: `audit.py PIP-AUDIT`.

Exit code 0: every package was looked up and none has a known weakness. 1: at least one has; each is named. 3: the
service was not reached, or does not know every package: what was not looked up is not fine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent / "lock.txt"
UNREACHED = 3


def told(audited: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Exit code and sentences for what pip-audit says of each package."""
    weak = [one for one in audited if one.get("vulns")]
    skipped = [one["name"] for one in audited if "skip_reason" in one]
    lines = [
        f"{one['name']} {one['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'none yet'}"
        for one in weak
        for known in one["vulns"]
    ]
    looked = len(audited) - len(skipped)
    if skipped or not audited:
        lines.append(
            f"{looked} of {len(audited)} packages could be looked up: the advisory service is not reached from here. "
            "Nothing is known of the others; run `make audit` where it is."
        )
    elif not weak:
        lines.append(f"{looked} packages looked up: no known weakness")
    return (1 if weak else UNREACHED if skipped or not audited else 0), lines


def main() -> int:
    """Ask, and tell."""
    words = [sys.argv[1], "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    words += ["--timeout", "30", "--requirement", str(LOCK)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=1800, check=False)
        audited = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        # It prints no document where it was not answered; what it says of that is a trace.
        audited = []
    code, lines = told(audited)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
