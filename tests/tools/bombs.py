"""Small files that claim much: each is below 1 MiB and asks for minutes of work or gigabytes of memory.

Written by hand from the formats' documents. `BOMBS` is all of them by name; the name ends in the file's extension.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import Final

Maker = Callable[[], bytes]
_CONTENT: Final = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN: Final = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWN: Final = "http://schemas.openxmlformats.org/drawingml/2006/main"


# --- sound: RIFF, AIFF, ID3 (id3.org), FLAC (RFC 9639), Ogg (RFC 3533) --------------------------------


def wav(rate: int, channels: int, bits: int = 16, data: int = 96_000) -> bytes:
    """A WAV that claims this rate and so many channels, with `data` bytes of silence."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate & 0xFFFFFFFF, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", data) + bytes(data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def aiff(rate: int, channels: int) -> bytes:
    """As `wav`, with an 80-bit rate."""
    exponent = rate.bit_length() - 1
    wide = struct.pack(">HQ", 16383 + exponent, rate << (63 - exponent))
    common = struct.pack(">hIh", channels, 48_000, 16) + wide
    sound = struct.pack(">II", 0, 0) + bytes(96_000)
    body = b"AIFFCOMM" + struct.pack(">I", len(common)) + common + b"SSND" + struct.pack(">I", len(sound)) + sound
    return b"FORM" + struct.pack(">I", len(body)) + body


def _safe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def mp3(frames: bytes) -> bytes:
    """An MP3 of half a second behind an ID3v2.4 tag of these frames."""
    return b"ID3\4\0\0" + _safe(len(frames)) + frames + (bytes.fromhex("fffb9064") + bytes(413)) * 20


def _text_frames(count: int) -> bytes:
    return b"".join(b"TXXX" + _safe(len(text)) + b"\0\0" + text for text in (b"\3k%d\0v" % n for n in range(count)))


def _packed_picture() -> bytes:
    """A picture of 200 MB, packed inside its frame (ID3v2.4, 4.1.2)."""
    whole = 200 << 20
    packed = _deflated(whole, b"\0")
    return b"APIC" + _safe(len(packed) + 4) + b"\0\x09" + _safe(whole & 0xFFFFFFF) + packed


def _deflated(size: int, unit: bytes) -> bytes:
    """`unit` repeated to `size` bytes, packed by zlib."""
    packer = zlib.compressobj(9)
    block = unit * ((1 << 20) // len(unit))
    out = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join(out) + packer.flush()


def flac(comments: int, rate: int = 48_000, block: int = 65535) -> bytes:
    """A FLAC with so many comments, odd blocks, and no sound."""
    packed = rate << 44 | 7 << 41 | 31 << 36 | (1 << 36) - 1
    info = struct.pack(">HH", block, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    words = b"".join(struct.pack("<I", len(w)) + w for w in (b"K%d=v" % n for n in range(comments)))
    vorbis = struct.pack("<I", 0) + struct.pack("<I", comments) + words
    return (
        b"fLaC\0"
        + len(info).to_bytes(3, "big")
        + info
        + b"\x84"
        + len(vorbis).to_bytes(3, "big")
        + vorbis
        + b"\xff\xf8\xc9\x18\0"
        + bytes(4000)
    )


def ogg(streams: int) -> bytes:
    """So many Opus streams side by side, a page each."""
    head = b"OpusHead\1\2" + struct.pack("<HIhB", 0, 48_000, 0, 0)
    pages = []
    for number in range(streams):
        page = bytearray(b"OggS\0\2" + bytes(8) + struct.pack("<III", number, 0, 0) + b"\1" + bytes([len(head)]) + head)
        crc = 0
        for byte in page:
            crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[(crc >> 24) ^ byte]
        page[22:26] = struct.pack("<I", crc)
        pages.append(bytes(page))
    return b"".join(pages)


def _crc(n: int) -> int:
    n <<= 24
    for _ in range(8):
        n = (n << 1 ^ 0x04C11DB7 if n & 0x80000000 else n << 1) & 0xFFFFFFFF
    return n


_CRC: Final = [_crc(n) for n in range(256)]


# --- film: ISO/IEC 14496-12, Matroska (RFC 9559), AVI, ASF, MPEG-TS --------------------------------------


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name + body


def full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", flags), *parts)


def _words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *(n & 0xFFFFFFFF for n in numbers))


_MATRIX: Final = _words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _tables(stts: bytes, stsc: bytes, stsz: bytes, stco: bytes, *more: bytes) -> tuple[bytes, ...]:
    return full(b"stts", stts), full(b"stsc", stsc), full(b"stsz", stsz), full(b"stco", stco), *more


_ONE: Final = _tables(_words(1, 1, 40), _words(1, 1, 1, 1), _words(100, 1), _words(1, 48))


def trak(number: int, tables: Iterable[bytes] = _ONE, width: int = 64, height: int = 64, *more: bytes) -> bytes:
    """A track of MPEG-4 pictures."""
    entry = box(
        b"mp4v",
        bytes(6) + b"\0\1" + bytes(16),
        struct.pack(">HH", width, height),
        _words(0x480000, 0x480000, 0),
        b"\0\1" + bytes(32) + b"\0\x18\xff\xff",
    )
    return box(
        b"trak",
        full(b"tkhd", _words(0, 0, number, 0, 1000, 0, 0, 0, 0), _MATRIX, _words(width << 16, height << 16), flags=7),
        *more,
        box(
            b"mdia",
            full(b"mdhd", _words(0, 0, 1000, 1000), b"\x55\xc4\0\0"),
            full(b"hdlr", bytes(4), b"vide", bytes(13)),
            box(
                b"minf",
                full(b"vmhd", bytes(8), flags=1),
                box(b"dinf", full(b"dref", _words(1), full(b"url ", flags=1))),
                box(b"stbl", full(b"stsd", _words(1), entry), *tables),
            ),
        ),
    )


def mp4(*tracks: bytes, after: bytes = b"", more: bytes = b"") -> bytes:
    """A film of these tracks. `more` goes into moov."""
    head = full(b"mvhd", _words(0, 0, 1000, 1000, 0x10000), b"\1\0" + bytes(10), _MATRIX, bytes(24), _words(99))
    return (
        box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"mdat", bytes(4000)) + box(b"moov", head, *tracks, more) + after
    )


def _samples(count: int) -> bytes:
    """A track of so many samples of one byte in one chunk: no table grows with their number."""
    return trak(1, _tables(_words(1, count, 40), _words(1, 1, count, 1), _words(1, count), _words(1, 48)))


def _moof(samples: int) -> bytes:
    """A fragment whose samples have no fields of their own, so their number costs no byte."""
    head = full(b"tfhd", _words(1, 40, 1), flags=0x20018)
    return box(b"moof", full(b"mfhd", _words(1)), box(b"traf", head, full(b"trun", _words(samples, 0), flags=1)))


_EXTENDS: Final = box(b"mvex", full(b"trex", _words(1, 1, 40, 1, 0)))
_EMPTY: Final = _tables(_words(0), _words(0), _words(0, 0), _words(0))


def _udta(count: int) -> bytes:
    items = (
        box(b"----", full(b"mean", b"a"), full(b"name", b"k%d" % n), full(b"data", bytes(4), b"v", flags=1))
        for n in range(count)
    )
    return box(b"udta", full(b"meta", full(b"hdlr", bytes(4), b"mdir", bytes(13)), box(b"ilst", *items)))


def ebml(name: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (1 << 56 | len(body)).to_bytes(8, "big") + body


def _number(name: int, value: int) -> bytes:
    return ebml(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def mkv(*parts: bytes, width: int = 64, height: int = 64, private: bytes = b"", entry: bytes = b"") -> bytes:
    """A Matroska file of one VP8 track, with these parts before its only cluster."""
    head = ebml(0x1A45DFA3, b"\x42\x82\x88matroska", _number(0x4287, 4), _number(0x4285, 2))
    track = ebml(
        0xAE,
        _number(0xD7, 1),
        _number(0x73C5, 1),
        _number(0x83, 1),
        ebml(0x86, b"V_VP8"),
        private,
        entry,
        ebml(0xE0, _number(0xB0, width), _number(0xBA, height)),
    )
    info = ebml(0x1549A966, _number(0x2AD7B1, 1_000_000), ebml(0x4489, struct.pack(">d", 1000.0)))
    frame = bytes((0x10, 2, 0, 0x9D, 1, 0x2A)) + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF) + bytes(100)
    cluster = ebml(0x1F43B675, _number(0xE7, 0), ebml(0xA3, b"\x81\0\0\x80" + frame))
    return head + ebml(0x18538067, info, ebml(0x1654AE6B, track), *parts, cluster)


def _nested(name: int, depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = ebml(name, inner)
    return inner


def _atoms(count: int) -> bytes:
    atom = (ebml(0xB6, _number(0x73C4, n + 1), _number(0x91, n), ebml(0x80, ebml(0x85, b"x"))) for n in range(count))
    return ebml(0x1043A770, ebml(0x45B9, *atom))


def _tags(count: int) -> bytes:
    return ebml(
        0x1254C367,
        ebml(0x7373, *(ebml(0x67C8, ebml(0x45A3, b"k%d" % n), ebml(0x4487, b"v")) for n in range(count))),
    )


def _cues(count: int) -> bytes:
    points = (ebml(0xBB, _number(0xB3, n), ebml(0xB7, _number(0xF7, 1), _number(0xF1, n))) for n in range(count))
    return ebml(0x1C53BB6B, *points)


def avi(streams: int, width: int = 64, height: int = 64, rate: int = 25) -> bytes:
    """An AVI of so many MJPEG streams."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)

    head = struct.pack("<14I", 40_000, 0, 0, 16, 1, 0, streams, 0, width, height, 0, 0, 0, 0)
    one = struct.pack("<4s4s10I4H", b"vids", b"MJPG", 0, 0, 0, 1, rate, 0, 1000, 0, 0, 0, 0, 0, 64, 64)
    form = struct.pack("<IiiHH4s5I", 40, width, height, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    line = chunk(b"LIST", b"strl" + chunk(b"strh", one) + chunk(b"strf", form))
    movie = chunk(b"LIST", b"hdrl" + chunk(b"avih", head) + line * streams)
    index = struct.pack("<4sIII", b"00dc", 16, 4, 100) * 30_000
    return chunk(
        b"RIFF", b"AVI " + movie + chunk(b"LIST", b"movi" + chunk(b"00dc", bytes(100))) + chunk(b"idx1", index)
    )


def mpegts(programs: int) -> bytes:
    """A transport stream that announces so many programs (ISO/IEC 13818-1, 2.4.4), then is silent."""
    packets = [b"\x47\x1f\xff\x10" + b"\xff" * 184 for _ in range(20)]
    for start in range(0, programs, 40):
        pairs = b"".join(struct.pack(">HH", n + 1, 0xE000 | (32 + n)) for n in range(start, min(programs, start + 40)))
        section = struct.pack(">BHHBBB", 0, 0xB000 | (len(pairs) + 9), 1, 0xC1, 0, 0) + pairs + bytes(4)
        packets.append((b"\x47\x40\0\x10\0" + section).ljust(188, b"\xff"))
    return b"".join(packets)


# --- pictures: GIF89a, TIFF 6, PNG 3, WebP (RFC 9649), JPEG (T.81), BMP, ICO, JPEG 2000 (T.800), HEIF -------


def gif(width: int, height: int, frames: int) -> bytes:
    """Frames over the whole canvas; each holds a code or two."""
    frame = b"\x21\xf9\4\0\5\0\0\0\x2c" + struct.pack("<4HB", 0, 0, width, height, 0) + b"\2\2\x44\1\0"
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + frame * frames + b"\x3b"


def tiff(pages: int, side: int = 8, *, loop: bool = False, values: int = 1) -> bytes:
    """So many directories of a grey picture whose rows are not there."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    for page in range(pages):
        tags = [
            (256, 4, 1, side),
            (257, 4, 1, side),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, 8),
            (277, 3, 1, 1),
            (278, 4, 1, side),
            (279, 4, 1, side * side),
            (65000, 4, values, 8),
        ]
        after = len(out) + 2 + 12 * len(tags) + 4
        last = page == pages - 1
        out += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        out += struct.pack("<I", 8 if last and loop else 0 if last else after)
    return bytes(out)


def _chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def png(width: int, height: int, *extra: tuple[bytes, bytes], depth: int = 8, color: int = 2) -> bytes:
    """A picture of one colour, whole."""
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[color]
    row = width * channels * depth // 8 + 1
    packer, left, out = zlib.compressobj(9), row * height, []
    while left > 0:
        out.append(packer.compress(bytes(min(left, 1 << 20))))
        left -= 1 << 20
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return _chunks((b"IHDR", head), *extra, (b"IDAT", b"".join(out) + packer.flush()), (b"IEND", b""))


def webp(side: int, frames: int) -> bytes:
    """An animation of lossless frames (RFC 9649, 3) whose pixels are all of one colour."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)

    size = (side - 1).to_bytes(3, "little")
    bits = 1 << 0  # no transform, no cache, no meta codes; five simple codes of one symbol
    lossless = b"\x2f" + ((side - 1) | (side - 1) << 14).to_bytes(4, "little") + b"\x88\x88\x08\0\0"[: 4 + bits]
    frame = chunk(b"ANMF", bytes(6) + size + size + b"\x28\0\0\0" + chunk(b"VP8L", lossless))
    wide = chunk(b"VP8X", b"\2\0\0\0" + size + size)
    body = b"WEBP" + wide + chunk(b"ANIM", bytes(6)) + frame * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg(width: int, height: int, scans: int, markers: int = 0) -> bytes:
    """A progressive JPEG: so many scans of the first coefficient, without data."""
    tables = b"\xff\xdb\0\x43\0" + b"\1" * 64 + b"\xff\xc4\0\x14\0" + b"\1" + bytes(15) + b"\0"
    frame = b"\xff\xc2\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
    scan = b"\xff\xda\0\x08\1\1\0\0\0\0" + bytes(8)
    return b"\xff\xd8" + b"\xff\xe2\0\4xx" * markers + tables + frame + scan * scans + b"\xff\xd9"


def bmp(width: int, height: int) -> bytes:
    """Run-length coded: an end mark for all pixels."""
    form = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1080, 0, 0, 54 + 1024) + form + bytes(1024) + b"\0\1"


def ico(entries: int, inside: bytes) -> bytes:
    """An icon that lists one picture so many times."""
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inside), 6 + 16 * entries)
    return struct.pack("<HHH", 0, 1, entries) + entry * entries + inside


def jp2(side: int, tile: int) -> bytes:
    """JPEG 2000 of that side in tiles of that side, without data."""
    size = struct.pack(">H8IH", 0, side, side, 0, 0, tile, tile, 0, 0, 3) + b"\7\1\1" * 3
    stream = b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size
    stream += (
        b"\xff\x52\0\x0c\0\0\0\1\0\5\4\4\0\0\xff\x5c\0\x13\x40"
        + bytes(16)
        + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1\xff\x93\xff\xd9"
    )
    head = box(b"jp2h", box(b"ihdr", _words(side, side), b"\0\3\7\7\0\0"), box(b"colr", b"\1\0\0" + _words(16)))
    return box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 ", bytes(4), b"jp2 ") + head + box(b"jp2c", stream)


def heif(brand: bytes, side: int, tiles: int) -> bytes:
    """A grid of so many tiles, all of them the same one (ISO/IEC 23008-12, 6.6.2.3)."""
    items = b"".join(
        full(b"infe", struct.pack(">HH", n + 1, 0), b"grid\0" if not n else b"av01\0", flags=0x2000000)
        for n in range(tiles + 1)
    )
    places = b"".join(struct.pack(">HHHII", n + 1, 0, 1, 0, 8) for n in range(tiles + 1))
    pairs = b"".join(struct.pack(">HBB", n + 1, 1, 1) for n in range(tiles + 1))
    links = full(
        b"iref", box(b"dimg", struct.pack(">HH", 1, tiles), b"".join(struct.pack(">H", n + 2) for n in range(tiles)))
    )
    meta = full(
        b"meta",
        full(b"hdlr", bytes(4), b"pict", bytes(13)),
        full(b"pitm", b"\0\1"),
        full(b"iinf", struct.pack(">H", tiles + 1), items),
        full(b"iloc", b"\x44\0", struct.pack(">H", tiles + 1), places),
        box(b"iprp", box(b"ipco", full(b"ispe", _words(side, side))), full(b"ipma", _words(tiles + 1), pairs)),
        links,
    )
    return box(b"ftyp", brand, bytes(4), b"mif1", brand) + meta + box(b"mdat", bytes(64))


def svg(attributes: int, elements: int) -> bytes:
    """A drawing with so many attributes on its root, or elements below it."""
    named = b" ".join(b'a%d="1"' % n for n in range(attributes))
    return b'<svg xmlns="http://www.w3.org/2000/svg" ' + named + b">" + b"<g/>" * elements + b"</svg>"


# --- decks: ECMA-376, OpenDocument 1.3, PDF 1.7 -----------------------------------------------------------


def _zip(parts: dict[str, bytes], stored: frozenset[str] = frozenset()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, body in parts.items():
            archive.writestr(name, body, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return out.getvalue()


_XML: Final = "application/vnd.openxmlformats-"


def _relations(*links: tuple[str, str, str]) -> bytes:
    inside = "".join(f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for name, kind, to in links)
    return f'<Relationships xmlns="{_RELS}">{inside}</Relationships>'.encode()


def pptx(slide: bytes, times: int = 1) -> bytes:
    """A deck that shows one slide so many times."""
    types = (
        f'<Types xmlns="{_CONTENT}"><Default Extension="rels" ContentType="{_XML}package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/ppt/presentation.xml" '
        f'ContentType="{_XML}officedocument.presentationml.presentation.main+xml"/></Types>'
    )
    listed = "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n in range(times))
    deck = (
        f'<p:presentation xmlns:p="{_MAIN}" xmlns:r="{_OFFICE}"><p:sldIdLst>{listed}</p:sldIdLst>'
        '<p:sldSz cx="9144000" cy="6858000"/></p:presentation>'
    )
    slides = ((f"r{n}", "slide", "slides/slide1.xml") for n in range(times))
    return _zip(
        {
            "[Content_Types].xml": types.encode(),
            "_rels/.rels": _relations(("a", "officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": deck.encode(),
            "ppt/_rels/presentation.xml.rels": _relations(*slides),
            "ppt/slides/slide1.xml": slide,
        }
    )


def slide(inner: bytes, attributes: bytes = b"") -> bytes:
    head = f'<p:sld xmlns:p="{_MAIN}" xmlns:a="{_DRAWN}" xmlns:r="{_OFFICE}" '.encode()
    return head + attributes + b"><p:cSld><p:spTree>" + inner + b"</p:spTree></p:cSld></p:sld>"


def many(text: str, count: int) -> bytes:
    """`text` with a running number in it, so often: packs less well than a bomb and better than a deck."""
    return "".join(text % n for n in range(count)).encode()


def odp(inner: bytes) -> bytes:
    head = (
        b'<office:document-content xmlns:office="o" xmlns:draw="d" xmlns:text="t">'
        b"<office:body><office:presentation><draw:page>"
    )
    tail = b"</draw:page></office:presentation></office:body></office:document-content>"
    kind = b"application/vnd.oasis.opendocument.presentation"
    return _zip({"mimetype": kind, "content.xml": head + inner + tail}, frozenset({"mimetype"}))


def pdf(*objects: bytes, pages: int = 1, size: int | None = None) -> bytes:
    """A document whose page is object 3 and is listed so many times; its contents are object 4, its form object 5."""
    kids = b"3 0 R " * pages
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 960 540]/Contents 4 0 R/Resources<</XObject<</A 5 0 R>>"
        b"/Pattern<</P 5 0 R>>/Shading<</S 5 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>"
    )
    all_ = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages), page, *objects]
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(all_, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(all_) + 1) + b"".join(b"%010d 00000 n \n" % at for at in places)
    return bytes(out + b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF" % (size or len(all_) + 1, table))


def stream(body: bytes, words: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (words, len(body), body)


def _flate(size: int, unit: bytes, words: bytes = b"") -> bytes:
    return stream(_deflated(size, unit), words + b"/Filter/FlateDecode")


def _twice(size: int, unit: bytes, words: bytes = b"") -> bytes:
    return stream(zlib.compress(_deflated(size, unit), 9), words + b"/Filter[/FlateDecode/FlateDecode]")


def _image(width: int, height: int, filter_: bytes, body: bytes = bytes(200), color: bytes = b"/DeviceRGB") -> bytes:
    return stream(
        body,
        b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace%s/Filter/%s"
        % (width, height, color, filter_),
    )


_DRAW: Final = stream(b"q 960 0 0 540 0 0 cm /A Do Q")
_FORM: Final = b"/Type/XObject/Subtype/Form/BBox[0 0 960 540]/Resources<</XObject<</A %d 0 R>>>>"


def _forms(depth: int, each: int) -> bytes:
    """Forms that draw the next form so many times each."""
    inner = [stream(b"/A Do " * each, _FORM % (6 + n)) for n in range(depth)]
    return pdf(_DRAW, *inner, stream(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]"))


# --- texts and packages --------------------------------------------------------------------------------


def zipped(size: int, entries: int = 1) -> bytes:
    """A package of recordings that unpack to `size` zeros each."""
    return _zip({f"{n}.wav": bytes(size) for n in range(entries)})


def overlapped(entries: int) -> bytes:
    """Entries that all are the same bytes."""
    body, name = _deflated(8 << 20, b"\0")[2:-4], b"a.wav"
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(body), 8 << 20, len(name), 0) + name + body
    central = (
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(body), 8 << 20, len(name), 0, 0, 0, 0, 0, 0)
        + name
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, entries, entries, len(central) * entries, len(local), 0)
    return local + central * entries + end


_CUE: Final = "00:00:%02d.000 --> 00:00:59.000\nx\n\n"

BOMBS: Final[dict[str, Maker]] = {
    "rate-738-mhz.wav": lambda: wav(738_000_000, 1),
    "rate-4-ghz.wav": lambda: wav(0xFFFFFFFF, 1),
    "channels-65535.wav": lambda: wav(8000, 65535, 8),
    "rate-times-channels.wav": lambda: wav(768_000, 64),
    "rate-1-ghz.aiff": lambda: aiff(1_000_000_000, 2),
    "channels-32767.aiff": lambda: aiff(48_000, 32767),
    "tags-50000.mp3": lambda: mp3(_text_frames(50_000)),
    "picture-packed.mp3": lambda: mp3(_packed_picture()),
    "tags-60000.flac": lambda: flac(60_000),
    "rate-1-mhz.flac": lambda: flac(1, 1_048_575),
    "streams-9000.ogg": lambda: ogg(9000),
    "samples-100-million.mp4": lambda: mp4(_samples(100_000_000)),
    "samples-2-thousand-million.mp4": lambda: mp4(_samples(0x7FFFFFFF)),
    "stts-count.mp4": lambda: mp4(
        trak(1, _tables(_words(0x10000000), _words(1, 1, 1, 1), _words(100, 1), _words(1, 48)))
    ),
    "ctts-runs.mp4": lambda: mp4(
        trak(
            1,
            (
                *_tables(_words(1, 60_000_000, 40), _words(1, 1, 60_000_000, 1), _words(1, 60_000_000), _words(1, 48)),
                full(b"ctts", _words(1, 60_000_000, 7)),
            ),
        )
    ),
    "stss-count.mp4": lambda: mp4(trak(1, (*_ONE, full(b"stss", _words(0x3FFFFFFF))))),
    "stsc-runs.mp4": lambda: mp4(
        trak(
            1,
            _tables(
                _words(1, 0x7FFFFFFF, 40),
                _words(1, 1, 0x7FFFFFFF, 1),
                _words(1, 0x7FFFFFFF),
                _words(80_000, *([48] * 80_000)),
            ),
        )
    ),
    "fragment-samples.mp4": lambda: mp4(trak(1, _EMPTY), more=_EXTENDS, after=_moof(60_000_000)),
    "fragments-9000.mp4": lambda: mp4(trak(1, _EMPTY), more=_EXTENDS, after=_moof(5000) * 9000),
    "tracks-900.mp4": lambda: mp4(*(trak(n + 1) for n in range(900))),
    "tags-12000.mp4": lambda: mp4(trak(1), more=_udta(12_000)),
    "edits-60000.mp4": lambda: mp4(
        trak(1, _ONE, 64, 64, box(b"edts", full(b"elst", _words(60_000), _words(1, 0, 0x10000) * 60_000)))
    ),
    "frame-65535.mp4": lambda: mp4(trak(1, _ONE, 65535, 65535)),
    "rate-500-of-100-mp.mp4": lambda: mp4(
        trak(1, _tables(_words(1, 1000, 2), _words(1, 1, 1000, 1), _words(4, 1000), _words(1, 48)), 10_000, 10_000)
    ),
    "chapters-9000.mkv": lambda: mkv(_atoms(9000)),
    "tags-20000.mkv": lambda: mkv(_tags(20_000)),
    "cues-15000.mkv": lambda: mkv(_cues(15_000)),
    "nested-60000.mkv": lambda: mkv(_nested(0xEC, 2000)),
    "private-packed.mkv": lambda: mkv(
        private=ebml(0x63A2, _deflated(200 << 20, b"\0")),
        entry=ebml(0x6D80, ebml(0x6240, _number(0x5032, 2), ebml(0x5034, _number(0x4254, 0)))),
    ),
    "frame-16383.mkv": lambda: mkv(width=16383, height=16383),
    "frame-10000.mkv": lambda: mkv(width=10_000, height=10_000),
    "attachments-5000.mkv": lambda: mkv(
        ebml(
            0x1941A469,
            *(
                ebml(0x61A7, ebml(0x466E, b"%d.ttf" % n), ebml(0x4660, b"font/ttf"), ebml(0x465C, b"x"))
                for n in range(5000)
            ),
        )
    ),
    "streams-900.avi": lambda: avi(900),
    "frame-9999.avi": lambda: avi(1, 9999, 9999, 1000),
    "programs-8000.ts": lambda: mpegts(8000),
    "canvas-times-frames.gif": lambda: gif(30_000, 3333, 1999),
    "frames-40000.gif": lambda: gif(64, 64, 40_000),
    "canvas-65535.gif": lambda: gif(65535, 65535, 1),
    "pages-7000.tiff": lambda: tiff(7000),
    "pages-of-100-mp.tiff": lambda: tiff(1999, 10_000),
    "pages-in-a-loop.tiff": lambda: tiff(1500, loop=True),
    "values-1000-million.tiff": lambda: tiff(1, values=1_000_000_000),
    "text-packed.png": lambda: png(8, 8, (b"iTXt", b"k\0\1\0\0\0" + _deflated(500 << 20, b"x"))),
    "texts-packed-400.png": lambda: png(
        8, 8, *[(b"zTXt", b"k%d\0\0" % n + zlib.compress(bytes(1_000_000), 9)) for n in range(400)]
    ),
    "profile-packed.png": lambda: png(8, 8, (b"iCCP", b"k\0\0" + _deflated(500 << 20, b"x"))),
    "frames-2-thousand-million.png": lambda: png(8, 8, (b"acTL", _words(0x7FFFFFFF, 0))),
    "canvas-times-frames.png": lambda: png(10_000, 10_000, (b"acTL", _words(1999, 0)), color=0, depth=1),
    "sides-60000.png": lambda: _chunks(
        (b"IHDR", _words(60_000, 60_000) + b"\1\0\0\0\0"), (b"IDAT", b""), (b"IEND", b"")
    ),
    "chunks-80000.png": lambda: png(8, 8, *[(b"tEXt", b"k\0")] * 60_000),
    "canvas-times-frames.webp": lambda: webp(9999, 1999),
    "canvas-16384.webp": lambda: webp(16384, 1),
    "sides-65500.jpg": lambda: jpeg(65500, 65500, 1),
    "scans-9000.jpg": lambda: jpeg(9000, 9000, 9000),
    "scans-99-of-100-mp.jpg": lambda: jpeg(10_000, 10_000, 99),
    "markers-150000.jpg": lambda: jpeg(64, 64, 1, 150_000),
    "sides-30000.bmp": lambda: bmp(30_000, 30_000),
    "entries-40000.ico": lambda: ico(40_000, png(256, 256)),
    "picture-60000.ico": lambda: ico(
        1, _chunks((b"IHDR", _words(60_000, 60_000) + b"\1\0\0\0\0"), (b"IDAT", b""), (b"IEND", b""))
    ),
    "sides-60000.jp2": lambda: jp2(60_000, 1),
    "tiles-9000.jp2": lambda: jp2(9999, 1),
    "grid-65535.avif": lambda: heif(b"avif", 65535, 255),
    "grid-65535.heic": lambda: heif(b"heic", 65535, 255),
    "attributes-80000.svg": lambda: svg(80_000, 0),
    "elements-200000.svg": lambda: svg(0, 200_000),
    "attributes-350000.pptx": lambda: pptx(slide(b"", many('a%d="1" ', 350_000))),
    "elements-2-million.pptx": lambda: pptx(
        slide(many("<a:p><a:r><a:t>%d</a:t></a:r></a:p>", 500_000)[: 16 << 20].rpartition(b"<a:p>")[0])
    ),
    "shapes-150000.pptx": lambda: pptx(
        slide(
            many(
                '<p:sp><p:txBody><a:p><a:r><a:rPr><a:latin typeface="F%d"/></a:rPr>'
                "<a:t>x</a:t></a:r></a:p></p:txBody></p:sp>",
                150_000,
            )
        )
    ),
    "one-slide-1999-times.pptx": lambda: pptx(slide(many("<a:p><a:r><a:t>%d</a:t></a:r></a:p>", 60_000)), 1999),
    "elements-900000.odp": lambda: odp(many("<text:p>%d</text:p>", 300_000) + b"<text:p/>" * 600_000),
    "attributes-300000.odp": lambda: odp(b"<draw:frame " + many('a%d="1" ', 300_000) + b"/>"),
    "pages-100000.pdf": lambda: pdf(_DRAW, stream(b""), pages=100_000),
    "pages-1999-of-many-words.pdf": lambda: pdf(_flate(20 << 20, b"BT /F 9 Tf (a) Tj ET "), stream(b""), pages=1999),
    "contents-packed.pdf": lambda: pdf(_flate(400 << 20, b"0 0 m 9 9 l S "), stream(b"")),
    "contents-packed-twice.pdf": lambda: pdf(_twice(2000 << 20, b"q Q "), stream(b"")),
    "words-packed.pdf": lambda: pdf(_flate(100 << 20, b"BT /F 9 Tf (abcdefgh) Tj ET "), stream(b"")),
    "one-text-packed.pdf": lambda: pdf(
        stream(_deflated(100 << 20, b"(aaaaaaaaaaaaaaaa) Tj  "), b"/Filter/FlateDecode"), stream(b"")
    ),
    "paths-packed.pdf": lambda: pdf(_flate(200 << 20, b"9 9 l 1 2 3 4 5 6 c "), stream(b"")),
    "forms-8-deep.pdf": lambda: _forms(8, 16),
    "forms-40-deep.pdf": lambda: _forms(40, 2),
    "picture-60000.pdf": lambda: pdf(_DRAW, _image(60_000, 60_000, b"FlateDecode", _deflated(200 << 20, b"\0"))),
    "picture-30000-dct.pdf": lambda: pdf(
        _DRAW, _image(30_000, 30_000, b"DCTDecode", jpeg(30_000, 30_000, 50), b"/DeviceGray")
    ),
    "picture-60000-jpx.pdf": lambda: pdf(_DRAW, _image(60_000, 60_000, b"JPXDecode", jp2(60_000, 60_000))),
    "picture-60000-jbig2.pdf": lambda: pdf(
        _DRAW,
        _image(
            60_000,
            60_000,
            b"JBIG2Decode",
            struct.pack(">IBBBIIIIIBH", 0, 48, 0, 1, 19, 60_000, 60_000, 0, 0, 0, 0),
            b"/DeviceGray",
        ),
    ),
    "picture-60000-ccitt.pdf": lambda: pdf(
        _DRAW,
        stream(
            bytes(200),
            b"/Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 1/ColorSpace/DeviceGray"
            b"/Filter/CCITTFaxDecode/DecodeParms<</Columns 60000/Rows 60000/K -1>>",
        ),
    ),
    "pattern.pdf": lambda: pdf(
        stream(b"/Pattern cs /P scn 0 0 960 540 re f"),
        stream(
            b"0 0 1 1 re f",
            b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep .001/YStep .001/Resources<<>>",
        ),
    ),
    "shading.pdf": lambda: pdf(
        stream(b"/S sh"),
        _flate(
            200 << 20,
            b"\0\1\2\3\4\5\6",
            b"/ShadingType 4/ColorSpace/DeviceRGB/BitsPerCoordinate 8/BitsPerComponent 8/BitsPerFlag 8"
            b"/Decode[0 960 0 540 0 1 0 1 0 1]",
        ),
    ),
    "objects-8-million.pdf": lambda: pdf(_DRAW, stream(b""), size=8_388_607),
    "page-packed-fonts.pdf": lambda: pdf(stream(b"/A Do " * 100_000), stream(b"/A Do", _FORM % 5)),
    "cues-28000.vtt": lambda: ("WEBVTT\n\n" + "".join(_CUE % (n % 59) for n in range(28_000))).encode(),
    "cues-28000.srt": lambda: "".join(_CUE.replace(".", ",") % (n % 59) for n in range(28_000)).encode(),
    "breaks-80000.ssml": lambda: b"<speak>" + b"<break/>" * 80_000 + b"</speak>",
    "nested-90000.ssml": lambda: b"<speak>" * 60_000 + b"</speak>" * 60_000,
    "attributes-90000.ssml": lambda: b"<speak><sub " + many('a%d="" ', 80_000) + b">x</sub></speak>",
    "hidden-300000.txt": lambda: ("a\u200b" * 200_000).encode(),
    "one-to-1000.zip": lambda: zipped(500 << 20),
    "entries-4000.zip": lambda: zipped(1 << 20, 700),
    "entries-overlapped.zip": lambda: overlapped(9000),
}
