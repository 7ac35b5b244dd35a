"""A picture of an identity card: which side it shows, how well, and whether it can be read.

The card is found by its edges and laid flat; its portrait is looked for by the networks that see faces; its words are
read where something can (`pipeline.probe.papers.words`), compared here and forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from msgspec.structs import replace

from pipeline.errors import Unreadable
from pipeline.model.facts import MediaInfo, Size, Text
from pipeline.model.measured import Card
from pipeline.probe.face import models
from pipeline.probe.face.lighting import sharpness
from pipeline.probe.face.measure import measured
from pipeline.probe.face.models import Numbers, Pixels
from pipeline.probe.face.pixels import READABLE, picture_of
from pipeline.probe.papers import words
from pipeline.probe.papers.rows import Rows, rows
from pipeline.probe.papers.words import ReadLine

NO_CARD: Final = "no card"
_SIDE: Final = 2000  # pixels on the longer side that are looked at
_FLAT: Final = Size(960, 605)  # the card laid flat: 85.60 x 53.98 mm (ISO/IEC 7810, ID-1)
_LOOKED: Final = 640  # pixels on the longer side that edges are looked for at
_RATIO: Final = (1.25, 2.0)  # longer to shorter side of a card as it is seen, from the front or aslant
_SHARE: Final = 0.08  # of the picture, that a card fills at least
_FULL: Final = 0.9  # of its box that a card fills, its corners being round
_NEAR: Final = 0.012  # of the picture's longer side: corners so close are the same
_AGREEING: Final = 3  # outlines that a card is seen in at least
_FRAME: Final = 0.03  # of the picture's sides: a corner so close to a corner of the picture is that
_EDGE: Final = 0.004  # of the picture's side: what is closer to its edge is taken for cut off
_ROWS: Final = 3  # stretches of text on a card, at least
_WRITTEN: Final = 0.2  # of what is dark on it, that is text: the rest is the portrait
_MOST: Final = 30  # lines of text that are read
_SURE: Final = 0.8  # score of a line that counts as read
_PLAIN: Final = 0.85  # ... on the average, of a card whose words are not known
_LINES: Final = 3  # lines that a card has whose words are not known

# What is printed on the cards of the People's Republic of China (GA 461).
_FRONT: Final = ("姓名", "性别", "民族", "出生", "住址", "身份号码")
_BACK: Final = ("中华人民共和国", "居民身份证", "签发机关", "有效期限")
_NUMBER: Final = re.compile(r"\d{17}[\dXx]")
_NAME: Final = re.compile(r"姓名[：:]?[一-鿿·]{2,}|^[一-鿿·]{2,4}$")
_DATES: Final = re.compile(r"\d{4}\.?\d{2}\.?\d{2}.{0,3}(\d{4}\.?\d{2}\.?\d{2}|长期)")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643, which is ISO 7064 MOD 11-2
_LAST: Final = "10X98765432"
_BURNT: Final = 250  # 8-bit value of the darkest colour from which on nothing can be seen
_SPOT: Final = 0.012  # of the card's width: what is narrower is print or a scratch that shines


def add(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of a picture with the card on it; where it cannot be looked at, with a remark that says why.

    Raises ToolMissing without the networks that see faces, CeilingExceeded for a picture that must not be decoded.
    """
    image = info.image
    if image is None:
        return info
    if image.format not in READABLE:
        why = Text(
            f"Cards are not looked at in {image.format} pictures. Export it as JPEG or PNG.",
            f"无法在 {image.format} 图片中检测证件。请导出为 JPEG 或 PNG。",
        )
        return replace(info, remarks=(*info.remarks, why))
    models.load()
    try:
        pixels = picture_of(path, image, _SIDE)
    except Unreadable as error:  # it is said, and what card it is stays unknown
        return replace(info, image=replace(image, decodes=False), remarks=(*info.remarks, error.text))
    return replace(info, card=look(pixels, max(image.size) / max(pixels.shape[:2])))


