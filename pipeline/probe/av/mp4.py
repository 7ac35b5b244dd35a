"""The boxes of an MP4, MOV, M4A or 3GP file: order, track headers, timing tables and missing bytes.

What FFmpeg reads from them it does not tell through PyAV: rotation, whether the index comes first, how even
the frame durations are, whether media data are missing at the end. ISO/IEC 14496-12. Only `moov` is read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

_MAX_TOP: Final = 20_000  # top-level boxes; a day of one-second fragments has twice as many, and is not whole
_MAX_MOOV: Final = 64 << 20  # bytes; a moov of two hours of video and sound takes about 5 MiB
_MAX_MOOF: Final = 1 << 20  # bytes of one fragment's head; of a second of video and sound about 1 kB
_MAX_RUNS: Final = 200_000  # entries of one timing table that are looked at
# ISO/IEC 14496-12, 8.12: the codec's own name is inside; the last four are those of FairPlay.
_LOCKED: Final = frozenset({b"encv", b"enca", b"drmi", b"drms", b"drmt", b"drmv"})
_FRAME_EPSILON: Final = Fraction(1, 1000)


@dataclass(slots=True)
class Track:
    """One `trak`."""

    rotation: int | None = None  # degrees clockwise; None when it is no multiple of 90
    mirrored: bool = False
    frame_rate: Fraction | None = None  # frames per second, when all frames but the last last equally long
    variable: bool | None = None
    at_once: bool = False  # all frames have one time
    stated: tuple[int, int] | None = None  # width and height by the container's own account
    encrypted: bool = False
    clean: tuple[int, int] | None = None  # width and height that a cropping rectangle leaves of the coded picture
    delay: int = 0  # nanoseconds of sound at its start that a decoder throws away
    dolby_vision: str | None = None  # "8.4": profile, and what the base layer is compatible with


@dataclass(slots=True)
class Boxes:
    """What the box structure says."""

    brand: str | None = None
    moov: bool = False  # there is one, and it is whole
    faststart: bool | None = None  # moov before the first mdat; None without one of them
    missing: int = 0  # bytes that the last box announces and the file does not have
    tracks: dict[int, Track] = field(default_factory=dict)  # by track_ID
    index: int = 0  # entries of its index that cost no byte each: of one track's offsets (`ctts`), and of all fragments


def read_boxes(path: Path, size: int) -> Boxes:
    """Walk the file at `path`, `size` bytes long. Damage never raises: it shows in the fields."""
    found = Boxes()
    moov_at = mdat_at = None
    with path.open("rb", buffering=4096) as file:
        at = 0
        for _ in range(_MAX_TOP):
            if at + 8 > size:
                break
            file.seek(at)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            start = 8
            if length == 1 and len(head) == 16:
                length, start = int.from_bytes(head[8:], "big"), 16
            elif length == 0:  # up to the end of the file
                length = size - at
            if length < start or not name.isalnum():
                break  # not a box but padding or foreign bytes after the last one
            found.missing = max(0, at + length - size)
            if name == b"moov" and moov_at is None:
                moov_at = at
                found.moov = found.missing == 0
                if found.moov and length <= _MAX_MOOV:
                    file.seek(at + start)
                    _movie(file.read(length - start), found)
            elif name == b"moof" and found.missing == 0 and length <= _MAX_MOOF:
                file.seek(at + start)
                found.index += _fragment(file.read(length - start))
            elif name == b"mdat" and mdat_at is None:
                mdat_at = at
            elif name == b"ftyp" and found.brand is None:
                file.seek(at + start)
                major = file.read(min(length - start, 4)).decode("latin-1")
                found.brand = major.strip(" \0") or None if len(major) == 4 else None
            at += length
    if moov_at is not None and mdat_at is not None:
        found.faststart = moov_at < mdat_at
    return found


def _children(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the contents of each box in `data[at:end]`."""
    while at + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, at)
        start = 8
        if length == 1 and at + 16 <= end:
            length, start = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = end - at
        if length < start or at + length > end:
            return
        yield name, at + start, at + length
        at += length


def _movie(data: bytes, found: Boxes) -> None:
    for name, at, end in _children(data, 0, len(data)):
        if name == b"trak":
            _track(data, at, end, found)


def _fragment(data: bytes) -> int:
    """Samples that the runs of a fragment state (`trun`, 8.8.8): where all are alike, none of them costs a byte."""
    return sum(
        int.from_bytes(data[start + 4 : start + 8], "big")
        for name, at, end in _children(data, 0, len(data))
        if name == b"traf"
        for inner, start, stop in _children(data, at, end)
        if inner == b"trun" and stop - start >= 8
    )


