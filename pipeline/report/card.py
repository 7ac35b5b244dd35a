"""One asset as a card of the HTML report: pictures and text, made in a worker."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.documents.facts import decoded
from pipeline.documents.types import AssetEntry, PlannedAsset, PreparedAsset
from pipeline.model.facts import MediaInfo, Text
from pipeline.model.results import Status, Verdict
from pipeline.model.units import both
from pipeline.report.figures import CardJob, Pictures
from pipeline.report.findings import grouped, passed, rules_of, solved, stopped, unmeasured
from pipeline.report.labels import UNSEEN, WORDS
from pipeline.report.strip import Lane, lanes

if TYPE_CHECKING:
    from jinja2 import Environment

Progress = Callable[[float], None]

TEMPLATES: Final = Path(__file__).parent / "templates"
# Worst first: the order of the cards.
ORDER: Final = (
    Status.FAILED,
    Status.ERROR,
    Status.BLOCKED,
    Status.FIXABLE,
    Status.FIXED,
    Status.PASS,
    Status.READY,
)
_LISTED: Final = 8  # outputs that are shown at once


def card_entry(job: CardJob, progress: Progress) -> str:
    """The card's HTML."""
    del progress  # a card is done at once
    try:
        return render(job, Pictures(job) if job.pictures else None)
    except Exception:  # noqa: BLE001  facts of a document from elsewhere may be anything; the text is still shown
        return bare(job)


def bare(job: CardJob) -> str:
    """The card without pictures, for a worker that died over them."""
    return render(job, None)


@cache
def environment() -> Environment:
    """Templates; everything is escaped unless a template says that it is ours."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["visible"] = visible
    made.globals["words"] = WORDS
    return made


def visible(text: object) -> str:
    """Text from a file, with control and direction characters shown as escapes."""
    return UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text))


def render(job: CardJob, pictures: Pictures | None) -> str:
    """The card from the entry of a report or manifest."""
    entry = job.entry
    made = entry if isinstance(entry, PreparedAsset) else None
    done = entry.steps if isinstance(entry, PlannedAsset | PreparedAsset) else ()
    findings = stopped(entry)
    listed, hidden = grouped(findings, rules_of(job.preset), solved(entry))
    return (
        environment()
        .get_template("card.html.jinja")
        .render(
            number=job.number,
            open=job.open,
            entry=entry,
            name=Path(entry.source).name,
            preset=job.preset,
            facts=facts_line(_known(entry.facts)),
            findings=listed,
            hidden=hidden,
            passed=passed(findings),
            unmeasured=unmeasured(findings),
            steps=[(step.said, shlex.join(step.command)) for step in done],
            outputs=made.outputs if made else (),
            listed=_LISTED,
            proof=made.proof if made else (),
            error=entry.error.said if entry.error else None,
            rules=" ".join(map(str, job.rules)),
            lanes=[(lane, pictures.stills(lane) if pictures else []) for lane in _lanes(entry)],
            pictures=list(pictures.all()) if pictures else [],
            waves=pictures.waves() if pictures else [],
            excerpt=pictures.excerpt() if pictures else None,
            missing=pictures.missing if pictures else None,
        )
    )


def _lanes(entry: AssetEntry) -> list[Lane]:
    """The faults of footage over its length."""
    info = _known(entry.facts)
    return lanes(info, {f.check for f in entry.findings if f.verdict is Verdict.FAIL}) if info else []


def _known(raw: msgspec.Raw) -> MediaInfo | None:
    try:
        return decoded(raw)
    except ValueError:  # of a document from elsewhere: the rest of the card is still worth showing
        return None


# --- facts in one line --------------------------------------------------------------------------------


def facts_line(info: MediaInfo | None) -> Text:
    """What a file is, in a line: size, pixels, rate, codec, length."""
    said = list(_facts(info)) if info else []
    return Text(" · ".join(one.en for one in said), " · ".join(one.zh for one in said))


def _facts(info: MediaInfo) -> Iterator[Text]:
    if info.container:
        yield Text.same(info.container)
    for picture in info.video[:1]:
        if size := picture.size or picture.coded:
            yield Text.same(f"{size.width}×{size.height}")
        if picture.frame_rate:
            yield both(picture.frame_rate, "rate")
        if picture.codec:
            yield Text.same(picture.codec)
        if picture.alpha:
            yield Text("alpha", "透明通道")
    for sound in info.audio[:1]:
        parts = [sound.codec, f"{sound.sample_rate} Hz" if sound.sample_rate else None]
        yield Text.same(" ".join(part for part in parts if part))
        if sound.channels:
            yield Text(f"{sound.channels} ch", f"{sound.channels} 声道")
    if info.image:
        yield Text.same(f"{info.image.format} {info.image.size.width}×{info.image.size.height}")
    if info.slides:
        pages = info.slides.pages
        yield Text(f"{info.slides.format}, {pages} pages", f"{info.slides.format}，{pages} 页")
    if info.text:
        yield both(info.text.format, "word").plus(Text.same(f" {info.text.encoding or '?'}"))
        if info.text.characters is not None:
            yield Text(f"{info.text.characters} characters", f"{info.text.characters} 字")
    if info.archive:
        count = len(info.archive.entries)
        yield Text(f"{count} entries", f"{count} 个文件")
    if info.duration is not None:
        yield Text.same(f"{float(info.duration):.4g} s")
    size_ = both(info.size, "bytes")
    yield Text(size_.en.partition(" (")[0], size_.zh.partition(" (")[0])


# --- pictures -----------------------------------------------------------------------------------------
