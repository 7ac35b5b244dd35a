"""Everything that is proven about a new video or sound file, with the files at hand.

What was copied is proven by its bytes: the same coded frames need no decoding and no comparison of pictures.
What was encoded is decoded whole once and, where it is a picture, compared with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline import quality, verify
from pipeline.convert.recipe import Recipe, recipe
from pipeline.model import Kind, MediaInfo, Plan, Proof, Role
from pipeline.tools import ceilings, process, programs
from pipeline.tools.ffmpeg import HEAD, pulse, reading

_HASHED: Final = re.compile(r"^(\d+),[vas],SHA256=([0-9a-f]{64})$", re.MULTILINE)


def media(
    source: Path, info: MediaInfo, made: Path, output: MediaInfo, plan: Plan, role: Role, work: Path
) -> tuple[Proof, ...]:
    """The proofs of `made` (facts `output`), which `plan` made of `source` (facts `info`).

    Raises TimedOut and ToolFailed.
    """
    proofs: list[Proof] = []
    for proof in _media(source, info, made, output, plan, role, work):
        proofs.append(proof)
        if not proof.passed:
            break  # what follows costs time and would tell the same in other words
    return tuple(proofs)


def _media(
    source: Path, info: MediaInfo, made: Path, output: MediaInfo, plan: Plan, role: Role, work: Path
) -> Iterator[Proof]:
    from pipeline.probe import timeline  # brings PyAV, which only workers load

    followed = recipe(info, plan, role)
    before = timeline.read(source, info.video[0].index) if info.video and output.video else None
    after = timeline.read(made, output.video[0].index) if output.video else None
    info, output = timeline.measured(info, before), timeline.measured(output, after)
    yield from verify.prove(info, output, plan)
    if output.kind is Kind.VIDEO:
        yield Proof(
            name="timestamps",
            expected="never fall back",
            found="unreadable" if after is None else "never fall back" if after.rising else "fall back",
            passed=after is not None and after.rising,
        )
    copied = _copied(followed, output)
    same = identical(source, made, copied, work) if copied else None
    if same is not None and same.passed:
        yield same  # where it is not, the wrapping may differ, and decoding tells
    changed = followed.picture is not None or any(followed.sounds) or not copied
    if changed or same is None or not same.passed:
        sound_only = followed.picture is None and same is not None and same.passed
        yield verify.decoded(made, output, work, sound_only=sound_only)
    if followed.picture is not None and output.video:
        yield from quality.measure(source, info, before, followed, made, output, role, work)


def _copied(followed: Recipe, output: MediaInfo) -> tuple[tuple[int, int], ...]:
    """Index in the source and index in the output of every stream that was only copied; none where it was cut."""
    if followed.length is not None:
        return ()
    pairs = []
    if followed.video and followed.picture is None and output.video:
        pairs.append((followed.video.index, output.video[0].index))
    for old, made, new in zip(followed.audio, followed.sounds, output.audio, strict=False):
        if made is None:
            pairs.append((old.index, new.index))
    return tuple(pairs)


def identical(source: Path, made: Path, pairs: tuple[tuple[int, int], ...], work: Path) -> Proof:
    """Whether the coded frames of the paired streams (source index, output index) are the same bytes.

    Containers may store the same frames in different wrapping (H.264 in MPEG-TS and in MP4); then it fails, and
    only decoding can tell.
    """
    links = {"in0": source, "made0": made}
    for name, target in links.items():
        (work / name).unlink(missing_ok=True)
        (work / name).symlink_to(target.resolve())
    maps = [word for old, new in pairs for word in ("-map", f"0:{old}", "-map", f"1:{new}")]
    written = work / "hashes.txt"
    hashing = ("-c", "copy", "-f", "streamhash", "-hash", "sha256", written.name)
    command = (programs.ffmpeg(), *HEAD, *reading("in0"), *reading("made0"), *maps, *hashing)
    try:
        process.run(command, cwd=work, ceiling=ceilings.FFMPEG, pulse=pulse)
        found = dict(_HASHED.findall(written.read_text())) if written.exists() else {}
    finally:
        for name in (*links, written.name):
            (work / name).unlink(missing_ok=True)
    equal = [
        found.get(str(2 * n)) is not None and found[str(2 * n)] == found.get(str(2 * n + 1)) for n in range(len(pairs))
    ]
    return Proof(
        name="copied streams",
        expected=f"{len(pairs)} with the same coded frames",
        found=f"{sum(equal)} with the same coded frames",
        passed=all(equal),
    )
