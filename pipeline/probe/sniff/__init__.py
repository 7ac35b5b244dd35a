"""What a file is, by its bytes and never by its name.

No decoder runs here and every read is bounded: 4 KiB for media and pictures, 64 KiB for text, the directory
of a zip or of an OLE compound file. Words for formats are the ones presets use (`mp4`, `jpeg`, `pptx`, ...).
"""

from __future__ import annotations

import contextlib
import re
import zlib
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from pipeline.errors import Unreadable, in_chinese
from pipeline.model.facts import Kind
from pipeline.probe.sniff.mpeg_audio import adts_frame, after_id3, chained, mp3_frame
from pipeline.probe.sniff.names import OLE, ole_names, zip_names
from pipeline.probe.sniff.text import sniff_text


class Sniffed(NamedTuple):
    """What the bytes are. `format` is None only when nothing was recognised.

    For media the kind is a first guess: only the streams tell a film from a recording, so `probe.av`
    decides between VIDEO and AUDIO, between `wmv` and `wma`, and between `mp4` and `m4a`.
    """

    kind: Kind
    format: str | None


HEAD: Final = 4096  # enough for every magic number and for the EBML header
WINDOW: Final = 65536  # enough text to tell its encoding and what it is; TS and MP3 synchronisation
UNRECOGNISED: Final = Sniffed(Kind.UNKNOWN, None)

# ISO/IEC 14496-12 major brands (registry: mp4ra.org). Everything else with an `ftyp` box is an mp4.
_BRANDS: Final[dict[bytes, tuple[Kind, str]]] = {
    b"qt  ": (Kind.VIDEO, "mov"),
    b"M4V ": (Kind.VIDEO, "m4v"),
    b"M4VH": (Kind.VIDEO, "m4v"),
    b"M4VP": (Kind.VIDEO, "m4v"),
    b"M4A ": (Kind.AUDIO, "m4a"),
    b"M4B ": (Kind.AUDIO, "m4a"),
    b"M4P ": (Kind.AUDIO, "m4a"),
    b"F4V ": (Kind.VIDEO, "f4v"),
    b"avif": (Kind.IMAGE, "avif"),
    b"avis": (Kind.IMAGE, "avif"),
    b"heic": (Kind.IMAGE, "heif"),
    b"heix": (Kind.IMAGE, "heif"),
    b"heim": (Kind.IMAGE, "heif"),
    b"heis": (Kind.IMAGE, "heif"),
    b"hevc": (Kind.IMAGE, "heif"),
    b"hevx": (Kind.IMAGE, "heif"),
    b"mif1": (Kind.IMAGE, "heif"),
    b"msf1": (Kind.IMAGE, "heif"),
    **dict.fromkeys((b"mif2", b"mif3", b"avci", b"avcs", b"vvic", b"vvis", b"j2ki"), (Kind.IMAGE, "heif")),
    b"crx ": (Kind.IMAGE, "cr3"),
}
# Top-level boxes a QuickTime file from before `ftyp` may start with.
_OLD_MOV: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})

_RIFF: Final[dict[bytes, tuple[Kind, str]]] = {
    b"WAVE": (Kind.AUDIO, "wav"),
    b"AVI ": (Kind.VIDEO, "avi"),
    b"WEBP": (Kind.IMAGE, "webp"),
}

