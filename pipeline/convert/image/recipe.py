"""What a repaired picture will be, decided before anything is touched. Pure: no picture is opened."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Final

from msgspec import Struct

from pipeline.checks.base import grows
from pipeline.convert.image.crop import face_crop
from pipeline.convert.image.metadata import STRIPPABLE
from pipeline.convert.image.straighten import Upright, upright
from pipeline.convert.requirements import accepts, extension, format_by_extension, value_of
from pipeline.errors import ToolFailed, Unreadable
from pipeline.model.facts import ImageInfo, MediaInfo, Size, Value
from pipeline.model.results import Fix, Plan
from pipeline.model.rules import Level, Role
from pipeline.probe.face.crop import CropBox
from pipeline.probe.heic import ready

# Checks whose repair needs new pixels.
PIXELS: Final = frozenset(
    {
        "face.framed",
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

WRITABLE: Final = frozenset({"jpeg", "png", "webp", "bmp", "gif"})
_MOVING: Final = frozenset({"gif", "webp", "png", "avif"})
_CLEAR: Final = frozenset({"gif", "webp", "png"})  # may be transparent
_LOSSY: Final = frozenset({"jpeg", "webp"})
_MODES: Final = frozenset({"L", "LA", "RGB", "RGBA"})


class Way(StrEnum):
    """How much is done to a picture, least first."""

    COPY = "copy"
    STRIP = "strip"
    DRAW = "draw"


class ImageRecipe(Struct, frozen=True, kw_only=True):
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
    picture = picture_of(info)
    format_ = _format(picture, plan, role)
    pixels = format_ != picture.format or any(fix.check in PIXELS for fix in plan.fixes)
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
    size = _size(picture_of(shown).size, edits, role, part, larger="image.enlarge" in plan.allowed)
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


def picture_of(info: MediaInfo) -> ImageInfo:
    if info.image is None:
        raise Unreadable(f"{info.name} is not a picture.", f"{info.name} 不是图片。")
    return info.image


def _format(picture: ImageInfo, plan: Plan, role: Role) -> str:
    """The format of the new file: its own unless that must change."""
    edits = plan.fixes
    if any(fix.check in PIXELS for fix in edits):  # drawn anew anyway: advice is taken along
        edits += plan.advised
    asked = value_of(edits, "image.format", "file.format")
    if asked is None:
        asked = format_by_extension(picture.format, role)
    if asked is None:
        # A picture too large for its budget: what keeps every pixel keeps every byte. Where the role takes a
        # compressed format, detail that nobody sees goes before size does.
        heavy = value_of(plan.fixes, "file.size") is not None and not moves(picture)
        if heavy and picture.format not in _LOSSY:
            for other in ("jpeg", "webp"):
                if _takes(role, other) and (other in _CLEAR or picture.alpha is False):
                    return other
        return picture.format
    # What moves goes on moving where the plan found it a home.
    if moves(picture) and asked in {"gif", "webp"} and value_of(edits, "image.animated") is not False:
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


def moves(picture: ImageInfo) -> bool:
    """Whether it is an animation; the pages of a TIFF are not one."""
    return picture.format in _MOVING and (picture.frames or 1) > 1


def _stays_animated(picture: ImageInfo, format_: str, edits: Iterable[Fix]) -> bool:
    if not moves(picture) or value_of(edits, "image.animated") is False:
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
