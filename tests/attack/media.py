"""Media whose headers claim what is not there, or far more than anybody could hold."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tests.attack.table import Attack, Ground, boxes, png, sample, wav

CLAIMS = "a claim costs what was read, not what it says"
LEAST = "what cannot be decoded does not comply"


def _in(film: bytes, kind: bytes, offset: int, value: bytes) -> bytes:
    """A film with bytes overwritten at this offset of the body of its first box of a kind."""
    at = film.index(kind, film.index(b"moov")) + 4 + offset
    return film[:at] + value + film[at + len(value) :]


def _film() -> bytes:
    return sample("video/no-audio.mp4")


def _nested(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = boxes((b"moov", body))
    return boxes((b"ftyp", b"isom\0\0\2\0isom")) + body


def _gif(width: int, height: int, frames: int) -> bytes:
    frame = b"\x21\xf9\4\0\1\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x4c\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame * frames + b";"


def _jpeg(width: int, height: int, scans: int = 1) -> bytes:
    data = sample("images/good.jpeg")
    at = next(data.index(bytes((0xFF, mark))) for mark in (0xC0, 0xC2) if bytes((0xFF, mark)) in data)
    data = data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]
    scan = data.index(b"\xff\xda")
    return data[:scan] + data[scan:-2] * scans + b"\xff\xd9"


def _tiff(*entries: tuple[int, int, int, int], after: int = 0) -> bytes:
    body = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(struct.pack("<HHII", *one) for one in entries)
    return body + struct.pack("<I", after)


def _ebml(*parts: bytes) -> bytes:
    head = b"\x1aE\xdf\xa3\x8b\x42\x82\x88matroska"
    return head + b"".join(parts)


def _bmp(width: int, height: int, bits: int = 24) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(64)


_PIXELS: dict[str, Callable[[], bytes]] = {
    "a PNG of 2^31 pixels a side": lambda: png(2**31 - 1, 2**31 - 1),
    "a PNG of no width": lambda: png(0, 10),
    "a PNG with a text that is a bomb": lambda: png(
        10,
        10,
        (b"zTXt", b"k\0\0" + zlib.compress(bytes(100 << 20))),
        (b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(50 << 20))),
    ),
    "a PNG with a profile that is a bomb": lambda: png(10, 10, (b"iCCP", b"p\0\0" + zlib.compress(bytes(100 << 20)))),
    "a PNG of 60,000 chunks": lambda: png(10, 10, *(((b"tEXt", b"k\0v"),) * 60_000)),
    "a PNG whose chunk is longer than the file": lambda: png(10, 10)[:33] + b"\x7f\xff\xff\xffIDAT" + bytes(99),
    "a PNG that is animated without frames": lambda: png(10, 10, (b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "a GIF of 65,535 a side": lambda: _gif(65535, 65535, 2),
    "a GIF of 30,000 frames": lambda: _gif(2000, 2000, 30_000),
    "a JPEG of 65,535 a side": lambda: _jpeg(65535, 65535),
    "a JPEG of 500 scans": lambda: _jpeg(512, 512, 500),
    "a JPEG whose segment is longer than the file": lambda: b"\xff\xd8\xff\xe1\xff\xffExif\0\0" + bytes(50),
    "a JPEG without a picture": lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 50_000 + b"\xff\xd9",
    "a TIFF that leads to itself": lambda: _tiff((256, 4, 1, 9), (257, 4, 1, 9), after=8),
    "a TIFF with 2^32 values in a field": lambda: _tiff((256, 4, 1, 9), (257, 4, 1, 9), (273, 4, 2**32 - 1, 8)),
    "a TIFF of 2^32 pixels a side": lambda: _tiff((256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1)),
    "a BMP of 2^31 a side": lambda: _bmp(2**31 - 1, -(2**31)),
    "a BMP of 65,535 bits": lambda: _bmp(10, 10, 65535),
    "a WebP whose frame is no frame": lambda: (
        b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\x10\0\0\0" + b"\xff" * 6 + bytes(30)
    ),
    "a HEIF of items that hold themselves": lambda: boxes(
        (b"ftyp", b"heic\0\0\0\0mif1heic"),
        (b"meta", bytes(4) + boxes((b"iref", bytes(4) + boxes((b"dimg", struct.pack(">HHH", 1, 1, 1)))))),
    ),
}
_SOUND: dict[str, Callable[[], bytes]] = {
    "a WAV of no channels": lambda: wav(channels=0),
    "a WAV of 65,535 channels": lambda: wav(channels=65535),
    "a WAV of 738 MHz": lambda: wav(rate=738_000_000),
    "a WAV of 2^32 Hz": lambda: wav(rate=2**32 - 1),
    "a WAV of no rate": lambda: wav(rate=0),
    "a WAV of 65,535 bits": lambda: wav(bits=65535),
    "a WAV of no bits": lambda: wav(bits=0),
    "a WAV without sound": lambda: wav(data=b""),
    "a FLAC of nothing": lambda: b"fLaC\x80\0\0\x22" + b"\xff" * 34,
    "an MP3 behind 256 MB of tags": lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(500),
    "an OGG page after page": lambda: (b"OggS\0\2" + bytes(20) + b"\1\1x") * 20_000,
    "an AAC that never syncs": lambda: b"\xff\xf1" * 50_000,
}
_FILMS: dict[str, Callable[[], bytes]] = {
    "a film with 2^32 samples": lambda: _in(_film(), b"stsz", 8, b"\xff\xff\xff\xf0"),
    "a film with 2^32 times": lambda: _in(_film(), b"stts", 4, b"\xff\xff\xff\xf0"),
    "a film with 2^32 chunks": lambda: _in(_film(), b"stco", 4, b"\xff\xff\xff\xf0"),
    "a film of time scale 0": lambda: _in(_film(), b"mdhd", 12, bytes(4)),
    "a film of 2^32 seconds": lambda: _in(_film(), b"mvhd", 12, b"\0\0\0\1\xff\xff\xff\xff"),
    "a film of no size": lambda: _in(_film(), b"avc1", 24, bytes(4)),
    "a film of 65,535 a side": lambda: _in(_film(), b"avc1", 24, b"\xff" * 4),
    "a film whose pictures are zeros": lambda: _film()[: (at := _film().index(b"mdat") + 4)] + bytes(len(_film()) - at),
    "boxes within boxes": lambda: _nested(5000),
    "a box of 2^63 bytes": lambda: boxes((b"ftyp", b"isom\0\0\2\0isom")) + struct.pack(">I4sQ", 1, b"moov", 2**63 - 1),
    "a box of no size": lambda: boxes((b"ftyp", b"isom\0\0\2\0isom")) + bytes(5000),
    "Matroska without an end": lambda: _ebml(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 200),
    "Matroska with clusters in clusters": lambda: _ebml(
        b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff" * 5000
    ),
    "an AVI whose index lies": lambda: b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrlavih" + b"\xff" * 200,
    "an FLV that goes back": lambda: b"FLV\1\5\0\0\0\x09" + (bytes(4) + b"\x09\xff\xff\xff" + bytes(7)) * 2000,
    "a TS of tables": lambda: (b"\x47\x40\0\x10\0\0\xb0\x0d" + b"\xff" * 180) * 3000,
    "an ASF of nothing": lambda: b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c" + b"\xff" * 500,
}


def _file(name: str, data: Callable[[], bytes]) -> Callable[[Ground], str]:
    return lambda ground: ground.file(name, data())


# What a plain ffmpeg decodes frame by frame all the same, by what stands elsewhere: it is judged by that.
_DECODED = frozenset(
    {
        "a JPEG of 500 scans",
        "a film of 2^32 seconds",
        "a film with 2^32 chunks",
        "a film of time scale 0",
        "a film of no size",
        "a film of 65,535 a side",
    }
)

ATTACKS = tuple(
    Attack(
        CLAIMS if "2^" in name else LEAST,
        name,
        _file(f"a.{ending}", data),
        complies=name in _DECODED,
        quick="bomb" not in name and "60,000" not in name,
    )
    for ending, table in (("png", _PIXELS), ("wav", _SOUND), ("mp4", _FILMS))
    for name, data in table.items()
)
