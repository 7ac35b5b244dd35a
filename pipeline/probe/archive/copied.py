"""A recording of a package as a file of its own, under a name of ours, as long as somebody looks at it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.model.ceilings import GiB
from pipeline.probe.archive.zip import Member, Zip

MOST: Final = GiB  # bytes of a recording that are copied at most


@contextmanager
def copied(archive: Zip, member: Member) -> Iterator[Path]:
    """Where it stands. Raises BadZip where it is damaged, CeilingExceeded for a bomb."""
    with tempfile.NamedTemporaryFile(prefix="entry-") as copy:
        for piece in archive.unpack(member):
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)
