"""Whether what is damaged inside a picture is told, with what is lost of it, and what is whole is not suspected."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import Unreadable
from pipeline.model.facts import MediaInfo
from pipeline.probe import heic, probe

MOVING = ("moving.gif", "moving.webp", "moving.avif")
# Name, what Pillow is asked for, and where the data lies that is damaged: pixels, not tables.
PICTURES: dict[str, tuple[str, dict[str, object]]] = {
    "lossy.webp": ("WEBP", {"quality": 90}),
    "lossless.webp": ("WEBP", {"lossless": True}),
    "still.gif": ("GIF", {}),
    "still.png": ("PNG", {}),
    "still.avif": ("AVIF", {"quality": 90}),
    "plain.bmp": ("BMP", {}),
    "plain.tif": ("TIFF", {}),
    "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}),
    "deflate.tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "jpeg.tif": ("TIFF", {"compression": "jpeg"}),
    "packbits.tif": ("TIFF", {"compression": "packbits"}),
    "moving.gif": ("GIF", {}),
    "moving.webp": ("WEBP", {}),
    "moving.avif": ("AVIF", {}),
}
# Any bytes are pixels there; and of prefix codes most fall into step again.
UNCHECKED = frozenset({"plain.bmp", "plain.tif", "packbits.tif", "jpeg.tif", "lossless.webp"})


def photo(seed: int) -> Image.Image:
    """Hills and noise, as photos have, and nothing black."""
    rng = np.random.default_rng(seed)
    hills = Image.fromarray(rng.integers(60, 250, (8, 10, 3), np.uint8)).resize((300, 200), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 6, (200, 300, 3))
    return Image.fromarray(np.clip(np.asarray(hills) + noise, 20, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def coded() -> dict[str, bytes]:
    made = {}
    for name, (format_, options) in PICTURES.items():
        out = io.BytesIO()
        if name in MOVING:
            rest = [photo(seed) for seed in range(2, 6)]
            photo(1).save(out, format_, save_all=True, append_images=rest, duration=100, **options)
        else:
            photo(1).save(out, format_, **options)
        made[name] = out.getvalue()
    return made


def decoded(path: Path, data: bytes) -> MediaInfo | Unreadable:
    path.write_bytes(data)
    try:
        return probe(path, frozenset({"decode"}))
    except Unreadable as refused:
        return refused


def told(answer: MediaInfo | Unreadable) -> str:
    if isinstance(answer, Unreadable):
        return str(answer)
    assert answer.image is not None
    assert answer.image.decodes is False
    return " ".join(remark.en for remark in answer.remarks)


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_whole_is_not_suspected(tmp_path: Path, coded: dict[str, bytes], name: str) -> None:
    for tail in (b"", bytes(100), b"some more"):  # as some programs leave it
        info = decoded(tmp_path / name, coded[name] + tail)
        assert isinstance(info, MediaInfo)
        assert info.image is not None
        assert (info.image.decodes, info.remarks) == (True, ())


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("share", [40, 75, 97])
def test_what_is_cut_short_is_told(tmp_path: Path, coded: dict[str, bytes], name: str, share: int) -> None:
    data = coded[name]
    said = told(decoded(tmp_path / name, data[: len(data) * share // 100]))
    assert "cut short" in said
    if name not in {"moving.gif", "still.avif", "moving.avif"} and share < 90:  # how much was to come is said nowhere
        assert "% of it is lost" in said


@pytest.mark.parametrize("name", [name for name in PICTURES if name not in UNCHECKED])
@pytest.mark.parametrize("at", [35, 60, 70])
def test_bytes_that_are_others_are_told(tmp_path: Path, coded: dict[str, bytes], name: str, at: int) -> None:
    data = bytearray(coded[name])
    begin = len(data) * at // 100
    data[begin : begin + 150] = random.Random(at).randbytes(150)  # noqa: S311  the same damage every time
    told(decoded(tmp_path / name, bytes(data)))


@pytest.mark.parametrize("name", PICTURES)
def test_bytes_that_are_gone_are_told(tmp_path: Path, coded: dict[str, bytes], name: str) -> None:
    data = coded[name]
    begin, end = len(data) // 2 + 237, len(data) * 7 // 10 + 311
    said = told(decoded(tmp_path / name, data[:begin] + bytes(end - begin) + data[end:]))
    if name not in MOVING and name not in {"still.gif", "still.png"}:
        assert "% of it is lost" in said


def test_one_bad_strip_is_that_part(tmp_path: Path, coded: dict[str, bytes]) -> None:
    for name in ("lzw.tif", "deflate.tif", "jpeg.tif"):
        with Image.open(io.BytesIO(coded[name])) as picture:
            tags = picture.tag_v2
            places, lengths, rows = tags[273], tags[279], tags[278]
        data = bytearray(coded[name])
        middle = places[1] + lengths[1] // 2
        data[middle : middle + 200] = b"\xff\xd8" * 100
        said = told(decoded(tmp_path / name, bytes(data)))
        share = round(100 * min(rows, 200 - rows) / 200)
        shares = range(1, share + 2) if name == "jpeg.tif" else range(share - 1, share + 2)
        assert any(f"at least {n} %" in said for n in shares), said


def test_black_that_was_drawn_is_not_called_damage(tmp_path: Path) -> None:
    """A film's bars, a caption and a page of text in white on black."""
    bars, page = photo(1), Image.new("RGB", (300, 200))
    bars.paste(0, (0, 0, 300, 40))
    bars.paste(0, (0, 160, 300, 200))
    caption = photo(1)
    caption.paste(0, (30, 120, 280, 180))
    for n in range(9):
        page.paste((255, 255, 255), (20 + n, 20 * n, 200 - 10 * n, 20 * n + 9))
    for n, picture in enumerate((bars, caption, page)):
        for name in (f"{n}.bmp", f"{n}.tif"):
            picture.save(tmp_path / name)
            info = probe(tmp_path / name, frozenset({"decode"}))
            assert info.image is not None
            assert (info.image.decodes, info.remarks) == (True, ())


