"""One asset as a card of the HTML report: pictures and text, made in a worker."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.documents.entry import solved_by
from pipeline.errors import PreflightError
from pipeline.model.facts import AudioStream, Face, ImageInfo, Kind, MediaInfo, Size, Text
from pipeline.model.units import show
from pipeline.report.findings import Entry, both, passed, rules_of, stopped, told, unmeasured, value_of
from pipeline.report.labels import UNSEEN, WORDS
from pipeline.report.translate import proof_name, proof_value, words

if TYPE_CHECKING:
    from jinja2 import Environment

Progress = Callable[[float], None]

TEMPLATES: Final = Path(__file__).parent / "templates"
# Worst first: the order of the cards.
ORDER: Final = ("failed", "error", "blocked", "fixable", "fixed", "pass", "ready")
_PAGES: Final = 12
_EXACT: Final = re.compile(r"-?\d+(/[1-9]\d*)?")  # how JSON holds a fraction
_WIDE_BOX: Final = (640, 420)  # pixels
_SOUND_BOX: Final = (960, 480)
_HEARD: Final = 600  # seconds of sound that are listened to again for its picture
_LISTED: Final = 8  # outputs that are shown at once
_LINES: Final = 4  # of a script
_WIDE: Final = 160  # characters of such a line
# Names of containers that the reader opens under another.
_OPENED_AS: Final[dict[str, str]] = {"wma": "asf", "wmv": "asf", "mpg": "mpeg", "ts": "mpegts", "m2ts": "mpegts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardJob:
    """One asset of a report; travels to a worker."""

    number: int  # of the card, from 1
    entry: Mapping[str, Any]
    preset: str
    rules: tuple[tuple[str, int], ...]  # numbers of the rules in the summary
    folders: tuple[str, ...]  # where a relative source may lie: the current folder, the report's
    outputs: str  # folder of the outputs
    pictures: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its caption."""

    data: str  # URI
    caption: Text
    wide: bool = False


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
    made.globals["proof_name"] = proof_name
    made.globals["proof_value"] = proof_value
    return made


def visible(text: object) -> str:
    """Text from a file, with control and direction characters shown as escapes."""
    return UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text))


def render(job: CardJob, pictures: Pictures | None) -> str:
    """The card from the entry of a report or manifest."""
    entry, rules = job.entry, rules_of(job.preset)
    findings = stopped(entry)
    shown, hidden = told(findings, rules, solved_by(entry.get("outputs") or ()))
    return (
        environment()
        .get_template("card.html.jinja")
        .render(
            number=job.number,
            entry=entry,
            name=Path(entry["source"]).name,
            preset=job.preset,
            facts=facts_line(entry.get("facts") or {}),
            findings=shown,
            hidden=hidden,
            passed=passed(findings, rules),
            unmeasured=unmeasured(findings, rules),
            steps=[(both(step, "does"), " ".join(map(_quoted, step["command"]))) for step in entry.get("steps") or ()],
            outputs=entry.get("outputs") or [],
            listed=_LISTED,
            proof=entry.get("proof") or [],
            error=both(entry["error"], "message") if entry["error"] else None,
            rules=" ".join(str(number) for _, number in job.rules),
            pictures=list(pictures.all()) if pictures else [],
            wave=pictures.wave() if pictures else None,
            excerpt=pictures.excerpt() if pictures else None,
            missing=pictures.missing if pictures else None,
        )
    )


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


# --- facts in one line --------------------------------------------------------------------------------


def facts_line(facts: Entry) -> Text:
    """What a file is, in a line: size, pixels, rate, codec, length."""
    en, zh = list[str](), list[str]()
    for one in _facts(facts):
        en.append(one.en)
        zh.append(one.zh)
    return Text(" · ".join(en), " · ".join(zh))


def _same(text: str) -> Text:
    return Text(text, text)


