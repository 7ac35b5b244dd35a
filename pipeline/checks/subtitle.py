"""Checks on subtitle files."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.checks.base import Read, check, lossless, of_file
from pipeline.model import Kind, MediaInfo, TextInfo, Value

TITLES = frozenset({Kind.SUBTITLE})


def _of(value: Callable[[TextInfo], Value | None]) -> Read:
    return of_file(lambda info: value(info.text) if info.text else None)


def _count(what: str) -> Read:
    def count(info: MediaInfo) -> int | None:
        return sum(mark.what == what for mark in info.text.marks) if info.text else None

    return of_file(count)


CHECKS = (
    check(
        "subtitle.format",
        "subtitle format",
        "字幕格式",
        "text",
        TITLES,
        _of(lambda t: t.format),
        safety=lossless,
    ),
    check(
        "subtitle.encoding",
        "subtitle encoding",
        "字幕编码",
        "text",
        TITLES,
        _of(lambda t: t.encoding),
        safety=lossless,
    ),
    check("subtitle.cues", "cues", "字幕条数", "count", TITLES, _count("cue")),
    check(
        "subtitle.disorder",
        "cues out of order",
        "乱序字幕",
        "count",
        TITLES,
        _count("fault.order"),
        safety=lossless,
    ),
    check(
        "subtitle.overlaps",
        "cues that overlap",
        "重叠字幕",
        "count",
        TITLES,
        _count("fault.overlap"),
        safety=lossless,
    ),
    check(
        "subtitle.faults",
        "cues that cannot be read",
        "无法解析的字幕",
        "count",
        TITLES,
        _count("fault.syntax"),
    ),
)
