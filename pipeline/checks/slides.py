"""Checks on decks and PDFs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from pipeline.checks.base import Read, check, lossy, of_file
from pipeline.model.facts import Kind, MediaInfo, SlidesInfo, Text, Value
from pipeline.model.rules import Reading, Safety

DECK = frozenset({Kind.SLIDES})
_TOLD = 4  # things that are described; of the others only the slide is said


def _of(value: Callable[[SlidesInfo], Value | None], *what: str) -> Read:
    """One value of the deck; `what` names the things it counts, whose places are said with it."""
    if not what:
        return of_file(lambda info: value(info.slides) if info.slides else None)

    def read(info: MediaInfo) -> Iterator[Reading]:
        deck = info.slides
        yield Reading(value(deck) if deck else None, None, _where(deck, what) if deck else None)

    return read


def _where(deck: SlidesInfo, what: tuple[str, ...]) -> Text | None:
    """The slides, the first of them with what is there: "slide 2: Arial, slides 3, 7"."""
    held = {(p.slide, p.detail) for p in deck.places if p.what in what and p.slide}
    found = sorted(held, key=lambda place: (place[0], place[1].en if place[1] else ""))
    told = [
        Text(f"slide {slide}: {detail.en}", f"幻灯片 {slide}：{detail.zh}") for slide, detail in found[:_TOLD] if detail
    ]
    bare = sorted({slide for slide, detail in (found if not told else found[_TOLD:])})
    if bare:
        listed = ", ".join(map(str, bare))
        told.append(Text(f"{'slide' if len(bare) == 1 else 'slides'} {listed}", f"幻灯片 {listed}"))
    return Text("; ".join(one.en for one in told), "；".join(one.zh for one in told)) if told else None


def _fonts(info: MediaInfo) -> Iterator[Reading]:
    """Each font used, written with spaces; a deck whose fonts are known to be none has nothing to ask."""
    for font in (info.slides.fonts or ()) if info.slides else ():
        name = " ".join(font.replace("_", " ").split())
        yield Reading(name, None, Text.same(name))


def _valid(info: MediaInfo) -> Iterator[Reading]:
    """Whether every part could be parsed; what could not be, where not."""
    valid = info.slides.valid if info.slides else None
    told = info.remarks[:_TOLD] if valid is not True else ()
    where = Text("; ".join(one.en.rstrip(".") for one in told), "；".join(one.zh.rstrip("。") for one in told))
    yield Reading(valid, None, where if told else None)


def _unseen(slides: SlidesInfo) -> int | None:
    """Slides with characters that no font here has; not known where the fonts of either are not."""
    known = slides.fonts is not None and slides.swaps is not None
    return len({place.slide for place in slides.places if place.what == "glyph"}) if known else None


def _split(actual: Value, target: Value) -> Safety:
    """Parts hold together what the whole held; none can be made longer."""
    fewer = isinstance(actual, int) and isinstance(target, int) and 0 < target < actual
    return Safety.LOSSLESS if fewer else Safety.MANUAL


def _kept(info: MediaInfo) -> Iterator[Reading]:
    """For each font used, whether text keeps its widths when pages are drawn here."""
    slides = info.slides
    if slides is None or slides.fonts is None or slides.swaps is None:
        yield Reading(None)
        return
    swaps = {swap.font: swap for swap in slides.swaps}
    for font in slides.fonts:
        swap = swaps.get(font)
        where = f"{font} -> {swap.by}" if swap and swap.by else font
        yield Reading(swap is None or swap.by is not None, None, Text.same(where))


def _embedded(info: MediaInfo) -> Iterator[Reading]:
    """For each font used, whether the file carries it."""
    slides = info.slides
    if slides is None or slides.fonts is None or slides.embedded_fonts is None:
        yield Reading(None)
        return
    for font in slides.fonts:
        yield Reading(font in slides.embedded_fonts, None, Text.same(font))


def _aspect(slides: SlidesInfo) -> Fraction | None:
    width, height = slides.page_size or (Fraction(0), Fraction(0))
    return Fraction(width) / Fraction(height) if width > 0 and height > 0 else None


_check = partial(check, kinds=DECK)

CHECKS = (
    _check("slides.format", "deck format", "演示文稿格式", "text", read=_of(lambda s: s.format), safety=lossy),
    _check(
        "slides.pages",
        "slides",
        "幻灯片页数",
        "count",
        read=_of(lambda s: s.pages),
        safety=_split,
        says=lambda _, most: Text(f"split, at most {most} slides each", f"拆分，每份不超过 {most} 页"),
        help=Text("Split the deck into parts (--split does it).", "请拆分演示文稿（--split 可代为拆分）。"),
    ),
    _check("slides.hidden", "hidden slides", "隐藏页", "count", read=_of(lambda s: s.hidden)),
    _check(
        "slides.valid",
        "every part of the deck can be parsed",
        "文稿各部分均可解析",
        "flag",
        read=_valid,
    ),
    _check("slides.encrypted", "encrypted", "已加密", "flag", read=_of(lambda s: s.encrypted)),
    _check(
        "slides.restricted",
        "rights to print, copy or change are withheld",
        "限制打印、复制或修改",
        "flag",
        read=_of(lambda s: s.restricted),
    ),
    _check("slides.fonts", "font used", "所用字体", "text", read=_fonts, together=True),
    _check(
        "slides.font_kept",
        "font here, or one with its widths",
        "字体可用或有等宽替代",
        "flag",
        read=_kept,
        together=True,
    ),
    _check("slides.font_embedded", "font embedded", "字体已嵌入", "flag", read=_embedded, together=True),
    _check(
        "slides.reflowing",
        "text boxes whose text will break elsewhere",
        "换行会改变的文本框",
        "count",
        read=_of(lambda s: s.reflowing, "reflow"),
    ),
    _check(
        "slides.glyphs",
        "slides with characters that no font here has",
        "含本机字体均无法显示的字符的页",
        "count",
        read=_of(_unseen, "glyph"),
    ),
    _check("slides.aspect", "page shape", "页面宽高比", "ratio", read=_of(_aspect)),
    _check("slides.page_sizes", "different page sizes", "不同页面尺寸数", "count", read=_of(lambda s: s.page_sizes)),
    _check("slides.scanned", "scanned pages", "扫描页", "count", read=_of(lambda s: s.scanned)),
    _check(
        "slides.animations",
        "slides with animation",
        "含动画的页",
        "count",
        read=_of(lambda s: s.animations, "animation"),
    ),
    _check(
        "slides.transitions",
        "slides with transitions",
        "含切换效果的页",
        "count",
        read=_of(lambda s: s.transitions, "transition"),
    ),
    _check("slides.media", "embedded videos and sounds", "内嵌音视频", "count", read=_of(lambda s: s.media, "media")),
    _check(
        "slides.moving",
        "animations, videos, sounds and moving pictures",
        "动画、音视频与动图",
        "count",
        read=_of(
            lambda s: (
                None
                if s.animations is None or s.media is None or s.animated_pictures is None
                else s.animations + s.media + s.animated_pictures
            ),
            "animation",
            "media",
            "gif",
        ),
    ),
    _check(
        "slides.external_links",
        "links to outside files",
        "外部链接",
        "count",
        read=_of(lambda s: s.external_links, "link"),
    ),
    _check("slides.macros", "macros", "宏", "flag", read=_of(lambda s: s.macros)),
    _check(
        "slides.compression_ratio",
        "unpacked / packed size",
        "解压后/压缩大小之比",
        "number",
        read=_of(lambda s: s.compression_ratio),
    ),
    _check(
        "slides.page_text",
        "longest text of a page",
        "单页文本最长字数",
        "count",
        read=_of(lambda s: s.longest_page_text),
        unit="characters",
    ),
    _check("slides.producer", "program that wrote the file", "生成文件的程序", "text", read=_of(lambda s: s.producer)),
)
