"""Checks on zip packages of voice recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath

from pipeline.checks.base import Read, check, lossless, of_file
from pipeline.model.facts import ArchiveEntry, ArchiveInfo, Kind, MediaInfo, Text, Value
from pipeline.model.rules import Reading

PACKAGE = frozenset({Kind.ARCHIVE})

# What operating systems add by themselves.
LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX"})
SOUND = frozenset({"wav", "mp3", "m4a", "aac", "wma", "asf", "flac", "ogg", "opus", "aiff", "mp4"})


def _whole(value: Callable[[ArchiveInfo], Value | None]) -> Read:
    """Read from the package as it is, readable or not."""
    return of_file(lambda info: value(info.archive) if info.archive else None)


def _of(value: Callable[[ArchiveInfo], Value | None]) -> Read:
    """Read from what the package holds; unknown when its directory cannot be read."""
    return _whole(lambda archive: value(archive) if archive.valid or archive.entries else None)


def is_litter(entry: ArchiveEntry) -> bool:
    """Something an operating system left behind, not the sender."""
    parts = PurePosixPath(entry.name.replace("\\", "/")).parts
    return any(part in LITTER or part.startswith("._") for part in parts)


def _is_hidden(entry: ArchiveEntry) -> bool:
    """The sender's, but out of sight: its name or a folder on its way begins with a dot."""
    parts = PurePosixPath(entry.name.replace("\\", "/")).parts
    return not is_litter(entry) and any(part.startswith(".") and part not in {".", ".."} for part in parts)


def _words(entry: ArchiveEntry) -> int | None:
    """Letters and digits of a text; None where it could not be read."""
    return None if entry.text is None else sum(letter.isalnum() for letter in entry.text)


def _texts(archive: ArchiveInfo) -> list[ArchiveEntry]:
    return [e for e in files(archive) if _suffix(e) == "txt"]


def files(archive: ArchiveInfo) -> list[ArchiveEntry]:
    """The entries the sender meant: neither folders nor litter."""
    return [e for e in archive.entries if not e.directory and not is_litter(e)]


def clips(archive: ArchiveInfo) -> list[ArchiveEntry]:
    """The sound files."""
    return [e for e in files(archive) if e.format in SOUND]


def base(entry: ArchiveEntry) -> str:
    """The last part of the entry's name."""
    return PurePosixPath(entry.name.replace("\\", "/")).name


def _suffix(entry: ArchiveEntry) -> str:
    return PurePosixPath(base(entry)).suffix.lower().lstrip(".")


def _parents(entry: ArchiveEntry) -> tuple[PurePosixPath, ...]:
    """The folders an entry lies in, innermost first; the root is none."""
    return tuple(PurePosixPath(entry.name.replace("\\", "/")).parents)[:-1]


def _directories(archive: ArchiveInfo) -> int:
    """Folders on the way to any file; the root is none."""
    return len({folder for entry in files(archive) for folder in _parents(entry)})


def _places(archive: ArchiveInfo) -> int:
    return len({str(PurePosixPath(e.name.replace("\\", "/")).parent) for e in files(archive)})


def _paired(archive: ArchiveInfo) -> bool:
    """Every recording has one text of the same stem, and every text its recording."""
    sounds = Counter(PurePosixPath(base(e)).stem for e in files(archive) if _suffix(e) == "wav")
    texts = Counter(PurePosixPath(base(e)).stem for e in files(archive) if _suffix(e) == "txt")
    return sounds == texts and all(n == 1 for n in sounds.values())


def _numbered(archive: ArchiveInfo) -> bool:
    """Recordings are 0.wav, 1.wav, ... without a gap, texts likewise."""
    names = sorted(base(e) for e in files(archive))
    count = sum(1 for e in files(archive) if _suffix(e) == "wav")
    return bool(count) and names == sorted(f"{n}.{s}" for n in range(count) for s in ("wav", "txt"))


def _each(value: Callable[[ArchiveEntry], Value | None], of: Callable[[ArchiveInfo], list[ArchiveEntry]]) -> Read:
    def read(info: MediaInfo) -> Iterator[Reading]:
        for entry in of(info.archive) if info.archive else ():
            yield Reading(value(entry), None, Text.same(entry.name))

    return read


