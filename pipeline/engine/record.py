"""What a worker hands back of an asset that was prepared, and what the journal keeps of it."""

from __future__ import annotations

import msgspec

from pipeline.documents import entry
from pipeline.documents.types import OutputEntry, PreparedAsset
from pipeline.model.results import Outcome


class Record(msgspec.Struct, frozen=True):
    """The entry of an asset, and of what was found inside it (see `pipeline.stages.embedded`)."""

    asset: PreparedAsset
    found: tuple[PreparedAsset, ...] = ()

    @property
    def outputs(self) -> tuple[OutputEntry, ...]:
        """All that was made."""
        return tuple(output for one in (self.asset, *self.found) for output in one.outputs)

    def named(self, source: str) -> Record:
        """The same of an asset that is called so."""
        found = [entry.named(one, f"{source}#{one.source.rpartition('#')[2]}") for one in self.found]
        return Record(entry.named(self.asset, source), tuple(found))


class Worked(msgspec.Struct, frozen=True):
    """A record, the receipts of what was published for it, and state and content of its source when it was read.

    For callers of `pipeline.api`, also the outcomes that the record tells of.
    """

    record: Record
    receipts: tuple[str, ...] = ()
    seen: tuple[str, str] = ("", "")
    outcomes: tuple[Outcome, ...] = ()
