"""Everything this package raises on purpose.

    PreflightError                 exit code 4 unless a subclass says otherwise
     ├─ UsageError           2     the command line, a configuration file
     │   └─ PresetError            a preset: file, table, key, nearest known word
     ├─ ToolMissing          3     an outside program or data file is not there
     ├─ AssetError           4     this one asset cannot be read or converted
     │   ├─ Unreadable             damaged, encrypted, not what its name says
     │   ├─ CeilingExceeded        beyond a safety ceiling (pixels, streams, entries, ...)
     │   ├─ ToolFailed             an outside program did not do its work
     │   │   └─ TimedOut           ... within its time
     │   ├─ Doubtful               what a document says of it cannot be read, or cannot be
     │   ├─ WorkerLost             the worker process died or was killed
     │   └─ ProofFailed            an output is not what the plan promised
     └─ UploadError          5     the far end does not hold what was sent

Each carries its sentence in English and Chinese; `str(error)` is the English one.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pipeline.model.facts import Text


class PreflightError(Exception):
    """An expected failure: what went wrong, where, and what to do about it."""

    exit_code = 4

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.text = Text(en, zh)

    def __str__(self) -> str:
        return self.text.en


class UsageError(PreflightError):
    """The command line or a configuration file asks for something that does not exist."""

    exit_code = 2


class PresetError(UsageError):
    """A preset cannot be used: the sentence names file, table, key and the nearest known word."""


class ToolMissing(PreflightError):
    """An outside program or data file is missing: its name, why it is needed, how to install it."""

    exit_code = 3


class AssetError(PreflightError):
    """One asset cannot be read or converted; the rest of the batch goes on."""


class Unreadable(AssetError):
    """Damaged, encrypted, or not what its name says."""


class CeilingExceeded(AssetError):
    """Beyond a safety ceiling; see `pipeline.model.ceilings`."""


class ToolFailed(AssetError):
    """An outside program did not do its work."""


class TimedOut(ToolFailed):
    """An outside program or a worker did not finish within its time."""


class Doubtful(AssetError):
    """What a document says of an asset cannot be read, or cannot be true."""


class WorkerLost(AssetError):
    """The worker process that held this asset died."""


class ProofFailed(AssetError):
    """An output is not what the plan promised; it was removed."""


class UploadError(PreflightError):
    """The far end does not hold what was sent."""

    exit_code = 5


def nearest_word(word: str, known: Iterable[str]) -> Text:
    """A suggestion for a mistyped word, as a sentence to append; empty when nothing is near."""
    close = get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return Text(f" Did you mean {close[0]!r}?", f"是否想写 {close[0]!r}？") if close else Text("", "")
