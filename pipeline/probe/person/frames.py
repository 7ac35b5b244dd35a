"""Pictures of footage at even distances in time, small, and where takes are joined: from one decoding, in memory that
does not grow with it.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.model import ceilings
from pipeline.model.facts import Size, VideoStream
from pipeline.model.measured import Span
from pipeline.probe.face.models import Pixels
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, reading

_SOURCE: Final = "in0"
STEP: Final = Fraction(1, 2)  # seconds between two pictures
_MOST: Final = 2400  # pictures that are planned for; longer footage is looked at less often
_SIDE: Final = 480  # pixels on the longer side: what finding a face takes
# Where takes are joined: mean changes of lightness from picture to picture, in percent of the full range.
_CHANGES: Final = "changes"  # the file that ffmpeg writes them to
_TINY: Final = "96:54"  # pixels they are taken of: no noise, and no less of a person who sits elsewhere
_NEAR: Final = 6  # pictures on either side that a join stands out from
_TIMES: Final = 3.0  # ... by this
_LEAST: Final = 0.6  # less is nothing that anybody sees
_NOISE: Final = 0.06  # of a picture that stands still

Take = Callable[[Fraction, Pixels], None]


def step_of(length: Fraction | None) -> Fraction:
    """Seconds between two pictures of footage that is `length` seconds long."""
    return max(STEP, Fraction(int(length or 0), _MOST))


def small(size: Size, side: int = _SIDE) -> Size:
    """A picture of `size` as it is looked at, `side` pixels on its longer side and never larger than it is."""
    scale = min(Fraction(1), Fraction(side, max(size)))
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
    does in a player. Beside, how much every picture differs from the one before is written to the file `changes`.
    """
    quick = ("-skip_frame", "noref", "-skip_loop_filter", "all", "-reinit_filter", "0")
    even = f"fps=fps={step.denominator}/{step.numerator}:start_time=0"
    scaled = f"scale={size.width}:{size.height}:flags=area,format=rgb24"
    told = f"scale={_TINY}:flags=area,format=gray,scdet=threshold=100,metadata=mode=print:file={_CHANGES},nullsink"
    return (
        *(programs.ffmpeg(), *HEAD[:-2], *reading(_SOURCE, *quick), "-map", f"0:{stream.index}", "-an"),
        *("-vf", f"split[a][b];[b]{told};[a]{even},{scaled}", "-f", "rawvideo", "pipe:1"),
    )


def joins(lines: Iterable[str]) -> Iterator[Span]:
    """From the last picture before a join to the first one after it, in seconds; `lines` is what ffmpeg wrote.

    There all changes at once, and much more than just before and just after. A person who moves fast changes much in
    several pictures, one who is back in the same place at a join changes little: such a one is not found.
    """
    near: deque[tuple[Fraction, Fraction, float] | None] = deque(maxlen=2 * _NEAR + 1)
    for one in chain(_changes(lines), repeat(None, _NEAR)):
        near.append(one)
        at = near[-1 - _NEAR] if len(near) > _NEAR else None
        around = sorted(other[2] for other in near if other is not None and other is not at)
        # One of those near may be a join itself.
        if at and len(around) > 2 and at[2] > max(_LEAST, _TIMES * max(around[-2], _NOISE)):
            yield Span(at[0], at[1])


def _changes(lines: Iterable[str]) -> Iterator[tuple[Fraction, Fraction, float]]:
    """Seconds of the picture before, of each picture, and how much differs between them."""
    before = at = None
    for line in lines:
        key, _, value = line.strip().rpartition("=" if line.startswith("lavfi") else ":")
        if key.endswith("pts_time"):
            before, at = at, _time(value)
        elif key == "lavfi.scd.mafd" and before is not None and at is not None:
            yield before, at, float(value)


def _time(text: str) -> Fraction | None:
    try:
        return Fraction(text).limit_denominator(1000)
    except ValueError:  # "NOPTS": a picture without a time has no place in it
        return None


def watch(path: Path, stream: VideoStream, size: Size, step: Fraction, take: Take) -> tuple[int, tuple[Span, ...]]:
    """Hand pictures of `stream`, `size` large and `step` seconds apart, to `take`; how many there were, and the joins.

    Damaged footage gives what of it can be seen. Raises ToolMissing and TimedOut as ffmpeg does.
    """
    cutter = _Cutter(size, step, take)
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        work = Path(folder)
        link_input(path, work, _SOURCE)
        process.run(command(stream, size, step), cwd=work, ceiling=ceilings.FFMPEG, sink=cutter.pour)
        found: tuple[Span, ...] = ()
        if (work / _CHANGES).is_file():
            with (work / _CHANGES).open(encoding="ascii") as lines:
                found = tuple(joins(lines))
    return cutter.count, found
