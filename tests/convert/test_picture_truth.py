"""Pictures keep what people see: geometry, depth, colours, frames; and what is damaged inside is told."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.convert.image import convert as image
from pipeline.errors import AssetError, Unreadable
from pipeline.model.limits import Aspect, Between, OneOf
from pipeline.model.results import Fix, Plan
from pipeline.model.rules import Safety
from pipeline.probe import probe
from samples.images import display_p3
from tests.convert.test_image import Repaired, gradient, role

AS_PNG = role(("image.format", OneOf(("png",))))

# Exif 2.32, 4.6.4: what undoes each orientation, in words of arrays.
UNDO = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_keeps_all_of_its_picture(tmp_path: Path, orientation: int, compression: str | None) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :4], pixels[:, -4:], pixels[:3, 4:-4] = (255, 0, 0), (0, 0, 255), (0, 255, 0)
    source = tmp_path / "a.tif"
    Image.fromarray(pixels).save(source, tiffinfo={274: orientation}, compression=compression)
    done = Repaired(source, AS_PNG, tmp_path)
    expected = UNDO[orientation](pixels)
    assert np.array_equal(np.asarray(done.pixels()), expected)
    assert done.info.image is not None
    assert (done.info.image.size.height, done.info.image.size.width) == expected.shape[:2]
    assert tuple(done.info.image.stored) == (30, 20)
    assert done.info.image.orientation == orientation


# ------------------------------------------------------------------------------------------- damage


def photo() -> Image.Image:
    """Noise that no coder can flatten."""
    return Image.fromarray(np.random.default_rng(5).integers(0, 255, (320, 320, 3), np.uint8))


def coded(format_: str, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    photo().convert(mode).save(out, format_, **options)
    return out.getvalue()


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 5] + b"\xff\xd9"


def flipped(data: bytes) -> bytes:
    harmed = bytearray(data)
    for at in range(len(data) // 3, len(data) - 40, len(data) // 50):
        harmed[at] ^= 0x10
    return bytes(harmed)


def zeroed(data: bytes) -> bytes:
    half, part = len(data) // 2, len(data) // 5
    return data[:half] + bytes(part) + data[half + part :]


@pytest.mark.parametrize(
    ("name", "data", "lost"),
    [
        ("cut.jpg", cut(coded("JPEG")), 60),
        ("cut-progressive.jpg", cut(coded("JPEG", progressive=True)), None),
        ("cut-cmyk.jpg", cut(coded("JPEG", "CMYK")), None),
        ("flipped.jpg", flipped(coded("JPEG")), None),
        ("zeroed.jpg", zeroed(coded("JPEG")), 20),
        ("flipped.png", flipped(coded("PNG", compress_level=0)), 66),
        ("cut.png", coded("PNG", compress_level=0)[:123_000], 60),
    ],
)
def test_what_is_damaged_inside_is_told_and_never_repaired(
    tmp_path: Path, name: str, data: bytes, lost: int | None
) -> None:
    source = tmp_path / name
    source.write_bytes(data)
    info = probe(source, frozenset({"decode"}))
    assert info.image is not None
    assert info.image.decodes is False
    if lost is not None:
        told = " ".join(remark.en for remark in info.remarks)
        if "cannot be decoded" not in told:
            assert any(f"at least {share} %" in told for share in range(lost - 2, lost + 3)), told
    fix = Fix(check="image.width", stream=None, actual=320, value=100, safety=Safety.LOSSY)
    with pytest.raises(Unreadable, match="damaged inside"):
        image.convert(source, probe(source), Plan(fixes=(fix,)), role(), tmp_path, lambda _: None)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100, "subsampling": 0}, {"optimize": True}])
def test_what_is_whole_is_not_suspected(tmp_path: Path, options: dict[str, object]) -> None:
    for n, picture in enumerate((photo(), Image.new("L", (500, 300), 128), photo().convert("CMYK"), gradient())):
        source = tmp_path / f"{n}.jpg"
        picture.save(source, **options)
        with source.open("ab") as file:
            file.write(bytes(100))  # as some programs leave it
        info = probe(source, frozenset({"decode"}))
        assert info.image is not None
        assert (info.image.decodes, info.remarks) == (True, ())


# ------------------------------------------------------------------------------- depth and photometry


def tiff(bits: int, photometric: int, data: bytes, *, order: str = "<", samples: int = 1, planes: int = 1) -> bytes:
    """A TIFF of one row of four pixels (two of L*a*b*), by hand (TIFF 6, sections 2 to 8)."""
    width = 4
    entries = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 277: samples, 278: 1, 284: planes}
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    strips = samples if planes == 2 else 1
    depths = struct.pack(f"{order}{samples}H", *[bits] * samples)
    part = len(data) // strips
    at, lengths = start + len(depths), start + len(depths) + 4 * strips
    first = lengths + 4 * strips
    lists = struct.pack(f"{order}{strips}I", *(first + part * n for n in range(strips)))
    lists += struct.pack(f"{order}{strips}I", *[part] * strips)
    rows = []
    for tag, value in sorted({**entries, 273: 0, 279: 0}.items()):
        if tag == 258 and samples > 1:
            rows.append(struct.pack(f"{order}HHII", tag, 3, samples, start))
        elif tag in {273, 279}:
            value = (at if tag == 273 else lengths) if strips > 1 else (first if tag == 273 else part)
            rows.append(struct.pack(f"{order}HHII", tag, 4, strips, value))
        else:
            rows.append(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return head + struct.pack(f"{order}H", len(rows)) + b"".join(rows) + bytes(4) + depths + lists + data


def words(order: str, *values: int) -> bytes:
    return struct.pack(f"{order}{len(values)}H", *values)


RAMP = [(level, 16, 240) for level in (0, 64, 128, 255)]
INKS = bytes((0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 255))
LIGHT = bytes((0, 0, 0, 128, 0, 0, 255, 0, 0, 0, 0, 0))
GREYS = [(level,) * 3 for level in (0, 119, 255, 0)]
INKED = [(255, 255, 255), (0, 255, 255), (255, 0, 255), (0, 0, 0)]
PLANES = (0, 0x4000, 0x8000, 0xFFFF, *[0x1000] * 4, *[0xF000] * 4)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tiff(16, 1, words("<", 0, 0x4000, 0x8000, 0xFFFF)), [0, 64, 128, 255]),
        (tiff(16, 1, words(">", 0, 0x4000, 0x8000, 0xFFFF), order=">"), [0, 64, 128, 255]),
        (tiff(16, 0, words("<", 0, 0x4000, 0x8000, 0xFFFF)), [255, 191, 127, 0]),
        (tiff(12, 1, bytes.fromhex("000400800fff")), [0, 64, 128, 255]),
        (tiff(32, 1, struct.pack("<4I", 0, 1 << 30, 1 << 31, (1 << 32) - 1)), [0, 64, 128, 255]),
        (tiff(8, 0, bytes((0, 64, 128, 255))), [255, 191, 127, 0]),
        (tiff(4, 0, bytes.fromhex("048f")), [255, 187, 119, 0]),
        (tiff(2, 1, bytes((0b00011011,))), [0, 85, 170, 255]),
        (tiff(1, 0, bytes((0b01010000,))), [255, 0, 255, 0]),
        (tiff(16, 2, words("<", *PLANES), samples=3, planes=2), RAMP),
        (tiff(16, 2, words(">", *PLANES), samples=3, planes=2, order=">"), RAMP),
        # L* of 50 is 119 in sRGB; 100 is white.
        (tiff(8, 8, LIGHT, samples=3), GREYS),
        (tiff(8, 5, INKS, samples=4), INKED),
    ],
)  # fmt: skip
def test_every_depth_and_meaning_of_a_tiff(tmp_path: Path, data: bytes, expected: list[object]) -> None:
    source = tmp_path / "a.tif"
    source.write_bytes(data)
    shown = np.asarray(Repaired(source, AS_PNG, tmp_path).pixels(), int)[0]
    wanted = np.array([value if isinstance(value, tuple) else (value,) * 3 for value in expected])
    assert np.abs(shown - wanted).max() <= 1


def test_numbers_without_a_white_are_refused_in_words(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5]], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(Unreadable, match="what their brightest value is"):
        Repaired(tmp_path / "a.tif", AS_PNG, tmp_path)


def png(depth: int, colour: int, row: bytes, *chunks: tuple[bytes, bytes], width: int = 4) -> bytes:
    """A PNG of one row, by hand (PNG 3, 5)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(*one) for one in chunks) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (png(16, 0, words(">", 0, 0x4000, 0x8000, 0xFFFF), (b"tRNS", b"\x80\0")), [255, 255, 0, 255]),
        (png(4, 0, b"\x07\x8f", (b"tRNS", b"\0\x07")), [255, 0, 255, 255]),
        (png(2, 0, b"\x1b", (b"tRNS", b"\0\x02")), [255, 255, 0, 255]),
        (png(1, 0, b"\x50", (b"tRNS", b"\0\x01")), [255, 0, 255, 0]),
        (png(16, 2, words(">", *[9] * 9, *[0x8000] * 3), (b"tRNS", words(">", *[0x8000] * 3))), [255, 255, 255, 0]),
    ],
)
def test_a_transparent_colour_stays_transparent(tmp_path: Path, data: bytes, alpha: list[int]) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(data)
    done = Repaired(source, role(("image.format", OneOf(("webp",)))), tmp_path)
    assert np.asarray(done.pixels("RGBA"))[0, :, 3].tolist() == alpha


