"""What the first bytes of a recording say about it; for recordings inside packages, which are never unpacked.

Rates, channels and lengths only. WAV is read in full; of MP3, AAC and FLAC what their headers hold.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Final

from pipeline.model.facts import AudioStream

_PCM: Final = {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"}
_FLOAT: Final = {32: "pcm_f32le", 64: "pcm_f64le"}
# Format tags of RFC 2361; ffmpeg's names.
_TAGS: Final = {2: "adpcm_ms", 6: "pcm_alaw", 7: "pcm_mulaw", 0x11: "adpcm_ima_wav", 0x55: "mp3"}
_EXTENSIBLE: Final = 0xFFFE
_ADTS_HERTZ: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_MP3_HERTZ: Final = (44100, 48000, 32000)
_LAYOUTS: Final = {1: "mono", 2: "stereo"}


def sound(format_: str | None, head: bytes, size: int) -> AudioStream | None:
    """The stream of a recording of `size` bytes that begins with `head`; None when that does not say."""
    readers = {"wav": wav, "mp3": _mp3, "aac": _adts, "flac": _flac}
    reader = readers.get(format_ or "")
    return reader(head, size) if reader else None


def wav(head: bytes, size: int) -> AudioStream | None:
    """RIFF WAVE (and RF64): format, and length from the sound data that is really there.

    A data chunk that claims more than the file holds is counted as far as the file goes.
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
            stated = wide if length == 0xFFFFFFFF and wide is not None else length
            return _wav_stream(form, min(stated, size - body), samples if stated <= size - body else None)
        at = body + length + (length & 1)
    return _wav_stream(form, None, None)


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


def _after_id3(head: bytes) -> int:
    """Where sound begins after an ID3v2 tag (id3.org, 3.1); 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | (byte & 0x7F)
    return size + 10 + (10 if head[5] & 0x10 else 0)


def _mp3(head: bytes, _: int) -> AudioStream | None:
    """Rate and channels of the first frame (ISO/IEC 11172-3 2.4.2.3); its length needs the whole file."""
    at = head.find(b"\xff", _after_id3(head))
    while 0 <= at <= len(head) - 4:
        b, c, d = head[at + 1 : at + 4]
        version, layer, hertz = (b >> 3) & 3, (b >> 1) & 3, (c >> 2) & 3
        if b & 0xE0 == 0xE0 and version != 1 and layer and hertz != 3 and c >> 4 not in {0, 15}:
            rate = _MP3_HERTZ[hertz] // {3: 1, 2: 2, 0: 4}[version]
            channels = 1 if d >> 6 == 3 else 2
            layout = _LAYOUTS[channels]
            return AudioStream(index=0, codec="mp3", sample_rate=rate, channels=channels, layout=layout)
        at = head.find(b"\xff", at + 1)
    return None


def _adts(head: bytes, _: int) -> AudioStream | None:
    """Rate and channels of the first frame (ISO/IEC 14496-3, 1.A.2.2)."""
    at = _after_id3(head)
    if len(head) < at + 4 or head[at] != 0xFF:
        return None
    hertz, channels = (head[at + 2] >> 2) & 15, (head[at + 2] & 1) << 2 | head[at + 3] >> 6
    return AudioStream(
        index=0,
        codec="aac",
        sample_rate=_ADTS_HERTZ[hertz] if hertz < len(_ADTS_HERTZ) else None,
        channels=channels or None,
        layout=_LAYOUTS.get(channels),
    )


def _flac(head: bytes, _: int) -> AudioStream | None:
    """STREAMINFO (RFC 9639, 8.2)."""
    at = _after_id3(head)
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
