"""Pictures of footage at even distances in time, small, from one decoding in memory that does not grow with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.model import ceilings
from pipeline.model.facts import Size, VideoStream
from pipeline.probe.face.models import Pixels
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, reading

_SOURCE: Final = "in0"
STEP: Final = Fraction(1, 2)  # seconds between two pictures
_MOST: Final = 2400  # pictures that are planned for; longer footage is looked at less often
_SIDE: Final = 480  # pixels on the longer side: what finding a face takes

Take = Callable[[Fraction, Pixels], None]


def step_of(length: Fraction | None) -> Fraction:
    """Seconds between two pictures of footage that is `length` seconds long."""
    return max(STEP, Fraction(int(length or 0), _MOST))


def small(size: Size) -> Size:
    """A picture of `size` as it is looked at, never larger than it is."""
    scale = min(Fraction(1), Fraction(_SIDE, max(size)))
    return Size(*(max(2, round(side * scale / 2) * 2) for side in size))


class _Cutter:
    """Cuts the bytes that pour out of ffmpeg into pictures."""

    def __init__(self, size: Size, step: Fraction, take: Take) -> None:
        self.count = 0
        self._size, self._step, self._take = size, step, take
        self._bytes = bytearray()
        self._whole = size.width * size.height * 3

    def pour(self, block: bytes) -> None:
        self._bytes += block
        while len(self._bytes) >= self._whole:
            flat = np.frombuffer(bytes(self._bytes[: self._whole]), np.uint8)
            del self._bytes[: self._whole]
            self._take(self.count * self._step, flat.reshape(self._size.height, self._size.width, 3))
            self.count += 1


def command(stream: VideoStream, size: Size, step: Fraction) -> tuple[str, ...]:
    """The ffmpeg that pours stream `stream` of the file `in0` into its standard output, as RGB pictures of `size`.

    Pictures that no other is built on are passed over, and edges between blocks are left as they are: neither shows
    at this size, and together they are half of decoding. What the file has no picture for shows the last one, as it
    does in a player.
    """
    quick = ("-skip_frame", "noref", "-skip_loop_filter", "all", "-reinit_filter", "0")
    even = f"fps=fps={step.denominator}/{step.numerator}:start_time=0"
    scaled = f"scale={size.width}:{size.height}:flags=area,format=rgb24"
    return (
        *(programs.ffmpeg(), *HEAD[:-2], *reading(_SOURCE, *quick), "-map", f"0:{stream.index}", "-an"),
        *("-vf", f"{even},{scaled}", "-f", "rawvideo", "pipe:1"),
    )


def watch(path: Path, stream: VideoStream, size: Size, step: Fraction, take: Take) -> int:
    """Hand pictures of `stream`, `size` large and `step` seconds apart, to `take`; how many there were.

    Damaged footage gives what of it can be seen. Raises ToolMissing and TimedOut as ffmpeg does.
    """
    cutter = _Cutter(size, step, take)
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        work = Path(folder)
        link_input(path, work, _SOURCE)
        process.run(command(stream, size, step), cwd=work, ceiling=ceilings.FFMPEG, sink=cutter.pour)
    return cutter.count
