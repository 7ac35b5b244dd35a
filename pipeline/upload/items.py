"""What is to be sent, read from a manifest. A manifest is a file like any other: nothing in it is taken on trust."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Final

from pipeline.errors import UploadError, UsageError
from pipeline.model.facts import Text
from pipeline.model.results import Category
from pipeline.model.rules import Preset
from pipeline.rules import presets
from pipeline.storage.digest import content_md5, content_type
from pipeline.upload.transfer import Changed, late, what

SENT: Final = frozenset({"ready", "fixed"})  # the statuses of `prepare` that may leave the house
_MARKER: Final = 24  # letters of a marker; 4 bits each


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of an asset."""

    path: Path
    name: str  # as the far end will know it
    place: str  # path below the manifest
    category: str  # MAIN, COVER, PAGE, OTHER
    size: int  # bytes
    md5: str  # base64 of the raw 16 bytes
    content_type: str
    text: str | None = None  # of a page

    @property
    def hex_md5(self) -> str:
        """The digest as ETags write it."""
        return base64.b64decode(self.md5).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
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
    forced: tuple[str, ...] = field(default=())  # what --force overrode

    @property
    def beside(self) -> Path:
        """The folder of its manifest."""
        file = self.files[0]
        return file.path.parents[len(PurePath(file.place).parts) - 1]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def marker(self) -> str:
        """The same identity in letters only, so that it can be a tag where digits may not be."""
        return "preflight" + "".join(chr(ord("a") + int(digit, 16)) for digit in self.key[:_MARKER])


def digest_ok(md5: object) -> bool:
    """Whether this is a base64 MD5 of 24 characters (RFC 1864)."""
    try:
        return isinstance(md5, str) and len(md5) == 24 and len(base64.b64decode(md5, validate=True)) == 16
    except binascii.Error:  # no base64 is no digest; the asset is refused with that reason
        return False


def items(manifest: dict[str, Any], folder: Path) -> list[Item]:
    """Every asset of the manifest, sendable or refused with its reason; each main file is an asset of its own."""
    preset = presets.load(_preset_id(manifest)) if manifest.get("preset") else None
    assets = manifest.get("assets")
    if not isinstance(assets, list):
        raise UsageError(
            "manifest: no list of assets; was it edited? Run `preflight prepare` again",
            "清单：没有 assets 列表，是否被修改过？请重新运行 `preflight prepare`",
        )
    return [item for n, asset in enumerate(assets) for item in _items(_shaped(asset, n), folder, preset)]


def _preset_id(manifest: dict[str, Any]) -> str:
    preset = manifest["preset"]
    if not isinstance(preset, dict) or not isinstance(preset.get("id"), str):
        raise UsageError(
            "manifest: preset has no id; was it edited? Run `preflight prepare` again",
            "清单：preset 没有 id，是否被修改过？请重新运行 `preflight prepare`",
        )
    return str(preset["id"])


def _shaped(asset: object, number: int) -> dict[str, Any]:
    """The entry with every key there; one that is not what `prepare` writes says so as its error."""
    found = asset if isinstance(asset, dict) else {}
    shape = {"source": str, "kind": str, "outputs": list}
    odd = sorted(key for key, kind in shape.items() if not isinstance(found.get(key), kind))
    outputs = [one for one in found["outputs"] if isinstance(one, dict)] if "outputs" not in odd else []
    role = found.get("role") if isinstance(found.get("role"), str) else None
    fixed = {"source": f"asset {number}", "kind": "unknown", "outputs": [], **found}
    fixed |= {key: shape[key]() for key in odd if key != "source"} | {"outputs": outputs, "role": role}
    if not isinstance(fixed["source"], str):
        fixed["source"] = f"asset {number}"
    if odd or len(outputs) != len(found.get("outputs") or ()):
        fixed["odd"] = ", ".join(odd) or "outputs"
    return fixed


