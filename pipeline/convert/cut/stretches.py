"""Still stretches of a video, from one decode of small grey frames; memory does not grow with its length."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pipeline.convert.cut import quiet
from pipeline.errors import AssetError, ToolFailed
from pipeline.model import ceilings
from pipeline.model.facts import MediaInfo, Size, VideoStream
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import link_input, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.probe.av.timeline import FrameTimes

    Grey = NDArray[np.uint8]

SMALL: Final = Size(320, 180)  # pixels: words can still be told apart
_CHANGED: Final = 14  # of 255; what an encoder does to a still picture stays below
_SETTLED: Final = 7  # of 255, over _CALM seconds: a fade of two seconds moves more
_PIXELS: Final = 16  # so many changed make another picture: half a line of text
_CALM: Final = 0.2  # seconds
_LOOK_BACK: Final = 0.6  # seconds kept, to find where a fade began
_BEGUN: Final = 0.05  # of the change that was noticed
_SAMPLE: Final = 1.0  # seconds of what never settles that are looked at together
_SOURCE: Final = "video0"
_FEWER: Final = "fewer"


class Stretch(Struct, frozen=True):
    """What is shown from one change to the next. Frames are counted from 0 in the order of showing."""

    begin: int  # the first frame that is not as before
    picture: Grey
    moving: bool = False  # it never settled


class Stills:
    """Takes frame after frame, and knows the stretches so far."""

    def __init__(self, rate: float) -> None:
        self._calm = max(2, round(rate * _CALM))
        self._sample = max(self._calm + 1, round(rate * _SAMPLE))
        self._past: deque[Grey] = deque(maxlen=max(4, self._calm + 1, round(rate * _LOOK_BACK)))
        self._still: Grey | None = None
        self._begin = 0
        self._since = 0
        self.frames = 0
        self.found: list[Stretch] = []

    def see(self, frame: Grey) -> None:
        """One more frame. Raises AssetError where there are too many changes for a deck."""
        number = self.frames
        self.frames += 1
        self._past.append(frame)
        if self._still is not None:
            if _count(frame, self._still, _CHANGED) < _PIXELS:
                return
            self._begin = self._since = number - self._changing(frame, self._still)
            self._still = None
        elif number - self._since >= self._sample:
            self._found(frame, moving=True)
            self._begin = self._since = number
        elif number - self._begin >= self._calm and _count(frame, self._past[-1 - self._calm], _SETTLED) < _PIXELS:
            self._found(frame, moving=False)
            self._still = frame

    def end(self) -> list[Stretch]:
        """All stretches, what the video ends in among them."""
        if self._still is None and self._past:
            self._found(self._past[-1], moving=True)
        return self.found

    def _found(self, frame: Grey, *, moving: bool) -> None:
        if len(self.found) >= ceilings.MAX_PAGES * 8:
            raise AssetError(
                f"the picture changed {len(self.found)} times: this is no video of a deck. Cut it in an editor.",
                f"画面变化了 {len(self.found)} 次：这不是演示文稿视频。请用剪辑软件切分。",
            )
        self.found.append(Stretch(self._begin, frame, moving))

    def _changing(self, frame: Grey, before: Grey) -> int:
        """How many frames ago the change began: its share in each is seen long before the eye sees it."""
        import numpy as np

        change = frame.astype(np.float32) - before
        whole, ago = float((change * change).sum()), 0
        for past in list(self._past)[-2::-1]:
            if float(((past.astype(np.float32) - before) * change).sum()) < _BEGUN * whole:
                break
            ago += 1
        return ago


def _count(one: Grey, other: Grey, least: int) -> int:
    import numpy as np

    return int(np.count_nonzero(np.maximum(one, other) - np.minimum(one, other) > least))


def find(
    video: Path, info: MediaInfo, frames: FrameTimes, work: Path, progress: Callable[[float], None]
) -> list[Stretch]:
    """The stretches of the first picture stream, whose `frames` are known.

    Groups of frames in which nothing changes are not decoded, where they can be left out. Raises ToolFailed where
    another number of frames can be decoded: times would belong to other frames. TimedOut.
    """
    stream, many = info.video[0], len(frames.times)
    link_input(video, work, _SOURCE)

    def watched(source: str, index: int, shown: Iterable[int]) -> Stills | None:
        watcher, each = Stills(float(stream.frame_rate or 25)), iter(shown)

        def see(frame: Grey) -> None:
            for _ in range(next(each, 1)):
                watcher.see(frame)
            progress(min(1.0, watcher.frames / many))

        return watcher if _poured(source, index, work, see) and watcher.frames == many else None

    fewer = _fewer(video, stream, frames, work)
    watcher = watched(_FEWER, 0, fewer) if fewer else None
    watcher = watcher or watched(_SOURCE, stream.index, ())
    if watcher is None:
        raise ToolFailed(
            f"{info.name}: not all of its {many} pictures can be decoded. Export it again.",
            f"{info.name}：{many} 帧画面无法全部解码。请重新导出。",
        )
    return watcher.end()


def _fewer(video: Path, stream: VideoStream, frames: FrameTimes, work: Path) -> list[int]:
    """For how many frames each of those stands that are in the file `_FEWER` then; none where all are to be decoded."""
    from pipeline.probe.av import timeline  # brings PyAV, which only workers load

    groups = quiet.groups(stream, frames)
    if not groups:
        return []
    entries = quiet.Entries(frames, groups, lambda one, other: _count(one, other, _CHANGED) < _PIXELS)
    if not _poured(_SOURCE, stream.index, work, entries.see, "-skip_frame", "nokey"):
        return []
    shown = entries.shown()
    return shown if shown and timeline.thinned(video, stream.index, entries.wanted(), work / _FEWER) else []


def _poured(source: str, index: int, work: Path, see: Callable[[Grey], None], *options: str) -> bool:
    """Hand the small grey frames of a stream to `see`; whether the decoder came to the end."""
    import numpy as np

    size, rest = SMALL.width * SMALL.height, bytearray()

    def sink(block: bytes) -> None:
        rest.extend(block)
        whole = len(rest) // size
        if whole:
            taken = np.frombuffer(bytes(rest[: whole * size]), dtype=np.uint8).reshape(whole, SMALL.height, SMALL.width)
            del rest[: whole * size]
            for frame in taken:
                see(frame)

    command = (
        *(programs.ffmpeg(), "-nostdin", "-hide_banner", "-v", "error"),
        *reading(source, *options),
        *("-map", f"0:{index}", "-fps_mode", "passthrough"),
        *("-vf", f"scale={SMALL.width}:{SMALL.height}:flags=area,format=gray", "-f", "rawvideo", "pipe:1"),
    )
    return process.run(command, cwd=work, ceiling=ceilings.FFMPEG, sink=sink).code == 0
