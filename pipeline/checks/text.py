"""Checks on script text and SSML. SSML checks read the probe's marks, each with line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Final

from pipeline.checks.base import Read, at, check, lossless, lossy, marks, of_file
from pipeline.model.facts import DOCUMENTS, Kind, MediaInfo, Text, TextInfo, Value
from pipeline.model.rules import Limit, Reading, Safety

WORDS = frozenset({Kind.TEXT})
CHARACTERS_A_MINUTE: Final = 250  # Chinese characters at speed 100 (MS-API Table 5-4)


def _of(value: Callable[[TextInfo], Value | None]) -> Read:
    return of_file(lambda info: value(info.text) if info.text else None)


def _spoken(text: TextInfo) -> Fraction | None:
    """Speaking time at normal speed, 250 Chinese characters a minute (MS-API Table 5-4)."""
    return None if text.spoken is None else Fraction(text.spoken * 60, CHARACTERS_A_MINUTE)


def _split(actual: Value, target: Value) -> Safety:
    """A script can be cut at the ends of its sentences without loss; none can be made longer."""
    if not isinstance(actual, int | Fraction) or not isinstance(target, int | Fraction):
        return Safety.MANUAL
    return Safety.LOSSLESS if 0 < target < actual else Safety.MANUAL


def _encoding(info: MediaInfo) -> Iterator[Reading]:
    """What the words are stored in; where that is not sure, what it may be, and what of a document is not read."""
    encoding = info.text.encoding if info.text else None
    told = info.remarks if encoding is None or encoding in DOCUMENTS else ()
    where = Text("; ".join(one.en.rstrip(".") for one in told), "；".join(one.zh.rstrip("。") for one in told))
    yield Reading(encoding, None, where if told else None)


def _recoded(actual: Value, target: Value) -> Safety:
    """No word goes when text is stored otherwise; of a document all but the words does."""
    return lossy(actual, target) if actual in DOCUMENTS else lossless(actual, target)


def _stored(actual: Value, target: Value) -> Text:
    if actual in DOCUMENTS:
        return Text(f"write its words as text in {target}", f"将其中的文字写为 {target} 纯文本")
    return Text.same(f"{actual} -> {target}")


def _hidden(info: MediaInfo) -> Iterator[Reading]:
    found = [mark for mark in info.text.marks if mark.what == "hidden"] if info.text else []
    known = info.text is not None and info.text.characters is not None
    where = at(found[0]) if found else None
    yield Reading(len(found) if known else None, None, where)


def _paragraphs(info: MediaInfo) -> Iterator[Reading]:
    for number, length in enumerate((info.text.paragraphs or ()) if info.text else (), 1):
        yield Reading(length, None, Text(f"paragraph {number}", f"第 {number} 段"))


def _clamped(actual: Value, target: Value) -> Safety:
    """Only a number can be brought into range; a word in its place may mean anything."""
    return lossy(actual, target) if isinstance(actual, int | Fraction) else Safety.MANUAL


_SAFETY: Final = {"root": lossless, "tag": lossy, "break.time": _clamped, "prosody.rate": _clamped}


def _well_formed(info: MediaInfo) -> Iterator[Reading]:
    """Whether it is, and where and why it is not."""
    text = info.text
    fault = next((mark for mark in text.marks if mark.what == "fault.xml"), None) if text else None
    where = at(fault).plus(Text(f": {fault.why.en}", f"：{fault.why.zh}")) if fault and fault.why else None
    yield Reading(text.well_formed if text else None, None, where)


def _untagged(actual: Value, _: Value) -> Text:
    return Text(f"remove the tags of <{actual}>, keep their words", f"删除 <{actual}> 标签，保留其中文字")


def _in_parts(unit_en: str, unit_zh: str) -> Callable[[Value, Value], Text]:
    """A script that is too long is not shortened."""

    def says(_: Value, target: Value) -> Text:
        return Text(
            f"split at sentence ends, at most {target} {unit_en} each", f"在句末拆分，每份不超过 {target} {unit_zh}"
        )

    return says


def _parts_of_time(_: Value, target: Value) -> Text:
    time = f"{float(target):g}" if isinstance(target, int | Fraction) else target
    return Text(f"split at sentence ends, at most {time} s each", f"在句末拆分，每份不超过 {time} 秒")


def _more_lines(_: Value, target: Value) -> Text:
    return Text(
        f"break lines at sentence ends, at most {target} characters each", f"在句末换行，每段不超过 {target} 字"
    )


def _cleaned(actual: Value, _: Value) -> Text:
    return Text(f"remove {actual} of them", f"删除这 {actual} 个字符")


_SAYS: Final = {"tag": _untagged}
_HELP: Final = {
    "break.time": Text('Write a number and its unit: "500ms" or "0.5s"', "请写数字和单位，如“500ms”或“0.5s”")
}

_SCRIPT: Final = Text("; if its words are a script, name it .txt", "；如其中文字确为文案，请将扩展名改为 .txt")
_DRAFT: Final = Text(
    "It is what a program keeps for itself, a draft of an editor say; export the words from there: subtitles as .srt, "
    "text as .txt",
    "这是软件自用的数据（如剪辑软件草稿）；请从该软件导出：字幕为 .srt，文字为 .txt",
)
_CAPTIONS: Final = Text("It is subtitles of another format; export them as .srt", "这是其他格式的字幕；请导出为 .srt")
# What texts are that are no scripts, and what helps.
_NO_SCRIPT: Final = {
    "json": _DRAFT,
    "xml": _DRAFT,
    "ttml": _CAPTIONS,
    "captions": _CAPTIONS.plus(_SCRIPT),
    "table": Text(
        "It is a table; save it as .xlsx, of which the column with the spoken words is read",
        "这是表格；请另存为 .xlsx，程序会读取其中的台词列",
    ).plus(_SCRIPT),
    "log": Text("It is the log of a program", "这是程序日志").plus(_SCRIPT),
    "settings": Text("It is the settings of a program", "这是程序的配置文件").plus(_SCRIPT),
    "code": Text("It is the source of a program", "这是程序源代码").plus(_SCRIPT),
    "html": Text("It is a web page; save its words as plain text (.txt)", "这是网页；请将文字另存为纯文本（.txt）"),
}


def _no_script(info: MediaInfo, _: Limit) -> Text | None:
    return _NO_SCRIPT.get(info.text.format) if info.text else None


_check = partial(check, kinds=WORDS)

CHECKS = (
    _check("text.format", "text format", "文本格式", "word", read=_of(lambda t: t.format), advise=_no_script),
    _check(
        "text.encoding",
        "text encoding",
        "文本编码",
        "text",
        read=_encoding,
        safety=_recoded,
        says=_stored,
        help=Text("Save the text as UTF-8", "请另存为 UTF-8"),
    ),
    _check(
        "text.hidden",
        "invisible and control characters",
        "不可见字符与控制字符",
        "count",
        read=_hidden,
        safety=lossless,
        says=_cleaned,
    ),
    _check(
        "text.characters",
        "characters, tags included",
        "字符数（含标签）",
        "count",
        read=_of(lambda t: t.characters),
        safety=_split,
        unit="characters",
        says=_in_parts("characters", "字"),
    ),
    _check(
        "text.spoken",
        "characters without tags",
        "字符数（不含标签）",
        "count",
        read=_of(lambda t: t.spoken),
        unit="characters",
    ),
    _check(
        "text.bytes",
        "size of the text in bytes",
        "文本字节数",
        "bytes",
        read=of_file(lambda i: i.size),
        safety=_split,
        says=_in_parts("bytes", "字节"),
    ),
    _check(
        "text.paragraph",
        "characters of a paragraph",
        "段落字符数",
        "count",
        read=_paragraphs,
        safety=_split,
        unit="characters",
        says=_more_lines,
    ),
    _check(
        "text.speech_seconds",
        "estimated speaking time",
        "预计朗读时长",
        "seconds",
        read=_of(_spoken),
        safety=_split,
        says=_parts_of_time,
    ),
    # A rule that only advises asks this one: nothing is taken out of a script for advice.
    _check("ssml.effective", "SSML element that takes effect", "生效的 SSML 元素", "text", read=marks("tag")),
    _check("ssml.well_formed", "well-formed SSML", "SSML 格式良好", "flag", read=_well_formed),
    *(
        _check(
            f"ssml.{what.replace('.', '_')}",
            en,
            zh,
            type_,
            read=marks(what),
            safety=_SAFETY.get(what),
            says=_SAYS.get(what),
            help=_HELP.get(what),
        )
        for what, en, zh, type_ in (
            ("root", "SSML root element", "SSML 根元素", "text"),
            ("tag", "SSML element", "SSML 元素", "text"),
            ("break.time", "break time", "停顿时长", "seconds"),
            ("break.strength", "break strength", "停顿强度", "text"),
            ("break.empty", "break is empty", "break 为空元素", "flag"),
            ("phoneme.ph", "phoneme has a pronunciation", "phoneme 含读音", "flag"),
            ("phoneme.characters", "characters in a phoneme", "phoneme 内字符数", "count"),
            ("phoneme.plausible", "phoneme can be pronounced", "phoneme 读音合理", "flag"),
            ("attribute", "SSML attribute", "SSML 属性", "text"),
            ("interpret-as", "say-as interpret-as", "say-as 解释方式", "text"),
            ("sub.alias", "sub has an alias", "sub 含替换文本", "flag"),
            ("prosody.rate", "prosody rate", "prosody 语速", "number"),
            ("word", "content of word", "word 内容", "text"),
            ("nesting", "element holds only what it may", "元素嵌套正确", "flag"),
            ("emotion.type", "emotion type", "情感类型", "text"),
        )
    ),
)
