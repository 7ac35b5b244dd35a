"""Moving scenes of different worlds, drawn picture by picture: each is hard for an encoder in its own way.

A world is called with the width and height of the picture, and gives what draws the picture at a time in seconds: RGB
(height, width, 3), 8 bits. The same pictures every time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samples._pictures import picture_file
from samples.deck_video import drawn, page

Pixels = NDArray[np.uint8]
Drawer = Callable[[float], Pixels]
_LINES: Final = "def publish(path, work): # for every name in the folder; return [one.md5 for one in made if one.whole]"


def _photo(name: str, size: tuple[int, int]) -> NDArray[np.float32]:
    picture = Image.open(picture_file(name)).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture, np.float32)


def _grains(width: int, height: int, sigma: float) -> Callable[[float], NDArray[np.float32]]:
    """Noise of unit variance, another one each frame, its grains `sigma` pixels wide."""
    rng = np.random.default_rng(5)
    fields = [cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), sigma) for _ in range(8)]
    fields = [one / one.std() for one in fields]
    chance = np.random.default_rng(6)
    return lambda _: np.roll(fields[chance.integers(8)], tuple(chance.integers(0, (height, width))), (0, 1))[..., None]


def _shown(pixels: NDArray[np.float32]) -> Pixels:
    return np.clip(pixels, 0, 255).astype(np.uint8)


def water(width: int, height: int) -> Drawer:
    """Waves over a bed of pebbles, with glints: everything moves, and nothing as a whole."""
    bed = _photo("gravel.png", (width, height)) * np.float32([0.5, 0.8, 0.9]) * 0.7
    glints = cv2.GaussianBlur(_photo("grass.png", (width, height))[..., 0], (0, 0), 1.5)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)

    def at(t: float) -> Pixels:
        one = np.sin(across / 67 + down / 41 + 2.1 * t) + np.sin(across / 29 - down / 53 - 2.9 * t)
        two = np.sin(across / 43 - down / 31 + 1.7 * t) + np.sin(across / 83 + down / 23 + 3.3 * t)
        seen = cv2.remap(bed, across + 5 * one, down + 5 * two, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        slid = cv2.remap(
            glints, across + 9 * two + 30 * t, down + 9 * one, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return _shown(seen + np.maximum(slid - 150, 0)[..., None] * 1.6 + 12 * one[..., None])

    return at


def grain(width: int, height: int) -> Drawer:
    """A slow move over a photograph, copied from film: grain of its own in each picture."""
    wide = _photo("coffee.png", (width * 9 // 8, height * 9 // 8))
    noise = _grains(width, height, 0.8)

    def at(t: float) -> Pixels:
        turned = np.float32([[1, 0, -width / 16 * (1 + np.sin(t / 3))], [0, 1, -height / 16 * (1 + np.cos(t / 4))]])
        seen = cv2.warpAffine(wide, turned, (width, height))
        light = seen.mean(axis=-1, keepdims=True) / 255
        return _shown(seen + noise(t) * 28 * (light * (1 - light) + 0.08))

    return at


def dark(width: int, height: int) -> Drawer:
    """A room at night by a cheap sensor: little light, coarse noise, colours that flicker."""
    wide = _photo("motorcycle_right.png", (width * 5 // 4, height * 5 // 4))
    noise, colours = _grains(width, height, 1.0), _grains(width, height, 2.5)
    tint = np.float32([1, -0.4, 0.8])

    def at(t: float) -> Pixels:
        left, top = width / 8 * (1 + np.sin(t / 5)), height / 8
        seen = cv2.warpAffine(wide, np.float32([[1, 0, -left], [0, 1, -top]]), (width, height)) / 255
        return _shown(seen**1.6 * 70 + 8 + noise(t) * 5 + colours(t) * tint * 3)

    return at


def scroll(width: int, height: int) -> Drawer:
    """A screen that was recorded: small type that runs upwards in a window that stands still."""
    chance = random.Random(3)  # noqa: S311  the same text every time
    size = height // 54
    font = ImageFont.load_default(size=size)
    tall = Image.new("RGB", (width * 3 // 4, size * 400), "#1e1e2e")
    draw = ImageDraw.Draw(tall)
    for number in range(270):
        words = _LINES.split()
        chance.shuffle(words)
        ink = chance.choice(("#cdd6f4", "#a6e3a1", "#f38ba8", "#89b4fa"))
        draw.text((size * chance.choice((1, 3, 5)), number * size * 1.45), f"{number:4} {' '.join(words)}", ink, font)
    text = np.asarray(tall)
    frame = np.full((height, width, 3), 40, np.uint8)
    frame[: height // 20] = 70
    shown, left = height - height // 10, width // 5

    def at(t: float) -> Pixels:
        pixels, top = frame.copy(), int(t * 75) % (len(text) - shown)
        pixels[height // 20 : height // 20 + shown, left : left + text.shape[1]] = text[top : top + shown]
        return pixels

    return at


def slides(width: int, height: int) -> Drawer:
    """Pages of a deck, four seconds each, that change from one picture to the next."""
    chance = random.Random(8)  # noqa: S311  the same pages every time
    pages = [np.asarray(drawn(page(number, chance), (width, height))) for number in range(1, 9)]
    return lambda t: pages[int(t / 4) % len(pages)]


def confetti(width: int, height: int) -> Drawer:
    """Four hundred coloured papers that fall and turn before a photograph."""
    back = _shown(_photo("rocket.jpg", (width, height)))
    rng = np.random.default_rng(9)
    count = 400
    start, speed = rng.uniform(0, 1, (count, 2)), rng.uniform(0.15, 0.5, count)
    spin, phase, sides = rng.uniform(2, 9, count), rng.uniform(0, 6, count), rng.uniform(0.006, 0.016, (count, 2))
    inks = [tuple(map(int, ink)) for ink in rng.integers(40, 256, (count, 3))]
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)

    def at(t: float) -> Pixels:
        pixels = back.copy()
        for n in range(count):
            turn = spin[n] * t + phase[n]
            x = (start[n, 0] + 0.02 * np.sin(turn / 2)) * width
            y = ((start[n, 1] + speed[n] * t) % 1.1 - 0.05) * height
            paper = corners * sides[n] * height * (1, abs(np.cos(turn)) + 0.1)
            across, along = np.cos(turn / 3), np.sin(turn / 3)
            points = paper @ np.array([[across, along], [-along, across]]) + (x, y)
            cv2.fillConvexPoly(pixels, np.round(points * 16).astype(np.int32), inks[n], cv2.LINE_AA, 4)
        return pixels

    return at


def gradient(width: int, height: int) -> Drawer:
    """Soft light that wanders over a wall: 8 bits are few, and an encoder makes steps of them."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(height)
    still = np.random.default_rng(4).uniform(-0.5, 0.5, (height, width, 1)).astype(np.float32)  # a dither

    def at(t: float) -> Pixels:
        x, y = 0.9 + 0.5 * np.sin(t / 4), 0.4 + 0.2 * np.cos(t / 3)
        light = np.exp(-((across - x) ** 2 + (down - y) ** 2))[..., None]
        return _shown(light * np.float32([70, 60, 90]) + np.float32([20, 25, 40]) + still)

    return at


WORLDS: Final[dict[str, Callable[[int, int], Drawer]]] = {
    "water": water,
    "grain": grain,
    "dark": dark,
    "scroll": scroll,
    "slides": slides,
    "confetti": confetti,
    "gradient": gradient,
}
