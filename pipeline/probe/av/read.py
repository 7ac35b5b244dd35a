"""Facts about video and audio files, through PyAV; only workers import this.

The container is the one that sniffing found, never FFmpeg's own guess. Nothing is decoded
beyond the few packets from which FFmpeg learns a codec's parameters, and of H.264 not even those. Interlacing
is what the codec's header says, else its first frame; a progressive stream that holds woven fields is not found out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import (
    MAX_CHANNELS,
    MAX_DURATION,
    MAX_FRAME_RATE,
    MAX_INDEX,
    MAX_PIXEL_RATE,
    MAX_PIXELS,
    MAX_SAMPLE_RATE,
    MAX_SIDE,
    MAX_SOUND_RATE,
    MAX_STREAMS,
    MAX_TAG,
    MAX_TAGS,
)
from pipeline.model.facts import AudioStream, Kind, MediaInfo, Stated, Text, VideoStream
from pipeline.probe.av import timing
from pipeline.probe.av.matroska import read_tracks
from pipeline.probe.av.mp4 import Boxes, Track, read_boxes
from pipeline.probe.av.open import (
    ISO_MEDIA,
    LENGTHS_HEARD,
    MICROSECOND,
    OPENS,
    STARTS_HEARD,
    allowed,
    interlaced,
    opened,
)
from pipeline.probe.av.streams import ATTACHED_PICTURE, audio_facts, codec_of, disposition, seconds, video_facts
from pipeline.probe.av.tags import tags_of
from pipeline.probe.av.truncation import missing_bytes, mp3_padding
from pipeline.probe.av.wav import sizes, wav
from pipeline.probe.sniff.mpeg_audio import adts_frame, count, mp3_frame
from pipeline.probe.unopened import unopened

if TYPE_CHECKING:
    from av.container import InputContainer

_HEAD: Final = 1 << 16  # bytes of a WAV in which its format and length are looked for
_COUNTED: Final = {"aac": adts_frame, "mp3": mp3_frame}
_ONE_LENGTH: Final = frozenset({"matroska", "flv"})  # demuxers of containers that tell one length for all streams
_RATE_OF_ONE: Final = 240  # frames per second; of a single frame a header's higher rate is its clock


def read(path: Path, size: int, format: str) -> MediaInfo:  # noqa: A002  the word of the interface
    """Facts about the media file at `path` of `size` bytes; `format` as sniffed.

    `intact` is False when the container shows that bytes are missing, else None: see `pipeline.probe.decode`.
    Raises Unreadable and CeilingExceeded.
    """
    if format not in OPENS:
        remark = Text(
            f"{format} is recognised but not opened: no scenario accepts it.",
            f"识别为 {format}，但不打开：没有场景接受该格式。",
        )
        kind = Kind.VIDEO if format in {"mpegvideo", "rm"} else Kind.AUDIO
        return replace(unopened(path, kind, size), container=format, remarks=(remark,))
    boxes = read_boxes(path, size) if format in ISO_MEDIA else None
    if boxes is not None and not boxes.moov:
        raise Unreadable(
            f"{path.name} has no whole index (moov): recording was not finished or the file was cut short. "
            "Send the whole file again or export it again.",
            f"{path.name} 缺少完整的索引（moov）：录制未完成或文件被截断。请重新发送完整文件或重新导出。",
        )
    if boxes is not None and len(boxes.tracks) > MAX_STREAMS:
        raise _too_many(path, len(boxes.tracks))
    if boxes is not None:
        _within(path, [("entries of its index", "个索引条目", boxes.index, MAX_INDEX)])
    if format in {"mp3", "aac", "flac"}:
        tags = tags_of(path)
        _within(
            path,
            [
                ("tags", "个标签", tags.number, MAX_TAGS),
                ("bytes of packed tags", "字节压缩标签", tags.unpacked, MAX_TAG),
            ],
        )
    if format == "asf" and _protected(path):
        raise _encrypted(path)
    with opened(path, format) as container:
        info = _facts(path, size, format, container, boxes)
    unsure = [v.index for v in info.video if v.interlaced is None and v.codec]
    if unsure:
        fields = {index: interlaced(path, format, index) for index in unsure}
        info = replace(info, video=tuple(replace(v, interlaced=fields.get(v.index, v.interlaced)) for v in info.video))
    return info


def _facts(path: Path, size: int, format_: str, container: InputContainer, boxes: Boxes | None) -> MediaInfo:
    if not container.streams.video and not container.streams.audio:
        raise Unreadable(
            f"{path.name} is a {format_} file without pictures or sound. Export it again.",
            f"{path.name} 为 {format_} 文件，但不含画面或声音。请重新导出。",
        )
    if len(container.streams) > MAX_STREAMS:
        raise _too_many(path, len(container.streams))
    if boxes:
        tracks = {s.index: boxes.tracks[s.id] for s in container.streams if s.id in boxes.tracks}
    else:
        tracks = read_tracks(path) if OPENS[format_] == "matroska" else {}
    if any(track.encrypted for track in tracks.values()):
        raise _encrypted(path)
    pictures = [s for s in container.streams.video if not disposition(s) & ATTACHED_PICTURE]
    covers = [s for s in container.streams.video if disposition(s) & ATTACHED_PICTURE]
    timed = [boxes.tracks[s.id] for s in pictures if s.id in boxes.tracks] if boxes else []
    if timed and not container.streams.audio and all(track.at_once for track in timed):
        raise Unreadable(
            f"{path.name} shows all its pictures at one time: there is nothing to play. Export it again.",
            f"{path.name} 的所有画面都在同一时刻：无法播放。请重新导出。",
        )
    video = tuple(video_facts(s, tracks.get(s.index)) for s in pictures)
    audio = tuple(audio_facts(s) for s in container.streams.audio)
    missing = boxes.missing if boxes else missing_bytes(path, size, format_)
    cut = bool(missing) or (boxes is not None and _beyond_end(container, size))
    untimed = [s for s, facts in zip(pictures, video, strict=True) if facts.variable is None]
    # A transport stream tells when the last packet of sound begins, and a packet holds many frames.
    late = OPENS[format_] == "mpegts" and not pictures
    times: timing.Times | None = None
    if untimed or late:
        # Containers that tell the length of each stream are believed; these have only one for all.
        unmeasured = container.streams.audio if late or OPENS[format_] in _ONE_LENGTH else ()
        times = timing.read(container, untimed, unmeasured, cut=cut)
    start = seconds(container.start_time, MICROSECOND)
    if (
        times and OPENS[format_] == "matroska"
    ):  # of which FFmpeg guesses what is decoded when, and then what is seen first
        video = tuple(map(times.begun, video))
        shown = [one.start for one in video if one.start is not None]
        start = min(shown if start is None else [start, *shown], default=None)
    if OPENS[format_] == "matroska" and not STARTS_HEARD:
        audio = tuple(_heard(sound, tracks.get(sound.index)) for sound in audio)
        starts = [*(v.start for v in video), *(sound.start for sound in audio)]
        start = min((one for one in starts if one is not None), default=start)
    length = seconds(container.duration, MICROSECOND) or None
    if format_ == "mp3" and not LENGTHS_HEARD and length and audio[0].sample_rate:
        length -= Fraction(mp3_padding(path), audio[0].sample_rate)
        audio = tuple(replace(sound, duration=length) for sound in audio)
    stated = sizes(path) if format_ == "wav" else None
    if stated is Stated.SHORT:
        length = _wav_length(path, size, to_the_end=True)
        audio = tuple(replace(sound, duration=length) for sound in audio)
    elif stated and length is None:  # FFmpeg has no word for a recording of nothing
        length = _wav_length(path, size)
    if OPENS[format_] == "matroska" and length:
        length, video, audio = _from_start(start, length, video, audio)
    kind = Kind.VIDEO if video or not audio else Kind.AUDIO
    damaged = False
    remarks = list(_remarks(container, tracks))
    # Without a header FFmpeg guesses the length from the bit rate, and what a header tells need not be so.
    if format_ in _COUNTED and (counted := count(path, size, _COUNTED[format_])) is not None:
        if missing is None:
            length, cut, damaged = counted.seconds, cut or counted.cut, counted.damaged
        elif hertz := audio[0].sample_rate:
            length = _untold(path, counted.seconds, length, hertz)
        audio = tuple(replace(sound, duration=length) for sound in audio)
    elif format_ in _COUNTED and missing is None:
        length, audio = None, tuple(replace(sound, duration=None) for sound in audio)
    if damaged:
        remarks.append(
            Text(
                "There are bytes between the sound frames that belong to none.",
                "音频帧之间存在多余字节。",
            )
        )
    if cut:
        remarks.append(
            Text(
                "The file ends before the media data that it announces: it was cut short.",
                "文件在其声明的媒体数据结束之前终止：文件被截断。",
            )
        )
    if unread := any(not s.codec_context.width for s in covers):  # FFmpeg copies none of which it knows no size
        remarks.append(
            Text(
                "Its cover cannot be read, and goes into nothing that is made of it.",
                "其封面无法读取，不会写入生成的文件。",
            )
        )
    if times:
        video, audio = tuple(map(times.picture, video)), tuple(map(times.sound, audio))
    if late and all(sound.duration is not None for sound in audio):
        length = max(sound.duration for sound in audio if sound.duration is not None)
    video = tuple(map(_moving, video))
    _within_ceilings(path, video, audio, length)
    return replace(
        unopened(path, kind, size),
        container=_container(format_, kind),
        brand=boxes.brand if boxes else None,
        faststart=boxes.faststart if boxes else None,
        sizes=stated,
        start=start,
        duration=length,
        bit_rate=container.bit_rate or None,
        video=video,
        audio=audio,
        covers=0 if unread else len(covers),
        # Subtitles, timecode, data, attachments.
        others=tuple(codec_of(s) or s.type for s in container.streams if s.type not in {"video", "audio"})
        + ("unknown",) * (len(covers) if unread else 0),
        intact=False if cut or damaged else None,
        remarks=tuple(remarks),
    )


def _moving(picture: VideoStream) -> VideoStream:
    """Without the rate that a header claims of a stream that has no two frames to tell it by."""
    rate, frames = picture.frame_rate, picture.frames
    if rate is None or frames is None or frames > 1:
        return replace(picture, frame_rate=rate and timing.usual(rate, frames))
    return replace(picture, frame_rate=rate if rate <= _RATE_OF_ONE else None)


_AGREES: Final = Fraction(1, 50)  # seconds; less than one frame of sound


def _untold(path: Path, counted: Fraction, told: Fraction | None, hertz: int) -> Fraction:
    """The length of an MP3 with a header, by that or, where the two do not agree, by its frames.

    The header is a frame itself, of 1,152 samples from 32 kHz up and of 576 below.
    """
    silent = (1152 if hertz >= 32_000 else 576) + mp3_padding(path)
    heard = max(Fraction(0), counted - Fraction(silent, hertz))
    return told if told is not None and abs(told - heard) <= _AGREES else heard


def _heard(sound: AudioStream, track: Track | None) -> AudioStream:
    """With its start where it is first heard."""
    if track is None or sound.start is None:
        return sound
    return replace(sound, start=sound.start + Fraction(track.delay, 1_000_000_000))


def _wav_length(path: Path, size: int, *, to_the_end: bool = False) -> Fraction | None:
    with path.open("rb") as file:
        told = wav(file.read(_HEAD), size, to_the_end=to_the_end)
    return told.duration if told else None


def _too_many(path: Path, count: int) -> CeilingExceeded:
    return CeilingExceeded(
        f"{path.name} has at least {count} streams; more than {MAX_STREAMS} are not opened. "
        "Check that it is the right file, or export it again with one picture and one sound.",
        f"{path.name} 至少有 {count} 条流，超过上限 {MAX_STREAMS}，不予打开。请确认文件或重新导出。",
    )


def _encrypted(path: Path) -> Unreadable:
    return Unreadable(
        f"{path.name} is encrypted (copy protection) and cannot be read without its key. Export it without protection.",
        f"{path.name} 已加密（版权保护），没有密钥无法转换。请导出不带保护的文件。",
    )


# Content Encryption, Extended Content Encryption and Advanced Content Encryption Object (ASF 01.20.05, 3.14 to 3.16).
_LOCKS: Final = tuple(
    uuid.UUID(text).bytes_le
    for text in (
        "2211B3FB-BD23-11D2-B4B7-00A0C955FC6E",
        "298AE614-2622-4C17-B935-DAE07EE9289C",
        "43058533-6981-49E6-9B74-AD12CB86D58C",
    )
)


def _protected(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return any(lock in head for lock in _LOCKS)


def _from_start(
    start: Fraction | None, length: Fraction, video: tuple[VideoStream, ...], audio: tuple[AudioStream, ...]
) -> tuple[Fraction, tuple[VideoStream, ...], tuple[AudioStream, ...]]:
    """Lengths counted from the first frame: writers of Matroska store when the last one ends on its own clock."""
    if not start or start < 1 or start >= length:
        return length, video, audio

    def less(stated: Fraction | None) -> Fraction | None:
        return stated - start if stated and stated > start else stated

    return (
        length - start,
        tuple(replace(stream, duration=less(stream.duration)) for stream in video),
        tuple(replace(stream, duration=less(stream.duration)) for stream in audio),
    )


def _container(format_: str, kind: Kind) -> str:
    """The container as rules name it, now that the streams are known."""
    sounds = {"asf": "wma", "mp4": "m4a"}  # `opens_as` goes back
    pictures = {"asf": "wmv", "m4a": "mp4"}
    return (sounds if kind is Kind.AUDIO else pictures).get(format_, format_)


def _within_ceilings(
    path: Path,
    video: Iterable[VideoStream],
    audio: Iterable[AudioStream],
    length: Fraction | None,
) -> None:
    measures: list[_Measure] = [("seconds long", "秒时长", length, MAX_DURATION)]
    for picture in video:
        rate = picture.frame_rate
        if picture.coded:
            width, height = picture.coded
            measures.append(("pixels in each picture", "像素/帧", width * height, MAX_PIXELS))
            measures.append(("pixels on the longer side", "像素（长边）", max(width, height), MAX_SIDE))
            # A rate at the ceiling is the clock of Matroska or FLV, where nothing tells a rate.
            each = width * height * rate if rate and rate < MAX_FRAME_RATE else None
            measures.append(("pixels per second", "像素/秒", each, MAX_PIXEL_RATE))
        measures.append(("frames per second", "帧/秒", rate, MAX_FRAME_RATE))
    for sound in audio:
        hertz, channels = sound.sample_rate, sound.channels
        measures.append(("channels", "个声道", channels, MAX_CHANNELS))
        measures.append(("samples per second", "采样/秒", hertz, MAX_SAMPLE_RATE))
        all_ = hertz * channels if hertz and channels else None
        measures.append(("samples per second of all channels", "采样/秒（各声道合计）", all_, MAX_SOUND_RATE))
    _within(path, measures)


_Measure = tuple[str, str, int | Fraction | None, int]  # what it is in both languages, how much, and the ceiling


def _within(path: Path, measures: Iterable[_Measure]) -> None:
    for en, zh, value, ceiling in measures:
        if value is not None and value > ceiling:
            raise CeilingExceeded(
                f"{path.name} claims {float(value):.10g} {en}; more than {ceiling} is not opened. "
                "Check that it is the right file, or export it again.",
                f"{path.name} 声明 {float(value):.10g} {zh}，超过上限 {ceiling}，不予打开。请确认文件或重新导出。",
            )


def _remarks(container: InputContainer, tracks: dict[int, Track]) -> Iterator[Text]:
    for stream in container.streams:
        track = tracks.get(stream.index)
        if stream.type == "video" and track and track.mirrored:
            yield Text(
                f"Stream {stream.index} is shown mirrored by its display matrix.",
                f"流 {stream.index} 的显示矩阵含镜像。",
            )
        if stream.type == "video" and track and track.clean:
            shown = "x".join(map(str, track.clean))
            yield Text(
                f"Stream {stream.index} is cropped to {shown} by its container (clean aperture): the rest of what is "
                "stored is not shown. Export it without this crop where the whole picture is wanted.",
                f"流 {stream.index} 由封装裁剪为 {shown}（clean aperture），其余已存储的画面不显示。"
                "如需完整画面，请导出时去掉该裁剪。",
            )
        if stream.type == "video" and track and track.rotation is None:
            yield Text(
                f"Stream {stream.index} is turned by an angle that is no multiple of 90 degrees.",
                f"流 {stream.index} 的旋转角度不是 90 度的倍数。",
            )
        if stream.type in {"video", "audio"} and not allowed(stream):
            name = codec_of(stream) or "?"
            yield Text(
                f"Stream {stream.index}: codec {name} is not on the allow-list; nothing of it was decoded.",
                f"流 {stream.index}：编码 {name} 不在允许列表中，未进行任何解码。",
            )


def _beyond_end(container: InputContainer, size: int) -> bool:
    """Whether the index of an MP4 ends in a frame that lies behind the end of the file."""
    for stream in container.streams:
        entries = getattr(stream, "index_entries", ())  # PyAV tells them from 17 on; a short mdat is seen without
        if len(entries) and (last := entries[len(entries) - 1]).pos + last.size > size:
            return True
    return False
