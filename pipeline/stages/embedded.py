"""Videos and sounds inside a deck: taken out, and prepared as assets of their own by the roles of the same scenario.

They are worked on where the deck was, right after it. Each has its own entry, whose source is the deck's name, "#"
and the name that it was given: `talk.pptx#slide-003-1.mp4`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pipeline.convert.slides import split as deck_parts
from pipeline.model.case import Case
from pipeline.model.facts import Embedded, Text
from pipeline.model.job import Job
from pipeline.model.results import Category, Outcome, Output, Proof, Status, Step
from pipeline.probe import probe
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check, problem
from pipeline.storage import publish
from pipeline.storage.digest import content_md5, content_type

if TYPE_CHECKING:
    from pipeline.model.job import Progress


_LONGEST: Final = 200  # bytes of a deck's name, of the 255 that a file may have


def _listed(case: Case) -> tuple[Embedded, ...]:
    """What is to be taken out of a deck in its role."""
    takes = case.role is not None and case.role.wants("media") is True
    return case.facts.slides.embedded if takes and case.facts is not None and case.facts.slides is not None else ()


def steps(case: Case) -> tuple[Step, ...]:
    """What is done with them, in words."""
    found = _listed(case)
    if not found:
        return ()
    slides = ", ".join(map(str, sorted({one.slide for one in found})))
    en = f"{len(found)} videos and sounds taken out, each checked and prepared as an asset of its own: slides {slides}"
    return (Step(does=Text(en, f"取出 {len(found)} 个音视频，各自作为独立素材检查并处理：第 {slides} 页")),)


def prepare(case: Case, deck: Outcome, progress: Progress) -> tuple[Outcome, tuple[Outcome, ...]]:
    """A deck that was prepared, saying what was taken out of it; and what became of each of those.

    One that cannot be read stays in the deck. One that does not comply and cannot be repaired comes out as it is
    (category OTHER), so that it can be placed by hand. Never raises for one of them.
    """
    job, listed = case.job, _listed(case)
    if not listed or deck.status not in {Status.READY, Status.FIXED}:
        return deck, ()
    stem = preparing.stem(job, case.plan)
    last = stem.rpartition("/")[2]
    # The deck's name in front, where a file may be called so: where it goes there may be others of slide 1.
    named = f"{last}-" if len(os.fsencode(last)) <= _LONGEST else ""
    out = Path(job.out)
    with publish.workshop(out) as work:
        taken = deck_parts.media(Path(job.path), listed, work)
        found = []
        for one, path in taken:
            ours = replace(job, path=str(path), stem=f"{stem}/media/{named}{path.stem}", role=None, twin=(), plots="")
            progress("check")
            made = preparing.prepare(check(ours), progress)
            if made.status in {Status.BLOCKED, Status.FAILED}:
                made = _as_it_is(ours, made, out)
            found.append(replace(made, source=f"{job.path}#{path.name}", inside=one))
    left = len(listed) - len(taken)
    proof = Proof(
        name=Text("videos and sounds taken out", "取出的音视频"),
        expected=Text(f"{len(listed)}, or fewer where one cannot be read", f"{len(listed)}，无法读取者除外"),
        found=Text(
            f"{len(taken)}; {left} cannot be read and stay in the deck only",
            f"{len(taken)}；另有 {left} 个无法读取，仅保留在演示文稿中",
        )
        if left
        else Text.same(str(len(taken))),
        passed=True,
    )
    return replace(deck, steps=deck.steps + steps(case), proof=(*deck.proof, proof)), tuple(found)


def _as_it_is(job: Job, made: Outcome, out: Path) -> Outcome:
    """The same outcome, with the file itself published. Where that fails too, without."""
    path = Path(job.path)
    name = f"{job.stem}{path.suffix}"
    try:
        with publish.workshop(out) as work:
            publish.share(path, work / "kept")
            size, md5 = path.stat().st_size, content_md5(path)
            publish.publish_all(
                [(work / "kept", (name, size, md5))], out, work, ours=lambda given: preparing.ours(job, given)
            )
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return replace(made, status=Status.FAILED, error=made.error or problem(error))
    raw = Output(
        path=name,
        category=Category.OTHER,
        size=size,
        md5=md5,
        content_type=content_type(path),
        facts=made.facts or probe(path),
    )
    return replace(made, outputs=(raw,), receipt=work.name)
