"""Pictures: the least that makes one comply.

What only its name gets wrong is copied; metadata alone is taken out without decoding; everything else is
drawn anew, upright, in sRGB, without metadata.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.checks.base import grows
from pipeline.convert.image.crop import face_crop
from pipeline.convert.image.metadata import STRIPPABLE, strip
from pipeline.convert.image.straighten import Upright, upright
from pipeline.convert.requirements import NAMING, accepts, extension, format_by_extension, value_of
from pipeline.errors import AssetError, CeilingExceeded, ToolFailed, Unreadable
from pipeline.model.ceilings import MAX_FRAMES_IMAGE, MAX_PIXELS
from pipeline.model.facts import ImageInfo, MediaInfo, Size, Text, Value
from pipeline.model.results import Fix, Made, Plan, Step
from pipeline.model.rules import Level, Role
from pipeline.probe.face.crop import CropBox
from pipeline.probe.heic import ready

if TYPE_CHECKING:
    from pipeline.convert.image.encode import FrameSet

# Checks whose repair needs new pixels.
_PIXELS: Final = frozenset(
    {
        "face.roll",
        "face.share",
        "file.size",
        "image.animated",
        "image.aspect",
        "image.bit_depth",
        "image.height",
        "image.mode",
        "image.orientation",
        "image.size",
        "image.width",
    }
)
HANDLES: Final = _PIXELS | NAMING | {"file.format", "image.format", "image.location"}

WRITABLE: Final = frozenset({"jpeg", "png", "webp", "bmp", "gif"})
_MOVING: Final = frozenset({"gif", "webp", "png", "avif"})
_CLEAR: Final = frozenset({"gif", "webp", "png"})  # may be transparent
_LOSSY: Final = frozenset({"jpeg", "webp"})
_MODES: Final = frozenset({"L", "LA", "RGB", "RGBA"})
# All frames of an animation are held at once: as much memory as four pictures at the ceiling.
_MAX_MOVING_PIXELS: Final = 4 * MAX_PIXELS


class Way(StrEnum):
    """How much is done to a picture, least first."""

    COPY = "copy"
    STRIP = "strip"
    DRAW = "draw"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecipe:
    """The new file, decided before anything is touched."""

    way: Way
    format: str
    extension: str
    size: Size  # as seen
    mode: str | None = None  # Pillow's name where a rule asks for one
    animated: bool = False
    background: str | None = None  # under what was transparent; None: stays transparent
    budget: int | None = None  # bytes
    straight: Upright | None = None  # how it is turned before anything is cut off
    crop: CropBox | None = None  # the part that is kept, as seen; None: the middle, as far as the shape asks


def recipe(info: MediaInfo, plan: Plan, role: Role) -> ImageRecipe:
    """What the new file is. Raises Unreadable and ToolMissing for pictures that cannot be decoded here."""
    picture = _picture(info)
    format_ = _format(picture, plan, role)
    pixels = format_ != picture.format or any(fix.check in _PIXELS for fix in plan.fixes)
    located = value_of(plan.fixes, "image.location") is False
    if not pixels and not (located and picture.format not in STRIPPABLE):
        return ImageRecipe(
            way=Way.STRIP if located else Way.COPY,
            format=format_,
            extension=extension(format_, info, role),
            size=picture.size,
        )
    if picture.format == "svg":
        raise Unreadable(
            f"{info.name} is {picture.format}, which is not decoded here. Export it as PNG or JPEG.",
            f"{info.name} 为 {picture.format} 格式，此处无法解码。请导出为 PNG 或 JPEG。",
        )
    ready(picture.format, info.name)
    if format_ not in WRITABLE:
        format_ = _writable(picture, role)
    edits = (*plan.fixes, *plan.advised)
    mode = value_of(edits, "image.mode")
    if mode is not None and mode not in _MODES:
        raise ToolFailed(
            f"{info.name} should have colour mode {mode}; made here are {', '.join(sorted(_MODES))}.",
            f"{info.name} 需要色彩模式 {mode}；此处只能写出 {', '.join(sorted(_MODES))}。",
        )
    straight, shown = upright(info, role) if value_of(plan.fixes, "face.roll") is not None else (None, info)
    part = face_crop(shown, edits, role)
    size = _size(_picture(shown).size, edits, role, part, larger="image.enlarge" in plan.allowed)
    opaque = format_ not in _CLEAR or mode in {"L", "RGB"}
    return ImageRecipe(
        way=Way.DRAW,
        format=format_,
        extension=extension(format_, info, role),
        size=size,
        mode=str(mode) if mode else None,
        animated=_stays_animated(picture, format_, edits),
        background=str(role.wants("background") or "#FFFFFF") if opaque else None,
        budget=_budget(edits, role),
        straight=straight,
        crop=part,
    )


def _picture(info: MediaInfo) -> ImageInfo:
    if info.image is None:
        raise Unreadable(f"{info.name} is not a picture.", f"{info.name} 不是图片。")
    return info.image


def _format(picture: ImageInfo, plan: Plan, role: Role) -> str:
    """The format of the new file: its own unless that must change."""
    edits = plan.fixes
    if any(fix.check in _PIXELS for fix in edits):  # drawn anew anyway: advice is taken along
        edits += plan.advised
    asked = value_of(edits, "image.format", "file.format")
    if asked is None:
        asked = format_by_extension(picture.format, role)
    if asked is None:
        # A picture too large for its budget: what keeps every pixel keeps every byte. Where the role takes a
        # compressed format, detail that nobody sees goes before size does.
        heavy = value_of(plan.fixes, "file.size") is not None and not _moves(picture)
        if heavy and picture.format not in _LOSSY:
            for other in ("jpeg", "webp"):
                if _takes(role, other) and (other in _CLEAR or picture.alpha is False):
                    return other
        return picture.format
    # What moves goes on moving where the plan found it a home.
    if _moves(picture) and asked in {"gif", "webp"} and value_of(edits, "image.animated") is not False:
        return str(asked)
    wanted = role.wants("format")
    if isinstance(wanted, str) and wanted in WRITABLE:
        return wanted
    if asked not in WRITABLE:
        return _writable(picture, role)
    # What is transparent stays so where the role leaves the choice.
    if picture.alpha and asked not in _CLEAR and _takes(role, "png"):
        return "png"
    return str(asked)


def _takes(role: Role, format_: str) -> bool:
    """Whether the role says which formats it takes, and this is one."""
    return accepts(role, format_, "image.format", "file.format") is True


def _writable(picture: ImageInfo, role: Role) -> str:
    wanted = role.wants("format")
    if isinstance(wanted, str) and wanted in WRITABLE:
        return wanted
    order = ("png", "webp", "gif", "jpeg", "bmp") if picture.alpha else ("png", "jpeg", "webp", "bmp", "gif")
    return next((format_ for format_ in order if _takes(role, format_)), "png")


def _moves(picture: ImageInfo) -> bool:
    """Whether it is an animation; the pages of a TIFF are not one."""
    return picture.format in _MOVING and (picture.frames or 1) > 1


def _stays_animated(picture: ImageInfo, format_: str, edits: Iterable[Fix]) -> bool:
    if not _moves(picture) or value_of(edits, "image.animated") is False:
        return False
    # An animated PNG is shown as a still by much that takes PNG: none is made from another format.
    return format_ in _MOVING & WRITABLE and (format_ == picture.format or format_ != "png")


def _size(shown: Size, edits: Iterable[Fix], role: Role, part: CropBox | None, *, larger: bool) -> Size:
    """What the picture measures afterwards: cropped to the ratio asked for, then scaled.

    Scaled up only where `larger` was asked for, and then in proportion until the rules have enough.
    """
    width, height = part[2:] if part else shown
    ratio = None if part else value_of(edits, "image.aspect")
    if isinstance(ratio, Fraction | int):
        if Fraction(width, height) > ratio:
            width = max(1, round(height * ratio))
        else:
            height = max(1, round(width / ratio))
    size = Size(min(width, shown.width), min(height, shown.height))
    cropped = size != shown
    asked: list[Value | None] = [fix.value for fix in edits if fix.check == "image.size"]
    if cropped:  # the plan's answer was for the uncropped picture
        asked = [
            rule.limit.nearest(size)
            for rule in role.rules
            if rule.check == "image.size" and rule.level is not Level.INFO
        ]
    boxes = [
        value
        for value in asked
        if isinstance(value, Size) and value.width <= size.width and value.height <= size.height
    ]
    if boxes:
        size = min(boxes, key=lambda box: box.width * box.height)
    sides = {"image.width": size.width, "image.height": size.height}
    if larger:
        grown = [
            max(Fraction(box.width, size.width), Fraction(box.height, size.height))
            for box in asked
            if isinstance(box, Size) and grows(size, box)
        ]
        grown += [
            Fraction(fix.value) / sides[fix.check]
            for fix in edits
            if fix.check in sides and isinstance(fix.value, int | Fraction) and grows(fix.actual, fix.value)
        ]
        if grown and max(grown) > 1:
            return Size(*(ceil(side * max(grown)) for side in size))
    scale = Fraction(1)
    for check, side in sides.items():
        limit = value_of(edits, check)
        if isinstance(limit, int | Fraction):
            scale = min(scale, Fraction(limit) / side)
    return Size(*(max(1, int(side * scale)) for side in size))


def _large_enough(name: str, size: Size, role: Role) -> None:
    """Raise AssetError where what is left of a picture breaks a rule on sizes: known before anything is made."""
    for check, value in (("image.size", size), ("image.width", size.width), ("image.height", size.height)):
        limits = [r.limit for r in role.rules if r.check == check and r.level is Level.ERROR and r.when is None]
        if not all(limit.accepts(value) for limit in limits):
            raise AssetError(
                f"{name} would be {size} pixels after cropping and scaling, which breaks the rule on {check}. Take the "
                "picture again, larger.",
                f"{name} 裁剪、缩放后为 {size} 像素，不符合 {check} 规则。请重新拍摄更大的图片。",
            )


def _place(part: CropBox | None) -> str:
    return f"{part[2]}x{part[3]}+{part[0]}+{part[1]}" if part else ""


def _budget(edits: Iterable[Fix], role: Role) -> int | None:
    """The most bytes the new file may have: drawn anew, it may outgrow a limit it kept before."""
    huge = 1 << 62
    values = [fix.value for fix in edits if fix.check == "file.size"]
    values += [
        most
        for rule in role.rules
        if rule.check == "file.size" and rule.level is Level.ERROR and rule.when is None
        if (most := rule.limit.nearest(huge)) is not None and most != huge
    ]
    return min((int(value) for value in values if isinstance(value, int | Fraction)), default=None)


def steps(info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
    """What `convert` will do, in its order. Raises as `recipe`."""
    new, old = recipe(info, plan, role), _picture(info)
    if new.size != old.size:
        _large_enough(info.name, new.size, role)
    if new.way is Way.COPY:
        return (Step(does=Text("copied as it is", "原样复制")),)
    if new.way is Way.STRIP:
        return (
            Step(
                does=Text(
                    "location, camera and comments removed; picture data untouched",
                    "移除位置、相机与注释信息；图像数据不变",
                )
            ),
        )
    base = new.straight.size if new.straight else old.size
    shape = base.width * new.size.height - base.height * new.size.width
    cropped = new.crop is None and abs(shape) > 2 * max(*base, *new.size)
    whole = Size(*new.crop[2:]) if new.crop else base
    larger = new.size.width > whole.width
    tilt = f"{float(new.straight.degrees):.1f}" if new.straight else ""
    done: list[tuple[bool, str, str]] = [
        (old.orientation != 1, "turned upright", "按 EXIF 方向转正"),
        (_moves(old) and not new.animated, "first frame only", "仅保留首帧"),
        (
            not _moves(old) and (old.frames or 1) > 1,
            f"first of {old.frames} pages only",
            f"共 {old.frames} 页，仅保留首页",
        ),
        (
            new.straight is not None,
            f"turned by {tilt}° so that the head is upright, edges cut off to {base}",
            f"旋转 {tilt}° 使头部端正，边缘裁剪至 {base}",
        ),
        (
            new.crop is not None,
            f"cropped to {_place(new.crop)}, around the face",
            f"围绕人脸裁剪为 {_place(new.crop)}",
        ),
        (cropped, f"middle cropped to {new.size}", f"居中裁剪为 {new.size}"),
        (
            new.size != whole and not cropped,
            f"{'enlarged' if larger else 'scaled down'} from {whole} to {new.size}",
            f"由 {whole} {'放大' if larger else '缩小'}为 {new.size}",
        ),
        (
            old.icc is not None or old.mode == "CMYK",
            f"colours from {old.icc or 'CMYK'} to sRGB",
            f"色彩由 {old.icc or 'CMYK'} 转换为 sRGB",
        ),
        ((old.bit_depth or 8) > 8, "eight bits a channel", "每通道 8 位"),
        (
            bool(old.alpha) and new.background is not None,
            f"laid over {new.background}",
            f"透明部分以 {new.background} 填充",
        ),
        (new.mode is not None, f"colour mode {new.mode}", f"色彩模式 {new.mode}"),
        (
            value_of((*plan.fixes, *plan.advised), "file.size") is not None,
            f"at most {new.budget} bytes: lower quality first, smaller size last",
            f"不超过 {new.budget} 字节：先降质量，最后缩小尺寸",
        ),
        (True, f"written as {new.format} without metadata", f"写为 {new.format}，不含元数据"),
    ]
    return tuple(Step(does=Text(en, zh)) for applies, en, zh in done if applies)


def convert(
    source: Path, info: MediaInfo, plan: Plan, role: Role, work: Path, progress: Callable[[float], None]
) -> tuple[Made, ...]:
    """Make the new file inside `work`. Raises Unreadable, CeilingExceeded, ToolFailed."""
    new, old = recipe(info, plan, role), _picture(info)
    out = work / f"out.{new.extension}"
    if new.way is Way.COPY:
        shutil.copyfile(source, out)
        progress(1.0)
        return (Made(path=str(out), name="{stem}." + new.extension),)
    if new.way is Way.STRIP:
        _whole(source, info.name, old.format)
        strip(source, out, old.format, old.orientation)
    else:
        from pipeline.convert.image.encode import encode_within

        frames = _frames(source, info.name, old, new)
        progress(0.4)
        out.write_bytes(
            encode_within(frames, new.format, new.budget, info.name, lambda part: progress(0.4 + part * 0.6))
        )
    progress(1.0)
    return (Made(path=str(out), name="{stem}." + new.extension),)


def _whole(source: Path, name: str, format_: str) -> None:
    """Raise Unreadable for what is damaged inside: what a lenient decoder makes of it is no picture of anybody's."""
    from pipeline.probe.image.whole import harm

    if wrong := harm(source, format_):
        said = wrong.told(name)
        raise Unreadable(
            f"{said.en} Nothing is made of it; open it in an image program, look at it and save it again.",
            f"{said.zh}不作修复；请用图片软件打开、查看后重新保存。",
        )


