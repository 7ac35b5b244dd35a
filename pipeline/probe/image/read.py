"""Facts about a picture from its header; its pixels are decoded only when asked for.

Pillow is told which reader to use, so that none of its rarer ones ever meets a stranger's file.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from msgspec.structs import replace
from PIL import Image

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_FRAMES_IMAGE, MAX_MOVING, MAX_PIXELS, MAX_SCANS, MAX_SIDE
from pipeline.model.facts import ImageInfo, Kind, MediaInfo, Size, Text
from pipeline.probe import heic
from pipeline.probe.image import bmp
from pipeline.probe.image.damage import DAMAGE, damage, oversize
from pipeline.probe.image.exif import exif, late, stored_size, turned
from pipeline.probe.image.headers import (
    gif_frames,
    heif,
    heif_window,
    jpeg_scans,
    profile_name,
    tiff_packing,
    tiff_pages,
    webp_frames,
)
from pipeline.probe.image.svg import svg_size
from pipeline.probe.image.whole import harm, short
from pipeline.probe.unopened import unopened

T = TypeVar("T")

# By content, the Pillow readers that may open it. MPO is a JPEG followed by further ones (gain maps, depth).
PILLOW: Final[dict[str, tuple[str, ...]]] = {
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "gif": ("GIF",),
    "bmp": (bmp.FORMAT, "BMP", "DIB"),
    "tiff": ("TIFF",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "ico": ("ICO",),
    "jp2": ("JPEG2000",),
    "heif": ("HEIF",),  # see `pipeline.probe.heic`
}
_MULTIPLE: Final = frozenset({"gif", "png", "webp", "tiff", "avif", "heif"})  # may hold more frames than one
# How pixels in a TIFF may be packed that every build of Pillow reads; and what others are called.
_TIFF_READ: Final = frozenset({None, 1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000})
_TIFF_OTHERS: Final = {
    32809: "ThunderScan",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "JPEG (DNG)",
    34933: "PNG",
    34934: "JPEG XR",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_PSD_MODES: Final = {0: "1", 1: "L", 2: "P", 3: "RGB", 4: "CMYK", 9: "LAB"}


def guard(name: str, size: Size, frames: int = 1, pixels: int | None = None) -> None:
    """Raise CeilingExceeded for a picture with too many pixels or frames, before anything is decoded.

    `pixels` are those of all frames, where these differ in size.
    """
    one = size.width * size.height
    for value, ceiling, en, zh in (
        (max(size), MAX_SIDE, "pixels on the longer side", "像素（长边）"),
        (one, MAX_PIXELS, "pixels", "像素"),
        (frames, MAX_FRAMES_IMAGE, "frames or pages", "帧或页"),
        (
            one * frames if pixels is None else pixels,
            MAX_MOVING,
            "pixels in all frames or pages",
            "像素（各帧或各页合计）",
        ),
    ):
        if value > ceiling:
            raise CeilingExceeded(
                f"{name} is {size} pixels with {frames} frame(s): {value} {en}, more than {ceiling}. The ceilings are "
                f"{MAX_PIXELS} pixels, {MAX_SIDE} a side, {MAX_FRAMES_IMAGE} frames and {MAX_MOVING} pixels of all of "
                "them. Save it smaller or shorter.",
                f"{name} 为 {size} 像素、{frames} 帧：{value} {zh}，超过 {ceiling}。上限为 {MAX_PIXELS} 像素、"
                f"单边 {MAX_SIDE}、{MAX_FRAMES_IMAGE} 帧、各帧合计 {MAX_MOVING} 像素。请缩小或缩短后重新保存。",
            )


def _unreadable(name: str, file: BinaryIO, format_: str, error: object) -> Unreadable:
    missing = short(file, format_)
    what = missing.briefly() if missing else damage(error)
    return Unreadable(
        f"{name} begins like a {format_} picture but its header cannot be read ({what.en}). Export it anew.",
        f"{name} 开头像 {format_} 图片，但文件头无法读取（{what.zh}）。请重新导出。",
    )


def read(path: Path, size: int, format: str) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the picture at `path`.

    Nothing is decoded. Raises Unreadable when its header is damaged, CeilingExceeded above the pixel ceilings.
    """
    remarks: list[Text] = []
    info = _info(path, format, False, remarks)
    return replace(unopened(path, Kind.IMAGE, size), image=info, remarks=tuple(remarks))