def bmp(bits: int, masks: tuple[int, ...], pixels: bytes, *, height: int = 1, head: int = 108) -> bytes:
    """A BMP of rows of four pixels with masks (BITMAPINFOHEADER, BITMAPV4HEADER), by hand."""
    info = struct.pack("<IiiHHIIiiII", head, 4, height, 1, bits, 3, len(pixels), 0, 0, 0, 0)
    info += struct.pack(f"<{len(masks)}I", *masks)
    info = info.ljust(max(head, len(info)), b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + len(pixels), 0, 0, 14 + len(info)) + info + pixels


DEEP = (0x3FF00000, 0xFFC00, 0x3FF)
RED_TO_BLACK = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 0, 0)]


@pytest.mark.parametrize(
    ("data", "expected", "depth"),
    [
        (bmp(32, DEEP, struct.pack("<4I", 0x3FF << 20, 0x3FF << 10, 0x3FF, 0x200 << 20)), RED_TO_BLACK, 10),
        (bmp(32, DEEP, struct.pack("<4I", 0x3FF << 20, 0x3FF << 10, 0x3FF, 0x200 << 20), head=40), RED_TO_BLACK, 10),
        (bmp(16, (0xF00, 0xF0, 0xF), words("<", 0xF00, 0xF0, 0xF, 0x800)), [*RED_TO_BLACK[:3], (136, 0, 0)], 8),
        (bmp(16, (0xF800, 0x7E0, 0x1F), words("<", 0xF800, 0x7E0, 0x1F, 0x8000)), [*RED_TO_BLACK[:3], (132, 0, 0)], 8),
        (bmp(32, (0xFF, 0xFF00, 0xFF0000), struct.pack("<4I", 255, 255 << 8, 255 << 16, 128)), RED_TO_BLACK, 8),
    ],
)
def test_a_bmp_has_its_channels_where_its_masks_say(
    tmp_path: Path, data: bytes, expected: list[tuple[int, ...]], depth: int
) -> None:
    (tmp_path / "a.bmp").write_bytes(data)
    done = Repaired(tmp_path / "a.bmp", AS_PNG, tmp_path)
    assert np.asarray(done.pixels(), int)[0].tolist() == [list(colour) for colour in expected]
    assert done.info.image is not None
    assert (done.info.image.format, done.info.image.bit_depth) == ("bmp", depth)


