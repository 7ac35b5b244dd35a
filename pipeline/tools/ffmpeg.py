"""How every ffmpeg of ours is started: quiet, reporting progress, and with allow-lists on its input."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

from pipeline.model.ceilings import DECODERS, DEMUXERS, MAX_PIXELS, MAX_STREAMS

HEAD: Final = ("-nostdin", "-hide_banner", "-y", "-v", "error", "-nostats", "-progress", "pipe:1")

# What it tells besides complaints (loudness, for one) is wanted too: every line says of which level it is.
TELLING: Final = ("-nostdin", "-hide_banner", "-y", "-nostats", "-v", "level+info")
_GRAVE: Final = ("[error]", "[fatal]", "[panic]")


def poured(index: int, rate: int, channels: int) -> tuple[str, ...]:
    """An output: stream `index` of the input as 32-bit floats on standard output, its loudness told (TELLING)."""
    return (
        *("-map", f"0:{index}", "-af", "ebur128=framelog=quiet"),
        *("-ar", str(rate), "-ac", str(channels), "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"),
    )


def complaints(said: str) -> list[str]:
    """Of what was told after TELLING, the lines that `-v error` would have left."""
    return [line for line in said.splitlines() if any(level in line for level in _GRAVE)]


def link_input(source: Path, work: Path, name: str) -> None:
    """Let a program that may see nothing outside of `work` read `source` there as `name`. Raises OSError."""
    link = work / name
    link.unlink(missing_ok=True)
    link.symlink_to(source.resolve())


def reading(name: str, *options: str) -> tuple[str, ...]:
    """The arguments that open the file `name` in the working folder and nothing else."""
    return (
        "-protocol_whitelist",
        "file,pipe",
        "-format_whitelist",
        ",".join(DEMUXERS),
        "-codec_whitelist",
        ",".join(DECODERS),
        "-max_pixels",
        str(MAX_PIXELS),
        "-max_streams",
        str(MAX_STREAMS),
        *options,
        "-i",
        f"file:{name}",
    )


def pulse(line: str) -> str | None:
    """What must change in the progress report while work goes on."""
    return line if line.startswith(("frame=", "out_time_us=", "total_size=")) else None


class Share(float):
    """How far a run is, 0 to 1; `speed` is how many times faster than it plays, None where that is not told."""

    speed: float | None

    def __new__(cls, part: float, speed: float | None = None) -> Self:
        """A number like any other."""
        made = super().__new__(cls, min(1.0, max(0.0, part)))
        made.speed = speed
        return made


class Meter:
    """Reads the progress report of one run that plays for `whole` seconds (None: not known)."""

    def __init__(self, whole: Fraction | None) -> None:
        self._whole = whole
        self._speed: float | None = None

    def read(self, line: str) -> Share | None:
        """How far the run is, where this line tells it."""
        key, _, value = line.partition("=")
        if key == "speed":  # "3.2x", or "N/A" before there is any
            with contextlib.suppress(ValueError):
                self._speed = float(value.strip().removesuffix("x"))
        done = out_time(line)
        return Share(float(done / self._whole), self._speed) if done is not None and self._whole else None


def out_time(line: str) -> Fraction | None:
    """Seconds of output written so far, from a line of the progress report; None for other lines."""
    key, _, value = line.partition("=")
    if key != "out_time_us" or not value.lstrip("-").isdigit():
        return None
    return Fraction(int(value), 1_000_000)
