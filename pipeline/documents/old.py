"""Documents of version 1 as version 2 has them: one sentence stands for both languages where it had one."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.documents.facts import decoded, encode, facts


def asset(held: dict[str, Any]) -> dict[str, Any]:
    """An asset. Raises ValueError, KeyError, TypeError, AttributeError for what no program wrote so."""
    from pipeline.documents.entry import id_of

    held["id"] = id_of(held["source"])
    outputs = held.get("outputs") or ()
    for found in [*held["findings"], *(held.get("blocked") or ()), *(f for o in outputs for f in o["findings"])]:
        finding(found)
    for told in [held["error"], *(held.get("steps") or ())]:
        _said(told)
    for output in outputs:
        output.setdefault("part", None)
        output.setdefault("peak_memory", None)
    for part in (held, *outputs):
        part["facts"] = facts(decoded(msgspec.Raw(encode(part["facts"])), old=True))
    for proof in held.get("proof") or ():
        proof |= {key: _both(proof[key]) for key in ("name", "expected", "found")}
    return held


def finding(found: dict[str, Any]) -> None:
    """A finding, changed in place. Raises as `asset`."""
    from pipeline.checks import CHECKS

    where, check = found["where"], CHECKS.get(found["check"])
    found["where"] = None if where is None else _both(where)
    found.setdefault("also", [])
    found.setdefault("blocks", found["level"] == "error" and found["verdict"] == "fail")
    found["told"] = None
    if found["verdict"] != "pass":
        _said(found)
        title = {"en": check.title.en, "zh": check.title.zh} if check else _both(found["check"])
        value = _both("unknown" if found["actual"] is None else found["actual"])
        found["told"] = {"title": title, "found": value, "limit": _both(found["limit"]), "rest": found["said"]}
    else:
        found["said"] = None
    _said(found["fix"], "does")


def _said(told: dict[str, Any] | None, key: str = "message") -> None:
    if told is not None and not told.get("said"):
        told["said"] = _both(told.get(key, told.get("does", "")))


def _both(text: str) -> dict[str, str]:
    return {"en": text, "zh": text}
