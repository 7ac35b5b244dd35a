"""Facts about pictures that no library gives without decoding: profile names, frames, scans, HEIF boxes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Final, Literal, NamedTuple

from pipeline.model.facts import Size

_MAX_META: Final = 1 << 20  # bytes of a HEIF `meta` box or a PNG's EXIF; real ones hold a few kB
_MAX_CHUNKS: Final = 100_000  # of a PNG; encoders write pixels in chunks of 8 kB and more


def profile_name(profile: bytes) -> str:
    """The description in an ICC profile (ICC.1:2010 9.2.41; `desc` of version 2, `mluc` of version 4)."""
    count = int.from_bytes(profile[128:132], "big") if len(profile) >= 132 else 0
    for n in range(min(count, 100)):
        tag = profile[132 + 12 * n : 144 + 12 * n]
        if tag[:4] != b"desc" or len(tag) < 12:
            continue
        offset, size = struct.unpack(">II", tag[4:])
        data = profile[offset : offset + size]
        if data[:4] == b"desc" and len(data) > 12:
            length = int.from_bytes(data[8:12], "big")
            return data[12 : 12 + length].rstrip(b"\0").decode("latin-1")
        if data[:4] == b"mluc" and len(data) >= 28:
            length, start = struct.unpack_from(">II", data, 20)
            return data[start : start + length].decode("utf-16-be", "replace").rstrip("\0")
    return "unnamed profile"


class GifImage(NamedTuple):
    """A frame of a GIF as it is stored."""

    pixels: int
    least: int  # bits of a pixel, from which the codes begin
    codes: bytes  # empty unless asked for
    whole: bool  # the file does not end within it


def gif_images(file: BinaryIO, *, codes: bool = False) -> Iterator[GifImage]:
    """Frames of a GIF by walking its blocks (GIF89a 20 to 26), the last one not whole where the file breaks off.

    A file that ends after a whole frame is whole: only its trailer is missing, which nobody minds.
    """
    broken = GifImage(0, 0, b"", False)

    def table(flags: int) -> None:
        if flags & 0x80:
            file.seek(3 << ((flags & 7) + 1), 1)

    def blocks(kept: list[bytes] | None = None) -> bool:
        while length := file.read(1):
            if length == b"\0":
                return True
            if kept is None:
                file.seek(length[0], 1)
            else:
                kept.append(file.read(length[0]))
        return False

    head = file.read(13)
    if len(head) < 13 or head[:3] != b"GIF":
        yield broken
        return
    table(head[10])
    frames = 0
    while (sort := file.read(1)) != b"\x3b":
        if sort == b"\x21":
            file.seek(1, 1)
            if not blocks():
                yield broken
                return
        elif sort == b"\x2c" and len(place := file.read(9)) == 9:
            table(place[8])
            least = file.read(1)
            kept: list[bytes] | None = [] if codes else None
            whole = blocks(kept)
            pixels = int.from_bytes(place[4:6], "little") * int.from_bytes(place[6:8], "little")
            yield GifImage(pixels, least[0] if least else 0, b"".join(kept or ()), whole)
            frames += 1
        elif not sort and frames:
            return
        else:
            yield broken
            return


def gif_frames(file: BinaryIO, most: int) -> int | None:
    """Frames of a GIF, counted up to `most`; None when cut short."""
    frames = 0
    for image in islice(gif_images(file), most):
        if not image.whole:
            return None
        frames += 1
    return frames


def webp_frames(file: BinaryIO, most: int) -> tuple[Size, int] | None:
    """Canvas and frames of an animated WebP, counted up to `most` (RFC 9649, 2.7.1); None for one that stands still."""
    head = file.read(30)
    if head[12:16] != b"VP8X" or len(head) < 30 or not head[20] & 2:
        return None
    canvas = Size(int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1)
    frames = 0
    while frames < most and len(head := file.read(8)) == 8:
        length = int.from_bytes(head[4:], "little")
        file.seek(length + (length & 1), 1)
        frames += head[:4] == b"ANMF"
    return canvas, frames


def tiff_pages(file: BinaryIO, most: int) -> int | None:
    """Pages of a TIFF or BigTIFF, counted up to `most` by walking its directories (TIFF 6, 2); None when cut short.

    A list that leads back into itself ends there.
    """
    head = file.read(16)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    wide = int.from_bytes(head[2:4], order) == 43
    counted, entry, pointer = (8, 20, 8) if wide else (2, 12, 4)
    at = int.from_bytes(head[8:16] if wide else head[4:8], order)
    seen: set[int] = set()
    while at and at not in seen and len(seen) < most:
        seen.add(at)
        file.seek(at)
        raw = file.read(counted)
        if len(raw) < counted:
            return None
        file.seek(int.from_bytes(raw, order) * entry, 1)
        raw = file.read(pointer)
        at = int.from_bytes(raw, order) if len(raw) == pointer else 0
    return len(seen)


def tiff_packing(file: BinaryIO) -> int | None:
    """The number of how the pixels of the first page are packed (TIFF 6, 3: tag 259); None where it does not say."""
    head = file.read(16)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    wide = int.from_bytes(head[2:4], order) == 43
    counted, entry, value = (8, 20, 12) if wide else (2, 12, 8)
    file.seek(int.from_bytes(head[8:16] if wide else head[4:8], order))
    for _ in range(int.from_bytes(file.read(counted), order)):
        if len(tag := file.read(entry)) < entry:
            break
        if int.from_bytes(tag[:2], order) == 259:
            return int.from_bytes(tag[value : value + 2], order)
    return None


def jpeg_scans(file: BinaryIO, most: int) -> int:
    """Scans of a JPEG, counted up to `most` by their markers (ITU-T T.81 B.2.3), previews inside it included."""
    file.seek(0)
    scans, last = 0, b""
    while scans < most and (block := file.read(1 << 20)):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    return min(scans, most)


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bool]]:
    """Chunks of a PNG to its end: type, content, whether its checksum holds (PNG 3, 5.3); cut short, it does not."""
    file.seek(8)
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            return
        content = file.read(length)
        yield kind, content, file.read(4) == zlib.crc32(kind + content).to_bytes(4, "big")


def png_colour(file: BinaryIO) -> dict[bytes, bytes]:
    """Of a PNG the chunks that say what its numbers mean: IHDR, cICP, gAMA, cHRM and sRGB, all before its pixels."""
    found: dict[bytes, bytes] = {}
    file.seek(8)
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind in {b"IDAT", b"IEND"}:
            break
        if kind in {b"IHDR", b"cICP", b"gAMA", b"cHRM", b"sRGB"} and length <= 768:
            found[kind] = file.read(length)
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)
    return found


def png_tail(file: BinaryIO) -> tuple[bytes | None, bytes]:
    """EXIF and XMP of a PNG that stand after its pixels, where Pillow looks only once it has decoded.

    The content of `eXIf` (PNG 3, 11.3.3.4), None without one, and of XMP's `iTXt`, empty without one.
    """
    file.seek(8)
    exif, xmp, after = None, b"", False
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            break
        after = after or kind == b"IDAT"
        if after and length <= _MAX_META and kind in {b"eXIf", b"iTXt"}:
            content = file.read(length)
            exif = content if kind == b"eXIf" else exif
            xmp = content if kind == b"iTXt" and content.startswith(b"XML:com.adobe.xmp") else xmp
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)
    return exif, xmp


class Heif(NamedTuple):
    """The main picture of a HEIC or AVIF file."""

    stored: Size
    size: Size  # after its own rotation
    bit_depth: int | None
    alpha: bool


def boxes(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Boxes as (type, content), ISO/IEC 14496-12 4.2."""
    at = start
    while at + 8 <= len(data):
        length, head = int.from_bytes(data[at : at + 4], "big"), 8
        if length == 1 and at + 16 <= len(data):
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = len(data) - at
        if length < head:
            return
        yield data[at + 4 : at + 8], data[at + head : at + length]
        at += length