def _total(archive: ArchiveInfo) -> int | None:
    sizes = [e.size for e in clips(archive)]
    return None if any(s is None for s in sizes) else sum(s for s in sizes if s is not None)


def _named_wav(archive: ArchiveInfo) -> list[ArchiveEntry]:
    return [e for e in files(archive) if _suffix(e) == "wav"]


_check = partial(check, kinds=PACKAGE)

CHECKS = (
    _check("archive.valid", "valid zip", "有效的 zip", "flag", read=_whole(lambda a: a.valid)),
    _check(
        "archive.safe",
        "entry names stay inside the package",
        "条目路径安全",
        "flag",
        read=_of(lambda a: not any(e.unsafe for e in a.entries)),
    ),
    _check("archive.problems", "faults in the package", "压缩包缺陷", "count", read=_whole(lambda a: len(a.problems))),
    _check(
        "archive.encrypted",
        "encrypted entries",
        "加密条目",
        "count",
        read=_of(lambda a: sum(e.encrypted for e in a.entries)),
    ),
    _check("archive.unpacked", "unpacked size", "解压后大小", "bytes", read=_of(lambda a: a.unpacked)),
    _check("archive.ratio", "compression ratio", "压缩比", "number", read=_of(lambda a: a.ratio)),
    _check("archive.clips", "recordings in the package", "包内录音数量", "count", read=_of(lambda a: len(clips(a)))),
    _check(
        "archive.wavs", "wav files in the package", "包内 wav 数量", "count", read=_of(lambda a: len(_named_wav(a)))
    ),
    _check("archive.paired", "one text per recording", "录音与文本一一对应", "flag", read=_of(_paired)),
    _check(
        "archive.numbered",
        "named 0.wav, 0.txt, 1.wav, ...",
        "按 0.wav、0.txt、1.wav……命名",
        "flag",
        read=_of(_numbered),
        safety=lossless,
    ),
    _check("archive.directories", "folders", "目录数", "count", read=_of(_directories), safety=lossless),
    _check(
        "archive.places",
        "places that hold files, root included",
        "文件所在位置数（含根目录）",
        "count",
        read=_of(_places),
        safety=lossless,
    ),
    _check("archive.entry_name", "entry name", "条目名称", "text", read=_each(base, files), safety=lossless),
    _check(
        "archive.litter",
        "files that operating systems add",
        "系统附带的多余文件",
        "count",
        read=_of(lambda a: sum(is_litter(e) for e in a.entries if not e.directory)),
        safety=lossless,
    ),
    _check(
        "archive.hidden",
        "hidden files",
        "隐藏文件",
        "count",
        read=_of(lambda a: sum(_is_hidden(e) for e in a.entries if not e.directory)),
    ),
    _check("archive.entry_type", "type of an entry", "条目类型", "text", read=_each(_suffix, files)),
    _check(
        "archive.clip_format",
        "format of a recording, by content",
        "录音格式（按内容）",
        "text",
        read=_each(lambda e: e.format, _named_wav),
    ),
    _check("archive.sound_format", "format of a recording", "录音格式", "text", read=_each(lambda e: e.format, files)),
    _check(
        "archive.sample_rate",
        "sample rate of a recording",
        "录音采样率",
        "hertz",
        read=_each(lambda e: e.audio.sample_rate if e.audio else None, clips),
    ),
    _check(
        "archive.channels",
        "channels of a recording",
        "录音声道数",
        "count",
        read=_each(lambda e: e.audio.channels if e.audio else None, clips),
    ),
    _check(
        "archive.clip_duration",
        "length of a recording",
        "录音时长",
        "seconds",
        read=_each(lambda e: e.audio.duration if e.audio else None, clips),
    ),
    _check("archive.total_bytes", "size of all recordings", "录音总大小", "bytes", read=_of(_total)),
    _check(
        "archive.text_encoding",
        "encoding of a text",
        "文本编码",
        "text",
        read=_each(lambda e: e.encoding, _texts),
        safety=lossless,
    ),
    _check(
        "archive.text_words",
        "letters and digits of a text",
        "文本的字符数（不计标点）",
        "count",
        read=_each(_words, _texts),
        help=Text("Save what the recording says as UTF-8.", "请将录音内容存为 UTF-8 文本。"),
    ),
)
