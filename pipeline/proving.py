"""Everything that is proven about a new video or sound file, with the files at hand.

What was copied is proven by its bytes: the same coded frames need no decoding and no comparison of pictures.
What was encoded is decoded whole once and, where it is a picture, compared with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from pipeline import quality, verify
from pipeline.convert.recipe import Recipe, recipe
from pipeline.model import Kind, MediaInfo, Plan, Proof, Role
from pipeline.tools import ceilings, process, programs
from pipeline.tools.ffmpeg import HEAD, pulse, reading

_COLOURS: Final = ("color_primaries", "color_transfer", "color_matrix", "color_range")
_BT709: Final = ("bt709", "bt709", "bt709", "tv")
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
    yield from _tags(followed, info, output)
    copied = _copied(followed, output)
    if followed.picture is None:
        same = identical(source, made, copied, work) if copied else None
        if same is not None and same.passed:
            yield same  # where it is not, the wrapping may differ, and decoding tells
        sound_only = same is not None and same.passed
        if not sound_only or any(followed.sounds):
            yield verify.decoded(made, output, work, sound_only=sound_only)
        return
    # Three programs at once: none of them alone keeps every processor busy.
    with ThreadPoolExecutor(2) as others:
        decoding = others.submit(verify.decoded, made, output, work)
        hashing = others.submit(identical, source, made, copied, work) if copied else None
        compared = tuple(quality.measure(source, info, before, followed, made, output, role, work))
        if hashing and (same := hashing.result()).passed:
            yield same
        yield decoding.result()
        yield from compared


def _tags(followed: Recipe, info: MediaInfo, output: MediaInfo) -> Iterator[Proof]:
    """Whether the picture says of its colours what its pixels now are: BT.709 once encoded, else as in the source."""
    if not (followed.video and output.video):
        return
    stream = next(s for s in info.video if s.index == followed.video.index)
    expected = _BT709 if followed.picture is not None else tuple(getattr(stream, key) for key in _COLOURS)
    found = tuple(getattr(output.video[0], key) for key in _COLOURS)
    if not any(expected):
        return  # untagged and copied: nothing was promised
    shown = [" ".join(word or "-" for word in words) for words in (expected, found)]
    wrong = [a for a, b in zip(expected, found, strict=True) if a is not None and a != b]
    yield Proof(name="colour tags", expected=shown[0], found=shown[1], passed=not wrong)


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
    links = {"in1": source, "made1": made}  # names of its own: it may run beside the other proofs
    for name, target in links.items():
        (work / name).unlink(missing_ok=True)
        (work / name).symlink_to(target.resolve())
    maps = [word for old, new in pairs for word in ("-map", f"0:{old}", "-map", f"1:{new}")]
    written = work / "hashes.txt"
    hashing = ("-c", "copy", "-f", "streamhash", "-hash", "sha256", written.name)
    command = (programs.ffmpeg(), *HEAD, *reading("in1"), *reading("made1"), *maps, *hashing)
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
