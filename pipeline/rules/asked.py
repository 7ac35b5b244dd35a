"""What was chosen of the repairs, as a job has it."""

from __future__ import annotations

from typing import Any

from pipeline.checks.person import ENDS
from pipeline.checks.speech import SILENCES
from pipeline.errors import UsageError
from pipeline.model.facts import Value
from pipeline.model.repairs import Repairs
from pipeline.model.rules import Safety
from pipeline.model.units import NotAValue, parse
from pipeline.rules.plan import PAGES, PARTS


def asked(chosen: Repairs) -> dict[str, Any]:
    """Fields of a `Job`: the safety, checks whose repair is made on request only, new files. Raises UsageError."""
    allow = {"slides.pages": chosen.split, PARTS: chosen.split, "media.duration": chosen.trim}
    allow |= {PAGES: chosen.cut_pages, **dict.fromkeys(ENDS, chosen.trim)}
    allow |= {"face.framed": chosen.crop, "face.share": chosen.crop}
    allow |= {"face.roll": chosen.straighten, "image.enlarge": chosen.enlarge}
    allow |= {"ssml.tag": chosen.strip_tags, **dict.fromkeys(SILENCES, chosen.trim_silence)}
    deliver: dict[str, Value] = {"stamped_name": False} if chosen.plain_names else {}
    if chosen.background is not None:
        try:
            deliver["background"] = parse("colour", chosen.background)
        except NotAValue as error:
            raise UsageError(f"background: {error}", f"background：{error.text.zh}") from None
    return {
        "at_least": Safety[(chosen.at_least or "lossy").upper()],
        "allow": frozenset(check for check, wanted in allow.items() if wanted),
        "deliver": tuple(sorted(deliver.items())),
    }