def look(pixels: Pixels, scale: float = 1.0) -> Card:
    """The card in an RGB picture, of which a pixel is `scale` of the picture as it is stored. Raises ToolMissing."""
    corners = find(pixels)
    flat = _flat(pixels, corners)
    readable = words.readable()
    page = words.read(flat, _MOST) if readable else words.ReadPage(flat, ())
    turned = page.pixels
    height, width = turned.shape[:2]
    portraits = len(measured(turned, Size(width, height)))
    side = _side(page.lines if readable else None, portraits, rows(turned), whole=corners is not None)
    if side == NO_CARD:
        return Card(side=side, portraits=portraits)
    number = _number(page.lines)
    return Card(
        side=side,
        portraits=portraits,
        edges=corners is not None and _inside(corners, pixels),
        width=round((_longer(corners) if corners is not None else max(pixels.shape[:2])) * scale),
        glare=_exact(_glare(turned)),
        sharpness=_exact(sharpness(turned)),
        legible=_legible(page.lines, side or "", number) if readable else None,
        number=None if number is None else _follows(number),
    )


def _exact(value: float) -> Fraction:
    return Fraction(round(value * 1000), 1000)


# Where it is


def find(pixels: Pixels) -> Numbers | None:
    """The four corners of the thing with the shape of a card; None where there is none.

    In pixels, clockwise, the first side one of the longer two.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _LOOKED / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    found = [_quadrangle(outline, size[0] * size[1]) for outline in _outlines(np.asarray(small, np.uint8))]
    seen = [corners for corners in found if corners is not None and not _frame(corners, size)]
    # What is there is seen in most of the channels, at the same place; what chance draws in one of them is not.
    agreeing = [[other for other in seen if _same(corners, other, _NEAR * max(size))] for corners in seen]
    best = max(agreeing, key=len, default=[])
    if len(best) < _AGREEING:
        return None
    return np.asarray(max(best, key=lambda corners: cv2.contourArea(corners.astype(np.float32))) / scale)


def _same(one: Numbers, other: Numbers, near: float) -> bool:
    """Whether the corners of two shapes are close to each other, whichever is the first."""
    return any(np.abs(one - np.roll(other, turn, axis=0)).max() <= near for turn in range(4))


def _frame(corners: Numbers, size: tuple[int, int]) -> bool:
    """Whether it is the picture itself that has been found."""
    away = np.minimum(corners, np.array(size) - 1 - corners) / size
    return int((away.max(axis=1) < _FRAME).sum()) >= 3


def _outlines(small: Pixels) -> list[Numbers]:
    """Outlines of things: by the edges in every channel, and by what is lighter or more coloured than the rest."""
    found: list[Numbers] = []
    channels = [*cv2.split(cv2.cvtColor(small, cv2.COLOR_RGB2LAB)), cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[:, :, 1]]
    for channel in channels:
        soft = cv2.GaussianBlur(channel, (5, 5), 0)
        level, split = cv2.threshold(soft, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        edges = cv2.dilate(cv2.Canny(soft, level / 4, level / 2), np.ones((3, 3), np.uint8))
        closed = cv2.morphologyEx(split, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        for mask in (edges, closed, cv2.bitwise_not(closed)):
            found += map(np.asarray, cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0])
    return found


def _quadrangle(outline: Numbers, picture: int) -> Numbers | None:
    """An outline as four corners, where it has the shape and size of a card."""
    hull = cv2.convexHull(outline)
    area = cv2.contourArea(hull)
    if not _SHARE * picture <= area < 0.98 * picture:
        return None
    round_ = cv2.arcLength(hull, closed=True)
    for fine in (0.02, 0.03, 0.05):
        near = cv2.approxPolyDP(hull, fine * round_, closed=True)
        if len(near) == 4:
            break
    else:
        return None
    corners = near.reshape(4, 2).astype(float)
    if area < _FULL * cv2.contourArea(corners.astype(np.float32)):
        return None
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    first, second = sides[0] + sides[2], sides[1] + sides[3]
    if min(sides) <= 0 or not _RATIO[0] <= max(first, second) / min(first, second) <= _RATIO[1]:
        return None
    if cv2.contourArea(corners.astype(np.float32), oriented=True) < 0:
        corners = corners[::-1].copy()
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    return np.roll(corners, -int(sides[1] + sides[3] > sides[0] + sides[2]), axis=0)


def _longer(corners: Numbers) -> float:
    """Pixels of the longer side of a card."""
    return float(np.hypot(*(corners[1] - corners[0])) + np.hypot(*(corners[2] - corners[3]))) / 2


def _flat(pixels: Pixels, corners: Numbers | None) -> Pixels:
    """The card as from straight above; the whole picture where no edges of one are seen. It may stand on its head."""
    if corners is None:
        scale = _FLAT.width / max(pixels.shape[:2])
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)
    # No smaller than it is, in steps: a picture that is halved in one step would look sharper than it is.
    while _longer(corners) >= 2 * _FLAT.width:
        pixels = np.asarray(cv2.pyrDown(pixels), np.uint8)
        corners = corners / 2
    wide, tall = _FLAT
    target = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    return np.asarray(cv2.warpPerspective(pixels, turn, _FLAT, flags=cv2.INTER_LINEAR), np.uint8)


def _inside(corners: Numbers, pixels: Pixels) -> bool:
    height, width = pixels.shape[:2]
    low = corners.min(axis=0) / [width, height]
    high = corners.max(axis=0) / [width, height]
    return bool(low.min() > _EDGE and high.max() < 1 - _EDGE)


# What it is


def _side(lines: Sequence[ReadLine] | None, portraits: int, texts: Rows, *, whole: bool) -> str | None:
    """Which side of a card it is, by its words where they were read, else by its portrait and its rows of text."""
    text = "".join(line.words.replace(" ", "") for line in lines or ())
    front, back = (sum(word in text for word in known) for known in (_FRONT, _BACK))
    if lines is None:
        written = texts.stretches >= _ROWS and texts.share >= _WRITTEN
        if whole and (written or portraits or texts.stretches):
            return ("front" if portraits else "back") if written else None
        return None if written else NO_CARD  # a card without its edges, or anything else that is printed
    if front >= 2 and back:
        return "both"
    if front >= 2 or back:
        return "back" if back > front else "front"
    if not whole:
        return NO_CARD
    if len(lines) < _LINES:
        return None if portraits or lines else NO_CARD  # out of focus, it may still be one
    return (
        "front" if portraits else None
    )  # words that are not known, and nobody on it: a card from elsewhere, or a page


def _glare(flat: Pixels) -> float:
    """Share of the card that is burnt out, in spots wider than print."""
    return float(_spots(flat, flat.shape[1]).mean())


def _spots(pixels: Pixels, width: float) -> Pixels:
    """Where a card so many pixels wide is burnt out, in spots wider than print."""
    burnt = (pixels.min(axis=2) >= _BURNT).astype(np.uint8)
    wide = max(3, round(_SPOT * width))
    return np.asarray(cv2.morphologyEx(burnt, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8)), np.uint8)


def burnt(pixels: Pixels, corners: Numbers | None) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of the spots in which nothing can be seen, on the card that `find` found."""
    height, width = pixels.shape[:2]
    spots = _spots(pixels, width if corners is None else _longer(corners))
    if corners is not None:
        inside = np.zeros((height, width), np.uint8)
        cv2.fillPoly(inside, [corners.round().astype(np.int32)], 1)
        spots &= inside
    outlines = cv2.findContours(spots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    return [(left, top, wide, tall) for left, top, wide, tall in map(cv2.boundingRect, outlines)]


# What can be read on it


def _number(lines: Sequence[ReadLine]) -> str | None:
    """The number of a person, as it was read for sure."""
    for line in lines:
        found = _NUMBER.search(line.words.replace(" ", ""))
        if found and line.score >= _SURE:
            return found[0].upper()
    return None


def _follows(number: str) -> bool:
    """Whether the last figure of a number is the one that follows from those before."""
    total = sum(weight * int(figure) for weight, figure in zip(_WEIGHTS, number, strict=False))
    return _LAST[total % 11] == number[-1]


def _legible(lines: Sequence[ReadLine], side: str, number: str | None) -> bool:
    """Whether what matters on this side could be read for sure."""
    sure = [line.words.replace(" ", "") for line in lines if line.score >= _SURE]
    text = "".join(sure)
    front = number is not None and _named(sure)
    back = sum(word in text for word in _BACK) >= 2 and any(_DATES.search(line) for line in sure)
    if any(word in text for word in (*_FRONT, *_BACK)) or number:
        return {"front": front, "back": back}.get(side, front and back)
    return len(lines) >= _LINES and sum(line.score for line in lines) / len(lines) >= _PLAIN


def _named(sure: Sequence[str]) -> bool:
    """Whether a name stands behind its label, in the same line or as the next one."""
    labelled = [bool(re.search("姓名[：:]?[一-鿿·]{2,}", line)) for line in sure]
    apart = any(one.endswith("姓名") and _NAME.search(other) for one, other in pairwise(sure))
    other_way = any(other.endswith("姓名") and _NAME.search(one) for one, other in pairwise(sure))
    return any(labelled) or apart or other_way
