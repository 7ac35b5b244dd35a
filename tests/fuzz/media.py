"""Damaged media: every sample, through every reader and every converter.

Every mutant of a generated sample is checked by a worker, as a stranger's file would be, and every so many are
prepared too. What may happen: a verdict, or an error that somebody wrote. What may not: an exception nobody
expected, a worker that dies or runs into its time limit, a file written anywhere but below the output folder.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.documents.types import AssetEntry
from pipeline.engine.pool import Pool, WorkerEvent, cores
from pipeline.engine.tasks import check_entry, prepare_entry
from pipeline.model.ceilings import JobTime
from pipeline.model.job import Job
from pipeline.storage.publish import sweep
from samples import SAMPLES, build

LARGEST = 400_000  # bytes of a sample; larger ones differ in length, not in structure
BLOCK = 500  # mutants on the disk at a time
LIMIT = JobTime(cpu=60, wall=600)  # of one mutant, far above what the slowest takes
PREPARED = 3  # one mutant in so many is prepared, not only checked
# By the folder of the sample, in turn, so that every prober and every converter has its share.
PRESETS = {
    "video": ("convert/h264-1080p", "metastudio/asset-library", "metastudio/avatar-training"),
    "audio": ("convert/mono-wav", "tencent/voice-instant", "tencent/driver-audio"),
    "images": ("metastudio/asset-library", "metastudio/photo-avatar", "tencent/photo-premium"),
    "decks": ("convert/slides-to-pages", "metastudio/video-production"),
    "packages": ("metastudio/voice-advanced", "metastudio/voice-basic", "metastudio/voice-middle", "tencent/voice"),
    "texts": ("metastudio/livestream", "metastudio/video-production", "tencent/driver-audio"),
}
OTHERWISE = ("metastudio/asset-library",)


# --- damage -----------------------------------------------------------------------------------------


def flip(data: bytearray, rng: random.Random, _: bytes) -> None:
    """Single bits, here and there."""
    for _ in range(rng.choice((1, 3, 30))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data: bytearray, rng: random.Random, _: bytes) -> None:
    """The end is missing."""
    del data[rng.randrange(len(data)) :]


def splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    """A piece of another file in the middle."""
    start = rng.randrange(len(other))
    place = rng.randrange(len(data))
    data[place : place + rng.randrange(4096)] = other[start : start + rng.randrange(1, 4096)]


def number(data: bytearray, rng: random.Random, _: bytes) -> None:
    """A field of two, four or eight bytes, most likely near the head, holds an extreme value."""
    width = rng.choice((2, 4, 8))
    place = rng.randrange(max(1, min(len(data), rng.choice((64, 1024, len(data)))) - width))
    value = rng.choice((0, 1, 2 ** (width * 8 - 1) - 1, 2 ** (width * 8 - 1), 2 ** (width * 8) - 1, len(data)))
    value = min(value, 2 ** (width * 8) - 1)
    data[place : place + width] = value.to_bytes(width, rng.choice(("big", "little")))


def repeat(data: bytearray, rng: random.Random, _: bytes) -> None:
    """A piece twice, or many times."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 2048)]
    data[start:start] = piece * rng.choice((1, 2, 50))


def blank(data: bytearray, rng: random.Random, _: bytes) -> None:
    """A piece of zeros, as a disk leaves behind."""
    start = rng.randrange(len(data))
    size = min(rng.randrange(1, 4096), len(data) - start)
    data[start : start + size] = bytes(size)


DAMAGES: Sequence[Callable[[bytearray, random.Random, bytes], None]] = (flip, cut, splice, number, repeat, blank)


def mutant(pristine: Sequence[Path], index: int, seed: int) -> tuple[str, bytes]:
    """Extension and bytes of mutant `index`: the same for the same seed and samples."""
    rng = random.Random(f"{seed}/{index}")  # noqa: S311  reproducible damage
    source = pristine[index % len(pristine)]
    other = pristine[rng.randrange(len(pristine))].read_bytes() or b"\0"
    data = bytearray(source.read_bytes() or b"\0")
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(DAMAGES)(data, rng, other)
        data = data or bytearray(b"\0")
    suffix = source.suffix if rng.random() < 0.95 else rng.choice(pristine).suffix
    return suffix, bytes(data)


# --- a campaign -------------------------------------------------------------------------------------


@dataclass
class Found:
    """What became of all mutants."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def work(job: Job, progress: Callable[[float], None]) -> AssetEntry:
    """What a worker does with a mutant."""
    return prepare_entry(job, progress).asset if job.out else check_entry(job, progress)


def pristine(folder: Path) -> list[Path]:
    """Every sample that can be made here and is not too large."""
    made = build(SAMPLES, folder)
    return [path for _, path in sorted(made.items()) if 0 < path.stat().st_size <= LARGEST]


def campaign(samples: Sequence[Path], count: int, seed: int, folder: Path, first: int = 0) -> Found:
    """Mutants `first` to `first + count`, in blocks that are removed when they are done."""
    found = Found()
    for start in range(first, first + count, BLOCK):
        _block(samples, range(start, min(start + BLOCK, first + count)), seed, folder / str(start), found)
    return found


def preset(sample: Path, turn: int) -> str:
    """What the mutants of this sample are held against, another one each turn."""
    presets = PRESETS.get(sample.parent.name, OTHERWISE)
    return presets[turn % len(presets)]


def _block(samples: Sequence[Path], indices: range, seed: int, folder: Path, found: Found) -> None:
    source = folder / "in"
    source.mkdir(parents=True)
    jobs, bodies = [], {}
    for index in indices:
        suffix, data = mutant(samples, index, seed)
        path = source / f"{index}{suffix}"
        path.write_bytes(data)
        bodies[path] = data
        turn, which = divmod(index, len(samples))
        out = str(folder / "out" / str(index)) if index % PREPARED == 0 else ""
        jobs.append(Job(path=str(path), stem="x", preset=preset(samples[which], turn), out=out))
    with Pool(work, cores(), LIMIT) as pool:  # ended with the block: an office that stays holds a folder in it
        for event in pool.run(jobs):
            if event.ended:
                _take(event, jobs[event.index], seed, found)
    found.wrong += [
        f"{path.name}: the source was changed" for path, data in bodies.items() if path.read_bytes() != data
    ]
    outside = [p for p in folder.rglob("*") if p.is_file() and p.parent != source and folder / "out" not in p.parents]
    found.wrong += [f"{path}: written outside the output folder" for path in outside]
    for out in (folder / "out").glob("*"):
        sweep(out)  # as every run does at its end: an office is ended with its worker and cannot tidy up
    found.wrong += [f"{path}: left behind" for path in folder.glob("out/*/.preflight-work*")]
    shutil.rmtree(folder)


def _take(event: WorkerEvent[AssetEntry], job: Job, seed: int, found: Found) -> None:
    name = f"seed {seed} mutant {Path(job.path).name}"
    if event.result is None:
        found.statuses["lost"] += 1
        found.wrong.append(f"{name}: {event.error}")
        return
    found.statuses[event.result.status] += 1
    error = event.result.error
    if error and error.trace:
        found.wrong.append(f"{name}: {error.trace}")
