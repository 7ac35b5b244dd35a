"""Media made by script: good files, and each way of being bad.

    python -m samples --list
    python -m samples --only 'video/*' --out samples/out

Nothing here is fetched or recorded. The one picture of a person is NASA's portrait of the astronaut Eileen
Collins, in the public domain, as it comes with scikit-image.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path

from samples import audio, broken, decks, heads, images, packages, texts, video
from samples._speech import engine
from samples._tools import Sample, SampleError, tool

__all__ = ["SAMPLES", "Sample", "SampleError", "build", "missing"]

_MODULES = (video, audio, images, heads, decks, packages, texts, broken)

SAMPLES: dict[str, Sample] = {sample.name: sample for module in _MODULES for sample in module.SAMPLES}
"""Every sample by its name."""


def missing(sample: Sample) -> frozenset[str]:
    """The optional programs that a sample needs and this machine lacks."""
    return frozenset(word for word in sample.needs if tool(word) is None)


def build(names: Iterable[str] | None, out: Path, jobs: int = 2) -> dict[str, Path]:
    """Make samples below `out` and say where they are; None means all of them.

    A file is kept where its stamp still matches its maker. A sample whose program is missing is left out and
    reported by the `samples` logger. Raises SampleError for a name that does not exist and, naming the
    sample, for a maker that fails; no incomplete file is left under a sample's name.
    """
    wanted = list(SAMPLES if names is None else dict.fromkeys(names))
    for name in wanted:
        if name not in SAMPLES:
            near = "".join(f", did you mean {match}?" for match in get_close_matches(name, SAMPLES, 1))
            raise SampleError(f"there is no sample named {name}{near or ' (python -m samples --list shows them)'}")
    able = [SAMPLES[name] for name in wanted if not missing(SAMPLES[name])]
    for name in wanted:
        if lacks := missing(SAMPLES[name]):
            logging.getLogger("samples").warning("%s left out: %s not installed", name, ", ".join(sorted(lacks)))
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        tasks = [pool.submit(_one, sample, out) for sample in able]
        try:
            return {sample.name: task.result() for sample, task in zip(able, tasks, strict=True)}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@cache
def _fingerprint(module: str) -> bytes:
    """A digest of what decides the bytes that a module's makers write: its source, ours, and the voice."""
    total = hashlib.sha256(engine().encode())
    for file in (Path(str(sys.modules[module].__file__)), *sorted(Path(__file__).parent.glob("_[a-z]*.py"))):
        total.update(file.read_bytes())
    return total.digest()


def _stamp(sample: Sample) -> str:
    maker = sample.make
    while isinstance(maker, partial):
        maker = maker.func
    return hashlib.sha256(_fingerprint(maker.__module__) + sample.name.encode()).hexdigest()


def _one(sample: Sample, out: Path) -> Path:
    target, stamp = out / sample.name, out / ".stamps" / f"{sample.name}.sha256"
    wanted = _stamp(sample)
    if target.is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    (out / ".work").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out / ".work"))
    try:
        draft = work / target.name
        try:
            sample.make(draft)
        except Exception as wrong:
            raise SampleError(f"sample {sample.name} could not be made: {wrong}") from wrong
        if not draft.is_file():
            raise SampleError(f"sample {sample.name} could not be made: its maker wrote no file")
        draft.replace(target)
        (work / "stamp").write_text(wanted)
        (work / "stamp").replace(stamp)
    finally:
        shutil.rmtree(work)
    return target
