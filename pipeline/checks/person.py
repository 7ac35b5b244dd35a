"""Checks on the person in footage. All need the `person` measurement; see `docs/video.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Final

from msgspec.structs import asdict, replace

from pipeline.checks.base import MOVING, Read, check, of_file
from pipeline.model.facts import MediaInfo, Text, Value
from pipeline.model.measured import Person, Span
from pipeline.model.rules import Limit, Reading

PERSON = frozenset({"person"})
Stretches = Callable[[Person], Sequence[Span]]
_NAMED: Final = 6  # stretches that are named; of more it is said how many there are


def when(spans: Sequence[Span]) -> Text | None:
    """Where in time, as "12.5-20 s, 31-33 s"."""
    if not spans:
        return None
    shown = [f"{float(span.start):g}-{float(span.end):g} s" for span in spans[:_NAMED]]
    more = len(spans) - len(shown)
    return Text(
        "at " + ", ".join(shown) + (f" and {more} more" if more else ""),
        "位于 " + "、".join(shown) + (f" 等共 {len(spans)} 处" if more else ""),
    )


def _longest(of: Stretches) -> Read:
    """Seconds of the longest stretch, and where all of them are."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        if info.person is None:
            yield Reading(None)
            return
        spans = of(info.person)
        lengths = (Fraction(span.end) - Fraction(span.start) for span in spans)
        yield Reading(max(lengths, default=Fraction(0)), None, when(spans))

    return read


def _identity(info: MediaInfo) -> Iterator[Reading]:
    """Nothing to read where nobody asked."""
    asked = info.person.identity if info.person else None
    if asked is not None:
        yield Reading(None if asked == "cannot tell" else asked)


def _places(of: Stretches) -> Read:
    """How many, and where they are."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        spans = of(info.person) if info.person else ()
        yield Reading(len(spans) if info.person else None, None, when(spans))

    return read


def _shown(person: Person) -> Fraction:
    empty = sum((span.end - span.start for span in (*person.black, *person.white)), Fraction(0))
    return 1 - empty / (person.pictures * person.step)


def _of(value: Callable[[Person], Value | None]) -> Read:
    """Nothing to read where it was looked and there is none."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        found = None if info.person is None else value(info.person)
        if info.person is None or found is not None:
            yield Reading(found)

    return read


# Stretches of which nothing is of use, and which are cut off on request where they are at an end.
ENDS: Final[Mapping[str, Stretches]] = {
    "person.black": lambda p: p.black,
    "person.white": lambda p: p.white,
    "person.frozen": lambda p: p.frozen,
    "person.nobody": lambda p: p.nobody,
}


def left(person: Person, refused: Callable[[str, Fraction], bool]) -> Span:
    """What of footage is between its ends, in seconds; where nothing is, it ends no later than it starts.

    An end is of stretches of ENDS that follow on each other from the first picture on, or up to the last, one of which
    is `refused` by a check of this name for lasting so many seconds.
    """
    whole = person.pictures * person.step
    stretches = [(span, refused(name, span.end - span.start)) for name, of in ENDS.items() for span in of(person)]
    begin, wrong = Fraction(0), False
    for span, bad in sorted(stretches):
        if span.start <= begin:
            begin, wrong = max(begin, span.end), wrong or bad
    start = begin if wrong else Fraction(0)
    end, wrong = whole, False
    for span, bad in sorted(stretches, key=lambda one: one[0].end, reverse=True):
        if span.end >= end:
            end, wrong = min(end, span.start), wrong or bad
    return Span(start, end if wrong else whole)


def within(person: Person, kept: Span) -> Person:
    """What would be seen if the footage were what is `kept` of it alone. What is left of a stretch and shorter than it
    can be told is none.
    """

    def cut(spans: Sequence[Span]) -> tuple[Span, ...]:
        inside = [(span, max(span.start, kept.start), min(span.end, kept.end)) for span in spans]
        return tuple(
            Span(start - kept.start, end - kept.start)
            for span, start, end in inside
            if end - start >= min(person.step, span.end - span.start)
        )

    spans = {name: cut(of) for name, of in asdict(person).items() if isinstance(of, tuple)}
    if kept.start:
        person = replace(person, mouth_closed=None)
    return replace(person, pictures=int((kept.end - kept.start) / person.step), **spans)


