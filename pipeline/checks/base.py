"""What check modules share: how a fix is graded and how streams are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from pipeline.checks.preferences import Obeys
from pipeline.model.facts import AudioStream, Kind, Mark, MediaInfo, Size, Text, Value, VideoStream
from pipeline.model.rules import Check, Limit, Reading, Safety

Grade = Callable[[Value, Value], Safety]
Read = Callable[[MediaInfo], Iterator[Reading]]


def at(mark: Mark) -> Text:
    """Where in a text something is."""
    return Text(f"line {mark.line}, column {mark.column}", f"第 {mark.line} 行第 {mark.column} 列")


MOVING = frozenset({Kind.VIDEO})
SOUNDING = frozenset({Kind.VIDEO, Kind.AUDIO})
ANY = frozenset(Kind)


def lossless(actual: Value, target: Value) -> Safety:
    """Nothing that is seen or heard changes."""
    return Safety.LOSSLESS if target != actual else Safety.MANUAL


def lossy(actual: Value, target: Value) -> Safety:
    """The medium is made anew from the decoded original."""
    return Safety.LOSSY if target != actual else Safety.MANUAL


def grows(actual: Value, target: Value) -> bool:
    """Whether a size, or one side, becomes larger."""
    if isinstance(actual, Size) and isinstance(target, Size):
        return target.width > actual.width or target.height > actual.height
    return isinstance(actual, int | Fraction) and isinstance(target, int | Fraction) and target > actual


def only_down(actual: Value, target: Value) -> Safety:
    """Less can be made from more; more cannot be made from less."""
    if isinstance(actual, Size) and isinstance(target, Size):
        smaller = target.width <= actual.width and target.height <= actual.height
    elif isinstance(actual, int | Fraction) and isinstance(target, int | Fraction):
        smaller = target < actual
    else:
        smaller = False
    return Safety.LOSSY if smaller and target != actual else Safety.MANUAL


def of_video(value: Callable[[VideoStream], Value | None]) -> Read:
    """Read one value from each moving-picture stream."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        for stream in info.video:
            yield Reading(value(stream), stream.index)

    return read


def of_audio(value: Callable[[AudioStream], Value | None]) -> Read:
    """Read one value from each sound stream."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        for stream in info.audio:
            yield Reading(value(stream), stream.index)

    return read


def of_file(value: Callable[[MediaInfo], Value | None]) -> Read:
    """Read one value from the file as a whole."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        yield Reading(value(info))

    return read


def marks(what: str) -> Read:
    """Read every mark of one sort in a text, with its place."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        for mark in info.text.marks if info.text else ():
            if mark.what == what:
                yield Reading(mark.value, None, at(mark))

    return read


def check(
    name: str,
    en: str,
    zh: str,
    type_: str,
    kinds: frozenset[Kind],
    read: Read,
    *,
    safety: Grade | None = None,
    repairs: frozenset[Kind] | None = None,
    unit: str = "",
    together: bool = False,
    needs: frozenset[str] = frozenset(),
    help: Text | None = None,  # noqa: A002  the word used in reports; the builtin is not needed here
    untold: Text | None = None,
    prefer: Callable[[MediaInfo, Reading, Value, Obeys], Value] | None = None,
    says: Callable[[Value, Value], Text] | None = None,
    advise: Callable[[MediaInfo, Limit], Text | None] | None = None,
) -> Check:
    """A check, written as one line of a table. `repairs` defaults to all its kinds when it has a `safety`."""
    return Check(
        name=name,
        title=Text(en, zh),
        type=type_,
        kinds=kinds,
        read=read,
        safety=safety,
        repairs=frozenset() if safety is None else kinds if repairs is None else repairs,
        unit=unit,
        together=together,
        needs=needs,
        help=help,
        untold=untold,
        prefer=prefer,
        says=says,
        advise=advise,
    )
