"""Files that claim to be media and are damaged, or hold nothing: made here, of every kind, byte by byte."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from samples.broken import _encoded, _jpeg, _mp4
from samples.decks import pdf_bytes

NOISE = bytes(n * n * 73 % 251 for n in range(20_000))


def wav(tag: int = 1, channels: int = 1, bits: int = 16, block: int | None = None, data: bytes = NOISE) -> bytes:
    """A WAV of 16 kHz whose header says so (RFC 2361)."""
    block = channels * bits // 8 if block is None else block
    form = struct.pack("<HHIIHH", tag, channels, 16_000, (16_000 * block) & 0xFFFFFFFF, block & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _wavs() -> Iterator[tuple[str, bytes]]:
    yield "channels-0", wav(channels=0)
    yield "channels-0-block-2", wav(channels=0, block=2)
    yield "channels-65535", wav(channels=65_535)
    for bits in (0, 255, 65_535):
        yield f"bits-{bits}", wav(bits=bits, block=2)
    yield "float-24", wav(tag=3, bits=24, block=3)
    yield "float-128", wav(tag=3, bits=128, block=16)
    for tag in (0, 0x9999, 0x2000, 0x55):  # none, unknown, AC-3 and MP3 of noise
        yield f"codec-{tag:x}", wav(tag=tag)
    for tag in (0x161, 0xFF):  # of these, decoders make something even of noise
        yield f"noise-{tag:x}", wav(tag=tag)
    yield "no-samples", wav(data=b"")
    yield "one-byte", wav(data=b"x")


def _over(data: bytes, box: bytes, change: bytes, skip: int = 4) -> bytes:
    """Every box of this name with its contents, less the first bytes, written over."""
    at = data.find(box)
    while at >= 0:
        size = int.from_bytes(data[at - 4 : at], "big")
        begin, end = at + 4 + skip, min(at - 4 + size, len(data))
        data = data[:begin] + (change * (end - begin))[: max(0, end - begin)] + data[max(begin, end) :]
        at = data.find(box, at + 4)
    return data


def _mp4s() -> Iterator[tuple[str, bytes]]:
    good = _mp4(moov_first=True)
    for box in (b"stsz", b"stco", b"stsc", b"stts"):
        yield f"{box.decode()}-zeros", _over(good, box, b"\0", 8)
        yield f"{box.decode()}-ones", _over(good, box, b"\0\0\0\x01", 8)
        yield f"{box.decode()}-high", _over(good, box, b"\0\0\x7f\xff", 8)
    for box in (b"avcC", b"esds", b"stsd"):
        yield f"{box.decode()}-noise", _over(good, box, NOISE[:97], 8)
    yield "data-zeros", _over(good, b"mdat", b"\0", 0)
    yield "data-noise", _over(good, b"mdat", NOISE, 0)
    yield "data-later-half", good[: len(good) * 3 // 4] + bytes(len(good) // 8) + good[len(good) * 7 // 8 :]
    yield "codecs-unknown", good.replace(b"avc1", b"zzz1").replace(b"mp4a", b"zzza").replace(b"esds", b"zzds")
    yield "picture-unknown", good.replace(b"avc1", b"zzz1")


def _others() -> Iterator[tuple[str, bytes]]:
    mkv = _encoded("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -an", ".mkv")
    yield "codec.mkv", mkv.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XXX")
    yield "noise.mkv", mkv[:2000] + NOISE[: len(mkv) - 2000]
    for suffix, codec in ((".flac", "flac"), (".ogg", "libvorbis"), (".m4a", "aac"), (".mp3", "libmp3lame")):
        data = _encoded(f"-vn -c:a {codec}", suffix)
        cut = len(data) // 3
        yield f"zeros{suffix}", data[:cut] + bytes(len(data) - cut)
        yield f"cut{suffix}", data[: len(data) // 2]


def _pictures() -> Iterator[tuple[str, bytes]]:
    picture = Image.frombytes("RGB", (80, 60), NOISE[: 80 * 60 * 3])
    for suffix in ("png", "gif", "bmp", "webp", "tiff"):
        held = io.BytesIO()
        picture.save(held, suffix)
        data = held.getvalue()
        yield f"cut.{suffix}", data[: len(data) // 2]
        yield f"zeros.{suffix}", data[:64] + bytes(len(data) - 64)
    yield "cut.jpg", _jpeg()[: len(_jpeg()) // 2]


def _zip(entries: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as out:
        for name, data in entries.items():
            out.writestr(name, data)
    return held.getvalue()


def _rest() -> Iterator[tuple[str, bytes]]:
    pdf = pdf_bytes(1, "a maker")
    yield "no-pages.pdf", pdf.replace(b"/Kids[5 0 R]", b"/Kids[     ]").replace(b"/Count 1", b"/Count 0")
    yield "no-table.pdf", pdf[: len(pdf) // 2]
    yield "mark-only.txt", b"\xef\xbb\xbf"
    yield "blank.txt", b" \n\t \r\n"
    yield "two-encodings.txt", "\u4e2d\u6587".encode() + "\u4e2d\u6587".encode("gbk") + b"\xff\xff\x80"
    yield "empty.ssml", b"<speak></speak>"
    yield "no-cues.srt", b"1\n00:00:01,000 --> \n\n2\nnothing\n\n"
    yield "no-cues.vtt", b"WEBVTT\n\nNOTE nothing\n"
    yield "nothing.zip", _zip({})
    yield "folders.zip", _zip({"a/": b"", "b/": b""})
    yield "silent.zip", _zip({"0.wav": wav(channels=0), "1.wav": wav(bits=0, block=2)})
    good = bytearray(_zip({"0.txt": b"words"}))
    good[good.find(b"words")] ^= 1
    yield "sum.zip", bytes(good)


# Of what begins so, nothing at all can be read: by how it was made.
DEAD = (
    *("channels-", "bits-", "float-", "codec", "no-", "one-byte"),
    *("mark", "blank", "empty", "nothing", "folders", "silent"),
)


def write(folder: Path) -> dict[str, Path]:
    """All of them below a folder, by name."""
    made = {f"{name}.wav": data for name, data in _wavs()} | {f"{name}.mp4": data for name, data in _mp4s()}
    made |= dict(_others()) | dict(_pictures()) | dict(_rest())
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in made}
