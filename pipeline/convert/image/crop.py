"""Which part of a picture is kept, so that a face stays whole, in the middle and large enough. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from pipeline.convert.requirements import accepts, value_of
from pipeline.errors import AssetError
from pipeline.model.facts import Face, MediaInfo, Size
from pipeline.model.results import Fix
from pipeline.model.rules import Role
from pipeline.probe.face.crop import CropBox, crop_for

# A crop aims above the least share by this part of what is left: the next measurement differs by a percent or so.
_ABOVE = Fraction(6, 100)


def face_crop(info: MediaInfo, edits: Iterable[Fix], role: Role) -> CropBox | None:
    """The part to keep where faces were measured and a crop is asked for; None where there is nothing to decide.

    Raises AssetError when no crop gives the face the share that is wanted, or the ratio wanted would cut the face.
    """
    edits = tuple(edits)
    if info.image is None or not info.faces:
        return None
    face, size = info.faces[0], info.image.size
    share, ratio = value_of(edits, "face.share"), value_of(edits, "image.aspect")
    wanted_ratio = Fraction(ratio) if isinstance(ratio, int | Fraction) else None
    if isinstance(share, int | Fraction) and face.share is not None and share > face.share:
        return _closer(info.name, face, size, Fraction(share), wanted_ratio, role)
    return _ratio_only(info.name, face, size, wanted_ratio) if wanted_ratio else None


def _closer(name: str, face: Face, size: Size, share: Fraction, ratio: Fraction | None, role: Role) -> CropBox:
    above = share + (1 - share) * _ABOVE
    own = Fraction(size.width, size.height)
    for target in (above, share):
        if accepts(role, target, "face.share") is False:
            continue
        for shape in (ratio,) if ratio else (own, Fraction(1)):
            if accepts(role, shape, "image.aspect") is False:
                continue
            box = crop_for(size, face.box, target, shape)
            if box:
                return box
    raise AssetError(
        f"{name} cannot be cropped so that the face fills {float(share) * 100:.3g} %: it lies too near the edge or "
        "is too tall for the shape wanted. Take the picture again with the face in the middle.",
        f"{name} 无法裁剪至人脸占 {float(share) * 100:.3g}%：人脸过于靠边，或比例不合。请让人脸居中后重拍。",
    )


def _ratio_only(name: str, face: Face, size: Size, ratio: Fraction) -> CropBox:
    """The largest part of that proportion, moved towards the face, none of which it may cut."""
    wide = min(size.width, max(1, round(size.height * ratio)))
    tall = min(size.height, max(1, round(wide / ratio)))
    left, top, width, height = face.box
    corner_x = min(max(round(left + width / 2 - Fraction(wide, 2)), 0), size.width - wide)
    corner_y = min(max(round(top + height / 2 - Fraction(tall, 2)), 0), size.height - tall)
    # What the edge of the picture cuts off already is not lost here.
    right, bottom = min(left + width, Fraction(size.width)), min(top + height, Fraction(size.height))
    if (
        max(left, Fraction(0)) < corner_x
        or max(top, Fraction(0)) < corner_y
        or right > corner_x + wide
        or (bottom > corner_y + tall)
    ):
        raise AssetError(
            f"{name} cannot be cropped to the proportions {ratio.numerator}:{ratio.denominator} without cutting the "
            f"face, which is {round(width)}x{round(height)} pixels; the crop would be {wide}x{tall}. Take the picture "
            "again from farther away, or in those proportions.",
            f"{name} 无法在不裁切人脸的情况下裁剪为 {ratio.numerator}:{ratio.denominator}：人脸为 "
            f"{round(width)}x{round(height)} 像素，裁剪后仅 {wide}x{tall}。请拉远镜头或按该比例重拍。",
        )
    return corner_x, corner_y, wide, tall
