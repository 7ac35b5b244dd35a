"""Facts about a zip package: every byte is counted and compared, and nothing is extracted.

Only sound whose rate and length no header tells (MP3, M4A, WMA, ...) is copied, one recording at a time, to a
file under a name of our own that is gone when its streams have been read.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import IO, Final

from msgspec.structs import replace

from pipeline.errors import AssetError
from pipeline.model.facts import ArchiveEntry, ArchiveInfo, AudioStream, Kind, MediaInfo, Text
from pipeline.probe.archive.copied import MOST
from pipeline.probe.archive.zip import BadZip, Member, Zip
from pipeline.probe.av.wav import sound
from pipeline.probe.sniff import sniff_head
from pipeline.probe.text.encoding import decode
from pipeline.probe.unopened import unopened

HEAD: Final = 1 << 16  # bytes of an entry that are looked at
# sniff's word for text that is nothing else; packages call it by its extension.
_WORDS: Final = {"plain": "txt"}
_OPENED: Final = frozenset({"mp3", "m4a", "mp4", "aac", "asf", "flac", "ogg", "aiff"})
_PACKED: Final = frozenset({"zip", "rar", "7z", "gzip", "bzip2", "xz", "zstd"})


def _entry(archive: Zip, member: Member, overlaps: bool, problems: list[str], faults: list[Text]) -> ArchiveEntry:
    """One entry, its bytes unpacked piece by piece and forgotten. Raises CeilingExceeded for a bomb."""
    entry = ArchiveEntry(
        name=member.name,
        size=member.size,
        packed=member.packed,
        directory=member.directory,
        encrypted=member.encrypted,
        unsafe=member.unsafe,
    )
    if overlaps:  # bytes that count twice are how small archives unpack to large ones (CVE-2024-0450)
        problems.append(f"overlap: {member.name}")
        name = repr(member.name)
        faults.append(Text(f"the bytes of {name} belong to another entry too", f"{name} 的数据与其他条目重叠"))
        return entry
    if member.directory or member.encrypted:
        return entry
    try:
        head, size, opened = _contents(archive, member)
    except BadZip as error:
        problems.append(f"damaged: {member.name}")
        faults.append(error.text)
        return entry
    format_ = sniff_head(head).format if head else None
    if format_ in _PACKED:
        problems.append(f"nested archive: {member.name}")
    text, encoding = None, None
    is_text = format_ == "plain" or (not size and member.name.lower().endswith(".txt"))
    if is_text and size <= HEAD:
        found = decode(head, archive.said)
        text = found.text
        encoding = f"{found.encoding}-sig" if found.bom and found.encoding == "utf-8" else found.encoding
    return replace(
        entry,
        size=size,
        format="txt" if is_text else _WORDS.get(format_ or "", format_),
        audio=opened or sound(format_, head, size),
        text=text,
        encoding=encoding,
    )


def _contents(archive: Zip, member: Member) -> tuple[bytes, int, AudioStream | None]:
    """The first bytes of an entry, how many there are, and the sound in it where it had to be opened."""
    head, size, copy = bytearray(), 0, None
    try:
        for piece in archive.unpack(member):
            if not size and sniff_head(piece).format in _OPENED and member.size <= MOST:
                copy = tempfile.NamedTemporaryFile(prefix="entry-")  # noqa: SIM115  closed below, whatever happens
            if len(head) < HEAD:
                head += piece[: HEAD - len(head)]
            size += len(piece)
            if copy and size <= MOST:
                copy.write(piece)
        return bytes(head), size, _opened(copy) if copy else None
    finally:
        if copy:
            copy.close()


def _opened(copy: IO[bytes]) -> AudioStream | None:
    """The only stream of a recording; None where it holds more, or does not open."""
    from pipeline.probe import probe

    copy.flush()
    try:
        info = probe(Path(copy.name))
    except AssetError:
        return None  # unknown, and so the package does not pass
    stream = info.audio[0] if len(info.audio) == 1 and not info.video else None
    return replace(stream, duration=stream.duration or info.duration) if stream else None


def _duplicates(members: tuple[Member, ...]) -> list[str]:
    """Names that are one and the same to a file system that does not tell capitals from small letters."""
    seen: set[str] = set()
    found = []
    for member in members:
        key = member.name.replace("\\", "/").casefold()
        if key in seen:
            found.append(f"duplicate: {member.name}")
        seen.add(key)
    return found


def _info(path: Path, said: str | None, remarks: list[Text]) -> ArchiveInfo:
    try:
        with Zip(path, said) as archive:
            problems = _duplicates(archive.members)
            overlaps = archive.overlaps()
            entries = tuple(
                _entry(archive, member, member in overlaps, problems, remarks) for member in archive.members
            )
            packed = sum(m.packed for m in archive.members if not m.encrypted)
            whole = not remarks and not any(m.encrypted for m in archive.members)
            return ArchiveInfo(
                valid=not remarks,
                entries=entries,
                unpacked=archive.unpacked if whole else None,
                ratio=Fraction(archive.unpacked, packed) if whole and packed else None,
                problems=tuple(problems),
            )
    except BadZip as error:
        remarks.append(error.text)
        return ArchiveInfo(valid=False, problems=("no directory",))


def read(path: Path, size: int, format: str, said: str | None = None) -> MediaInfo:  # noqa: A002, ARG001  the words of the interface; every package is a zip
    """Facts about the package at `path`; names and texts in it are in the encoding that is `said`, if one is.

    Damage is a fact (`valid`, `problems`, remarks); only what goes beyond a ceiling raises CeilingExceeded.
    """
    faults: list[Text] = []
    info = _info(path, said, faults)
    return replace(
        unopened(path, Kind.ARCHIVE, size),
        container="zip",
        archive=info,
        remarks=tuple(Text(f"{path.name}: {fault.en}.", f"{path.name}：{fault.zh}。") for fault in faults),
    )
