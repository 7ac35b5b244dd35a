"""A text file that appears whole under its name or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(target: Path, *, errors: str = "strict", mode: int = 0o644) -> Iterator[IO[str]]:
    """A text file (UTF-8, lines ended as written) that takes the place of `target` when the block has ended well.

    `errors` is what happens to surrogates, as for `open`; `mode` the permissions. When the block raises, what was
    there before stays, and nothing else is left behind. Raises OSError.
    """
    handle, temporary = tempfile.mkstemp(prefix=".preflight-", dir=target.parent)
    made = Path(temporary)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors=errors, newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        made.chmod(mode)
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
