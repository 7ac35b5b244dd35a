"""The pictures, sounds and words of one asset of the report, from its source and from what was made of it."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from pipeline.checks.base import at
from pipeline.documents.facts import decoded
from pipeline.documents.types import AssetEntry, OutputEntry, PreparedAsset
from pipeline.errors import PreflightError
from pipeline.model.facts import Kind, MediaInfo, Text
from pipeline.model.results import Category, Verdict
from pipeline.report.labels import WORDS
from pipeline.report.strip import Lane

_PAGES: Final = 12
_SMALL: Final = (360, 240)  # pixels; twice what a card shows, for dense screens
_LARGE: Final = (960, 640)
_WIDE_BOX: Final = (640, 420)
_SOUND_BOX: Final = (960, 480)
_HEARD: Final = 600  # seconds of sound that are listened to again for its picture
_LINES: Final = 4  # of a script
_WIDE: Final = 160  # characters of such a line
# Names of containers that the reader opens under another.
_OPENED_AS: Final[dict[str, str]] = {"wma": "asf", "wmv": "asf", "mpg": "mpeg", "ts": "mpegts", "m2ts": "mpegts"}


class CardJob(Struct, frozen=True, kw_only=True):
    """One asset of a report; travels to a worker."""

    number: int  # of the card, from 1
    entry: AssetEntry
    preset: str
    rules: tuple[int, ...]  # numbers of the rules in the summary that it breaks
    folders: tuple[str, ...]  # where a relative source may lie: the current folder, the report's
    outputs: str  # folder of the outputs
    pictures: bool = True
    open: bool = True  # unfolded at first, with large pictures


class Figure(Struct, frozen=True):
    """A picture with its caption."""

    data: str  # URI
    caption: Text
    wide: bool = False
    part: str = ""  # before or after, of a pair


def _uri(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


class Pictures:
    """The pictures of one card: the source, what was made of it, and the shape of its sound."""

    def __init__(self, job: CardJob) -> None:
        self.job, self.entry = job, job.entry
        self.info = decoded(self.entry.facts)
        self.made = self.entry if isinstance(self.entry, PreparedAsset) else None
        self.main = next((o for o in self._outputs(Category.MAIN)), None)
        inside = self.made is not None and self.made.inside is not msgspec.UNSET  # a deck, and its source is no file
        self.changed = self.main is not None and self.made is not None and self.main.md5 != self.made.source_md5
        self.source = self._output(self.main) if inside and self.main else self._source()
        self.missing = (
            Text("the source is not where it was, or has changed since", "源文件已移动或已更改")
            if self.source is None and self.info and not inside
            else None
        )

    @property
    def _caption(self) -> Text:
        """Of a picture of the source."""
        return WORDS["before"] if self.changed else Text("", "")

    def _outputs(self, category: Category) -> list[OutputEntry]:
        return [one for one in (self.made.outputs if self.made else ()) if one.category is category]

    def _source(self) -> Path | None:
        """The source, if it still has the size that was read."""
        for folder in self.job.folders:
            path = Path(folder, self.entry.source)
            try:
                if self.info and path.is_file() and path.stat().st_size == self.info.size:
                    return path
            except (OSError, ValueError):  # not here, or a name no file can have: maybe in the next folder
                continue
        return None

    def _output(self, output: OutputEntry) -> Path | None:
        """An output, never outside its folder."""
        top = Path(os.path.realpath(self.job.outputs))
        path = Path(top, output.path)
        try:
            inside = Path(os.path.realpath(path)).is_relative_to(top) and path.is_file()
            return path if inside and path.stat().st_size == output.size else None
        except (OSError, ValueError):  # out of reach, or a name no file can have: the card shows no picture of it
            return None

    def all(self) -> Iterator[Figure]:
        """Source first, then what was made of it."""
        box = _LARGE if self.job.open else _SMALL
        if self._asked("card"):  # of whatever is given as a card nothing but this is shown
            yield from _card(self.source, self.info)
            return
        if self.source is not None and self.info is not None and self.info.letter is not None:
            from pipeline.plots import papers

            yield from (
                Figure(_uri(page), said) for page, said in papers.pages(self.source, self.info, self.info.letter)
            )
            return
        if self.source is not None and self.info is not None:
            drawn = list(_drawn(self.source, self.info))
            # A photo with its face drawn onto it needs no second picture of itself, but to be compared with.
            before = None if drawn and self.info.image and not self.changed else _shot(self.source, self.info, box)
            if before:
                yield Figure(_uri(before), self._caption, part="before" if self.changed else "")
            yield from drawn
        if self.changed and self.main is not None:
            path, info = self._output(self.main), decoded(self.main.facts)
            after = _shot(path, info, box) if path and info else None
            if after:
                yield Figure(_uri(after), WORDS["after"], part="after")
        yield from self._sheet()

    def _asked(self, block: str) -> bool:
        """Whether the role of the asset is one whose rules ask for this block of facts."""
        from pipeline.rules import presets
        from pipeline.rules.judge import needs

        if self.info is not None and getattr(self.info, block) is not None:
            return True
        try:
            role = presets.load(self.job.preset).role(self.entry.role or "")
        except PreflightError:  # a preset of somebody else: the facts alone tell
            return False
        return role is not None and block in needs(role, Kind(self.entry.kind))

    def _sheet(self) -> Iterator[Figure]:
        """The pages of a deck side by side: those that were made, else those of a PDF."""
        named = self._outputs(Category.PAGE)
        made = [path for output in named[:_PAGES] if (path := self._output(output))]
        if made:
            yield from _contact(made, len(named))
            return
        slides = self.info.slides if self.info else None
        path = self.source if slides and slides.format == "pdf" else None
        if path is None and self.main is not None and self.main.content_type == "application/pdf":
            path = self._output(self.main)
        if path is not None and slides and slides.pages:
            from pipeline.plots.still import pdf_pages

            with tempfile.TemporaryDirectory(prefix="preflight-") as work:
                yield from _contact(pdf_pages(path, Path(work), _PAGES), slides.pages)

    def stills(self, lane: Lane) -> list[Figure]:
        """What the source shows where it has this fault."""
        source, info = self.source, self.info
        if source is None or info is None:
            return []
        seen = ((_still(source, info, at, _SMALL), caption) for at, caption in lane.moments)
        return [Figure(_uri(data), caption) for data, caption in seen if data]

    def waves(self) -> list[tuple[Text, tuple[float, ...]]]:
        """The loudness of the source over its length, and of what was made of it."""
        waves = [(self._caption, self._wave(self.source, self.info))]
        if self.changed and self.main is not None:
            waves.append((WORDS["after"], self._wave(self._output(self.main), decoded(self.main.facts))))
        return [(caption, wave) for caption, wave in waves if wave]

    def _wave(self, path: Path | None, info: MediaInfo | None) -> tuple[float, ...] | None:
        if info is None or path is None or not info.audio or not info.container:
            return None
        if info.speech and not info.video and not self.changed:
            return None  # its own picture shows more
        from pipeline.plots.waveform import peaks

        return peaks(path, _OPENED_AS.get(info.container, info.container), info.duration)

    def excerpt(self) -> list[tuple[int, str]] | None:
        """The lines of a script around the first fault in it, else its first lines, each with its number."""
        if self.source is None or self.info is None or self.info.text is None:
            return None
        from pipeline.probe.text.read import load

        try:
            whole = load(self.source, self.info.size).text
        except (PreflightError, OSError):  # changed since, or out of reach: a card without lines; its findings stay
            return None
        if whole is None:
            return None
        lines = whole.splitlines()
        wrong = next((f.where.en for f in self.entry.findings if f.verdict is Verdict.FAIL and f.where), "")
        fault = next((mark.line for mark in self.info.text.marks if wrong.startswith(at(mark).en)), 0)
        first = max(0, fault - 1 - _LINES // 2)
        return [(n, line[:_WIDE]) for n, line in enumerate(lines[first : first + _LINES], first + 1)]


def _shot(path: Path, info: MediaInfo, box: tuple[int, int]) -> bytes | None:
    from pipeline.plots import still

    if info.image:
        return still.picture(path, info.image.format, box)
    return _still(path, info, (info.duration or Fraction(0)) / 3, box)


def _still(path: Path, info: MediaInfo, at: Fraction, box: tuple[int, int]) -> bytes | None:
    """What a video shows at `at` seconds."""
    from pipeline.plots import still

    if not info.video or not info.container:
        return None
    return still.frame(path, _OPENED_AS.get(info.container, info.container), at, info.video[0].rotation or 0, box)


def _card(path: Path | None, info: MediaInfo | None) -> Iterator[Figure]:
    from pipeline.plots import papers

    data = papers.blurred(path, info) if path and info else None
    if data:
        yield Figure(_uri(data), Text("card, blurred; edges blue, glare red", "证件（已模糊）；蓝框为边缘，红框为反光"))


def _contact(pages: list[Path], count: int) -> Iterator[Figure]:
    from pipeline.plots.contact_sheet import contact
    from pipeline.plots.still import from_png

    data = contact(pages)
    if data:
        yield Figure(_uri(from_png(data, _WIDE_BOX)), Text(f"{count} page(s)", f"{count} 页"), wide=True)


def _drawn(path: Path, info: MediaInfo) -> Iterator[Figure]:
    """What was measured, drawn: faces onto the photo, speech and clipping onto the sound."""
    from pipeline.plots import still

    if info.image and info.faces:
        from pipeline.plots.face import verdict

        data = verdict(path, info)
        if data:
            yield Figure(_uri(still.from_png(data, _WIDE_BOX)), Text("face", "人脸"))
    length = info.duration
    if info.speech and info.audio and length is not None and length <= _HEARD:
        from pipeline.plots.sound import plot

        try:
            with tempfile.TemporaryDirectory(prefix="preflight-") as work:
                target = Path(work, "sound.png")
                plot(path, info.audio[0], float(length), target)
                data = target.read_bytes()
        except still.DAMAGE:  # a picture that cannot be made is left out; the card has the numbers
            return
        yield Figure(_uri(still.from_png(data, _SOUND_BOX)), Text("sound", "声音"), wide=True)
