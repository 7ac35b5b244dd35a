"""Pictures: the least that makes one comply."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps

from pipeline.checks import CHECKS
from pipeline.convert.image import convert as image
from pipeline.convert.image.recipe import WRITABLE
from pipeline.errors import CeilingExceeded, ToolFailed, ToolMissing, Unreadable
from pipeline.model.facts import ImageInfo, Kind, MediaInfo, Size, Text, Value
from pipeline.model.limits import Aspect, Between, FitsBox, OneOf, OneSize
from pipeline.model.results import Fix, Plan
from pipeline.model.rules import Level, Limit, Role, Rule, Safety, Source
from pipeline.probe import heic, probe
from pipeline.rules import judge as judging
from pipeline.rules import plan as planning
from samples.images import display_p3


def role(*rules: tuple[str, Limit], **deliver: Value) -> Role:
    """A role with one error rule per (check, limit)."""
    return Role(
        name="image",
        title=Text("image", "图片"),
        kinds=frozenset({Kind.IMAGE}),
        rules=tuple(
            Rule(
                id=f"r{n}",
                check=check,
                limit=limit,
                level=Level.ERROR,
                sources=(Source("D", "1", "2025-01-01"),),
            )
            for n, (check, limit) in enumerate(rules)
        ),
        deliver=tuple(sorted(deliver.items())),
    )


def gradient(width: int = 320, height: int = 180) -> Image.Image:
    """Red grows to the right, green downwards, some texture in blue."""
    down, across = np.mgrid[0:height, 0:width]
    blue = np.random.default_rng(3).integers(110, 140, (height, width))
    layers = [across * 255 // width, down * 255 // height, blue]
    return Image.fromarray(np.stack(layers, axis=-1).astype(np.uint8), "RGB")


def saved(folder: Path, name: str, picture: Image.Image, **options: Any) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


class Repaired:
    """A picture through probe, judge, plan, convert, and judged again."""

    def __init__(self, source: Path, wanted: Role, folder: Path) -> None:
        self.info = probe(source)
        self.plan = planning.plan(judging.judge(self.info, wanted))
        assert not self.plan.blocked
        work = folder / "work"
        work.mkdir()
        before = source.read_bytes()
        self.steps = [step.does.en for step in image.steps(self.info, self.plan, wanted)]
        self.progress: list[float] = []
        (made,) = image.convert(source, self.info, self.plan, wanted, work, self.progress.append)
        assert source.read_bytes() == before, "sources are never written to"
        self.made, self.path = made, Path(made.path)
        self.after = probe(self.path, frozenset({"decode"}))
        findings = judging.judge(self.after, wanted)
        assert [f.rule.check for f in findings if f.blocks] == []
        assert self.after.image is not None
        assert self.after.image.decodes
        self.image = self.after.image

    def pixels(self, mode: str = "RGB") -> Image.Image:
        with Image.open(self.path) as picture:
            return picture.convert(mode)


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of all channels, 0 to 255."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


# ----------------------------------------------------------------------------------------- pairing


def test_handles_exactly_the_checks_that_say_a_picture_can_be_repaired() -> None:
    assert {name for name, check in CHECKS.items() if Kind.IMAGE in check.repairs} == image.HANDLES


# ------------------------------------------------------------------------------- the least is done


def test_a_picture_with_only_its_name_wrong_is_copied(tmp_path: Path) -> None:
    source = saved(tmp_path, "photo.png", gradient(), format="JPEG")
    got = Repaired(source, role(("file.extension_agrees", OneOf((True,), "flag"))), tmp_path)
    assert got.path.read_bytes() == source.read_bytes()
    assert got.made.name == "{stem}.jpg"
    assert got.steps == ["copied as it is"]


def located(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0110] = "Camera X"
    exif[0x0112] = orientation
    exif[0x8825] = {1: "N", 2: (31.0, 14.0, 0.0), 3: "E", 4: (121.0, 29.0, 0.0)}
    return exif


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_location_goes_and_not_one_pixel_changes(tmp_path: Path, extension: str, orientation: int) -> None:
    source = saved(tmp_path, f"photo.{extension}", gradient(), exif=located(orientation))
    if extension == "jpg":  # what phones append: a preview or a clip, with metadata of its own
        source.write_bytes(source.read_bytes() + b"\xff\xd8\xff\xe1 GPS hidden here")
    got = Repaired(source, role(("image.location", OneOf((False,), "flag"))), tmp_path)
    assert got.image.orientation == orientation
    assert b"Camera X" not in got.path.read_bytes()
    assert b"GPS" not in got.path.read_bytes()
    with Image.open(source) as before, Image.open(got.path) as after:
        assert ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox() is None


def test_a_progressive_picture_keeps_its_profile_when_its_location_goes(tmp_path: Path) -> None:
    source = saved(tmp_path, "p.jpg", gradient(), exif=located(), icc_profile=display_p3(), progressive=True)
    got = Repaired(source, role(("image.location", OneOf((False,), "flag"))), tmp_path)
    assert got.image.icc == "Display P3"
    assert distance(got.pixels(), Image.open(source).convert("RGB")) == 0


@pytest.mark.parametrize("cut", [3, 40, 700, -2])
def test_a_cut_picture_is_refused_where_metadata_would_be_stripped(tmp_path: Path, cut: int) -> None:
    source = saved(tmp_path, "photo.jpg", gradient(), exif=located())
    source.write_bytes(source.read_bytes()[:cut])
    info = picture_info(size=Size(320, 180), has_location=True)
    fix = Fix(check="image.location", stream=None, actual=True, value=False, safety=Safety.LOSSLESS)
    with pytest.raises(Unreadable, match="damaged"):
        image.convert(source, info, Plan(fixes=(fix,)), role(), tmp_path, lambda _: None)


# ------------------------------------------------------------------------------------ orientation


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_exif_orientation_is_baked_in(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = saved(tmp_path, "photo.jpg", gradient(), exif=exif, quality=95, subsampling=0)
    got = Repaired(source, role(("image.orientation", OneOf((1,), "count"))), tmp_path)
    with Image.open(source) as before:
        upright = ImageOps.exif_transpose(before)
        assert upright is not None
        assert got.image.size == upright.size
        assert distance(got.pixels(), upright.convert("RGB")) < 2
    assert "turned upright" in got.steps


# ------------------------------------------------------------------------------- format and colour


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "bmp", "gif"])
def test_any_format_becomes_the_one_asked_for(tmp_path: Path, target: str) -> None:
    source = saved(tmp_path, "scan.tiff", gradient())
    got = Repaired(source, role(("image.format", OneOf((target,)))), tmp_path)
    assert got.image.format == target
    assert got.image.size == (320, 180)
    assert distance(got.pixels(), gradient()) < (12 if target == "gif" else 3)


def test_the_role_decides_what_a_new_file_looks_like(tmp_path: Path) -> None:
    source = saved(tmp_path, "scan.tiff", gradient())
    got = Repaired(source, role(("file.format", OneOf(("png", "jpeg"))), format="jpeg"), tmp_path)
    assert got.image.format == "jpeg"


def test_a_format_that_is_accepted_is_kept_when_a_picture_shrinks(tmp_path: Path) -> None:
    source = saved(tmp_path, "shot.bmp", gradient())
    wanted = role(
        ("image.format", OneOf(("png", "jpeg", "bmp"))),
        ("image.size", FitsBox((Size(100, 100),))),
        format="png",
    )
    assert Repaired(source, wanted, tmp_path).image.format == "bmp"


def test_transparency_survives_where_the_role_takes_a_format_that_has_it(tmp_path: Path) -> None:
    clear = gradient().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    source = saved(tmp_path, "logo.webp", clear, lossless=True, exact=True)
    got = Repaired(source, role(("image.format", OneOf(("jpeg", "png")))), tmp_path)
    assert got.image.format == "png"
    assert distance(got.pixels("RGBA"), clear) == 0


@pytest.mark.parametrize(("background", "seen"), [(None, (255, 255, 255)), ("#00FF00", (0, 255, 0))])
def test_what_was_transparent_shows_the_background_in_a_jpeg(
    tmp_path: Path, background: str | None, seen: tuple[int, int, int]
) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 32, 64))
    source = saved(tmp_path, "logo.png", clear)
    deliver: dict[str, Value] = {"background": background} if background else {}
    got = Repaired(source, role(("image.format", OneOf(("jpeg",))), **deliver), tmp_path)
    left, right = got.pixels().getpixel((8, 32)), got.pixels().getpixel((56, 32))
    assert np.abs(np.subtract(left, (255, 0, 0))).max() <= 3
    assert np.abs(np.subtract(right, seen)).max() <= 3


def test_display_p3_becomes_the_srgb_that_looks_the_same(tmp_path: Path) -> None:
    # SMPTE EG 432-1 primaries and the sRGB curve: (200, 100, 50) in P3 is (215, 93, 31) in sRGB.
    source = saved(tmp_path, "p3.png", Image.new("RGB", (32, 32), (200, 100, 50)), icc_profile=display_p3())
    got = Repaired(source, role(("image.format", OneOf(("bmp",)))), tmp_path)
    assert got.image.icc is None
    assert np.abs(np.subtract(got.pixels().getpixel((5, 5)), (215, 93, 31))).max() <= 1
    assert "colours from Display P3 to sRGB" in got.steps


def test_a_profile_of_another_colour_model_is_passed_over(tmp_path: Path) -> None:
    source = saved(tmp_path, "gray.png", Image.new("L", (32, 32), 77), icc_profile=display_p3())
    got = Repaired(source, role(("image.format", OneOf(("jpeg",)))), tmp_path)
    assert got.pixels("L").getpixel((3, 3)) == 77


def test_srgb_pixels_stay_exact(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(tmp_path, "shot.webp", gradient(), lossless=True, icc_profile=srgb)
    got = Repaired(source, role(("image.format", OneOf(("png",)))), tmp_path)
    assert distance(got.pixels(), gradient()) == 0


def test_a_printers_jpeg_becomes_rgb(tmp_path: Path) -> None:
    source = saved(tmp_path, "print.jpg", gradient().convert("CMYK"), quality=95)
    got = Repaired(source, role(("image.mode", OneOf(("RGB",)))), tmp_path)
    assert got.image.mode == "RGB"
    assert distance(got.pixels(), gradient()) < 4


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    deep = Image.fromarray(np.linspace(0, 65535, 320 * 180).reshape(180, 320).astype(np.uint16))
    source = saved(tmp_path, "depth.png", deep)
    got = Repaired(source, role(("image.bit_depth", Between(None, 8))), tmp_path)
    assert got.image.bit_depth == 8
    values = np.asarray(got.pixels("L"), dtype=int).ravel()
    assert np.abs(values - np.linspace(0, 255, values.size)).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_can_be_written_in_every_format(tmp_path: Path, mode: str) -> None:
    source = saved(tmp_path, "any.tiff", gradient().convert("RGB" if mode == "P" else mode))
    expected = gradient().convert(mode).convert("RGB")
    for target in sorted(WRITABLE):
        (tmp_path / target).mkdir()
        got = Repaired(source, role(("image.format", OneOf((target,)))), tmp_path / target)
        assert distance(got.pixels(), expected) < 40


# ------------------------------------------------------------------------------------- size, ratio


def test_a_picture_is_scaled_down_with_its_proportions(tmp_path: Path) -> None:
    source = saved(tmp_path, "big.jpg", gradient(1600, 1200), quality=95)
    got = Repaired(source, role(("image.size", FitsBox((Size(320, 320),)))), tmp_path)
    assert got.image.size == (320, 240)
    expected = gradient(1600, 1200).resize((320, 240), Image.Resampling.LANCZOS)
    assert distance(got.pixels(), expected) < 3


@pytest.mark.parametrize(("check", "limit", "size"), [("image.width", 100, (100, 56)), ("image.height", 90, (160, 90))])
def test_one_side_limits_both(tmp_path: Path, check: str, limit: int, size: tuple[int, int]) -> None:
    source = saved(tmp_path, "wide.png", gradient())
    assert Repaired(source, role((check, Between(None, limit))), tmp_path).image.size == size


def test_the_middle_is_kept_when_the_ratio_changes(tmp_path: Path) -> None:
    source = saved(tmp_path, "wide.png", gradient())
    got = Repaired(source, role(("image.aspect", Aspect((Fraction(1),)))), tmp_path)
    assert got.image.size == (180, 180)
    assert distance(got.pixels(), gradient().crop((70, 0, 250, 180))) == 0
    assert "middle cropped to 180x180" in got.steps


def test_the_size_limit_is_for_what_the_crop_left(tmp_path: Path) -> None:
    source = saved(tmp_path, "photo.png", gradient(1600, 1200))
    wanted = role(("image.aspect", Aspect((Fraction(16, 9),))), ("image.size", FitsBox((Size(960, 540),))))
    assert Repaired(source, wanted, tmp_path).image.size == (960, 540)


def test_an_exact_size_of_another_shape_is_filled_from_the_middle(tmp_path: Path) -> None:
    source = saved(tmp_path, "photo.png", gradient(400, 300))
    got = Repaired(source, role(("image.size", OneSize((Size(100, 100),)))), tmp_path)
    expected = gradient(400, 300).resize((100, 100), Image.Resampling.LANCZOS, box=(50, 0, 350, 300))
    assert distance(got.pixels(), expected) == 0


def test_a_turned_picture_is_measured_as_it_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(tmp_path, "phone.jpg", gradient(1600, 1200), exif=exif)
    wanted = role(("image.size", FitsBox((Size(300, 400),))), ("image.orientation", OneOf((1,), "count")))
    got = Repaired(source, wanted, tmp_path)
    assert got.image.size == (300, 400)
    expected = gradient(1600, 1200).rotate(-90, expand=True).resize((300, 400))
    assert distance(got.pixels(), expected) < 4


# ------------------------------------------------------------------------------------------- bytes


def noisy(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3)).astype(np.uint8), "RGB")


def test_quality_goes_before_size(tmp_path: Path) -> None:
    source = saved(tmp_path, "heavy.jpg", noisy(400, 300), quality=98)
    limit = source.stat().st_size * 2 // 5
    got = Repaired(source, role(("file.size", Between(None, limit, type="bytes"))), tmp_path)
    assert got.image.size == (400, 300)
    assert limit * 0.9 < got.after.size <= limit


def test_size_goes_when_quality_is_not_enough(tmp_path: Path) -> None:
    source = saved(tmp_path, "heavy.jpg", noisy(400, 300), quality=98)
    limit = source.stat().st_size // 20
    got = Repaired(source, role(("file.size", Between(None, limit, type="bytes"))), tmp_path)
    assert limit * 0.6 < got.after.size <= limit
    assert abs(got.image.size.width * 3 - got.image.size.height * 4) <= 4


def test_a_heavy_lossless_picture_keeps_its_pixels_where_jpeg_is_taken(tmp_path: Path) -> None:
    source = saved(tmp_path, "heavy.png", noisy(200, 150))
    limit = source.stat().st_size * 3 // 4
    wanted = role(("file.size", Between(None, limit, type="bytes")), ("image.format", OneOf(("png", "jpeg"))))
    got = Repaired(source, wanted, tmp_path)
    assert (got.image.format, got.image.size) == ("jpeg", (200, 150))


def test_a_heavy_lossless_picture_shrinks_where_nothing_else_is_taken(tmp_path: Path) -> None:
    source = saved(tmp_path, "heavy.png", noisy(200, 150))
    limit = source.stat().st_size * 3 // 4
    wanted = role(("file.size", Between(None, limit, type="bytes")), ("image.format", OneOf(("png",))))
    got = Repaired(source, wanted, tmp_path)
    assert got.image.format == "png"
    assert got.image.size < (200, 150)


def test_a_limit_that_was_kept_before_is_kept_after(tmp_path: Path) -> None:
    source = saved(tmp_path, "small.webp", noisy(300, 300), quality=20)
    limit = source.stat().st_size + 100
    wanted = role(("file.size", Between(None, limit, type="bytes")), ("image.format", OneOf(("jpeg",))))
    assert Repaired(source, wanted, tmp_path).after.size <= limit


def test_a_limit_no_picture_can_keep_is_said_to_be_one(tmp_path: Path) -> None:
    source = saved(tmp_path, "heavy.jpg", noisy(400, 300), quality=98)
    with pytest.raises(ToolFailed, match="small as 200 bytes"):
        Repaired(source, role(("file.size", Between(None, 200, type="bytes"))), tmp_path)


# ---------------------------------------------------------------------------------------- animation


def turning(count: int = 6) -> list[Image.Image]:
    frames = [Image.new("RGB", (120, 80), "white") for _ in range(count)]
    for number, frame in enumerate(frames):
        frame.paste((200, 0, 40 * number), (number * 10, 10, number * 10 + 30, 50))
    return frames


def animation(folder: Path, name: str, **options: Any) -> Path:
    first, *rest = turning()
    return saved(folder, name, first, save_all=True, append_images=rest, duration=80, loop=0, **options)


def test_the_first_frame_stays_when_motion_must_go(tmp_path: Path) -> None:
    source = animation(tmp_path, "moving.gif")
    got = Repaired(source, role(("image.animated", OneOf((False,), "flag"))), tmp_path)
    assert (got.image.frames, got.image.format) == (1, "gif")
    assert distance(got.pixels(), turning()[0]) < 1


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp"])
def test_motion_stays_when_a_moving_picture_shrinks(tmp_path: Path, name: str) -> None:
    source = animation(tmp_path, name, **({"lossless": True} if name.endswith("webp") else {}))
    got = Repaired(source, role(("image.size", FitsBox((Size(60, 60),)))), tmp_path)
    assert (got.image.frames, got.image.size) == (6, (60, 40))
    with Image.open(got.path) as picture:
        for number, frame in enumerate(turning()):
            picture.seek(number)
            assert distance(picture.convert("RGB"), frame.resize((60, 40), Image.Resampling.LANCZOS)) < 6
            picture.load()
            assert picture.info["duration"] == 80
        assert picture.info["loop"] == 0


def test_a_still_format_takes_the_first_frame(tmp_path: Path) -> None:
    got = Repaired(animation(tmp_path, "moving.gif"), role(("image.format", OneOf(("png",)))), tmp_path)
    assert (got.image.format, got.image.frames) == ("png", 1)
    assert "first frame only" in got.steps


# ------------------------------------------------------------------------------------------ refused


def picture_info(**facts: Any) -> MediaInfo:
    facts = {"format": "jpeg", "stored": Size(320, 180), "size": Size(320, 180), "frames": 1} | facts
    return MediaInfo(name="photo", kind=Kind.IMAGE, size=1000, extension="", image=ImageInfo(**facts))


def to_jpeg() -> Plan:
    return Plan(fixes=(Fix(check="image.format", stream=None, actual="png", value="jpeg", safety=Safety.LOSSY),))


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    # The header alone promises 400 megapixels; no pixel follows, so decoding would complain of that instead.
    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    source = tmp_path / "bomb.png"
    source.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    info = picture_info(format="png")
    with pytest.raises(CeilingExceeded):
        image.convert(source, info, to_jpeg(), role(), tmp_path, lambda _: None)


def test_a_truncated_picture_is_unreadable(tmp_path: Path) -> None:
    source = saved(tmp_path, "cut.png", gradient())
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(Unreadable, match="cannot be decoded"):
        image.convert(source, picture_info(format="png"), to_jpeg(), role(), tmp_path, lambda _: None)


def test_what_cannot_be_decoded_here_says_what_to_do() -> None:
    with pytest.raises(Unreadable, match="Export it as PNG or JPEG"):
        image.steps(picture_info(format="svg"), to_jpeg(), role())


def test_a_heic_without_its_decoder_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic, "readable", lambda: False)
    with pytest.raises(ToolMissing, match=r"media-preflight\[heic\]"):
        image.steps(picture_info(format="heif"), to_jpeg(), role())


# --------------------------------------------------------------------------------------- properties


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "bmp", "gif"])
def test_the_same_picture_gives_the_same_bytes_without_metadata(tmp_path: Path, target: str) -> None:
    source = saved(tmp_path, "a.tiff", gradient(), exif=located().tobytes(), icc_profile=display_p3())
    made = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        made.append(Repaired(source, role(("image.format", OneOf((target,)))), tmp_path / run))
    assert made[0].path.read_bytes() == made[1].path.read_bytes()
    assert b"Camera X" not in made[0].path.read_bytes()
    assert (made[0].image.icc, made[0].image.has_location) == (None, False)
    assert made[0].progress == sorted(made[0].progress)
    assert made[0].progress[-1] == 1.0


def test_what_was_repaired_needs_no_repair(tmp_path: Path) -> None:
    exif = located(6)
    source = saved(tmp_path, "phone.webp", gradient(1600, 1200), exif=exif)
    wanted = role(
        ("image.format", OneOf(("jpeg", "png"))),
        ("image.size", FitsBox((Size(640, 360),))),
        ("image.orientation", OneOf((1,), "count")),
        ("image.location", OneOf((False,), "flag")),
        ("image.aspect", Aspect((Fraction(9, 16),))),
        ("file.size", Between(None, 40_000, type="bytes")),
        ("file.extension_agrees", OneOf((True,), "flag")),
    )
    got = Repaired(source, wanted, tmp_path)
    again = planning.plan(judging.judge(probe(got.path), wanted))
    assert again.empty
    assert got.image.size == (360, 640)
