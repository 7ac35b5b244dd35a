"""Pictures are known by their header; what is hostile is refused before it is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_FRAMES_IMAGE, MAX_SCANS, MAX_SIDE
from pipeline.model.facts import MediaInfo, Size
from pipeline.probe import probe
from pipeline.probe.image.headers import gif_frames, heif, jpeg_scans, profile_name
from samples import build
from samples.images import display_p3
from tests import ROOT

OUT = ROOT / "samples" / "out"


def facts(name: str, *needs: str) -> MediaInfo:
    return probe(build([name], OUT)[name], frozenset(needs))


def png_head(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("images/good-1080p.jpg", {"format": "jpeg", "size": Size(1920, 1080), "mode": "RGB", "icc": None}),
        ("images/progressive.jpg", {"format": "jpeg", "size": Size(640, 360)}),
        ("images/cmyk.jpg", {"mode": "CMYK", "bit_depth": 8}),
        ("images/gray.jpg", {"mode": "L"}),
        ("images/display-p3.jpg", {"icc": "Display P3"}),
        (
            "images/exif-rotated.jpg",
            {"stored": Size(640, 360), "size": Size(360, 640), "orientation": 6, "has_location": False},
        ),
        ("images/deep-colour.png", {"format": "png", "bit_depth": 16, "alpha": False}),
        ("images/gray-16bit.png", {"bit_depth": 16}),
        ("images/one-bit.png", {"bit_depth": 1}),
        ("images/palette.png", {"mode": "P", "bit_depth": 8, "alpha": False}),
        ("images/palette-alpha.png", {"mode": "P", "alpha": True}),
        ("images/gray-alpha.png", {"mode": "LA", "alpha": True}),
        ("images/alpha.png", {"mode": "RGBA", "alpha": True, "frames": 1}),
        ("images/animated.png", {"format": "png", "frames": 8}),
        ("images/still.gif", {"format": "gif", "frames": 1}),
        ("images/animated.gif", {"format": "gif", "frames": 8}),
        ("images/still.webp", {"format": "webp", "frames": 1, "alpha": False}),
        ("images/animated.webp", {"format": "webp", "frames": 8}),
        ("images/good.bmp", {"format": "bmp", "bit_depth": 8}),
        ("images/scan.tiff", {"format": "tiff", "bit_depth": 8, "frames": 1}),
        ("images/pages.tiff", {"format": "tiff", "frames": 8}),
        ("images/photo.avif", {"format": "avif", "size": Size(320, 180), "bit_depth": 8}),
        ("images/drawing.svg", {"format": "svg", "size": Size(320, 180), "mode": None, "alpha": None}),
        ("broken/jpeg-named.png", {"format": "jpeg"}),
    ],
)
def test_header_facts(name: str, wanted: dict[str, Any]) -> None:
    image = facts(name).image
    assert {key: getattr(image, key) for key in wanted} == wanted
    assert image is not None
    assert image.decodes is None, "nothing is decoded unless asked for"


def test_decoding_tells_a_whole_picture_from_a_cut_one() -> None:
    assert facts("images/good-1080p.jpg", "decode").image.decodes is True
    assert facts("images/animated.gif", "decode").image.decodes is True
    cut = facts("broken/truncated.jpg", "decode")
    assert cut.image.decodes is False
    assert "cannot be decoded" in cut.remarks[0].en


def test_nonsense_in_exif_is_remarked_and_the_location_unknown() -> None:
    info = facts("broken/bad-exif.jpg")
    assert (info.image.orientation, info.image.has_location) == (1, None)
    assert "EXIF" in info.remarks[0].en


def test_an_orientation_that_means_nothing_is_remarked(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
    info = probe(tmp_path / "a.jpg")
    assert (info.image.orientation, info.image.size) == (1, Size(8, 4))
    assert "9" in info.remarks[0].en


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_a_recorded_place_is_seen(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a place"  # Pillow writes no directory of places on its own
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (8, 8)).save(tmp_path / f"a.{suffix}", exif=exif)
    Image.new("RGB", (8, 8)).save(tmp_path / f"b.{suffix}")
    assert probe(tmp_path / f"a.{suffix}").image.has_location is True
    assert probe(tmp_path / f"b.{suffix}").image.has_location is False


def test_a_place_recorded_in_a_tiff_is_seen(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x8825] = {1: "N"}
    Image.new("RGB", (8, 8)).save(tmp_path / "a.tiff", tiffinfo=tags)
    assert probe(tmp_path / "a.tiff").image.has_location is True


@pytest.mark.parametrize(
    ("number", "called"), [(50001, "WebP"), (34712, "JPEG 2000"), (52546, "JPEG XL"), (65000, "number 65000")]
)
@pytest.mark.parametrize("order", ["II", "MM"])
def test_a_packing_that_is_not_read_is_no_damage(tmp_path: Path, number: int, called: str, order: str) -> None:
    plain = io.BytesIO()
    mode, how = ("RGB", "<") if order == "II" else ("I;16B", ">")  # Pillow writes the latter with the high byte first
    Image.new(mode, (8, 8)).save(plain, "TIFF")
    said, wanted = (struct.pack(how + "HHIHH", 259, 3, 1, one, 0) for one in (1, number))
    assert plain.getvalue().count(said) == 1
    (tmp_path / "a.tiff").write_bytes(plain.getvalue().replace(said, wanted))
    with pytest.raises(Unreadable, match=f"packed as {called}") as refused:
        probe(tmp_path / "a.tiff", frozenset({"decode"}))
    assert called.split()[-1] in refused.value.text.zh


def test_exif_after_the_pixels_of_a_png_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    data = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    plain = io.BytesIO()
    Image.new("RGB", (8, 4)).save(plain, "PNG")
    (tmp_path / "a.png").write_bytes(plain.getvalue()[:-12] + chunk + plain.getvalue()[-12:])
    image = probe(tmp_path / "a.png", frozenset({"decode"})).image
    assert (image.orientation, image.size, image.has_location, image.decodes) == (6, Size(4, 8), True, True)


@pytest.mark.parametrize(("width", "height"), [(MAX_SIDE + 1, 1), (10_001, 10_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png_head(width, height))
    with pytest.raises(CeilingExceeded, match=r"bomb\.png") as refused:
        probe(tmp_path / "bomb.png", frozenset({"decode"}))
    said = refused.value.text
    assert "100000000" in said.en
    assert "100000000" in said.zh
    assert "DOS" not in said.en + said.zh


def test_a_large_picture_below_the_ceiling_is_read(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png_head(10_000, 10_000))
    assert probe(tmp_path / "large.png").image.size == Size(10_000, 10_000)


def test_too_many_frames_are_refused(tmp_path: Path) -> None:
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\0"
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    (tmp_path / "long.gif").write_bytes(head + frame * (MAX_FRAMES_IMAGE + 1) + b"\x3b")
    with pytest.raises(CeilingExceeded, match="frame"):
        probe(tmp_path / "long.gif")


def test_a_gif_cut_short_has_no_known_number_of_frames() -> None:
    data = io.BytesIO()
    pictures = [Image.new("RGB", (4, 4), color) for color in ("red", "green", "blue")]
    pictures[0].save(data, "GIF", save_all=True, append_images=pictures[1:])
    assert gif_frames(io.BytesIO(data.getvalue()), 10) == 3
    assert gif_frames(io.BytesIO(data.getvalue()), 2) == 2
    assert gif_frames(io.BytesIO(data.getvalue()[:-12]), 10) is None
    assert gif_frames(io.BytesIO(data.getvalue()[:-1]), 10) == 3  # without its trailer alone it is whole


def test_a_gif_cut_short_does_not_decode(tmp_path: Path) -> None:
    whole = build(["images/animated.gif"], OUT)["images/animated.gif"].read_bytes()
    (tmp_path / "cut.gif").write_bytes(whole[: len(whole) // 2])
    info = probe(tmp_path / "cut.gif", frozenset({"decode"}))
    assert info.image.decodes is False
    assert "middle of a frame" in info.remarks[-1].en


def test_a_jpeg_of_thousands_of_scans_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    Image.new("L", (64, 64), 90).save(data, "JPEG", progressive=True)
    whole = data.getvalue()
    (tmp_path / "few.jpg").write_bytes(whole)
    with monkeypatch.context() as patch:  # of an ordinary JPEG the header tells: its scan has every component
        patch.setattr("pipeline.probe.image.read.jpeg_scans", None)
        assert facts("images/good-1080p.jpg").image.format == "jpeg"
        assert facts("images/gray.jpg").image.format == "jpeg"
    assert probe(tmp_path / "few.jpg", frozenset({"decode"})).image.decodes is True
    last = whole.rindex(b"\xff\xda")
    (tmp_path / "many.jpg").write_bytes(whole[:last] + whole[last:-2] * MAX_SCANS + whole[-2:])
    with pytest.raises(CeilingExceeded, match="scans"):
        probe(tmp_path / "many.jpg")


def test_scans_are_counted_across_blocks_of_reading() -> None:
    assert jpeg_scans(io.BytesIO(bytes((1 << 20) - 1) + b"\xff\xda" + bytes(9) + b"\xff\xda"), 10) == 2


@pytest.mark.parametrize("mode", ["I", "F"])
def test_no_face_is_claimed_absent_where_brightness_has_no_scale(tmp_path: Path, mode: str) -> None:
    Image.new("L", (64, 64), 90).convert(mode).save(tmp_path / "a.tiff")
    info = probe(tmp_path / "a.tiff", frozenset({"faces"}))
    assert info.faces is None
    assert "brightest" in info.remarks[-1].en


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff\xe0\0\x10JFIF", b"GIF89a\1\0", b"8BPS\0\1"]
)
def test_a_damaged_header_is_unreadable(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.img").write_bytes(data)
    with pytest.raises(Unreadable, match=r"bad\.img"):
        probe(tmp_path / "bad.img")


def test_profile_names_of_both_versions_and_of_none() -> None:
    assert profile_name(display_p3()) == "Display P3"
    old = bytes(128) + struct.pack(">I4sII", 1, b"desc", 144, 20) + b"desc" + bytes(4)
    assert profile_name(old + struct.pack(">I", 5) + b"Mine\0") == "Mine"
    assert profile_name(b"") == "unnamed profile"


def test_heif_boxes_give_size_depth_and_rotation() -> None:
    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return struct.pack(">I", 8 + len(data)) + kind + data

    def picture(*turn: bytes) -> bytes:
        ispe = box(b"ispe", bytes(4), struct.pack(">II", 400, 300))
        tile = box(b"ispe", bytes(4), struct.pack(">II", 64, 64))
        pixi = box(b"pixi", bytes(4), b"\3\x0a\x0a\x0a")
        props = box(b"ipco", tile, ispe, pixi, *turn)
        mine = bytes([2, 3, *([4] if turn else [])])
        links = box(b"ipma", bytes(4), struct.pack(">IHB", 1, 7, len(mine)), mine)
        main = box(b"pitm", bytes(4), struct.pack(">H", 7))
        return box(b"ftyp", b"heicmif1") + box(b"meta", bytes(4), main, box(b"iprp", props, links), box(b"free"))

    upright = heif(io.BytesIO(picture()))
    assert upright == (Size(400, 300), Size(400, 300), 10, False)
    turned = heif(io.BytesIO(picture(box(b"irot", b"\1"))))
    assert turned is not None
    assert turned.size == Size(300, 400)
    assert heif(io.BytesIO(b"\0\0\0\x08ftyp")) is None


def test_a_heic_is_reported_though_pillow_cannot_read_it(tmp_path: Path) -> None:
    with_size = struct.pack(">I4s4sII", 20, b"ispe", bytes(4), 640, 480)
    ipco = struct.pack(">I4s", 28, b"ipco") + with_size
    ipma = struct.pack(">I4s4sIHBB", 20, b"ipma", bytes(4), 1, 1, 1, 1)
    iprp = struct.pack(">I4s", 8 + len(ipco) + len(ipma), b"iprp") + ipco + ipma
    pitm = struct.pack(">I4s4sH", 14, b"pitm", bytes(4), 1)
    meta = struct.pack(">I4s4s", 12 + len(pitm) + len(iprp), b"meta", bytes(4)) + pitm + iprp
    (tmp_path / "a.heic").write_bytes(struct.pack(">I4s4s4s", 16, b"ftyp", b"heic", bytes(4)) + meta)
    image = probe(tmp_path / "a.heic").image
    assert (image.format, image.size) == ("heif", Size(640, 480))


def svg(path: Path, text: str) -> MediaInfo:
    path.write_text(text)
    return probe(path)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="320" height="180"', (320, 180)),
        ('width="10cm" height="1in"', (378, 96)),
        ('viewBox="0 0 640 360"', (640, 360)),
        ('width="320" viewBox="0 0 640 360"', (320, 180)),
        ('width="100%" height="100%"', (300, 150)),
        ("", (300, 150)),
    ],
)
def test_the_size_of_an_svg(tmp_path: Path, attributes: str, size: tuple[int, int]) -> None:
    info = svg(tmp_path / "a.svg", f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}><g/></svg>')
    assert info.image.size == size
    assert bool(info.remarks) == (size == (300, 150))


def test_an_svg_with_entities_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg width="1" height="1">&b;</svg>'
    with pytest.raises(Unreadable, match="document type"):
        svg(tmp_path / "a.svg", bomb)


def test_an_svg_nested_too_deep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="deeper"):
        svg(tmp_path / "a.svg", '<svg width="1" height="1">' + "<g>" * 1000 + "</g>" * 1000 + "</svg>")


def test_a_proof_that_is_asked_for_with_others_is_made(sample: Callable[[str], Path]) -> None:
    for needs in ({"decode"}, {"decode", "speech"}, {"decode", "faces"}):
        info = probe(sample("images/portrait.png"), frozenset(needs))
        assert info.image is not None
        assert info.image.decodes is True


def test_a_window_that_an_avif_states_is_told(tmp_path: Path) -> None:
    """A clean aperture (ISO/IEC 14496-12, 12.1.4), in the place of the profile's box."""
    path = tmp_path / "window.avif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (64, 48), "teal").save(path, icc_profile=profile)
    data = path.read_bytes()
    assert not probe(path).remarks
    at = data.index(b"colrprof")
    window = b"clap" + struct.pack(">8I", 40, 1, 30, 1, 0, 1, 0, 1)
    made = bytearray(data[:at] + window + data[at + len(window) :])
    links = made.index(b"ipma") + 14  # behind version, count and number of the one picture: how many, then each
    for place in range(links + 1, links + 1 + made[links]):
        made[place] |= 0x80  # a reader that does not know it may not show the picture
    path.write_bytes(made)
    info = probe(path)
    assert info.image is not None
    assert info.image.size == (64, 48)
    assert [("40x30" in remark.en, "40x30" in remark.zh) for remark in info.remarks] == [(True, True)]
