"""The JSON Schemas of the documents (2020-12), generated from their types; `docs/schema/` holds a copy of each."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.documents import facts
from pipeline.documents.events import Event, VerifiedSummary
from pipeline.documents.face_detection import Detection
from pipeline.documents.types import (
    MANIFEST,
    REPORT,
    CheckDocument,
    ManifestDocument,
    PlanDocument,
)
from pipeline.documents.upload import LINES, UPLOAD, UploadPlan, UploadRecord
from pipeline.errors import UsageError, nearest_word

Json = dict[str, Any]
_TYPES: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "report": (REPORT, (CheckDocument, PlanDocument)),
    "manifest": (MANIFEST, (ManifestDocument,)),
    "event": ("media-preflight/event/2", (Event, VerifiedSummary)),
    "upload": (UPLOAD, (UploadRecord, UploadPlan, *LINES)),
}
NAMES: Final = tuple(_TYPES)


def schema(name: str) -> Json:
    """The schema of one of NAMES. Raises UsageError for another name."""
    if name not in _TYPES:
        known, hint = ", ".join(NAMES), nearest_word(name, NAMES)
        raise UsageError(
            f"there is no schema {name!r}; there is {known}.{hint.en}",
            f"没有 {name!r} 的 schema；可用：{known}。{hint.zh}",
        )
    title, types = _TYPES[name]
    wholes, parts = msgspec.json.schema_components(
        (*types, Detection), schema_hook=_hook, ref_template="#/$defs/{name}"
    )
    parts["Facts"] = facts.schema()
    for part in parts.values():
        for key in part.get("properties", {}):
            if key == "facts":
                part["properties"][key] = {"$ref": "#/$defs/Facts"}
    for type_ in (CheckDocument, PlanDocument, ManifestDocument):
        if type_.__name__ in parts:
            parts[type_.__name__]["properties"]["schema"] = {"const": title}
    shown = wholes[: len(types)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **(shown[0] if len(shown) == 1 else {"anyOf": list(shown)}),
        "$defs": dict(sorted(parts.items())),
    }


def main(folder: str) -> None:
    """Write the schema of each name into `folder`."""
    for name in NAMES:
        text = json.dumps(schema(name), indent=1, ensure_ascii=False) + "\n"
        Path(folder, f"{name}.json").write_text(text, encoding="utf-8")


def _hook(type_: type) -> Json:
    if type_ is Fraction:
        return facts.EXACT
    # As msgspec wants it of a hook that does not know a type: a mistake of ours.
    raise NotImplementedError(f"{type_} has no place in a document")


if __name__ == "__main__":
    main(sys.argv[1])
