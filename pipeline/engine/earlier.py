"""What earlier runs left in an output folder: their assets stay in its manifest, and their names stay theirs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pipeline.documents import entry as document
from pipeline.documents import manifest, read
from pipeline.documents.read import Held
from pipeline.documents.types import PreparedAsset
from pipeline.errors import AssetError, UsageError
from pipeline.model.facts import Text
from pipeline.model.job import Job
from pipeline.model.results import Problem, Status
from pipeline.model.rules import Preset
from pipeline.storage import beneath, inputs, paths, urls

_DONE: Final = frozenset({Status.READY, Status.FIXED})
_LISTED: Final = 256 << 20  # bytes of a list of sources


class Earlier(Struct, frozen=True):
    """The assets that the manifest of a folder has when a run begins."""

    folder: Path
    assets: tuple[Held, ...] = ()
    stale: bool = False  # the rules were edited since
    ours: str = ""  # digest of the manifest as the last run wrote it, where that is known

    @classmethod
    def of(cls, folder: Path, preset: Preset, ours: str = "") -> Earlier:
        """Those of `folder`. Raises UsageError: its manifest cannot be read, or is of another scenario."""
        path = folder / manifest.NAME
        if not path.exists():
            return cls(folder)
        try:
            was, assets = read.held(str(path))
        except UsageError as error:
            raise UsageError(
                f"{error.text.en.rstrip('.')}. What earlier runs delivered would be forgotten; move that file away, or "
                "choose another folder",
                f"{error.text.zh.rstrip('。')}。继续运行会丢失此前交付的记录；请移走该文件或更换目录",
            ) from None
        if was is not None and was.id != preset.id:
            raise UsageError(
                f"{folder} holds a delivery for {was.id}, and this one is for {preset.id}; choose another folder",
                f"{folder} 中是 {was.id} 的交付内容，而本次为 {preset.id}；请更换目录",
            )
        return cls(folder, assets, was is not None and was.sha256 != preset.sha256, ours)

    def named(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs under the names that their sources had before, and under no name of another source."""
        stems = {_place(one.source): one.stem for one in self.assets if one.stem and paths.odd(one.stem) is None}
        places = [_place(document.shown(job.path)) for job in jobs]
        own = set(places)
        taken = {stem.casefold() for place, stem in stems.items() if place not in own and _there(place)}
        taken |= {stems[place].casefold() for place in own & stems.keys()}
        named = []
        for job, place in zip(jobs, places, strict=True):
            stem = stems.get(place)
            if stem is None:
                stem = inputs.apart(job.stem, job.path, taken)
                taken.add(stem.casefold())
            named.append(job if stem == job.stem else replace(job, stem=stem))
        return named

    def sources(self) -> dict[str, str]:
        """The paths of sources that could not be made ready, by the names that documents have for them.

        A name that is no text is escapes there; the list of earlier runs has its bytes.
        """
        path = self.folder / manifest.QUARANTINE
        listed = beneath.whole(str(path), _LISTED).split(b"\0") if path.exists() else []
        return {document.shown(name): name for name in map(os.fsdecode, listed) if name}

    def left(self, now: Iterable[Held], lang: str) -> Iterator[PreparedAsset]:
        """Those that stay in the manifest beside those of this run, `now`.

        One goes whose source was prepared again, whose output has another source now, and one that was never made
        ready when its source is gone. Raises UsageError.
        """
        sources, paths = set[str](), set[str]()
        for one in now:
            sources.add(_place(one.owner))
            paths.update(output.path for output in one.outputs)
        listed = self.sources()
        wanted = {
            number
            for number, one in enumerate(self.assets)
            if _place(one.owner) not in sources
            and paths.isdisjoint(output.path for output in one.outputs)
            and (one.status in _DONE or _there(_place(listed.get(one.owner, one.owner))))
        }
        if wanted:
            for asset in read.kept(str(self.folder / manifest.NAME), wanted, self.ours):
                yield self._judged(asset, lang)

    def _judged(self, one: PreparedAsset, lang: str) -> PreparedAsset:
        if not self.stale or one.status not in _DONE:
            return one
        said = Text(
            "was prepared by rules that were edited since; prepare it again",
            "处理后规则已修改；请重新处理",
        )
        error = document.error(Problem(type=AssetError.__name__, message=said), lang)
        return msgspec.structs.replace(one, status=Status.FAILED, outputs=(), proof=(), error=error)


def _place(source: str) -> str:
    """What tells whether two names are of one source, seen from where the command is run."""
    return source if urls.is_url(source) else os.path.abspath(source)  # noqa: PTH100  Path.absolute keeps ".."


def _there(place: str) -> bool:
    return urls.is_url(place) or os.path.lexists(place)
