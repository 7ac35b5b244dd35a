"""What the first bytes of a recording say about it; for recordings inside packages, which are never unpacked.

Rates, channels and lengths only. WAV is read in full; of MP3, AAC and FLAC what their headers hold. And whether what a
WAV says of its own sizes is so: players that are lenient play it all, strict ones nothing, half or thirteen hours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.model.facts import AudioStream, Stated
from pipeline.probe.sniff.mpeg_audio import Frame, adts_frame, after_id3, mp3_frame

_PCM: Final = {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"}
_FLOAT: Final = {32: "pcm_f32le", 64: "pcm_f64le"}
# Format tags of RFC 2361; ffmpeg's names.
_TAGS: Final = {2: "adpcm_ms", 6: "pcm_alaw", 7: "pcm_mulaw", 0x11: "adpcm_ima_wav", 0x55: "mp3"}
_EXTENSIBLE: Final = 0xFFFE
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
_WIDE: Final = 0xFFFFFFFF  # a size that the `ds64` chunk holds, or that whoever wrote to a pipe did not know
_CHUNKS: Final = 1000  # of one file that are followed
_TAGS_BEHIND: Final = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN", b"\0\0\0\0", b"<?xml", b"<x:xmpm")
_MUCH: Final = Fraction(1, 10)  # seconds of bytes behind the end that are sound


def sound(format_: str | None, head: bytes, size: int) -> AudioStream | None:
    """The stream of a recording of `size` bytes that begins with `head`; None when that does not say."""
    readers: dict[str, Callable[[bytes, int], AudioStream | None]] = {
        "wav": wav,
        "mp3": _mp3,
        "aac": _adts,
        "flac": _flac,
    }
    reader = readers.get(format_ or "")
    return reader(head, size) if reader else None


def wav(head: bytes, size: int, *, to_the_end: bool = False) -> AudioStream | None:
    """RIFF WAVE (and RF64): format, and length from the sound data that is really there.

    A data chunk that claims more than the file holds is counted as far as the file goes, and every one `to_the_end`.
    """
    if head[8:12] != b"WAVE" or head[:4] not in {b"RIFF", b"RF64", b"BW64"}:
        return None
    at, form, wide, samples = 12, b"", None, None
    while at + 8 <= len(head):
        name, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        body = at + 8
        if name == b"ds64" and len(head) >= body + 16:  # EBU Tech 3306, 3.5
            wide = int.from_bytes(head[body + 8 : body + 16], "little")
        elif name == b"fmt ":
            form = head[body : body + min(length, 64)]
        elif name == b"fact" and len(head) >= body + 4:
            samples = int.from_bytes(head[body : body + 4], "little")
        elif name == b"data":
            stated = size if to_the_end else wide if length == _WIDE and wide is not None else length
            return _wav_stream(form, min(stated, size - body), samples if stated <= size - body else None)
        at = body + length + (length & 1)
    return _wav_stream(form, None, None)


def sizes(path: Path) -> Stated | None:
    """Whether the sizes in the header of a WAV (RIFF, data, blocks) are those of the file. None: it is no RIFF WAVE.

    RF64 and BW64 (EBU Tech 3306) are for what is larger than 4 GiB; a smaller file is not open to every player.
    Raises OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(12)
        if head[8:] != b"WAVE" or head[:4] not in {b"RIFF", b"RF64", b"BW64"}:
            return None
        announced, at, form, wide = int.from_bytes(head[4:8], "little"), 12, b"", None
        for _ in range(_CHUNKS):
            file.seek(at)
            name = file.read(4)
            length = int.from_bytes(file.read(4), "little")
            if name == b"data":
                end = at + 8 + (wide if length == _WIDE and wide is not None else length)
                if length == _WIDE and wide is not None:
                    return Stated.TRUE if size > _WIDE and end <= size else Stated.UNTRUE
                if end > size or (not length and size > end + 1):
                    return Stated.UNTRUE
                if not _followed(file, end + (end & 1), size) and _sound_behind(file, end, size, form):
                    return Stated.SHORT
                agreed = head[:4] == b"RIFF" and _blocks(form) and end <= announced + 8 <= size + 1
                return Stated.TRUE if agreed else Stated.UNTRUE
            if name == b"ds64":
                wide = int.from_bytes(file.read(16)[8:], "little")
            elif name == b"fmt ":
                form = file.read(min(length, 64))
            at += 8 + length + (length & 1)
            if len(name) < 4:
                break
    return None


