"""How every ffmpeg of ours is started: quiet, reporting progress, and with allow-lists on its input."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from pipeline.tools.ceilings import DECODERS, DEMUXERS, MAX_PIXELS, MAX_STREAMS

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


def out_time(line: str) -> Fraction | None:
    """Seconds of output written so far, from a line of the progress report; None for other lines."""
    key, _, value = line.partition("=")
    if key != "out_time_us" or not value.lstrip("-").isdigit():
        return None
    return Fraction(int(value), 1_000_000)
