"""Footage of one take in FOLDER, as it is and with some of it left out: `FOLDER=folder python -m benchmarks joins`.

What is found as it is, is false where nobody joined anything there: look at the times. Left out are half a second, one
and two, each at three places, and what is left is encoded anew; found is what lies within a tenth of a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from pipeline.model.facts import Kind
from pipeline.probe import probe
from pipeline.probe.person import frames
from pipeline.tools import programs

GAPS = (0.5, 1.0, 2.0)  # seconds left out
PLACES = (0.3, 0.5, 0.7)  # of what is there
NEAR = 0.1  # seconds


def found(path: Path) -> list[float]:
    """Seconds of the joins that are told."""
    stream = probe(path).video[0]
    assert stream.size is not None
    spans = frames.watch(path, stream, frames.small(stream.size), Fraction(2), lambda *_: None)[1]
    return [float(span.end) for span in spans]


def shortened(path: Path, length: float, work: Path) -> Iterator[tuple[float, float, Path]]:
    """The footage with a gap, where there is room for one: seconds left out, seconds at which it is joined."""
    for gap in GAPS:
        for number, place in enumerate(PLACES):
            at = place * (length - gap)
            if length < gap + 2:
                continue
            target = work / f"{gap}-{number}.mp4"
            left = f"select='not(between(t,{at},{at + gap}))',setpts=N/FRAME_RATE/TB"
            words = [programs.ffmpeg(), "-nostdin", "-v", "error", "-y", "-i", path, "-an", "-vf", left]
            subprocess.run([*words, "-c:v", "libx264", "-preset", "fast", "-crf", "20", target], check=True)
            yield gap, at, target


def main() -> None:
    """Print the table."""
    seconds, as_it_is, tried, told = 0.0, 0, Counter[float](), Counter[float]()
    for path in sorted(Path(os.environ["FOLDER"]).iterdir()):
        info = probe(path)
        if info.kind is not Kind.VIDEO or not info.duration:
            continue
        here = found(path)
        seconds, as_it_is = seconds + float(info.duration), as_it_is + len(here)
        sys.stdout.write(f"{path.name}: {float(info.duration):.1f} s{', told at ' if here else ''}")
        sys.stdout.write(", ".join(f"{one:.2f}" for one in here) + "\n")
        with tempfile.TemporaryDirectory() as work:
            for gap, at, target in shortened(path, float(info.duration), Path(work)):
                tried[gap] += 1
                told[gap] += any(abs(one - at) <= NEAR for one in found(target))
    sys.stdout.write(f"as it is: {as_it_is} told in {seconds:.0f} s\n")
    for gap in GAPS:
        sys.stdout.write(f"{gap} s left out: {told[gap]} of {tried[gap]} told\n")


if __name__ == "__main__":
    main()
