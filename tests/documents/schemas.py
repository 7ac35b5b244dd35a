"""Documents against their schemas, by a program that is not ours."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator

from pipeline.documents.schema import schema

_DOCUMENTS: Final = {
    "media-preflight/report/2": "report",
    "media-preflight/manifest/2": "manifest",
    "media-preflight/upload/1": "upload",
}
_EVENTS: Final = frozenset({"step", "progress", "probed", "checked", "planned", "prepared", "verified", "summary"})
_SENDING: Final = frozenset({"uploaded", "progress", "summary"})


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def held(told: dict[str, Any]) -> None:
    """Fail when a document or an event is not what its schema says; what has none is left alone."""
    name = _DOCUMENTS.get(str(told.get("schema"))) if "event" not in told else None
    if told.get("event") in _EVENTS:
        name = "event"
    if told.get("event") in _SENDING and {"destination", "verified", "name"} & set(told):
        name = "upload"
    if name:
        faults = [f"{error.json_path}: {error.message[:300]}" for error in _validator(name).iter_errors(told)]
        assert not faults, f"{name}: {faults[:5]}"
