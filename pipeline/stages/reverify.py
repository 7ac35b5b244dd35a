"""The outputs of a finished run, looked at again: there, the same bytes, the same verdicts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pipeline.documents import entry as document
from pipeline.documents.doubts import Doubt
from pipeline.documents.messages import message
from pipeline.documents.read import ReadDocument
from pipeline.documents.types import ManifestDocument, VerifiedOutput
from pipeline.errors import AssetError, Doubtful, UsageError
from pipeline.model.facts import Text
from pipeline.model.results import Category
from pipeline.probe import probe
from pipeline.rules import judge as judging
from pipeline.rules import presets
from pipeline.stages.check import problem, role_of
from pipeline.storage import beneath, remote
from pipeline.storage.digest import md5_of

if TYPE_CHECKING:
    from pipeline.model.job import Progress


class Recheck(Struct, frozen=True):
    """One output to look at again."""

    folder: str
    path: str  # relative to the folder
    size: int
    md5: str
    preset: str
    role: str | None
    main: bool
    lang: str


def outputs(reading: ReadDocument[ManifestDocument], name: str, lang: str) -> list[Recheck]:
    """Every output that the manifest called `name` has. Raises UsageError where there is nothing to tell of."""
    manifest = reading.document
    found = [
        Recheck(
            folder=str(Path(name).parent),
            path=output.path,
            size=output.size,
            md5=output.md5,
            preset=manifest.preset.id if manifest.preset else "",
            role=asset.role,
            main=output.category is Category.MAIN,
            lang=lang,
        )
        for asset in manifest.assets
        for output in asset.outputs
    ]
    if not found and not reading.doubts:
        raise UsageError(f"{name}: names no output: nothing to verify", f"{name}：没有任何输出可供验证")
    return found


def fetched(jobs: Sequence[Recheck], url: str) -> tuple[list[Recheck], list[VerifiedOutput]]:
    """Bring the outputs of the manifest at this address to where the jobs look for them; what did not come is told.

    Raises UsageError where nothing beside the manifest can be reached.
    """
    here: list[Recheck] = []
    lost: list[VerifiedOutput] = []
    for job in jobs:
        target = Path(job.folder, job.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            remote.fetch(remote.beside(url, job.path), target.parent).rename(target)
        except AssetError as error:
            lost.append(failed(job, error))
        else:
            here.append(job)
    return here, lost


def verify_entry(again: Recheck, _: Progress) -> VerifiedOutput:
    """Whether one output is still what the manifest says."""
    try:
        changed = _changed(again, Path(again.folder, again.path))
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return failed(again, error)
    said = changed.of(again.lang) if changed else ""
    return VerifiedOutput(
        path=again.path, status="changed" if changed else "ok", message=said, said=changed, error=None
    )


def failed(again: Recheck, error: Exception) -> VerifiedOutput:
    """The entry of an output that could not be looked at."""
    told = document.error(problem(error), again.lang)
    return VerifiedOutput(path=again.path, status="error", message="", said=None, error=told)


def doubtful(doubt: Doubt, lang: str) -> VerifiedOutput:
    """The entry of what the manifest says and is not believed."""
    told = document.error(problem(Doubtful(doubt.text.en, doubt.text.zh)), lang)
    return VerifiedOutput(path=doubt.source, status="error", message="", said=None, error=told)


def _changed(again: Recheck, path: Path) -> Text | None:
    """What is not as the manifest says; None: all is."""
    try:
        with beneath.opened(Path(again.folder), again.path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != again.size:
                return Text(f"{size} bytes, {again.size} in the manifest", f"{size} 字节，清单中为 {again.size}")
            md5 = md5_of(file)
    except (FileNotFoundError, NotADirectoryError):  # an answer, and no failure
        return Text("missing", "文件缺失")
    if md5 != again.md5:
        return Text(f"md5 {md5}, {again.md5} in the manifest", f"MD5 为 {md5}，清单中为 {again.md5}")
    return _judged(again, path)


def _judged(again: Recheck, path: Path) -> Text | None:
    if not again.main or not again.preset:
        return None
    info = probe(path)
    role = role_of(presets.load(again.preset), info.kind, again.role)
    if role is None:
        return Text(f"{info.kind.value} is not of role {again.role}", f"{info.kind.value} 不属于角色 {again.role}")
    wanted = judging.needs(role, info.kind)
    wrong = [message(f) for f in judging.judge(probe(path, wanted) if wanted else info, role) if f.blocks]
    return Text("; ".join(one.en for one in wrong), "；".join(one.zh for one in wrong)) if wrong else None
