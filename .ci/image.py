"""What an image is built from, in dist/image: `image.py WHEEL`, run by the Python of `make setup`.

The wheel, the entries of the lock that users need (with every extra, and without what only developers need), and the
script that names the packages of the system.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Container
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / ".ci"))


def entries(lock: str, wanted: Container[str]) -> str:
    """The entries of the packages that are `wanted`, as they stand in the lock."""
    whole = re.findall(r"^([A-Za-z0-9][\w.-]*)(==(?:.*\\\n)*.*\n)", lock, re.MULTILINE)
    return "".join(name + rest for name, rest in whole if re.sub(r"[-_.]+", "-", name).lower() in wanted)


def main() -> int:
    """Write the folder anew."""
    from sbom import scopes

    out = TOP / "dist" / "image"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    wheel = Path(sys.argv[1])
    shutil.copy(wheel, out / wheel.name)
    shutil.copy(TOP / ".ci" / "system", out / "system")
    (out / "lock.txt").write_text(entries((TOP / ".ci" / "lock.txt").read_text("utf-8"), scopes()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