# Plain prefixes. Those of one byte order or of two bytes are looked at more closely below.
_MAGIC: Final[tuple[tuple[bytes, Kind, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", Kind.IMAGE, "png"),
    (b"\xff\xd8\xff", Kind.IMAGE, "jpeg"),
    (b"GIF87a", Kind.IMAGE, "gif"),
    (b"GIF89a", Kind.IMAGE, "gif"),
    (b"II*\0", Kind.IMAGE, "tiff"),
    (b"MM\0*", Kind.IMAGE, "tiff"),
    (b"II+\0", Kind.IMAGE, "tiff"),
    (b"MM\0+", Kind.IMAGE, "tiff"),
    (b"8BPS\0", Kind.IMAGE, "psd"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind.IMAGE, "jp2"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Kind.IMAGE, "jxl"),
    (b"FLV\x01", Kind.VIDEO, "flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Kind.VIDEO, "asf"),
    (b"\0\0\x01\xba", Kind.VIDEO, "mpeg"),
    (b"\0\0\x01\xb3", Kind.VIDEO, "mpegvideo"),
    (b".RMF\0\0\0", Kind.VIDEO, "rm"),
    (b"fLaC", Kind.AUDIO, "flac"),
    (b"OggS\0", Kind.AUDIO, "ogg"),
    (b"#!AMR", Kind.AUDIO, "amr"),
    (b"caff\0\x01", Kind.AUDIO, "caf"),
    (b".snd", Kind.AUDIO, "au"),
    (b"wvpk", Kind.AUDIO, "wv"),
    (b"MAC ", Kind.AUDIO, "ape"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", Kind.AUDIO, "w64"),
    (b"MThd\0\0\0\x06", Kind.AUDIO, "midi"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02", Kind.UNKNOWN, "mxf"),  # SMPTE ST 377-1, 7.1
    (b"Rar!\x1a\x07", Kind.UNKNOWN, "rar"),
    (b"7z\xbc\xaf\x27\x1c", Kind.UNKNOWN, "7z"),
    (b"\x1f\x8b\x08", Kind.UNKNOWN, "gzip"),
    (b"BZh", Kind.UNKNOWN, "bzip2"),
    (b"\xfd7zXZ\0", Kind.UNKNOWN, "xz"),
    (b"\x28\xb5\x2f\xfd", Kind.UNKNOWN, "zstd"),
    (b"MZ\x90\0", Kind.UNKNOWN, "exe"),
    (b"\x7fELF", Kind.UNKNOWN, "elf"),
    (b"{\\rtf", Kind.TEXT, "rtf"),
    (b"%!PS", Kind.UNKNOWN, "postscript"),
)
_DIB_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # sizes of the known BMP info headers
_DOC_TYPE: Final = re.compile(rb"\x42\x82[\x84-\x88]([a-z]{4,8})")  # EBML element DocType, one-byte length


def sniff(path: Path, encoding: str | None = None) -> Sniffed:
    """What the file at `path` is, by content; `encoding` is what it is said to be in if it is a text.

    Raises Unreadable when the file is empty, not a regular file, or cannot be opened.
    """
    try:
        if not path.is_file():
            raise Unreadable(
                f"{path.name} is not a regular file. Give the path of an existing file.",
                f"{path.name} 不是普通文件。请给出一个存在的文件路径。",
            )
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            if size == 0:
                raise Unreadable(
                    f"{path.name} is empty (0 bytes). Send the file again; it was probably cut short.",
                    f"{path.name} 为空文件（0 字节），可能传输中断。请重新发送该文件。",
                )
            return _sniff_open(file, size, encoding)
    except OSError as error:
        raise Unreadable(
            f"{path.name} cannot be read: {error.strerror or error}. Check the path and its permissions.",
            f"{path.name} 无法读取：{in_chinese(error)}。请检查路径和权限。",
        ) from error


def sniff_head(head: bytes) -> Sniffed:
    """What begins with `head`, the first bytes (best 64 KiB) of something that cannot be sought in.

    A zip is only ever `zip` here, and an OLE file `ole`: their directories are not in their first bytes.
    """
    found = _by_magic(head[:HEAD]) or _by_frames(head)
    if found:
        return found
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Sniffed(Kind.ARCHIVE, "zip")
    if head.startswith(OLE):
        return Sniffed(Kind.UNKNOWN, "ole")
    return _as_text(head, whole=len(head) < WINDOW)


def _sniff_open(file: BinaryIO, size: int, encoding: str | None) -> Sniffed:
    head = file.read(HEAD)
    found = _by_magic(head)
    if found:
        return found
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(head, zip_names(file, size))
    if head.startswith(OLE):
        names = ole_names(file, head)
        if not names:
            name = Path(file.name).name
            raise Unreadable(
                f"{name} begins like a .ppt, .doc or .xls, but its directory is missing: it was cut short. "
                "Send it again, or save it anew.",
                f"{name} 的开头是 .ppt、.doc 或 .xls，但目录缺失：文件被截断。请重新发送或另存。",
            )
        return _ole_kind(names)
    if head.startswith(b"ID3") and len(head) >= 10:
        return _after_id3(file, head)
    head += file.read(WINDOW - len(head))
    return _by_frames(head) or _as_text(head, whole=size <= len(head), encoding=encoding)


def _by_magic(head: bytes) -> Sniffed | None:
    """Containers and pictures that say what they are in their first bytes."""
    four = head[4:8]
    if four == b"ftyp":
        return _by_brand(head)
    for magic, kind, format_ in _MAGIC:
        if head.startswith(magic):
            return Sniffed(kind, format_)
    if four in _OLD_MOV and len(head) >= 16:
        return Sniffed(Kind.VIDEO, "mov")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        found = _DOC_TYPE.search(head, 4, 128)
        names = {b"webm": "webm", b"matroska": "mkv"}
        return Sniffed(Kind.VIDEO, names[found[1]]) if found and found[1] in names else None
    if head.startswith((b"RIFF", b"RF64", b"BW64")) and head[8:12] in _RIFF:
        return Sniffed(*_RIFF[head[8:12]])
    if head.startswith(b"FORM") and head[8:12] in {b"AIFF", b"AIFC"}:
        return Sniffed(Kind.AUDIO, "aiff")
    if head.startswith(b"BM") and len(head) >= 18 and int.from_bytes(head[14:18], "little") in _DIB_HEADERS:
        return Sniffed(Kind.IMAGE, "bmp")
    if head.startswith(b"\0\0\x01\0") and 0 < int.from_bytes(head[4:6], "little") <= 64 and head[9:10] == b"\0":
        return Sniffed(Kind.IMAGE, "ico")
    if b"%PDF-" in head[:1024]:  # readers accept it anywhere there (PDF 1.7, implementation note 13)
        return Sniffed(Kind.SLIDES, "pdf")
    return None


def _by_brand(head: bytes) -> Sniffed:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    if major[:2] == b"3g":
        return Sniffed(Kind.VIDEO, "3gp")
    also = {head[i : i + 4] for i in range(16, length, 4)}
    # A brand that is not known here is a picture where it says that pictures' readers may have it.
    found = _BRANDS.get(major) or (_BRANDS[b"mif1"] if b"mif1" in also else (Kind.VIDEO, "mp4"))
    if found[1] == "heif" and b"avif" in also:
        found = (Kind.IMAGE, "avif")  # `mif1` only says "picture"; the compatible brands say of what
    return Sniffed(*found)


# --- streams of frames without a header ---------------------------------------------------------------


def _by_frames(head: bytes) -> Sniffed | None:
    if _is_ts(head):
        return Sniffed(Kind.VIDEO, "mpegts")
    start = len(head) - len(head.lstrip(b"\0"))
    return _frames_at(head, start)


def _frames_at(head: bytes, start: int) -> Sniffed | None:
    """Compressed sound that begins at `start`, or a little after for MP3, which often carries debris."""
    if chained(head, start, adts_frame, 3):
        return Sniffed(Kind.AUDIO, "aac")
    if head.startswith(b"\x0b\x77", start):
        return Sniffed(Kind.AUDIO, "ac3")
    at = head.find(b"\xff", start)
    while at >= 0:
        if chained(head, at, mp3_frame, 3):
            return Sniffed(Kind.AUDIO, "mp3")
        at = head.find(b"\xff", at + 1)
    return None


def _is_ts(head: bytes) -> bool:
    """Five synchronisation bytes in a row; the 192-byte form of cameras has four bytes before each."""
    return any(
        len(head) > first + 4 * step and all(head[first + step * n] == 0x47 for n in range(5))
        for first, step in ((0, 188), (4, 192))
    )


def _after_id3(file: BinaryIO, head: bytes) -> Sniffed:
    """What follows the tag: MP3 as a rule, but ADTS, FLAC and APE files carry ID3 too (id3.org, 3.1)."""
    file.seek(after_id3(head))
    rest = file.read(WINDOW)
    padding = len(rest) - len(rest.lstrip(b"\0"))
    return _by_magic(rest) or _frames_at(rest, padding) or Sniffed(Kind.AUDIO, "mp3")


# --- packages and text ----------------------------------------------------------------------------------


_OLD_IWORK: Final = frozenset({b"index.apxl", b"Index.zip"})  # of Keynote before 2013; of a folder that was zipped
_ODF: Final = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
}
_DEFLATED: Final = (8).to_bytes(2, "little")  # method of a member (APPNOTE 4.4.5)


def _zip_kind(head: bytes, names: frozenset[bytes] | None) -> Sniffed:
    """Decks are told from packages by the names in the directory; without one, by the first member."""
    if head[30:38] == b"mimetype":
        # OpenDocument 1.2 part 3, 3.3: the type is the first member and not compressed; who zips a deck anew may.
        length = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        type_ = head[30 + length : 30 + length + 100]
        if head[8:10] == _DEFLATED:
            with contextlib.suppress(zlib.error):  # then the type is not known, and what is inside decides
                type_ = zlib.decompressobj(-zlib.MAX_WBITS).decompress(type_, 100)
        if type_.startswith(b"application/vnd.oasis.opendocument.presentation"):
            return Sniffed(Kind.SLIDES, "odp")
        if type_.startswith((b"application/vnd.oasis.opendocument.", b"application/epub")):
            words = next((short for long, short in _ODF.items() if type_.startswith(long)), None)
            return Sniffed(Kind.TEXT, words) if words else Sniffed(Kind.UNKNOWN, "odf" if b"oasis" in type_ else "epub")
    if names is None:  # cut short: say what it was, so that the reader can say what is wrong with it
        names = frozenset(re.findall(rb"PK\x03\x04.{26}([\w\[\]./-]{1,200}?\.xml)", head, re.DOTALL))
    if b"[Content_Types].xml" in names:
        for folder, kind, format_ in (
            (b"ppt/", Kind.SLIDES, "pptx"),
            (b"word/", Kind.TEXT, "docx"),
            (b"xl/", Kind.TEXT, "xlsx"),
        ):
            if any(name.startswith(folder) for name in names):
                return Sniffed(kind, format_)
    if any(name.endswith(b".iwa") or name in _OLD_IWORK for name in names):
        return Sniffed(Kind.UNKNOWN, "iwork")
    return Sniffed(Kind.ARCHIVE, "zip")


def _ole_kind(names: frozenset[str]) -> Sniffed:
    """An encrypted package does not say of what; a deck is what people send, and its reader says why not."""
    if "PowerPoint Document" in names or "PP97_DUALSTORAGE" in names:
        return Sniffed(Kind.SLIDES, "ppt")
    if "EncryptedPackage" in names:
        return Sniffed(Kind.SLIDES, "pptx")
    if "WordDocument" in names:
        return Sniffed(Kind.UNKNOWN, "doc")
    return Sniffed(Kind.UNKNOWN, "xls" if names & {"Workbook", "Book"} else "ole")


def _as_text(head: bytes, *, whole: bool, encoding: str | None = None) -> Sniffed:
    format_ = sniff_text(head, whole=whole, said=encoding)
    if format_ is None:
        return UNRECOGNISED
    kinds = {"srt": Kind.SUBTITLE, "vtt": Kind.SUBTITLE, "ass": Kind.SUBTITLE, "svg": Kind.IMAGE}
    return Sniffed(kinds.get(format_, Kind.TEXT), format_)
