"""`python -m benchmarks [NAME ...]`: every benchmark, or those named. Figures are kept in docs/benchmarks.md."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Entry point."""
    known = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))
    wanted = sys.argv[1:] or known
    for name in wanted:
        if name not in known:
            sys.stderr.write(f"no benchmark {name!r}; there are {', '.join(known)}\n")
            return 2
    for name in wanted:
        print(f"## {name}")
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


sys.exit(main())
