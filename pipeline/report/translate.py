"""Chinese for what documents hold in English only: proofs, and the closed words of formats and kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipeline.model.facts import Text

# Names of what is proven, as verification and converters write them.
PROOFS: Final[Mapping[str, str]] = {
    "size": "大小",
    "streams": "流",
    "decodes whole": "完整解码",
    "picture size": "画面尺寸",
    "video duration": "视频时长",
    "frames": "帧数",
    "sound after picture": "音画同步",
    "pages": "页数",
    "duration": "时长",
    "audio duration": "音频时长",
    "alpha": "透明通道",
    "alpha plane": "透明通道",
    "transparency": "透明通道",
    "timestamps": "时间戳",
    "copied streams": "直接复制的流",
    "all parts together": "各份合计",
    "clock of the source": "源文件时钟",
    "words": "文字",
    "cut": "截断",
}
# Parts of what was expected and found, longest first where one holds another.
_PARTS: Final = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"^more than (\d+) bytes$", r"大于 \1 字节"),
        (r"^(\d+) to (\d+) bytes$", r"\1 至 \2 字节"),
        (r"(\d+) picture, (\d+) sound", r"画面 \1，声音 \2"),
        (r"\(mean of (\d+) frames, worst ([\d.]+)\)", r"（\1 帧平均，最差 \2）"),
        (r"\(root mean square of (\d+) frames\)", r"（\1 帧均方根）"),
        (r"^within ([\d.]+/255) of the source$", r"与源文件相差不超过 \1"),
        (r"^(\d+) with the same coded frames$", r"\1 条，编码帧完全相同"),
        (r"^(\d+), or fewer where one cannot be read$", r"\1，无法读取者除外"),
        (r"^(\d+); (\d+) cannot be read and stay in the deck only$", r"\1；另有 \2 个无法读取，仅保留在演示文稿中"),
        (r"^at least ([\d.]+)( frames?)?", r"至少 \1\2"),
        (r"^not above (\S+)$", r"不超过 \1"),
        (r"^(SSIM [\d.]+) or more$", r"\1 及以上"),
        (r" on page (\S+)$", r"（第 \1 页）"),
        (r" within (\d+) ms$", r"，误差 \1 毫秒内"),
        (r" within 1$", "，误差 1 内"),
        (r"^([\d.]+) to ([\d.]+)", r"\1 至 \2"),
        (r"(\d+) bytes", r"\1 字节"),
        (r"(\d+) frames?", r"\1 帧"),
        (r"(\d+) characters?", r"\1 字"),
        (r"^never fall back$", "从不倒退"),
        (r"^fall back$", "有倒退"),
        (r"^unreadable$", "无法读取"),
        (r"^not compared$", "未比较"),
        (r"^some sound$", "有声音"),
        (r"^kept$", "保留"),
        (r"^lost$", "丢失"),
        (r"^unknown$", "未知"),
    )
)
# Words of values that are no names of formats: those stay as they are in every language.
VALUES: Final[Mapping[str, str]] = {
    "video": "视频",
    "audio": "音频",
    "image": "图片",
    "slides": "演示文稿",
    "archive": "压缩包",
    "text": "文本",
    "subtitle": "字幕",
    "unknown": "未知",
    "plain": "纯文本",
    "none": "无",
}


def proof_name(name: str) -> Text:
    """The name of a proof; it may begin with its part and end in its stream: "part 2: audio duration (stream 1)"."""
    part, colon, whole = name.rpartition(": ")
    bare, _, stream = whole.partition(" (")
    number = stream.rstrip(")").removeprefix("stream ")
    front = f"第 {part.removeprefix('part ')} 份：" if colon else ""
    return Text(name, front + PROOFS.get(bare, bare) + (f"（第 {number} 条流）" if stream else ""))


def proof_value(value: str) -> Text:
    """What was expected or found."""
    said = value
    for pattern, chinese in _PARTS:
        said = pattern.sub(chinese, said)
    return Text(value, said)


def words(listed: str) -> str:
    """A value, or a list of them, where every word is known; else as it is."""
    each = listed.split(", ")
    return "、".join(VALUES[word] for word in each) if all(word in VALUES for word in each) else listed