def associations(data: bytes) -> dict[int, list[int]]:
    """Item to its properties, counted from 1 (`ipma`, ISO/IEC 23008-12 9.3)."""
    out: dict[int, list[int]] = {}
    version, flags = data[0], data[3] & 1
    count, at = int.from_bytes(data[4:8], "big"), 8
    for _ in range(min(count, 10_000)):
        wide = 4 if version else 2
        item, many = int.from_bytes(data[at : at + wide], "big"), data[at + wide]
        at += wide + 1
        for _ in range(many):
            step = 2 if flags else 1
            out.setdefault(item, []).append(int.from_bytes(data[at : at + step], "big") & (0x7FFF if flags else 0x7F))
            at += step
    return out


def heif_meta(file: BinaryIO) -> bytes | None:
    """What a HEIC or AVIF says of its pictures: the content of its `meta` box; None without one near the start."""
    for _ in range(16):
        head = file.read(8)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or length < 8:
            return None
        if head[4:] == b"meta":
            return file.read(min(length - 8, _MAX_META))
        file.seek(length - 8, 1)
    return None


def _main(file: BinaryIO) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    """Properties of the main picture, and of all of them; none where they do not hold together."""
    main, properties, links = 0, [], {}
    try:
        for kind, content in boxes(heif_meta(file) or b"", 4):
            if kind == b"pitm":
                main = int.from_bytes(content[4 : 8 if content[0] else 6], "big")
            elif kind == b"iprp":
                for inner, data in boxes(content):
                    if inner == b"ipco":
                        properties = list(boxes(data))
                    elif inner == b"ipma":
                        links.update(associations(data))
    except IndexError:  # cut short: not known here, and decoding says so
        return [], []
    return [properties[n - 1] for n in links.get(main, ()) if 0 < n <= len(properties)], properties


def heif(file: BinaryIO) -> Heif | None:
    """Size, depth and alpha from the boxes alone; None when they do not say (ISO/IEC 23008-12)."""
    mine, properties = _main(file)
    stored, depth, turned = None, None, False
    for kind, data in mine:
        if kind == b"ispe" and len(data) >= 12:
            stored = Size(int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big"))
        elif kind == b"pixi" and len(data) >= 6:
            depth = data[5]
        elif kind == b"irot" and data:
            turned = bool(data[0] & 1)
    if stored is None:
        return None
    size = Size(stored.height, stored.width) if turned else stored
    alpha = any(kind == b"auxC" and b":alpha\0" in data for kind, data in properties)
    return Heif(stored, size, depth, alpha)


def heif_window(file: BinaryIO) -> Size | None:
    """What is to be shown of the stored main picture, by its clean aperture (ISO/IEC 14496-12, 12.1.4); None: all."""
    for kind, data in _main(file)[0]:
        if kind == b"clap" and len(data) >= 16 and data[4:8] != bytes(4) != data[12:16]:
            across, of_across, down, of_down = struct.unpack_from(">4I", data)
            return Size(across // of_across, down // of_down)
    return None
