"""What working on a file takes of memory, from what its headers claim: estimates from above."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pipeline.model.ceilings import GiB, MiB
from pipeline.model.facts import Kind, MediaInfo

BASE: Final = 128 * MiB  # Python with the libraries of any kind
# Bytes for each pixel of a picture, by what is done to it.
_DECODED: Final = 8  # as stored, and as RGBA
_FACES: Final = 16  # decoded, turned upright, as RGB and as floats of a smaller one
_DRAWN_ANEW: Final = 40  # decoded, converted, scaled, and proven against its source
# Frames that a video decoder holds (H.265 level 6.2 allows 16 references) with one for each of a few threads, and an
# encoder with its look-ahead of 20; each of 3 bytes a pixel (10 bits, 4:2:0). Of 4K, both took 178 bytes a pixel.
_DECODER: Final = 24 * 3
_ENCODER: Final = 40 * 3
_DECK: Final = GiB  # an office with a deck open
_PAGES: Final = GiB // 2  # PDFium drawing
_PAPERS: Final = GiB  # a page drawn, and the networks that read it


def memory(info: MediaInfo, measured: Collection[str], *, converted: bool, largest: int | None = None) -> int:
    """Bytes for the blocks `measured` of the file that `info` tells of, and to make another one of it if `converted`.

    Of the worker, or of the one program that it waits for, whichever is more. `largest`: pixels of the largest moving
    picture that is made; None: as many as there are.
    """
    needs = [0]
    if info.image:
        pixels = info.image.stored.width * info.image.stored.height
        frames = info.image.frames or 1
        needs += [_FACES * pixels] * bool({"faces", "card", "letter"} & set(measured)) + [_DECODED * pixels] * (
            "decode" in measured
        )
        needs += [_DRAWN_ANEW * pixels * min(frames, 4)] * converted
    for stream in info.video:
        if stream.coded:
            pixels = stream.coded.width * stream.coded.height
            made = pixels if largest is None else min(pixels, largest)
            needs += [_DECODER * pixels] * bool({"decode", "person"} & set(measured))
            needs += [_DECODER * pixels + _ENCODER * made] * converted
    needs += [_PAPERS] * bool({"card", "letter"} & set(measured) and (info.image or info.slides))
    if converted and info.kind is Kind.SLIDES:
        needs.append(_PAGES if info.slides and info.slides.format == "pdf" else _DECK)
    return BASE + max(needs)
