"""BMP whose channels lie in any bits of 16 or 32, where its masks say: a reader for Pillow, which knows few layouts."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFile

FORMAT: Final = "BITFIELDS"  # the name that Pillow knows this reader by
_MASKED: Final = frozenset({3, 6})  # BI_BITFIELDS, BI_ALPHABITFIELDS
_MASKS: Final = 54  # their offset, behind a short header or inside a longer one


class MaskedBmp(ImageFile.ImageFile):
    """Header and pixels by BITMAPV4HEADER. Raises SyntaxError, as Pillow's readers do, for what is none of these."""

    format = FORMAT
    format_description = "BMP with masks"
    depth = 8  # bits of its deepest channel, at least those of a screen
    _layout: tuple[int, int, bool, tuple[int, ...]]  # offset of the pixels, bits of one, upside down, masks

    def _open(self) -> None:
        source: Any = self.fp
        head = source.read(70)
        if len(head) < 70 or head[:2] != b"BM":
            raise SyntaxError("not a BMP")
        start, size, width, height, _, bits, packing = struct.unpack_from("<IIiiHHI", head, 10)
        if size < 40 or packing not in _MASKED or bits not in {16, 32} or width <= 0 or height == 0:
            raise SyntaxError("not a BMP with masks")
        masks = struct.unpack_from("<4I" if size >= 56 or packing == 6 else "<3I", head, _MASKS)
        if not any(masks) or any(mask >> bits for mask in masks) or not all(map(_solid, masks)):
            raise SyntaxError("masks with holes")
        masks = masks[: 4 if masks[3:] > (0,) else 3]
        self._size = (width, abs(height))
        self._mode = "RGBA" if len(masks) == 4 else "RGB"
        self.depth = max(8, *(mask.bit_count() for mask in masks))
        self._layout = (start, bits, height > 0, masks)

    def load(self) -> Any:
        """Pixels, eight bits a channel. Raises OSError for a file cut short."""
        source: Any = self.fp
        if self._im is None:
            start, bits, upside_down, masks = self._layout
            width, height = self._size
            line = (width * bits + 31) // 32 * 4
            source.seek(start)
            data = source.read(line * height)
            if len(data) < line * height:
                raise OSError("image file is truncated")
            rows = np.frombuffer(data, np.uint8).reshape(height, line)[:, : width * bits // 8]
            values = np.ascontiguousarray(rows[:: -1 if upside_down else 1]).view(f"<u{bits // 8}")
            pixels = np.stack([_channel(values, mask) for mask in masks], axis=-1)
            self.im = Image.frombytes(self._mode, self._size, pixels.tobytes()).im
        return super().load()


def _solid(mask: int) -> bool:
    """Whether its bits stand side by side; nothing at all does."""
    return mask == 0 or (mask >> _shift(mask)) + 1 == 1 << mask.bit_count()


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _channel(values: np.ndarray[Any, Any], mask: int) -> np.ndarray[Any, Any]:
    """One channel, scaled so that all bits set are 255."""
    if mask == 0:
        return np.zeros(values.shape, np.uint8)
    deep = mask.bit_count()
    dropped = max(0, deep - 16)
    most = (1 << (deep - dropped)) - 1
    table = ((np.arange(most + 1) * 255 + most // 2) // most).astype(np.uint8)
    channel: np.ndarray[Any, Any] = table[(values & mask) >> (_shift(mask) + dropped)]
    return channel


Image.register_open(FORMAT, MaskedBmp, lambda head: head[:2] == b"BM")
