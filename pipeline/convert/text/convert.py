"""Repair of scripts and subtitles. A script's words are never touched; subtitles are set in order."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from html import unescape
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.checks.text import CHARACTERS_A_MINUTE
from pipeline.convert.requirements import NAMING, extension, value_of
from pipeline.convert.text.segment import (
    Budget,
    attribute_values,
    bare,
    broken_lines,
    plain,
    split,
    ssml,
    with_attribute,
    without_tags,
    wrapped,
)
from pipeline.errors import ToolFailed, Unreadable
from pipeline.model.facts import DOCUMENTS, Kind, MediaInfo, Text, Value
from pipeline.model.results import Fix, Made, Plan, Proof, Step
from pipeline.model.rules import Role
from pipeline.model.units import show
from pipeline.probe.documents.read import words as words_of
from pipeline.probe.documents.sections import BREAK
from pipeline.probe.text.encoding import as_utf8, cleaned
from pipeline.probe.text.read import load
from pipeline.probe.text.ssml import number, seconds
from pipeline.probe.text.subtitle import MARKUP, Cue, parse

_ORDER: Final = frozenset({"subtitle.disorder", "subtitle.overlaps", "subtitle.form"})
_LENGTHS: Final = frozenset({"text.characters", "text.bytes", "text.speech_seconds"})
_TAGS: Final = frozenset({"ssml.root", "ssml.tag", "ssml.break_time", "ssml.prosody_rate"})
_CLEAN: Final = frozenset({"text.encoding", "text.hidden"})
HANDLES: Final[dict[Kind, frozenset[str]]] = {
    Kind.TEXT: NAMING | _LENGTHS | _TAGS | _CLEAN | {"text.paragraph"},
    Kind.SUBTITLE: NAMING | _ORDER | {"subtitle.format", "subtitle.encoding"},
}
# Cue markup of WebVTT (4.2.2) that SRT players print as it stands: voices, classes, languages, ruby, times.
_MARKUP: Final = re.compile(r"</?(?:c|v|lang|ruby|rt)(?:[.\s][^<>]*)?>|<[\d:.]+>")


class _Work(Struct, frozen=True):
    """What is to be done to one file."""

    target: str  # format written
    recode: bool
    rewrite: bool  # cues are written anew

    @property
    def copy(self) -> bool:
        return not (self.recode or self.rewrite)


def _work(info: MediaInfo, plan: Plan) -> _Work:
    """What is done to subtitles, and to scripts that only get another name.

    Raises ToolFailed for what cannot be written, Unreadable for what would be lost.
    """
    if info.text is None:
        raise Unreadable(
            f"{info.name} holds no text. Check that the right file was given.",
            f"{info.name} 不含文本。请确认文件是否正确。",
        )
    asked = {fix.check for fix in plan.fixes}
    faulty = any(mark.what == "fault.syntax" for mark in info.text.marks)
    if asked - NAMING and info.text.format == "srt" and not faulty:
        # Advice counts only where the file is written anew anyway, and where nothing would be lost.
        asked |= {fix.check for fix in plan.advised} & _ORDER
    target = value_of(plan.fixes, "subtitle.format") or info.text.format
    rewrite = info.kind is Kind.SUBTITLE and (target != info.text.format or bool(asked & _ORDER))
    if rewrite and target != "srt":
        raise ToolFailed(
            f"{info.name}: subtitles can be written anew as SRT only, not as {target}. "
            "Export them as SRT from the program they come from.",
            f"{info.name}：字幕只能重写为 SRT，不能写为 {target}。请从原软件导出 SRT。",
        )
    if rewrite and faulty:
        raise ToolFailed(
            f"{info.name} has cues that cannot be read and would be lost. Correct them first.",
            f"{info.name} 含无法解析的字幕，重写会丢失。请先修正。",
        )
    recode = "subtitle.encoding" in asked and value_of(plan.fixes, "subtitle.encoding") == "utf-8"
    if "subtitle.encoding" in asked and not recode:
        raise ToolFailed(
            f"{info.name}: text is written in UTF-8 only. Put utf-8 first in the preset's list of encodings.",
            f"{info.name}：文本只能写为 UTF-8。请在预设的编码列表中将 utf-8 放在首位。",
        )
    return _Work(str(target), recode, rewrite)


def steps(info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
    """What will be done. Raises ToolFailed or Unreadable where the plan cannot be carried out."""
    if info.kind is Kind.TEXT and rewrites(plan):
        return tuple(Step(does=said) for said in _told(plan, info))
    work = _work(info, plan)
    done: list[Step] = []
    if work.rewrite:
        done.append(
            Step(
                does=Text(
                    "write the cues as SRT in order of time, each ending before the next begins",
                    "按时间顺序重写为 SRT，每条在下一条开始前结束",
                )
            )
        )
    if work.recode:
        done.append(Step(does=Text("save as UTF-8", "另存为 UTF-8")))
    if work.copy:
        ending = extension(work.target, info, role)
        done.append(Step(does=Text(f"copy under a name that ends in .{ending}", f"复制并以 .{ending} 为扩展名")))
    return tuple(done)


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    """Carry out those steps in the folder `work`. Raises ToolFailed, Unreadable, CeilingExceeded."""
    if info.kind is Kind.TEXT and rewrites(plan):
        return _script(source, info, plan, role, work, progress)
    doing = _work(info, plan)
    ending = extension(doing.target, info, role)
    target = work / f"out.{ending}"
    if doing.copy:
        shutil.copyfile(source, target)
    else:
        text = load(source, source.stat().st_size, info.text.encoding if info.text else None).text
        if text is None:
            raise Unreadable(
                f"The encoding of {info.name} is not known. Save it as UTF-8.",
                f"{info.name} 的编码未知。请另存为 UTF-8。",
            )
        if doing.rewrite and info.text is not None:
            text = _rewritten(text, info.text.format)
        # Bytes, not text mode: line ends stay as they are.
        target.write_bytes(as_utf8(text))
    progress(1.0)
    return (Made(path=str(target), name="{stem}." + ending),)


# --- scripts ------------------------------------------------------------------------------------------


def rewrites(plan: Plan) -> bool:
    """Whether more of a script has to change than its name."""
    return any(fix.check not in NAMING for fix in plan.fixes)


def budget_of(fixes: Iterable[Fix]) -> Budget:
    """What one part may hold so that every wanted length is kept."""
    characters, size = list[int](), list[int]()
    for fix in fixes:
        if fix.check == "text.characters" and isinstance(fix.value, int):
            characters.append(fix.value)
        elif fix.check == "text.bytes" and isinstance(fix.value, int):
            size.append(fix.value)
        elif fix.check == "text.speech_seconds" and isinstance(fix.value, int | Fraction):
            characters.append(int(fix.value * CHARACTERS_A_MINUTE / 60))
    return Budget(min(characters, default=None), min(size, default=None))


def _told(plan: Plan, info: MediaInfo) -> Iterator[Text]:
    asked = {fix.check for fix in plan.fixes} | {fix.check for fix in plan.advised}
    wanted = budget_of((*plan.fixes, *plan.advised))
    if "text.encoding" in asked and info.container in DOCUMENTS:
        yield Text("write the words of the document as text in UTF-8", "将文档中的文字写为 UTF-8 纯文本")
        yield from info.remarks
    elif "text.encoding" in asked:
        yield Text("save as UTF-8", "另存为 UTF-8")
    if "text.hidden" in asked:
        yield Text("remove invisible and control characters", "删除不可见字符与控制字符")
    if "ssml.root" in asked:
        yield Text("put one speak element around the text", "在文本外加上唯一的 speak 元素")
    gone = _gone(plan)
    for mark in info.text.marks if info.text and gone else ():
        if mark.what == "tag" and mark.value in gone:
            yield Text(
                f"remove the tags of <{mark.value}> at line {mark.line}, column {mark.column}, keep their words",
                f"删除第 {mark.line} 行第 {mark.column} 列的 <{mark.value}> 标签，保留其中文字",
            )
    for check, en, zh in (("ssml.break_time", "break time", "停顿时长"), ("ssml.prosody_rate", "prosody rate", "语速")):
        values = {(fix.actual, fix.value) for fix in plan.fixes if fix.check == check}
        for actual, value in sorted(values, key=str):
            kind = "seconds" if check == "ssml.break_time" else "number"
            change = f"{show(actual, kind)} -> {show(value, kind)}"
            yield Text(f"{en}: {change}", f"{zh}：{change}")
    for fix in plan.fixes:
        if fix.check == "text.paragraph":
            yield Text(
                f"break lines at the ends of sentences, none above {fix.value} characters",
                f"在句末换行，每段不超过 {fix.value} 字",
            )
            break
    if any(fix.check in _LENGTHS for fix in plan.fixes):
        most_en, most_zh = (
            ", ".join(f"{amount} {unit}" for amount, unit in zip(wanted.most, units, strict=True) if amount is not None)
            for units in (("characters", "bytes"), ("字", "字节"))
        )
        yield Text(
            f"split at the ends of sentences into files of at most {most_en}", f"在句末拆分，每个文件不超过 {most_zh}"
        )


def _gone(plan: Plan) -> frozenset[str]:
    """The elements whose tags go."""
    return frozenset(str(fix.actual) for fix in plan.fixes if fix.check == "ssml.tag")


def _script(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    text = words_of(source, info)
    if text is None or info.text is None:
        raise Unreadable(
            f"The encoding of {info.name} is not known. Save it as UTF-8.",
            f"{info.name} 的编码未知。请另存为 UTF-8。",
        )
    tagged = info.text.format == "ssml"
    asked = {fix.check for fix in plan.fixes} | {fix.check for fix in plan.advised}
    if info.container in DOCUMENTS:
        text = cleaned(text.replace(BREAK, "\n\n"))
    elif "text.hidden" in asked:
        text = cleaned(text)
    gone = _gone(plan)
    words = bare(text) if gone else ""
    text = without_tags(text, gone)
    text = _retagged(text, plan, asked)
    lines = [fix.value for fix in plan.fixes if fix.check == "text.paragraph" and isinstance(fix.value, int)]
    if lines:
        text = broken_lines(ssml(text) if tagged else plain(text), min(lines))
    cut = [text]
    if any(fix.check in _LENGTHS for fix in plan.fixes):
        cut = split(text, budget_of((*plan.fixes, *plan.advised)), tagged=tagged)
    ending = extension(info.text.format, info, role)
    kept = _words_kept(words, "".join(bare(part) for part in cut)) if gone else ()
    made = []
    for place, part in enumerate(cut, 1):
        path = work / f"out{place}.{ending}"
        path.write_bytes(as_utf8(part))
        numbered = "{stem}-" + f"{place:0{len(str(len(cut)))}}" if len(cut) > 1 else "{stem}"
        made.append(Made(path=str(path), name=f"{numbered}.{ending}", proof=kept if place == 1 else ()))
        progress(place / len(cut))
    return tuple(made)


def _words_kept(before: str, after: str) -> tuple[Proof, ...]:
    """That no word went with a tag. Blanks do not count: lines may have been broken, a new root stands close."""
    wanted, found = ("".join(text.split()) for text in (before, after))
    told = [Text(f"{len(text)} characters", f"{len(text)} 字") for text in (wanted, found)]
    return (Proof(name=Text("words", "文字"), expected=told[0], found=told[1], passed=wanted == found),)


def _retagged(text: str, plan: Plan, asked: set[str]) -> str:
    """Values out of range to the nearest in range, and the root that the platform asks for."""
    for check, element, attribute, read in (
        ("ssml.break_time", "break", "time", seconds),
        ("ssml.prosody_rate", "prosody", "rate", number),
    ):
        wanted = {fix.actual: fix.value for fix in plan.fixes if fix.check == check}
        values = {raw: read(raw) for raw in attribute_values(text, element, attribute)} if wanted else {}
        changed = {raw: _written(check, wanted[value]) for raw, value in values.items() if value in wanted}
        text = with_attribute(text, element, attribute, changed) if changed else text
    return wrapped(text) if "ssml.root" in asked else text


def _written(check: str, value: Value) -> str:
    """A value as SSML writes it: times in milliseconds."""
    if not isinstance(value, int | Fraction):
        return str(value)
    return f"{int(value * 1000)}ms" if check == "ssml.break_time" else f"{float(value):g}"


# --- subtitles ----------------------------------------------------------------------------------------


def _rewritten(text: str, format_: str) -> str:
    cues, _ = parse(text.replace("\r\n", "\n").replace("\r", "\n"), format_)
    if format_ == "vtt":
        cues = [cue._replace(text=unescape(_MARKUP.sub("", cue.text))) for cue in cues]
    return as_srt(in_order(cue._replace(text=MARKUP.sub("", cue.text)) for cue in cues))


def in_order(cues: Iterable[Cue]) -> list[Cue]:
    """Cues sorted by time, none overlapping: a cue ends where the next begins.

    Cues that begin together become one, its lines in the order of the file, so that no words are lost.
    """
    out: list[Cue] = []
    for cue in sorted(cues, key=lambda cue: cue.start):
        if out and out[-1].start == cue.start:
            words = "\n".join(text for text in (out[-1].text, cue.text) if text)
            out[-1] = out[-1]._replace(end=max(out[-1].end, cue.end), text=words)
            continue
        if out and out[-1].end > cue.start:
            out[-1] = out[-1]._replace(end=cue.start)
        out.append(cue)
    return out


def _clock(time: Fraction) -> str:
    whole = int(time * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"


def as_srt(cues: Iterable[Cue]) -> str:
    """The cues as SRT, numbered from 1, each followed by an empty line."""
    return "".join(
        f"{number}\n{_clock(cue.start)} --> {_clock(cue.end)}\n{cue.text}\n\n" for number, cue in enumerate(cues, 1)
    )
