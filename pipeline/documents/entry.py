"""Reports and outcomes as JSON documents; `docs/json.md` is the promise made to users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any, Final

import pipeline
from pipeline.checks import CHECKS
from pipeline.documents.face_detection import detection
from pipeline.documents.messages import edit, message
from pipeline.model.facts import MediaInfo, Size
from pipeline.model.results import Finding, Fix, Outcome, Output, Problem, Proof, Report, Step, Verdict
from pipeline.model.rules import Preset
from pipeline.model.units import bare, exact
from pipeline.storage import urls

REPORT: Final = "media-preflight/report/1"
MANIFEST: Final = "media-preflight/manifest/1"
CHECKED: Final = ("pass", "fixable", "blocked", "error")
PREPARED: Final = ("ready", "fixed", "blocked", "failed")

_Json = Any  # what json.dumps takes


def plain(value: object) -> _Json:
    """Any of our frozen values as JSON: fractions as strings, sizes as {"width", "height"}."""
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Size):
        return {"width": value.width, "height": value.height}
    if isinstance(value, Fraction):
        return exact(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list | frozenset):
        return [plain(item) for item in value]
    return value


def facts(info: MediaInfo | None) -> _Json:
    """The facts that are known; what does not apply to the kind of file is left out."""
    if info is None:
        return {}
    told = {key: value for key, value in plain(info).items() if value not in (None, [], ())}
    if info.faces:
        told["faces"] = [
            face | {"detection": detection(one)} for face, one in zip(told["faces"], info.faces, strict=True)
        ]
    return told


def solved_by(outputs: Iterable[Mapping[str, _Json]]) -> frozenset[str]:
    """The rules that were asked of the main outputs and hold for all of them."""
    asked = [f for output in outputs if output["category"] == "MAIN" for f in output["findings"]]
    return frozenset(f["rule"] for f in asked) - {f["rule"] for f in asked if f["verdict"] != "pass"}


def fix(edit_: Fix | None, lang: str) -> _Json:
    """A fix as the contract has it, or None."""
    if edit_ is None:
        return None
    said = edit(edit_)
    return {"does": said.of(lang), "safety": edit_.safety.name.lower(), "said": said._asdict()}


def finding(found: Finding, lang: str) -> _Json:
    """A finding as the contract has it."""
    rule, check = found.rule, CHECKS[found.rule.check]
    first = rule.sources[0]
    said = message(found)
    actual = None if found.actual is None else bare(found.actual)
    return {
        "rule": rule.id,
        "check": rule.check,
        "stream": found.stream,
        "where": found.where,
        "verdict": found.verdict.value,
        "blocks": found.blocks,
        "level": rule.level.value,
        "actual": actual,
        "limit": rule.limit.describe(lang, units=False),
        "unit": check.unit or {"bytes": "bytes", "seconds": "s", "hertz": "Hz", "bits": "bps"}.get(check.type, ""),
        "message": said.of(lang),
        # Both languages where somebody has to act; what passed can be said again from the rule.
        "said": None if found.verdict is Verdict.PASS else said._asdict(),
        "fix": fix(found.fix, lang),
        "source": first._asdict(),
        "also": [source._asdict() for source in rule.sources[1:]],
        "code": rule.code,
    }


def error(problem: Problem | None, lang: str) -> _Json:
    """A problem as the contract has it, or None; "trace" only where nobody expected it."""
    if problem is None:
        return None
    told = {"type": problem.type, "message": problem.message.of(lang), "said": problem.message._asdict()}
    return told | {"trace": problem.trace} if problem.trace else told


def report(one: Report, lang: str) -> _Json:
    """One asset of a report."""
    return {
        "source": shown(one.source),
        "kind": one.kind.value,
        "role": one.role,
        "status": one.status.value,
        "facts": facts(one.facts),
        "findings": [finding(f, lang) for f in one.findings],
        "error": error(one.error, lang),
    }


def step(one: Step, lang: str) -> _Json:
    """One thing done or to do."""
    return {"does": one.does.of(lang), "said": one.does._asdict(), "command": list(one.command)}


def _output(one: Output, lang: str) -> _Json:
    return {
        "path": shown(one.path),
        "category": one.category.value,
        "size": one.size,
        "md5": one.md5,
        "content_type": one.content_type,
        "facts": facts(one.facts),
        "findings": [finding(f, lang) for f in one.findings],
        "text": one.text,
        "part": plain(one.part),
        "peak_memory": one.peak_memory,
    }


def _proof(one: Proof) -> _Json:
    return {"name": one.name, "expected": one.expected, "found": one.found, "passed": one.passed}


def outcome(one: Outcome, lang: str) -> _Json:
    """One asset of a manifest."""
    return {
        "source": shown(one.source),
        "source_md5": one.source_md5,
        "kind": one.kind.value,
        "role": one.role,
        "status": one.status.value,
        "facts": facts(one.facts),
        "findings": [finding(f, lang) for f in one.findings],
        "steps": [step(s, lang) for s in one.steps],
        "outputs": [_output(o, lang) for o in one.outputs],
        "proof": [_proof(p) for p in one.proof],
        "seconds": round(one.seconds, 3),
        "error": error(one.error, lang),
        "blocked": [finding(f, lang) for f in one.blocked],
    } | ({"inside": plain(one.inside)} if one.inside else {})


def head(schema: str, preset: Preset | None) -> _Json:
    """What stands above the assets."""
    from pipeline.tools.versions import ffmpeg_version

    return {
        "schema": schema,
        "tool": {"version": pipeline.__version__, "ffmpeg": ffmpeg_version()},
        "preset": {"id": preset.id, "sha256": preset.sha256} if preset else None,
    }


def shown(path: str) -> str:
    """A file name that can be printed and stored: bytes that are not UTF-8 are escapes, addresses hold no secrets."""
    path = urls.shown(path) if urls.is_url(path) else path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
