"""Joining short clips to one recording, where a scenario takes a single one: a prompt for an instant voice.

Done by pydub, in memory: for prompts, never for long files.
"""

from __future__ import annotations

import warnings
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.convert.package.build import Clip, mono_wave
from pipeline.errors import AssetError

LONGEST: Final = 120  # seconds altogether
_PAUSE: Final = 300  # milliseconds between two clips: as between two sentences
_FADE: Final = 5  # milliseconds at either end of a clip, against clicks


def join(clips: Sequence[Clip], target: Path, work: Path) -> Path:
    """Write the clips one after the other, with short pauses, as the mono 16-bit WAV `target`.

    Raises AssetError for clips of different sample rates and for more than LONGEST seconds, Unreadable for a clip
    that does not decode.
    """
    from pipeline.probe import probe

    with warnings.catch_warnings():
        # On import it warns of a missing ffmpeg, which it is not asked to run, and of audioop's coming end.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    infos = [probe(clip.path) for clip in clips]
    if sum(info.duration or 0 for info in infos) > LONGEST:
        raise AssetError(
            f"together the {len(clips)} clips last longer than {LONGEST} s; this joins prompts, not long recordings. "
            "Take some out.",
            f"{len(clips)} 条录音合计超过 {LONGEST} 秒；此处仅用于拼接短样本。请减少条数。",
        )
    rates = sorted({stream.sample_rate or 0 for info in infos for stream in info.audio[:1]})
    if len(rates) > 1:
        raise AssetError(
            f"the clips have different sample rates ({', '.join(map(str, rates))} Hz). Record them alike, or bring "
            "them to one rate first.",
            f"各录音采样率不一致（{'、'.join(map(str, rates))} Hz）。请统一录制参数，或先转换为同一采样率。",
        )
    whole = AudioSegment.empty()
    for number, (clip, info) in enumerate(zip(clips, infos, strict=True)):
        with wave.open(str(mono_wave(clip.path, info, work, number)), "rb") as file:
            samples = file.readframes(file.getnframes())
            part = AudioSegment(data=samples, sample_width=2, frame_rate=file.getframerate(), channels=1)
        pause = AudioSegment.silent(_PAUSE if number else 0, frame_rate=part.frame_rate)
        whole += pause + part.fade_in(_FADE).fade_out(_FADE)
    whole.export(str(target), format="wav").close()
    return target
