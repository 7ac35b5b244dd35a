"""Decoding the recordings in a package, one at a time, under a name of our own."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pipeline.errors import AssetError
from pipeline.model.facts import MediaInfo, Text
from pipeline.probe.archive.copied import MOST, copied
from pipeline.probe.archive.zip import BadZip, Member, Zip
from pipeline.probe.av.decode import DecodeResult, decode_all
from pipeline.probe.av.open import OPENS, opens_as


def clips_decoded(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts with `intact`: False where a recording is damaged, None where one could not be tried."""
    if info.archive is None or not info.archive.valid:
        return info
    results: list[DecodeResult] = []
    with Zip(path) as archive:
        for member, entry in zip(archive.members, info.archive.entries, strict=True):
            if entry.format in OPENS and not entry.encrypted:
                found = _decoded(archive, member)
                named = tuple(
                    Text(f"{entry.name}: {remark.en}", f"{entry.name}：{remark.zh}") for remark in found.remarks
                )
                results.append(DecodeResult(found.intact, named))
    verdicts = {result.intact for result in results}
    intact = False if False in verdicts else None if None in verdicts else True  # other entries: their sums agree
    return replace(info, intact=intact, remarks=info.remarks + tuple(r for one in results for r in one.remarks))


def _decoded(archive: Zip, member: Member) -> DecodeResult:
    from pipeline.probe import probe

    if member.size > MOST:
        return DecodeResult(None, (Text("not decoded: larger than a recording is", "未解码：超过单条录音的大小上限"),))
    try:
        with copied(archive, member) as here:
            return decode_all(here, opens_as(str(probe(here).container)))  # probing keeps to the ceilings
    except (AssetError, BadZip) as error:
        return DecodeResult(False, (error.text,))
