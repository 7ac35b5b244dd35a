"""Which part of a picture is kept, so that a face stays whole, in the middle and large enough. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from pipeline.convert.wanted import accepts, value_of
from pipeline.errors import AssetError
from pipeline.model import Face, Fix, MediaInfo, Role, Size
from pipeline.probe.face_crop import Box, crop_for

# A crop aims above the least share by this part of what is left: the next measurement differs by a percent or so.
_ABOVE = Fraction(6, 100)


def face_crop(info: MediaInfo, edits: Iterable[Fix], role: Role) -> Box | None:
    """The part to keep where faces were measured and a crop is asked for; None where there is nothing to decide.

    Raises AssetError when no crop gives the face the share that is wanted.
    """
    edits = tuple(edits)
    if info.image is None or not info.faces:
        return None
    face, size = info.faces[0], info.image.size
    share, ratio = value_of(edits, "face.share"), value_of(edits, "image.aspect")
    wanted_ratio = Fraction(ratio) if isinstance(ratio, int | Fraction) else None
    if isinstance(share, int | Fraction) and face.share is not None and share > face.share:
        return _closer(info.name, face, size, Fraction(share), wanted_ratio, role)
    return _ratio_only(face, size, wanted_ratio) if wanted_ratio else None


def _closer(name: str, face: Face, size: Size, share: Fraction, ratio: Fraction | None, role: Role) -> Box:
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


def _ratio_only(face: Face, size: Size, ratio: Fraction) -> Box:
    """The largest part of that proportion, moved towards the face."""
    wide = min(size.width, max(1, round(size.height * ratio)))
    tall = min(size.height, max(1, round(wide / ratio)))
    left, top, width, height = face.box
    corner_x = min(max(round(left + width / 2 - Fraction(wide, 2)), 0), size.width - wide)
    corner_y = min(max(round(top + height / 2 - Fraction(tall, 2)), 0), size.height - tall)
    return corner_x, corner_y, wide, tall
