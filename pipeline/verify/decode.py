"""Proof that an output is whole: one full decode.

What it holds is compared with its source elsewhere; here every byte of it is read as a player would.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from pipeline.model import ceilings
from pipeline.model.facts import MediaInfo, Text, VideoStream
from pipeline.model.results import Proof
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, out_time, pulse, reading
from pipeline.verify.compare import ESTIMATED, SOUND_SLACK, seconds

# The filter that smooths block edges reads nothing from the file, so leaving it out hides no damage; it takes a
# sixth of an H.264 decoder's time.
_UNFILTERED: Final = ("-skip_loop_filter", "all")


class Beside(NamedTuple):
    """What else is done with the pictures while they are decoded, in ffmpeg's words."""

    decoder: tuple[str, ...]  # in front of the file
    inputs: tuple[str, ...]  # behind it, and the graph: it takes `0:` and gives back `whole`
    outputs: tuple[str, ...]


def decoded(
    path: Path, info: MediaInfo, work: Path, *, sound_only: bool = False, beside: Beside | None = None
) -> Proof:
    """Whether the file at `path` (facts `info`) decodes from end to end and holds what its container says.

    Pictures are counted, sound alone is timed; `sound_only` leaves the pictures out. Runs ffmpeg in `work`.
    Raises TimedOut and ToolFailed.
    """
    if sound_only:
        info = replace(info, video=())
    what: tuple[str, ...] = ("-map", "0")
    if info.video:
        what = ("-map", "[whole]" if beside else f"0:{info.video[0].index}", "-map", "0:a?", "-fps_mode", "passthrough")
    elif info.audio:
        what = ("-map", f"0:{info.audio[0].index}")
    link_input(path, work, "decode0")
    command = (
        programs.ffmpeg(),
        *HEAD,
        "-xerror",
        *reading("decode0", *(beside.decoder if beside else _UNFILTERED), "-err_detect", "explode"),
        *(beside.inputs if beside else ()),
        *what,
        "-f",
        "null",
        "-",
        *(beside.outputs if beside else ()),
    )
    frames, last = 0, Fraction(0)

    def on_line(line: str) -> None:
        nonlocal frames, last
        key, _, value = line.partition("=")
        if key == "frame" and value.strip().isdigit():
            frames = int(value)
        last = out_time(line) or last

    ended = process.run(command, cwd=work, ceiling=ceilings.FFMPEG, on_line=on_line, pulse=pulse)
    (work / "decode0").unlink()
    complained = ended.code or any(map(_grave, ended.stderr.splitlines()))
    complaint = Text(f"; code {ended.code}: {ended.last_words()}", f"；代码 {ended.code}：{ended.last_words()}")
    if info.video:
        expected, found, whole = _counted(info.video[0], frames)
    else:
        expected, found, whole = _timed(info, last)
    return Proof(
        name=Text("decodes whole", "完整解码"),
        expected=expected,
        found=found.plus(complaint) if complained else found,
        passed=whole and not complained,
    )


# Said of what is not looked at: pictures of subtitles, whose size stands outside of their stream, and codecs that are
# opened with the file and not allowed. Without that of a picture or sound that is decoded the run ends with a code.
_OF_SUBTITLES: Final = re.compile(
    r"codec parameters for stream \d+ \(Subtitle|^Consider increasing the value for|Codec \(\w+\) not on whitelist"
)


def _grave(line: str) -> bool:
    """Whether a line on standard error speaks of pictures or sound."""
    return bool(line.strip()) and _OF_SUBTITLES.search(line) is None


def _frames_of(count: int) -> Text:
    return Text(f"{count} frames", f"{count} 帧")


def _counted(stream: VideoStream, frames: int) -> tuple[Text, Text, bool]:
    """The container's count where it has one, else what length and rate make of it within one frame."""
    if stream.frames is not None:
        return _frames_of(stream.frames), _frames_of(frames), frames == stream.frames
    ticks = None
    if stream.duration is not None and stream.frame_rate and not stream.variable:
        ticks = round(stream.duration * stream.frame_rate)
    if ticks is None:
        return Text("at least 1 frame", "至少 1 帧"), _frames_of(frames), frames > 0
    about = Text(f"{ticks} frames within 1", f"{ticks} 帧，误差 1 内")
    return about, _frames_of(frames), abs(frames - ticks) <= 1


def _timed(info: MediaInfo, last: Fraction) -> tuple[Text, Text, bool]:
    length = info.audio[0].duration or info.duration if info.audio else None
    if length is None or info.container in ESTIMATED:
        return Text("some sound", "有声音"), seconds(last), last > 0
    # What is counted begins with the file, not with a sound that begins late.
    late = max(Fraction(0), (info.audio[0].start or Fraction(0)) - (info.start or Fraction(0)))
    return seconds(length), seconds(last), min(abs(length - last), abs(length + late - last)) <= SOUND_SLACK
