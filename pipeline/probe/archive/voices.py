"""What each recording in a package sounds like, by the same measures as one that is alone, one after the other.

They are decoded in this process, which is confined like an outside program: to start one would take longer than to hear
a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Final

import av
from msgspec.structs import replace

from pipeline.checks.archive import base, clips
from pipeline.errors import AssetError, ToolFailed
from pipeline.model.ceilings import MAX_DURATION
from pipeline.model.facts import ArchiveEntry, MediaInfo, Text
from pipeline.model.measured import Speech
from pipeline.probe.archive.copied import MOST, copied
from pipeline.probe.archive.zip import BadZip, Member, Zip
from pipeline.probe.av.open import BROKEN, FULL, allowed, opened, opens_as, packets_of
from pipeline.probe.speech import recogniser
from pipeline.probe.speech.measure import Ear, Heard, judge, shape

_FLOATS: Final = "flt"  # 32 bits, the channels of a sample one after the other: what an ear takes
_UNHEARD: Final = Text(
    "not listened to: it is larger or longer than what is listened to of one package",
    "未试听：超过单个压缩包可试听的大小或时长",
)
_SILENT: Final = Text("nothing to hear comes out", "没有解码出声音")


def heard(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `speech` of each recording, and a remark on each that could not be heard.

    All together are heard for no longer than one file may last. Raises ToolFailed where a recogniser fails.
    """
    package = info.archive
    if package is None or not package.valid:
        return info
    wanted = {entry.name for entry in clips(package) if not entry.encrypted and entry.audio}
    texts = {_stem(entry): entry.text for entry in package.entries if entry.text}
    entries: list[ArchiveEntry] = []
    remarks: list[Text] = []
    left = Fraction(MAX_DURATION)
    with Zip(path) as archive:
        for member, entry in zip(archive.members, package.entries, strict=True):
            speech, why = None, None
            if entry.name in wanted and entry.audio:
                try:
                    speech, lasts = _heard(archive, member, entry, left, texts.get(_stem(entry)))
                    left -= lasts
                    why = None if speech else _UNHEARD
                except ToolFailed:
                    raise
                except (AssetError, BadZip) as error:
                    why = error.text
            if why:
                remarks.append(Text(f"{entry.name}: {why.en}", f"{entry.name}：{why.zh}"))
            entries.append(replace(entry, speech=speech))
    return replace(info, archive=replace(package, entries=tuple(entries)), remarks=(*info.remarks, *remarks))


def carried(path: Path, info: MediaInfo, source: Path, known: MediaInfo) -> MediaInfo:
    """The facts of a package with what its recordings sound like, taken over from the package that it was made of.

    Only where every one of them is there byte for byte and was heard; else all are heard anew. Raises as `heard`.
    """
    if info.archive is None or known.archive is None or not info.archive.valid:
        return heard(path, info)
    wanted = {entry.name for entry in clips(info.archive) if not entry.encrypted and entry.audio}
    entries: list[ArchiveEntry] = []
    with Zip(path) as made, Zip(source) as old:
        sounds = defaultdict[tuple[int, int, int, int], list[tuple[Member, Speech]]](list)
        for member, entry in zip(old.members, known.archive.entries, strict=True):
            if entry.speech is not None:
                sounds[_shape(member)].append((member, entry.speech))
        for member, entry in zip(made.members, info.archive.entries, strict=True):
            speech = None
            if entry.name in wanted:
                alike = sounds[_shape(member)]
                mine = _digest(made, member) if alike else b""
                speech = next((one for other, one in alike if _digest(old, other) == mine), None)
                if speech is None:
                    return heard(path, info)
            entries.append(replace(entry, speech=speech))
    return replace(info, archive=replace(info.archive, entries=tuple(entries)))


def _shape(member: Member) -> tuple[int, int, int, int]:
    return member.method, member.crc, member.packed, member.size


def _digest(archive: Zip, member: Member) -> bytes:
    """Of the bytes as they are packed."""
    found = blake2b(digest_size=32)
    for piece in archive.packed(member):
        found.update(piece)
    return found.digest()


def _stem(entry: ArchiveEntry) -> str:
    return Path(base(entry)).stem


def _heard(
    archive: Zip, member: Member, entry: ArchiveEntry, left: Fraction, text: str | None
) -> tuple[Speech | None, Fraction]:
    """What it sounds like, None where it is too much to hear, and seconds heard.

    Raises AssetError, BadZip.
    """
    if entry.audio is None or member.size > MOST or left <= 0:
        return None, Fraction(0)
    rate, channels = shape(Path(entry.name), entry.audio)
    with copied(archive, member) as here:
        ear = Ear(rate, channels)
        found = _listened(here, entry, ear, left)
        if found is not None and not found.settled:
            ear = Ear(rate, channels, ear.choice, decided=True)
            found = _listened(here, entry, ear, left)
        if found is None:
            return None, left
        said = recogniser.transcribed(here) if text and recogniser.installed() else None
    accuracy = None if said is None or text is None else recogniser.accuracy(text, said)
    return replace(judge(found), text_accuracy=accuracy), found.seconds


def _listened(here: Path, entry: ArchiveEntry, ear: Ear, left: Fraction) -> Heard | None:
    """All that an ear takes of a recording; None where it lasts for more than `left` seconds. Raises AssetError."""
    with opened(here, opens_as(str(entry.format)), FULL) as container:
        stream = container.streams.audio[0]
        floats = av.AudioResampler(format=_FLOATS, rate=ear.frames.rate)
        try:
            for packet in packets_of(container, [stream] if allowed(stream) else []):
                for frame in packet.decode():
                    for one in floats.resample(frame) if isinstance(frame, av.AudioFrame) else ():
                        ear.pour(bytes(one.planes[0])[: one.samples * 4 * ear.channels])
                if ear.seconds > left:
                    return None
        except MemoryError:  # one of FFmpeg's errors as well, and no damage
            raise
        except (*BROKEN, ValueError):  # what came before is heard; that it is damaged is told where it is decoded
            pass
    found = ear.heard("")
    if not found.levels.count:
        raise AssetError(_SILENT.en, _SILENT.zh)
    return found
