"""Headers of sound frames that stand in a file without a container: MPEG audio (MP3) and ADTS (AAC).

FFmpeg guesses the length of such files from the bit rate of their first frames; here the frames are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

# Kilobits per second by (MPEG-1?, layer): ISO/IEC 11172-3, 2.4.2.3 and 13818-3, 2.4.2.3; index 1 to 14.
_RATES: Final[dict[tuple[bool, int], tuple[int, ...]]] = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ: Final = (44100, 48000, 32000)
# ISO/IEC 14496-3, table 1.18.
_AAC_HERTZ: Final = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
_MAX_COUNTED: Final = 256 << 20  # bytes; 4.6 hours at 128 kbit/s
_MAX_STRAYS: Final = 100_000  # places that look like a frame and are none; a file made to waste time has more


class Frame(NamedTuple):
    """One frame header."""

    length: int  # bytes
    samples: int  # of each channel
    hertz: int
    channels: int  # 0: told elsewhere
    shared: bytes  # what all frames of one stream have in common


class Counted(NamedTuple):
    """A file of frames, counted from its first to its last byte."""

    seconds: Fraction
    damaged: bool  # bytes between frames that belong to none
    cut: bool  # the last frame is not whole


def adts_frame(data: bytes, at: int) -> Frame | None:
    """The ADTS frame at `at`, or None: ISO/IEC 14496-3, 1.A.2.2."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    index = (data[at + 2] >> 2) & 15
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if index >= len(_AAC_HERTZ) or length < 7:
        return None
    shared = bytes((data[at + 1], data[at + 2] & 0xFC))
    channels = (data[at + 2] & 1) << 2 | data[at + 3] >> 6
    return Frame(length, 1024 * (1 + (data[at + 6] & 3)), _AAC_HERTZ[index], channels, shared)


def mp3_frame(data: bytes, at: int) -> Frame | None:
    """The MPEG audio frame at `at`, or None: ISO/IEC 11172-3, 2.4.1.3."""
    if len(data) < at + 4 or data[at] != 0xFF:
        return None
    b, c = data[at + 1], data[at + 2]
    version, layer, rate, hertz = (b >> 3) & 3, 4 - ((b >> 1) & 3), c >> 4, (c >> 2) & 3
    if b & 0xE0 != 0xE0 or version == 1 or layer == 4 or rate in {0, 15} or hertz == 3:
        return None
    bits = 1000 * _RATES[version == 3, layer][rate - 1]
    frequency = _HERTZ[hertz] // (4, 0, 2, 1)[version]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1  # bytes
    length = (samples // 8 // slot * bits // frequency + ((c >> 1) & 1)) * slot
    return Frame(length, samples, frequency, 1 if data[at + 3] >> 6 == 3 else 2, bytes((b & 0xFE, c & 0x0C)))


def _debris(data: bytes, at: int) -> bool:
    """Tags that people's programs leave behind the sound: ID3v1, APE, Lyrics3, or padding."""
    if data.startswith((b"TAG", b"APETAGEX", b"LYRICSBEGIN"), at):
        return True
    return data[at] == 0 and not data[at : at + 65536].strip(b"\0")


def count(path: Path, size: int, frame: Callable[[bytes, int], Frame | None]) -> Counted | None:
    """Walk all frames of the file. None when there are none, or when it is larger than 256 MiB."""
    if size > _MAX_COUNTED:
        return None
    data = path.read_bytes()
    at = after_id3(data[:10])
    at += len(data[at : at + 65536]) - len(data[at : at + 65536].lstrip(b"\0"))
    total: dict[int, int] = {}
    shared: bytes | None = None
    damaged = cut = False
    strays = 0
    while (at := _past_id3(data, at)) < len(data):
        found = frame(data, at)
        if shared is None and not chained(data, at, frame, 2):
            found = None  # what looks like a frame in the litter before the first
        if found is None or (shared is not None and found.shared != shared):
            if _debris(data, at):
                break
            damaged = damaged or shared is not None
            strays += 1
            at = data.find(b"\xff", at + 1)
            if at < 0 or strays > _MAX_STRAYS:
                break
            continue
        if at + found.length > len(data):
            cut = True
            break
        shared = found.shared
        total[found.hertz] = total.get(found.hertz, 0) + found.samples
        at += found.length
    if not total:
        return None
    return Counted(sum((Fraction(n, hertz) for hertz, n in total.items()), Fraction(0)), damaged, cut)


def after_id3(head: bytes) -> int:
    """Where the sound begins: behind the ID3v2 tag that `head`, at least 10 bytes, opens (id3.org, 3.1)."""
    if len(head) < 10 or not head.startswith(b"ID3"):
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | (byte & 0x7F)
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _past_id3(data: bytes, at: int) -> int:
    """Behind a tag between frames, as streaming servers put in to tell the time (RFC 8216, 3.4); else `at` itself."""
    return at + after_id3(data[at : at + 10])


def chained(data: bytes, at: int, frame: Callable[[bytes, int], Frame | None], links: int) -> bool:
    """Whether `links` frames of one stream follow each other from `at`, or fewer that end with the data."""
    shared: bytes | None = None
    for n in range(links):
        at = _past_id3(data, at)
        found = frame(data, at)
        if found is None or (shared is not None and found.shared != shared):
            return n > 0 and at == len(data)
        at, shared = at + found.length, found.shared
    return True