def decoded(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `decodes`, and remarks on damage. Raises CeilingExceeded."""
    if info.image is None or info.image.decodes is False:
        return info
    remarks: list[Text] = []
    if wrong := harm(path, info.image.format):
        image = replace(info.image, decodes=False)
        remarks.append(wrong.told(path.name))
    elif info.image.decodes:  # its faces were measured, for which a lenient reader went through all of it
        image = info.image
    else:
        image = _info(path, info.image.format, True, remarks)
    return replace(info, image=image, remarks=(*info.remarks, *(r for r in remarks if r not in info.remarks)))


def _info(path: Path, format_: str, decode: bool, remarks: list[Text]) -> ImageInfo:
    with path.open("rb") as file:
        if format_ == "svg":
            return _svg(path.name, file, remarks)
        if format_ == "heif":
            return _heif(path.name, file, decode, remarks)
        if format_ in PILLOW:
            return _pillow(path.name, file, format_, decode, remarks)
        return _header_only(path.name, file, format_)


def _pillow(name: str, file: BinaryIO, format_: str, decode: bool, remarks: list[Text]) -> ImageInfo:
    # Pillow warns of large pictures, which are judged here, and of EXIF that it leaves out.
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if format_ == "webp" and (moving := webp_frames(file, MAX_FRAMES_IMAGE + 1)):
            guard(name, *moving)  # first: to open an animation is to have memory for two of its pictures
        if format_ == "tiff":
            _packed(name, file)
        file.seek(0)
        try:
            with _opened(name, file, format_) as picture:
                return _facts(name, file, format_, picture, decode, warned, remarks)
        except Image.DecompressionBombError as error:
            raise oversize(name, error) from error


def _packed(name: str, file: BinaryIO) -> None:
    """Raise Unreadable for a TIFF of a packing that no reader of ours knows: that is no damage."""
    file.seek(0)
    packing = tiff_packing(file)
    if packing not in _TIFF_READ:
        called = _TIFF_OTHERS.get(packing or 0)
        raise Unreadable(
            f"{name} is a TIFF whose pixels are packed as {called or f'number {packing}'}, which is not read here "
            "nor by most programs. Save it anew without compression or with LZW, or as PNG.",
            f"{name} 是 TIFF，其像素压缩方式为 {called or f'编号 {packing}'}，此处及多数软件均无法读取。"
            "请以无压缩或 LZW 方式重新保存，或另存为 PNG。",
        )


def _opened(name: str, file: BinaryIO, format_: str) -> Image.Image:
    try:
        return Image.open(file, formats=PILLOW[format_])
    except DAMAGE as error:
        raise _unreadable(name, file, format_, error) from error


def _facts(
    name: str,
    file: BinaryIO,
    format_: str,
    picture: Image.Image,
    decode: bool,
    warned: list[warnings.WarningMessage],
    remarks: list[Text],
) -> ImageInfo:
    stored = stored_size(picture)
    guard(name, stored)
    frames = _frames(picture, file, format_)
    guard(name, stored, frames or 1)
    if format_ == "png":
        late(picture, file)
    if format_ == "jpeg":
        _scans(name, picture, file)
    orientation, location = exif(picture, name, warned, remarks)
    window = _asked(file, heif_window) if format_ == "avif" else None  # libheif cuts a HEIC to it
    if window and window != stored:
        remarks.append(
            Text(
                f"{name} says that only {window} of its {stored} pixels are to be shown. Not every program minds that, "
                "and here the whole is read: crop it and save it anew.",
                f"{name} 声明仅显示 {stored} 像素中的 {window}。各软件处理不一，此处读取整幅画面：请裁剪后重新保存。",
            )
        )
    profile = picture.info.get("icc_profile")
    return ImageInfo(
        format=format_,
        stored=stored,
        size=turned(stored, orientation),
        mode=picture.mode,
        bit_depth=_depth(picture, file, format_),
        orientation=orientation,
        frames=frames,
        alpha=bool(picture.has_transparency_data),
        icc=profile_name(profile) if profile else None,
        has_location=location,
        decodes=_decodes(picture, frames, name, remarks) if decode else None,
    )


def _asked(file: BinaryIO, ask: Callable[[BinaryIO], T]) -> T:
    """What is read from the beginning of a file that a reader of Pillow's has open."""
    here = file.tell()
    file.seek(0)
    found = ask(file)
    file.seek(here)
    return found


# Counted in the file itself, and no further than the ceiling: Pillow would read every one of any number.
_WALKS: Final = {"gif": gif_frames, "tiff": tiff_pages}


def _frames(picture: Image.Image, file: BinaryIO, format_: str) -> int | None:
    if format_ not in _MULTIPLE:
        return 1
    here = file.tell()
    try:
        if walk := _WALKS.get(format_):
            file.seek(0)
            return walk(file, MAX_FRAMES_IMAGE + 1)
        return int(getattr(picture, "n_frames", 1))
    except DAMAGE:  # not known; decoding says what is wrong
        return None
    finally:
        file.seek(here)


def _scans(name: str, picture: Image.Image, file: BinaryIO) -> None:
    """Raise CeilingExceeded for a JPEG of so many scans that decoding it takes minutes: each covers all pixels."""
    # Pillow has read the header of the first scan: length, components, two bytes of each, three more.
    here = file.tell()
    layers = getattr(picture, "layers", 0)
    file.seek(max(0, here - 6 - 2 * layers))
    if picture.info.get("progressive") or file.read(3) != bytes((0, 6 + 2 * layers, layers)):
        scans = jpeg_scans(file, MAX_SCANS + 1)
        if scans > MAX_SCANS:
            raise CeilingExceeded(
                f"{name} is drawn in more than {MAX_SCANS} scans; programs write about ten. It was not decoded. "
                "Save it anew.",
                f"{name} 的扫描次数超过 {MAX_SCANS}（通常约十次），未解码。请重新保存。",
            )
    file.seek(here)


def _depth(picture: Image.Image, file: BinaryIO, format_: str) -> int | None:
    """Bits per channel in the file; Pillow's mode hides that a PNG or TIFF holds 16."""
    if format_ == "png":
        here = file.tell()
        file.seek(24)
        depth, color = file.read(2)
        file.seek(here)
        return 8 if color == 3 else depth  # a palette holds 8-bit colours whatever its index is (PNG 11.2.2)
    if format_ in {"avif", "heif"}:
        boxes = _asked(file, heif)
        return boxes.bit_depth if boxes else None
    if format_ == "tiff":
        bits = getattr(picture, "tag_v2", {}).get(258, (1,))
        return 8 if picture.mode == "P" else max(bits if isinstance(bits, tuple) else (bits,))
    if format_ == "bmp" and isinstance(picture, bmp.MaskedBmp):
        return picture.depth
    if format_ in {"jpeg", "gif", "bmp", "webp"}:
        return getattr(picture, "bits", 8) if format_ == "jpeg" else 1 if picture.mode == "1" else 8
    return None


def _decodes(picture: Image.Image, frames: int | None, name: str, remarks: list[Text]) -> bool:
    """Decode every frame; cut short where their number is not known. Raises CeilingExceeded."""
    if frames is None:
        remarks.append(Text(f"{name} ends in the middle of a frame.", f"{name} 在某一帧中间中断。"))
        return False
    pixels = frame = 0
    try:
        for frame in range(max(1, frames)):
            if frame:
                picture.seek(frame)
            size = Size(*picture.size)
            pixels += size.width * size.height
            guard(name, size, frames, pixels)  # the pages of a TIFF differ in size
            picture.load()
    except DAMAGE as error:
        said = damage(error)
        if picture.format == "PNG" and frame:  # the still comes first, and is whole
            remarks.append(
                Text(
                    f"The animation of {name} is damaged after its first frame: {said.en}. The still is whole.",
                    f"{name} 的动画在首帧之后已损坏：{said.zh}。静态图完好。",
                )
            )
            return True
        remarks.append(Text(f"{name} cannot be decoded: {said.en}.", f"{name} 无法解码：{said.zh}。"))
        return False
    return True


def _svg(name: str, file: BinaryIO, remarks: list[Text]) -> ImageInfo:
    size, stated = svg_size(name, file)
    if not stated:
        remarks.append(
            Text(
                f"{name} states no size; {size} is what CSS assumes.",
                f"{name} 未写尺寸；按 CSS 默认 {size}。",
            )
        )
    return ImageInfo(format="svg", stored=size, size=size, frames=None, alpha=None, has_location=None)


def _heif(name: str, file: BinaryIO, decode: bool, remarks: list[Text]) -> ImageInfo:
    """By its boxes, and where a decoder is installed by what that reads: mode, profile, location, frames."""
    boxes = heif(file)
    if boxes:
        guard(name, boxes.stored)  # before any decoder sees it
    file.seek(0)
    here = heic.readable()
    if here:
        try:
            return _pillow(name, file, "heif", decode, remarks)
        except Unreadable as error:
            if boxes is None:
                raise
            remarks.append(error.text)
    else:
        remarks.append(heic.needed(name))
    if boxes is None:
        raise _unreadable(name, file, "heif", "no main picture is described")
    return ImageInfo(
        format="heif",
        stored=boxes.stored,
        size=boxes.size,
        bit_depth=boxes.bit_depth,
        alpha=boxes.alpha,
        decodes=False if here and decode else None,
    )


def _header_only(name: str, file: BinaryIO, format_: str) -> ImageInfo:
    """Formats that are recognised but not read by Pillow here."""
    head = file.read(26)
    if format_ == "psd" and len(head) == 26:  # Adobe Photoshop File Formats, file header section
        channels, height, width, depth, mode = struct.unpack(">HIIHH", head[12:26])
        return ImageInfo(
            format=format_,
            stored=Size(width, height),
            size=Size(width, height),
            mode=_PSD_MODES.get(mode),
            bit_depth=depth,
            alpha=None if mode != 3 else channels > 3,
            frames=1,
        )
    raise Unreadable(
        f"{name} is a {format_} picture, of which nothing more can be read here. Export it as JPEG or PNG.",
        f"{name} 是 {format_} 图片，此处无法读取更多信息。请导出为 JPEG 或 PNG。",
    )
