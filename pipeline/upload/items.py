"""What is to be sent, of a manifest that has been read; its files are looked at again before they go."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.documents.types import ManifestDocument, OutputEntry, PreparedAsset
from pipeline.errors import AssetError, Doubtful, UploadError
from pipeline.model.facts import Text
from pipeline.model.results import Category, Status
from pipeline.model.rules import Preset
from pipeline.rules import presets
from pipeline.storage import beneath, regular
from pipeline.storage.digest import content_type, md5_of
from pipeline.upload.transfer import Changed, late, what

SENT: Final = frozenset({Status.READY, Status.FIXED})  # the statuses of `prepare` that may leave the house
_MARKER: Final = 24  # letters of a marker; 4 bits each
MARKER: Final = re.compile(f"preflight[a-p]{{{_MARKER}}}")


class File(Struct, frozen=True, kw_only=True):
    """One file of an asset."""

    path: Path
    name: str  # as the far end will know it
    place: str  # path below the manifest
    category: str  # MAIN, COVER, PAGE, OTHER
    size: int  # bytes
    md5: str  # base64 of the raw 16 bytes
    content_type: str
    text: str | None = None  # of a page
    top: Path | None = None  # the folder of the manifest; None: the user named the file

    @property
    def hex_md5(self) -> str:
        """The digest as ETags write it."""
        return base64.b64decode(self.md5).hex()


class Item(Struct, frozen=True, kw_only=True):
    """One asset: what is sent together and counts as one at the far end."""

    key: str  # identity: role, names and bytes; the same for the same bytes under the same name
    source: str
    kind: str
    role: str | None
    name: str
    files: tuple[File, ...]  # the main file first
    asset_type: str | None = None
    folder: str | None = None
    preset: str = ""  # id of what it was prepared with
    refusal: Text | None = None  # why it must not be sent
    forced: tuple[str, ...] = ()  # what --force overrode

    @property
    def beside(self) -> Path:
        """The folder of its manifest."""
        return self.files[0].top or self.files[0].path.parent

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def marker(self) -> str:
        """The same identity in letters only, so that it can be a tag where digits may not be."""
        return "preflight" + "".join(chr(ord("a") + int(digit, 16)) for digit in self.key[:_MARKER])


def digest_ok(md5: str) -> bool:
    """Whether this is a base64 MD5 of 24 characters (RFC 1864)."""
    try:
        return len(md5) == 24 and len(base64.b64decode(md5, validate=True)) == 16
    except binascii.Error:  # no base64 is no digest; the asset is refused with that reason
        return False


def items(manifest: ManifestDocument, folder: Path) -> list[Item]:
    """Every asset of the manifest, sendable or refused with its reason; each main file is an asset of its own.

    Raises PresetError where there are no such rules as the manifest names.
    """
    preset = presets.load(manifest.preset.id) if manifest.preset else None
    return [item for asset in manifest.assets for item in _items(asset, folder, preset)]


def _items(asset: PreparedAsset, folder: Path, preset: Preset | None) -> Iterator[Item]:
    role = preset.role(asset.role) if preset and asset.role else None
    files = [_file(output, folder) for output in asset.outputs]
    mains = [file for file in files if file.category == Category.MAIN]
    rest = tuple(file for file in files if file.category != Category.MAIN)
    for number, main in enumerate(mains or [None]):
        together = ((main,) if main else ()) + (rest if number == 0 else ())
        facts = [str(asset.role)] + [f"{f.category}/{f.name}/{f.md5}" for f in together]
        yield Item(
            key=hashlib.sha256("\0".join(facts).encode("utf-8", "surrogatepass")).hexdigest(),
            source=asset.source,
            kind=asset.kind,
            role=asset.role,
            name=Path(main.name).stem if main else Path(asset.source).stem,
            files=together,
            asset_type=role.asset_type if role else None,
            folder=role.folder if role else None,
            preset=preset.id if preset else "",
            refusal=_refusal(asset, together),
        )


def _file(output: OutputEntry, folder: Path) -> File:
    return File(
        path=folder / output.path,
        top=folder,
        name=Path(output.path).name,
        place=output.path,
        category=output.category,
        size=output.size,
        md5=output.md5,
        content_type=content_type(Path(output.path)),
        text=output.text,
    )


def _refusal(asset: PreparedAsset, files: tuple[File, ...]) -> Text | None:
    if asset.status not in SENT:
        error = asset.error
        if error and error.type == Doubtful.__name__:
            return Text(f"{asset.source}: {error.said.en}", f"{asset.source}：{error.said.zh}")
        why = Text(f": {error.said.en}", f"：{error.said.zh}") if error else Text("", "")
        return Text(
            f"{asset.source}: its status is {asset.status}, not ready or fixed{why.en}. Repair it and prepare again",
            f"{asset.source}：状态为 {asset.status}，不是 ready 或 fixed{why.zh}。请修复后重新 prepare",
        )
    empty = next((file for file in files if not file.size), None)
    return Text(f"{empty.place}: is empty", f"{empty.place}：文件为空") if empty else None


def fresh(item: Item, *, force: bool) -> Item:
    """The item, its files looked at again right before they are sent.

    What is large (`late`) is not read twice: its digest is taken and compared while it goes out, before its last
    bytes. Raises UploadError when a file is gone or is not what `prepare` made; with `force` the bytes that are there
    now are sent, under their own size and digest, and the item says so.
    """
    forced = list(item.forced)
    if item.refusal and not (force and item.files):
        raise UploadError(item.refusal.en + ". Nothing was sent.", item.refusal.zh + "。未发送。")
    if item.refusal:
        forced.append(f"status: {item.refusal.en}")
    files = []
    for file in item.files:
        try:
            with beneath.opened(file.top, file.place) if file.top else regular.reading(file.path) as opened:
                size = os.fstat(opened.fileno()).st_size
                later = not force and file.size == size and late(size)
                md5 = file.md5 if later else md5_of(opened)
        except AssetError as error:
            raise UploadError(error.text.en + ". Nothing was sent.", error.text.zh + "。未发送。") from None
        except OSError as error:
            raise UploadError(
                f"{file.path}: {error.strerror or error}. Run `preflight prepare` again.",
                f"{file.path}：{error.strerror or error}。请重新运行 `preflight prepare`。",
            ) from None
        if (size, md5) != (file.size, file.md5):
            if not force:
                raise Changed(file.path, what(md5, size), what(file.md5, file.size))
            forced.append(f"changed: {file.name}")
        files.append(replace(file, size=size, md5=md5))
    return replace(item, files=tuple(files), forced=tuple(forced))
