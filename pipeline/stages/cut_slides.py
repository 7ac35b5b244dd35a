"""A video that shows a deck: which page is shown when, as a list to look through; the clips are cut by `prepare`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pipeline.checks.text import CHARACTERS_A_MINUTE
from pipeline.convert.cut import listing, match
from pipeline.convert.cut import stretches as still
from pipeline.documents import entry
from pipeline.documents.types import CUTS, CutEntry, CutsDocument
from pipeline.errors import AssetError, NeedsReview
from pipeline.model import budget
from pipeline.model.ceilings import MAX_TEXT
from pipeline.model.facts import Kind, MediaInfo, Size
from pipeline.model.job import Job
from pipeline.probe import probe
from pipeline.probe.text.encoding import cleaned
from pipeline.probe.text.read import info_of
from pipeline.rules import presets
from pipeline.rules.plan import PARTS
from pipeline.storage import urls
from pipeline.storage.publish import publish, workshop
from pipeline.storage.regular import reading
from pipeline.tools import allowance

if TYPE_CHECKING:
    from PIL.Image import Image

    from pipeline.model.job import Progress

_NAMED: Final = 5  # doubtful places that are named
_BOX = Size(still.SMALL.width * 3, still.SMALL.height * 3)  # pixels of a page before it is made as small as frames


class CutsJob(Struct, frozen=True, kw_only=True):
    """A deck, a video of it, and what is asked of them; travels to a worker."""

    deck: str | None
    video: str
    cuts: str | None  # a list that somebody looked through
    preset: str
    out: str
    stem: str
    replace: bool
    lang: str
    publish: bool = True  # the list; one that somebody corrected stays as it is


def _deck_of(job: Job) -> str | None:
    """The deck that the video of a job shows, as far as names tell."""
    if job.deck or urls.is_url(job.path):
        return job.deck or None
    endings = (form(ending) for ending in listing.DECKS for form in (str.lower, str.upper))
    return next((str(one) for ending in endings if (one := Path(job.path).with_suffix(ending)).is_file()), None)


def looked_at(job: Job) -> tuple[str, ...]:
    """What decides beside the video how it is cut: its deck, and the list that somebody corrected."""
    listed = Path(job.out, listing.names(job.stem)[0])
    return tuple(filter(None, (_deck_of(job), str(listed) if _corrected(listed) else None)))


def paged(job: Job) -> Job:
    """The job of a video with the clips that it is cut into by its deck; as it is where it has none.

    A list in the output folder that somebody corrected holds. Raises NeedsReview where something is doubtful.
    """
    deck = _deck_of(job)
    if deck is None:
        return job
    with tempfile.TemporaryDirectory(prefix="preflight-") as nowhere:  # what is only planned leaves no list
        out = job.out or nowhere
        listed = Path(out, listing.names(job.stem)[0])
        theirs = _corrected(listed)
        cuts = CutsJob(
            deck=deck,
            video=job.path,
            cuts=str(listed) if theirs else None,
            preset=job.preset,
            out=out,
            stem=job.stem,
            replace=True,
            lang=job.lang,
            publish=not theirs,
        )
        told = cuts_document(cuts, lambda _: None)
    doubtful = [one for one in told.cuts if one.doubts]
    if doubtful or told.doubts:
        raise _doubtful(listed.name, told, doubtful)
    clips = tuple((one.clip, listing.exact(one.start), listing.exact(one.end)) for one in told.cuts if one.clip)
    return replace(job, cuts=clips, allow=job.allow | {PARTS})


def _doubtful(name: str, told: CutsDocument, doubtful: Sequence[CutEntry]) -> NeedsReview:
    first = [f"{one.start:g}-{one.end:g} s: {one.doubts[0]}" for one in doubtful[:_NAMED]]
    said = "; ".join([*told.doubts, *first]) + ("; ..." if len(doubtful) > _NAMED else "")
    count, whole = len(doubtful), len(told.cuts)
    return NeedsReview(
        f"not cut by page, for {count} of {whole} places are doubtful: {said}. Look through the list {name}, "
        "correct it or empty its column doubts, and run again.",
        f"未按页切分：{whole} 处中有 {count} 处存疑：{said}。请核对清单 {name}，修正或清空 doubts 列后重新运行。",
    )


def _corrected(listed: Path) -> bool:
    """Whether a list is another than the one that was written with the document beside it."""
    if not listed.is_file():
        return False
    try:
        with reading(listed) as csv, reading(listed.with_suffix(".json")) as document:
            now, told = csv.read(MAX_TEXT), json.loads(document.read(MAX_TEXT))
        rows = [[one[name] for name in listing.HEADER] for one in told["cuts"]]
        return listing.as_csv([*one[:-1], tuple(one[-1])] for one in rows).encode("utf-8") != now
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # then it is nobody's but theirs
        return True


def cuts_document(job: CutsJob, progress: Progress) -> CutsDocument:
    """Which page is shown when; the list is in the output folder then. Raises AssetError."""
    video = Path(job.video)
    info = probe(video)
    if info.kind is not Kind.VIDEO or not info.video:
        raise AssetError(
            f"{info.name} is {info.kind.value} without moving pictures: give the deck as it was exported as video.",
            f"{info.name} 为 {info.kind.value}，没有视频画面：请提供由演示文稿导出的视频。",
        )
    deck = _deck(job.deck)
    needs = [budget.memory(info, {"decode"}, converted=False)]
    needs += [budget.memory(deck, (), converted=True)] if deck else []
    allowance.ask(info.name, max(needs))
    texts = deck.slides.page_texts if deck and deck.slides else None
    with workshop(Path(job.out)) as work:
        doubts: tuple[str, ...] = ()
        if job.cuts:
            pages = deck.slides.pages if deck and deck.slides else None
            showings: Sequence[match.Showing] = listing.reviewed(Path(job.cuts), pages)
        else:
            found = _found(job, info, deck, work, progress)
            showings, doubts = found.showings, tuple(one.of(job.lang) for one in found.doubts)
        told = CutsDocument(
            **msgspec.structs.asdict(entry.head(CUTS, presets.load(job.preset))),
            deck=entry.shown(job.deck) if job.deck else None,
            video=entry.shown(job.video),
            cuts=tuple(_rows(showings, texts, job)),
            doubts=doubts,
        )
        if job.publish:
            _publish(told, job, work)
    return told


def _deck(path: str | None) -> MediaInfo | None:
    """What is known of the deck, where there is one. Raises AssetError."""
    if path is None:
        return None
    info = probe(Path(path))
    if info.kind is not Kind.SLIDES or info.slides is None:
        raise AssetError(
            f"{info.name} is {info.kind.value}: give the deck first and then its video.",
            f"{info.name} 为 {info.kind.value}：请先给出演示文稿，再给出其视频。",
        )
    return info


def _found(job: CutsJob, info: MediaInfo, deck: MediaInfo | None, work: Path, progress: Progress) -> match.Found:
    """What is seen in the video. Raises AssetError."""
    from pipeline.probe.av import timeline  # brings PyAV, which only workers load

    video, stream = Path(job.video), info.video[0]
    frames = timeline.frames(video, stream.index)
    if frames is None or stream.size is None:
        raise AssetError(
            f"{info.name} does not tell when its pictures are shown. Export it again, as MP4.",
            f"{info.name} 未说明各画面的显示时间。请重新导出为 MP4。",
        )
    progress("check")
    pictures = _pictures(Path(job.deck), deck, work, lambda done: progress(done / 4)) if job.deck and deck else ()
    stretches = still.find(video, info, frames, work, lambda done: progress(0.25 + done * 3 / 4))
    origin = info.start or Fraction(0)
    times = [time * frames.base - origin for time in sorted(frames.times)]
    end = max(frames.end - origin, info.duration or Fraction(0))
    return match.showings(stretches, pictures, (stream.size.width, stream.size.height), times, end)


def _pictures(path: Path, deck: MediaInfo, work: Path, progress: Callable[[float], None]) -> list[Image]:
    """All pages of the deck, small. Raises AssetError."""
    from pipeline.convert.slides import pages
    from pipeline.convert.slides.convert import as_pdf

    with pages.opened(as_pdf(path, deck, work), deck.name) as document:
        made = []
        for number in range(len(document)):
            made.append(pages.drawn(document, number, _BOX, deck.name).convert("L"))
            progress((number + 1) / len(document))
    return made


def _rows(showings: Sequence[match.Showing], texts: Sequence[str] | None, job: CutsJob) -> list[CutEntry]:
    word = "page" if job.deck else "still"
    return [
        CutEntry(
            page=one.page,
            start=(start := float(listing.exact(float(one.start)))),
            end=(end := float(listing.exact(float(one.end)))),
            seconds=round(end - start, 3),
            spoken=_spoken(texts[one.page - 1]) if texts and one.page and one.page <= len(texts) else None,
            clip=label,
            doubts=tuple(doubt.of(job.lang) for doubt in one.doubts),
        )
        for one, label in zip(showings, listing.labels(showings, word), strict=True)
    ]


def _spoken(said: str) -> float:
    """Seconds that the scene of a page takes to speak, as `scenes` tells them."""
    spoken = info_of("scene.txt", cleaned(said), "plain", "utf-8", bom=False)[0].spoken or 0
    return round(float(Fraction(spoken * 60, CHARACTERS_A_MINUTE)), 1)


def _publish(told: CutsDocument, job: CutsJob, work: Path) -> None:
    """The list in the output folder. One there that was corrected meanwhile stays. Raises AssetError."""
    out = Path(job.out)
    rows = [msgspec.structs.astuple(one) for one in told.cuts]
    texts = (listing.as_csv(rows), json.dumps(entry.plain(told), ensure_ascii=False, indent=1) + "\n")
    for name, text in zip(listing.names(job.stem), texts, strict=True):
        made = text.encode("utf-8")
        there = out / name
        if not (job.replace or job.cuts) and there.is_file() and there.read_bytes() != made:
            raise AssetError(
                f"{there} is another list than the one found now; somebody may have corrected it. Give it back with "
                "--cuts, or pass --overwrite always.",
                f"{there} 与本次结果不同，可能已被人工修正。请用 --cuts 提交该清单，或使用 --overwrite always。",
            )
        new = work / there.name
        new.write_bytes(made)
        publish(new, there, replace=True, below=out)
