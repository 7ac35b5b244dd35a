"""The same bytes twice in a batch: converted once, judged and proven each time under their own name."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.documents.types import PreparedAsset
from pipeline.model.ceilings import MAX_FILE
from pipeline.model.job import Job
from pipeline.model.results import Category, Made
from pipeline.storage import publish
from pipeline.storage.digest import content_md5
from pipeline.storage.regular import reading

_HEAD: Final = 64 * 1024  # bytes at either end that tell most files of one size apart


def made(job: Job, work: Path) -> tuple[Made, ...]:
    """What was made of the twin, under a second name in `work`; nothing when any of it was touched since."""
    again = []
    for number, (name, md5, template, category, text) in enumerate(job.twin):
        source, target = Path(job.out, name), work / f"twin{number}{Path(name).suffix}"
        try:
            publish.again(source, target)
        except OSError:  # moved or removed since: then it is made from the source, as if it had no twin
            return ()
        if content_md5(target) != md5:
            return ()
        again.append(Made(path=str(target), category=Category(category), name=template, text=text))
    return tuple(again)


def outputs(entry: PreparedAsset) -> tuple[tuple[str, str, str, str, str | None], ...]:
    """The outputs of a finished asset as `made` wants them.

    Nothing where names do not tell their template, and where it was split: parts are proven by what they are parts of.
    """
    main = next((o for o in entry.outputs if o.category is Category.MAIN), None)
    if main is None or main.part:
        return ()
    stem = str(Path(main.path).with_suffix(""))
    if not all(o.path.startswith(stem) for o in entry.outputs):
        return ()
    return tuple(
        (o.path, o.md5, "{stem}" + _literal(o.path[len(stem) :]), o.category.value, o.text) for o in entry.outputs
    )


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def groups(jobs: Sequence[Job], todo: Iterable[int], content: Mapping[int, str]) -> dict[int, list[int]]:
    """First of its kind -> those after it, for jobs of equal content whose names promise the same format."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in todo:
        if index in content:
            found[content[index], Path(jobs[index].path).suffix.lower()].append(index)
    return {first: others for first, *others in found.values() if others}


def suspects(jobs: Sequence[Job], todo: Iterable[int]) -> list[int]:
    """Jobs whose files agree with another one's in size, beginning and end. Files that cannot be read are none."""
    sizes: dict[int, list[int]] = defaultdict(list)
    for index in todo:
        if jobs[index].cards is not None:  # the same footage may lie beside another card
            continue
        try:
            size = Path(jobs[index].path).stat().st_size
        except OSError:  # no twin of another; its own check tells what is wrong with it
            continue
        if size <= MAX_FILE:  # what is larger is not read
            sizes[size].append(index)
    ends: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for size, indices in sizes.items():
        if len(indices) > 1:
            for index in indices:
                try:
                    ends[size, _ends(Path(jobs[index].path), size)].append(index)
                except OSError:  # as above
                    continue
    return sorted(index for indices in ends.values() if len(indices) > 1 for index in indices)


def _ends(path: Path, size: int) -> bytes:
    with reading(path) as file:
        known = hashlib.blake2b(file.read(_HEAD), digest_size=16)
        if size > 2 * _HEAD:
            file.seek(-_HEAD, 2)
        known.update(file.read(_HEAD))
    return known.digest()
