"""Files that are not what they claim: empty, cut, damaged, misnamed, or made to mislead."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from samples._pictures import scene
from samples._speech import passage
from samples._tools import Sample, ffmpeg, made, wav_bytes, workdir


def _encoded(args: str, suffix: str) -> bytes:
    with workdir() as folder:
        source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2"]
        ffmpeg(
            *source,
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440",
            "-t",
            "2",
            *args.split(),
            to=folder / f"made{suffix}",
        )
        return (folder / f"made{suffix}").read_bytes()


_H264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac"


@cache
def _mp4(moov_first: bool) -> bytes:
    return _encoded(_H264 + (" -movflags +faststart" if moov_first else ""), ".mp4")


@cache
def _jpeg() -> bytes:
    def save(to: Path) -> None:
        scene(640, 360).save(to, quality=88)

    return made(save, ".jpg")


def _cut(data: bytes, share: float) -> bytes:
    return data[: round(len(data) * share)]


def _garbage(data: bytes) -> bytes:
    """4,000 bytes in the middle replaced by others."""
    middle = len(data) // 2
    return data[:middle] + bytes(n * 73 % 251 for n in range(4000)) + data[middle + 4000 :]


def _bad_exif() -> bytes:
    """A good JPEG after an EXIF block whose directory claims 65,535 entries and points past its end."""
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 0xFFFF) + b"\x12\x01\x03\0" + struct.pack("<II", 0xFFFFFFFF, 6)
    data = _jpeg()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def _png_bomb(side: int) -> bytes:
    """A 1-bit PNG of `side` x `side` black pixels: tiny to send, huge to decode."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row, deflate = bytes(1 + (side + 7) // 8), zlib.compressobj(9)
    pixels = b"".join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


_HTML = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n"
# The playlists name a file beside them, never one of this machine, and nothing on a network.
_HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nneighbour.ts\n#EXT-X-ENDLIST\n"
_CONCAT = b"ffconcat version 1.0\nfile neighbour.mp4\n"

# By name below broken/: the kind claimed, note, contents.
_BROKEN: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "empty.mp4": ("video", "no bytes", bytes),
    "truncated.mp4": ("video", "moov was at the end, and is cut off", lambda: _cut(_mp4(False), 0.6)),
    "half.mp4": ("video", "moov is whole, half of the pictures are missing", lambda: _cut(_mp4(True), 0.5)),
    "garbage.mp4": ("video", "4,000 wrong bytes in the middle", lambda: _garbage(_mp4(True))),
    "truncated.mkv": (
        "video",
        "cut at 60 %, its head still says 2 s",
        lambda: _cut(_encoded(_H264, ".mkv"), 0.6),
    ),
    "truncated.mp3": ("audio", "cut at 60 %", lambda: _cut(_encoded("-vn -c:a libmp3lame", ".mp3"), 0.6)),
    "truncated.wav": (
        "audio",
        "fewer samples than its head says",
        lambda: _cut(wav_bytes(passage(2, 16000), 16000), 0.6),
    ),
    "truncated.jpg": ("image", "cut at 60 %", lambda: _cut(_jpeg(), 0.6)),
    "bad-exif.jpg": ("image", "a good picture after nonsense EXIF", _bad_exif),
    "bomb.png": ("image", "30,000 x 30,000 pixels in about 110 KB", partial(_png_bomb, 30000)),
    "jpeg-named.png": ("image", "a JPEG", _jpeg),
    "mp4-named.mov": ("video", "an MP4 (brand isom)", partial(_mp4, True)),
    "wav-named.mp3": ("audio", "a WAV", lambda: wav_bytes(passage(2, 16000), 16000)),
    "html-named.mp4": ("video", "a web page", lambda: _HTML),
    "hls-named.mp4": ("video", "a playlist that names another file", lambda: _HLS),
    "ffconcat-named.mp4": ("video", "an ffconcat script that names another file", lambda: _CONCAT),
    "text-named.jpg": ("image", "plain text", lambda: b"This is not a picture.\n" * 20),
    "text-named.pptx": ("slides", "plain text", lambda: b"This is not a deck.\n" * 20),
    "zip-named.pptx": ("slides", "a zip without a presentation in it", lambda: b"PK\x05\x06" + bytes(18)),
    "truncated.pdf": (
        "slides",
        "a PDF without its table and trailer",
        lambda: b"%PDF-1.7\n1 0 obj\n<</Type/Catalog",
    ),
    "random.bin": (
        "unknown",
        "4,096 bytes of no format",
        lambda: bytes((n * n * 31 + 7) % 257 % 256 for n in range(4096)),
    ),
    "percent%03d.png": (
        "image",
        "a good PNG whose name is an image-sequence pattern",
        partial(_png_bomb, 64),
    ),
}


def _write(contents: Callable[[], bytes], to: Path) -> None:
    to.write_bytes(contents())


SAMPLES = tuple(
    Sample(f"broken/{name}", kind, note, partial(_write, contents)) for name, (kind, note, contents) in _BROKEN.items()
)