def _track(data: bytes, at: int, end: int, found: Boxes) -> None:
    track = Track()
    number: int | None = None
    scale = 0
    table: tuple[int, int] | None = None
    pending = [(at, end)]
    while pending:
        for name, start, stop in _children(data, *pending.pop()):
            if name in {b"mdia", b"minf", b"stbl"}:
                pending.append((start, stop))
            elif name == b"tkhd" and stop - start >= 84:
                # Version 1 has 64-bit times: two before the track_ID, three before the matrix.
                id_at, matrix_at = (20, 52) if data[start] == 1 else (12, 40)
                (number,) = struct.unpack_from(">I", data, start + id_at)
                _matrix(struct.unpack(">4i", _turns(data, start + matrix_at)), track)
            elif name == b"mdhd" and stop - start >= 24:
                (scale,) = struct.unpack_from(">I", data, start + (20 if data[start] == 1 else 12))
            elif name == b"stts" and stop - start >= 8:
                table = start, stop
            elif name == b"ctts":  # 8.6.1.3: how many samples, and their offset
                counts = struct.iter_unpack(">II", data[start + 8 : start + 8 + (stop - start - 8) // 8 * 8])
                found.index = max(found.index, sum(count for count, _ in counts))
            elif name == b"stsd":
                _entry(data, start + 8, stop, track)
    if table and scale:
        _timing(data, *table, scale, track)
    if number is not None:
        found.tracks[number] = track


def _entry(data: bytes, at: int, end: int, track: Track) -> None:
    """What lies in the first sample entry behind the 78 bytes of a picture's own fields.

    The clean aperture (`clap`, 12.1.4), and the configuration of Dolby Vision (Dolby Vision Streams Within the ISO
    Base Media File Format 2.1, 3.2: after two version bytes 7 bits of profile; 4 bits of base layer compatibility
    at the start of the fifth byte).
    """
    entry = next(_children(data, at, end), None)
    if entry and entry[0] in _LOCKED:
        track.encrypted = True
    if entry and entry[1] + 28 <= entry[2]:
        track.stated = struct.unpack_from(">2H", data, entry[1] + 24)
    for name, start, stop in _children(data, entry[1] + 78, entry[2]) if entry else ():
        if name == b"clap" and stop - start >= 16:
            width, by, height, down = struct.unpack_from(">4I", data, start)
            if by and down and not width % by and not height % down and width and height:
                track.clean = width // by, height // down
        elif name in {b"dvcC", b"dvvC", b"dvwC"} and stop - start >= 5:
            track.dolby_vision = f"{data[start + 2] >> 1}.{data[start + 4] >> 4}"


def _turns(data: bytes, at: int) -> bytes:
    """a, b, c, d of the matrix {a b u, c d v, x y w}."""
    return data[at : at + 8] + data[at + 12 : at + 20]


def _matrix(turns: tuple[int, int, int, int], track: Track) -> None:
    """14496-12, 8.3.2: a point (p, q) is shown at (ap + cq, bp + dq); so b / a is the clockwise tangent."""
    a, b, c, d = turns
    if a * d - b * c == 0:
        track.rotation = 0  # nothing would be seen: players ignore such a matrix
        return
    track.mirrored = a * d - b * c < 0
    angle = math.degrees(math.atan2(b, a))
    quarter = round(angle / 90)
    track.rotation = quarter * 90 % 360 if abs(angle - quarter * 90) < 1 else None


def _timing(data: bytes, start: int, stop: int, scale: int, track: Track) -> None:
    """Frame durations (`stts`, 8.6.1.2). The last frame may last longer or shorter, to end with the sound."""
    count = int.from_bytes(data[start + 4 : start + 8], "big")
    count = min(count, (stop - start - 8) // 8, _MAX_RUNS)
    runs = [(n, ticks) for n, ticks in struct.iter_unpack(">II", data[start + 8 : start + 8 + 8 * count]) if n]
    if not runs:
        return
    frames, ticks = runs[-1]
    runs[-1:] = [(frames - 1, ticks)] if frames > 1 else []
    lengths = {ticks for _, ticks in runs} or {ticks}
    track.at_once = (frames > 1 or runs != []) and lengths == {0}
    spread = Fraction(max(lengths) - min(lengths), scale)
    # One tick of this clock, or of the millisecond clock that the file may have come from, is rounding.
    track.variable = spread > max(Fraction(1, scale), _FRAME_EPSILON)
    if len(lengths) == 1 and (length := lengths.pop()):
        track.frame_rate = Fraction(scale, length)
