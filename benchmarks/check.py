"""What checking costs: one file against opening it with PyAV, many files against one prober process a file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks._run import PREFLIGHT, command, peak_memory, seconds, table
from samples import build

PRESET = "metastudio/video-production"
FILES = 1000
MANY = 10_000


def one_file(clip: Path) -> None:
    """In process, past start-up: the whole check against `av.open` and reading the streams."""
    import av

    from pipeline.model.job import Job
    from pipeline.stages.check import check

    job = Job(path=str(clip), stem="x", preset=PRESET)

    def peer() -> None:
        with av.open(str(clip)) as container:
            for stream in container.streams:
                _ = (stream.codec_context.name, stream.time_base, stream.duration)

    check(job), peer()
    rounds = 200
    ours = seconds(lambda: [check(job) for _ in range(rounds)]) / rounds
    theirs = seconds(lambda: [peer() for _ in range(rounds)]) / rounds
    table(
        [
            ("one H.264 file, past start-up", "ms", "ratio"),
            ("PyAV: open, read streams", f"{theirs * 1000:.3f}", "1"),
            ("check: probe, judge", f"{ours * 1000:.3f}", f"{ours / theirs:.2f}"),
        ]
    )


def many_files(clip: Path, folder: Path) -> None:
    """The whole command on many files against one ffprobe a file."""
    for number in range(FILES):
        shutil.copyfile(clip, folder / f"{number:05}.mp4")
    ours = command([*PREFLIGHT, "check", folder, "-p", PRESET, "--json"])
    rows = [("1,000 files, whole command", "s", "times faster")]
    ffprobe = shutil.which("ffprobe")
    if ffprobe:
        sample = 50
        words = [ffprobe, "-v", "error", "-show_streams", "-show_format", "-of", "json"]
        theirs = sum(command([*words, folder / f"{n:05}.mp4"]) for n in range(sample)) / sample * FILES
        version = subprocess.run([ffprobe, "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
        rows.append((f"ffprobe {version}, one process a file ({sample} timed)", f"{theirs:.2f}", "1"))
        rows.append(("preflight check", f"{ours:.2f}", f"{theirs / ours:.1f}"))
    else:
        rows.append(("preflight check (no ffprobe here to compare with)", f"{ours:.2f}", "-"))
    table(rows)


def memory(clip: Path, folder: Path) -> None:
    """The processes of the command, from 100 to 10,000 files."""
    rows = [("files", "main process, peak MB", "largest worker, peak MB")]
    for count in (100, 1000, MANY):
        for number in range(count):
            target = folder / f"{number:05}.mp4"
            if not target.exists():
                target.hardlink_to(clip) if number % 2 else shutil.copyfile(clip, target)
        words = [*PREFLIGHT, "check", folder, "-p", PRESET, "--json"]
        main_process, worker = peak_memory(words)
        rows.append((f"{count:,}", f"{main_process / 1e6:.0f}", f"{worker / 1e6:.0f}"))
    table(rows)


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        clip = build(["video/good-1080p25.mp4"], top / "samples")["video/good-1080p25.mp4"]
        for part in ("thousand", "many"):
            (top / part).mkdir()
        one_file(clip)
        many_files(clip, top / "thousand")
        memory(clip, top / "many")
