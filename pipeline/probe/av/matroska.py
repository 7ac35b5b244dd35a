"""What PyAV does not tell about a Matroska or WebM file: how its pictures are turned and what is cropped of them.

RFC 8794 (EBML) and RFC 9559, 5.1.4.1.28 (PixelCrop..., Projection). Only the head of the file is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.probe.av.mp4 import Track

_HEAD: Final = 1 << 20  # bytes; the track headers stand before the media data
_SEGMENT, _CLUSTER, _TRACKS, _ENTRY = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
_VIDEO, _PROJECTION, _KIND, _ROLL = 0xE0, 0x7670, 0x7671, 0x7675
_DELAY: Final = 0x56AA  # CodecDelay
_ENCRYPTION: Final = (0x6D80, 0x6240, 0x5035)  # ContentEncodings, ContentEncoding, ContentEncryption
_WIDTH, _HEIGHT = (0xB0, 0x54CC, 0x54DD), (0xBA, 0x54BB, 0x54AA)  # the length, what is cropped before and after


def number(data: bytes, at: int, *, marked: bool) -> tuple[int, int] | None:
    """A variable-length number at `at` (RFC 8794, 4), with or without its length mark, and where it ends."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        return None
    value = int.from_bytes(data[at : at + length], "big")
    return (value if marked else value & ((1 << 7 * length) - 1)), at + length


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Identifier, start and end of the contents of each element in `data[at:end]`."""
    while at < end:
        name = number(data, at, marked=True)
        size = number(data, name[1], marked=False) if name else None
        if name is None or size is None:
            return
        yield name[0], size[1], min(end, size[1] + size[0])
        at = size[1] + size[0]


def read_tracks(path: Path) -> dict[int, Track]:
    """The tracks of which there is something to tell, by their place among all, which is FFmpeg's stream index."""
    with path.open("rb") as file:
        data = file.read(_HEAD)
    for name, start, end in _elements(data, 0, len(data)):
        if name != _SEGMENT:
            continue
        for part, at, stop in _elements(data, start, end):
            if part == _TRACKS:
                entries = [e for e in _elements(data, at, stop) if e[0] == _ENTRY]
                return {n: t for n, e in enumerate(entries) if (t := _track(data, e[1], e[2]))}
            if part == _CLUSTER:
                break
    return {}


def _track(data: bytes, at: int, end: int) -> Track | None:
    turned, clean, encrypted = _turned(data, at, end), _clean(data, at, end), _encrypted(data, at, end)
    delay = next((int.from_bytes(data[a:e], "big") for name, a, e in _elements(data, at, end) if name == _DELAY), 0)
    if clean is None and not encrypted and not delay:
        return turned
    track = turned or Track(rotation=0)
    track.clean, track.encrypted, track.delay = clean, encrypted, delay
    return track


def _inside(data: bytes, at: int, end: int, *path: int) -> tuple[int, int] | None:
    """Where the contents of the element at the end of this path are, each the first of its name."""
    for wanted in path:
        inner = next(((a, e) for name, a, e in _elements(data, at, end) if name == wanted), None)
        if inner is None:
            return None
        at, end = inner
    return at, end


def _encrypted(data: bytes, at: int, end: int) -> bool:
    """Whether one of the track's content encodings is an encryption."""
    return _inside(data, at, end, *_ENCRYPTION) is not None


def _clean(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    inner = _inside(data, at, end, _VIDEO)
    if inner is None:
        return None
    values = {name: int.from_bytes(data[a:e], "big") for name, a, e in _elements(data, *inner) if e - a <= 8}
    if not any(values.get(name) for name in (*_WIDTH[1:], *_HEIGHT[1:])):
        return None
    left = [values.get(names[0], 0) - sum(values.get(name, 0) for name in names[1:]) for names in (_WIDTH, _HEIGHT)]
    return (left[0], left[1]) if min(left) > 0 else None


def _turned(data: bytes, at: int, end: int) -> Track | None:
    inner = _inside(data, at, end, _VIDEO, _PROJECTION)
    if inner is None:
        return None
    values = {name: data[a:e] for name, a, e in _elements(data, *inner)}
    roll = values.get(_ROLL, b"")
    if any(values.get(_KIND, b"")) or len(roll) not in {4, 8}:  # spheres are not turned but looked around in
        return None
    degrees = struct.unpack(">d" if len(roll) == 8 else ">f", roll)[0]
    if not -360 <= degrees <= 360:  # infinite or no number
        return Track()
    quarter = round(degrees / 90)
    return Track(rotation=-quarter * 90 % 360 if abs(degrees - quarter * 90) < 1 else None)
