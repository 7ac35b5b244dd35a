"""Documents from disk, standard input or a worker: bytes to types, within limits. The only place that reads them.

A document is a file like any other. What makes it no document, and what is wrong above its assets, ends with a
sentence that names the key; what is wrong with one asset costs that asset (`pipeline.documents.doubts`).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import Struct

from pipeline.documents import old, strict
from pipeline.documents.doubts import Doubt, doubted, miscounted, untrue, unusable
from pipeline.documents.facts import EXACTLY, MISSING, Misfit, decoded, exact_number
from pipeline.documents.types import (
    MANIFEST,
    REPORT,
    AssetEntry,
    CheckDocument,
    Document,
    FindingEntry,
    Head,
    ManifestDocument,
    PlanDocument,
    PlannedAsset,
    PreparedAsset,
    PresetName,
    Reason,
)
from pipeline.errors import Doubtful, UsageError
from pipeline.model.facts import Text
from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.storage import beneath, remote, urls

T = TypeVar("T")
D = TypeVar("D", bound=Document)
_MOST: Final = 256 << 20  # bytes of a document that are read
_OLD: Final = {"media-preflight/report/1": REPORT, "media-preflight/manifest/1": MANIFEST}
_WHOLE: Final[dict[type[AssetEntry], type[Document]]] = {
    AssetEntry: CheckDocument,
    PlannedAsset: PlanDocument,
    PreparedAsset: ManifestDocument,
}


class ReadDocument(Struct, Generic[D], frozen=True):
    """A document, and what in it is not believed."""

    document: D
    doubts: tuple[Doubt, ...]
    sha256: str  # of its bytes, in hex


def document(name: str) -> ReadDocument[Document]:
    """A report or manifest from a file, an address, or standard input ("-"). Raises UsageError when it is neither."""
    return parsed(_bytes(name), name, (REPORT, MANIFEST))


def manifest(name: str) -> ReadDocument[ManifestDocument]:
    """A manifest from a file or an address. Raises UsageError when it is none."""
    return cast(ReadDocument[ManifestDocument], parsed(_bytes(name), name, (MANIFEST,)))


class HeldOutput(msgspec.Struct):
    """A place that is taken."""

    path: str
    size: int


class Held(msgspec.Struct):
    """As much of an asset of a manifest as tells whose its place is."""

    source: str
    status: str
    outputs: tuple[HeldOutput, ...] = ()
    inside: dict[str, Any] | None = None
    stem: str = ""

    @property
    def owner(self) -> str:
        """The source that it comes from: its own, or the deck it was found in."""
        return self.source if self.inside is None else self.source.rpartition("#")[0]


class _HeldDocument(msgspec.Struct):
    schema: str
    preset: PresetName | None
    assets: tuple[Held, ...]


def held(name: str) -> tuple[PresetName | None, tuple[Held, ...]]:
    """What a manifest says of its preset and its places, and no more. Raises UsageError when it is none."""
    found = _top(_bytes(name), name, _HeldDocument)
    if _OLD.get(found.schema, found.schema) != MANIFEST:
        raise _wrong(name, (MANIFEST,))
    return found.preset, found.assets


def kept(name: str, wanted: Collection[int], ours: str = "") -> Iterator[PreparedAsset]:
    """The assets of a manifest with these numbers, those that are not believed as failed ones. Raises UsageError.

    `ours` is the digest of what this program wrote there: of the same bytes only the outputs are looked at.
    """
    text = _bytes(name)
    schema, found = _opened(text, name, (MANIFEST,))
    raws = tuple(raw for number, raw in enumerate(found.assets) if number in wanted)
    sure = schema == MANIFEST and ours == content(text)
    assets, _ = _assets(raws, PreparedAsset, name, _upgraded if schema in _OLD else _current, sure=sure)
    yield from cast(list[PreparedAsset], assets)


def content(text: bytes) -> str:
    """What tells whether a document is still the one that was written."""
    return hashlib.sha256(text).hexdigest()


class _Schema(msgspec.Struct):
    schema: str = ""


class _Source(msgspec.Struct):
    source: str


class _Steps(msgspec.Struct):
    steps: msgspec.Raw


class _Parts(Head, frozen=True, kw_only=True):
    """A document whose assets are not read yet."""

    assets: tuple[msgspec.Raw, ...]
    batch: tuple[FindingEntry, ...]
    summary: dict[Status, int]
    reasons: tuple[Reason, ...] = ()


class _OldParts(Head, frozen=True, kw_only=True):
    """... of version 1."""

    assets: tuple[msgspec.Raw, ...]
    summary: dict[Status, int]
    batch: tuple[dict[str, Any], ...] = ()


def parsed(text: bytes, name: str, wanted: tuple[str, ...]) -> ReadDocument[Document]:
    """The document in `text`, which comes from `name`. Raises UsageError, also where its schema is not `wanted`."""
    schema, found = _opened(text, name, wanted)
    now = _OLD.get(schema, schema)
    if not found.assets:
        raise _unusable(name, Misfit(Text("is empty: there is nothing to do", "为空：没有可处理的内容"), "assets"))
    type_ = PreparedAsset if now == MANIFEST else _reported(found.assets[0])
    assets, doubts = _assets(found.assets, type_, name, _upgraded if schema in _OLD else _current)
    if not doubts and (off := miscounted(found.summary, assets)):
        doubts.append(Doubt(None, name, _edited(off)))
    batch, reasons = (found.batch, found.reasons) if isinstance(found, _Parts) else (_batch(found, name), ())
    whole: Any = _WHOLE[type_]
    made = whole(
        schema=now,
        tool=found.tool,
        preset=found.preset,
        assets=tuple(assets),
        batch=batch,
        summary=found.summary,
        reasons=reasons,
    )
    return ReadDocument(made, tuple(doubts), hashlib.sha256(text).hexdigest())


def _opened(text: bytes, name: str, wanted: tuple[str, ...]) -> tuple[str, _Parts | _OldParts]:
    """Its schema, and its parts with the assets not read yet. Raises UsageError."""
    schema = _top(text, name, _Schema).schema
    if _OLD.get(schema, schema) not in wanted:
        raise _wrong(name, wanted)
    found = _top(text, name, _OldParts) if schema in _OLD else _top(text, name, _Parts)
    _around(text, name, found.assets)
    return schema, found


def _top(text: bytes, name: str, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=type_, dec_hook=_hook)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        found = strict.misfit(error)
        if not isinstance(error, msgspec.ValidationError):
            try:
                strict.whole(text)  # tells where
            except Misfit as better:
                found = better
        raise _unusable(name, found) from None


def _around(text: bytes, name: str, assets: tuple[msgspec.Raw, ...]) -> None:
    """Whether what is around the assets is JSON of one meaning. Raises UsageError."""
    pieces, at = [], 0
    for raw in assets:
        one = bytes(raw)
        start = text.index(one, at)
        pieces.append(text[at:start])
        at = start + len(one)
    try:
        strict.whole(b"0".join([*pieces, text[at:]]))
    except Misfit as error:
        raise _unusable(name, error) from None


def _batch(found: _OldParts, name: str) -> tuple[FindingEntry, ...]:
    try:
        for one in found.batch:
            old.finding(one)
        return msgspec.convert(found.batch, tuple[FindingEntry, ...])
    except msgspec.ValidationError as error:
        raise _unusable(name, strict.misfit(error).below("batch")) from None
    except (KeyError, TypeError, AttributeError) as error:
        raise _unusable(name, _unlike(error).below("batch")) from None


def _reported(first: msgspec.Raw) -> type[AssetEntry]:
    """Whether a report is one of `plan` or of `check`, by its first asset."""
    try:
        msgspec.json.decode(first, type=_Steps)
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # no steps: not of `plan`
        return AssetEntry
    return PlannedAsset


# --- assets -------------------------------------------------------------------------------------------

Read = Callable[[bytes, type[AssetEntry]], AssetEntry]


def _assets(
    raws: tuple[msgspec.Raw, ...], type_: type[AssetEntry], name: str, read: Read, *, sure: bool = False
) -> tuple[list[AssetEntry], list[Doubt]]:
    """Each asset on its own, and what is not believed of them; where it is `sure` who wrote them, only of outputs."""
    folder = Path(name).parent if name != "-" else None
    assets: list[AssetEntry] = []
    doubts: list[Doubt] = []
    taken: set[str] = set()
    for number, raw in enumerate(raws):
        try:
            if not sure:
                strict.whole(bytes(raw))
            asset = entry(bytes(raw), type_) if sure else read(bytes(raw), type_)
            broken = unusable(asset, folder, taken)
            why = broken or (None if sure else untrue(asset))
        except (Misfit, msgspec.DecodeError, UnicodeError) as error:
            found = error if isinstance(error, Misfit) else strict.misfit(error)
            why = Text(f"{found.key}: {found.text.en}", f"{found.key}：{found.text.zh}") if found.key else found.text
            asset, broken = _lost(raw, number, type_), why
        if why:
            asset = doubted(asset, _edited(why), usable=broken is None)
            doubts.append(Doubt(number, asset.source, _edited(why)))
        assets.append(asset)
    return assets, doubts


def _current(text: bytes, type_: type[AssetEntry]) -> AssetEntry:
    asset = entry(text, type_)
    _facts(asset.facts, "facts")
    for number, output in enumerate(asset.outputs if isinstance(asset, PreparedAsset) else ()):
        _facts(output.facts, f"outputs[{number}].facts")
    return asset


def _facts(raw: msgspec.Raw, key: str) -> None:
    try:
        decoded(raw)
    except Misfit as error:
        raise error.below(key) from None


def _upgraded(text: bytes, type_: type[AssetEntry]) -> AssetEntry:
    try:
        held = old.asset(json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise _unlike(error) from None
    return entry(msgspec.json.encode(held), type_)


def _unlike(error: Exception) -> Misfit:
    """What stopped the way from version 1 to version 2."""
    if isinstance(error, KeyError):
        return Misfit(MISSING, strict.short(str(error.args[0])))
    return Misfit(Text("something in it is not what version 1 had there", "有内容与版本 1 的格式不符"))


def _lost(raw: msgspec.Raw, number: int, type_: type[AssetEntry]) -> AssetEntry:
    """What stands for an asset that cannot be read."""
    from pipeline.documents.entry import lost

    try:
        source = msgspec.json.decode(raw, type=_Source).source
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # not even that: its place must do
        source = f"asset {number}"
    return lost(Job(path=source, stem=""), Doubtful("", ""), type_)


def _edited(why: Text) -> Text:
    return Text(
        f"{why.en}. Was the document edited? Run `preflight prepare` or `check` again",
        f"{why.zh}。文档是否被修改过？请重新运行 `preflight prepare` 或 `check`",
    )


def entry(text: bytes, type_: type[T]) -> T:
    """An entry that this program wrote. Raises ValueError when it was touched since."""
    if type_ not in _DECODERS:
        _DECODERS[type_] = msgspec.json.Decoder(type_, dec_hook=_hook)
    read: T = _DECODERS[type_].decode(text)
    return read


_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def _hook(type_: type, value: Any) -> Any:
    if type_ is Fraction:
        return exact_number(value)
    raise ValueError(EXACTLY.en)


# --- files --------------------------------------------------------------------------------------------


def _bytes(name: str) -> bytes:
    if name != "-":
        try:
            near = urls.local(name)
            return remote.read(near, _MOST) if urls.is_url(near) else beneath.whole(near, _MOST)
        except UsageError as error:
            said = error.text
            raise UsageError(f"not a report or manifest: {said.en}", f"不是报告或清单：{said.zh}") from None
    text = sys.stdin.buffer.read(_MOST + 1)
    if len(text) > _MOST:
        raise UsageError(f"-: larger than {_MOST >> 20} MiB", f"-：大于 {_MOST >> 20} MiB")
    return text


def _unusable(name: str, error: Misfit) -> UsageError:
    why = _edited(error.text)
    at, zh = (f"{error.key}: ", f"{error.key}：") if error.key else ("", "")
    return UsageError(f"{name}: not a report or manifest: {at}{why.en}", f"{name}：不是报告或清单：{zh}{why.zh}")


def _wrong(name: str, wanted: tuple[str, ...]) -> UsageError:
    known = " / ".join(wanted)
    verb = "prepare" if wanted == (MANIFEST,) else "check --json"
    return UsageError(
        f"{name}: schema is not {known}. Make one with `preflight {verb}`.",
        f"{name}：schema 不是 {known}。可用 `preflight {verb}` 生成。",
    )