def _facts(facts: Entry) -> Iterator[Text]:
    container = facts.get("container")
    if container:
        yield _same(str(container))
    for stream in (facts.get("video") or ())[:1]:
        size = stream.get("size") or stream.get("coded")
        if size:
            yield _same(f"{size['width']}×{size['height']}")
        if stream.get("frame_rate"):
            yield _same(show(value_of(stream["frame_rate"], "rate"), "rate"))
        if stream.get("codec"):
            yield _same(str(stream["codec"]))
        if stream.get("alpha"):
            yield Text("alpha", "透明通道")
    for stream in (facts.get("audio") or ())[:1]:
        parts = [stream.get("codec"), f"{stream['sample_rate']} Hz" if stream.get("sample_rate") else None]
        yield _same(" ".join(str(p) for p in parts if p))
        if stream.get("channels"):
            yield Text(f"{stream['channels']} ch", f"{stream['channels']} 声道")
    image, slides, text, archive = (facts.get(key) or {} for key in ("image", "slides", "text", "archive"))
    if image:
        yield _same(f"{image['format']} {image['size']['width']}×{image['size']['height']}")
    if slides:
        yield Text(f"{slides['format']}, {slides.get('pages')} pages", f"{slides['format']}，{slides.get('pages')} 页")
    if text:
        count = text.get("characters")
        encoding = text.get("encoding") or "?"
        yield Text(f"{text['format']} {encoding}", f"{words(str(text['format']))} {encoding}")
        if count is not None:
            yield Text(f"{count} characters", f"{count} 字")
    if archive:
        count = len(archive.get("entries") or ())
        yield Text(f"{count} entries", f"{count} 个文件")
    duration = value_of(facts.get("duration"), "seconds")
    if duration is not None:
        yield _same(f"{float(Fraction(str(duration))):.4g} s")
    if isinstance(facts.get("size"), int):
        size = show(facts["size"], "bytes").partition(" (")[0]
        yield Text(size, size.replace("bytes", "字节"))


# --- pictures -----------------------------------------------------------------------------------------


