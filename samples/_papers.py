"""Cards and letters of nobody, drawn: photographed aslant, out of focus, with a lamp in them, or as they should be."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from functools import cache, partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samples._pictures import Picture, picture_file
from samples._tools import SampleError

Pixels = NDArray[np.uint8]
CARD: Final = (1400, 883)  # pixels: 85.60 x 53.98 mm
PAGE: Final = (1240, 1754)  # pixels: A4 at 150 to the inch
FONTS: Final = ("Noto Sans CJK SC", "Noto Serif CJK SC", "Noto Sans CJK SC:bold")

_FAMILIES: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_GIVEN: Final = "明华丽军洋勇艳杰涛娟敏静磊强芳梅兰英文斌"
_PLACES: Final = ("无名市虚构区样例路", "某某县假想镇测试街", "示例省未有市空白大道")
_WEIGHTS: Final = [2 ** (17 - n) % 11 for n in range(17)]  # ISO 7064 MOD 11-2, by its definition


@cache
def _font_file(family: str) -> tuple[str, int]:
    found = subprocess.run(
        ["fc-match", "-f", "%{file}\n%{index}", family],  # noqa: S607  as the shell finds it
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    if "CJK" not in found[0]:
        raise SampleError("papers are drawn in Noto CJK, which is not installed: run `make setup`")
    return found[0], int(found[1])


def font(family: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of this size in pixels. Raises SampleError where it is not installed."""
    path, index = _font_file(family)
    return ImageFont.truetype(path, size, index=index)


@cache
def _portrait() -> Picture:
    return Image.open(picture_file("astronaut.png")).convert("RGB").crop((130, 0, 330, 250))


def seeded(number: int) -> random.Random:
    """Chances that fall out the same each time."""
    return random.Random(number)


def number(rng: random.Random, *, wrong: bool = False) -> str:
    """A number of nobody: places that begin with 99 do not exist."""
    born = f"{rng.randint(1950, 2005)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    first = f"99{rng.randint(0, 9999):04}{born}{rng.randint(0, 999):03}"
    last = (12 - sum(weight * int(figure) for weight, figure in zip(_WEIGHTS, first, strict=True)) % 11) % 11
    return first + "0123456789X"[(last + wrong) % 11]


def name(rng: random.Random) -> str:
    """A name made of common characters."""
    return rng.choice(_FAMILIES) + "".join(rng.sample(_GIVEN, rng.randint(1, 2)))


def _ground(rng: random.Random, tint: tuple[int, int, int]) -> tuple[Picture, ImageDraw.ImageDraw]:
    """A card with the fine waves that cards are printed with."""
    down, across = np.mgrid[0 : CARD[1], 0 : CARD[0]]
    waves = np.sin(across / 9 + 6 * np.sin(down / 80 + rng.random() * 6)) + np.sin(down / 7 + 5 * np.sin(across / 90))
    pixels = np.clip(np.array(tint) + 4 * waves[..., None], 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels, "RGB")
    return picture, ImageDraw.Draw(picture)


def front(rng: random.Random, *, wrong: bool = False, named: str = "", family: str = FONTS[0]) -> Picture:
    """The side with the portrait, of somebody `named`; its number ends on a `wrong` figure if asked to."""
    held = number(rng, wrong=wrong)
    picture, draw = _ground(rng, (228, 236, 240))
    label, said = font(family, 42), font(family, 50)
    lines = [
        ("姓名", 90, named or name(rng)),
        ("性别", 195, rng.choice("男女")),
        ("出生", 300, f"{held[6:10]} 年 {int(held[10:12])} 月 {int(held[12:14])} 日"),
        ("住址", 405, rng.choice(_PLACES)),
        ("", 475, f"{rng.randint(1, 99)}号{rng.randint(1, 30)}室"),
    ]
    for word, top, words in lines:
        draw.text((90, top), word, (40, 110, 160), label)
        draw.text((230, top - 6), words, (20, 20, 25), said)
    draw.text((390, 195), "民族", (40, 110, 160), label)
    draw.text((530, 189), "汉", (20, 20, 25), said)
    draw.text((90, 730), "公民身份号码", (40, 110, 160), label)
    draw.text((480, 716), held, (20, 20, 25), font(family, 66))
    picture.paste(_portrait().resize((370, 462)), (940, 110))
    return picture


def back(rng: random.Random, *, family: str = FONTS[0]) -> Picture:
    """The side with the emblem, which is a red disc here."""
    picture, draw = _ground(rng, (236, 232, 226))
    draw.ellipse((90, 70, 320, 300), (196, 60, 48))
    draw.ellipse((150, 130, 260, 240), (226, 150, 60))
    draw.text((420, 90), "中华人民共和国", (30, 30, 35), font(family, 76))
    draw.text((420, 210), "居民身份证", (30, 30, 35), font(family, 104))
    since = rng.randint(2008, 2024)
    day = f"{rng.randint(1, 12):02}.{rng.randint(1, 28):02}"
    rows = (("签发机关", 600, "无名市公安局虚构分局"), ("有效期限", 710, f"{since}.{day}-{since + 20}.{day}"))
    for word, top, words in rows:
        draw.text((330, top), word, (30, 60, 80), font(family, 44))
        draw.text((550, top - 4), words, (20, 20, 25), font(family, 48))
    return picture