def _followed(file: BinaryIO, at: int, size: int) -> bool:
    """Whether chunks follow each other from here to the end."""
    for _ in range(_CHUNKS):
        if at >= size - 1:
            return at <= size + 1
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or not all(0x20 <= one < 0x7F for one in head[:4]):
            return False
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + (length & 1)
    return False


def _sound_behind(file: BinaryIO, end: int, size: int, form: bytes) -> bool:
    """Whether what lies behind the end that the header gives can be nothing but more of the sound."""
    file.seek(end)
    speed = int.from_bytes(form[8:12], "little")
    return size - end > _MUCH * speed and not file.read(16).startswith(_TAGS_BEHIND)


def _blocks(form: bytes) -> bool:
    """Whether blocks and bytes in a second are those of such samples, of PCM."""
    if len(form) < 16:
        return False
    tag, channels, rate, speed, block, bits = struct.unpack_from("<HHIIHH", form)
    return tag not in {1, 3} or (block == channels * -(-bits // 8) and speed == rate * block)


def _wav_stream(form: bytes, data: int | None, samples: int | None) -> AudioStream | None:
    if len(form) < 16:
        return None
    tag, channels, rate, speed, block, bits = struct.unpack_from("<HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag = int.from_bytes(form[24:26], "little")
    codec = _PCM.get(bits) if tag == 1 else _FLOAT.get(bits) if tag == 3 else _TAGS.get(tag)
    pcm = tag in {1, 3, 6, 7}
    duration = None
    if data is not None and rate:
        if pcm and block:
            duration = Fraction(data // block, rate)
        elif samples:
            duration = Fraction(samples, rate)
        elif speed:
            duration = Fraction(data, speed)
    return AudioStream(
        index=0,
        codec=codec,
        sample_rate=rate or None,
        channels=channels or None,
        layout=_LAYOUTS.get(channels),
        bit_depth=bits if tag in {1, 3} else None,
        duration=duration,
        bit_rate=speed * 8 or None,
    )


def _mp3(head: bytes, _: int) -> AudioStream | None:
    """Rate and channels of the first frame; its length needs the whole file."""
    at = head.find(b"\xff", after_id3(head))
    while at >= 0:
        if frame := mp3_frame(head, at):
            return _coded("mp3", frame)
        at = head.find(b"\xff", at + 1)
    return None


def _adts(head: bytes, _: int) -> AudioStream | None:
    """Rate and channels of the first frame."""
    frame = adts_frame(head, after_id3(head))
    return _coded("aac", frame) if frame else None


def _coded(codec: str, frame: Frame) -> AudioStream:
    channels = frame.channels or None
    layout = _LAYOUTS.get(frame.channels)
    return AudioStream(index=0, codec=codec, sample_rate=frame.hertz, channels=channels, layout=layout)


def _flac(head: bytes, _: int) -> AudioStream | None:
    """STREAMINFO (RFC 9639, 8.2)."""
    at = after_id3(head)
    if head[at : at + 4] != b"fLaC" or len(head) < at + 26:
        return None
    packed = int.from_bytes(head[at + 18 : at + 26], "big")
    rate, channels = packed >> 44, (packed >> 41 & 7) + 1
    samples = packed & ((1 << 36) - 1)
    return AudioStream(
        index=0,
        codec="flac",
        sample_rate=rate or None,
        channels=channels,
        layout=_LAYOUTS.get(channels),
        bit_depth=(packed >> 36 & 31) + 1,
        duration=Fraction(samples, rate) if samples and rate else None,
    )