def test_pictures_with_next_to_nothing_in_them_are_whole(tmp_path: Path) -> None:
    """Arithmetic coders write such a picture as a few bytes that hardly matter."""
    for n, size in enumerate(((1, 1), (17, 9), (640, 360), (2000, 1500))):
        for shade in ((0, 0, 0, 255), (255, 255, 255, 255), (120, 40, 200, 90)):
            for format_, options in (("WEBP", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("AVIF", {"speed": 10})):
                path = tmp_path / f"{n}.{format_.lower()}"
                Image.new("RGBA", size, shade).save(path, format_, **options)
                info = probe(path, frozenset({"decode"}))
                assert info.image is not None
                assert (info.image.decodes, info.remarks) == (True, ()), (size, shade, format_, options)


def test_an_animated_gif_as_a_film_too(tmp_path: Path, coded: dict[str, bytes]) -> None:
    data = bytearray(coded["moving.gif"])
    data[len(data) // 2 : len(data) // 2 + 150] = random.Random(1).randbytes(150)  # noqa: S311
    (tmp_path / "bad.gif").write_bytes(data)
    (tmp_path / "good.gif").write_bytes(coded["moving.gif"])
    assert probe(tmp_path / "bad.gif", frozenset({"decode"}), moving=True).intact is False
    assert probe(tmp_path / "good.gif", frozenset({"decode"}), moving=True).intact is True


@pytest.mark.skipif(not heic.readable(), reason="needs pillow-heif")
def test_a_heic_that_is_spoiled_is_told(tmp_path: Path) -> None:
    """The decoder takes any bytes for a picture; where it stops reading tells, and bytes that HEVC never has."""
    from pillow_heif import from_pillow

    path = tmp_path / "photo.heic"
    from_pillow(photo(1)).save(path, quality=90)
    data = path.read_bytes()
    info = decoded(path, data)
    assert isinstance(info, MediaInfo)
    assert info.image is not None
    assert (info.image.decodes, info.remarks) == (True, ())
    for at in (4, 6, 8):
        begin = len(data) * at // 10
        other = random.Random(at).randbytes(150)  # noqa: S311
        assert "damaged" in told(decoded(path, data[:begin] + other + data[begin + 150 :]))
        assert "damaged" in told(decoded(path, data[:begin] + bytes(150) + data[begin + 150 :]))
        assert "cut short" in told(decoded(path, data[:begin]))
