"""Still stretches of a video, from one decode of small grey frames; memory does not grow with its length."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pipeline.errors import AssetError, ToolFailed
from pipeline.model import ceilings
from pipeline.model.facts import MediaInfo, Size
from pipeline.tools import process, programs
from pipeline.tools.ffmpeg import link_input, reading

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

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


def find(video: Path, info: MediaInfo, frames: int, work: Path, progress: Callable[[float], None]) -> list[Stretch]:
    """The stretches of the first picture stream, which shows so many `frames`.

    Raises ToolFailed where another number can be decoded: times would belong to other frames. TimedOut.
    """
    import numpy as np

    stream = info.video[0]
    watcher = Stills(float(stream.frame_rate or 25))
    size, rest = SMALL.width * SMALL.height, bytearray()

    def sink(block: bytes) -> None:
        rest.extend(block)
        whole = len(rest) // size
        if whole:
            taken = np.frombuffer(bytes(rest[: whole * size]), dtype=np.uint8).reshape(whole, SMALL.height, SMALL.width)
            del rest[: whole * size]
            for frame in taken:
                watcher.see(frame)
            progress(min(1.0, watcher.frames / frames))

    link_input(video, work, _SOURCE)
    command = (
        *(programs.ffmpeg(), "-nostdin", "-hide_banner", "-v", "error"),
        *reading(_SOURCE),
        *("-map", f"0:{stream.index}", "-fps_mode", "passthrough"),
        *("-vf", f"scale={SMALL.width}:{SMALL.height}:flags=area,format=gray", "-f", "rawvideo", "pipe:1"),
    )
    ended = process.run(command, cwd=work, ceiling=ceilings.FFMPEG, sink=sink)
    if ended.code or watcher.frames != frames:
        raise ToolFailed(
            f"{info.name}: {watcher.frames} of {frames} pictures can be decoded. Export it again.",
            f"{info.name}：{frames} 帧中可解码 {watcher.frames} 帧。请重新导出。",
        )
    return watcher.end()
