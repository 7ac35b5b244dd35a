"""Which encoding a text is written in, and the text itself. Shared by scripts, subtitles and packages."""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

# UTF-32 first: its little-endian mark begins with that of UTF-16.
MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8", "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)

# Characters that are not seen and not spoken: controls other than tab and line ends, direction marks and
# overrides (Unicode TR 36, 2.3), zero-width spaces, a byte order mark inside, noncharacters. Joiners are not
# among them: emoji and several scripts need them.
HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


class Decoded(NamedTuple):
    """A text with the name of its encoding: utf-8, utf-16, utf-32, gbk or gb18030; None when it is none."""

    encoding: str | None
    bom: bool
    text: str | None


def decoded(data: bytes, codec: str, *, whole: bool = True) -> str | None:
    """`data` as text, or None; where it is not the whole, a character cut in two at its end is left out."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(data, final=whole)
    except UnicodeDecodeError:  # the answer
        return None


def decode(data: bytes) -> Decoded:
    """The whole of `data` as text.

    A byte order mark decides where there is one. Without it: UTF-16 when zero bytes lie on one side only,
    UTF-8 when it decodes strictly (ASCII is UTF-8), else GBK, else GB 18030. Single-byte encodings of
    Western languages cannot be told from each other and are reported as unknown.
    """
    for mark, name, codec in MARKS:
        if data.startswith(mark):
            text = decoded(data[len(mark) :], codec)
            return Decoded(name if text is not None else None, True, text)
    zeros = data.count(0)
    if zeros and zeros * 4 < len(data) and (text := decoded(data, "utf-8")) is not None:
        return Decoded("utf-8", False, text)  # with stray zeros: UTF-16 of Latin letters holds as many as letters
    if zeros:
        even, odd = data[::2].count(0), data[1::2].count(0)
        codec = "utf-16-le" if odd > even else "utf-16-be"
        text = decoded(data, codec) if min(even, odd) == 0 else None
        return Decoded("utf-16" if text is not None else None, False, text)
    for codec in ("utf-8", "gbk", "gb18030"):
        text = decoded(data, codec)
        if text is not None:
            return Decoded(codec, False, text)
    return Decoded(None, False, None)
