"""What a picture's metadata says: how it is to be turned, and whether it tells where it was taken."""

from __future__ import annotations

import re
import warnings
from typing import Any, BinaryIO, Final

from PIL import Image

from pipeline.model.facts import ImageInfo, Size, Text
from pipeline.probe.image.damage import DAMAGE
from pipeline.probe.image.headers import png_tail

_ORIENTATION: Final = 0x0112  # Exif 2.32, 4.6.4
# Its value -> what turns the stored picture into the one that is seen.
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GPS: Final = 0x8825  # Exif 2.32, 4.6.3
# Latitude and longitude of the camera and of what it looked at, each after the half of the globe it is in (Exif 2.32,
# 4.6.6). A block that has none of them, as many cameras write it, tells no place.
_PLACES: Final = ((1, 2), (3, 4), (19, 20), (21, 22))
_XMP_PLACE: Final = re.compile(rb"GPSLatitude\s*(?:=\s*[\"']|>)\s*[0-9]")


def turned(size: Size, orientation: int) -> Size:
    """`size` with its sides exchanged where the orientation lays the picture on its side."""
    return Size(size.height, size.width) if orientation >= 5 else size


def left_to_turn(image: ImageInfo) -> int:
    """The orientation that decoded pixels still have: Pillow turns a TIFF by itself, and no other format.

    HEIC comes turned as well, and says so by an orientation of 1.
    """
    return 1 if image.format == "tiff" else image.orientation


def stored_size(picture: Image.Image) -> Size:
    """As the file has it: for a TIFF Pillow tells the size after turning."""
    tags = getattr(picture, "tag_v2", None) if picture.format == "TIFF" else None
    return Size(*picture.size) if tags is None else Size(tags.get(256, picture.width), tags.get(257, picture.height))


def late(picture: Image.Image, file: BinaryIO) -> None:
    """Give the picture what its PNG holds after the pixels."""
    here = file.tell()
    exif, xmp = png_tail(file)
    file.seek(here)
    if exif is not None:
        picture.info.setdefault("exif", b"Exif\0\0" + exif)
    if xmp:
        picture.info.setdefault("xmp", xmp)


def _of_exif(warned: warnings.WarningMessage, picture: Image.Image) -> bool:
    """Whether a warning of Pillow's is about the EXIF data: it is read by the reader of TIFF, in any file."""
    return "EXIF" in str(warned.message) or (picture.format != "TIFF" and "TiffImagePlugin" in warned.filename)


def exif(
    picture: Image.Image, name: str, warned: list[warnings.WarningMessage], remarks: list[Text]
) -> tuple[int, bool | None]:
    """EXIF orientation and whether a location is recorded, in EXIF or in XMP."""
    info: dict[Any, Any] = picture.info
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    words = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    located = _XMP_PLACE.search(words) is not None
    if "exif" not in info and picture.format != "TIFF" and "Raw profile type exif" not in info:
        return 1, located
    try:
        tags = picture.getexif()
        orientation = tags.get(_ORIENTATION, 1)
        located = located or _placed(tags.get_ifd(_GPS))
        damage = next((str(w.message) for w in warned if _of_exif(w, picture)), None)
    except DAMAGE as error:
        orientation, damage = 1, str(error)
    if damage:
        remarks.append(
            Text(
                f"The EXIF data of {name} cannot be read ({damage}).",
                f"{name} 的 EXIF 无法读取（{damage}）。",
            )
        )
        return 1, True if located else None
    if not isinstance(orientation, int) or not 1 <= orientation <= 8:
        remarks.append(
            Text(
                f"The EXIF orientation of {name} is {orientation!r}, which means nothing.",
                f"{name} 的 EXIF 方向为 {orientation!r}，无意义。",
            )
        )
        orientation = 1
    return orientation, located


def _placed(block: dict[int, Any]) -> bool:
    """Whether a GPS block tells a place: a coordinate whose degrees are a number, or at least a half of the globe."""
    for half, coordinate in _PLACES:
        value = block.get(coordinate)
        if value is None:
            if str(block.get(half) or "").strip(" \0"):
                return True
            continue
        first = value[0] if isinstance(value, tuple) and value else value
        try:
            degrees = float(first)
        except (TypeError, ValueError):  # not as it should be written: somebody may still read it
            return True
        if degrees == degrees:  # 0/0, which says nothing, is not equal to itself
            return True
    return False
