"""Whether the compressed pixels of a picture are whole: readers pass over much that is wrong there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.probe.image.whole import boxes, gif, jpeg, png, raw, tiff, webp
from pipeline.probe.image.whole.harm import Harm

# By format, what its head says of its length, and what is found by reading all of it.
_SHORT: Final[dict[str, Callable[[BinaryIO, int], Harm | None]]] = {
    "avif": boxes.short,
    "bmp": raw.short,
    "heif": boxes.short,
    "tiff": tiff.short,
    "webp": webp.short,
}
_INSIDE: Final[dict[str, Callable[[Path], Harm | None]]] = {
    "avif": boxes.avif,
    "bmp": raw.bmp,
    "gif": gif.gif,
    "heif": boxes.heic,
    "jpeg": jpeg.jpeg,
    "png": png.png,
    "tiff": tiff.tiff,
    "webp": webp.webp,
}


def short(file: BinaryIO, format_: str) -> Harm | None:
    """What is missing at the end of a picture, by its head alone; None where nothing is, or that says nothing of it."""
    ask = _SHORT.get(format_)
    size = file.seek(0, 2)
    file.seek(0)
    return ask(file, size) if ask else None


def harm(path: Path, format_: str) -> Harm | None:
    """What is wrong with the pixels of the picture at `path`; None where nothing is, or that cannot be told.

    To be asked only of what is within the ceilings.
    """
    with path.open("rb") as file:
        missing = short(file, format_)
    ask = _INSIDE.get(format_)
    if missing or ask is None:
        return missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags and sizes: the picture was read already, and those were told
        return ask(path)
