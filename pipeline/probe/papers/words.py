"""Words in a picture, read by the PP-OCR networks (Chinese and English) where the wheel that carries them is installed.

The wheel is that of `rapidocr` (networks of PaddleOCR, Apache-2.0). Its code is never imported: it would want a runtime
and a loader of its own, and fetches what it misses. OpenCV 5 runs the networks and gives what ONNX Runtime gives.

What is read here is for measuring alone: nobody keeps, shows or logs the words of a card.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np

from pipeline.errors import ToolMissing
from pipeline.model.facts import Text
from pipeline.probe.face.models import Numbers, Pixels, Wheel, file_of

INSTALL: Final = "pip install 'media-preflight[ocr]'"
_NEWER: Final = "pip install 'opencv-python-headless>=5,<6'"
FILES: Final = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")
_WHEEL: Final = Wheel(
    "rapidocr", "models", INSTALL, Text("words on papers are read with it", "用于识读证件和文书上的文字")
)
_FINDER, _READER = FILES

# As PaddleOCR sets them for these networks (DBPostProcess, CTCLabelDecode).
_TEXT: Final = 0.3  # from which a pixel belongs to a line of text
_LINE: Final = 0.5  # ... on the average over the box of a line
_GROWN: Final = 1.6  # the network shrinks lines by this much of area / circumference
_TALL: Final = 48  # pixels that a line is read at
_STEP: Final = 32  # pixels that sides of the picture are multiples of
_WIDTHS: Final = 160  # pixels that the width of a line is rounded up to: each new width is planned anew
_WIDEST: Final = 2400
_LEAST: Final = 4  # pixels of a line's height
_CANDIDATES: Final = 1000  # stretches of text that are looked at
_PROBED: Final = 4  # lines of which it is told which way up the picture is
_METADATA, _KEY, _VALUE = 14, 1, 2  # fields of onnx.proto: ModelProto.metadata_props, StringStringEntryProto


class ReadLine(NamedTuple):
    """One line of text as it was read; a line that tells nothing is "" with score 0."""

    box: tuple[float, float, float, float]  # left, top, right, bottom in pixels of the picture as it was turned
    words: str
    score: float  # mean over its characters, 0 to 1


class ReadPage(NamedTuple):
    """A picture as it can be read: turned by quarters so that its lines stand upright, from above."""

    pixels: Pixels
    lines: tuple[ReadLine, ...]


@cache
def _net(name: str) -> Any:
    engine = getattr(cv2.dnn, "ENGINE_NEW", None)
    if engine is None:
        raise ToolMissing(
            f"OpenCV {cv2.__version__} cannot run the networks that read words; 5 can. Run: {_NEWER}",
            f"OpenCV {cv2.__version__} 无法运行文字识别网络，需要 5 或更高版本。请运行：{_NEWER}",
        )
    return cv2.dnn.readNetFromONNX(str(file_of(_WHEEL, name)), engine)


def load() -> None:
    """Read the networks now. Raises ToolMissing, with what to run."""
    for name in FILES:
        _net(name)


def readable() -> bool:
    """Whether words can be read here."""
    try:
        load()
    except ToolMissing:  # an extra; rules that ask for words say how to install it
        return False
    return True


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A varint of protobuf and where the next thing begins."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _members(data: bytes) -> list[tuple[int, bytes]]:
    """The members of a protobuf message that have a length, each with the number of its field."""
    found, at = [], 0
    while at < len(data):
        tag, at = _number(data, at)
        if tag & 7 == 2:
            length, at = _number(data, at)
            found.append((tag >> 3, data[at : at + length]))
            at += length
        elif tag & 7 == 0:
            _, at = _number(data, at)
        else:
            at += {1: 8, 5: 4}[tag & 7]
    return found


@cache
def _alphabet() -> list[str]:
    """What the answers of the reading network stand for: nothing, its characters, a blank."""
    model = file_of(_WHEEL, _READER).read_bytes()
    told = [dict(_members(entry)) for field, entry in _members(model) if field == _METADATA]
    (characters,) = (one[_VALUE].decode("utf-8") for one in told if one[_KEY] == b"character")
    return ["", *characters.split("\n"), " "]


def _blob(pixels: Pixels) -> Any:
    """RGB pixels as both networks take them: blue first, from -1 to 1."""
    scaled = pixels[:, :, ::-1].astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def _boxes(pixels: Pixels) -> list[Numbers]:
    """Where lines of text are: four corners each, from the upper left one clockwise, in pixels."""
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % _STEP, 0, -width % _STEP, cv2.BORDER_REPLICATE)
    net = _net(_FINDER)
    net.setInput(_blob(np.asarray(padded, np.uint8)))
    heat = net.forward()[0, 0]
    mask = cv2.dilate((heat > _TEXT).astype(np.uint8), np.ones((2, 2), np.uint8))
    found = []
    for contour in cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0][:_CANDIDATES]:
        middle, (across, down), angle = cv2.minAreaRect(contour)
        if min(across, down) < _LEAST - 1 or _filled(heat, cv2.boxPoints((middle, (across, down), angle))) < _LINE:
            continue
        more = _GROWN * across * down / (across + down)
        found.append(_ordered(cv2.boxPoints((middle, (across + more, down + more), angle)).astype(float)))
    return found


def _filled(heat: Any, box: Any) -> float:
    """The mean of what the network says of the pixels in a box."""
    low = np.maximum(np.floor(box.min(axis=0)).astype(int), 0)
    part = heat[low[1] : int(box[:, 1].max()) + 1, low[0] : int(box[:, 0].max()) + 1]
    inside = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(inside, [(box - low).astype(np.int32)], 1)
    return float(cv2.mean(part, inside)[0]) if part.size else 0.0


def _ordered(corners: Numbers) -> Numbers:
    """Four corners from the upper left one clockwise."""
    left, right = np.split(corners[np.argsort(corners[:, 0])], 2)
    upper_left, lower_left = left[np.argsort(left[:, 1])]
    upper_right, lower_right = right[np.argsort(right[:, 1])]
    return np.array([upper_left, upper_right, lower_right, lower_left])


def _sides(box: Numbers) -> tuple[float, float]:
    """Width and height of a box."""
    return float(np.hypot(*(box[1] - box[0]))), float(np.hypot(*(box[3] - box[0])))


def _read(pixels: Pixels, box: Numbers, *, over: bool = False) -> tuple[str, float]:
    """One line, along the longer side of its box, and how sure of it the network is; with `over` upside down."""
    across, down = _sides(box)
    if down > across:
        box, across, down = np.roll(box, -1, axis=0), down, across
    box = np.roll(box, 2, axis=0) if over else box
    wide = min(_WIDEST, max(_TALL, round(across / max(down, 1.0) * _TALL)))
    target = np.array([[0, 0], [wide, 0], [wide, _TALL], [0, _TALL]], np.float32)
    turn = cv2.getPerspectiveTransform(box.astype(np.float32), target)
    strip = cv2.warpPerspective(pixels, turn, (wide, _TALL), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blob = np.zeros((1, 3, _TALL, wide + -wide % _WIDTHS), np.float32)
    blob[..., :wide] = _blob(np.asarray(strip, np.uint8))
    net = _net(_READER)
    net.setInput(blob)
    answers = net.forward()[0]
    best = answers.argmax(axis=1)
    told = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
    if not told.any():
        return "", 0.0
    return "".join(_alphabet()[n] for n in best[told]), float(answers.max(axis=1)[told].mean())


def _quarters(pixels: Pixels, boxes: list[Numbers]) -> int:
    """By how many quarters, against the clock, the picture has to be turned for its lines to be read."""
    longest = sorted(boxes, key=lambda box: -max(_sides(box)))[:_PROBED]
    lying = sum(down > across for across, down in map(_sides, longest)) * 2 > len(longest)
    upright, over = (sum(_read(pixels, box, over=way)[1] for box in longest) for way in (False, True))
    return (1 if lying else 0) + (2 if over > upright else 0)


def read(pixels: Pixels, most: int) -> ReadPage:
    """The lines of text in an RGB picture, the longest `most` of them. Raises ToolMissing."""
    boxes = _boxes(pixels)
    if boxes and (quarters := _quarters(pixels, boxes)):
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
        boxes = _boxes(pixels)
    kept = [box for box in sorted(boxes, key=lambda box: -max(_sides(box)))[:most] if min(_sides(box)) >= _LEAST]
    lines = []
    for box in kept:
        (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
        lines.append(ReadLine((float(left), float(top), float(right), float(bottom)), *_read(pixels, box)))
    return ReadPage(pixels, tuple(sorted(lines, key=lambda line: line.box[1])))
