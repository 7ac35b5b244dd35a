"""Damage of a picture's pixels, and how it is told."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, NamedTuple

from pipeline.model.facts import Text
from pipeline.probe.image.damage import damage

CUT: Final = damage("truncated")
SPOILED: Final = damage("decompress")
ZEROS: Final = re.compile(rb"\0{64,}")  # no compressed data has such a stretch of its own


class Harm(NamedTuple):
    """Damage of pixels."""

    what: Text
    lost: Fraction | None  # of the picture, at least; None: cannot be told

    def told(self, name: str) -> Text:
        """A sentence about the picture called `name`."""
        said = Text(
            f"{name} is damaged inside and cannot be decoded whole: {self.what.en}",
            f"{name} 内部已损坏，无法完整解码：{self.what.zh}",
        )
        if not self.lost:
            return said.plus(Text("; how much of it is lost cannot be told.", "；损失多少无法判断。"))
        share = self._share()
        return said.plus(Text(f"; at least {share} % of it is lost.", f"；至少 {share}% 的画面已丢失。"))

    def briefly(self) -> Text:
        """The same without a name, to stand within a sentence."""
        if not self.lost:
            return self.what
        return self.what.plus(Text(f", at least {self._share()} % of it is lost", f"，至少丢失 {self._share()}%"))

    def _share(self) -> int:
        return max(1, round(float(self.lost or 0) * 100))


def cut(there: int, wanted: int) -> Harm | None:
    """What is missing of a file that is `there` bytes long and says that it has more."""
    return Harm(CUT, Fraction(wanted - there, wanted)) if there < wanted else None


def zeroed(data: bytes, start: int = 0) -> Fraction:
    """The longest stretch of zeros from `start` on, as a part of what is there; 0 where there is no long one."""
    longest = max((len(found[0]) for found in ZEROS.finditer(data, start)), default=0)
    return Fraction(longest, max(1, len(data) - start))


def of_parts(spoiled: int, parts: int) -> Harm | None:
    """Damage of some of the parts of a picture: tiles, frames. What one that is all there is has lost is open."""
    return Harm(SPOILED, Fraction(spoiled, parts) if parts > 1 else None) if spoiled else None
