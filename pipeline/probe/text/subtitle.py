"""Facts about SRT, WebVTT and ASS subtitles: their cues, in which order, and what cannot be read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from pipeline.model.facts import Kind, Mark, MediaInfo, Text, TextInfo, Value
from pipeline.probe.text.ass import dialogue
from pipeline.probe.text.read import load, unknown_encoding
from pipeline.probe.unopened import unopened

# As the most lenient player reads them: fractions may be missing, signs may be full-width ones of an input method.
_STAMP: Final = r"(?:(\d{1,4})[:：])?(\d{1,2})[:：](\d{1,2})(?:[,.，．](\d{1,3}))?"
_ARROW: Final = r"(?:-{1,3}>|→)"
_TIMES: Final = re.compile(rf"\s*{_STAMP}\s*{_ARROW}\s*{_STAMP}(?:\s+[^\n]*)?")
_POINTS: Final = re.compile(_ARROW)
_LONG: Final = 500  # characters of a line of times; WebVTT may add settings
_NOT_CUES: Final = ("WEBVTT", "NOTE", "STYLE", "REGION")  # blocks of WebVTT that are no cues


class Cue(NamedTuple):
    """One subtitle. Times in seconds; `line` counts from 1."""

    start: Fraction
    end: Fraction
    text: str
    line: int
    parted: bool = False  # by an empty line, which ends it for its players


_NO_TIMES: Final = Text("no times", "没有时间")
_BACKWARDS: Final = Text("ends before it begins", "结束早于开始")


class Fault(NamedTuple):
    """A block that is not a cue, and why."""

    why: Text
    line: int


def _clock(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> Fraction:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return Fraction(whole * 1000 + int((fraction or "0").ljust(3, "0")), 1000)


def _blocks(text: str, format_: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines that are not blank, with the number of the first, from 1.

    A line of blanks ends a cue of SRT for its players; in WebVTT only an empty one does (W3C WebVTT, 6.2).
    """
    rows: list[str] = []
    for number, row in enumerate(chain(text.split("\n"), [""]), 1):
        if row.strip() or (row and rows and format_ == "vtt"):
            rows.append(row)
        elif rows:
            yield number - len(rows), rows
            rows = []


def _apart(line: int, rows: list[str]) -> Iterator[tuple[int, list[str]]]:
    """A block cut before each further line of times, with the number above it: players begin a cue there as well."""
    times = [n for n, row in enumerate(rows) if len(row) <= _LONG and _TIMES.fullmatch(row)]
    begin = 0
    for before, at in pairwise(times):
        cut = at - 1 if at - 1 > before and rows[at - 1].strip().isdecimal() else at
        yield line + begin, rows[begin:cut]
        begin = cut
    yield line + begin, rows[begin:]


def parse(text: str, format_: str) -> tuple[list[Cue], list[Fault]]:
    """Cues and faults of a subtitle text with "\\n" line ends, both in the order of the file."""
    cues: list[Cue] = []
    faults: list[Fault] = []
    if format_ == "ass":
        for said in dialogue(text):
            if said.start is None or said.end is None:
                faults.append(Fault(_NO_TIMES, said.line))
            elif said.end <= said.start:
                faults.append(Fault(_BACKWARDS, said.line))
            else:
                cues.append(Cue(said.start, said.end, said.text, said.line))
        return cues, faults
    for line, rows in chain.from_iterable(_apart(*block) for block in _blocks(text, format_)):
        if format_ == "vtt" and rows[0].startswith(_NOT_CUES):
            # After the head an empty line is due; where it is missing the first cue stands in the same block.
            skipped = next((n for n, row in enumerate(rows) if _POINTS.search(row)), len(rows))
            if not rows[0].startswith("WEBVTT") or skipped == len(rows):
                continue
            line, rows = line + skipped, rows[skipped:]
        # The number (SRT) or name (WebVTT) above the times is optional in practice.
        times = ((n, _TIMES.fullmatch(row)) for n, row in enumerate(rows[:2]) if len(row) <= _LONG)
        at, found = next(((n, one) for n, one in times if one), (0, None))
        if found is None:
            broken = any(map(_POINTS.search, rows[:2])) or "".join(rows).strip().isdecimal()
            if broken or format_ != "srt" or not cues or faults:
                faults.append(Fault(_NO_TIMES, line))
            else:  # the cue goes on behind an empty line
                cues[-1] = cues[-1]._replace(text="\n".join((cues[-1].text, *rows)).strip(), parted=True)
            continue
        start, end = _clock(*found.groups()[:4]), _clock(*found.groups()[4:])
        if end <= start:
            faults.append(Fault(_BACKWARDS, line + at))
            continue
        cues.append(Cue(start, end, "\n".join(rows[at + 1 :]).strip(), line + at))
    return cues, faults


