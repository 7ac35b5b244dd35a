"""Whether the compressed pixels of a PNG are whole: Pillow's reader passes over much that is wrong there."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path
from typing import Final

from pipeline.probe.image.damage import DAMAGE
from pipeline.probe.image.headers import png_chunks
from pipeline.probe.image.whole.harm import CUT, SPOILED, Harm

_BLOCK: Final = 1 << 20  # bytes inflated at a time
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def _raw_bytes(head: bytes) -> int:
    """What the pixels of a PNG inflate to, by its IHDR (PNG 3, 7.3 and 8)."""
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    bits = head[8] * _CHANNELS[head[9]]
    total = 0
    for x, y, dx, dy in _PASSES if head[12] else ((0, 0, 1, 1),):
        across, down = -(-(width - x) // dx), -(-(height - y) // dy)
        if across > 0 and down > 0:
            total += down * (1 + (across * bits + 7) // 8)
    return total


def png(path: Path) -> Harm | None:
    """By the checksums of its chunks and of the stream within them, which Pillow does not look at."""
    wanted, found, whole, said = 0, 0, True, CUT
    inflater = zlib.decompressobj()
    with path.open("rb") as file:
        try:
            for kind, content, sound in png_chunks(file):
                if kind == b"IHDR":
                    wanted = _raw_bytes(content)
                ended = not sound and not file.read(1)
                if kind in {b"IHDR", b"PLTE", b"IDAT", b"tRNS"} and not sound and not ended:
                    whole, said = False, SPOILED
                    break
                while kind == b"IDAT" and content and found <= wanted and not inflater.eof:
                    found += len(inflater.decompress(content, _BLOCK))
                    content = inflater.unconsumed_tail
        except DAMAGE:  # told by what is missing
            whole, said = False, SPOILED
    if not wanted or (whole and found >= wanted):
        return None
    return Harm(said, max(Fraction(0), 1 - Fraction(min(found, wanted), wanted)))
