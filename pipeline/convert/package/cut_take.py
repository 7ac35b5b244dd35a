"""Cutting one long take into the sentences of its script, with a list of cuts for people to look through.

The list is CSV and can be corrected and given back: what a person has looked at is cut as it stands. Lines that only
their order tells apart need a word: the reader's that they were read in order, or a recogniser that hears them.
"""

from __future__ import annotations

import csv
import io
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from pipeline.convert.av.filters import to_mono
from pipeline.convert.package.align import Cut, match
from pipeline.convert.package.build import Clip, table
from pipeline.errors import AssetError, Unreadable
from pipeline.model import ceilings
from pipeline.model.facts import AudioStream
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import HEAD, link_input, pulse, reading

HEADER: Final = ("clip", "start", "end", "text", "doubt", "alike")
_FADE: Final = 5  # milliseconds at either end of a clip, against clicks
_READ: Final = Fraction(1, 2)  # of a line's letters: with fewer it was another line
_SOURCE: Final = "take"


def find(take: Path, stream: AudioStream, script: Sequence[str]) -> tuple[Cut, ...]:
    """Where each line of `script` is in the take. Raises AssetError where it cannot be told, Unreadable."""
    from pipeline.probe.speech.measure import listen
    from pipeline.probe.speech.spectra import FRAMES

    runs = [(start / FRAMES, end / FRAMES) for start, end in listen(take, stream).activity.runs]
    return match(runs, script, take.name)


