"""Decoding a whole file once, to know that it is undamaged."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.model.facts import Stated, Text
from pipeline.probe.av.open import (
    BROKEN,
    FRAMES,
    FULL,
    ISO_MEDIA,
    MICROSECOND,
    PATIENCE,
    allowed,
    opened,
    packets_of,
)
from pipeline.probe.av.streams import ATTACHED_PICTURE, codec_of, disposition, seconds
from pipeline.probe.av.wav import sizes

# A stream may end a little before the length that the container states: the last AAC frame, a rounded header.
_SLACK: Final = Fraction(1, 2)  # seconds
# Frames that follow each other without a container, each with a sync word (ISO/IEC 11172-3, 2.4.1.3; 13818-7, 6.2).
# What stands behind the last one and begins with none is a tag or litter: every player passes it over.
_BARE: Final = frozenset({"mp3", "aac"})


class DecodeResult(NamedTuple):
    """True: everything decoded. False: damaged, the remarks say where. None: it could not be tried."""

    intact: bool | None
    remarks: tuple[Text, ...]


def begins(path: Path, format_: str, indexes: Sequence[int]) -> bool:
    """Whether a picture or a sound comes out of the first packets of the streams with these indexes.

    Opened with the least effort: what stands in a header is read elsewhere. Raises Unreadable.
    """
    # Nearly always the first packet is enough, and a decoder that is told so need not wait for more.
    return _comes(path, format_, indexes, 1) or _comes(path, format_, indexes, PATIENCE)


def _comes(path: Path, format_: str, indexes: Sequence[int], most: int) -> bool:
    with opened(path, format_) as container:
        streams = [s for s in container.streams if s.index in indexes and allowed(s)]
        context: Any
        for stream in streams:
            context = stream.codec_context
            context.thread_type, context.thread_count = "NONE", 1  # to start them takes longer than one picture
        with suppress(*BROKEN):  # the end of what can be read
            for packet in islice(packets_of(container, streams), most):
                context = packet.stream.codec_context
                with suppress(*BROKEN):  # the next packet may be whole
                    if any(isinstance(frame, FRAMES) for frame in packet.decode()):
                        return True
                    if most == 1 and packet.size and any(isinstance(one, FRAMES) for one in context.decode(None)):
                        return True
    return False


def decode_all(path: Path, format_: str) -> DecodeResult:
    """Decode every picture and every sound of the file once. Memory stays that of a few frames."""
    with opened(path, format_, FULL) as container:
        # Damage to a cover takes nothing from the sound or the pictures.
        played = (s for s in container.streams if s.type in {"video", "audio"})
        streams = [s for s in played if not disposition(s) & ATTACHED_PICTURE]
        refused = [s for s in streams if not allowed(s)]
        if refused or not streams:
            names = ", ".join(codec_of(s) or "?" for s in refused) or "-"
            return DecodeResult(
                None,
                (
                    Text(
                        f"Not decoded: no decoder on the allow-list for {names}.",
                        f"未解码：允许列表中没有 {names} 的解码器。",
                    ),
                ),
            )
        for stream in streams:
            context: Any = stream.codec_context
            # Sound in one thread: it is quick, and what is said of damage is then the same every time.
            context.thread_type = "AUTO" if stream.type == "video" else "NONE"
            # Report damage instead of painting over it.
            context.options = {"err_detect": "explode"} if stream.type == "video" else {}
        packets = dict.fromkeys((s.index for s in streams), 0)
        steps = dict.fromkeys(packets, 0)  # how long the last one is seen or heard; those that end a stream do not say
        shown = dict.fromkeys(packets, 0)  # frames that came out of them
        reached = ends = Fraction(0)
        litter = False
        try:
            for packet in packets_of(container, streams):
                if packet.is_corrupt and not _read_to_the_end(path, format_):
                    return _damaged(reached, "a damaged packet", "数据包损坏")
                if litter and packet.size:
                    return _damaged(reached, "something that is no sound", "夹有非音频数据")
                if format_ in _BARE and packet.size and shown[packet.stream.index] and not _syncs(bytes(packet)):
                    litter = True
                    continue
                # Not packet.stream_index, which is 0 in the empty packets that end each stream.
                packets[packet.stream.index] += bool(packet.size)
                steps[packet.stream.index] = packet.duration or steps[packet.stream.index]
                for frame in packet.decode():
                    if not isinstance(frame, FRAMES):
                        continue
                    if frame.is_corrupt:
                        return _damaged(reached, "a damaged frame", "画面损坏")
                    shown[packet.stream.index] += 1
                    reached = max(reached, seconds(frame.pts, frame.time_base) or reached)
                    lasts = seconds(steps[packet.stream.index], packet.stream.time_base) or Fraction(0)
                    ends = max(ends, reached + lasts)
        except MemoryError:  # one of FFmpeg's errors as well, and no damage
            raise
        except BROKEN as error:
            reason = getattr(error, "strerror", None) or str(error)
            return _damaged(reached, reason, reason)
        if not any(shown.values()) or any(packets[index] and not frames for index, frames in shown.items()):
            return _damaged(reached, "nothing to see or hear comes out", "没有解码出画面或声音")
        short = [s for s in streams if format_ in ISO_MEDIA and s.type == "video" and packets[s.index] < s.frames]
        if short:
            found, stated = packets[short[0].index], short[0].frames
            return _damaged(reached, f"{found} of {stated} frames are there", f"{stated} 帧中仅有 {found} 帧")
        length = seconds(container.duration, MICROSECOND) or Fraction(0)
        begin = seconds(container.start_time, MICROSECOND) or Fraction(0)
        if ends < begin + length - max(_SLACK, length / 100):
            return _damaged(reached, f"{float(length):.2f} s are announced", f"文件头声明时长 {float(length):.2f} 秒")
    return DecodeResult(True, ())


def _read_to_the_end(path: Path, format_: str) -> bool:
    """Whether the last packet may be short: of a WAV that does not say truly how long it is."""
    return format_ == "wav" and sizes(path) in {Stated.UNTRUE, Stated.SHORT}


def _syncs(data: bytes) -> bool:
    return data[:1] == b"\xff" and data[1:2] >= b"\xe0"


def _damaged(at: Fraction, en: str, zh: str) -> DecodeResult:
    text = Text(
        f"Decoding stops being right near {float(at):.2f} s: {en}. Export the file again.",
        f"约 {float(at):.2f} 秒处解码出错：{zh}。请重新导出该文件。",
    )
    return DecodeResult(False, (text,))