def _frames(source: Path, name: str, old: ImageInfo, new: ImageRecipe) -> FrameSet:
    from PIL import ImageSequence

    from pipeline.convert.image.encode import FrameSet
    from pipeline.convert.image.pixels import opened, seen
    from pipeline.probe.image.exif import left_to_turn

    orientation = left_to_turn(old)
    pictures, durations = [], []
    with opened(source, name, old.format) as file:
        _whole(source, name, old.format)
        loop = file.info.get("loop")
        for frame in ImageSequence.Iterator(file):
            pixels = seen(frame, new.size, orientation, new.background, new.crop, new.straight)
            pictures.append(pixels.convert(new.mode) if new.mode and pixels.mode != new.mode else pixels)
            durations.append(int(frame.info.get("duration", 0)))
            if not new.animated:
                break
            if (
                len(pictures) > MAX_FRAMES_IMAGE
                or len(pictures) * new.size.width * new.size.height > _MAX_MOVING_PIXELS
            ):
                most = f"{len(pictures) - 1} x {new.size}"
                raise CeilingExceeded(
                    f"{name} has more frames than are drawn anew ({most}). Shorten it.",
                    f"{name} 帧数过多，无法重绘（上限 {most}）。请缩短动图。",
                )
    if len({picture.mode for picture in pictures}) > 1:  # a GIF's first frame may be opaque, a later one not
        pictures = [picture.convert("RGBA") for picture in pictures]
    return FrameSet(pictures, durations, loop if isinstance(loop, int) else None)
