"""What a document says of an asset and cannot be true: told, and not believed.

An asset of which that holds stands in the document as one that failed, with the reason as its error. Where it cannot
be used at all, it has lost its outputs, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.documents.types import CHECKED, PREPARED, AssetEntry, ErrorEntry, PreparedAsset
from pipeline.errors import Doubtful
from pipeline.model.facts import Text
from pipeline.model.results import Category, Status, Verdict
from pipeline.model.rules import Level
from pipeline.storage import beneath, paths

_DONE = frozenset({Status.READY, Status.FIXED})
_FINE = _DONE | {Status.PASS}


class Doubt(Struct, frozen=True):
    """About one asset, or about the document as a whole."""

    asset: int | None  # its number; None: the document as a whole
    source: str
    text: Text


def unusable(asset: AssetEntry, folder: Path | None, taken: set[str]) -> Text | None:
    """Why its outputs must not be touched: paths that are not plain, that lead elsewhere, that another asset has.

    `folder` is that of the manifest, where it is on a disk; `taken` are the paths so far, and grows.
    """
    for number, output in enumerate(asset.outputs if isinstance(asset, PreparedAsset) else ()):
        wrong = paths.odd(output.path) or (beneath.blocked(folder, output.path) if folder else None)
        if wrong is None and output.path in taken:
            wrong = Text("another output has the same path", "与另一个输出路径相同")
        if wrong:
            return Text(f"outputs[{number}].path: {wrong.en}", f"outputs[{number}].path：{wrong.zh}")
        taken.add(output.path)
    return None


def untrue(asset: AssetEntry) -> Text | None:
    """What it says of itself and cannot be."""
    return next(_untrue(asset), None)


def _untrue(asset: AssetEntry) -> Iterator[Text]:
    status = asset.status
    if status not in (PREPARED if isinstance(asset, PreparedAsset) else CHECKED):
        yield Text(f"status: {status} is not of this kind of document", f"status：此类文档没有 {status}")
    if status in _FINE and asset.error:
        yield Text(f"status: {status}, and yet there is an error", f"status：{status}，却有 error")
    if status is Status.PASS and any(f.blocks for f in asset.findings):
        yield Text("findings: one of an asset that passed blocks", "findings：已通过的素材却有阻止项")
    if not isinstance(asset, PreparedAsset):
        return
    main = [output for output in asset.outputs if output.category is Category.MAIN]
    if status in _DONE and not main:
        yield Text(f"outputs: no main file, and yet the status is {status}", f"outputs：没有主文件，状态却是 {status}")
    if status not in _DONE and main:
        yield Text(f"outputs: a main file, and yet the status is {status}", f"outputs：有主文件，状态却是 {status}")
    if status not in _DONE:
        return
    if asset.blocked:
        yield Text(f"blocked: something, and yet the status is {status}", f"blocked：有内容，状态却是 {status}")
    for number, output in enumerate(asset.outputs):
        for f in output.findings:
            if f.blocks or (f.verdict is Verdict.FAIL and f.level is Level.ERROR):
                yield Text(
                    f"outputs[{number}].findings: breaks rule {f.rule}: {f.message}",
                    f"outputs[{number}].findings：违反规则 {f.rule}：{f.said.zh if f.said else f.message}",
                )
    if not all(proof.passed for proof in asset.proof):
        yield Text(f"proof: one failed, and yet the status is {status}", f"proof：有未通过项，状态却是 {status}")


def doubted(asset: AssetEntry, why: Text, *, usable: bool) -> AssetEntry:
    """The same asset as one that failed; without its outputs where they are not `usable`."""
    error = ErrorEntry(type=Doubtful.__name__, message=why.en, said=why)
    if not isinstance(asset, PreparedAsset):
        return msgspec.structs.replace(asset, status=Status.ERROR, error=error)
    left = asset.outputs if usable else ()
    return msgspec.structs.replace(asset, status=Status.FAILED, error=error, outputs=left)


def miscounted(summary: dict[Status, int], assets: Sequence[AssetEntry]) -> Text | None:
    """Where the summary says something else than the list."""
    for status in Status:
        said, there = summary.get(status), sum(asset.status is status for asset in assets)
        if said not in (None, there):
            return Text(
                f"summary.{status} is {said}, and the list has {there}",
                f"summary.{status} 为 {said}，列表中为 {there}",
            )
    return None
