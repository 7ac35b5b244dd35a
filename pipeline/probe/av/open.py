"""Opening media with PyAV behind the allow-lists, with no more decoding than is needed.

With `pipeline.probe.av.streams` the only place that knows what PyAV's versions do differently. PyAV applies FFmpeg's
decoder allow-list only while it opens a file, so whoever decodes afterwards asks `allowed` first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import DECODERS, DEMUXERS, MAX_PIXELS, MAX_STREAMS
from pipeline.model.facts import Stated
from pipeline.probe.av.streams import codec_of, pixel_format, sequence_of
from pipeline.probe.av.wav import sizes

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

BROKEN: Final = (av.error.FFmpegError, ValueError)  # what reading and decoding raise where a file is damaged
FRAMES: Final = (av.VideoFrame, av.AudioFrame)
MICROSECOND: Final = Fraction(1, av.time_base)  # FFmpeg's clock for containers
_VERSION: Final = tuple(int(part) for part in av.__version__.split(".")[:2])
# Tags that are not UTF-8: up to PyAV 18 they stop the opening unless it is said how to read them; from 19 on they are
# read like this and the word for it is gone.
_TAGS: Final[dict[str, Any]] = {"metadata_errors": "surrogateescape"} if _VERSION < (19, 0) else {}
# Up to PyAV 17.0 options for streams end the process where a stream turns up only while reading, as in any FLV.
_GIVEN_AS: Final = "container_options" if _VERSION < (17, 1) else "options"
# FFmpeg counts the length of an MP3 without what its encoder added from 8.0 on, which PyAV 16 brought,
LENGTHS_HEARD: Final = _VERSION >= (16, 0)
# and the start of sound in Matroska without what a decoder throws away from 8.1 on, which PyAV 17.1 brought.
STARTS_HEARD: Final = _VERSION >= (17, 1)

# FFmpeg's demuxer for each format that sniffing finds.
OPENS: Final = {
    **dict.fromkeys(("mp4", "mov", "m4v", "m4a", "3gp", "f4v"), "mov"),
    **dict.fromkeys(("mkv", "webm"), "matroska"),
    **{name: name for name in ("avi", "flv", "asf", "mpegts", "mpeg", "wav", "w64", "mp3", "aac", "flac")},
    **{name: name for name in ("ogg", "aiff", "amr", "gif")},
}
_NAMED: Final = {"wma": "asf", "wmv": "asf"}  # containers that rules name otherwise
ISO_MEDIA: Final = frozenset(name for name, demuxer in OPENS.items() if demuxer == "mov")

_SAFE: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(DEMUXERS),
    "codec_whitelist": ",".join(DECODERS),
    "max_streams": str(MAX_STREAMS + 1),  # one more shows that there are too many
    "max_pixels": str(MAX_PIXELS),
}
# Opened with the first; again with the next where something is missing that only more effort would tell.
# skip_frame: H.264 pictures would be decoded for a pixel format that `probe.h264` reads from the header.
# max_probe_packets: in WAV, FFmpeg searches PCM for hidden DTS, at up to 30 ms a file.
_EFFORTS: Final[tuple[dict[str, str], ...]] = (
    {"skip_frame": "all", "probesize": "65536", "max_probe_packets": "1"},
    {"skip_frame": "all"},
    {},
)
FULL: Final = _EFFORTS[-1:]
TO_THE_END: Final = {"ignore_length": "1"}  # of a WAV whose header says that its sound ends before it does
PATIENCE: Final = 64  # packets that a decoder may take in before its first frame
# These have no list of streams at their head: only reading on shows them, so the first effort is too little.
_UNLISTED: Final = frozenset({"mpegts", "mpeg", "flv"})


def opens_as(container: str) -> str:
    """The key of OPENS under which a file is opened whose container rules call so."""
    return _NAMED.get(container, container)


@contextmanager
def opened(path: Path, format_: str, efforts: tuple[dict[str, str], ...] | None = None) -> Iterator[InputContainer]:
    """The file at `path`, opened as `format_` (a key of OPENS). Raises Unreadable, CeilingExceeded."""
    container: InputContainer | None = None
    if efforts is None:
        efforts = _EFFORTS[1:] if format_ in _UNLISTED else _EFFORTS
    more = TO_THE_END if format_ == "wav" and sizes(path) is Stated.SHORT else {}
    try:
        for effort in efforts:
            if container is not None:
                container.close()
            settings: dict[str, Any] = {_GIVEN_AS: _SAFE | more | effort, **_TAGS}
            container = av.open(f"file:{path}", "r", format=OPENS[format_], **settings)
            if all(map(_known, container.streams)):
                break
    except (*BROKEN, OSError) as error:
        if container is not None:
            container.close()
        if isinstance(error, MemoryError):  # what FFmpeg says of a stream beyond `max_streams` too
            raise CeilingExceeded(
                f"{path.name} claims more than {MAX_STREAMS} streams, or tables larger than what one file may use of "
                "memory; it was not opened. Check that it is the right file, or export it again.",
                f"{path.name} 声明的流超过 {MAX_STREAMS} 条，或其索引所需内存超过单个文件的上限，未打开。"
                "请确认文件或重新导出。",
            ) from error
        raise Unreadable(
            f"{path.name} begins like {format_} but cannot be opened: it is damaged or cut short. Export it again.",
            f"{path.name} 的开头为 {format_} 格式，但无法打开：文件已损坏或被截断。请重新导出。",
        ) from error
    if container is None:
        raise ValueError("no effort given")
    try:
        yield container
    finally:
        container.close()


def packets_of(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Stream]]:
    """The packets of `streams`, then an empty one for each.

    A stream that turns up only while reading (in MPEG-TS and FLV) is none of them. PyAV knows no such stream
    and stumbles at the end of the file, when it would close it.
    """
    with suppress(IndexError):  # the end of the file was reached, and that is all this is
        yield from container.demux(*streams)


def interlaced(path: Path, format_: str, index: int) -> bool | None:
    """What the first frame of a picture stream says of its fields, for where no header does (PyAV before 18.1: ever).

    None where it may not be decoded, or nothing comes out of its first packets. Raises Unreadable.
    """
    with opened(path, format_, FULL) as container:
        stream: Any = container.streams[index]
        if allowed(stream):
            with suppress(*BROKEN):  # damage is told by whoever decodes all of it
                for packet in islice(packets_of(container, [stream]), PATIENCE):
                    for frame in packet.decode():
                        return bool(frame.interlaced_frame)  # type: ignore[union-attr]  # it is a picture's
    return None


def _known(stream: Stream) -> bool:
    """Whether nothing is missing that decoding some packets would tell."""
    context: Any = stream.codec_context
    if context is None or not allowed(stream):
        return True
    if stream.type == "video":
        return pixel_format(stream) is not None or sequence_of(stream) is not None
    if stream.type == "audio":
        # Until an AAC frame was decoded its profile is unknown, and its rate can be half of the real one.
        return bool(context.sample_rate and context.format) and (
            context.profile is not None or codec_of(stream) != "aac"
        )
    return True


def allowed(stream: Stream) -> bool:
    """Whether the decoder of `stream` is on the allow-list."""
    context = stream.codec_context
    return context is not None and context.name in DECODERS
