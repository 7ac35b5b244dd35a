"""What decoders say of damage, in our words."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

from PIL import Image, UnidentifiedImageError

from pipeline.errors import CeilingExceeded
from pipeline.model.ceilings import MAX_PIXELS
from pipeline.model.facts import Text

# What Pillow raises for damaged data depends on the plugin; all of these have been seen.
DAMAGE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    EOFError,
    struct.error,
    zlib.error,
)


def oversize(name: str, error: Image.DecompressionBombError) -> CeilingExceeded:
    """Pillow's refusal of a picture in our words: it counts the pixels and speaks of attacks."""
    counted = re.search(r"\d+", str(error))
    pixels = counted[0] if counted else f"> {2 * MAX_PIXELS}"
    return CeilingExceeded(
        f"{name} promises {pixels} pixels, above the ceiling of {MAX_PIXELS}; it was not decoded. Save it smaller.",
        f"{name} 声明有 {pixels} 像素，超过上限 {MAX_PIXELS}，未解码。请缩小后重新保存。",
    )


_SAID: Final = (
    (
        re.compile("samples do not say"),
        Text(
            "its samples are signed or fractional numbers, which do not say what their brightest value is",
            "其采样值为有符号数或小数，无法确定白色的亮度",
        ),
    ),
    (
        re.compile("colours are HDR"),
        Text(
            "its colours are HDR (PQ or HLG), which sRGB has no room for", "其色彩为 HDR（PQ 或 HLG），超出 sRGB 范围"
        ),
    ),
    (
        re.compile("truncated|not enough image data|end of file|premature end|Unexpected end", re.IGNORECASE),
        Text("it is cut short", "文件不完整"),
    ),
    (
        re.compile("too large for PngImagePlugin"),
        Text("its profile or text unpacks to more than is read", "其中的色彩配置或文本解压后过大"),
    ),
    (
        re.compile(
            "decoder error|broken (data stream|PNG)|Corrupt JPEG data|JPEG file structure|Bogus|was not defined|"
            "decoding|decompress|next frame|unrecognized data",
            re.IGNORECASE,
        ),
        Text("its compressed data is damaged", "其压缩数据已损坏"),
    ),
)
_ELSE: Final = Text(
    "it is cut short, damaged or of a variant that is not read here", "文件不完整、已损坏，或为此处不支持的变体"
)


def damage(error: object) -> Text:
    """What a decoder says of damage, without the paths and objects that some put into it."""
    if isinstance(error, UnidentifiedImageError):
        return _ELSE
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return next((text for pattern, text in _SAID if pattern.search(said)), _ELSE)