def _uri(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


class Pictures:
    """The pictures of one card: the source, what was made of it, and the shape of its sound."""

    def __init__(self, job: CardJob) -> None:
        self.job, self.entry = job, job.entry
        self.facts: Entry = job.entry.get("facts") or {}
        self.main = next((o for o in self.entry.get("outputs") or () if o["category"] == "MAIN"), None)
        inside = "inside" in self.entry  # a deck, and its source is no file
        self.source = self._output(self.main) if inside and self.main else self._source()
        self.missing = (
            Text("the source is not where it was, or has changed since", "源文件已移动或已更改")
            if self.source is None and self.facts and not inside
            else None
        )

    def _source(self) -> Path | None:
        """The source, if it still has the size that was read."""
        for folder in self.job.folders:
            path = Path(folder, self.entry["source"])
            try:
                if path.is_file() and path.stat().st_size == self.facts.get("size"):
                    return path
            except (OSError, ValueError):
                continue
        return None

    def _output(self, output: Entry) -> Path | None:
        """An output, never outside its folder."""
        top = Path(self.job.outputs).resolve()
        path = Path(top, output["path"])
        try:
            inside = path.resolve().is_relative_to(top) and path.is_file()
            return path if inside and path.stat().st_size == output["size"] else None
        except (OSError, ValueError):
            return None

    def all(self) -> Iterator[Picture]:
        """Source first, then what was made of it."""
        changed = self.main is not None and self.main["md5"] != self.entry["source_md5"]
        if self.source is not None:
            drawn = list(_drawn(self.source, self.facts))
            # A photo with its face drawn onto it needs no second picture of itself.
            before = None if drawn and self.facts.get("image") else _shot(self.source, self.facts)
            if before:
                yield Picture(_uri(before), Text("before", "修复前") if changed else Text("", ""))
            yield from drawn
        if changed and self.main is not None:
            path = self._output(self.main)
            after = _shot(path, self.main["facts"]) if path else None
            if after:
                yield Picture(_uri(after), Text("after", "修复后"))
        yield from self._sheet()

    def _sheet(self) -> Iterator[Picture]:
        """The pages of a deck side by side: those that were made, else those of a PDF."""
        named = [o for o in self.entry.get("outputs") or () if o["category"] == "PAGE"]
        made = [path for output in named[:_PAGES] if (path := self._output(output))]
        if made:
            yield from _contact(made, len(named))
            return
        slides = self.facts.get("slides") or {}
        path = self.source if slides.get("format") == "pdf" else None
        if path is None and self.main is not None and self.main["content_type"] == "application/pdf":
            path = self._output(self.main)
        if path is not None and slides.get("pages"):
            from pipeline.plots.still import pdf_pages

            with tempfile.TemporaryDirectory(prefix="preflight-") as work:
                yield from _contact(pdf_pages(path, Path(work), _PAGES), int(slides["pages"]))

    def wave(self) -> tuple[float, ...] | None:
        """The loudness of the source over its length."""
        if self.facts.get("speech") and not self.facts.get("video"):
            return None  # its own picture shows more
        if self.source is None or not self.facts.get("audio") or not self.facts.get("container"):
            return None
        from pipeline.plots.waveform import peaks

        duration = value_of(self.facts.get("duration"), "seconds")
        container = str(_OPENED_AS.get(self.facts["container"], self.facts["container"]))
        return peaks(self.source, container, Fraction(str(duration)) if duration is not None else None)

    def excerpt(self) -> list[tuple[int, str]] | None:
        """The lines of a script around the first fault in it, else its first lines, each with its number."""
        text = self.facts.get("text")
        if self.source is None or not text:
            return None
        from pipeline.probe.text.read import load

        try:
            whole = load(self.source, self.facts["size"]).text
        except (PreflightError, OSError):
            return None
        if whole is None:
            return None
        lines = whole.splitlines()
        fault = next((f for f in self.entry["findings"] if f["verdict"] == "fail" and f["where"]), None)
        at = re.search(r"line (\d+)", fault["where"]) if fault else None
        first = max(0, int(at[1]) - 1 - _LINES // 2) if at else 0
        return [(n, line[:_WIDE]) for n, line in enumerate(lines[first : first + _LINES], first + 1)]


def _shot(path: Path, facts: Entry) -> bytes | None:
    from pipeline.plots import still

    if facts.get("image"):
        return still.picture(path, facts["image"]["format"])
    if facts.get("video") and facts.get("container"):
        length = value_of(facts.get("duration"), "seconds")
        at = Fraction(str(length)) / 3 if length is not None else Fraction(0)
        container = str(_OPENED_AS.get(facts["container"], facts["container"]))
        return still.frame(path, container, at, int(facts["video"][0].get("rotation") or 0))
    return None


def _contact(pages: list[Path], count: int) -> Iterator[Picture]:
    from pipeline.plots.contact_sheet import contact
    from pipeline.plots.still import from_png

    data = contact(pages)
    if data:
        yield Picture(_uri(from_png(data, _WIDE_BOX)), Text(f"{count} page(s)", f"{count} 页"), wide=True)


def _drawn(path: Path, facts: Entry) -> Iterator[Picture]:
    """What was measured, drawn: faces onto the photo, speech and clipping onto the sound."""
    from pipeline.plots import still

    if facts.get("image") and facts.get("faces"):
        from pipeline.plots.face import verdict

        data = verdict(path, _photo(path, facts))
        if data:
            yield Picture(_uri(still.from_png(data, _WIDE_BOX)), Text("face", "人脸"))
    length = value_of(facts.get("duration"), "seconds")
    if facts.get("speech") and facts.get("audio") and isinstance(length, Fraction) and length <= _HEARD:
        from pipeline.plots.sound import plot

        stream = AudioStream(**{key: _exact(value) for key, value in facts["audio"][0].items()})
        try:
            with tempfile.TemporaryDirectory(prefix="preflight-") as work:
                target = Path(work, "sound.png")
                plot(path, stream, float(length), target)
                data = target.read_bytes()
        except still.DAMAGE:
            return
        yield Picture(_uri(still.from_png(data, _SOUND_BOX)), Text("sound", "声音"), wide=True)


def _photo(path: Path, facts: Entry) -> MediaInfo:
    """The facts that the drawing of a photo needs, as the model holds them."""
    image = facts["image"]
    stored, size = (Size(image[key]["width"], image[key]["height"]) for key in ("stored", "size"))
    info = ImageInfo(format=image["format"], stored=stored, size=size, orientation=image.get("orientation", 1))
    return MediaInfo(
        name=path.name,
        kind=Kind.IMAGE,
        size=facts["size"],
        extension=facts.get("extension", ""),
        image=info,
        faces=tuple(Face(**{key: _exact(value) for key, value in face.items()}) for face in facts["faces"]),
    )


def _exact(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_exact, value))
    return Fraction(value) if isinstance(value, str) and _EXACT.fullmatch(value) else value
