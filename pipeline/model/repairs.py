"""Which repairs a run may make, beyond those that nobody has to be asked about: the one table of these choices.

The command line, `preflight.toml`, the page and its programs all read their names, values and words from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from pipeline.model.facts import Text


def _told(en: str, zh: str, form: str = "") -> msgspec.Meta:
    return msgspec.Meta(description=en, extra={"text": Text(en, zh), "form": form})


_Yes = bool | None


class Repairs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was chosen; None is not said, and then nothing that has to be asked about is done."""

    at_least: Annotated[
        Literal["lossless", "lossy"] | None, _told("the least safe repair allowed", "允许的修复中安全性最低的一级")
    ] = None
    split: Annotated[
        _Yes,
        _told(
            "split decks of too many slides, and videos that are too long, into parts",
            "将页数过多的演示文稿和过长的视频拆成多份",
        ),
    ] = None
    cut_pages: Annotated[
        _Yes,
        _told(
            "cut videos of decks by page, where the deck lies beside them under the same name",
            "按页切分演示文稿导出的视频（文稿须与视频同名且放在一起）",
        ),
    ] = None
    strip_tags: Annotated[
        _Yes, _told("remove SSML elements that the rules refuse, keep words", "删除规则不接受的 SSML 元素，保留文字")
    ] = None
    trim: Annotated[
        _Yes,
        _told(
            "cut videos and sounds that are too long off at the limit, and black, still and empty ends off footage",
            "将过长的视频和声音在上限处截断，并剪去素材首尾的黑屏、静止和无人时段",
        ),
    ] = None
    crop: Annotated[
        _Yes, _told("crop photos to head and shoulders of the person in them", "将照片裁剪为人物的头肩像")
    ] = None
    straighten: Annotated[_Yes, _told("turn photos so that the head in them is upright", "旋转照片，使头部竖直")] = None
    enlarge: Annotated[_Yes, _told("enlarge pictures that are too small for the rules", "放大尺寸不足的图片")] = None
    background: Annotated[
        str | None,
        _told(
            "the colour under transparency that a scenario does not take", "场景不接受透明时垫在下面的颜色", "#RRGGBB"
        ),
    ] = None
    plain_names: Annotated[
        _Yes,
        _told("no date in names, where the platform's own tool writes one", "文件名不加日期（平台自带工具会加）"),
    ] = None
    trim_silence: Annotated[_Yes, _told("cut long silence off both ends of recordings", "剪去录音首尾过长的静音")] = (
        None
    )


class RepairChoice(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    text: Text
    values: tuple[str, ...]  # one of these; none: yes, or a text
    form: str  # of a text, as "#RRGGBB"


def _choices() -> Iterator[RepairChoice]:
    for name, hint in get_type_hints(Repairs, include_extras=True).items():
        type_, meta = get_args(hint)
        values = next((get_args(one) for one in get_args(type_) if get_origin(one) is Literal), ())
        yield RepairChoice(name, meta.extra["text"], values, meta.extra["form"])


CHOICES: Final = tuple(_choices())
