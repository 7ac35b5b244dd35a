"""`python -m samples`: make the samples, or list them."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from samples import SAMPLES, SampleError, build, missing


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, or 2 for a pattern that matches nothing, or 4 for a sample that could not be made."""
    parser = argparse.ArgumentParser(prog="python -m samples", description="Make the sample media.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", help="default: %(default)s")
    parser.add_argument("--only", metavar="GLOB", default="*", help="names to make, for example 'video/*'")
    parser.add_argument("--list", action="store_true", help="print names and notes, make nothing")
    parser.add_argument("--quick", action="store_true", help="leave out the large and slow ones")
    args = parser.parse_args(argv)
    chosen = [s for s in SAMPLES.values() if fnmatchcase(s.name, args.only) and not (args.quick and s.slow)]
    if not chosen:
        print(f"no sample is named like {args.only}", file=sys.stderr)
        return 2
    if args.list:
        for sample in chosen:
            lacks = "".join(f" [{word} not installed]" for word in sorted(missing(sample)))
            print(f"{sample.name:42} {sample.kind:9} {'slow ' if sample.slow else ''}{sample.note}{lacks}")
        return 0
    try:
        paths = build([sample.name for sample in chosen], args.out)
    except SampleError as wrong:
        print(wrong, file=sys.stderr)
        return 4
    size = sum(path.stat().st_size for path in paths.values())
    print(f"{len(paths)} of {len(chosen)} samples in {args.out} ({size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
