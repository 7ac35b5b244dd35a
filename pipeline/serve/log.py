"""What a team's server says of its runs: a JSON object a line on standard error, without names or contents of files."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.documents.facts import encode
from pipeline.serve.batches import DroppedBatch


def told(batch: DroppedBatch) -> None:
    """That a run waits for its turn, or how it ended."""
    asked = batch.asked
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "batch": batch.id,
        "person": batch.person,
        "verb": asked.verb if asked else None,
        "preset": asked.preset if asked else None,
        "state": batch.state,
        "files": len(batch.files),
        "bytes": sum(file.size for file in batch.files),
        "summary": batch.document.summary if batch.document else None,
        "error": batch.error.en if batch.error else None,
    }
    _write(line)


def sent(batch: DroppedBatch) -> None:
    """That a batch begins to go to a platform, or how that ended."""
    if batch.sent is None:
        return
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "batch": batch.id,
        "person": batch.person,
        "verb": "send",
        "to": batch.sent.to,
        "state": batch.sent.state,
        "bytes": batch.sent.bytes,
        "summary": Counter(entry.status for entry in batch.sent.entries),
        "error": batch.sent.error.en if batch.sent.error else None,
    }
    _write(line)


def _write(line: Mapping[str, object]) -> None:
    sys.stderr.write(encode(line).decode() + "\n")
    sys.stderr.flush()
