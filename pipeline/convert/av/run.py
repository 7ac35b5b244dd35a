"""Carry out the steps for video and audio: one ffmpeg run for one output."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

from pipeline.convert.av import command, reference
from pipeline.convert.av import split as parts
from pipeline.convert.av.recipe import Recipe
from pipeline.errors import ToolFailed
from pipeline.model import ceilings
from pipeline.model.facts import MediaInfo
from pipeline.model.results import Category, Made, Plan, Reference, Step
from pipeline.model.rules import Role
from pipeline.probe.av.decode import decode_all
from pipeline.probe.av.open import opens_as
from pipeline.probe.sniff import sniff
from pipeline.tools import process
from pipeline.tools.ffmpeg import Meter, Share, complaints, link_input, pulse

# What FFmpeg's decoders and demuxers say, at level error, of data they could not read.
# Nothing but words holds all of it: of 84 damaged clips in six formats these found 44, `-max_error_rate 0` 26 and
# `-xerror` 53, yet not all of the 44; and that one ends a run at the first frame that any player would pass over.
_DAMAGE: Final = re.compile(
    r"error while decoding|damaged|corrupt|invalid (nal|data|mb|element)|error (submitting packet|splitting|at mb)"
    r"|exceeds containing|concealing",
    re.IGNORECASE,
)


def steps(info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
    """What will be done, with the exact command. Raises AssetError where the plan cannot be carried out."""
    return tuple(step for one in parts.of(info, plan, role) for step in command.steps(one))


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    """Run exactly those steps inside the folder `work`; `progress` gets shares from 0 to 1.

    Raises AssetError where the plan cannot be carried out, ToolFailed and TimedOut when ffmpeg does not.
    """
    made: list[Made] = []
    for chosen in parts.of(info, plan, role):
        made += run(source, info, chosen, work, on_line=_meter(info, chosen, progress))[0]
    return tuple(made)


def _meter(info: MediaInfo, chosen: Recipe, progress: Callable[[float], None]) -> Callable[[str], None]:
    """What tells `progress` how far a run is; the parts of a source one after the other."""
    whole, begin, end = info.duration, Fraction(0), chosen.length or info.duration
    if (part := chosen.part) and whole:
        begin = part.start or begin
        end = whole if part.length is None else begin + part.length
    meter = Meter(None if end is None else end - begin)
    scale, offset = (float((end - begin) / whole), float(begin / whole)) if part and whole and end else (1.0, 0.0)

    def on_line(line: str) -> None:
        if (share := meter.read(line)) is not None:
            progress(Share(offset + share * scale, share.speed))

    return on_line


def run(
    source: Path,
    info: MediaInfo,
    chosen: Recipe,
    work: Path,
    *,
    on_line: Callable[[str], None] | None = None,
    sink: Callable[[bytes], None] | None = None,
) -> tuple[tuple[Made, ...], str]:
    """Carry out a recipe in the folder `work`: what was made, and what ffmpeg said.

    `on_line` gets its progress, or `sink` the sound of a recipe that listens. Raises as `convert`.
    """
    target = work / command.output_name(chosen)
    link_input(source, work, command.SOURCE)
    (step,) = command.steps(chosen)
    ended = process.run(step.command, cwd=work, ceiling=ceilings.FFMPEG, on_line=on_line, pulse=pulse, sink=sink)
    told = ended.stderr.splitlines() if sink is None else complaints(ended.stderr)
    grave = [line for line in told if line.strip()]
    # Zero proves nothing (the output is judged afterwards), but anything else is ffmpeg giving up.
    if ended.code != 0:
        said = " | ".join(grave[-3:])
        raise ToolFailed(
            f"{info.name}: ffmpeg gave up with code {ended.code}: {said or 'no reason given'}. "
            "The source may be damaged; try to play it.",
            f"{info.name}：ffmpeg 以代码 {ended.code} 中止：{said or '未说明原因'}。源文件可能已损坏，请尝试播放。",
        )
    # A decoder paints over what it cannot read and goes on; the output would look whole and not be so. Of sound it says
    # the same about a tag or an odd byte behind the last frame, which `check --deep` rightly passes over.
    complaint = next((line for line in grave if _DAMAGE.search(line)), None)
    if complaint is None and chosen.strict and grave and not _whole(source):
        complaint = grave[0]  # of the container, say: what came after it was never seen
    elif complaint and not info.video and _whole(source):
        complaint = None
    if complaint:
        said = complaint.rpartition("] ")[2][:200]
        raise ToolFailed(
            f"{info.name} is damaged inside: its decoder says {said!r}. Export it again from the original.",
            f"{info.name} 内部已损坏：解码器报告 {said!r}。请从原始素材重新导出。",
        )
    if not target.is_file() or target.stat().st_size == 0:
        raise ToolFailed(
            f"{info.name}: ffmpeg ended without writing anything. The source may be damaged; try to play it.",
            f"{info.name}：ffmpeg 结束但没有写出任何内容。源文件可能已损坏，请尝试播放。",
        )
    part = chosen.part
    numbered = f"-{part.label or f'part{part.number:0{len(str(part.of))}}'}" if part and not part.alone else ""
    name = f"{{stem}}{numbered}.{chosen.format.extension}"
    kept = Reference(str(work / reference.name(chosen)), reference.every(chosen)) if chosen.picture else None
    made = Made(
        path=str(target), category=Category.MAIN, name=name, part=part, peak_memory=ended.peak_memory, reference=kept
    )
    return (made,), ended.stderr


def _whole(source: Path) -> bool:
    _, format_ = sniff(source)
    return format_ is not None and decode_all(source, opens_as(format_)).intact is True