def listed(cuts: Sequence[Cut], lang: str = "en") -> str:
    """The cuts as CSV, times in seconds, with what makes a cut doubtful and which lines are too alike to tell."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEADER)
    for number, cut in enumerate(cuts):
        doubt = "; ".join(text.of(lang) for text in cut.doubts)
        alike = " ".join(map(str, cut.alike))
        rows.writerow((number, f"{cut.start:.3f}", f"{cut.end:.3f}", cut.line, doubt, alike))
    return out.getvalue()


def reviewed(text: str, name: str) -> tuple[Cut, ...]:
    """Cuts from such a list, its doubts settled by whoever looked through it. Raises AssetError."""
    cuts: list[Cut] = []
    head, *rows = table(text, name) or [[]]
    for number, cells in enumerate(rows, 2):
        row = dict(zip(head, cells, strict=False))
        try:
            cut = Cut(row["text"].strip(), float(row["start"]), float(row["end"]))
        except (KeyError, ValueError):  # said with the number of its line below
            cut = None
        before = cuts[-1].end if cuts else 0.0
        if cut is None or not cut.line or not 0 <= cut.start < cut.end or cut.start < before:
            raise AssetError(
                f"{name}, line {number}: wanted is clip,start,end,text with times in seconds, in order and without "
                "overlap. Correct it.",
                f"{name} 第 {number} 行：应为 clip,start,end,text，时间以秒计，按顺序且不重叠。请修正。",
            )
        cuts.append(cut)
    return tuple(cuts)


def settled(cuts: Sequence[Cut], name: str, *, in_order: bool) -> None:
    """Raise AssetError when a cut is doubtful: it is for a person to decide, not to be guessed.

    `in_order`: somebody has said, or will hear, that the lines were read in order; else lines that only their order
    tells apart are refused as well.
    """
    doubtful = [(number, cut) for number, cut in enumerate(cuts) if cut.doubts]
    if doubtful:
        number, cut = doubtful[0]
        said = cut.doubts[0]
        raise AssetError(
            f"{name}: {len(doubtful)} of {len(cuts)} cuts are doubtful, first clip {number} "
            f"({cut.start:.1f} s to {cut.end:.1f} s): {said.en}. Look through the list of cuts, correct it and give "
            "it back.",
            f"{name}：{len(cuts)} 处切分中有 {len(doubtful)} 处存疑，首处为片段 {number}"
            f"（{cut.start:.1f} 至 {cut.end:.1f} 秒）：{said.zh}。请核对切分清单，修正后再提交。",
        )
    unsure = [(number, cut) for number, cut in enumerate(cuts) if cut.alike]
    if unsure and not in_order:
        number, cut = unsure[0]
        raise AssetError(
            f"{name}: {len(cuts)} sentences are found, but for {len(unsure)} of them only the order tells which line "
            f"they are: by its length clip {number} ({cut.start:.1f} s to {cut.end:.1f} s) could be "
            f"clip {cut.alike[0]} as well. Were all lines read once and in the order of the script? Then "
            "say so with --in-order; else listen to them by the list of cuts (column alike), "
            "correct it and give it back with --cuts.",
            f"{name}：找到 {len(cuts)} 句，但其中 {len(unsure)} 句仅凭顺序才能对应到行：片段 {number}"
            f"（{cut.start:.1f} 至 {cut.end:.1f} 秒）的时长也与片段 {cut.alike[0]} 的文本相符。"
            "若每行都按脚本顺序读过一遍，请加 --in-order 确认；否则请对照切分清单（alike 列）试听，"
            "修正后用 --cuts 提交。",
        )


def clips(take: Path, stream: AudioStream, cuts: Sequence[Cut], work: Path) -> list[Clip]:
    """The cuts as mono WAV files in the folder `work`: 16 bits, at the rate of the take.

    Decoded once to a file; from it every clip alone is in memory. Raises Unreadable.
    """
    from pipeline.probe.speech.measure import measure

    mix = to_mono(measure(take, stream), stream.channels) if (stream.channels or 1) > 1 else None
    link_input(take, work, _SOURCE)
    decoded = work / "take.wav"
    command = (
        programs.ffmpeg(),
        *HEAD,
        *reading(_SOURCE),
        *("-map", f"0:{stream.index}", *(("-af", mix) if mix else ()), "-ac", "1", "-c:a", "pcm_s16le"),
        *("-map_metadata", "-1", "-fflags", "+bitexact", "-rf64", "never", decoded.name),
    )
    ended = process.run(command, cwd=work, ceiling=ceilings.FFMPEG, pulse=pulse)
    if ended.code != 0 or not decoded.is_file():
        raise Unreadable(
            f"{take.name} could not be decoded: {ended.last_words() or 'no reason given'}. Export it again.",
            f"{take.name} 无法解码：{ended.last_words() or '未说明原因'}。请重新导出。",
        )
    made = []
    with wave.open(str(decoded), "rb") as source:
        rate, length = source.getframerate(), source.getnframes()
        for number, cut in enumerate(cuts):
            first, last = round(cut.start * rate), min(length, round(cut.end * rate))
            if first >= last:
                raise AssetError(
                    f"{take.name}: the cut of clip {number} lies behind its end ({length / rate:.1f} s). Correct it.",
                    f"{take.name}：片段 {number} 的切分超出录音末尾（{length / rate:.1f} 秒）。请修正。",
                )
            source.setpos(first)
            path = work / f"{number}.wav"
            _faded(source.readframes(last - first), rate, path)
            made.append(Clip(path, cut.line))
    decoded.unlink()
    return made


def read_right(clips: Sequence[Clip], name: str) -> None:
    """Compare what is said in each clip with all lines, where a recogniser is installed; lengths alone cannot.

    Raises AssetError for a clip of which less than half was read, or that says another line rather than its own.
    """
    from pipeline.probe.speech import recogniser

    if recogniser.installed() is None:
        return
    lines = {clip.text for clip in clips if clip.text}
    for number, clip in enumerate(clips):
        said = recogniser.transcribed(clip.path)
        share = recogniser.accuracy(clip.text or "", said)
        if share is None:
            continue
        others = [recogniser.accuracy(line, said) or 0 for line in lines if line != clip.text]
        if share < _READ or share <= max(others, default=0):
            raise AssetError(
                f"{name}: clip {number} says something else than {clip.text!r} ({float(share):.0%} of it is heard). "
                "Correct the list of cuts or record again.",
                f"{name}：片段 {number} 的内容与 {clip.text!r} 不符（仅识别出 {float(share):.0%}）。"
                "请修正切分清单或重录。",
            )


def _faded(samples: bytes, rate: int, path: Path) -> None:
    """One short clip with its ends faded, by pydub, in memory."""
    import warnings

    with warnings.catch_warnings():
        # On import it warns of a missing ffmpeg, which it is not asked to run, and of audioop's coming end.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    clip = AudioSegment(data=samples, sample_width=2, frame_rate=rate, channels=1)
    clip.fade_in(_FADE).fade_out(_FADE).export(str(path), format="wav").close()