# A cue as the strictest player reads it: a number, times with commas and nothing else in their line, plain words.
_PLAIN_TIMES: Final = re.compile(r"\d{2,4}:[0-5]\d:[0-5]\d,\d{3} --> \d{2,4}:[0-5]\d:[0-5]\d,\d{3} *")
MARKUP: Final = re.compile(r"</?font\b[^<>]*>|\{\\[^{}]*\}", re.IGNORECASE)
_LOOSE: Final = (
    Text(
        "the line of times is not HH:MM:SS,mmm --> HH:MM:SS,mmm alone", "时间行不是单独的 HH:MM:SS,mmm --> HH:MM:SS,mmm"
    ),
    Text("no number above the times", "时间行上方没有序号"),
    Text("no empty line before it", "前面没有空行"),
    Text("markup that some players print", "含部分播放器会原样显示的标记"),
    Text("an empty line inside it: players show nothing behind that", "字幕中间有空行：播放器不显示其后的文字"),
)


def _forms(text: str, cues: list[Cue]) -> Iterator[Mark]:
    """Of SRT: cues that lenient players show and the strictest one does not, or not alike."""
    rows = ["", "", *text.split("\n")]
    for cue in cues:
        at = cue.line + 1
        numbered = rows[at - 1].strip().isdecimal()
        there = (
            not _PLAIN_TIMES.fullmatch(rows[at]),
            not numbered,
            bool(rows[at - 2 if numbered else at - 1].strip()),
            MARKUP.search(cue.text) is not None,
            cue.parted,
        )
        why = next((said for said, found in zip(_LOOSE, there, strict=True) if found), None)
        if why:
            yield _mark("fault.form", None, cue.line, why)


def _mark(what: str, value: Value | None, line: int, why: Text | None = None) -> Mark:
    return Mark(what=what, value=value, line=line, column=1, why=why)


# Where a sentence breaks; the platform takes these out of what it shows (MS-Intro 4.6 Table 4-5).
STRIPPED: Final = frozenset("，。、；：！？,.;:!?…")


def width(text: str) -> int:
    """Columns of a line: a Chinese character is two wide (Unicode UAX 11)."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _extremes(cues: list[Cue]) -> Iterator[Mark]:
    """The shortest and the longest cue, the widest line, and how many lines end in what is taken out."""
    if not cues:
        return
    short = min(cues, key=lambda cue: cue.end - cue.start)
    long = max(cues, key=lambda cue: cue.end - cue.start)
    yield _mark("cue.shortest", short.end - short.start, short.line)
    yield _mark("cue.longest", long.end - long.start, long.line)
    rows = [(width(row), cue.line + n) for cue in cues for n, row in enumerate(cue.text.split("\n"), 1)]
    wide, line = max(rows, key=lambda pair: pair[0])
    yield _mark("cue.width", wide, line)
    stopped = [cue.line for cue in cues if cue.text.rstrip()[-1:] in STRIPPED and cue.text.strip()]
    yield _mark("cue.punctuation", len(stopped), stopped[0] if stopped else cues[0].line)


def _marks(cues: list[Cue], faults: list[Fault]) -> tuple[Mark, ...]:
    marks = [_mark("cue", cue.start, cue.line) for cue in cues]
    marks += [_mark("fault.syntax", None, fault.line, fault.why) for fault in faults]
    marks += [
        _mark("fault.order", after.start, after.line) for before, after in pairwise(cues) if after.start < before.start
    ]
    marks += _extremes(cues)
    in_time = sorted(cues, key=lambda cue: (cue.start, cue.end))
    reach = Fraction(-1)
    for cue in in_time:
        if cue.start < reach:
            marks.append(_mark("fault.overlap", reach - cue.start, cue.line))
        reach = max(reach, cue.end)
    return tuple(sorted(marks, key=lambda mark: (mark.line, mark.what)))


def read(path: Path, size: int, format: str, said: str | None = None) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the subtitles at `path`, in the encoding that is `said`, else in the one that they are in.

    Marks: "cue" (its start), "fault.syntax" (why), "fault.order" (begins before the cue above it),
    "fault.overlap" (seconds, in order of time), "fault.form" (why the strictest player of SRT reads
    it otherwise). Raises CeilingExceeded above MAX_TEXT bytes.
    """
    encoding, bom, text, guesses = load(path, size, said)
    info = TextInfo(format=format, encoding=encoding, bom=bom)
    if text is not None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        cues, faults = parse(text, format)
        info = replace(
            info,
            characters=len(text.strip()),
            spoken=sum(len(cue.text) for cue in cues),
            marks=(*_marks(cues, faults), *(_forms(text, cues) if format == "srt" else ())),
        )
    remarks = () if text is not None else (unknown_encoding(path.name, guesses, said),)
    return replace(unopened(path, Kind.SUBTITLE, size), text=info, remarks=remarks)
