"""Images: every format and mode that a rule names, and one portrait with each way of being unfit."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from samples._pictures import Picture, picture_file, scene
from samples._tools import Sample, ffmpeg

# The portrait (512x512) measured by hand, in pixels: left, top, right, bottom.
_FACE = (176, 74, 272, 186)
_EYES = (186, 90, 266, 116)
_MOUTH = (200, 134, 250, 156)


# --------------------------------------------------------------------------------------- plain pictures


def _disc(size: int = 256) -> Picture:
    """A picture that is clear outside a soft disc."""
    down, across = np.mgrid[0:size, 0:size]
    alpha = np.clip((size * 0.45 - np.hypot(down - size / 2, across - size / 2)) / 4, 0, 1) * 255
    picture = scene(size, size).convert("RGBA")
    picture.putalpha(Image.fromarray(alpha.astype(np.uint8), "L"))
    return picture


def _turning() -> list[Picture]:
    frames = [Image.new("RGB", (160, 90), "white") for _ in range(8)]
    for turn, frame in enumerate(frames):
        ImageDraw.Draw(frame).pieslice((40, 5, 120, 85), turn * 45, turn * 45 + 90, fill="navy")
    return frames


def _still(width: int, height: int, mode: str = "RGB") -> Picture:
    return scene(width, height).convert(mode)


def _palette_alpha() -> Picture:
    picture = _still(320, 180).quantize(64)
    picture.info["transparency"] = 0
    return picture


def _deep_gray() -> Picture:
    return Image.fromarray(np.add.outer(np.arange(180) * 200, np.arange(320) * 80).astype(np.uint16))


def display_p3() -> bytes:
    """An ICC v4 matrix profile of Display P3: its primaries adapted to D50, and sRGB's curve.

    Laid out as ICC.1:2010 says; the numbers are those of SMPTE EG 432-1 primaries with a D65 white.
    """

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def words(text: str) -> bytes:
        data = text.encode("utf-16-be")
        return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data

    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0)
    curve += fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": words("Display P3"),
        b"cprt": words("No copyright, use freely"),
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249),
        b"rXYZ": b"XYZ " + bytes(4) + fixed(0.515102, 0.241182, -0.001049),
        b"gXYZ": b"XYZ " + bytes(4) + fixed(0.291965, 0.692236, 0.041882),
        b"bXYZ": b"XYZ " + bytes(4) + fixed(0.157153, 0.066582, 0.784378),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2025, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    return head + table + body


def _rotated_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _save(picture: Callable[[], Picture], options: Callable[[], dict[str, Any]], to: Path) -> None:
    picture().save(to, **options())


def _save_frames(options: dict[str, Any], to: Path) -> None:
    first, *rest = _turning()
    first.save(to, save_all=True, append_images=rest, duration=100, loop=0, **options)


def _save_deep_colour(to: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=1", "-frames:v", "1", "-pix_fmt", "rgb48be", to=to)


def _save_svg(to: Path) -> None:
    to.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180">'
        '<rect width="320" height="180" fill="navy"/><circle cx="160" cy="90" r="60" fill="gold"/></svg>\n'
    )


# By name: note, picture, options to save with.
_PLAIN: dict[str, tuple[str, Callable[[], Picture], Callable[[], dict[str, Any]]]] = {
    "images/good-1080p.jpg": ("1920x1080 JPEG", partial(scene, 1920, 1080), lambda: {"quality": 88}),
    "images/good-1080p.png": ("1920x1080 PNG", partial(_still, 1920, 1080), dict),
    "images/good-portrait.jpg": ("1080x1920 JPEG", partial(scene, 1080, 1920), lambda: {"quality": 88}),
    "images/good.jpeg": ("JPEG named .jpeg", partial(scene, 640, 360), dict),
    "images/upper.JPG": ("JPEG named .JPG", partial(scene, 640, 360), dict),
    "images/good.bmp": ("BMP", partial(scene, 320, 180), dict),
    "images/still.gif": ("GIF of one frame", partial(scene, 320, 180), dict),
    "images/still.webp": ("WebP, lossy", partial(scene, 640, 360), lambda: {"quality": 80}),
    "images/alpha.webp": ("WebP with alpha, lossless", _disc, lambda: {"lossless": True}),
    "images/scan.tiff": ("TIFF", partial(scene, 320, 180), lambda: {"compression": "tiff_lzw"}),
    "images/photo.avif": ("AVIF", partial(scene, 320, 180), lambda: {"quality": 60, "max_threads": 1}),
    "images/exif-rotated.jpg": (
        "640x360 whose EXIF orientation 6 shows it as 360x640",
        partial(scene, 640, 360),
        lambda: {"exif": _rotated_exif(6)},
    ),
    "images/cmyk.jpg": ("CMYK JPEG", partial(_still, 640, 360, "CMYK"), dict),
    "images/progressive.jpg": ("progressive JPEG", partial(scene, 640, 360), lambda: {"progressive": True}),
    "images/display-p3.jpg": (
        "JPEG tagged Display P3",
        partial(scene, 640, 360),
        lambda: {"icc_profile": display_p3()},
    ),
    "images/gray.jpg": ("grey JPEG", partial(_still, 640, 360, "L"), dict),
    "images/gray.png": ("grey PNG", partial(_still, 320, 180, "L"), dict),
    "images/gray-16bit.png": ("16-bit grey PNG", _deep_gray, dict),
    "images/gray-alpha.png": ("grey PNG with alpha", lambda: _disc().convert("LA"), dict),
    "images/alpha.png": ("RGBA PNG with a soft edge", _disc, dict),
    "images/opaque-alpha.png": ("RGBA PNG, all opaque", partial(_still, 320, 180, "RGBA"), dict),
    "images/palette.png": ("palette PNG", lambda: _still(320, 180).quantize(64), dict),
    "images/palette-alpha.png": (
        "palette PNG with a clear colour",
        _palette_alpha,
        lambda: {"transparency": 0},
    ),
    "images/one-bit.png": ("black and white PNG", partial(_still, 320, 180, "1"), dict),
    "images/over-4k.png": ("4100x2200", lambda: Image.new("RGB", (4100, 2200), "teal"), dict),
    "images/4k.jpg": ("3840x2160 JPEG", partial(scene, 3840, 2160), lambda: {"quality": 80}),
    "images/one-pixel.png": ("1x1", lambda: Image.new("RGB", (1, 1), "teal"), dict),
    "images/79x79.png": ("one pixel below the least size for a photo", partial(scene, 79, 79), dict),
    "images/80x80.png": ("the least size for a photo", partial(scene, 80, 80), dict),
    "images/odd-aspect.png": ("a strip of 1000x100", partial(scene, 1000, 100), dict),
}


# --------------------------------------------------------------------------------------------- portrait


@cache
def _person() -> Picture:
    with Image.open(picture_file("astronaut.png")) as picture:
        return picture.convert("RGB")


def person() -> Picture:
    """NASA's portrait of Eileen Collins, 512x512, public domain. Raises SampleError without scikit-image."""
    return _person().copy()


