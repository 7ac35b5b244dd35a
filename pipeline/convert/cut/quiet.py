"""What of a video need not be decoded to know its still stretches: groups of frames in which nothing changes.

A group is what can be decoded by itself, from one entry point up to the next. It is quiet where the picture at the next
entry point is the same, and no frame between takes many more bytes than the others of its group: what comes and goes
again has to be stored. Of a quiet group the first picture stands for all.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from pipeline.model.facts import VideoStream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.probe.av.timeline import FrameTimes

    Grey = NDArray[np.uint8]

# A frame of another picture has more bytes than three times the median of its group, and so many more, or such a
# share of the first: a line of text that comes is a fiftieth and more of all that is shown.
_LARGER, _BYTES, _SHARE = 3, 512, 64
_WORTH: Final = 12  # frames of a group in the mean, below which nothing is gained


Places = list[int]  # of the frames of a group in stored order, the entry point first


def groups(stream: VideoStream, frames: FrameTimes) -> list[Places]:
    """All groups in the order of showing; none where they cannot be told apart, or nothing is gained.

    Pictures that are stored after an entry point and shown before it are of the group before, on which they are built.
    A picture that is turned is left to the decoder of the whole file, which knows how.
    """
    keys = [*frames.keys, len(frames.times)]
    if stream.rotation or frames.hidden or keys[0] != 0 or len(frames.times) < _WORTH * len(frames.keys):
        return []
    made: list[Places] = []
    for first, after in pairwise(keys):
        if made and frames.times[first] <= frames.times[made[-1][0]]:
            return []
        made.append([first])
        for place in range(first + 1, after):
            if frames.times[place] > frames.times[first]:
                made[-1].append(place)
            elif len(made) > 1 and frames.times[place] > frames.times[made[-2][0]]:
                made[-2].append(place)
            else:
                return []
    return made


def still(frames: FrameTimes, group: Places) -> bool:
    """Whether none of its frames but the first is much larger than the others."""
    sizes = [frames.sizes[place] for place in group[1:]]
    more = max(_BYTES, frames.sizes[group[0]] // _SHARE)
    return not sizes or max(sizes) <= _LARGER * median(sizes) + more


class Entries:
    """Takes the pictures at the entry points, one after the other, and says which groups have to be decoded."""

    def __init__(self, frames: FrameTimes, all_: list[Places], same: Callable[[Grey, Grey], bool]) -> None:
        self._frames, self._groups, self._same = frames, all_, same
        self._last: Grey | None = None
        self._seen = 0
        self._busy = [True] * len(all_)  # nothing follows on the last, which is not known to be still

    def see(self, picture: Grey) -> None:
        """The next one."""
        before = self._seen - 1
        if self._last is not None and before < len(self._groups):
            self._busy[before] = not (self._same(self._last, picture) and still(self._frames, self._groups[before]))
        self._last = picture
        self._seen += 1

    def shown(self) -> list[int]:
        """For how many frames each picture stands that is still to be decoded; none where others came than expected."""
        if self._seen != len(self._groups):
            return []
        decoded: list[int] = []
        for group, busy in zip(self._groups, self._busy, strict=True):
            decoded += [1] * len(group) if busy else [len(group)]
        return decoded

    def wanted(self) -> list[bool]:
        """Of each frame in stored order, whether it is decoded."""
        chosen = [False] * len(self._frames.times)
        for group, busy in zip(self._groups, self._busy, strict=True):
            for place in group if busy else group[:1]:
                chosen[place] = True
        return chosen