def photographed(
    card: Picture,
    rng: random.Random,
    *,
    size: tuple[int, int] = (1600, 1200),
    share: float = 0.75,
    angle: float = 0.0,
    aslant: float = 0.0,
    blur: float = 0.0,
    noise: float = 3.0,
    shift: float = 0.0,
    glare: tuple[float, float, float] | None = None,
) -> Pixels:
    """A card on a table, as RGB: `share` of the picture's width, turned by degrees, seen `aslant`, out of focus by so
    many pixels (sigma), `shift` of the picture's width beyond its middle, and a lamp mirrored at x, y (shares of the
    card) with a radius (share of its width).
    """
    pixels = np.asarray(card, np.float32)
    tall, wide = pixels.shape[:2]
    if glare:
        x, y, radius = glare
        down, across = np.mgrid[0:tall, 0:wide]
        lamp = np.clip(1.6 - np.hypot(across - x * wide, down - y * tall) / (radius * wide), 0, 1)
        pixels = pixels + lamp[..., None] ** 0.5 * 300
    width, height = size
    long = share * width
    half = np.array([long, long * tall / wide]) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners[:2, 0] *= 1 - aslant
    turn = np.radians(angle)
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners += np.array([width * (0.5 + shift), height / 2])
    table = np.array([rng.randint(60, 110), rng.randint(45, 80), rng.randint(35, 60)], np.float32)
    grain = np.random.default_rng(rng.randint(0, 10**6))
    streaks = grain.normal(0, 5, (height, 1)) + grain.normal(0, 2, (height, width))
    scene = np.clip(table + cv2.blur(streaks, (31, 1))[..., None], 0, 255).astype(np.float32)
    source = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    warp = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    laid = cv2.warpPerspective(np.clip(pixels, 0, 255), warp, size, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.ones((tall, wide), np.float32), warp, size)[..., None]
    scene = scene * (1 - mask) + laid * mask
    if blur:
        scene = cv2.GaussianBlur(scene, (0, 0), blur)
    return np.clip(scene + grain.normal(0, noise, scene.shape), 0, 255).astype(np.uint8)


# Letters

Words = Callable[[str, str, str], list[str]]  # (who grants, to whom, what) -> lines

LETTERS: Final[dict[str, Words]] = {
    "labelled": lambda who, to, what: [
        "肖像及声音授权书",
        "",
        f"授权人（姓名）：{who}",
        f"被授权人（公司名称）：{to}",
        "",
        "授权人同意被授权人使用其肖像、声音及影像素材，",
        f"用于{what}的制作、训练与展示，授权期限为三年。",
        "授权人确认所提供的素材真实、合法，且未侵犯他人权益。",
        "",
        "授权人（签字）：@",
        "日期：2026 年 11 月 20 日",
    ],
    "party": lambda who, to, what: [
        "授 权 书",
        "",
        f"甲方（授权方）：{who}",
        f"乙方（被授权方）：{to}",
        "",
        f"一、甲方授权乙方将其肖像用于{what}。",
        "二、授权范围包括复制、编辑、信息网络传播等方式。",
        "三、本授权书自签字之日起生效，有效期五年。",
        "",
        "甲方签字：@",
        "签署日期：2026 年 11 月 18 日",
    ],
    "sentence": lambda who, to, what: [
        "授权委托书",
        "",
        f"本人{who}，自愿授权{to}",
        f"使用本人的肖像和声音，用于{what}的制作与推广，",
        "包括但不限于视频、直播及智能交互等场景。",
        "本人承诺对上述素材享有完整权利，特此授权。",
        "",
        "授权人签名：@",
        "2026 年 11 月 16 日",
    ],
    "english": lambda who, to, what: [
        "LETTER OF AUTHORIZATION",
        "",
        f"Grantor: {who}",
        f"Grantee: {to}",
        "",
        "The grantor allows the grantee to use his or her portrait and voice",
        f"for {what}, for a term of three years from the date below.",
        "The grantor confirms that the material is genuine.",
        "",
        "Signature: @",
        "Date: 2026-11-20",
    ],
}


def letter(lines: list[str], rng: random.Random, *, signed: bool = True, family: str = FONTS[0]) -> Picture:
    """A page with these lines; where one says "@" there is a line to sign on, and what somebody scribbled on it."""
    picture = Image.new("RGB", PAGE, (252, 252, 250))
    draw = ImageDraw.Draw(picture)
    top = 150
    for count, line in enumerate(lines):
        words, signs, _ = line.partition("@")
        size = 50 if count == 0 else 30
        left = (PAGE[0] - draw.textlength(words, font(family, size))) / 2 if count == 0 else 150
        draw.text((left, top), words, (25, 25, 28), font(family, size))
        if signs:
            at = left + draw.textlength(words, font(family, size)) + 10
            draw.line((at, top + 42, at + 320, top + 42), (40, 40, 40), 2)
            if signed:
                _scribble(draw, at + 20, top - 10, rng)
        top += 110 if count == 0 else 62
    return picture


def _scribble(draw: ImageDraw.ImageDraw, left: float, top: float, rng: random.Random) -> None:
    points = [(left + 9 * n, top + 28 + 24 * rng.uniform(-1, 1)) for n in range(24)]
    curve = cv2.GaussianBlur(np.array(points, np.float32)[None], (3, 1), 0)[0]
    draw.line([tuple(point) for point in curve.tolist()], (20, 30, 120), 4, joint="curve")


def scanned(page: Picture, rng: random.Random, *, blur: float = 0.0, noise: float = 4.0, angle: float = 0.0) -> Pixels:
    """A page as a scanner sees it: a little turned, soft and grainy."""
    pixels = np.asarray(page, np.float32)
    tall, wide = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((wide / 2, tall / 2), angle, 1.0)
    pixels = cv2.warpAffine(pixels, turn, (wide, tall), borderValue=(250, 250, 248))
    if blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), blur)
    grain = np.random.default_rng(rng.randint(0, 10**6)).normal(0, noise, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


SIDES: Final = {"front": front, "back": back, "wrong": partial(front, wrong=True)}
