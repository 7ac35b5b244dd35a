"""What a file is, is told by its bytes; its name has no say."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import Unreadable
from pipeline.model.facts import Kind
from pipeline.probe import probe
from pipeline.probe.sniff import sniff, sniff_head


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(body)) + b"ftyp" + body


def zipped(*names: str, first: tuple[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        if first:
            package.writestr(*first)
        for name in names:
            package.writestr(name, "x")
    return buffer.getvalue()


def compound(*names: str) -> bytes:
    """The smallest OLE compound file: header, one table sector, two directory sectors linked by the table."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHH", head, 26, 3, 0xFFFE, 9)
    struct.pack_into("<I", head, 48, 1)
    struct.pack_into("<109I", head, 76, 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128I", 0xFFFFFFFD, 3, 0xFFFFFFFF, 0xFFFFFFFE, *[0xFFFFFFFF] * 124)
    entries = []
    for name in ("Root Entry", "a", "b", "c", *names):
        words = (name + "\0").encode("utf-16-le")
        entries.append(words.ljust(64, b"\0") + struct.pack("<H", len(words)) + bytes(62))
    directory = b"".join(entries).ljust(1024, b"\0")
    # Sector 2 is not part of the directory: only the table says that it goes on in sector 3.
    return bytes(head) + table + directory[:512] + bytes(512) + directory[512:]


MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes
ADTS_FRAME = b"\xff\xf1\x4c\x40\x02\x1f\xfc" + bytes(9)  # 48 kHz, 16 bytes
ID3 = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
SCRIPT = "大家好，欢迎收看今天的节目。\n"

MEDIA = [
    ("mp4", Kind.VIDEO, ftyp(b"isom", b"isom", b"avc1")),
    ("mp4", Kind.VIDEO, ftyp(b"mp42")),
    ("m4v", Kind.VIDEO, ftyp(b"M4V ")),
    ("m4a", Kind.AUDIO, ftyp(b"M4A ")),
    ("mov", Kind.VIDEO, ftyp(b"qt  ")),
    ("mov", Kind.VIDEO, struct.pack(">I4s", 8, b"wide") + struct.pack(">I4s", 8, b"mdat")),
    ("3gp", Kind.VIDEO, ftyp(b"3gp5")),
    ("webm", Kind.VIDEO, b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"),
    ("mkv", Kind.VIDEO, b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska"),
    ("avi", Kind.VIDEO, b"RIFF\0\x10\0\0AVI LIST"),
    ("flv", Kind.VIDEO, b"FLV\x01\x05\0\0\0\x09\0\0\0\0"),
    ("asf", Kind.VIDEO, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
    ("mpegts", Kind.VIDEO, (b"G" + bytes(187)) * 6),
    ("mpegts", Kind.VIDEO, (bytes(4) + b"G" + bytes(187)) * 6),
    ("mpeg", Kind.VIDEO, b"\0\0\x01\xba\x44"),
    ("wav", Kind.AUDIO, b"RIFF\0\x10\0\0WAVEfmt "),
    ("wav", Kind.AUDIO, b"RF64\xff\xff\xff\xffWAVEds64"),
    ("mp3", Kind.AUDIO, MP3_FRAME * 4),
    ("mp3", Kind.AUDIO, ID3 + MP3_FRAME * 4),
    ("mp3", Kind.AUDIO, b"debris" + MP3_FRAME * 4),
    ("aac", Kind.AUDIO, ADTS_FRAME * 4),
    ("aac", Kind.AUDIO, ID3 + ADTS_FRAME * 4),
    ("flac", Kind.AUDIO, b"fLaC\0\0\0\x22"),
    ("flac", Kind.AUDIO, ID3 + b"fLaC\0\0\0\x22"),
    ("ape", Kind.AUDIO, ID3 + b"MAC \x96\x0f\0\0"),
    ("ogg", Kind.AUDIO, b"OggS\0\x02"),
    ("aiff", Kind.AUDIO, b"FORM\0\0\x10\0AIFFCOMM"),
    ("amr", Kind.AUDIO, b"#!AMR\n"),
]
PICTURES = [
    ("jpeg", Kind.IMAGE, b"\xff\xd8\xff\xe0"),
    ("png", Kind.IMAGE, b"\x89PNG\r\n\x1a\n"),
    ("gif", Kind.IMAGE, b"GIF89a"),
    ("bmp", Kind.IMAGE, b"BM" + bytes(12) + struct.pack("<I", 40) + bytes(36)),
    ("webp", Kind.IMAGE, b"RIFF\0\x10\0\0WEBPVP8 "),
    ("tiff", Kind.IMAGE, b"II*\0\x08\0\0\0"),
    ("tiff", Kind.IMAGE, b"MM\0*\0\0\0\x08"),
    ("avif", Kind.IMAGE, ftyp(b"avif")),
    ("avif", Kind.IMAGE, ftyp(b"mif1", b"mif1", b"avif")),
    ("heif", Kind.IMAGE, ftyp(b"heic")),
    ("heif", Kind.IMAGE, ftyp(b"mif1", b"heic")),
    ("psd", Kind.IMAGE, b"8BPS\0\x01"),
    ("svg", Kind.IMAGE, b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("svg", Kind.IMAGE, b'<svg width="1" height="1"/>'),
]
PACKAGES = [
    ("pdf", Kind.SLIDES, b"%PDF-1.7\n"),
    ("pdf", Kind.SLIDES, b"\xef\xbb\xbf%PDF-1.7\n"),
    ("pptx", Kind.SLIDES, zipped("[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml")),
    ("docx", Kind.TEXT, zipped("[Content_Types].xml", "word/document.xml")),
    ("xlsx", Kind.TEXT, zipped("[Content_Types].xml", "xl/workbook.xml")),
    (
        "odp",
        Kind.SLIDES,
        zipped("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.presentation")),
    ),
    ("zip", Kind.ARCHIVE, zipped("0.wav", "0.txt")),
    ("zip", Kind.ARCHIVE, zipped("inner/[Content_Types].xml", "inner/ppt/presentation.xml")),
    ("zip", Kind.ARCHIVE, zipped()),
    ("zip", Kind.ARCHIVE, zipped("0.wav", "1.wav")[:40]),
    ("ppt", Kind.SLIDES, compound("PowerPoint Document")),
    ("pptx", Kind.SLIDES, compound("EncryptionInfo", "EncryptedPackage")),
    ("doc", Kind.UNKNOWN, compound("WordDocument")),
    ("mxf", Kind.UNKNOWN, bytes.fromhex("060e2b34020501010d0102010102") + b"\x01\0"),
    ("rar", Kind.UNKNOWN, b"Rar!\x1a\x07\x01\0"),
]
TEXTS = [
    ("plain", Kind.TEXT, SCRIPT.encode()),
    ("plain", Kind.TEXT, SCRIPT.encode("utf-8-sig")),
    ("plain", Kind.TEXT, SCRIPT.encode("utf-16")),
    ("plain", Kind.TEXT, "Hello, 大家".encode("utf-16-le")),
    ("plain", Kind.TEXT, SCRIPT.encode("gbk")),
    ("plain", Kind.TEXT, ("好" * 30000).encode()),  # longer than the window, which ends inside a character
    ("ssml", Kind.TEXT, b"<speak>Hello</speak>"),
    ("ssml", Kind.TEXT, b'Hello <break time="500ms"/> world'),
    ("plain", Kind.TEXT, b"a < b and b > c"),
    ("srt", Kind.SUBTITLE, b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n"),
    ("srt", Kind.SUBTITLE, "1\n00:00:01,000 --> 00:00:02,000\n你好\n".encode("gbk")),
    ("vtt", Kind.SUBTITLE, b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"),
    ("html", Kind.TEXT, b"<!DOCTYPE html>\n<html><body>404</body></html>"),
    ("html", Kind.TEXT, b"\n  <html><head>"),
    ("hls", Kind.TEXT, b"#EXTM3U\n#EXTINF:2,\nneighbour.ts\n"),
    ("ffconcat", Kind.TEXT, b"ffconcat version 1.0\nfile neighbour.mp4\n"),
    ("dash", Kind.TEXT, b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
    ("sdp", Kind.TEXT, b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"),
    ("ass", Kind.SUBTITLE, b"[Script Info]\nTitle: x\n"),
]


@pytest.mark.parametrize(
    ("format_", "kind", "data"),
    MEDIA + PICTURES + PACKAGES + TEXTS,
    ids=lambda value: str(value) if not isinstance(value, bytes) else "",
)
def test_content_decides(format_: str, kind: Kind, data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"  # the same name for all
    file.write_bytes(data)
    assert sniff(file) == (kind, format_)


# What follows an ID3 tag stands behind the first bytes: only the file itself tells.
UNTAGGED = [row for row in MEDIA + PICTURES + TEXTS if not row[2].startswith(b"ID3")]


@pytest.mark.parametrize(("format_", "kind", "data"), UNTAGGED, ids=lambda value: str(value)[:12])
def test_first_bytes_are_enough_for_entries_of_a_package(format_: str, kind: Kind, data: bytes) -> None:
    assert sniff_head(data[:65536]) == (kind, format_)


def test_first_bytes_of_packages_say_only_zip_or_ole() -> None:
    assert sniff_head(zipped("[Content_Types].xml", "ppt/presentation.xml")) == (Kind.ARCHIVE, "zip")
    assert sniff_head(compound("PowerPoint Document")) == (Kind.UNKNOWN, "ole")


@pytest.mark.parametrize(
    "data",
    [
        bytes((n * n * 31 + 7) % 257 % 256 for n in range(4096)),
        b"\0" * 4096,
        b"\xff" * 4096,
        b"BM, said the text file\x01",
        b"PK\x03",
        b"\x1a\x45\xdf\xa3" + bytes(64),
        b"plain words, then a control character \x02",
        b"\xff\xfb\x90\x00" + bytes(100),  # one MP3 header and no frame
    ],
    ids=["noise", "zeros", "ones", "not a bitmap", "half a mark", "nameless EBML", "control", "lone header"],
)
def test_what_is_nothing_known_is_unknown(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(data)
    assert sniff(file) == (Kind.UNKNOWN, None)
    info = probe(file)
    assert (info.kind, info.container, info.size, info.extension) == (Kind.UNKNOWN, None, len(data), "mp4")


def test_a_known_format_that_nothing_reads_is_named(tmp_path: Path) -> None:
    file = tmp_path / "voices.zip"
    file.write_bytes(b"Rar!\x1a\x07\x01\0")
    assert (probe(file).kind, probe(file).container) == (Kind.UNKNOWN, "rar")


def test_an_empty_file_is_refused_with_advice(tmp_path: Path) -> None:
    file = tmp_path / "empty.mp4"
    file.touch()
    with pytest.raises(Unreadable, match=r"empty\.mp4 is empty .* Send the file again"):
        sniff(file)


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "absent.mp4"):
        with pytest.raises(Unreadable, match="not a regular file"):
            sniff(path)


def test_a_directory_chain_that_loops_ends(tmp_path: Path) -> None:
    data = bytearray(compound("x"))
    struct.pack_into("<I", data, 512 + 4, 1)  # sector 1 goes on in sector 1
    file = tmp_path / "loop.ppt"
    file.write_bytes(data)
    assert sniff(file) == (Kind.UNKNOWN, "ole")
