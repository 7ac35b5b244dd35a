"""Checks on subtitle files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pipeline.checks.base import Read, at, check, lossless, marks, of_file
from pipeline.model.facts import Kind, MediaInfo, Text, TextInfo, Value
from pipeline.model.rules import Reading

TITLES = frozenset({Kind.SUBTITLE})


def _of(value: Callable[[TextInfo], Value | None]) -> Read:
    return of_file(lambda info: value(info.text) if info.text else None)


def _count(what: str) -> Read:
    """How many marks of one sort there are, and where the first one is."""

    def read(info: MediaInfo) -> Iterator[Reading]:
        found = [mark for mark in info.text.marks if mark.what == what] if info.text else []
        known = info.text is not None and info.text.characters is not None
        where = at(found[0]) if found and what != "cue" else None
        if where and found[0].why:
            where = where.plus(Text(f": {found[0].why.en}", f"：{found[0].why.zh}"))
        yield Reading(len(found) if known else None, None, where)

    return read


_check = partial(check, kinds=TITLES)

CHECKS = (
    _check("subtitle.format", "subtitle format", "字幕格式", "text", read=_of(lambda t: t.format), safety=lossless),
    _check(
        "subtitle.encoding", "subtitle encoding", "字幕编码", "text", read=_of(lambda t: t.encoding), safety=lossless
    ),
    _check("subtitle.cues", "cues", "字幕条数", "count", read=_count("cue")),
    _check("subtitle.disorder", "cues out of order", "乱序字幕", "count", read=_count("fault.order"), safety=lossless),
    _check(
        "subtitle.overlaps", "cues that overlap", "重叠字幕", "count", read=_count("fault.overlap"), safety=lossless
    ),
    _check(
        "subtitle.form",
        "cues that not every player reads alike",
        "并非所有播放器都能一致解析的字幕",
        "count",
        read=_count("fault.form"),
        safety=lossless,
    ),
    _check("subtitle.faults", "cues that cannot be read", "无法解析的字幕", "count", read=_count("fault.syntax")),
    _check("subtitle.shortest", "shortest cue", "最短字幕时长", "seconds", read=marks("cue.shortest")),
    _check("subtitle.longest", "longest cue", "最长字幕时长", "seconds", read=marks("cue.longest")),
    _check("subtitle.width", "widest line in columns", "最宽一行（列数）", "count", read=marks("cue.width")),
    _check(
        "subtitle.punctuation",
        "cues that end in punctuation",
        "以断句标点结尾的字幕",
        "count",
        read=marks("cue.punctuation"),
    ),
)
