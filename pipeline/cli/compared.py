"""Which pictures lie beside footage and may show the identity card of the person in it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.model.facts import Kind
from pipeline.model.job import Job
from pipeline.model.rules import Preset, Role
from pipeline.rules.judge import needs
from pipeline.storage import urls

CHECK: Final = "person.identity"
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")


def beside(preset: Preset, groups: Sequence[list[Job]]) -> tuple[tuple[list[Job], ...], bool]:
    """The jobs, those that may be footage with the cards in their folder, and whether the preset compares them at all.

    A job with a role of its own is a card where that role is for cards; of the others a name that says picture has to
    do: what it is by content is seen when it is read.
    """
    if not any(rule.check == CHECK for role in preset.roles for rule in role.rules):
        return tuple(groups), False
    cards = defaultdict[str, list[str]](list)
    for job in (job for group in groups for job in group):
        if not urls.is_url(job.path) and _card(preset, job):
            cards[_folder(job)].append(job.path)
    return tuple(
        [replace(job, cards=tuple(cards.get(_folder(job), ()))) if _filmed(preset, job) else job for job in group]
        for group in groups
    ), True


def _folder(job: Job) -> str:
    return os.path.dirname(os.path.abspath(job.path)) if not urls.is_url(job.path) else ""  # noqa: PTH100, PTH120  10,000


def _card(preset: Preset, job: Job) -> bool:
    if job.role is not None:
        return _shows(preset.role(job.role))
    return job.path.lower().endswith(_PICTURES) and _shows(preset.role_for(Kind.IMAGE))


def _shows(role: Role | None) -> bool:
    return role is not None and "card" in needs(role, Kind.IMAGE)


def _filmed(preset: Preset, job: Job) -> bool:
    role = preset.role(job.role) if job.role is not None else preset.role_for(Kind.VIDEO)
    if job.role is None and job.path.lower().endswith(_PICTURES):
        return False
    return role is not None and any(rule.check == CHECK for rule in role.rules)