_TRIM = Text(
    "It is at an end: cut it off, or have it cut off with --trim.", "位于首尾：请剪去，或使用 --trim 自动剪去。"
)


def _cut_off(name: str) -> Callable[[MediaInfo, Limit], Text | None]:
    """Where all that is refused is at an end, how it is got rid of."""

    def advise(info: MediaInfo, limit: Limit) -> Text | None:
        person = info.person
        if person is None:
            return None
        kept = left(person, lambda check, lasts: check == name and not limit.accepts(lasts))
        rest = ENDS[name](within(person, kept)) if kept.start < kept.end else None
        return _TRIM if rest is not None and all(limit.accepts(one.end - one.start) for one in rest) else None

    return advise


def _shaking(info: MediaInfo) -> Iterator[Reading]:
    """Seconds of the longest stretch; unknown where nothing behind the person could be followed."""
    if info.person is None or info.person.followed:
        yield from _longest(lambda p: p.shaking)(info)
    else:
        yield Reading(None)


_check = partial(check, kinds=MOVING, needs=PERSON)

CHECKS = (
    _check(
        "person.seen",
        "a face is seen",
        "画面中可见人脸",
        "flag",
        read=of_file(lambda i: None if i.person is None else i.person.seen > 0),
        help=Text(
            "Film one person from the front, in even light, the face at least a twentieth of the picture wide.",
            "请在均匀光线下正面拍摄一人，脸宽至少为画面的二十分之一。",
        ),
    ),
    _check(
        "person.shown",
        "share of it that is neither black nor over-exposed",
        "非黑屏、非过曝时段占比",
        "share",
        read=of_file(lambda i: None if i.person is None else _shown(i.person)),
        help=Text("Film it again in even light.", "请在均匀光线下重新拍摄。"),
    ),
    _check(
        "person.nobody",
        "longest stretch without a face",
        "最长无人脸时段",
        "seconds",
        read=_longest(ENDS["person.nobody"]),
        advise=_cut_off("person.nobody"),
        help=Text("Keep the face in the picture, uncovered, all the time.", "请全程保持面部在画面内且无遮挡。"),
    ),
    _check(
        "person.several",
        "longest stretch with more than one face",
        "最长多张人脸时段",
        "seconds",
        read=_longest(lambda p: p.several),
        help=Text(
            "Film one person alone; no other people, posters with faces or mirrors.",
            "请单人拍摄，画面中不得有其他人、带人脸的海报或镜子。",
        ),
    ),
    _check(
        "person.lying",
        "longest stretch with the face lying on its side",
        "最长人脸横躺时段",
        "seconds",
        read=_longest(lambda p: p.lying),
        help=Text(
            "Turn the footage so that the person stands upright, and export it anew.",
            "请旋转视频使人物直立后重新导出。",
        ),
    ),
    _check(
        "person.turned",
        "longest stretch with the face turned away",
        "最长面部转开时段",
        "seconds",
        read=_longest(lambda p: p.turned),
        help=Text("Look into the camera.", "请目视镜头。"),
    ),
    _check(
        "person.cut_off",
        "longest stretch with the face beyond the edge",
        "最长面部超出画面时段",
        "seconds",
        read=_longest(lambda p: p.cut_off),
        help=Text("Keep the whole head in the picture.", "请保持整个头部在画面内。"),
    ),
    _check(
        "person.covered",
        "longest stretch with a covered eye, nose or mouth",
        "最长眼、鼻或嘴被遮挡时段",
        "seconds",
        read=_longest(lambda p: p.covered),
        help=Text("Keep hands, hair, microphones and masks off the face.", "请勿让手、头发、话筒或口罩遮挡面部。"),
    ),
    _check(
        "person.ill_lit",
        "longest stretch with the face nearly black, nearly white or burnt out",
        "最长面部过暗、过亮或过曝时段",
        "seconds",
        read=_longest(lambda p: p.ill_lit),
        help=Text("Light the face evenly and film again.", "请均匀照亮面部后重新拍摄。"),
    ),
    _check(
        "person.blurred",
        "longest stretch with a blurred face",
        "最长面部模糊时段",
        "seconds",
        read=_longest(lambda p: p.blurred),
        help=Text("Focus on the eyes, switch autofocus off and film again.", "请对焦眼部并关闭自动对焦后重新拍摄。"),
    ),
    _check(
        "person.eyes_shut",
        "longest stretch with shut eyes",
        "最长闭眼时段",
        "seconds",
        read=_longest(lambda p: p.eyes_shut),
        help=Text("Keep the eyes open and on the camera.", "请保持睁眼并目视镜头。"),
    ),
    _check(
        "person.mouth_closed",
        "closed mouth at the beginning",
        "开头闭嘴时长",
        "seconds",
        read=_of(lambda p: p.mouth_closed),
        help=Text(
            "Begin with one to three seconds of silence with the mouth closed.", "开头请保持 1 至 3 秒静默并闭嘴。"
        ),
    ),
    _check(
        "person.black",
        "longest black stretch",
        "最长黑屏时段",
        "seconds",
        read=_longest(ENDS["person.black"]),
        advise=_cut_off("person.black"),
        help=Text("Cut it off, or film again.", "请剪去，或重新拍摄。"),
    ),
    _check(
        "person.white",
        "longest over-exposed stretch",
        "最长过曝时段",
        "seconds",
        read=_longest(ENDS["person.white"]),
        advise=_cut_off("person.white"),
        help=Text("Put less light on it and film again.", "请减弱光线后重新拍摄。"),
    ),
    _check(
        "person.frozen",
        "longest frozen stretch",
        "最长画面静止时段",
        "seconds",
        read=_longest(ENDS["person.frozen"]),
        advise=_cut_off("person.frozen"),
        help=Text("Cut it out by filming again in one take.", "请一镜到底重新拍摄，勿含静止画面。"),
    ),
    _check(
        "person.joined",
        "places where takes seem to be joined",
        "疑似拼接处数量",
        "count",
        read=_places(lambda p: p.joined),
        help=Text("Film one take without a cut.", "请一镜到底拍摄，勿剪辑拼接。"),
    ),
    _check(
        "person.shaking",
        "longest stretch with a moving camera",
        "最长镜头晃动时段",
        "seconds",
        read=_shaking,
        untold=Text(
            "nothing behind the person can be followed, as on a plain screen",
            "人物背后没有可跟踪的内容（如纯色幕布）",
        ),
        help=Text("Put the camera on a tripod.", "请使用三脚架固定拍摄。"),
    ),
    _check(
        "person.head_room",
        "room above the hair, of the picture's height",
        "头顶以上空间占画面高度",
        "share",
        read=_of(lambda p: p.head_room),
        help=Text("Leave some room above the head.", "请在头顶上方留出空间。"),
    ),
    _check(
        "person.identity",
        "the person on the card beside it",
        "与证件上的人是否一致",
        "word",
        read=_identity,
        untold=Text(
            "whether it is the person on the card cannot be told: compare them yourself, and see that a clear picture "
            "of the front lies beside the footage, of one person in one folder",
            "无法判断是否为证件上的人：请自行比对，并确认素材旁有清晰的证件正面照片，且每人单独一个文件夹",
        ),
        help=Text(
            "Send the card of the person who is filmed, or compare both yourself: an old photo may mislead.",
            "请提交出镜人本人的证件，或自行比对：证件照过旧可能导致误判。",
        ),
    ),
    _check(
        "person.background",
        "background outside the person",
        "人物以外的背景",
        "text",
        read=_of(lambda p: p.background),
        help=Text(
            "Film before an even green screen that fills the picture, or keep the background.",
            "请使用铺满画面的均匀绿幕拍摄，或保留原背景。",
        ),
    ),
    _check(
        "person.background_evenness",
        "evenness of the background",
        "背景均匀度",
        "share",
        read=_of(lambda p: p.background_evenness),
        help=Text("Light the screen evenly, without folds and shadows.", "请均匀照亮幕布，避免褶皱和阴影。"),
    ),
)
