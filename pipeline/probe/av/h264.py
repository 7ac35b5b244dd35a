"""The head of an H.264 sequence parameter set: what the pictures are, without decoding one.

FFmpeg learns the pixel format of H.264 only by decoding pictures, which for a 1080p file takes several times
longer than everything else a check does. Rec. ITU-T H.264: syntax 7.3.2.1.1 and E.1.1, `avcC` in ISO/IEC
14496-15, 5.3.3.1.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from msgspec import Struct

# Profiles whose sets carry chroma_format_idc and the bit depths; the others are 8-bit 4:2:0 (7.3.2.1.1).
_HIGH: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_ASPECT: Final = 255
# Table E-1, sample aspect ratios by aspect_ratio_idc.
_ASPECTS: Final = (
    (0, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
_MAX_CYCLE: Final = 255  # 7.4.2.1.1
_MAX_BYTES: Final = 4096


class Sequence(Struct, frozen=True):
    """What a sequence parameter set says. Numbers are those of H.273; None where nothing is said."""

    chroma: int  # chroma_format_idc: 0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4
    depth: int  # bits per luma sample
    progressive: bool  # frame_mbs_only_flag: no picture can be a field
    aspect: Fraction | None = None
    full_range: bool | None = None
    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None

    @property
    def colours(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Primaries, transfer, matrix, and range as FFmpeg counts it (1 limited, 2 full)."""
        range_ = None if self.full_range is None else 1 + self.full_range
        return self.primaries, self.transfer, self.matrix, range_

    @property
    def pixel_format(self) -> str | None:
        """FFmpeg's name, as its decoder chooses it; None for combinations that it does not decode."""
        if self.chroma == 3 and self.matrix == 0:
            names = {8: "gbrp", 9: "gbrp9le", 10: "gbrp10le", 12: "gbrp12le", 14: "gbrp14le"}
            return names.get(self.depth)
        if self.chroma == 0:
            return {8: "gray", 10: "gray10le"}.get(self.depth)
        base = ("yuv", "yuvj")[self.depth == 8 and bool(self.full_range)]
        sort = base + ("420p", "422p", "444p")[self.chroma - 1]
        if self.depth in {9, 10, 12, 14}:
            return f"{sort}{self.depth}le"
        return sort if self.depth == 8 else None


class _Bits:
    """Bits from the left; reading past the end raises EOFError."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "big")
        self.left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self.left:
            raise EOFError
        self.left -= count
        return (self.value >> self.left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """ue(v), 9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise EOFError
        return (1 << zeros) - 1 + self.take(zeros)


def read_extradata(extradata: bytes | None) -> Sequence | None:
    """The first sequence parameter set in an `avcC` record or after start codes; None when unreadable."""
    if not extradata or len(extradata) > 1 << 20:
        return None
    if extradata[0] == 1 and len(extradata) > 8 and extradata[5] & 31:
        length = int.from_bytes(extradata[6:8], "big")
        unit = extradata[8 : 8 + length]
    else:
        unit = next((u for u in extradata.split(b"\0\0\x01")[1:] if u and u[0] & 31 == 7), b"")
    if len(unit) < 5 or unit[0] & 31 != 7:
        return None
    try:
        return _sequence(unit[: 1 + _MAX_BYTES].replace(b"\0\0\x03", b"\0\0"))
    except EOFError:  # too short to say anything: not known
        return None


def _sequence(unit: bytes) -> Sequence | None:
    bits = _Bits(unit[4:])
    bits.golomb()  # seq_parameter_set_id
    chroma, depth = 1, 8
    if unit[1] in _HIGH:
        chroma = bits.golomb()
        if chroma == 3:
            bits.take(1)  # separate_colour_plane_flag
        depth = 8 + bits.golomb()
        bits.golomb()  # bit_depth_chroma_minus8
        bits.take(1)  # qpprime_y_zero_transform_bypass_flag
        if bits.take(1):
            _skip_scaling(bits, 8 if chroma != 3 else 12)
    if chroma > 3 or depth > 14:
        return None
    bits.golomb()  # log2_max_frame_num_minus4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        cycle = bits.golomb()
        if cycle > _MAX_CYCLE:
            return None
        for _ in range(cycle):
            bits.golomb()
    bits.golomb()  # max_num_ref_frames
    bits.take(1)
    bits.golomb()
    bits.golomb()
    progressive = bool(bits.take(1))
    if not progressive:
        bits.take(1)
    bits.take(1)  # direct_8x8_inference_flag
    if bits.take(1):  # cropping
        for _ in range(4):
            bits.golomb()
    aspect, full_range, colours = _usability(bits) if bits.take(1) else (None, None, (None, None, None))
    return Sequence(chroma, depth, progressive, aspect, full_range, *colours)


def _skip_scaling(bits: _Bits, lists: int) -> None:
    """scaling_list(), 7.3.2.1.1.1."""
    for number in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                code = bits.golomb()
                following = (last + ((code + 1) // 2 if code % 2 else -(code // 2))) % 256
            last = following or last


def _usability(
    bits: _Bits,
) -> tuple[Fraction | None, bool | None, tuple[int | None, int | None, int | None]]:
    aspect: Fraction | None = None
    if bits.take(1):
        index = bits.take(8)
        if index == _EXTENDED_ASPECT:
            width, height = bits.take(16), bits.take(16)
        else:
            width, height = _ASPECTS[index] if index < len(_ASPECTS) else (0, 1)
        aspect = Fraction(width, height) if width and height else None
    if bits.take(1):
        bits.take(1)  # overscan_appropriate_flag
    if not bits.take(1):
        return aspect, None, (None, None, None)
    bits.take(3)  # video_format
    full_range = bool(bits.take(1))
    if not bits.take(1):
        return aspect, full_range, (None, None, None)
    return aspect, full_range, (bits.take(8), bits.take(8), bits.take(8))
