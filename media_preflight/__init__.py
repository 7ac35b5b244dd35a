"""media preflight for programs: check, repair, prove and verify media for digital-human platforms.

    import media_preflight

    report = media_preflight.check("clip.mp4", "convert/h264-1080p")
    if report.status is media_preflight.Status.FIXABLE:
        outcome = media_preflight.prepare("clip.mp4", "convert/h264-1080p", "out")

Each function says its units, ranges and errors in its docstring; `docs/api.md` shows it at work in a web service, in
Celery and elsewhere. What is named here keeps its name and meaning; what is not may change at any time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pipeline.api import (
        Batch,
        Planned,
        Verified,
        check,
        load_preset,
        plan,
        prepare,
        presets,
        probe,
        verify,
        warm,
    )
    from pipeline.errors import (
        AssetError,
        CeilingExceeded,
        Doubtful,
        NeedsReview,
        OurFault,
        PreflightError,
        PresetError,
        ProofFailed,
        SystemRefused,
        TimedOut,
        ToolFailed,
        ToolMissing,
        Unreadable,
        UploadError,
        UsageError,
        WorkerLost,
    )
    from pipeline.model.facts import (
        ArchiveEntry,
        ArchiveInfo,
        AudioStream,
        Embedded,
        ImageInfo,
        Kind,
        Mark,
        MediaInfo,
        OnSlide,
        Size,
        SlidesInfo,
        Text,
        TextInfo,
        Value,
        VideoStream,
    )
    from pipeline.model.job import (
        News,
    )
    from pipeline.model.measured import Face, Speech
    from pipeline.model.results import (
        Category,
        Finding,
        Fix,
        Outcome,
        Output,
        Part,
        Plan,
        Problem,
        Proof,
        Report,
        Status,
        Step,
        Verdict,
    )
    from pipeline.model.rules import (
        Condition,
        Level,
        Limit,
        Note,
        Preset,
        Role,
        Rule,
        Safety,
        Source,
    )

__all__ = [
    "ArchiveEntry",
    "ArchiveInfo",
    "AssetError",
    "AudioStream",
    "Batch",
    "Category",
    "CeilingExceeded",
    "Condition",
    "Doubtful",
    "Embedded",
    "Face",
    "Finding",
    "Fix",
    "ImageInfo",
    "Kind",
    "Level",
    "Limit",
    "Mark",
    "MediaInfo",
    "NeedsReview",
    "News",
    "Note",
    "OnSlide",
    "OurFault",
    "Outcome",
    "Output",
    "Part",
    "Plan",
    "Planned",
    "PreflightError",
    "Preset",
    "PresetError",
    "Problem",
    "Proof",
    "ProofFailed",
    "Report",
    "Role",
    "Rule",
    "Safety",
    "Size",
    "SlidesInfo",
    "Source",
    "Speech",
    "Status",
    "Step",
    "SystemRefused",
    "Text",
    "TextInfo",
    "TimedOut",
    "ToolFailed",
    "ToolMissing",
    "Unreadable",
    "UploadError",
    "UsageError",
    "Value",
    "Verdict",
    "Verified",
    "VideoStream",
    "WorkerLost",
    "check",
    "load_preset",
    "plan",
    "prepare",
    "presets",
    "probe",
    "verify",
    "warm",
]

_HOMES: Final = (
    "pipeline.api",
    "pipeline.errors",
    "pipeline.model.facts",
    "pipeline.model.measured",
    "pipeline.model.job",
    "pipeline.model.results",
    "pipeline.model.rules",
)


def __getattr__(name: str) -> Any:
    """Loaded when first asked for: whoever only imports this pays for nothing."""
    if name == "__version__":
        return import_module("pipeline").__version__
    if name in __all__:
        for module in map(import_module, _HOMES):
            if name in vars(module):
                globals()[name] = vars(module)[name]
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