def test_rows_and_transparency_of_a_bmp_with_masks(tmp_path: Path) -> None:
    pixels = words("<", *[0xFF00] * 4, *[0x80F0] * 4)
    for height, first in ((2, (0, 255, 0, 136)), (-2, (255, 0, 0, 255))):
        folder = tmp_path / str(height)
        folder.mkdir()
        (folder / "a.bmp").write_bytes(bmp(16, (0xF00, 0xF0, 0xF, 0xF000), pixels, height=height))
        shown = np.asarray(Repaired(folder / "a.bmp", AS_PNG, folder).pixels("RGBA"))
        assert tuple(shown[0, 0].tolist()) == first
    (tmp_path / "cut.bmp").write_bytes(bmp(16, (0xF00, 0xF0, 0xF), pixels[:8], height=2))
    image = probe(tmp_path / "cut.bmp", frozenset({"decode"})).image
    assert image is not None
    assert image.decodes is False


# ------------------------------------------------------------------------------------------- colours


def encoded(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: light to levels of sRGB."""
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


# CSS Color 4, section 18: light in Display P3 to light in sRGB.
P3 = np.array([[1.2249402, -0.2249402, 0], [-0.0420569, 1.0420569, 0], [-0.0196376, -0.0786361, 1.0982735]])
COLOURS = np.array([[120, 130, 90], [60, 60, 60], [200, 180, 170], [255, 255, 255]], np.uint8)


P3_PLACES = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def of_p3() -> np.ndarray:
    levels = COLOURS / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return encoded(light @ P3.T)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([(b"gAMA", struct.pack(">I", 100_000))], encoded(COLOURS / 255)),
        ([(b"gAMA", struct.pack(">I", 55_556))], encoded((COLOURS / 255) ** 1.8)),
        ([(b"gAMA", struct.pack(">I", 45_455))], COLOURS),
        ([(b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\0")], COLOURS),
        ([(b"cICP", bytes((12, 13, 0, 1)))], of_p3()),
        ([(b"cICP", bytes((1, 13, 0, 1))), (b"gAMA", struct.pack(">I", 100_000))], COLOURS),
        ([(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", P3_PLACES)], of_p3()),
    ],
)  # fmt: skip
def test_what_a_png_says_of_its_colours_is_heard(
    tmp_path: Path, chunks: list[tuple[bytes, bytes]], expected: np.ndarray
) -> None:
    (tmp_path / "a.png").write_bytes(png(8, 2, COLOURS.tobytes(), *chunks))
    done = Repaired(tmp_path / "a.png", role(("image.format", OneOf(("bmp",)))), tmp_path)
    assert np.abs(np.asarray(done.pixels(), float)[0] - expected).max() <= 1.5


def test_a_profile_counts_by_its_values_and_not_by_its_name(tmp_path: Path) -> None:
    profile = display_p3()
    wide = "Display P3".encode("utf-16-be"), "is sRGB P3".encode("utf-16-be")
    plain = b"Display P3", b"is sRGB P3"
    renamed = profile.replace(*wide).replace(*plain)
    shown = []
    for n, one in enumerate((profile, renamed)):
        folder = tmp_path / str(n)
        folder.mkdir()
        Image.fromarray(COLOURS[None]).save(folder / "a.png", icc_profile=one)
        shown.append(
            np.asarray(Repaired(folder / "a.png", role(("image.format", OneOf(("bmp",)))), folder).pixels(), float)[0]
        )
    assert np.abs(shown[0] - of_p3()).max() <= 1.5
    assert np.array_equal(*shown)


# -------------------------------------------------------------------------------------- frames, plans


def test_an_animation_goes_on_moving_where_it_has_a_home(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=200, loop=0)
    done = Repaired(tmp_path / "a.webp", role(("image.format", OneOf(("png", "jpeg", "bmp", "gif")))), tmp_path)
    assert (done.image.format, done.image.frames) == ("gif", 3)
    assert [fix.value for fix in done.plan.fixes] == ["gif"]  # what is planned is what is made


def test_dropped_pages_are_told(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    done = Repaired(tmp_path / "a.tif", AS_PNG, tmp_path)
    assert "first of 2 pages only" in done.steps


def test_a_crop_that_would_be_too_small_is_known_before(tmp_path: Path) -> None:
    Image.new("RGB", (100, 70)).save(tmp_path / "a.png")
    wanted = role(("image.aspect", Aspect((Fraction(1),), Fraction(1, 100))), ("image.width", Between(80, None)))
    with pytest.raises(AssetError, match="70x70"):
        Repaired(tmp_path / "a.png", wanted, tmp_path)


@pytest.mark.parametrize(
    ("gps", "located"),
    [
        ({0: b"\2\3\0\0"}, False),
        ({29: "2024:01:01"}, False),
        ({1: "\0"}, False),
        ({1: "N", 2: (48.0, 8.0, 0.0)}, True),
        ({20: (1.0, 0.0, 0.0)}, True),
    ],
)
def test_only_a_place_is_a_location(tmp_path: Path, gps: dict[int, object], located: bool) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(gps)
    gradient(32, 32).save(tmp_path / "a.jpg", exif=exif)
    info = probe(tmp_path / "a.jpg")
    assert info.image is not None
    assert info.image.has_location is located


@pytest.mark.parametrize(("name", "options"), [("a.ico", {"sizes": [(64, 64)]}), ("a.jp2", {})])
def test_what_is_planned_for_rarer_formats_is_made(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    gradient(64, 64).save(tmp_path / name, **options)
    done = Repaired(tmp_path / name, AS_PNG, tmp_path)
    assert np.array_equal(np.asarray(done.pixels()), np.asarray(gradient(64, 64)))
