"""One table of checks. A check is code that reads one fact; see `pipeline.model.results.Check`."""

from __future__ import annotations

from pipeline.checks import archive, audio, face, file, image, papers, person, slides, speech, subtitle, text, video
from pipeline.model.rules import Check

CHECKS: dict[str, Check] = {
    check.name: check
    for module in (file, video, person, audio, speech, image, face, slides, papers, archive, text, subtitle)
    for check in module.CHECKS
}
