"""Which part of a picture is kept, so that a head stays whole, with its hair, and where a portrait has it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor

from pipeline.convert.requirements import accepts, value_of
from pipeline.errors import AssetError
from pipeline.model.facts import MediaInfo, Size
from pipeline.model.measured import Face
from pipeline.model.results import Fix
from pipeline.model.rules import Role
from pipeline.probe.face.crop import SHAPES, CropBox, around, portrait


def face_crop(info: MediaInfo, edits: Iterable[Fix], role: Role) -> CropBox | None:
    """The part to keep where faces were measured and a crop is asked for; None where there is nothing to decide.

    Raises AssetError where no crop leaves the head whole in the proportions wanted.
    """
    edits = tuple(edits)
    if info.image is None or not info.faces:
        return None
    face, size = info.faces[0], info.image.size
    ratio = value_of(edits, "image.aspect")
    wanted = Fraction(ratio) if isinstance(ratio, int | Fraction) else None
    if value_of(edits, "face.framed", "face.share") is not None:
        return _portrait(info.name, face, size, wanted, role)
    return _ratio_only(info.name, face, size, wanted) if wanted else None


def _portrait(name: str, face: Face, size: Size, ratio: Fraction | None, role: Role) -> CropBox:
    shapes = (ratio,) if ratio else (*SHAPES, Fraction(size.width, size.height))
    taken = [shape for shape in shapes if accepts(role, shape, "image.aspect") is not False]
    crop = portrait(size, face.head, shapes=taken) if face.head else None
    if crop is None:
        raise AssetError(
            f"{name} cannot be cropped to head and shoulders: the head is cut off, or too large for the proportions "
            "wanted. Take the picture again with the whole head in it.",
            f"{name} 无法裁剪为头肩像：头部不完整，或比例不合。请让整个头部入镜后重拍。",
        )
    return crop


def _ratio_only(name: str, face: Face, size: Size, ratio: Fraction) -> CropBox:
    """The largest part of that proportion, moved towards the head, none of which it may cut.

    Where hair is wider than the picture may become, the face and all that is above it stay.
    """
    bare = _inside(face, size)
    head = face.head or bare
    crop = around(size, head, ratio) or around(size, (bare[0], head[1], bare[2], head[3]), ratio)
    if crop is None:
        raise AssetError(
            f"{name} cannot be cropped to the proportions {ratio.numerator}:{ratio.denominator} without cutting the "
            f"head, which is {head[2]}x{head[3]} pixels of {size}. Take the picture again from farther away, or in "
            "those proportions.",
            f"{name} 无法在不裁切头部的情况下裁剪为 {ratio.numerator}:{ratio.denominator}：头部为 "
            f"{head[2]}x{head[3]} 像素，画面为 {size}。请拉远镜头或按该比例重拍。",
        )
    return crop


def _inside(face: Face, size: Size) -> CropBox:
    """Of a face that the edge of the picture cuts off, what is in the picture: the rest is not lost here."""
    left, top = (max(0, floor(side)) for side in face.box[:2])
    right = min(ceil(face.box[0] + face.box[2]), size.width)
    bottom = min(ceil(face.box[1] + face.box[3]), size.height)
    return left, top, max(1, right - left), max(1, bottom - top)
