"""Pictures: the least that makes one comply.

What only its name gets wrong is copied; metadata alone is taken out without decoding; everything else is
drawn anew, upright, in sRGB, without metadata.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.convert.image.metadata import strip
from pipeline.convert.image.recipe import PIXELS, ImageRecipe, Way, moves, picture_of, recipe
from pipeline.convert.requirements import NAMING, value_of
from pipeline.errors import AssetError, CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_FRAMES_IMAGE, MAX_PIXELS
from pipeline.model.facts import ImageInfo, MediaInfo, Size, Text
from pipeline.model.results import Made, Plan, Step
from pipeline.model.rules import Level, Role
from pipeline.probe.face.crop import CropBox

if TYPE_CHECKING:
    from pipeline.convert.image.encode import FrameSet
HANDLES: Final = PIXELS | NAMING | {"file.format", "image.format", "image.location"}
# All frames of an animation are held at once: as much memory as four pictures at the ceiling.
_MAX_MOVING_PIXELS: Final = 4 * MAX_PIXELS


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


def steps(info: MediaInfo, plan: Plan, role: Role) -> tuple[Step, ...]:
    """What `convert` will do, in its order. Raises as `recipe`."""
    new, old = recipe(info, plan, role), picture_of(info)
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
        (moves(old) and not new.animated, "first frame only", "仅保留首帧"),
        (
            not moves(old) and (old.frames or 1) > 1,
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
            f"cropped to {_place(new.crop)}, around the head",
            f"围绕头部裁剪为 {_place(new.crop)}",
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
    new, old = recipe(info, plan, role), picture_of(info)
    out = work / f"out.{new.extension}"
    if new.way is Way.COPY:
        shutil.copyfile(source, out)
        progress(1.0)
        return (Made(path=str(out), name="{stem}." + new.extension),)
    if new.way is Way.STRIP:
        _whole(source, info.name, old)
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


def _whole(source: Path, name: str, old: ImageInfo) -> None:
    """Raise Unreadable for what is damaged inside: what a lenient decoder makes of it is no picture of anybody's."""
    from pipeline.probe.image.whole import harm

    if old.decodes is not True and (wrong := harm(source, old.format)):
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
        _whole(source, name, old)
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
