"""The size an SVG states for itself. Nothing in it is rendered, fetched or run."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from pipeline.errors import CeilingExceeded, Unreadable
from pipeline.model.ceilings import MAX_XML
from pipeline.model.facts import Size
from pipeline.probe.text.xml_safe import BadXml, Position, local, read

_LENGTH: Final = re.compile(r"\s*\+?(\d*\.?\d+)(px|pt|pc|in|cm|mm)?\s*")
_PIXELS: Final = {"px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54}
_DEFAULT: Final = Size(300, 150)  # of an object without a size: CSS Images 3, 5.1 and 5.2


def _pixels(value: str | None) -> float | None:
    found = _LENGTH.fullmatch(value or "") if len(value or "") <= 40 else None
    return float(found[1]) * _PIXELS[found[2] or "px"] if found else None


def svg_size(name: str, file: BinaryIO) -> tuple[Size, bool]:
    """Width and height in CSS pixels, and whether the file states them (or a viewBox).

    Raises Unreadable when it is not safe, well-formed XML; CeilingExceeded when it is too long.
    """
    data = file.read(MAX_XML + 1)
    if len(data) > MAX_XML:
        raise CeilingExceeded(
            f"{name} is longer than {MAX_XML} bytes. Export the drawing as PNG.",
            f"{name} 超过 {MAX_XML} 字节。请将图形导出为 PNG。",
        )
    root: dict[str, str] = {}
    first = True

    def start(element: str, attributes: dict[str, str], _: Position) -> None:
        nonlocal first
        if first and local(element) == "svg":
            root.update(attributes)
        first = False

    try:
        read(data, start)
    except BadXml as error:
        raise Unreadable(
            f"{name} is not a safe SVG: {error}. Export the drawing as PNG.",
            f"{name} 不是安全的 SVG：{error.text.zh}。请将图形导出为 PNG。",
        ) from error
    width, height = _pixels(root.get("width")), _pixels(root.get("height"))
    box = [float(n) for n in re.findall(r"-?\d*\.?\d+", root.get("viewBox", "")[:200])[:4]]
    if len(box) == 4 and box[2] > 0 and box[3] > 0:
        # One missing side follows from the other by the box's aspect (CSS Images 3, 5.3.1).
        if width is None and height is None:
            width, height = box[2], box[3]
        elif width is None and height is not None:
            width = height * box[2] / box[3]
        elif height is None and width is not None:
            height = width * box[3] / box[2]
    if not width or not height:
        return _DEFAULT, False
    return Size(max(1, round(width)), max(1, round(height))), True
