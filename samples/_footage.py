"""Footage whose faults and their times are known: the portrait before one colour, swaying, filmed with noise."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples._pictures import picture_file
from samples._tools import ffmpeg_exe
from samples.heads import View, draw

Pixels = NDArray[np.uint8]
Shot = Callable[[float], Pixels]
"""What is seen at so many seconds."""

GREEN, BLUE, WHITE = (0, 177, 64), (20, 60, 200), (235, 235, 235)
SIZE: Final = (480, 270)
_HEAD: Final = slice(60, 400)  # columns of the portrait with head and shoulders


@cache
def _cut_out() -> Pixels:
    """Head and shoulders of the portrait, cut out by GrabCut from outlines drawn by hand, as RGBA."""
    whole = np.asarray(Image.open(picture_file("astronaut.png")).convert("RGB"), np.uint8)[:400, _HEAD].copy()
    mask = np.full(whole.shape[:2], cv2.GC_PR_BGD, np.uint8)
    suit = np.array([(20, 400), (40, 280), (120, 230), (220, 230), (320, 260), (339, 400)])
    chest = np.array([(70, 400), (90, 300), (150, 250), (210, 250), (270, 300), (290, 400)])
    cv2.ellipse(mask, (165, 120), (85, 115), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.fillPoly(mask, [suit], cv2.GC_PR_FGD)
    cv2.ellipse(mask, (165, 120), (45, 70), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.fillPoly(mask, [chest], cv2.GC_FGD)
    mask[:120, :40] = mask[:340, 292:] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    cv2.grabCut(whole, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    alpha = np.where(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)), 255, 0).astype(np.uint8)
    return np.dstack([whole, cv2.GaussianBlur(alpha, (3, 3), 0)])


@cache
def _portrait(height: int) -> Pixels:
    whole = _cut_out()
    width = round(whole.shape[1] * height / whole.shape[0])
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _turned_head(yaw: float, size: tuple[int, int]) -> Pixels:
    view = View(size=size, eye_width=size[1] * 0.3, yaw=yaw, mouth=0.0)
    return np.asarray(draw(view).picture, np.uint8)


def person(
    t: float,
    *,
    size: tuple[int, int] = SIZE,
    ground: tuple[int, int, int] | Pixels = GREEN,
    middles: tuple[float, ...] = (0.5,),
    turns: int = 0,
    yaw: float | None = None,
    tall: float = 0.9,
) -> Pixels:
    """A picture: people at `middles` (shares of the width), turned by quarters, or one head at `yaw` degrees.

    `ground` is one colour, or a picture of that size; `tall` is the height of a person, as a share of the picture.
    Noise is that of a camera, and different each time.
    """
    width, height = size
    rng = np.random.default_rng(round(t * 1000))
    sway = round(width * 0.008 * np.sin(2 * t))
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = ground
    if yaw is not None:
        picture = np.roll(_turned_head(yaw, size), sway, axis=1)
    else:
        one = np.rot90(_portrait(round(height * tall)), turns)
        for middle in middles:
            left = round(width * middle - one.shape[1] / 2) + sway
            start, end = max(0, left), min(width, left + one.shape[1])
            if start < end:
                part = one[:, start - left : end - left]
                alpha = part[:, :, 3:] / 255
                under = picture[-one.shape[0] :, start:end]
                under[:] = np.round(part[:, :, :3] * alpha + under * (1 - alpha))
    noisy = picture + rng.normal(0, 2, (height, width, 1))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def masked(picture: Pixels) -> Pixels:
    """With a mask over nose and mouth of the head that is drawn at a `yaw` of 0."""
    covered, (height, width) = picture.copy(), picture.shape[:2]
    middle, axes = (width // 2, round(height * 0.65)), (round(height * 0.22), round(height * 0.155))
    cv2.ellipse(covered, middle, axes, 0, 0, 360, (170, 200, 215), -1)
    return covered


def plain(colour: int, size: tuple[int, int] = SIZE) -> Pixels:
    """Nothing but one grey, 0 to 255."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def film(to: Path, shot: Shot, seconds: float, *, rate: int = 6, options: tuple[str, ...] = ()) -> Path:
    """H.264 in the container that the name asks for, of the pictures of `shot`."""
    first = shot(0.0)
    shape = f"{first.shape[1]}x{first.shape[0]}"
    taken = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", shape, "-r", str(rate), "-i", "pipe:0"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p", "-threads", "1"]
    command = [ffmpeg_exe(), "-hide_banner", "-v", "error", "-y", *taken, *coding, *options, str(to)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for number in range(round(seconds * rate)):
            process.stdin.write(shot(number / rate).tobytes())
        process.stdin.close()
    if process.returncode:
        raise OSError(f"ffmpeg could not write {to.name}")
    return to
