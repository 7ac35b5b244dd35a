"""Repair of scripts and subtitles. A script's words are never touched; subtitles are set in order."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from html import unescape
from pathlib import Path
from typing import Final

from pipeline.convert.wanted import NAMING, extension, value_of
from pipeline.errors import ToolFailed, Unreadable
from pipeline.model import Kind, Made, MediaInfo, Plan, Role, Step, Text
from pipeline.probe.subtitle import Cue, parse
from pipeline.probe.text import load

_ORDER: Final = frozenset({"subtitle.disorder", "subtitle.overlaps"})
HANDLES: Final[dict[Kind, frozenset[str]]] = {
    Kind.TEXT: NAMING,
    Kind.SUBTITLE: NAMING | _ORDER | {"subtitle.format", "subtitle.encoding"},
}
# Cue markup of WebVTT (4.2.2) that SRT players print as it stands: voices, classes, languages, ruby, times.
_MARKUP: Final = re.compile(r"</?(?:c|v|lang|ruby|rt)(?:[.\s][^<>]*)?>|<[\d:.]+>")


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done to one file."""

    target: str  # format written
    recode: bool
    rewrite: bool  # cues are written anew

    @property
    def copy(self) -> bool:
        return not (self.recode or self.rewrite)


def _work(info: MediaInfo, plan: Plan) -> _Work:
    """Raises ToolFailed for what cannot be written, Unreadable for what would be lost."""
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
    doing = _work(info, plan)
    ending = extension(doing.target, info, role)
    target = work / f"out.{ending}"
    if doing.copy:
        shutil.copyfile(source, target)
    else:
        text = load(source, source.stat().st_size).text
        if text is None:
            raise Unreadable(
                f"The encoding of {info.name} is not known. Save it as UTF-8.",
                f"{info.name} 的编码未知。请另存为 UTF-8。",
            )
        if doing.rewrite and info.text is not None:
            text = _rewritten(text, info.text.format)
        # Bytes, not text mode: line ends stay as they are.
        target.write_bytes(text.encode())
    progress(1.0)
    return (Made(path=str(target), name="{stem}." + ending),)


def _rewritten(text: str, format_: str) -> str:
    cues, _ = parse(text.replace("\r\n", "\n").replace("\r", "\n"), format_)
    if format_ == "vtt":
        cues = [cue._replace(text=unescape(_MARKUP.sub("", cue.text))) for cue in cues]
    return as_srt(in_order(cues))


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
