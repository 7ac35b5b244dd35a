"""Everything that is proven about a new video or sound file, with the files at hand.

What was copied is proven by its bytes: the same coded frames need no decoding and no comparison of pictures.
What was encoded is decoded whole once and, where it is a picture, compared with what its encoder was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pipeline.convert.av import split as parts
from pipeline.convert.av.recipe import Recipe, recipe
from pipeline.model.facts import Kind, MediaInfo, Text
from pipeline.model.results import Made, Part, Plan, Proof
from pipeline.model.rules import Role
from pipeline.storage.digest import file_state
from pipeline.verify import quality
from pipeline.verify.compare import prove
from pipeline.verify.decode import decoded

if TYPE_CHECKING:
    from pipeline.probe.av.packets import Coded
    from pipeline.probe.av.timeline import Timeline

_COLOURS: Final = ("color_primaries", "color_transfer", "color_matrix", "color_range")
_BT709: Final = ("bt709", "bt709", "bt709", "tv")
_RISING: Final = Text("never fall back", "从不倒退")
_UNREADABLE: Final = Text("unreadable", "无法读取")
Pairs = tuple[tuple[int, int], ...]  # index in the source and index in the output of what was only copied


def media(
    source: Path, info: MediaInfo, one: Made, output: MediaInfo, plan: Plan, role: Role, work: Path
) -> tuple[Proof, ...]:
    """The proofs of what was made (facts `output`) by `plan` of `source` (facts `info`), or of a part of it.

    Raises TimedOut and ToolFailed.
    """
    proofs: list[Proof] = []
    for proof in _media(source, info, one, output, plan, role, work):
        proofs.append(replace(proof, name=_numbered(one.part, proof.name)) if one.part else proof)
        if not proof.passed:
            break  # what follows costs time and would tell the same in other words
    return tuple(proofs)


def _numbered(part: Part, name: Text) -> Text:
    if part.alone:
        return name
    return Text(f"part {part.number}: {name.en}", f"第 {part.number} 份：{name.zh}")


def _media(
    source: Path, info: MediaInfo, one: Made, output: MediaInfo, plan: Plan, role: Role, work: Path
) -> Iterator[Proof]:
    from pipeline.probe.av import timeline  # brings PyAV, which only workers load

    made, part = Path(one.path), one.part
    followed = recipe(info, plan, role, part)
    copied = _copied(followed, output)
    # One reading of either file tells times and digests; each waits for its disk and hashes on its own.
    with ThreadPoolExecutor(1) as other:
        index = info.video[0].index if info.video and output.video else None
        digested = [old for old, _ in copied] if part is None else []
        theirs = other.submit(_source_line, source, file_state(source), index, tuple(digested))
        after = timeline.read(made, output.video[0].index if output.video else None, [new for _, new in copied])
        before = theirs.result()
    origin = info.start or Fraction(0)
    info, output = timeline.measured(info, before), timeline.measured(output, after)
    whole: dict[int, Coded] = {}
    if part:
        whole = _whole(source, file_state(source), tuple(old for old, _ in copied))
        info, plan = _part_alone(info, plan, part, followed, whole, origin)
    compared = prove(info, output, plan)
    if before and before.restarts is not None and not all(proof.passed for proof in compared):
        yield Proof(
            name=Text("clock of the source", "源文件时钟"),
            expected=Text("runs on", "连续"),
            found=Text(
                f"starts again at {float(before.restarts):.2f} s: several recordings in one file, or damage",
                f"在 {float(before.restarts):.2f} s 处重新开始：一个文件含多段录制，或已损坏",
            ),
            passed=False,
        )
    yield from compared
    if output.kind is Kind.VIDEO:
        yield Proof(
            name=Text("timestamps", "时间戳"),
            expected=_RISING,
            found=_UNREADABLE if after is None else _RISING if after.rising else Text("fall back", "有倒退"),
            passed=after is not None and after.rising,
        )
    yield from _tags(followed, info, output)
    same = None
    strict = part is not None and followed.source in parts.ENTERED  # where it is not, the wrapping may differ
    if copied and part and after:
        first = before.start if before and not part.start else origin + (part.start or 0)
        same = _excerpts(whole, made, copied, part, (origin, first - after.start))
    elif copied:
        same = identical(before, after, copied)
    if followed.picture is None:
        if same is not None and (same.passed or strict):
            yield same  # else decoding tells
        # A part begins where its source was entered: whether that needs nothing of before, decoding alone tells.
        sound_only = same is not None and same.passed and not part
        if not sound_only or any(followed.sounds):
            yield decoded(made, output, work, sound_only=sound_only)
        return
    if same and (same.passed or strict):
        yield same
    if one.reference is None:  # made of the twin of this source, and compared with what its encoder was given there
        yield decoded(made, output, work)
    else:
        yield from quality.measure(made, output, followed.picture, one.reference, role, work)


@lru_cache(maxsize=1)  # each part of a source asks again; its state is part of the question
def _source_line(source: Path, _: str, index: int | None, digested: tuple[int, ...]) -> Timeline | None:
    from pipeline.probe.av import timeline

    return timeline.read(source, index, digested)


@lru_cache(maxsize=1)
def _whole(source: Path, _: str, indices: tuple[int, ...]) -> dict[int, Coded]:
    from pipeline.probe.av import packets

    return packets.read(source, indices) if indices else {}


def _part_alone(
    info: MediaInfo, plan: Plan, part: Part, followed: Recipe, whole: dict[int, Coded], origin: Fraction
) -> tuple[MediaInfo, Plan]:
    """Source and plan as if the source were this part alone."""
    from pipeline.probe.av import packets

    plan = replace(plan, fixes=tuple(fix for fix in plan.fixes if fix.check != "media.duration"))
    info = parts.facts(info, part)
    begin = part.start or Fraction(0)
    if followed.picture is None or not begin:
        return info, plan
    # Beside a picture cut anywhere, sound that was copied begins with its first whole frame.
    copied = {s.index for s, made in zip(followed.audio, followed.sounds, strict=True) if made is None}
    starts = {
        i: at - origin - begin for i in copied if (at := packets.first_from(whole[i], origin + begin)) is not None
    }
    return replace(info, audio=tuple(replace(s, start=starts.get(s.index, s.start)) for s in info.audio)), plan


def together(info: MediaInfo, asked: Sequence[Part], outputs: Sequence[MediaInfo]) -> Proof:
    """Whether all parts last as long as what was asked of their source, up to a frame of sound each."""
    lengths = [output.duration or Fraction(0) for output in outputs]
    slack = Fraction(len(lengths), 10)
    found = sum(lengths, Fraction(0))
    expected = sum((parts.facts(info, part).duration or Fraction(0) for part in asked), Fraction(0))
    return Proof(
        name=Text("all parts together", "各份合计"),
        expected=Text(
            f"{float(expected):.3f} s within {float(slack):.1f} s",
            f"{float(expected):.3f} s，误差 {float(slack):.1f} s 内",
        ),
        found=Text(f"{float(found):.3f} s in {len(lengths)} parts", f"{float(found):.3f} s，共 {len(lengths)} 份"),
        passed=abs(found - expected) <= slack,
    )


def _tags(followed: Recipe, info: MediaInfo, output: MediaInfo) -> Iterator[Proof]:
    """Whether the picture says of its colours what its pixels now are: BT.709 once encoded, else as in the source."""
    if not (followed.video and output.video):
        return
    stream = next(s for s in info.video if s.index == followed.video.index)
    expected = _BT709 if followed.picture is not None else tuple(getattr(stream, key) for key in _COLOURS)
    found = tuple(getattr(output.video[0], key) for key in _COLOURS)
    if not any(expected):
        return  # untagged and copied: nothing was promised
    shown = [Text.same(" ".join(word or "-" for word in words)) for words in (expected, found)]
    # Limited range is what no word about it means: containers without a word for it alone say nothing.
    told = (*found[:3], found[3] or "tv")
    wrong = [a for a, b in zip(expected, told, strict=True) if a is not None and a != b]
    yield Proof(name=Text("colour tags", "颜色标记"), expected=shown[0], found=shown[1], passed=not wrong)


def _copied(followed: Recipe, output: MediaInfo) -> Pairs:
    """Every stream that was only copied; none where it was cut off."""
    if followed.length is not None:
        return ()
    pairs = []
    if followed.video and followed.picture is None and output.video:
        pairs.append((followed.video.index, output.video[0].index))
    for old, made, new in zip(followed.audio, followed.sounds, output.audio, strict=False):
        if made is None:
            pairs.append((old.index, new.index))
    return tuple(pairs)


def _alike(count: int) -> Text:
    return Text(f"{count} with the same coded frames", f"{count} 条，编码帧完全相同")


def _equal(pairs: Pairs, alike: Callable[[int, int], bool]) -> Proof:
    equal = sum(alike(old, new) for old, new in pairs)
    return Proof(
        name=Text("copied streams", "直接复制的流"),
        expected=_alike(len(pairs)),
        found=_alike(equal),
        passed=equal == len(pairs),
    )


def identical(before: Timeline | None, after: Timeline | None, pairs: Pairs) -> Proof:
    """Whether the coded frames of the paired streams are the same bytes.

    Containers may store the same frames in different wrapping (H.264 in MPEG-TS and in MP4); then it fails, and
    only decoding can tell.
    """
    old, new = (dict(line.digests) if line else {} for line in (before, after))
    return _equal(pairs, lambda a, b: a in old and old[a] == new.get(b))


def _excerpts(
    whole: dict[int, Coded], made: Path, pairs: Pairs, part: Part, clocks: tuple[Fraction, Fraction]
) -> Proof:
    """As `identical`, for a part: all frames that are shown in it, and none off their time."""
    from pipeline.probe.av import packets

    origin, shift = clocks
    begin = origin + (part.start or 0)
    end = None if part.length is None else begin + part.length
    held = packets.read(made, [new for _, new in pairs])
    wrong = {new: said for old, new in pairs if (said := packets.excerpt(whole[old], held[new], shift, begin, end))}
    proof = _equal(pairs, lambda _, new: new not in wrong)
    for new, said in wrong.items():
        why = Text(f"; stream {new}: {said.en}", f"；第 {new} 条流：{said.zh}")
        proof = replace(proof, found=proof.found.plus(why))
    return proof