def _crop(box: tuple[int, int, int, int], size: tuple[int, int]) -> Picture:
    return person().crop(box).resize(size, Image.Resampling.LANCZOS)


def _covered(box: tuple[int, int, int, int]) -> Picture:
    picture = person()
    ImageDraw.Draw(picture).rectangle(box, fill="black")
    return picture.resize((1024, 1024), Image.Resampling.LANCZOS)


def _rolled(degrees: float) -> Picture:
    """The portrait turned about its face, cropped to where the original still covers it."""
    middle = ((_FACE[0] + _FACE[2]) / 2, (_FACE[1] + _FACE[3]) / 2)
    turned = person().rotate(degrees, Image.Resampling.BICUBIC, center=middle)
    x, y = round(middle[0]), round(middle[1])
    return turned.crop((x - 90, y - 90, x + 90, y + 90)).resize((720, 720), Image.Resampling.LANCZOS)


def _in_scene(width: int, height: int, faces: int, tall: int) -> Picture:
    """`faces` copies of head and shoulders, each `tall` pixels high, side by side in the landscape."""
    picture, head = scene(width, height), person().crop((124, 10, 324, 270))
    head = head.resize((round(tall * 200 / 260), tall), Image.Resampling.LANCZOS)
    for place in range(faces):
        left = round(width * (place + 0.5) / faces - head.width / 2)
        picture.paste(head, (left, (height - tall) // 2))
    return picture


def _sharp(size: int = 1024) -> Picture:
    return _crop((0, 0, 512, 512), (size, size))


_FACES: dict[str, tuple[str, Callable[[], Picture]]] = {
    "images/portrait.png": ("the portrait, 1:1, as it is (512x512); smiling, teeth show", person),
    "images/portrait-1x1.jpg": (
        "1:1, face about 20 % of the picture",
        partial(_crop, (108, 30, 340, 262), (928, 928)),
    ),
    "images/portrait-closeup.jpg": (
        "1:1, face over half of the picture",
        partial(_crop, (158, 64, 290, 196), (792, 792)),
    ),
    "images/portrait-4x3.jpg": ("4:3", partial(_crop, (64, 20, 384, 260), (1280, 960))),
    "images/portrait-16x9.jpg": ("16:9", partial(_crop, (0, 20, 512, 308), (1280, 720))),
    "images/portrait-9x16.jpg": ("9:16", partial(_crop, (116, 10, 332, 394), (720, 1280))),
    "images/portrait-3x4.jpg": (
        "3:4, a ratio that is not listed",
        partial(_crop, (104, 20, 344, 340), (720, 960)),
    ),
    "images/portrait-upscaled-4k.jpg": ("2400x2400, above 1080p", partial(_sharp, 2400)),
    "images/portrait-rolled.jpg": ("head rolled 25 degrees", partial(_rolled, 25)),
    "images/portrait-sideways.jpg": (
        "turned 90 degrees",
        lambda: _sharp().transpose(Image.Transpose.ROTATE_90),
    ),
    "images/portrait-cut.jpg": (
        "face cut by the picture's left edge",
        partial(_crop, (224, 30, 456, 262), (928, 928)),
    ),
    "images/portrait-two-faces.jpg": ("two faces", partial(_in_scene, 1280, 720, 2, 640)),
    "images/portrait-tiny-face.jpg": (
        "face about 1 % of the picture",
        partial(_in_scene, 1600, 1200, 1, 380),
    ),
    "images/portrait-no-face.jpg": ("nobody", partial(scene, 1024, 1024)),
    "images/portrait-dark.jpg": ("under-exposed", lambda: ImageEnhance.Brightness(_sharp()).enhance(0.12)),
    "images/portrait-bright.jpg": ("over-exposed", lambda: ImageEnhance.Brightness(_sharp()).enhance(3.0)),
    "images/portrait-blurred.jpg": ("out of focus", lambda: _sharp().filter(ImageFilter.GaussianBlur(10))),
    "images/portrait-eyes-covered.jpg": ("a black bar over the eyes", partial(_covered, _EYES)),
    "images/portrait-mouth-covered.jpg": ("a black bar over the mouth", partial(_covered, _MOUTH)),
}


def _portrait_options() -> dict[str, Any]:
    return {"quality": 92}


SAMPLES = (
    *(Sample(name, "image", note, partial(_save, picture, how)) for name, (note, picture, how) in _PLAIN.items()),
    Sample("images/animated.gif", "image", "animated GIF of 8 frames", partial(_save_frames, {})),
    Sample(
        "images/animated.webp",
        "image",
        "animated WebP of 8 frames",
        partial(_save_frames, {"lossless": True}),
    ),
    Sample("images/animated.png", "image", "animated PNG of 8 frames", partial(_save_frames, {})),
    Sample("images/pages.tiff", "image", "TIFF of 8 pages", partial(_save_frames, {})),
    Sample("images/deep-colour.png", "image", "16-bit RGB PNG", _save_deep_colour),
    Sample("images/drawing.svg", "image", "SVG", _save_svg),
    *(
        Sample(name, "image", note, partial(_save, picture, _portrait_options))
        for name, (note, picture) in _FACES.items()
    ),
)
