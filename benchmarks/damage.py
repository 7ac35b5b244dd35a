"""Damage inside of pictures: of one photograph in each format, cut and spoiled in eighteen ways, what is told.

Whether a pixel is another then is Pillow's word; where it refuses the picture as well, that is harm too.
"""

from __future__ import annotations

import io
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageSequence

from benchmarks._run import table
from pipeline.errors import PreflightError
from pipeline.probe import heic, probe
from samples._pictures import picture_file

_KINDS = ("cut", "zeros", "other bytes", "one byte", "left out, twice")


def _coded() -> Iterator[tuple[str, str, bytes]]:
    """Each as name, extension and bytes; by Pillow, which is not what looks at them."""
    photo = Image.open(picture_file("astronaut.png")).convert("RGB")
    turned = [photo.resize((256, 256)).rotate(angle) for angle in (0, 40, 80)]
    grey, several = photo.convert("1"), {"save_all": True, "append_images": turned[1:]}
    for name, picture, format_, options in (
        ("PNG", photo, "png", {}),
        ("JPEG", photo, "jpeg", {"quality": 90}),
        ("JPEG, progressive", photo, "jpeg", {"progressive": True}),
        ("GIF", photo, "gif", {}),
        ("GIF, animated", turned[0], "gif", several),
        ("WebP, lossy", photo, "webp", {"quality": 85}),
        ("WebP, lossless", photo, "webp", {"lossless": True}),
        ("AVIF", photo, "avif", {}),
        ("TIFF, deflate", photo, "tiff", {"compression": "tiff_deflate"}),
        ("TIFF, LZW", photo, "tiff", {"compression": "tiff_lzw"}),
        ("TIFF, JPEG", photo, "tiff", {"compression": "jpeg"}),
        ("TIFF, PackBits", photo, "tiff", {"compression": "packbits"}),
        ("TIFF, fax (group 4)", grey, "tiff", {"compression": "group4"}),
        ("TIFF, not compressed", photo, "tiff", {}),
        ("BMP", photo, "bmp", {}),
    ):
        out = io.BytesIO()
        picture.save(out, format_, **options)
        yield name, format_, out.getvalue()
    if heic.readable():
        from pillow_heif import from_pillow

        out = io.BytesIO()
        from_pillow(photo).save(out, quality=80)
        yield "HEIC", "heic", out.getvalue()


def _damaged(whole: bytes) -> Iterator[tuple[str, bytes]]:
    size, rng = len(whole), random.Random(1)  # noqa: S311  reproducible damage
    for length in (*(int(size * share) for share in (0.1, 0.4, 0.6, 0.8, 0.95, 0.99)), size - 30, size - 1):
        yield "cut", whole[:length]
    for begin, end in ((0.3, 0.35), (0.6, 0.9)):
        at, stop = int(size * begin), int(size * end)
        yield "zeros", whole[:at] + bytes(stop - at) + whole[stop:]
    for share in (0.3, 0.6, 0.9):
        at = int(size * share)
        yield "other bytes", whole[:at] + rng.randbytes(200) + whole[at + 200 :]
    for share in (0.2, 0.5, 0.8):
        at = int(size * share)
        yield "one byte", whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
    half = size // 2
    yield "left out, twice", whole[:half] + whole[half + 1000 :]
    yield "left out, twice", whole[:half] + whole[half - 1000 :]


def _told(path: Path) -> bool:
    try:
        info = probe(path, frozenset({"decode"}))
    except PreflightError:  # refused, with a sentence
        return True
    return info.image is not None and info.image.decodes is False


def _pixels(coded: bytes) -> list[bytes] | None:
    """Of every frame, as Pillow reads them; None where it does not."""
    if coded[4:12] == b"ftypheic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    try:
        with Image.open(io.BytesIO(coded)) as picture:
            return [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(picture)]
    except (OSError, SyntaxError, ValueError, RuntimeError):  # a reader's ways to refuse: it does harm then
        return None


def main() -> None:
    """Print the table: of damage after which a pixel is another or missing, what is told."""
    rows: list[tuple[str, ...]] = [("picture", "whole", *_KINDS)]
    with tempfile.TemporaryDirectory() as top:
        for name, extension, whole in _coded():
            path = Path(top, f"picture.{extension}")
            path.write_bytes(whole)
            suspected, right = _told(path), _pixels(whole)
            there, found = Counter[str](), Counter[str]()
            for kind, spoiled in _damaged(whole):
                if _pixels(spoiled) == right:
                    continue
                path.write_bytes(spoiled)
                there[kind] += 1
                found[kind] += _told(path)
            counts = (f"{found[kind]} of {there[kind]}" for kind in _KINDS)
            rows.append((name, "called damaged" if suspected else "whole", *counts))
    table(rows)