def _items(asset: dict[str, Any], folder: Path, preset: Preset | None) -> Iterator[Item]:
    role = preset.role(asset["role"]) if preset and asset.get("role") else None
    files, problem = _files(asset, folder)
    mains = [file for file in files if file.category == Category.MAIN.value]
    rest = tuple(file for file in files if file.category != Category.MAIN.value)
    for number, main in enumerate(mains or [None]):
        together = ((main,) if main else ()) + (rest if number == 0 else ())
        facts = [str(asset.get("role"))] + [f"{f.category}/{f.name}/{f.md5}" for f in together]
        yield Item(
            key=hashlib.sha256("\0".join(facts).encode("utf-8", "surrogatepass")).hexdigest(),
            source=str(asset["source"]),
            kind=str(asset["kind"]),
            role=asset.get("role"),
            name=Path(main.name).stem if main else Path(str(asset["source"])).stem,
            files=together,
            asset_type=role.asset_type if role else None,
            folder=role.folder if role else None,
            preset=preset.id if preset else "",
            refusal=problem or _refusal(asset, bool(main)),
        )


def _files(asset: dict[str, Any], folder: Path) -> tuple[list[File], Text | None]:
    if "odd" in asset:
        return [], Text(
            f"{asset['source']}: keys missing or odd in the manifest: {asset['odd']}; was it edited? Run "
            f"`preflight prepare` again",
            f"{asset['source']}：清单中的键缺失或异常：{asset['odd']}，是否被修改过？请重新运行 `preflight prepare`",
        )
    files: list[File] = []
    for output in asset.get("outputs", ()):
        path, md5, size = str(output.get("path")), output.get("md5"), output.get("size")
        if not (folder / path).resolve().is_relative_to(folder.resolve()):
            return [], Text(
                f"{path}: leaves the folder of the manifest; was it edited? Run `preflight prepare` again",
                f"{path}：超出清单所在目录，是否被修改过？请重新运行 `preflight prepare`",
            )
        if not digest_ok(md5) or not isinstance(size, int) or isinstance(size, bool) or size < 1:
            return [], Text(
                f"{path}: no valid size and MD5 in the manifest; was it edited? Run `preflight prepare` again",
                f"{path}：清单中的大小或 MD5 无效，是否被修改过？请重新运行 `preflight prepare`",
            )
        files.append(
            File(
                path=folder / path,
                name=Path(path).name,
                place=path,
                category=str(output.get("category")),
                size=size,
                md5=str(md5),
                content_type=content_type(Path(path)),
                text=output.get("text"),
            )
        )
    return files, None


def _refusal(asset: dict[str, Any], main: bool) -> Text | None:
    status = asset.get("status")
    if status not in SENT:
        error = asset.get("error")
        why = error.get("message", "") if isinstance(error, dict) else ""
        told = f": {why}" if why else ""
        return Text(
            f"{asset['source']}: its status is {status!r}, not ready or fixed{told}. Repair it and prepare again",
            f"{asset['source']}：状态为 {status!r}，不是 ready 或 fixed{told}。请修复后重新 prepare",
        )
    if not main:
        return Text(
            f"{asset['source']}: has no main file in the manifest. Run `preflight prepare` again",
            f"{asset['source']}：清单中没有主文件。请重新运行 `preflight prepare`",
        )
    for output in asset["outputs"]:
        told = output.get("findings", ())
        for found in told if isinstance(told, list) else ():
            if isinstance(found, dict) and (
                found.get("blocks") or (found.get("verdict") == "fail" and found.get("level") == "error")
            ):
                return Text(
                    f"{output['path']}: breaks rule {found.get('rule')}: {found.get('message')}. Prepare it again",
                    f"{output['path']}：违反规则 {found.get('rule')}：{found.get('message')}。请重新 prepare",
                )
    return None


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
            size = file.path.stat().st_size
            later = not force and file.size == size and late(size)
            md5 = file.md5 if later else content_md5(file.path)
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
