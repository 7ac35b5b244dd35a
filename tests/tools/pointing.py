"""Films and decks of the binary kind that point elsewhere, made from good ones."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from pipeline.probe.slides.ole import Ole
from pipeline.tools.programs import ffmpeg
from samples.decks import compound_file


def _within(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """The boxes in `data`, with the content of those at `path` changed."""
    made, at = b"", 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        if name == path[0]:
            body = _within(body, path[1:], change) if path[1:] else change(body)
        made += struct.pack(">I4s", len(body) + 8, name) + body
        at += size
    return made


def mov(good: Path, target: Path, place: str) -> Path:
    """A film whose samples lie at `place`: as an address, or as an alias of the old Macintosh where it is a path."""
    if place.startswith("/"):
        tag = struct.pack(">HH", 2, len(place) + 3) + b"Vol" + place.replace("/", ":").encode()
        name = Path(place).name.encode()[:63]
        alias = bytes(10) + b"\3" + b"Vol".ljust(27, b"\0") + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0")
        kind, body = b"alis", alias + bytes(16) + struct.pack(">HH", 1, 1) + bytes(16) + tag + b"\0" * (len(tag) % 2)
        body += b"\xff\xff\0\0"
    else:
        kind, body = b"url ", place.encode() + b"\0"
    entry = struct.pack(">I4sI", len(body) + 12, kind, 0) + body  # flag 1 would say: in this file
    path = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    data = good.read_bytes()
    held = data.index(b"mdat") + 4
    size = int.from_bytes(data[held - 8 : held - 4], "big") - 8
    data = data[:held] + bytes(size) + data[held + size :]  # nothing of it is here
    assert data.rindex(b"moov") > data.rindex(b"mdat"), "places of samples stay right"
    target.write_bytes(_within(data, path, lambda _: struct.pack(">II", 0, 1) + entry))
    return target


def ppt(good: Path, target: Path, place: str) -> Path:
    """A deck of PowerPoint 97 with a linked object in its list ([MS-PPT] 2.10.1, 2.10.29)."""
    with Ole(good) as ole:
        document, current = bytearray(ole.read("PowerPoint Document")), bytearray(ole.read("Current User"))

    def number(at: int) -> int:
        return int.from_bytes(document[at : at + 4], "little")

    def record(kind: int, body: bytes, first: int = 0) -> bytes:
        return struct.pack("<HHI", first, kind, len(body)) + body

    edit = int.from_bytes(current[16:20], "little")
    directory = number(edit + 20)
    fields = [edit + 20]  # what tells where a part begins
    at = directory + 8
    while at < directory + 8 + number(directory + 4):
        count = number(at) >> 20
        fields += range(at + 4, at + 4 + 4 * count, 4)
        at += 4 + 4 * count
    start = min(number(field) for field in fields[1:])
    assert document[start + 2 : start + 4] == b"\xe8\x03", "the document part is the first"
    end = start + 8 + number(start + 4)
    words = place.encode("utf-16-le")
    link = record(0x0FD1, bytes(12)) + record(0x0FC3, struct.pack("<6I", 1, 1, 1, 0, 0, 0), 1)
    link += b"".join(record(0x0FBA, words, instance << 4) for instance in (1, 2, 3))
    objects = record(0x0409, record(0x040A, struct.pack("<I", 1)) + record(0x0FCE, link, 15), 15)
    for field in fields:
        if number(field) >= end:
            document[field : field + 4] = struct.pack("<I", number(field) + len(objects))
    document[start + 4 : start + 8] = struct.pack("<I", number(start + 4) + len(objects))
    document[end:end] = objects
    current[16:20] = struct.pack("<I", edit + len(objects))
    streams = {"Current User": bytes(current), "PowerPoint Document": bytes(document)}
    target.write_bytes(compound_file({name: data.ljust(4096, b"\0") for name, data in streams.items()}))
    return target


def mkv(film: Path, target: Path, subtitles: str) -> Path:
    """A film with subtitles whose styles and fonts are elsewhere."""
    source = target.with_suffix(".ass")
    source.write_text(subtitles, "utf-8")
    words = [ffmpeg(), "-v", "error", "-y", "-i", film, "-i", source, "-map", "0:v", "-map", "1", "-c", "copy", target]
    subprocess.run([str(word) for word in words], check=True)
    return target
