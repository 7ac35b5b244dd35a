"""What was looked at, as one PNG an asset in the folder that `--plots` names: sounds, photos, all pages of a deck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Final

from pipeline.documents import facts
from pipeline.documents.types import PreparedAsset
from pipeline.errors import PreflightError
from pipeline.model.facts import MediaInfo
from pipeline.model.job import Job
from pipeline.model.measures import MEASURES
from pipeline.model.results import Category, Made
from pipeline.storage import publish

# Facts that there is a picture of.
_SHOWN: Final = ("slides", *(one.plot.shows for one in MEASURES.values() if one.plot))


def draw(job: Job, info: MediaInfo | None, made: Sequence[Made] = (), work: Path | None = None) -> None:
    """Publish the picture of an asset, if the job asks for one and there is something to see.

    `made` are files that conversion left in `work`: pages are not drawn twice. Nothing is drawn of a deck that
    cannot become pages; why is among its findings.
    Raises PreflightError when a deck cannot be drawn, OSError when the folder refuses.
    """
    if not job.plots or info is None:
        return
    out = Path(job.plots)
    with publish.workshop(out) as ours:
        if not _drawn(Path(job.path), info, made, work or ours, ours / "plot.png"):
            return
        publish.publish(ours / "plot.png", out / f"{job.stem}.png", replace=True, below=out)


def missing(job: Job, entry: PreparedAsset) -> bool:
    """Whether this finished asset has no picture yet although the job asks for one."""
    info = facts.decoded(entry.facts) if job.plots else None
    if info is None or not any(getattr(info, name) for name in _SHOWN):
        return False
    return not Path(job.plots, f"{job.stem}.png").is_file()


def _drawn(path: Path, info: MediaInfo, made: Sequence[Made], work: Path, target: Path) -> bool:
    if info.slides:
        return _deck(path, info, made, work, target)
    plots = (one.plot for one in MEASURES.values() if one.plot and any(getattr(info, fact) for fact in one.needs))
    return any(resolve_name(plot.draw)(path, info, target) for plot in plots)


def _deck(path: Path, info: MediaInfo, made: Sequence[Made], work: Path, target: Path) -> bool:
    """A contact sheet of the pages that were made, or of those of the PDF that was, or can be, made."""
    from pipeline.convert.slides import convert as slides
    from pipeline.plots import contact_sheet, still

    pages = [Path(one.path) for one in made if one.category is Category.PAGE]
    if not pages:
        try:
            slides.fit(info)
        except PreflightError:  # no picture; the findings name what is wrong
            return False
        main = [Path(one.path) for one in made if one.category is Category.MAIN and one.path.endswith(".pdf")]
        pdf = main[0] if len(main) == 1 else slides.as_pdf(path, info, work)
        pages = still.pdf_pages(pdf, work, contact_sheet.MOST)
    sheet = contact_sheet.contact(pages)
    if sheet:
        target.write_bytes(sheet)
    return sheet is not None
